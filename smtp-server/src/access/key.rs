//! The one form of a key, in tables and in look-ups.
//!
//! * **In**: a key as somebody wrote it. **Out**: lower case, its domain as A-labels. **Promises**: two keys are equal
//!   if and only if the essay of [`access`](super) says that they are the same. **Limits**: none.
//! * **Panics**: never. **Spec**: RFC 5890 2.3; UTS 46.

use std::borrow::Cow;

use smtp_proto::{Domain, Mailbox};

/// `Kim@Example.ORG`, `.example.org`, `kim@`, `192.0.2`, `[192.0.2.1]` in the form that is compared.
pub(super) fn fold(key: &str) -> Cow<'_, str> {
    if !key.is_ascii() {
        return Cow::Owned(fold_unicode(key));
    }
    if key.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Cow::Owned(key.to_ascii_lowercase());
    }
    Cow::Borrowed(key)
}

/// The domain as A-labels in lower case; what has none stays what it is.
pub(super) fn fold_domain(domain: &Domain<'_>) -> String {
    folded(domain).into_owned()
}

fn folded<'a>(domain: &'a Domain<'_>) -> Cow<'a, str> {
    domain.to_ascii().unwrap_or_else(|| Cow::Owned(domain.as_str().to_lowercase()))
}

/// `user@domain`, and where the `@` is: the user in lower case, whatever quotes it came in.
pub(super) fn fold_mailbox(mailbox: &Mailbox<'_>) -> (String, usize) {
    let user = mailbox.local_part.unquoted();
    let mut address = String::with_capacity(user.len() + 1 + mailbox.domain.as_str().len());
    if user.is_ascii() {
        address.push_str(&user);
        address.make_ascii_lowercase();
    } else {
        address.push_str(&user.to_lowercase());
    }
    let at = address.len();
    address.push('@');
    address.push_str(&folded(&mailbox.domain));
    (address, at)
}

fn fold_unicode(key: &str) -> String {
    let key = key.to_lowercase();
    let domain_at = key.rfind('@').map_or(0, |at| at + 1);
    let (before, domain) = key.split_at(domain_at);
    let name = domain.trim_start_matches('.');
    let dots = &domain[..domain.len() - name.len()];
    match Domain::parse(name) {
        Ok(name) => format!("{before}{dots}{}", fold_domain(&name)),
        Err(_) => key,
    }
}
