//! What may be shown of a line.
//!
//! * **In**: a line as it was on the wire. **Out**: text without secrets and control characters.
//! * **Promises**: of AUTH no more than the mechanism is shown, if it is one of those that exist; of a SASL exchange
//!   nothing. Once a client has said AUTH, a line that is no command may be a response that it sent too
//!   early or too late, so it is not shown either.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 4954 4.

use smtp_proto::Verb;

const REDACTED: &str = "(redacted)";
/// A word in the mechanism's place that is none of these may be a password.
const MECHANISMS: [&str; 13] = [
    "ANONYMOUS",
    "CRAM-MD5",
    "DIGEST-MD5",
    "EXTERNAL",
    "GSSAPI",
    "LOGIN",
    "NTLM",
    "OAUTHBEARER",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
];
/// Older than the registry of names, and widely used.
const XOAUTH2: &str = "XOAUTH2";

/// What one client has said that later lines depend on.
#[derive(Default)]
pub(super) struct Redaction {
    auth_may_run: bool,
}

impl Redaction {
    /// A line that was too long to be kept: it may have been AUTH.
    pub(super) fn lost(&mut self) {
        self.auth_may_run = true;
    }

    /// A line in place of a command.
    pub(super) fn command(&mut self, line: &[u8]) -> String {
        let is_auth = |word: &[u8]| word.eq_ignore_ascii_case(b"AUTH");
        if line.trim_ascii_start().get(..4).is_some_and(is_auth) {
            self.auth_may_run = true;
            return auth(line);
        }
        if self.auth_may_run && Verb::of(line).is_none() {
            return REDACTED.to_owned();
        }
        shown(line)
    }
}

/// A line in a SASL exchange.
pub(super) fn response(line: &[u8]) -> String {
    if line == b"*" { shown(line) } else { REDACTED.to_owned() }
}

/// A line of a reply: a challenge is part of a SASL exchange.
pub(super) fn reply(line: &[u8]) -> String {
    let line = line.trim_ascii_end();
    if line.starts_with(b"334") && line.len() != 3 {
        return format!("334 {REDACTED}");
    }
    shown(line)
}

fn auth(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let (verb, mechanism) = (words.next().unwrap_or_default(), words.next());
    let known = |word: &&str| {
        MECHANISMS.iter().chain([&XOAUTH2]).any(|name| name.eq_ignore_ascii_case(word))
    };
    match (verb.len(), mechanism.filter(known)) {
        (4, Some(mechanism)) if words.next().is_none() => format!("{verb} {mechanism}"),
        (4, Some(mechanism)) => format!("{verb} {mechanism} {REDACTED}"),
        (4, None) if mechanism.is_none() => verb.to_owned(),
        _ => format!("AUTH {REDACTED}"),
    }
}

fn shown(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for character in String::from_utf8_lossy(line).chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_before_and_after_auth() {
        let mut redaction = Redaction::default();
        for (line, expected) in [
            ("EHLO client.test", "EHLO client.test"),
            ("c2VjcmV0", "c2VjcmV0"),
            ("tab\there", "tab\\there"),
            ("AUTH", "AUTH"),
            ("auth plain", "auth plain"),
            ("AUTH PLAIN AGtpbQBzZWNyZXQ=", "AUTH PLAIN (redacted)"),
            ("AUTH  XOAUTH2   token  token", "AUTH XOAUTH2 (redacted)"),
            ("AUTH AGtpbQBzZWNyZXQ", "AUTH (redacted)"),
            ("AUTHPLAIN AGtpbQBzZWNyZXQ", "AUTH (redacted)"),
            (" AUTH\tPLAIN AGtpbQBzZWNyZXQ", "AUTH PLAIN (redacted)"),
            ("c2VjcmV0", "(redacted)"),
            ("MAIL FROM:<kim@example.org> AUTH=<>", "MAIL FROM:<kim@example.org> AUTH=<>"),
        ] {
            assert_eq!(redaction.command(line.as_bytes()), expected);
        }
    }

    #[test]
    fn lines_of_an_exchange() {
        assert_eq!(response(b"c2VjcmV0"), "(redacted)");
        assert_eq!(response(b"*"), "*");
        assert_eq!(reply(b"334 VXNlcm5hbWU6\r\n"), "334 (redacted)");
        assert_eq!(reply(b"334-x\r\n"), "334 (redacted)");
        assert_eq!(reply(b"334 \r\n"), "334");
        assert_eq!(reply(b"235 2.7.0 Ok\r\n"), "235 2.7.0 Ok");
    }
}
