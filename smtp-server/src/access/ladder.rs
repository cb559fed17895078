//! From a fact to the keys under which a table may know it, as Postfix tries them.
//!
//! * **In**: a client, a name, an address. **Out**: keys, most specific first.
//! * **Promises**: keys are in the form of [`key`](super::key); the null reverse-path is `<>`.
//! * **Limits**: one key per label, octet or group. **Panics**: never. **Spec**: Postfix access(5), "EMAIL ADDRESS
//!   PATTERNS", "EMAIL ADDRESS EXTENSION" and "HOST NAME/ADDRESS PATTERNS".

use std::net::IpAddr;
use std::ops::Range;

use smtp_proto::{Domain, Mailbox};

use super::key::{fold_domain, fold_mailbox};
use crate::hooks::Stage;
use crate::info::SessionInfo;

/// What of the ladder is a matter of configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    /// The characters that end a user's name before an extension.
    pub(crate) delimiters: String,
    /// Parents are `.example.org`, not `example.org`.
    pub(super) has_dotted_parents: bool,
}

/// Keys in their order. Each is a part of a text, since a table is asked for several at each stage of each message.
#[derive(Debug, Default)]
pub(super) struct Keys {
    texts: Vec<String>,
    parts: Vec<(usize, Range<usize>)>,
}

impl Keys {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|(text, part)| self.texts.get(*text)?.get(part.clone()))
    }

    /// Adds a text that parts will be named of.
    fn text(&mut self, text: String) -> usize {
        self.texts.push(text);
        self.texts.len() - 1
    }

    /// Adds a text that is a key.
    fn whole(&mut self, text: String) -> usize {
        let end = text.len();
        let text = self.text(text);
        self.parts.push((text, 0..end));
        text
    }
}

impl From<Vec<String>> for Keys {
    fn from(texts: Vec<String>) -> Self {
        let parts = texts.iter().enumerate().map(|(text, key)| (text, 0..key.len())).collect();
        Self { texts, parts }
    }
}

impl Ladder {
    /// The keys of a stage.
    pub(super) fn keys(&self, stage: &Stage<'_>, info: &SessionInfo) -> Keys {
        let mut keys = Keys::default();
        match stage {
            Stage::Client { .. } => self.add_client(info, &mut keys),
            Stage::Hello { hello, .. } => {
                self.add_domain(folded_name(hello.name.as_str()), &mut keys);
            }
            Stage::Sender { envelope, .. } => match envelope.reverse_path.mailbox() {
                Some(mailbox) => self.add_mailbox(mailbox, &mut keys),
                None => {
                    keys.whole("<>".to_owned());
                }
            },
            Stage::Recipient { to, .. } => match to.mailbox() {
                Some(mailbox) => self.add_mailbox(mailbox, &mut keys),
                None => {
                    keys.whole("postmaster".to_owned());
                    keys.whole("postmaster@".to_owned());
                }
            },
            Stage::Etrn { argument, .. } => {
                self.add_domain(folded_name(argument.as_str()), &mut keys);
            }
            Stage::Tls { .. }
            | Stage::Data { .. }
            | Stage::EndOfData { .. }
            | Stage::Vrfy { .. } => {}
        }
        keys
    }

    /// The host name and its parents, if it is known; the address and its networks.
    fn add_client(&self, info: &SessionInfo, keys: &mut Keys) {
        if let Some(name) = &info.reverse_name {
            self.add_domain(fold_domain(name), keys);
        }
        if let Some(ip) = info.peer.ip() {
            let (address, ends) = networks(ip);
            let address = keys.text(address);
            keys.parts.extend(ends.into_iter().map(|end| (address, 0..end)));
        }
    }

    fn add_domain(&self, domain: String, keys: &mut Keys) {
        let parents = self.parents(&domain, 0);
        let domain = keys.text(domain);
        keys.parts.extend(parents.into_iter().map(|part| (domain, part)));
    }

