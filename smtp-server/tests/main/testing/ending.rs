//! The end of a server, under each kind of runtime, with clients at each point.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use smtp_server::testing::{TestServer, blocking};

use super::PATIENCE;
use super::client::Client;

/// What a drop may take: nothing that waits for a timeout does so.
const DROP_MAX: Duration = Duration::from_secs(5);

/// Clients that wait for a command, are in the middle of a message, and just connected.
fn clients(address: SocketAddr) -> [Client; 3] {
    let mut clients = [(); 3].map(|()| Client::connect(address));
    clients[0].ask("EHLO client.test");
    clients[1].begin("ann@example.org", &["kim@example.org"]);
    clients[1].write("Subject: half\r\n");
    clients
}

/// Drops the server and sees that nothing is left of it.
#[expect(clippy::disallowed_methods, reason = "the time that a drop takes is the thing")]
fn ends<S>(server: S, address: SocketAddr) {
    let mut clients = clients(address);
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < DROP_MAX, "{:?}", begun.elapsed());
    TcpStream::connect(address).expect_err("nobody listens");
    assert!(clients.iter_mut().all(Client::is_cut));
}

#[test]
fn without_a_runtime() {
    let server = blocking::TestServer::start().unwrap();
    let address = server.addr();
    ends(server, address);
}

#[tokio::test]
async fn in_a_runtime_of_one_thread() {
    let server = TestServer::start().await.unwrap();
    let address = server.addr();
    ends(server, address);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_runtime_of_threads() {
    let server = TestServer::start().await.unwrap();
    let address = server.addr();
    tokio::spawn(async move { ends(server, address) }).await.unwrap();
}

#[test]
fn after_the_runtime_that_it_was_started_in() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(TestServer::start()).unwrap();
    drop(runtime);
    let address = server.addr();
    ends(server, address);
}

#[test]
fn in_the_middle_of_a_handshake() {
    let server = TestServer::builder().implicit_tls().start_blocking().unwrap();
    let address = server.addr();
    let _client = TcpStream::connect(address).unwrap();
    drop(server);
    TcpStream::connect(address).expect_err("nobody listens");
}

#[test]
fn an_inbox_outlives_its_server() {
    let server = blocking::TestServer::start().unwrap();
    let inbox = server.inbox();
    Client::connect(server.addr()).send("ann@example.org", &["kim@example.org"], "");
    inbox.wait_for_count(1, PATIENCE).unwrap();
    drop(server);
    assert_eq!(inbox.messages().len(), 1);
}

#[test]
fn a_hundred_servers_at_once() {
    let serve = |number: usize| {
        let server = blocking::TestServer::start().unwrap();
        let content = format!("Subject: {number}\r\n");
        Client::connect(server.addr()).send("ann@example.org", &["kim@example.org"], content);
        let message = server.inbox().wait_for(|_| true, PATIENCE).unwrap();
        assert_eq!(message.subject(), Some(number.to_string().as_str()));
        server
    };
    let threads = (0..100).map(|number| thread::spawn(move || serve(number)));
    let threads = threads.collect::<Vec<_>>();
    let servers = threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>();
    for server in servers {
        assert_eq!(server.inbox().messages().len(), 1);
        let address = server.addr();
        drop(server);
        TcpStream::connect(address).expect_err("nobody listens");
    }
}
