//! A name server on the loopback that knows a few records of type TXT.
//!
//! * **In**: names and texts. **Out**: its address, for `--dns`. **Promises**: any other name does not exist.
//! * **Limits**: texts of 255 octets. **Panics**: on everything unexpected: these are tests. **Spec**: RFC 1035 4.

use std::net::{SocketAddr, UdpSocket};

const TYPE_TXT: u8 = 16;

/// Serves to the end of the process.
pub(crate) fn start(texts: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length], texts) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

fn answer(question: &[u8], texts: &[(&str, &str)]) -> Option<Vec<u8>> {
    let end = 12 + question.get(12..)?.iter().position(|octet| *octet == 0)?;
    let (name, kind) = (question.get(12..end)?, *question.get(end + 2)?);
    let found = texts.iter().find(|(at, _)| encoded(at).eq_ignore_ascii_case(name));
    let text = found.filter(|_| kind == TYPE_TXT).map(|(_, text)| *text);
    let mut answer = question.get(..end + 5)?.to_vec();
    let code = if found.is_some() { 0x80 } else { 0x83 };
    answer[2..12].copy_from_slice(&[0x81, code, 0, 1, 0, u8::from(text.is_some()), 0, 0, 0, 0]);
    if let Some(text) = text {
        let length = u8::try_from(text.len()).expect("a short text");
        answer.extend([0xc0, 12, 0, TYPE_TXT, 0, 1, 0, 0, 0, 9, 0, length + 1, length]);
        answer.extend(text.as_bytes());
    }
    Some(answer)
}

/// Each label behind its length.
fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').map(|label| {
        let length = u8::try_from(label.len()).expect("a short label");
        [&[length], label.as_bytes()].concat()
    });
    labels.collect::<Vec<_>>().concat()
}
