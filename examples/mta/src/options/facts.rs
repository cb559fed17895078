//! What `mta explain` is asked about.
//!
//! * **In**: words such as `client=192.0.2.1`. **Out**: [`Facts`]. **Promises**: nothing unknown is ignored, and
//!   an address is read as MAIL and RCPT read it. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.2, 4.1.1.3.

use std::net::IpAddr;

use smtp_server::Service;
use smtp_server::proto::{ClientName, ForwardPath, ReversePath};

use super::values::Wrong;

/// A session that did not happen.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) service: Service,
    pub(crate) client: Option<IpAddr>,
    pub(crate) helo: Option<ClientName<'static>>,
    pub(crate) login: Option<String>,
    /// The SHA-256 fingerprint of the certificate that the client shows.
    pub(crate) certificate: Option<String>,
    pub(crate) from: ReversePath<'static>,
    pub(crate) to: ForwardPath<'static>,
}

impl Facts {
    /// Reads the words, the last of each name; `to=` must be among them.
    pub(crate) fn parse(words: &[String]) -> Result<Self, Wrong> {
        let mut service = Service::Smtp;
        let (mut client, mut helo, mut login, mut certificate) = (None, None, None, None);
        let (mut from, mut to) = (ReversePath::Null, None);
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "service" => service = service_named(value)?,
                "client" => client = Some(address(value)?),
                "helo" => helo = Some(client_name(value)?),
                "login" => login = Some(value.to_owned()),
                "certificate" => certificate = Some(fingerprint(value)?),
                "from" => from = reverse_path(value)?,
                "to" => to = Some(forward_path(value)?),
                _ => {
                    return Err(format!(
                        "'{word}' is none of service=, client=, helo=, login=, certificate=, from=, to="
                    ));
                }
            }
        }
        let to = to.ok_or("say to whom with to=ADDRESS")?;
        Ok(Self { service, client, helo, login, certificate, from, to })
    }
}

fn service_named(value: &str) -> Result<Service, Wrong> {
    let all = [Service::Smtp, Service::Submission, Service::Submissions, Service::Lmtp];
    all.into_iter()
        .find(|service| service.as_str() == value)
        .ok_or_else(|| format!("service: '{value}' is none of smtp, submission, submissions, lmtp"))
}

/// In lower case and without colons, as certificates have it.
fn fingerprint(value: &str) -> Result<String, Wrong> {
    let digits = value.replace(':', "").to_ascii_lowercase();
    let is_sha256 = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_sha256.then_some(digits).ok_or_else(|| {
        format!("certificate: '{value}' is no SHA-256 fingerprint, 64 hexadecimal digits")
    })
}

fn address(value: &str) -> Result<IpAddr, Wrong> {
    value.parse().map_err(|_| format!("client: '{value}' is not an IP address"))
}

fn client_name(value: &str) -> Result<ClientName<'static>, Wrong> {
    let name = ClientName::new(value).map_err(|_| format!("helo: '{value}' is no name"))?;
    Ok(name.into_owned())
}

fn reverse_path(value: &str) -> Result<ReversePath<'static>, Wrong> {
    let path = in_brackets(value);
    let path = ReversePath::parse(&path).map_err(|error| format!("from: '{value}': {error}"))?;
    Ok(path.into_owned())
}

fn forward_path(value: &str) -> Result<ForwardPath<'static>, Wrong> {
    let path = in_brackets(value);
    let path = ForwardPath::parse(&path).map_err(|error| format!("to: '{value}': {error}"))?;
    Ok(path.into_owned())
}

fn in_brackets(value: &str) -> String {
    if value.starts_with('<') { value.to_owned() } else { format!("<{value}>") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Facts, Wrong> {
        Facts::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn words_become_facts() {
        let words = ["client=::1", "helo=mx.test", "login=kim", "from=a@b.test", "to=kim@c.test"];
        let facts = parse(&words).unwrap();
        assert_eq!(facts.client, Some("::1".parse().unwrap()));
        assert_eq!(facts.login.as_deref(), Some("kim"));
        assert_eq!(
            (facts.from.to_string(), facts.to.to_string()),
            ("<a@b.test>".to_owned(), "<kim@c.test>".to_owned())
        );
        let least = parse(&["from=", "to=<@a.test:kim@c.test>"]).unwrap();
        assert_eq!((least.client, least.from), (None, ReversePath::Null));
    }

    #[test]
    fn wrong_words_say_what_is_right() {
        for (words, part) in [
            (&[][..], "to=ADDRESS"),
            (&["from=a@b.test"], "to=ADDRESS"),
            (&["client=mx.test", "to=a@b.test"], "not an IP address"),
            (&["to="], "to: ''"),
            (&["to=v@ext.test@b.test"], "to: 'v@ext.test@b.test'"),
            (&["from=a", "to=a@b.test"], "from: 'a'"),
            (&["service=pop3", "to=a@b.test"], "'pop3' is none of smtp"),
            (&["certificate=ab:cd", "to=a@b.test"], "64 hexadecimal digits"),
            (&["sender=a@b.test"], "none of service="),
            (&["kim@example.org"], "none of service="),
        ] {
            let message = parse(words).expect_err("wrong");
            assert!(message.contains(part), "{words:?}: {message}");
        }
    }
}
