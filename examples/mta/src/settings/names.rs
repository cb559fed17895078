//! Our own names: host, domain, local domains.
//!
//! * **In**: the system's node name, `mydestination`. **Out**: names in lower-case A-labels.
//! * **Promises**: the host name is always a valid one; an undefined `$name` is an error, not nothing.
//! * **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `myhostname`, `mydomain`, `mydestination` and its `$name` forms.

use smtp_server::proto::Domain;

use crate::options::values::{self, Wrong};

/// What Postfix takes for the domain of a host that has none.
const NO_DOMAIN: &str = "localdomain";

/// The system's name, if it is fully qualified; else in a domain that cannot be anybody's.
pub(crate) fn system_host_name() -> String {
    host_name_of(&rustix::system::uname().nodename().to_string_lossy())
}

/// The domains in `mydestination`, with `$myhostname` and `$mydomain` replaced.
pub(crate) fn local_domains(mydestination: &str, host_name: &str) -> Result<Vec<String>, Wrong> {
    let names = expand(mydestination, host_name)?;
    list(&names).map(local_domain).collect()
}

/// The entries of a list: separated by commas or white space, as everywhere in Postfix.
pub(crate) fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty())
}

fn host_name_of(node_name: &str) -> String {
    let qualified = if node_name.contains('.') {
        node_name.to_owned()
    } else {
        format!("{node_name}.{NO_DOMAIN}")
    };
    values::host_name(&qualified).unwrap_or_else(|_| format!("localhost.{NO_DOMAIN}"))
}

fn local_domain(name: &str) -> Result<String, Wrong> {
    let domain = match Domain::parse(name) {
        Ok(Domain::Name(domain)) => domain.to_ascii().map(|domain| domain.into_owned()),
        Ok(literal) => Some(literal.as_str().to_owned()),
        Err(_) => None,
    };
    domain.ok_or_else(|| {
        format!("'{name}' is not a mail domain (files and tables are not read here)")
    })
}

/// Replaces `$name`, `${name}` and `$(name)`; `$$` is a dollar sign.
fn expand(template: &str, host_name: &str) -> Result<String, Wrong> {
    let mut expanded = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, after) = variable(after).ok_or("a $ without a name behind it")?;
        expanded.push_str(match name {
            "$" => "$",
            "myhostname" => host_name,
            "mydomain" => host_name.split_once('.').map_or(NO_DOMAIN, |(_, domain)| domain),
            _ => return Err(format!("${name} is not known: there are $myhostname and $mydomain")),
        });
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The name behind a dollar sign, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('{') {
        return rest.split_once('}');
    }
    if let Some(rest) = text.strip_prefix('(') {
        return rest.split_once(')');
    }
    if text.starts_with('$') {
        return Some(text.split_at(1));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    (0 < end).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_become_host_names() {
        for (node_name, expected) in [
            ("mx.example.org", "mx.example.org"),
            ("MX.Example.ORG", "mx.example.org"),
            ("vm", "vm.localdomain"),
            ("", "localhost.localdomain"),
            ("bad_name", "localhost.localdomain"),
            ("-x-", "localhost.localdomain"),
            ("a..b", "localhost.localdomain"),
        ] {
            assert_eq!(host_name_of(node_name), expected, "{node_name}");
        }
        assert!(values::host_name(&system_host_name()).is_ok());
    }

    #[test]
    fn local_domains_are_expanded() {
        let default = "$myhostname, localhost.$mydomain, localhost";
        for (mydestination, host_name, expected) in [
            (default, "mx.example.org", "mx.example.org localhost.example.org localhost"),
            (default, "mx", "mx localhost.localdomain localhost"),
            ("${mydomain}\t$(myhostname)", "mx.example.org", "example.org mx.example.org"),
            ("Example.NET,,bücher.example", "mx", "example.net xn--bcher-kva.example"),
            ("[192.0.2.1] [IPv6:2001:db8::1]", "mx", "[192.0.2.1] [IPv6:2001:db8::1]"),
            ("", "mx", ""),
        ] {
            let domains = local_domains(mydestination, host_name).expect(mydestination);
            assert_eq!(domains.join(" "), expected, "{mydestination}");
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for mydestination in [
            "$relay_domains",
            "$",
            "${myhostname",
            "a$$b",
            "hash:/etc/domains",
            "/etc/domains",
            "..",
            "a..b",
            "-a",
            "a/b",
        ] {
            assert!(local_domains(mydestination, "mx.example.org").is_err(), "{mydestination}");
        }
    }
}
