//! The command line and the environment.
//!
//! * **In**: arguments, variables. **Out**: an [`Invocation`], or what is wrong with them.
//! * **Promises**: `--some-flag VALUE` and `INBOX_SOME_FLAG=VALUE` mean the same, and the command line has the last word.
//!   Nothing unknown is ignored. **Limits**: none. **Panics**: never.
//! * **Spec**: POSIX utility conventions with long options.

pub(crate) mod help;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;
use smtp_server::testing::Rule;

use crate::failure::Failure;
use crate::http::{Relay, Secret};
use crate::query::check_fields;
use crate::store::StoreLimits;

const SMTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1025);
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);
const MESSAGES_MAX: usize = 20_000;
const BYTES_MAX: u64 = 1 << 30;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The options with a value. Those that may be given several times are lists in the environment: at commas, faults at
/// semicolons.
const FLAGS: [(&str, Option<char>); 14] = [
    ("smtp", None),
    ("http", None),
    ("data", None),
    ("max-messages", None),
    ("max-bytes", None),
    ("max-age", None),
    ("relay", None),
    ("relay-allow", Some(',')),
    ("webhook", None),
    ("password", None),
    ("token", None),
    ("host", Some(',')),
    ("faults", Some(';')),
    ("tls", None),
];

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Invocation {
    Serve(Box<Options>),
    Wait(Wanted),
    Help,
    Version,
}

/// How to serve.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) smtp: SocketAddr,
    pub(crate) http: SocketAddr,
    /// `None` to keep mail in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) limits: StoreLimits,
    pub(crate) relay: Option<Relay>,
    pub(crate) relay_allow: Vec<String>,
    pub(crate) webhook: Option<Uri>,
    pub(crate) secret: Option<Secret>,
    /// Further names of this host, in lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) faults: Vec<Rule>,
    /// Whether STARTTLS is offered.
    pub(crate) tls: bool,
}

/// What to wait for, and where.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) http: SocketAddr,
    pub(crate) secret: Option<Secret>,
    pub(crate) json: bool,
    pub(crate) timeout: Duration,
    pub(crate) query: String,
}

impl Default for Options {
    fn default() -> Self {
        let limits = StoreLimits {
            messages_max: Some(MESSAGES_MAX),
            bytes_max: Some(BYTES_MAX),
            age_max: None,
        };
        Self {
            smtp: SMTP,
            http: HTTP,
            data: None,
            limits,
            relay: None,
            relay_allow: Vec::new(),
            webhook: None,
            secret: None,
            hosts: Vec::new(),
            faults: Vec::new(),
            tls: false,
        }
    }
}

impl Invocation {
    /// Reads the arguments, without the program's name, over the environment.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Failure> {
        let mut parser = Parser::from_args(arguments);
        let waits =
            parser.try_raw_args().and_then(|mut raw| raw.next_if(|next| next == "wait")).is_some();
        let mut options = Options::from_environment(environment)?;
        let mut wanted = Wanted {
            http: HTTP,
            secret: None,
            json: false,
            timeout: TIMEOUT,
            query: String::new(),
        };
        while let Some(argument) = parser.next().map_err(|error| wrong_syntax(&error))? {
            match argument {
                Long("help") | Short('h') => return Ok(Self::Help),
                Long("version") | Short('V') => return Ok(Self::Version),
                Long("json") if waits => wanted.json = true,
                Long("timeout") if waits => {
                    wanted.timeout = values::duration("--timeout", &text(&mut parser)?)?;
                }
                Long("tls") => options.tls = true,
                Long(name) => match FLAGS.iter().find(|(flag, _)| *flag == name) {
                    Some((flag, _)) => {
                        options.set(flag, &format!("--{flag}"), &text(&mut parser)?)?;
                    }
                    None => return Err(wrong_syntax(&argument.unexpected())),
                },
                Value(word) if waits => {
                    let word = word.into_string().map_err(lexopt::Error::NonUnicodeValue);
                    let word = word.map_err(|error| wrong_syntax(&error))?;
                    wanted.query +=
                        &format!("{}{word}", if wanted.query.is_empty() { "" } else { " " });
                }
                unknown => return Err(wrong_syntax(&unknown.unexpected())),
            }
        }
        if waits {
            check_fields(&wanted.query).map_err(|error| Failure::usage(error.to_string()))?;
            return Ok(Self::Wait(Wanted { http: options.http, secret: options.secret, ..wanted }));
        }
        options.check()?;
        Ok(Self::Serve(Box::new(options)))
    }
}

