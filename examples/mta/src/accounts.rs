//! From a recipient to a directory on this host.
//!
//! * **In**: a local recipient. **Out**: its account's Maildir, or that there is no such user.
//! * **Promises**: nothing that a client sent becomes a path component but a checked domain in lower-case
//!   A-labels and a name of letters, digits, `.`, `_` and `-` that begins with a letter or digit; every other
//!   local-part is written in hex behind a `=`, where no ordinary account can be.
//! * **Limits**: names of 129 octets. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.1 (postmaster), 2.4 (the host may fold case), 4.1.3 (address literals); Postfix
//!   `recipient_delimiter`.

use std::fmt::Write;
use std::path::PathBuf;

use smtp_server::Recipient;
use smtp_server::delivery::Mailboxes;
use smtp_server::proto::Domain;

use crate::recipients::KnownRecipients;

const POSTMASTER: &str = "postmaster";

/// The accounts of all local domains.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    /// Holds a directory per domain, which holds a Maildir per account.
    spool: PathBuf,
    /// In A-labels: whose postmaster answers to `<postmaster>`, and whose users to our address literals.
    home_domain: String,
    known: KnownRecipients,
}

impl Accounts {
    pub(crate) fn new(spool: PathBuf, home_domain: String, known: KnownRecipients) -> Self {
        Self { spool, home_domain, known }
    }

    fn domain_of(&self, domain: &Domain<'_>) -> Option<String> {
        match domain {
            // The relay policy called it local, so it is our own address.
            Domain::Literal(_) => Some(self.home_domain.clone()),
            name => name.to_ascii().map(|name| name.into_owned()),
        }
    }
}

impl Mailboxes for Accounts {
    fn directory(&self, recipient: &Recipient) -> Option<PathBuf> {
        let (local_part, domain) = match recipient.path.mailbox() {
            None => (POSTMASTER.to_owned(), self.home_domain.clone()),
            Some(mailbox) => {
                (fold(&mailbox.local_part.unquoted()), self.domain_of(&mailbox.domain)?)
            }
        };
        let account = without_extension(&local_part);
        let exists = account == POSTMASTER || self.known.contains(&local_part, &domain);
        exists.then(|| self.spool.join(domain).join(directory_name(account)))
    }
}

/// The form in which local-parts are compared: letters of ASCII in lower case.
pub(crate) fn fold(local_part: &str) -> String {
    local_part.to_ascii_lowercase()
}

/// What stands before the first `+`, unless that is nothing.
pub(crate) fn without_extension(local_part: &str) -> &str {
    match local_part.split_once('+') {
        Some((account, _)) if !account.is_empty() => account,
        _ => local_part,
    }
}

/// An account's name as one path component.
fn directory_name(account: &str) -> String {
    if is_ordinary(account) {
        return account.to_owned();
    }
    let mut name = String::from("=");
    for octet in account.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(name, "{octet:02x}");
    }
    name
}

