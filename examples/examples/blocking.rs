//! A session without tokio: the whole driver of a server on `std::net`, one thread per connection.
//!
//! `cargo run --example blocking -- 127.0.0.1:2525`
//!
//! It takes mail for `example.org`, prints how long each message is, and shows what every driver does:
//! read, write, answer, and hand the content over piece by piece.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use smtp_server::proto::{EnhancedCode, ForwardPath};
use smtp_server::{
    Accepted, Action, ContentAction, Now, Peer, Question, Receipt, RecipientClass, Rejection,
    Service, Session, SessionConfig, Verdict,
};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2525".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening smtp {}", listener.local_addr()?);
    let config = Arc::new(SessionConfig::new("mx.example.org", Service::Smtp));
    for stream in listener.incoming() {
        let (stream, config) = (stream?, config.clone());
        std::thread::spawn(move || {
            if let Err(error) = serve(stream, config) {
                eprintln!("connection lost: {error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream, config: Arc<SessionConfig>) -> io::Result<()> {
    let peer = Peer::new(stream.peer_addr()?, stream.local_addr()?);
    let mut session = Session::new(config, peer, Now::system());
    loop {
        match session.poll(Now::system()) {
            Action::Read => read(&mut stream, &mut session)?,
            Action::Write(octets) => {
                stream.write_all(octets)?;
                let written = octets.len();
                session.handle_written(written);
            }
            Action::Ask(Question::Message(message)) => {
                let sender = message.envelope.reverse_path;
                let result = receive(&mut stream, &mut session)?;
                if let Ok(bytes) = &result {
                    println!("{bytes} octets from {sender}");
                }
                session.answer_message(result.map(|_| Receipt::from(Accepted::new())));
            }
            Action::Ask(Question::Client(_)) => session.answer_client(Verdict::Accept),
            Action::Ask(Question::Hello(_)) => session.answer_hello(Verdict::Accept, Vec::new()),
            Action::Ask(Question::Sender(_)) => session.answer_sender(Verdict::Accept),
            Action::Ask(Question::Recipient { to, .. }) => {
                let decision = classify(to);
                session.answer_recipient(decision.map(|class| (class, None)));
            }
            Action::Ask(Question::Data(_)) => {
                session.answer_data(Verdict::Accept);
            }
            // This configuration offers no AUTH, ETRN, STARTTLS or service extension and has no directory, so none
            // can come up.
            Action::Ask(
                Question::Tls(_)
                | Question::Mechanism(_)
                | Question::Credentials { .. }
                | Question::Command { .. }
                | Question::Etrn(_)
                | Question::Verification(_)
                | Question::Expansion(_),
            )
            | Action::StartTls
            | Action::Close(_) => return Ok(()),
        }
    }
}

/// The relay policy: our domain is ours, and nothing else is.
fn classify(to: &ForwardPath<'_>) -> Result<RecipientClass, Rejection> {
    let is_ours =
        to.domain().is_none_or(|domain| domain.as_str().eq_ignore_ascii_case("example.org"));
    if is_ours {
        Ok(RecipientClass::Local)
    } else {
        Err(Rejection::permanent(EnhancedCode::new(5, 7, 1), "Relay access denied"))
    }
}

/// The delivery: counts the octets of one message.
fn receive(stream: &mut TcpStream, session: &mut Session) -> io::Result<Result<usize, Rejection>> {
    let mut bytes = 0;
    loop {
        match session.poll_content(Now::system()) {
            ContentAction::Read => read(stream, session)?,
            ContentAction::Write(octets) => {
                stream.write_all(octets)?;
                let written = octets.len();
                session.handle_written(written);
            }
            ContentAction::Chunk(chunk) => bytes += chunk.len(),
            ContentAction::End => return Ok(Ok(bytes)),
            ContentAction::Failed(error) => return Ok(Err(error.into())),
        }
    }
}

fn read(stream: &mut TcpStream, session: &mut Session) -> io::Result<()> {
    let now = Now::system();
    let wait =
        session.poll_timeout().map(|deadline| deadline.saturating_duration_since(now.monotonic));
    // A timeout of zero would mean none at all.
    stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
    let mut octets = [0; 4096];
    match stream.read(&mut octets) {
        Ok(0) => session.handle_eof(),
        Ok(count) => session.input().extend_from_slice(&octets[..count]),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            session.handle_timeout(Now::system());
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