impl Options {
    fn from_environment(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut given = ours(environment)?;
        for (flag, separator) in FLAGS {
            let name = variable(flag);
            let Some(value) = given.remove(&name).filter(|value| !value.is_empty()) else {
                continue;
            };
            match separator {
                None => options.set(flag, &name, &value)?,
                Some(separator) => {
                    for one in value.split(separator).map(str::trim).filter(|one| !one.is_empty()) {
                        options.set(flag, &name, one)?;
                    }
                }
            }
        }
        match given.into_keys().next() {
            None => Ok(options),
            Some(unknown) => {
                let known = FLAGS.map(|(flag, _)| variable(flag)).join(", ");
                Err(Failure::usage(format!("{unknown} is no variable of this program: {known}")))
            }
        }
    }

    /// Takes one value; `given` is what the user wrote in front of it.
    fn set(&mut self, flag: &str, given: &str, value: &str) -> Result<(), Failure> {
        match flag {
            "smtp" => self.smtp = values::address(given, value)?,
            "http" => self.http = values::address(given, value)?,
            "data" => self.data = Some(values::text(given, value)?.into()),
            "max-messages" => {
                self.limits.messages_max = values::limit(given, value)?.map(saturated);
            }
            "max-bytes" => self.limits.bytes_max = values::limit(given, value)?,
            "max-age" => self.limits.age_max = Some(values::duration(given, value)?),
            "relay" => self.relay = Some(values::relay(given, value)?),
            "relay-allow" => {
                self.relay_allow.push(values::text(given, value)?.to_ascii_lowercase());
            }
            "webhook" => self.webhook = Some(values::url(given, value)?),
            "password" => {
                self.secret = Some(Secret::Password(first_line(given, Path::new(value))?));
            }
            "token" => self.secret = Some(Secret::Token(values::text(given, value)?.to_owned())),
            "host" => self.hosts.push(values::text(given, value)?.to_ascii_lowercase()),
            "faults" => self.faults.push(values::rule(given, value)?),
            // The only one without a value on the command line, and the last in the table.
            _ => self.tls = values::yes_or_no(given, value)?,
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        if self.relay.is_none() && !self.relay_allow.is_empty() {
            return Err(Failure::configuration(
                "--relay-allow without --relay: name the server that released messages go to, too",
            ));
        }
        if self.relay.is_some() && self.relay_allow.is_empty() {
            return Err(Failure::configuration(
                "--relay without --relay-allow: say for whom messages may be released, such as '*@example.org'",
            ));
        }
        if self.smtp == self.http && self.smtp.port() != 0 {
            return Err(Failure::configuration(
                "--smtp and --http have the same address: give each its own",
            ));
        }
        Ok(())
    }
}

fn variable(flag: &str) -> String {
    format!("INBOX_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// The variables that are meant for this program.
fn ours(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, Failure> {
    let named = environment.into_iter().filter_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| name.starts_with("INBOX_"))?;
        Some((name, value))
    });
    let mut ours = BTreeMap::new();
    for (name, value) in named {
        let value = value
            .into_string()
            .map_err(|_| Failure::usage(format!("{name}: the value is not UTF-8")))?;
        if !is_of_a_service(&name, &value) {
            ours.insert(name, value);
        }
    }
    Ok(ours)
}

/// Kubernetes tells each program where a service with the name `inbox` is, such as in `INBOX_PORT=tcp://10.0.0.1:25`.
fn is_of_a_service(name: &str, value: &str) -> bool {
    name.starts_with("INBOX_SERVICE_")
        || name.starts_with("INBOX_PORT_")
        || (name == "INBOX_PORT" && value.contains("://"))
}

fn first_line(given: &str, file: &Path) -> Result<String, Failure> {
    let content = fs::read_to_string(file)
        .map_err(|error| Failure::unreadable(format!("{given}: {}: {error}", file.display())))?;
    match content.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(Failure::unreadable(format!(
            "{given}: {} has no password in its first line",
            file.display()
        ))),
    }
}

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn text(parser: &mut Parser) -> Result<String, Failure> {
    let value = parser.value().map_err(|error| wrong_syntax(&error))?;
    value.into_string().map_err(|value| wrong_syntax(&lexopt::Error::NonUnicodeValue(value)))
}

