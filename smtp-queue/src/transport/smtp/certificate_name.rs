//! The names that a next hop's certificate may have.
//!
//! * **In**: a TLS level, a destination, a host. **Out**: names, without ports and brackets.
//! * **Promises**: from [`TlsLevel::Secure`] on no name comes from the DNS. **Limits**: two names.
//! * **Panics**: never. **Spec**: RFC 7817 3; Postfix's `smtp_tls_secure_cert_match`.

use super::tls_policy::TlsLevel;

/// A name that a certificate may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum CertificateName {
    /// This one.
    Is(String),
    /// Any below this one.
    IsBelow(String),
}

/// The names of which the certificate has to have one: of the host, or of the destination.
pub(super) fn certificate_names(
    level: TlsLevel,
    destination: &str,
    host: &str,
) -> Vec<CertificateName> {
    if level < TlsLevel::Secure {
        return vec![CertificateName::Is(bare(host).to_owned())];
    }
    let domain = bare(destination).to_owned();
    vec![CertificateName::Is(domain.clone()), CertificateName::IsBelow(domain)]
}

/// Without port, brackets and the tag of IPv6.
pub(super) fn bare(destination: &str) -> &str {
    let Some(inside) = destination.strip_prefix('[') else {
        return destination.split(':').next().unwrap_or(destination);
    };
    let inside = inside.split(']').next().unwrap_or(inside);
    match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => inside.get(5..).unwrap_or(inside),
        _ => inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_host_or_of_the_destination() {
        let is = |name: &str| CertificateName::Is(name.to_owned());
        let below = |name: &str| CertificateName::IsBelow(name.to_owned());
        for (level, destination, host, expected) in [
            (TlsLevel::May, "d.test", "mx.test", vec![is("mx.test")]),
            (TlsLevel::Verify, "d.test", "mx.test", vec![is("mx.test")]),
            (TlsLevel::Verify, "[::1]", "[IPv6:::1]", vec![is("::1")]),
            (TlsLevel::Secure, "d.test", "mx.test", vec![is("d.test"), below("d.test")]),
            (TlsLevel::Secure, "[mx.test]:587", "mx.test", vec![is("mx.test"), below("mx.test")]),
        ] {
            assert_eq!(certificate_names(level, destination, host), expected);
        }
    }
}
