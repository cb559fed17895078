//! The first message of a TLS client, octet by octet, for what no TLS library would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client may say first; the default is an honest offer of TLS 1.2.
pub(crate) struct ClientHello {
    pub(crate) version: u16,
    pub(crate) compression_methods: Vec<u8>,
    /// The name in the server name extension, if there is one.
    pub(crate) server_name: Option<Vec<u8>>,
}

/// What a server says to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A fatal alert, and nothing behind it.
    Alert(u8),
    /// Goes on, with this version and this compression method.
    Hello { version: u16, compression_method: u8 },
}

impl Default for ClientHello {
    fn default() -> Self {
        Self { version: 0x0303, compression_methods: vec![0], server_name: None }
    }
}

impl ClientHello {
    pub(crate) fn naming(server_name: &[u8]) -> Self {
        Self { server_name: Some(server_name.to_vec()), ..Self::default() }
    }

    /// In one record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut extensions = [
            // supported_groups: x25519, secp256r1
            extension(10, &[0, 4, 0, 0x1d, 0, 0x17]),
            // ec_point_formats: uncompressed
            extension(11, &[1, 0]),
            // signature_algorithms: ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256
            extension(13, &[0, 4, 4, 3, 8, 4]),
            // extended_master_secret
            extension(23, &[]),
        ]
        .concat();
        if let Some(name) = &self.server_name {
            let entry = [vec![0], with_length(name)].concat();
            extensions.extend(extension(0, &with_length(&entry)));
        }
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        // No session to resume; two suites with ECDHE and an ECDSA certificate.
        body.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2c]);
        body.push(u8::try_from(self.compression_methods.len()).unwrap());
        body.extend(&self.compression_methods);
        body.extend(with_length(&extensions));
        let message = [vec![1, 0], with_length(&body)].concat();
        [vec![22, 3, 1], with_length(&message)].concat()
    }

    /// Sends it to a port where TLS comes first; gives all that comes back before it is the client's turn again.
    pub(crate) async fn flight(&self, address: SocketAddr) -> Vec<u8> {
        /// `ServerHelloDone`, the last message of a flight in TLS 1.2.
        const DONE: [u8; 4] = [14, 0, 0, 0];
        const PATIENCE: Duration = Duration::from_secs(60);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&self.encode()).await.unwrap();
        let mut flight = Vec::new();
        let all = async {
            while stream.read_buf(&mut flight).await.is_ok_and(|read| 0 < read) {
                if flight.ends_with(&DONE) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
        flight
    }

    pub(crate) async fn answer(&self, address: SocketAddr) -> Answer {
        const ALERT: u8 = 21;
        const FATAL: u8 = 2;
        const RECORD_HEADER: usize = 5;
        let flight = self.flight(address).await;
        let message = &flight[RECORD_HEADER..];
        if flight[0] == ALERT {
            assert_eq!((message[0], message.len()), (FATAL, 2));
            return Answer::Alert(message[1]);
        }
        // Type and length, then version, random, session id, suite, compression method.
        let body = &message[4..];
        let session_id = usize::from(body[34]);
        Answer::Hello {
            version: u16::from_be_bytes([body[0], body[1]]),
            compression_method: body[35 + session_id + 2],
        }
    }
}

fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [number.to_be_bytes().to_vec(), with_length(content)].concat()
}

fn with_length(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}
