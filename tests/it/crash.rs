//! What was answered 200 or 201 survives SIGKILL at any moment, once.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::Mutex,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};

use crate::{
    http::Client,
    server::{Server, all_report_ids},
};

const SENDERS: u64 = 8;

#[test]
fn nothing_acknowledged_is_lost_by_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        let server = Server::start(&data);
        let address = server.public;
        acknowledged.extend(send_until_killed(server, round, || {
            let mut client = Client::connect(address);
            move |id| {
                let media_type = [("Content-Type", "application/tlsrpt+gzip")];
                let answer = client.request("POST", "/v1/tlsrpt", &media_type, &report(id))?;
                assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.text());
                Ok(())
            }
        }));
        let server = Server::start(&data);
        assert_there_once(&server, &acknowledged, round);
        server.kill();
    }
    assert!(acknowledged.len() as u64 > rounds(), "{} reports prove little", acknowledged.len());
}

/// How often servers are killed.
pub(crate) fn rounds() -> u64 {
    std::env::var("TLSIGHT_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
}

/// All these reports are stored, and no report is there twice.
pub(crate) fn assert_there_once(server: &Server, acknowledged: &[String], round: u64) {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for id in all_report_ids(server) {
        *times.entry(id).or_default() += 1;
    }
    let lost: Vec<_> = acknowledged.iter().filter(|id| !times.contains_key(*id)).collect();
    assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "round {round}: stored twice: {twice:?}");
}

/// Sends on several connections, each report also a second time, and kills the server at a moment that differs from round to
/// round: after some number of answers, while others are under way. What `connect` makes sends the report of an id and
/// returns once it is acknowledged, with an error where the connection broke.
pub(crate) fn send_until_killed<Sending>(
    server: Server,
    round: u64,
    connect: impl Fn() -> Sending + Sync,
) -> Vec<String>
where
    Sending: FnMut(&str) -> io::Result<()>,
{
    let kill_after = 1 + splitmix(round) % 400;
    let answered = AtomicU64::new(0);
    let stopping = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    let waiting = std::thread::current();
    std::thread::scope(|scope| {
        let (answered, stopping, acknowledged, connect) = (&answered, &stopping, &acknowledged, &connect);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let waiting = waiting.clone();
                scope.spawn(move || {
                    let mut send = connect();
                    for number in 0.. {
                        let id = format!("crash-{round}-{sender}-{}", number / 2);
                        if stopping.load(Ordering::SeqCst) || send(&id).is_err() {
                            return;
                        }
                        acknowledged.lock().unwrap().push(id);
                        if answered.fetch_add(1, Ordering::SeqCst) + 1 >= kill_after {
                            waiting.unpark();
                        }
                    }
                })
            })
            .collect();
        while answered.load(Ordering::SeqCst) < kill_after && !senders.iter().all(|sender| sender.is_finished()) {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        server.kill();
        stopping.store(true, Ordering::SeqCst);
    });
    acknowledged.into_inner().unwrap()
}

/// A gzipped report of one policy with one failure.
pub(crate) fn report(id: &str) -> Vec<u8> {
    let json = format!(
        r#"{{"organization-name":"Crash Test","contact-info":"tls@sender.example","report-id":"{id}",
        "date-range":{{"start-datetime":"2026-03-02T00:00:00Z","end-datetime":"2026-03-02T23:59:59Z"}},
        "policies":[{{"policy":{{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce","mx: mx1.example.com",
        "max_age: 604800"],"policy-domain":"example.com","mx-host":["mx1.example.com"]}},
        "summary":{{"total-successful-session-count":12,"total-failure-session-count":1}},
        "failure-details":[{{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.7",
        "receiving-mx-hostname":"mx1.example.com","receiving-ip":"198.51.100.9","failed-session-count":1}}]}}]}}"#
    );
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// The next number of a sequence that looks random.
pub(crate) fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
