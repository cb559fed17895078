//! From a fact to the keys under which a table may know it.
//!
//! * **In**: a client, a name, an address. **Out**: keys, most specific first.
//! * **Promises**: keys are lower case; the null reverse-path is `<>`. **Limits**: one key per label, octet or
//!   group. **Panics**: never. **Spec**: Postfix access(5), "EMAIL ADDRESS PATTERNS" and "HOST NAME/ADDRESS
//!   PATTERNS".

use std::net::IpAddr;

use smtp_proto::{ForwardPath, Mailbox, ReversePath};

/// The address, then its networks by octet (IPv4) or group (IPv6).
pub(super) fn client_keys(ip: IpAddr) -> Vec<String> {
    let text = ip.to_string();
    let separator = if ip.is_ipv4() { '.' } else { ':' };
    let mut keys = vec![text.clone()];
    let mut rest = text.as_str();
    while let Some((network, _)) = rest.rsplit_once(separator) {
        // "2001:db8::1" has an empty group, which stands for no key of its own.
        rest = network;
        let network = network.trim_end_matches(':');
        if !network.is_empty() && keys.last().is_some_and(|last| last != network) {
            keys.push(network.to_owned());
        }
    }
    keys
}

/// The domain, then its parents.
pub(super) fn domain_keys(domain: &str) -> Vec<String> {
    let domain = domain.to_lowercase();
    if domain.starts_with('[') {
        return vec![domain];
    }
    let mut keys = vec![domain.clone()];
    let mut rest = domain.as_str();
    while let Some((_, parent)) = rest.split_once('.') {
        keys.push(parent.to_owned());
        rest = parent;
    }
    keys
}

/// `user@domain`, the domain and its parents, `user@`.
pub(super) fn mailbox_keys(mailbox: &Mailbox<'_>) -> Vec<String> {
    let local_part = mailbox.local_part.unquoted().to_lowercase();
    let domain = mailbox.domain.to_ascii().unwrap_or_else(|| mailbox.domain.as_str().into());
    let mut keys = vec![format!("{local_part}@{}", domain.to_lowercase())];
    keys.extend(domain_keys(&domain));
    keys.push(format!("{local_part}@"));
    keys
}

pub(super) fn forward_path_keys(path: &ForwardPath<'_>) -> Vec<String> {
    let postmaster = || vec!["postmaster".to_owned(), "postmaster@".to_owned()];
    path.mailbox().map_or_else(postmaster, mailbox_keys)
}

pub(super) fn reverse_path_keys(path: &ReversePath<'_>) -> Vec<String> {
    path.mailbox().map_or_else(|| vec!["<>".to_owned()], mailbox_keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_from_the_most_specific_to_the_least() {
        let client = |text: &str| client_keys(text.parse().unwrap());
        assert_eq!(client("192.0.2.7"), ["192.0.2.7", "192.0.2", "192.0", "192"]);
        assert_eq!(client("2001:db8::7"), ["2001:db8::7", "2001:db8", "2001"]);
        assert_eq!(domain_keys("Mail.Example.org"), ["mail.example.org", "example.org", "org"]);
        assert_eq!(domain_keys("[192.0.2.7]"), ["[192.0.2.7]"]);
        let mailbox = Mailbox::parse("Kim@sub.example.org").unwrap();
        let expected = ["kim@sub.example.org", "sub.example.org", "example.org", "org", "kim@"];
        assert_eq!(mailbox_keys(&mailbox), expected);
        assert_eq!(reverse_path_keys(&ReversePath::Null), ["<>"]);
    }
}