fn wrong_syntax(error: &lexopt::Error) -> Failure {
    Failure::usage(format!("{error}: inbox --help lists what there is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Invocation, String> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        Invocation::parse(arguments.iter().map(OsString::from), environment)
            .map_err(|failure| failure.to_string())
    }

    fn options(arguments: &[&str], environment: &[(&str, &str)]) -> Options {
        match parse(arguments, environment) {
            Ok(Invocation::Serve(options)) => *options,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn defaults_are_on_the_loopback() {
        let options = options(&[], &[]);
        assert_eq!(
            (options.smtp.to_string(), options.http.to_string()),
            ("127.0.0.1:1025".into(), "127.0.0.1:8025".into())
        );
        assert!(options.data.is_none() && options.secret.is_none() && !options.tls);
    }

    #[test]
    fn the_command_line_has_the_last_word() {
        let environment = [
            ("INBOX_SMTP", "127.0.0.1:25"),
            ("INBOX_MAX_MESSAGES", "0"),
            ("INBOX_FAULTS", "rcpt nth=2 reply=\"451 4.2.1 later, please\"; connect reset"),
            ("INBOX_HOST", "A.test, b.test"),
            ("INBOX_TLS", "yes"),
        ];
        let options = options(&["--smtp", "localhost:2525", "--max-age=2h"], &environment);
        assert_eq!(options.smtp.to_string(), "127.0.0.1:2525");
        assert_eq!(options.limits.messages_max, None);
        assert_eq!(options.limits.age_max, Some(Duration::from_secs(7200)));
        assert_eq!(options.faults.len(), 2);
        assert_eq!(options.hosts, ["a.test", "b.test"]);
        assert!(options.tls);
    }

    #[test]
    fn waiting() {
        let wait = parse(&["wait", "--json", "--timeout", "2s", "to:kim", "subject:\"a b\""], &[]);
        match wait.unwrap() {
            Invocation::Wait(wanted) => {
                assert_eq!(wanted.query, "to:kim subject:\"a b\"");
                assert!(wanted.json && wanted.timeout == Duration::from_secs(2));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_unknown_or_bad_is_refused() {
        for (line, code) in [
            ("--unknown x", 64),
            ("word", 64),
            ("--json", 64),
            ("--smtp nowhere", 64),
            ("--max-bytes many", 64),
            ("--max-age soon", 64),
            ("--relay host", 64),
            ("--relay mail.test:25", 78),
            ("--relay-allow *", 78),
            ("--webhook ftp://x", 64),
            ("--faults nonsense", 64),
            ("--password /does/not/exist", 66),
            ("--smtp 127.0.0.1:9 --http 127.0.0.1:9", 78),
            ("--token", 64),
        ] {
            let arguments: Vec<_> = line.split(' ').collect();
            let failure = parse(&arguments, &[]).unwrap_err();
            assert!(failure.ends_with(&format!("({code})")), "{line}: {failure}");
        }
    }

    #[test]
    fn a_variable_that_is_none_is_refused() {
        for environment in [
            [("INBOX_MAX_MESSAGE", "5")],
            [("INBOX_Tls", "yes")],
            [("INBOX_PORT", "1025")],
            [("INBOX_", "")],
        ] {
            for arguments in [&[][..], &["wait", "x"]] {
                let failure = parse(arguments, &environment).unwrap_err();
                let (name, _) = environment[0];
                assert!(failure.starts_with(&format!("{name} is no variable")), "{failure}");
                assert!(failure.contains("INBOX_MAX_MESSAGES, ") && failure.ends_with("(64)"));
            }
        }
        let others = [
            ("INBOXES", "x"),
            ("INBOX_TLS", ""),
            ("INBOX_SERVICE_HOST", "10.0.0.1"),
            ("INBOX_PORT", "tcp://10.0.0.1:25"),
            ("INBOX_PORT_25_TCP_ADDR", "10.0.0.1"),
        ];
        assert!(!options(&[], &others).tls);
    }

    #[test]
    fn a_wait_for_a_field_that_is_none_is_refused() {
        let failure = parse(&["wait", "form:kim"], &[]).unwrap_err();
        assert!(failure.contains("from: to: cc:") && failure.ends_with("(64)"), "{failure}");
    }

    #[test]
    fn every_option_is_explained() {
        for (flag, _) in FLAGS {
            assert!(help::text().contains(&format!("--{flag} ")), "{flag}");
        }
    }
}
