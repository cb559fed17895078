//! A name server on the loopback, with a zone that a test writes down.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use smtp_server::dns::Dns;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// What our resolver says that it takes in one datagram.
const DATAGRAM_BYTES_MAX: usize = 1232;

/// What the name server knows. A name that begins with `*` stands for all names that end like it.
#[derive(Clone, Default)]
pub(crate) struct Zone {
    records: Vec<(Name, RData)>,
    faults: Vec<(Name, Fault)>,
}

#[derive(Clone, Copy)]
enum Fault {
    Fails,
    IsSilent,
}

impl Zone {
    pub(crate) fn address(self, at: &str, ip: &str) -> Self {
        let data = match ip.parse::<IpAddr>().unwrap() {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        self.with(name(at), data)
    }

    pub(crate) fn pointer(self, ip: &str, to: &str) -> Self {
        let labels = to.split('.').map(str::as_bytes).collect::<Vec<_>>();
        self.raw_pointer(ip, &labels)
    }

    /// Labels may hold any octets.
    pub(crate) fn raw_pointer(self, ip: &str, labels: &[&[u8]]) -> Self {
        let to = Name::from_labels(labels.iter().copied()).unwrap();
        self.with(Name::from(ip.parse::<IpAddr>().unwrap()), RData::PTR(PTR(to)))
    }

    pub(crate) fn text(self, at: &str, parts: &[&str]) -> Self {
        // A part has 255 octets at most.
        let parts = parts.iter().flat_map(|part| match part.as_bytes() {
            [] => vec![String::new()],
            octets => octets.chunks(255).map(|one| String::from_utf8_lossy(one).into()).collect(),
        });
        let parts = parts.collect();
        self.with(name(at), RData::TXT(TXT::new(parts)))
    }

    pub(crate) fn exchange(self, at: &str, preference: u16, host: &str) -> Self {
        let host = if host == "." { Name::root() } else { name(host) };
        self.with(name(at), RData::MX(MX::new(preference, host)))
    }

    /// Another name for what stands there, which an answer gives along, as a resolver does.
    pub(crate) fn alias(self, at: &str, to: &str) -> Self {
        self.with(name(at), RData::CNAME(CNAME(name(to))))
    }

    /// Questions about this name get SERVFAIL.
    pub(crate) fn failing(mut self, at: &str) -> Self {
        self.faults.push((name(at), Fault::Fails));
        self
    }

    /// Questions about this name get no answer.
    pub(crate) fn silent(mut self, at: &str) -> Self {
        self.faults.push((name(at), Fault::IsSilent));
        self
    }

    fn with(mut self, at: Name, data: RData) -> Self {
        self.records.push((at, data));
        self
    }

    /// None if there is to be silence.
    fn answer(&self, question: &Message) -> Option<Message> {
        let query = question.queries.first()?;
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        match self.faults.iter().find(|(at, _)| covers(at, query.name())) {
            Some((_, Fault::IsSilent)) => return None,
            Some((_, Fault::Fails)) => answer.metadata.response_code = ResponseCode::ServFail,
            None => self.look_up(query, &mut answer),
        }
        Some(answer)
    }

    fn look_up(&self, query: &Query, answer: &mut Message) {
        let mut owner = query.name().clone();
        let mut known = self.known(&owner);
        if let [RData::CNAME(to)] = &*known {
            let to = to.0.clone();
            answer.add_answer(Record::from_rdata(owner, 300, known[0].clone()));
            (known, owner) = (self.known(&to), to);
        }
        for data in known.iter().filter(|data| data.record_type() == query.query_type()) {
            answer.add_answer(Record::from_rdata(owner.clone(), 300, (*data).clone()));
        }
        if answer.answers.is_empty() {
            let soa = SOA::new(name("ns.test"), name("root.test"), 1, 300, 300, 300, 300);
            answer.add_authority(Record::from_rdata(name("test"), 300, RData::SOA(soa)));
            let above = self.records.iter().any(|(at, _)| query.name().zone_of(at));
            if known.is_empty() && !above {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
        }
    }

    fn known(&self, asked: &Name) -> Vec<&RData> {
        let known = self.records.iter().filter(|(at, _)| covers(at, asked));
        known.map(|(_, data)| data).collect()
    }
}

/// A name server that runs until it is dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    questions: Arc<Questions>,
    task: JoinHandle<()>,
}

struct Questions {
    zone: Zone,
    log: Mutex<Vec<String>>,
}

impl NameServer {
    pub(crate) async fn start(zone: Zone) -> Self {
        let (datagrams, streams) = bind().await;
        let address = datagrams.local_addr().unwrap();
        let questions = Arc::new(Questions { zone, log: Mutex::default() });
        let serving = questions.clone();
        let task = tokio::spawn(async move {
            tokio::join!(serving.serve_datagrams(datagrams), serving.serve_streams(streams));
        });
        Self { address, questions, task }
    }

    pub(crate) fn dns(&self) -> Dns {
        Dns::with_name_servers([self.address]).unwrap()
    }

    /// `A name.`, in the order asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.questions.log.lock().unwrap().clone()
    }

    pub(crate) fn asked_for(&self, kind: RecordType) -> usize {
        self.asked().iter().filter(|line| line.starts_with(&format!("{kind} "))).count()
    }
}

impl Questions {
    async fn serve_datagrams(&self, socket: UdpSocket) {
        let mut datagram = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
            let Some(answer) = self.answer(&datagram[..length]) else { continue };
            let mut octets = answer.to_vec().unwrap();
            if DATAGRAM_BYTES_MAX < octets.len() {
                octets = answer.truncate().to_vec().unwrap();
            }
            let _ = socket.send_to(&octets, from).await;
        }
    }

    async fn serve_streams(&self, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Ok(length) = stream.read_u16().await {
                let mut question = vec![0; length.into()];
                stream.read_exact(&mut question).await.unwrap();
                let Some(answer) = self.answer(&question) else { continue };
                let octets = answer.to_vec().unwrap();
                stream.write_u16(octets.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&octets).await.unwrap();
            }
        }
    }

    fn answer(&self, question: &[u8]) -> Option<Message> {
        let question = Message::from_vec(question).ok()?;
        assert_eq!(question.metadata.message_type, MessageType::Query);
        let query = question.queries.first()?;
        self.log.lock().unwrap().push(format!("{} {}", query.query_type(), query.name()));
        self.zone.answer(&question)
    }
}

/// The same port for both.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = datagrams.local_addr().unwrap();
        if let Ok(streams) = TcpListener::bind(address).await {
            return (datagrams, streams);
        }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn name(text: &str) -> Name {
    Name::from_labels(text.split('.').map(str::as_bytes)).unwrap()
}

fn covers(at: &Name, asked: &Name) -> bool {
    match at.is_wildcard() {
        true => at.base_name().zone_of(asked),
        false => at == asked,
    }
}
