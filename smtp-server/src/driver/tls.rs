//! The TLS handshake, and what is known after it.
//!
//! * **In**: a stream, a client's first message. **Out**: a TLS stream and its facts.
//! * **Promises**: nothing that was read in clear reaches the TLS stream or the session after it. Whoever is
//!   refused is told why by an alert.
//! * **Limits**: [`Timeouts::handshake`](crate::config::Timeouts::handshake). **Panics**: never.
//! * **Spec**: RFC 3207, RFC 8314 3.3, RFC 8446 6.

mod channel;

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use super::Connection;
use super::wire::Stream;
use crate::hooks::{CloseReason, Event};
use crate::info::{ClientCertificate, TlsInfo};
use channel::Recording;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Does the handshake and tells the session.
    pub(super) async fn start_tls(&mut self) -> Result<(), CloseReason> {
        #[cfg(feature = "testing")]
        if !Box::pin(self.meet_handshake()).await {
            return Err(CloseReason::TlsFailed);
        }
        let Some(tls) = &self.context.tls else { return Err(CloseReason::TlsFailed) };
        let recording = Recording::new(&tls.current());
        let Stream::Plain(mut stream) = self.wire.take_stream() else {
            return Err(CloseReason::TlsFailed);
        };
        let limit = self.context.hooks.timeouts.handshake;
        let handshake = async {
            stream.flush().await?;
            accept(stream, recording.config.clone()).await
        };
        let outcome = match tokio::time::timeout(limit, handshake).await {
            Ok(outcome) => outcome,
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        };
        match outcome {
            Ok(stream) => {
                self.session.handle_tls(facts(&stream, &recording));
                self.wire.put_stream(Stream::Tls(Box::new(stream)));
                self.emit(&Event::TlsStarted, self.session.info());
                Ok(())
            }
            Err(error) => {
                let error = error.to_string();
                self.emit(&Event::TlsFailed { error: &error }, self.session.info());
                Err(CloseReason::TlsFailed)
            }
        }
    }
}

async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: Arc<ServerConfig>,
) -> std::io::Result<TlsStream<S>> {
    let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let (error, stream) = match (&mut acceptor).await {
        Ok(start) => match start.into_stream(config).into_fallible().await {
            Ok(stream) => return Ok(stream),
            Err((error, stream)) => (error, Some(stream)),
        },
        Err(error) => (error, acceptor.take_io()),
    };
    if let Some(mut stream) = stream {
        // The alert is on its way; a stream that is dropped may take it back.
        let _ = stream.shutdown().await;
    }
    Err(error)
}

fn facts<S>(stream: &TlsStream<S>, recording: &Recording) -> TlsInfo {
    let (_, connection) = stream.get_ref();
    let protocol = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let cipher = connection
        .negotiated_cipher_suite()
        .map_or(Cow::Borrowed("unknown"), |suite| registered_name(suite.suite()));
    let mut info = TlsInfo::new(protocol, cipher, connection.server_name().map(str::to_owned));
    info.client_certificate =
        connection.peer_certificates().and_then(<[_]>::first).map(client_certificate).map(Box::new);
    info.channel_bindings = recording.bindings(connection);
    info
}

/// As IANA registered it: rustls has names of its own for the suites of TLS 1.3. One without a name is
/// written as its number (RFC 8314 4.3).
fn registered_name(suite: CipherSuite) -> Cow<'static, str> {
    match suite.as_str() {
        Some(name) => match name.strip_prefix("TLS13_") {
            Some(rest) => format!("TLS_{rest}").into(),
            None => name.into(),
        },
        None => format!("{:04x}", u16::from(suite)).into(),
    }
}

/// The facts of a certificate that the verifier has accepted.
fn client_certificate(certificate: &CertificateDer<'_>) -> ClientCertificate {
    let mut sha256 = String::with_capacity(64);
    for octet in digest(&SHA256, certificate).as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(sha256, "{octet:02x}");
    }
    let dns_names = EndEntityCert::try_from(certificate)
        .map(|parsed| parsed.valid_dns_names().map(str::to_owned).collect())
        .unwrap_or_default();
    ClientCertificate { dns_names, sha256, der: Bytes::copy_from_slice(certificate) }
}
