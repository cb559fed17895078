//! The values that `-o` parameters and listener options take.
//!
//! * **In**: text from the command line. **Out**: a typed value, or what would have been right.
//! * **Promises**: a value that would open a hole is refused with the reason. **Limits**: none.
//! * **Panics**: never. **Spec**: Postfix postconf(5) for the forms; RFC 5321 2.3.5 for host names.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use smtp_server::BareNewline;
use smtp_server::proto::{Domain, EnhancedCode};

use crate::delivery::LocalTransport;
use crate::recipients::RecipientMaps;

/// What is wrong with a value, to be read after the parameter's name and an equals sign.
pub(crate) type Wrong = String;

/// Where a listener binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Inet(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Where a listener binds; `None` for `off`.
pub(crate) fn address(value: &str) -> Result<Option<Address>, Wrong> {
    if value == "off" {
        return Ok(None);
    }
    let localhost = value.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let address = match (value.strip_prefix("unix:"), localhost) {
        (Some(path), _) => (!path.is_empty()).then(|| Address::Unix(path.into())),
        (_, Some(port)) => Some(Address::Inet((Ipv4Addr::LOCALHOST, port).into())),
        _ => value.parse().ok().map(Address::Inet),
    };
    let right = "write IP:PORT such as 127.0.0.1:2525 or [::1]:2525, unix:PATH, or off";
    address.map(Some).ok_or_else(|| format!("'{value}' is not an address: {right}"))
}

/// A size or count; 0 means no limit.
pub(crate) fn limit<N: TryFrom<u64>>(value: &str) -> Result<Option<N>, Wrong> {
    let digits = value.bytes().all(|octet| octet.is_ascii_digit());
    let number = if digits { value.parse::<u64>().ok() } else { None };
    match number.and_then(|number| Some((number, N::try_from(number).ok()?))) {
        Some((0, _)) => Ok(None),
        Some((_, limit)) => Ok(Some(limit)),
        None => Err(format!("'{value}' is not a number (0 means no limit)")),
    }
}

/// `yes` or `no`.
pub(crate) fn yes_or_no(value: &str) -> Result<bool, Wrong> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("'{value}' is neither yes nor no")),
    }
}

/// `yes`, where there is nothing else.
pub(crate) fn only_yes(value: &str) -> Result<(), Wrong> {
    match yes_or_no(value)? {
        true => Ok(()),
        false => Err("EHLO or HELO is always required here: leave it out, or write yes".to_owned()),
    }
}

/// `texthash:FILE`.
pub(crate) fn text_table(value: &str) -> Result<Option<PathBuf>, Wrong> {
    match value.strip_prefix("texthash:") {
        Some(file) if !file.is_empty() => Ok(Some(file.into())),
        None if value.is_empty() => Ok(None),
        _ => Err(format!("'{value}' is not a table that is read here: write texthash:FILE")),
    }
}

/// Whether it is Dovecot's.
pub(crate) fn sasl_type(value: &str) -> Result<bool, Wrong> {
    match value {
        "" => Ok(false),
        "dovecot" => Ok(true),
        _ => Err(format!(
            "'{value}' is not there: write dovecot, and name its socket with smtpd_sasl_path"
        )),
    }
}

/// A file or directory.
pub(crate) fn path(value: &str) -> Result<Option<PathBuf>, Wrong> {
    Ok((!value.is_empty()).then(|| value.into()))
}

/// A host name, in lower-case A-labels.
pub(crate) fn host_name(value: &str) -> Result<String, Wrong> {
    match Domain::parse(value) {
        Ok(Domain::Name(name)) => name.to_ascii().map(|name| name.into_owned()),
        _ => None,
    }
    .ok_or_else(|| format!("'{value}' is not a host name: write one such as mx.example.org"))
}

/// What a bare line feed means.
pub(crate) fn bare_newline(value: &str) -> Result<BareNewline, Wrong> {
    match value {
        "reject" => Ok(BareNewline::Reject),
        "normalize" | "yes" => Ok(BareNewline::Normalize),
        "no" | "note" => Err(format!(
            "'{value}' would take a bare line feed for the end of a line everywhere, which lets a \
             client smuggle in a second message: write reject, normalize or yes (= normalize)"
        )),
        _ => Err(format!("'{value}' is none of reject, normalize, yes (= normalize)")),
    }
}

/// Which local recipients exist.
pub(crate) fn recipient_maps(value: &str) -> Result<RecipientMaps, Wrong> {
    let is_kind = |text: &str| text.bytes().all(|octet| octet.is_ascii_alphanumeric());
    let (kind, rest) = match value.split_once(':') {
        Some((kind, rest)) if is_kind(kind) => (kind, rest),
        _ => ("", value),
    };
    match (kind, rest) {
        ("", "") | ("static", "all") => Ok(RecipientMaps::Everyone),
        ("" | "hash" | "texthash", file) if !file.is_empty() => {
            Ok(RecipientMaps::File(file.into()))
        }
        _ => Err(format!(
            "'{value}' is no table: write a file (its source, for a hash table) or static:all"
        )),
    }
}

/// What happens to mail for local recipients.
pub(crate) fn local_transport(value: &str) -> Result<LocalTransport, Wrong> {
    let wrong = |what: &str| format!("'{value}' {what}: write local:, discard: or error:TEXT");
    match value.split_once(':') {
        None if value == "local" => Ok(LocalTransport::Maildirs),
        Some(("local", "")) => Ok(LocalTransport::Maildirs),
        Some(("discard", "")) => Ok(LocalTransport::Discard),
        Some(("error", text)) => {
            let (enhanced, text) = split_enhanced_code(text.trim());
            if text.is_empty() || !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
                return Err(wrong("needs a text in ASCII that the client is told"));
            }
            if enhanced.is_some_and(|code| code.class() != 5) {
                return Err(wrong("needs a code that begins with 5, since the client is told 550"));
            }
            Ok(LocalTransport::error(enhanced, text))
        }
        _ => Err(wrong("is no transport")),
    }
}

/// `5.7.1 Text` as the code and the text.
fn split_enhanced_code(text: &str) -> (Option<EnhancedCode>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match EnhancedCode::parse(word) {
        Some(code) => (Some(code), rest.trim_start()),
        None => (None, text),
    }
}
