//! How to send a first message.
//!
//! * **In**: the open listeners, a local domain. **Out**: one line with a command to paste into a shell.
//! * **Promises**: the command names a recipient that exists. **Limits**: none. **Panics**: never.
//! * **Spec**: curl(1), swaks(1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use smtp_server::Service;

use crate::options::values::Address;

/// The line, for the first of `listeners`; `domain` is `None` if there is no local domain.
pub(crate) fn line(listeners: &[(Service, Address)], domain: Option<&str>) -> String {
    let Some((service, address)) = listeners.first() else { return String::new() };
    // Postmaster exists in every local domain, and without one.
    let recipient = domain.map_or("postmaster".to_owned(), |domain| format!("postmaster@{domain}"));
    match address {
        Address::Inet(address) => over_tcp(*service, reachable(*address), &recipient),
        Address::Unix(path) => over_unix(*service, path, &recipient),
    }
}

fn over_tcp(service: Service, address: SocketAddr, recipient: &str) -> String {
    let (scheme, login) = match service {
        Service::Lmtp => {
            let (ip, port) = (address.ip(), address.port());
            return format!(
                "hint: swaks --protocol LMTP --server {ip} --port {port} --to {recipient}"
            );
        }
        Service::Submission => ("smtp", " --ssl-reqd --insecure --user USER:PASSWORD"),
        Service::Submissions => ("smtps", " --insecure --user USER:PASSWORD"),
        _ => ("smtp", ""),
    };
    format!(
        "hint: printf 'Subject: first message\\r\\n\\r\\nIt works.\\r\\n' | curl --silent --show-error{login} \
         --mail-from me@localhost --mail-rcpt {recipient} --upload-file - {scheme}://{address}"
    )
}

fn over_unix(service: Service, path: &Path, recipient: &str) -> String {
    let (protocol, login) = match service {
        Service::Lmtp => ("LMTP", ""),
        Service::Submission => ("ESMTP", " --tls --auth-user USER --auth-password PASSWORD"),
        Service::Submissions => {
            ("ESMTP", " --tls-on-connect --auth-user USER --auth-password PASSWORD")
        }
        _ => ("ESMTP", ""),
    };
    let path = path.display();
    format!("hint: swaks --protocol {protocol} --socket '{path}'{login} --to {recipient}")
}

/// Where a client on this host finds a listener on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address_of(value: &str) -> Address {
        crate::options::values::address(value).unwrap().unwrap()
    }

    #[test]
    fn the_first_listener_is_used() {
        for (service, address, domain, parts) in [
            (
                Service::Smtp,
                "127.0.0.1:2525",
                Some("localhost"),
                ["postmaster@localhost ", " smtp://127.0.0.1:2525"],
            ),
            (
                Service::Smtp,
                "0.0.0.0:25",
                Some("a.example"),
                ["postmaster@a.example ", " smtp://127.0.0.1:25"],
            ),
            (Service::Smtp, "[::]:25", None, ["--mail-rcpt postmaster ", " smtp://[::1]:25"]),
            (Service::Submission, "127.0.0.1:1", None, ["--ssl-reqd", " smtp://127.0.0.1:1"]),
            (Service::Submissions, "127.0.0.1:1", None, ["--user", " smtps://127.0.0.1:1"]),
            (
                Service::Lmtp,
                "[::1]:24",
                Some("a.example"),
                ["swaks --protocol LMTP --server ::1 --port 24", "postmaster@a.example"],
            ),
            (
                Service::Lmtp,
                "unix:/run/lmtp",
                Some("a.example"),
                ["swaks --protocol LMTP --socket '/run/lmtp' ", "postmaster@a.example"],
            ),
            (
                Service::Smtp,
                "unix:a",
                None,
                ["swaks --protocol ESMTP --socket 'a' ", " postmaster"],
            ),
        ] {
            let line = line(
                &[(service, address_of(address)), (Service::Lmtp, address_of("127.0.0.1:9"))],
                domain,
            );
            assert!(line.starts_with("hint: ") && !line.contains('\n'), "{line}");
            assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        }
    }
}
