//! What `--help` says.
//!
//! * **In**: the table of parameters. **Out**: text. **Promises**: every name of `-o` is in it.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use std::fmt::Write;

use super::parameters;

const USAGE: &str = "\
A mail transfer agent: mail for its own domains goes into Maildirs, mail of its users to other hosts, by way of a
queue that survives power loss.

usage: mta [--data DIR] [--smtp ADDR] [--submission ADDR] [--submissions ADDR] [--lmtp ADDR]
           [--passwd FILE] [--dns ADDR] [--metrics ADDR] [--log FORMAT] [-o name=value]...
       mta passwd [--scram] FILE USER
                            store a password, which is read from standard input; with --scram so that
                            clients need not send it, if all users of the file are stored so
       mta queue OPERATION [--data DIR] [-o queue_directory=DIR] [--json]
                            look at the queue or change it; see below
       mta explain [service=NAME] [client=IP] [helo=NAME] [login=USER] [certificate=SHA256]
                   [from=ADDRESS] to=ADDRESS [option]...
                            say what a service (smtp) would answer to a recipient, and which rule decides;
                            with the options that mta runs with

  --data DIR           where everything is kept (./mta-data)
  --smtp ADDR          mail from other hosts (127.0.0.1:2525)
  --submission ADDR    mail from users, TLS by STARTTLS (127.0.0.1:2587)
  --submissions ADDR   mail from users, TLS from the start (127.0.0.1:2465)
  --lmtp ADDR          mail from another mail server on this host (off)
                       ADDR is IP:PORT, with port 0 for any free one, or off; or unix:PATH, to which
                       everybody may connect who may enter its directory
  --passwd FILE        who may log in, made with mta passwd (nobody)
  --dns ADDR           the name server that is asked (those of the system)
  --metrics ADDR       where GET /metrics tells Prometheus what was decided (off)
  --log FORMAT         how the log tells of sessions and messages: postfix, as Postfix does, or json (postfix)
  -h, --help           this text
  -V, --version        the version

Standard output has a line `listening SERVICE ADDR` for each listener (and `listening metrics ADDR`), then
`ready`, then a hint. The log goes to standard error: sessions and messages as --log says, and what the program tells
of itself (signals, what was read again) in lines with a date and a level, of which RUST_LOG sets the least. SIGTERM
and SIGINT end the program: messages in flight may finish, a second signal ends it at once. SIGHUP reads the
certificate, all keys and the tables again; what cannot be read stays as it was, which the log says.

Parameters of -o, with the meaning that Postfix gives them and their defaults; a limit of 0 is none:

";

const QUEUE: &str = "
mta queue asks the mta that runs, through the socket DIR/control, which is its user's alone. Where none runs, list,
show, stats, shape and fsck read what lies in DIR. IDS are queue ids, - for those on standard input, or ALL:

  list [--site SITE]      the messages as postqueue -p has them; with --json as postqueue -j
  show IDS                envelope and content, as postcat has them
  flush [IDS|--site SITE] try now what waits: these, those to a domain or site, or all
  hold IDS, release IDS   deliver nothing of these; go on with it
  requeue IDS             begin anew, with new routes
  expire IDS              return them to their senders
  delete IDS              forget them; nobody is told
  suspend SITE            send nothing to this site, until resume SITE or the end of mta
  stats                   how much waits where, for each site; a message counts once for each domain
  shape                   how old it is, for each domain, as qshape has it
  fsck                    read every message, and say which cannot be read
";

const EXIT_CODES: &str = "
Restrictions are words of Postfix, asked from left to right; a word that is unknown is answered with all that
there are. A table is TYPE:FILE or TYPE:{ {line}, {line} }, of the types texthash, cidr, regexp, pcre and sendmail
(an access file of Sendmail); or inline:{ {key = action}, {key = action} }, or static:action for every key. Words about
hosts leave whoever logged in alone.

Exit codes: 64 unknown option or name or bad value, 66 unreadable file, 69 port or socket taken or not permitted,
75 data directory in use, not writable or disk full, 78 options that do not fit together. Of mta queue: 66 no such
message, or damage; 69 no mta runs, or not permitted.
";

/// The whole text.
pub(crate) fn text() -> String {
    let mut text = USAGE.to_owned();
    for parameter in parameters::table() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}\n      {}", parameter.name, parameter.meaning);
    }
    text + QUEUE + EXIT_CODES
}
