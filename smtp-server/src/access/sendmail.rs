//! The keys of Sendmail's access database.
//!
//! * **In**: a stage's facts. **Out**: groups of keys, each with its tag first and then without.
//! * **Promises**: keys are in the form of [`key`](super::key), tags included. An entry that says `SKIP` ends its
//!   group; the next group is still asked. The null reverse-path has no keys: it must be accepted.
//! * **Limits**: four look-ups per label, octet or group. **Panics**: never.
//! * **Spec**: Sendmail cf/README, "ANTI-SPAM CONFIGURATION CONTROL"; the rule sets `check_relay`, `check_mail` and
//!   `check_rcpt` that it describes.

use std::net::IpAddr;

use smtp_proto::{Domain, Mailbox};

use super::key::fold_domain;
use super::ladder::{Ladder, address};
use crate::hooks::Stage;
use crate::info::SessionInfo;

/// The tags that access control asks for.
pub(super) const TAGS: [&str; 3] = ["connect:", "from:", "to:"];

/// Tags of the same file that are about something else, and whose entries are no actions.
pub(super) const OTHER_TAGS: [&str; 14] = [
    "spam:",
    "greetpause:",
    "clientrate:",
    "clientconn:",
    "tls_srv:",
    "tls_clt:",
    "tls_rcpt:",
    "try_tls:",
    "srv_features:",
    "clt_features:",
    "authinfo:",
    "certissuer:",
    "certsubject:",
    "tls_srv_features:",
];

/// The keys of a stage: none where Sendmail asks nothing.
pub(super) fn keys(stage: &Stage<'_>, info: &SessionInfo) -> Vec<Vec<String>> {
    let [connect, from, to] = TAGS;
    let (tag, groups) = match stage {
        Stage::Client { .. } => (connect, client(info)),
        Stage::Sender { envelope, .. } => {
            (from, envelope.reverse_path.mailbox().map(mailbox).unwrap_or_default())
        }
        Stage::Recipient { to: path, .. } => {
            (to, path.mailbox().map_or_else(|| vec![vec!["postmaster@".to_owned()]], mailbox))
        }
        _ => return Vec::new(),
    };
    let tagged = |keys: Vec<String>| keys.into_iter().flat_map(|key| [format!("{tag}{key}"), key]);
    groups.into_iter().map(|keys| tagged(keys).collect()).collect()
}

/// The host name with its parents (for a host without one, its address in brackets); the address.
fn client(info: &SessionInfo) -> Vec<Vec<String>> {
    let address = info.peer.ip().map(plain_address);
    let name = match (&info.reverse_name, &address) {
        (Some(name), _) => domain(name),
        (None, Some(address)) => in_brackets(address),
        (None, None) => Vec::new(),
    };
    vec![name, address.unwrap_or_default()]
}

/// The address in full; the user anywhere; the domain and its parents.
fn mailbox(mailbox: &Mailbox<'_>) -> Vec<Vec<String>> {
    let user = mailbox.local_part.unquoted().to_lowercase();
    let mut users = vec![user.clone()];
    if let Some((bare, _)) = user.split_once('+').filter(|(bare, _)| !bare.is_empty()) {
        users.extend([format!("{bare}+*"), bare.to_owned()]);
    }
    let at = |domain: &str| users.iter().map(|user| format!("{user}@{domain}")).collect();
    vec![at(&fold_domain(&mailbox.domain)), at(""), domain(&mailbox.domain)]
}

/// The domain and its parents; an address literal's networks, in brackets.
pub(crate) fn domain(domain: &Domain<'_>) -> Vec<String> {
    match domain.ip() {
        Some(ip) => in_brackets(&plain_address(ip)),
        None => Ladder::default().domain(&fold_domain(domain)),
    }
}

/// `192.0.2.7` and its networks; `ipv6:2001:db8::7`, of which an empty group is no network of its own.
pub(crate) fn plain_address(ip: IpAddr) -> Vec<String> {
    let keys = address(ip);
    if ip.is_ipv4() {
        return keys;
    }
    // The first is the address itself, which may end in an empty group, too.
    let named = keys.into_iter().enumerate().filter(|(at, key)| *at == 0 || !key.ends_with(':'));
    named.map(|(_, key)| format!("ipv6:{key}")).collect()
}

fn in_brackets(addresses: &[String]) -> Vec<String> {
    addresses.iter().map(|address| format!("[{address}]")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_grouped_as_the_rule_sets_ask_for_them() {
        let kim = mailbox(&Mailbox::parse("Kim+a@mail.example.org").unwrap());
        let addresses =
            ["kim+a@mail.example.org", "kim+*@mail.example.org", "kim@mail.example.org"];
        assert_eq!(
            kim,
            [
                addresses.map(str::to_owned).to_vec(),
                ["kim+a@", "kim+*@", "kim@"].map(str::to_owned).to_vec(),
                ["mail.example.org", "example.org", "org"].map(str::to_owned).to_vec(),
            ]
        );
        assert_eq!(
            plain_address("2001:db8::7".parse().unwrap()),
            ["ipv6:2001:db8::7", "ipv6:2001:db8", "ipv6:2001"]
        );
        assert_eq!(
            plain_address("2001:db8::".parse().unwrap()),
            ["ipv6:2001:db8::", "ipv6:2001:db8", "ipv6:2001"]
        );
        assert_eq!(plain_address("::".parse().unwrap()), ["ipv6:::"]);
        let literal = Domain::parse("[192.0.2.7]").unwrap();
        assert_eq!(domain(&literal), ["[192.0.2.7]", "[192.0.2]", "[192.0]", "[192]"]);
    }
}
