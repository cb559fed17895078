//! A client on nothing but `std::net`, and a test without a runtime.

use smtp_server::testing::blocking::TestServer;
use smtp_server::testing::matcher::{Matcher, has_code, subject};
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The program under test.
pub(crate) fn send_welcome(to: &str, server: SocketAddr) -> Result<()> {
    let mut connection = BufReader::new(TcpStream::connect(server)?);
    let rcpt = format!("RCPT TO:<{to}>");
    let content = "Subject: Welcome\r\n\r\nYour code is 482913.\r\n.";
    for line in ["HELO app.test", "MAIL FROM:<app@example.org>", &rcpt, "DATA", content, "QUIT"] {
        connection.read_line(&mut String::new())?;
        write!(connection.get_mut(), "{line}\r\n")?;
    }
    connection.read_line(&mut String::new())?;
    Ok(())
}

#[test]
fn a_welcome_is_sent_with_std() {
    let server = TestServer::start().unwrap();
    send_welcome("kim@example.org", server.addr()).unwrap();
    let expected = subject("Welcome").and(has_code());
    server.inbox().to("kim@example.org").wait_for(expected, Duration::from_secs(5)).unwrap();
}
