//! What `--help` says.
//!
//! * **In**: nothing. **Out**: text. **Promises**: every option is in it. **Limits**: none. **Panics**: never.
//! * **Spec**: none.

const TEXT: &str = "\
A test inbox: takes all mail, sends none, and shows it in a page, over HTTP and to tests.

usage: inbox [option]...
       inbox wait [--json] [--timeout TIME] [--http ADDR] [--token TOKEN | --password FILE] QUERY...

  --smtp ADDR          where mail is taken (127.0.0.1:1025); port 0 for any free one
  --http ADDR          where the page and the interface are (127.0.0.1:8025)
  --data DIR           keep mail in DIR, synced to disk before its 250 (in memory)
  --max-messages N     so many messages, then the oldest leave (20000); 0 for no limit
  --max-bytes N        so many octets of content (1g); 0 for no limit
  --max-age TIME       so old, such as 7d (no limit)
  --relay HOST:PORT    where messages go that a user releases (nowhere)
  --relay-allow PATTERN
                       for whom: an address, with * for anything; may be given several times
  --webhook URL        POST each message's summary there as it comes
  --password FILE      ask for the password in the first line of FILE (HTTP basic, any user name)
  --token TOKEN        ask for this bearer token, which programs can show and the page cannot; better in
                       INBOX_TOKEN, where no list of processes shows it
  --host NAME          a further name by which browsers may ask for the page; may be given several times
  --faults RULE        fail on purpose, such as 'rcpt nth=2 reply=\"451 4.2.1 later\"'; may be given several times
  --tls                offer STARTTLS with a certificate of its own; its root is at /api/v1/root.pem
  -h, --help           this text
  -V, --version        the version

Each option is also a variable, such as INBOX_MAX_MESSAGES or INBOX_TLS=yes; lists are parted by commas, faults by
semicolons; another name that begins with INBOX_ is an error. Standard output has `listening smtp ADDR`, `listening http
ADDR`, then `ready`. Any name and password log in. An address such as reject-550@example.org, defer-451@, delay-2s@ or
reset@ makes the server fail for it.

inbox wait asks a running inbox for the newest message that matches, or waits for the first one that comes, and prints
it, as JSON if asked. It ends with 0 for a message and with 1 when the time is over (10s).

QUERY: words, \"phrases\", from: to: cc: bcc: reply-to: addressed: subject: body: message-id: tag: has:attachment
has:inline is:read is:unread is:tagged before: after: larger: smaller:, each negated by a leading - or !.

Exit codes: 1 nothing came, 64 bad option, 66 unreadable file, 69 port taken or no inbox there, 75 directory in use or
not writable, 78 options that do not fit together.
";

/// The whole text.
pub(crate) fn text() -> String {
    TEXT.to_owned()
}