/// `[a-z0-9][a-z0-9._-]{0,63}`
fn is_ordinary(account: &str) -> bool {
    const BYTES_MAX: usize = 64;
    let is_letter = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    account.len() <= BYTES_MAX
        && account.bytes().next().is_some_and(is_letter)
        && account.bytes().all(|octet| is_letter(octet) || b"._-".contains(&octet))
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use smtp_server::RecipientClass;
    use smtp_server::proto::{ForwardPath, RcptParams, limits};

    use super::*;

    fn recipient(path: &str) -> Recipient {
        let path = ForwardPath::parse(path).expect(path).into_owned();
        Recipient { path, params: RcptParams::default(), class: RecipientClass::Local }
    }

    fn directory(known: &KnownRecipients, path: &str) -> Option<String> {
        let accounts = Accounts::new("/m".into(), "example.org".to_owned(), known.clone());
        accounts.directory(&recipient(path)).map(|path| path.to_str().expect("UTF-8").to_owned())
    }

    #[test]
    fn each_local_part_has_its_directory() {
        let longest = "a".repeat(64);
        let exotic_longest = "=".repeat(64);
        for (path, expected) in [
            ("<kim@example.org>", "/m/example.org/kim"),
            ("<Kim.Lee-7_x@Example.ORG>", "/m/example.org/kim.lee-7_x"),
            ("<kim+news@example.org>", "/m/example.org/kim"),
            ("<kim+a+b@example.org>", "/m/example.org/kim"),
            ("<\"kim\"@example.org>", "/m/example.org/kim"),
            ("<\"k\\im+x\"@example.org>", "/m/example.org/kim"),
            ("<7@example.org>", "/m/example.org/7"),
            (&format!("<{longest}@example.org>"), &format!("/m/example.org/{longest}")),
            ("<kim@bücher.example>", "/m/xn--bcher-kva.example/kim"),
            ("<kim@XN--BCHER-KVA.example>", "/m/xn--bcher-kva.example/kim"),
            ("<kim@[192.0.2.1]>", "/m/example.org/kim"),
            ("<kim@[IPv6:2001:db8::1]>", "/m/example.org/kim"),
            ("<postmaster>", "/m/example.org/postmaster"),
            ("<PostMaster>", "/m/example.org/postmaster"),
            ("<Postmaster+x@example.net>", "/m/example.net/postmaster"),
            ("<+x@example.org>", "/m/example.org/=2b78"),
            ("<-x@example.org>", "/m/example.org/=2d78"),
            ("<_x@example.org>", "/m/example.org/=5f78"),
            ("<=6b@example.org>", "/m/example.org/=3d3662"),
            ("<\"a b\"@example.org>", "/m/example.org/=612062"),
            ("<\"A B\"@example.org>", "/m/example.org/=612062"),
            ("<\"../x\"@example.org>", "/m/example.org/=2e2e2f78"),
            ("<\"..\"@example.org>", "/m/example.org/=2e2e"),
            ("<\".\"@example.org>", "/m/example.org/=2e"),
            ("<a/b@example.org>", "/m/example.org/=612f62"),
            ("<дим@example.org>", "/m/example.org/=d0b4d0b8d0bc"),
            (
                &format!("<{exotic_longest}@example.org>"),
                &format!("/m/example.org/={}", "3d".repeat(64)),
            ),
        ] {
            assert_eq!(
                directory(&KnownRecipients::Everyone, path).as_deref(),
                Some(expected),
                "{path}"
            );
        }
    }

    // rows: 5321-4.5.1-b
    #[test]
    fn only_the_postmaster_exists_whatever_the_table_says() {
        let nobody = KnownRecipients::Listed([].into());
        for (path, expected) in [
            ("<kim@example.org>", None),
            ("<postmaster>", Some("/m/example.org/postmaster")),
            ("<POSTMASTER@example.net>", Some("/m/example.net/postmaster")),
            ("<postmaster@[192.0.2.1]>", Some("/m/example.org/postmaster")),
            ("<postmasters@example.org>", None),
        ] {
            assert_eq!(directory(&nobody, path).as_deref(), expected, "{path}");
        }
        let kim =
            KnownRecipients::Listed([("kim".to_owned(), Some("example.org".to_owned()))].into());
        assert!(directory(&kim, "<KIM+x@[192.0.2.1]>").is_some(), "a literal is the first domain");
        assert!(directory(&kim, "<kim@example.net>").is_none());
    }

    /// Whatever the codec lets through stays two ordinary components below the spool.
    #[test]
    fn no_recipient_leaves_the_spool() {
        let hostile = [
            "..",
            ".",
            "/",
            "//",
            "/etc/passwd",
            "../../etc",
            "a/../..",
            "\\",
            "a\\b",
            "~",
            "~root",
            "con",
            "-rf",
            "*",
            "$(x)",
            "`x`",
            "new",
            "tmp",
            "=",
            "",
            " ",
            "a ",
            ".hidden",
            "a:2,S",
            "%2e%2e",
            "a@b",
        ];
        let mut tried = 0;
        for local_part in hostile {
            let quoted = local_part.replace('\\', "\\\\");
            for wire in
                [format!("<\"{quoted}\"@example.org>"), format!("<{local_part}@example.org>")]
            {
                let Ok(path) = ForwardPath::parse(&wire) else { continue };
                tried += 1;
                let path = Recipient { path: path.into_owned(), ..recipient("<postmaster>") };
                let accounts =
                    Accounts::new("/m".into(), "example.org".to_owned(), KnownRecipients::Everyone);
                let directory = accounts.directory(&path).expect("everyone exists");
                let below: Vec<_> =
                    directory.strip_prefix("/m").expect("below").components().collect();
                assert!(
                    matches!(below[..], [Component::Normal(_), Component::Normal(_)]),
                    "{directory:?}"
                );
                let name = Path::new(below[1].as_os_str());
                assert!(name.as_os_str().len() <= 1 + 2 * limits::LOCAL_PART_BYTES_MAX, "{name:?}");
            }
        }
        assert!(hostile.len() <= tried, "{tried}");
    }

    #[test]
    fn a_domain_is_never_a_path() {
        for domain in
            ["..", ".", "a/b", "a..b", "", "/", "example.org/../x", "-", "a\\b", "[..]", "[../x]"]
        {
            assert!(ForwardPath::parse(&format!("<kim@{domain}>")).is_err(), "{domain}");
        }
    }
}
