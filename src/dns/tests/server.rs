//! A name server on a free port of loopback that answers what the test tells it to.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, MX, PTR, TXT},
    },
    serialize::binary::{BinDecodable, BinEncodable},
};
use tokio::{
    net::UdpSocket,
    runtime::{Builder, Runtime},
};

const TTL_S: u32 = 300;

pub(super) struct Server {
    pub address: SocketAddr,
    /// The runtime it runs on; look-ups may run there as well.
    pub runtime: Runtime,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub(super) fn start() -> Server {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let socket = runtime.block_on(UdpSocket::bind("127.0.0.1:0")).unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        runtime.spawn(serve(socket, asked.clone()));
        Server { address, runtime, asked }
    }

    /// Questions that have arrived so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(socket: UdpSocket, asked: Arc<AtomicUsize>) {
    let mut datagram = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut datagram).await.unwrap();
        asked.fetch_add(1, Ordering::SeqCst);
        let question = Message::from_bytes(&datagram[..length]).unwrap();
        if let Some(answer) = answer(&question) {
            socket.send_to(&answer.to_bytes().unwrap(), peer).await.unwrap();
        }
    }
}

/// `None`: silence.
fn answer(question: &Message) -> Option<Message> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    let query = question.queries.first()?.clone();
    let name = query.name().clone();
    let mut add = |name: &Name, data| {
        answer.add_answer(Record::from_rdata(name.clone(), TTL_S, data));
    };
    let text = |strings: &[&str]| RData::TXT(TXT::new(strings.iter().map(|string| (*string).to_owned()).collect()));
    let other = |name: &str| Name::from_ascii(name).unwrap();
    match (name.to_ascii().to_lowercase().as_str(), query.query_type()) {
        ("key.example.net.", RecordType::TXT) => add(&name, text(&["v=DKIM1; ", "p=", "abc"])),
        ("two.example.net.", RecordType::TXT) => {
            add(&name, text(&["one"]));
            add(&name, text(&["two"]));
        }
        ("many.example.net.", RecordType::TXT) => {
            for number in 0..30 {
                add(&name, text(&[&number.to_string()]));
            }
        }
        ("alias.example.net.", RecordType::TXT) => {
            add(&name, RData::CNAME(CNAME(other("key.example.net."))));
            add(&other("key.example.net."), text(&["at the end"]));
        }
        // The target is left for the client to ask for.
        ("far.example.net.", RecordType::TXT) => add(&name, RData::CNAME(CNAME(other("key.example.net.")))),
        ("loop.example.net.", RecordType::TXT) => add(&name, RData::CNAME(CNAME(other("loop.example.net.")))),
        ("example.net.", RecordType::MX) => {
            add(&name, RData::MX(MX::new(20, other("mx2.example.net."))));
            add(&name, RData::MX(MX::new(10, other("MX1.example.net."))));
        }
        ("mx1.example.net.", RecordType::A) => add(&name, RData::A(A::new(192, 0, 2, 25))),
        ("mx1.example.net.", RecordType::AAAA) => {
            add(&name, RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x25)))
        }
        ("25.2.0.192.in-addr.arpa.", RecordType::PTR) => {
            let classless = other("25.0-63.2.0.192.in-addr.arpa.");
            add(&name, RData::CNAME(CNAME(classless.clone())));
            add(&classless, RData::PTR(PTR(other("MX1.example.net."))));
            add(&classless, RData::PTR(PTR(other("mail.example.org."))));
        }
        ("example.net.", _) => {}
        ("fails.example.net.", _) => answer.metadata.response_code = ResponseCode::ServFail,
        ("refused.example.net.", _) => answer.metadata.response_code = ResponseCode::Refused,
        ("silent.example.net.", _) => return None,
        _ => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.add_query(query);
    Some(answer)
}
