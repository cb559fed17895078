//! From a fact to the keys under which a table may know it, as Postfix tries them.
//!
//! * **In**: a client, a name, an address. **Out**: keys, most specific first.
//! * **Promises**: keys are in the form of [`key`](super::key); the null reverse-path is `<>`.
//! * **Limits**: one key per label, octet or group. **Panics**: never. **Spec**: Postfix access(5), "EMAIL ADDRESS
//!   PATTERNS", "EMAIL ADDRESS EXTENSION" and "HOST NAME/ADDRESS PATTERNS".

use std::net::IpAddr;

use smtp_proto::{Domain, Mailbox};

use super::key::fold_domain;
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

impl Ladder {
    /// The keys of a stage.
    pub(super) fn keys(&self, stage: &Stage<'_>, info: &SessionInfo) -> Vec<String> {
        match stage {
            Stage::Client { .. } => self.client(info),
            Stage::Hello { hello, .. } => self.domain(&folded_name(hello.name.as_str())),
            Stage::Sender { envelope, .. } => match envelope.reverse_path.mailbox() {
                Some(mailbox) => self.mailbox(mailbox),
                None => vec!["<>".to_owned()],
            },
            Stage::Recipient { to, .. } => match to.mailbox() {
                Some(mailbox) => self.mailbox(mailbox),
                None => vec!["postmaster".to_owned(), "postmaster@".to_owned()],
            },
            Stage::Etrn { argument, .. } => self.domain(&folded_name(argument.as_str())),
            Stage::Data { .. } | Stage::EndOfData { .. } | Stage::Vrfy { .. } => Vec::new(),
        }
    }

    /// The host name and its parents, if it is known; the address and its networks.
    fn client(&self, info: &SessionInfo) -> Vec<String> {
        let name = info.reverse_name.as_ref().map(|name| self.domain(&fold_domain(name)));
        let mut keys = name.unwrap_or_default();
        keys.extend(info.peer.ip().map(address).unwrap_or_default());
        keys
    }

    /// The domain, then its parents.
    pub(super) fn domain(&self, domain: &str) -> Vec<String> {
        let mut keys = vec![domain.to_owned()];
        let mut rest = domain;
        while let Some((_, parent)) = rest.split_once('.').filter(|_| !domain.starts_with('[')) {
            let dot = if self.has_dotted_parents { "." } else { "" };
            keys.push(format!("{dot}{parent}"));
            rest = parent;
        }
        keys
    }

    /// `user+ext@domain`, `user@domain`, the domain and its parents, `user+ext@`, `user@`.
    fn mailbox(&self, mailbox: &Mailbox<'_>) -> Vec<String> {
        let users = self.users(mailbox);
        let domain = fold_domain(&mailbox.domain);
        let mut keys: Vec<_> = users.iter().map(|user| format!("{user}@{domain}")).collect();
        keys.extend(self.domain(&domain));
        keys.extend(users.iter().map(|user| format!("{user}@")));
        keys
    }

    /// The local-part, and without its extension if it has one.
    fn users(&self, mailbox: &Mailbox<'_>) -> Vec<String> {
        let user = mailbox.local_part.unquoted().to_lowercase();
        let end = user.find(|c| self.delimiters.contains(c)).filter(|end| 0 < *end);
        let bare = end.map(|end| user[..end].to_owned());
        [Some(user), bare].into_iter().flatten().collect()
    }
}

/// A name of HELO, which need not be a domain.
pub(super) fn folded_name(name: &str) -> String {
    Domain::parse(name).map_or_else(|_| name.to_lowercase(), |name| fold_domain(&name))
}

/// The address, then its networks by octet (IPv4) or group (IPv6).
pub(super) fn address(ip: IpAddr) -> Vec<String> {
    let text = ip.to_string();
    let separator = if ip.is_ipv4() { '.' } else { ':' };
    let networks = text.rmatch_indices(separator).map(|(end, _)| text[..end].to_owned());
    let networks: Vec<_> = networks.filter(|network| !network.is_empty()).collect();
    [vec![text], networks].concat()
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
        let mailbox = Mailbox::parse("Kim+a@sub.example.org").unwrap();
        let expected = ["kim+a@sub.example.org", "sub.example.org", "example.org", "org", "kim+a@"];
        assert_eq!(ladder.mailbox(&mailbox), expected);
        let ladder = Ladder { delimiters: "-+".to_owned(), has_dotted_parents: true };
        let addresses = ["kim+a@sub.example.org", "kim@sub.example.org"];
        let expected = ["sub.example.org", ".example.org", ".org", "kim+a@", "kim@"];
        assert_eq!(ladder.mailbox(&mailbox), [&addresses[..], &expected[..]].concat());
    }
}
