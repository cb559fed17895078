//! The command line.
//!
//! * **In**: arguments. **Out**: an [`Invocation`], or what is wrong with them.
//! * **Promises**: nothing is read or opened here; nothing unknown is ignored. **Limits**: none.
//! * **Panics**: never. **Spec**: POSIX utility conventions with long options.

pub(crate) mod facts;
pub(crate) mod help;
pub(crate) mod parameters;
mod queue;
pub(crate) mod values;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;
use smtp_server::Service;
use smtp_server::sasl::HashKind;

use crate::control::Asked;
use crate::failure::Failure;
use crate::log::LogFormat;
use facts::Facts;
use parameters::Parameters;
use values::Address;

/// The data directory, unless there is a `--data`.
const DATA: &str = "./mta-data";

/// What the program is asked to do.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// Receive mail.
    Serve(Box<Options>),
    /// `mta passwd [--scram] FILE USER`.
    ChangePassword { file: PathBuf, user: String, kind: HashKind },
    /// `mta queue`.
    Queue(Box<Asked>),
    /// `mta explain`.
    Explain { options: Box<Options>, facts: Box<Facts> },
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// How to receive mail.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) data: PathBuf,
    pub(crate) addresses: Addresses,
    pub(crate) passwd: Option<PathBuf>,
    /// `None` for the system's name servers.
    pub(crate) dns: Option<SocketAddr>,
    /// Where metrics are served, if they are.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) log: LogFormat,
    pub(crate) parameters: Parameters,
}

/// Where each service listens, if it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    smtp: Option<Address>,
    submission: Option<Address>,
    submissions: Option<Address>,
    lmtp: Option<Address>,
}

impl Invocation {
    /// Reads the arguments, without the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let mut parser = Parser::from_args(arguments);
        if next_is(&mut parser, "passwd") {
            return parse_passwd(parser);
        }
        if next_is(&mut parser, "queue") {
            return queue::parse(parser);
        }
        let explains = next_is(&mut parser, "explain");
        let mut words = Vec::new();
        let mut options = Options::default();
        while let Some(argument) = parser.next().map_err(wrong_syntax)? {
            match argument {
                Long("help") | Short('h') => return Ok(Self::Help),
                Long("version") | Short('V') => return Ok(Self::Version),
                Long("data") => options.data = path(&mut parser, "--data")?,
                Long("smtp") => options.addresses.smtp = address(&mut parser, "--smtp")?,
                Long("submission") => {
                    options.addresses.submission = address(&mut parser, "--submission")?;
                }
                Long("submissions") => {
                    options.addresses.submissions = address(&mut parser, "--submissions")?;
                }
                Long("lmtp") => options.addresses.lmtp = address(&mut parser, "--lmtp")?,
                Long("passwd") => options.passwd = Some(path(&mut parser, "--passwd")?),
                Long("dns") => options.dns = Some(inet(&mut parser, "--dns")?),
                Long("metrics") => options.metrics = Some(inet(&mut parser, "--metrics")?),
                Long("log") => options.log = log_format(&mut parser)?,
                Short('o') => options.parameters.set(&text(&mut parser)?)?,
                Value(word) if explains => words.push(unicode(word)?),
                unknown => return Err(wrong_syntax(unknown.unexpected())),
            }
        }
        let options = Box::new(options);
        if explains {
            let facts = Facts::parse(&words)
                .map_err(|wrong| Failure::usage(format!("explain: {wrong}")))?;
            return Ok(Self::Explain { options, facts: Box::new(facts) });
        }
        Ok(Self::Serve(options))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: DATA.into(),
            addresses: Addresses::default(),
            passwd: None,
            dns: None,
            metrics: None,
            log: LogFormat::default(),
            parameters: Parameters::default(),
        }
    }
}

impl Default for Addresses {
    fn default() -> Self {
        let local = |port| Some(Address::Inet((Ipv4Addr::LOCALHOST, port).into()));
        Self { smtp: local(2525), submission: local(2587), submissions: local(2465), lmtp: None }
    }
}

impl Addresses {
    /// The listeners that are not off, in the order in which they are announced.
    pub(crate) fn open(self) -> Vec<(Service, Address)> {
        let services = [
            (Service::Smtp, self.smtp),
            (Service::Submission, self.submission),
            (Service::Submissions, self.submissions),
            (Service::Lmtp, self.lmtp),
        ];
        services
            .into_iter()
            .filter_map(|(service, address)| address.map(|address| (service, address)))
            .collect()
    }
}

/// Takes the next argument if it is this word.
fn next_is(parser: &mut Parser, word: &str) -> bool {
    parser.try_raw_args().and_then(|mut raw| raw.next_if(|next| next == word)).is_some()
}

/// `passwd [--scram] FILE USER`, of which `passwd` is read.
fn parse_passwd(mut parser: Parser) -> Result<Invocation, Failure> {
    let mut words = Vec::new();
    let mut kind = HashKind::Argon2id;
    while let Some(argument) = parser.next().map_err(wrong_syntax)? {
        match argument {
            Long("help") | Short('h') => return Ok(Invocation::Help),
            Long("scram") => kind = HashKind::ScramSha256,
            Value(word) => words.push(word),
            unknown => return Err(wrong_syntax(unknown.unexpected())),
        }
    }
    match <[OsString; 2]>::try_from(words) {
        Ok([file, user]) => {
            let user =
                user.into_string().map_err(|_| Failure::usage("passwd: USER is not UTF-8"))?;
            Ok(Invocation::ChangePassword { file: file.into(), user, kind })
        }
        Err(_) => Err(Failure::usage(
            "passwd wants a file and a user: mta passwd FILE USER, the password on standard input",
        )),
    }
}