    /// The domain, then its parents.
    pub(super) fn domain(&self, domain: &str) -> Vec<String> {
        self.parents(domain, 0).into_iter().map(|part| domain[part].to_owned()).collect()
    }

    /// The same as parts of a text that ends in the domain.
    fn parents(&self, text: &str, domain_at: usize) -> Vec<Range<usize>> {
        let domain = &text[domain_at..];
        let dots = domain.match_indices('.').filter(|_| !domain.starts_with('['));
        let behind = usize::from(!self.has_dotted_parents);
        let parents = dots.map(|(dot, _)| domain_at + dot + behind..text.len());
        std::iter::once(domain_at..text.len()).chain(parents).collect()
    }

    /// `user+ext@domain`, `user@domain`, the domain and its parents, `user+ext@`, `user@`.
    fn add_mailbox(&self, mailbox: &Mailbox<'_>, keys: &mut Keys) {
        let (address, user_end) = fold_mailbox(mailbox);
        let bare_end = address[..user_end].find(|c| self.delimiters.contains(c));
        let bare_end = bare_end.filter(|end| 0 < *end);
        let parents = self.parents(&address, user_end + 1);
        let bare = bare_end.map(|end| [&address[..end], &address[user_end..]].concat());
        let user = keys.whole(address);
        let bare = bare.map(|bare| keys.whole(bare)).zip(bare_end);
        keys.parts.extend(parents.into_iter().map(|part| (user, part)));
        keys.parts.push((user, 0..user_end + 1));
        keys.parts.extend(bare.map(|(bare, end)| (bare, 0..end + 1)));
    }
}

/// A name of HELO, which need not be a domain.
pub(super) fn folded_name(name: &str) -> String {
    Domain::parse(name).map_or_else(|_| name.to_lowercase(), |name| fold_domain(&name))
}

/// The address, then its networks by octet (IPv4) or group (IPv6).
pub(super) fn address(ip: IpAddr) -> Vec<String> {
    let (text, ends) = networks(ip);
    ends.into_iter().map(|end| text[..end].to_owned()).collect()
}

/// The same as one text and where each of them ends in it.
fn networks(ip: IpAddr) -> (String, Vec<usize>) {
    let text = ip.to_string();
    let separator = if ip.is_ipv4() { '.' } else { ':' };
    let networks = text.rmatch_indices(separator).map(|(end, _)| end).filter(|end| 0 < *end);
    let ends = std::iter::once(text.len()).chain(networks).collect();
    (text, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_from_the_most_specific_to_the_least() {
        let client = |text: &str| address(text.parse().unwrap());
        assert_eq!(client("192.0.2.7"), ["192.0.2.7", "192.0.2", "192.0", "192"]);
        assert_eq!(client("2001:db8::7"), ["2001:db8::7", "2001:db8:", "2001:db8", "2001"]);
        assert_eq!(client("::1"), ["::1", ":"]);
        let ladder = Ladder::default();
        let names = ["mail.example.org", "example.org", "org"];
        assert_eq!(ladder.domain(&folded_name("Mail.Example.org")), names);
        assert_eq!(ladder.domain("[192.0.2.7]"), ["[192.0.2.7]"]);
        let keys = |ladder: &Ladder, mailbox: &Mailbox<'_>| {
            let mut keys = Keys::default();
            ladder.add_mailbox(mailbox, &mut keys);
            keys.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let mailbox = Mailbox::parse("Kim+a@sub.example.org").unwrap();
        let expected = ["kim+a@sub.example.org", "sub.example.org", "example.org", "org", "kim+a@"];
        assert_eq!(keys(&ladder, &mailbox), expected);
        let ladder = Ladder { delimiters: "-+".to_owned(), has_dotted_parents: true };
        let addresses = ["kim+a@sub.example.org", "kim@sub.example.org"];
        let expected = ["sub.example.org", ".example.org", ".org", "kim+a@", "kim@"];
        assert_eq!(keys(&ladder, &mailbox), [&addresses[..], &expected[..]].concat());
    }
}
