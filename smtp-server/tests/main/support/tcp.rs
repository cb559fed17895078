//! A `Server` on the loopback, and a client that waits for exactly the replies it expects.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use smtp_server::{Server, ServiceConfig, ShutdownReport};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::octets::Random;
use super::setup::Setup;
use super::tls;

/// How long a reply may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What stands in place of a reply that did not come in time.
pub(crate) const SILENCE: &str = "<silence>";

/// A server that runs until told to end.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Of all listeners; the first one is `address`.
    pub(crate) addresses: Vec<SocketAddr>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<ShutdownReport>>,
}

impl Running {
    pub(crate) async fn start(setup: &Setup) -> Self {
        Self::with(setup.server(), setup.service_config()).await
    }

    pub(crate) async fn with(server: Server, service: ServiceConfig) -> Self {
        Self::with_each(server, [service]).await
    }

    /// With a listener for each of the services, at least one.
    pub(crate) async fn with_each(
        mut server: Server,
        services: impl IntoIterator<Item = ServiceConfig>,
    ) -> Self {
        let mut addresses = Vec::new();
        for service in services {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            server.listen(listener, service).unwrap();
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address: addresses[0], addresses, stop, task }
    }

    /// Begins the shutdown; the report comes when it is over.
    pub(crate) fn begin_stop(self) -> JoinHandle<std::io::Result<ShutdownReport>> {
        let _ = self.stop.send(());
        self.task
    }

    pub(crate) async fn stop(self) -> ShutdownReport {
        self.begin_stop().await.unwrap().unwrap()
    }

    pub(crate) async fn connect(&self, from: std::net::IpAddr) -> TcpClient {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client::new(Box::new(stream))
    }
}

/// Cleartext or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(crate) type TcpClient = Client;

/// A client that reads replies one by one.
pub(crate) struct Client {
    stream: Option<Box<dyn Stream>>,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: Some(stream), unread: Vec::new() }
    }

    pub(crate) async fn direct(address: SocketAddr) -> Self {
        Self::new(Box::new(TcpStream::connect(address).await.unwrap()))
    }

    fn stream(&mut self) -> &mut Box<dyn Stream> {
        self.stream.as_mut().expect("the stream is there outside of a handshake")
    }

    /// Writes; a server that closed meanwhile is found out when reading.
    pub(crate) async fn write(&mut self, octets: &[u8]) {
        let _ = self.stream().write_all(octets).await;
        let _ = self.stream().flush().await;
    }

    /// Writes in pieces of random length.
    pub(crate) async fn write_cut(&mut self, octets: &[u8], random: &mut Random) {
        let mut rest = octets;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(random.length(rest.len()));
            self.write(piece).await;
            tokio::task::yield_now().await;
            rest = after;
        }
    }

    /// One line with its CRLF, or what came before the end; empty at the end.
    pub(crate) async fn line(&mut self) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.iter().position(|octet| *octet == b'\n') {
                return self.unread.drain(..=at).collect();
            }
            if !self.fill().await {
                return std::mem::take(&mut self.unread);
            }
        }
    }

    /// One reply with all its lines.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = Vec::new();
        loop {
            let line = self.line().await;
            let goes_on = line.get(3) == Some(&b'-');
            reply.extend_from_slice(&line);
            if !goes_on {
                return String::from_utf8(reply).unwrap();
            }
        }
    }

    /// Sends a command and gives its reply.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.write(command.as_bytes()).await;
        self.reply().await
    }

    /// The replies to so many commands that were sent at once.
    #[cfg(feature = "testing")]
    pub(crate) async fn replies(&mut self, replies: usize) -> String {
        let mut group = String::new();
        for _ in 0..replies {
            group += &self.reply().await;
        }
        group
    }

    /// All that comes until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.unread)
    }

    /// Whatever is there within a moment; for what must not come.
    pub(crate) async fn within(&mut self, time: Duration) -> Vec<u8> {
        let _ = tokio::time::timeout(time, async { while self.fill().await {} }).await;
        std::mem::take(&mut self.unread)
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn end(&mut self) {
        let _ = self.stream().shutdown().await;
    }

    pub(crate) async fn start_tls(&mut self) -> std::io::Result<()> {
        assert!(self.unread.is_empty(), "nothing comes between 220 and the handshake");
        let stream = self.stream.take().expect("one handshake at a time");
        let stream = tls::connect(stream, &[]).await?;
        self.stream = Some(Box::new(stream));
        Ok(())
    }

    /// False at the end of the stream.
    async fn fill(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match tokio::time::timeout(PATIENCE, self.stream().read(&mut piece)).await {
            Ok(Ok(read)) => {
                self.unread.extend_from_slice(&piece[..read]);
                0 < read
            }
            Ok(Err(_)) => false,
            Err(_) => {
                self.unread.extend_from_slice(SILENCE.as_bytes());
                false
            }
        }
    }
}