fn address(parser: &mut Parser, option: &str) -> Result<Option<Address>, Failure> {
    values::address(&text(parser)?).map_err(|wrong| Failure::usage(format!("{option}: {wrong}")))
}

fn inet(parser: &mut Parser, option: &str) -> Result<SocketAddr, Failure> {
    match address(parser, option)? {
        Some(Address::Inet(address)) => Ok(address),
        _ => Err(Failure::usage(format!("{option}: write IP:PORT such as 127.0.0.1:9125"))),
    }
}

fn log_format(parser: &mut Parser) -> Result<LogFormat, Failure> {
    match text(parser)?.as_str() {
        "postfix" => Ok(LogFormat::Postfix),
        "json" => Ok(LogFormat::Json),
        other => Err(Failure::usage(format!("--log: '{other}' is neither postfix nor json"))),
    }
}

fn path(parser: &mut Parser, option: &str) -> Result<PathBuf, Failure> {
    let value = parser.value().map_err(wrong_syntax)?;
    if value.is_empty() {
        return Err(Failure::usage(format!("{option}: the path is empty")));
    }
    Ok(value.into())
}

fn text(parser: &mut Parser) -> Result<String, Failure> {
    unicode(parser.value().map_err(wrong_syntax)?)
}

fn unicode(value: OsString) -> Result<String, Failure> {
    value.into_string().map_err(|value| wrong_syntax(lexopt::Error::NonUnicodeValue(value)))
}

fn wrong_syntax(error: lexopt::Error) -> Failure {
    Failure::usage(format!("{error}: mta --help lists what there is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Invocation, String> {
        let words = line.split(' ').filter(|word| !word.is_empty()).map(OsString::from);
        Invocation::parse(words.collect::<Vec<_>>()).map_err(|failure| failure.to_string())
    }

    fn options(line: &str) -> Options {
        match parse(line) {
            Ok(Invocation::Serve(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn defaults() {
        let options = options("");
        assert_eq!(options.data, PathBuf::from("./mta-data"));
        let open: Vec<_> = options
            .addresses
            .open()
            .into_iter()
            .map(|(service, address)| format!("{service} {address}"))
            .collect();
        assert_eq!(
            open,
            ["smtp 127.0.0.1:2525", "submission 127.0.0.1:2587", "submissions 127.0.0.1:2465"]
        );
        assert_eq!(options.passwd, None);
    }

    #[test]
    fn listeners_are_opened_and_closed() {
        let options =
            options("--smtp off --submission=localhost:0 --submissions off --lmtp [::1]:24");
        let expected = [
            (Service::Submission, Address::Inet("127.0.0.1:0".parse().unwrap())),
            (Service::Lmtp, Address::Inet("[::1]:24".parse().unwrap())),
        ];
        assert_eq!(options.addresses.open(), expected);
    }

    #[test]
    fn a_listener_may_be_a_unix_socket() {
        let line = "--smtp unix:a/b --submission off --submissions off --lmtp=unix:/run/lmtp";
        let open = options(line).addresses.open();
        let expected = [
            (Service::Smtp, Address::Unix("a/b".into())),
            (Service::Lmtp, Address::Unix("/run/lmtp".into())),
        ];
        assert_eq!(open, expected);
        assert_eq!(open[1].1.to_string(), "unix:/run/lmtp");
    }

    #[test]
    fn short_options_take_values_in_each_form() {
        for line in ["-o message_size_limit=5", "-omessage_size_limit=5", "-o=message_size_limit=5"]
        {
            assert_eq!(options(line).parameters.message_size_limit, Some(5), "{line}");
        }
        let last = options("-o message_size_limit=5 -o message_size_limit=6");
        assert_eq!(last.parameters.message_size_limit, Some(6));
    }

    #[test]
    fn passwd_wants_two_words() {
        for (line, expected) in [
            ("passwd users kim", HashKind::Argon2id),
            ("passwd --scram users kim", HashKind::ScramSha256),
        ] {
            match parse(line).unwrap() {
                Invocation::ChangePassword { file, user, kind } => {
                    assert_eq!((file, user.as_str()), (PathBuf::from("users"), "kim"));
                    assert_eq!(kind, expected);
                }
                other => panic!("{other:?}"),
            }
        }
        for line in ["passwd", "passwd users", "passwd a b c", "passwd --x"] {
            assert!(parse(line).is_err_and(|message| message.ends_with("(64)")), "{line}");
        }
    }

    #[test]
    fn what_is_unknown_or_bad_is_refused() {
        for line in [
            "--unknown",
            "-x",
            "word",
            "--data",
            "--data=",
            "--smtp",
            "--smtp 2525",
            "--smtp :2525",
            "--smtp example.org:25",
            "--smtp 127.0.0.1:99999",
            "--smtp 127.0.0.1",
            "--lmtp unix:",
            "--lmtp /run/lmtp",
            "-o",
            "-o x",
            "-o x=y",
            "--passwd=",
            "--dns off",
            "--metrics unix:/run/metrics",
        ] {
            assert!(parse(line).is_err_and(|message| message.ends_with("(64)")), "{line}");
        }
    }

    #[test]
    fn help_names_every_parameter() {
        assert!(matches!(parse("--help"), Ok(Invocation::Help)));
        assert!(matches!(parse("-V"), Ok(Invocation::Version)));
        let help = help::text();
        assert!(parameters::table().all(|parameter| help.contains(parameter.name)));
    }
}
