//! Delivery to a mail server that was not written for these tests: our own session.

use std::{collections::BTreeSet, net::SocketAddr, sync::Mutex};

use super::{servers::tls, *};
use crate::{
    config::{Listen, Smtp},
    receive::{certificate::Certificate, smtp},
    submission::{Accept, Accepting, Outcome, Receipt, Submission},
};

/// Keeps what comes.
#[derive(Default)]
struct Inbox(Mutex<Vec<Vec<u8>>>);

impl Accept for Arc<Inbox> {
    fn accept(&self, submission: Submission) -> Accepting {
        self.0.lock().unwrap().push(submission.bytes);
        Box::pin(std::future::ready(Receipt::new(vec![Outcome::Stored(Uuid::nil())])))
    }
}

#[tokio::test]
async fn our_own_session_takes_it_by_starttls() {
    let tls = tls("127.0.0.1");
    let inbox = Arc::new(Inbox::default());
    let context = smtp::Context {
        certificate: Some(Certificate::load(&tls.file, &tls.key).unwrap()),
        wire_max_bytes: 1024 * 1024,
        tokens: BTreeSet::new(),
        accept: Arc::new(Arc::clone(&inbox)),
        clock: Clock::fixed(start()),
    };
    let settings = Smtp {
        listen: Listen::At(SocketAddr::from(([127, 0, 0, 1], 0))),
        recipients: vec!["tlsrpt@reports.example.net".to_owned()],
        ..Smtp::default()
    };
    let listener = smtp::SmtpListener::bind(&settings, context, &HealthRegistry::default()).unwrap().unwrap();
    let port = listener.addresses().smtp.unwrap().port();
    let running = listener.start().unwrap();
    let scene = Scene::new(&format!(
        "[[channel]]\nto = [\"tlsrpt@reports.example.net\", \"nobody@reports.example.net\"]\n\
         [mail]\nfrom = \"tlsight@example.net\"\nrelay = \"127.0.0.1\"\nport = {port}\nca = {:?}\n",
        tls.file
    ));
    scene.put(&[notice(1)]).await;
    scene.deliver().await;
    running.stop().await;
    let entries = scene.entries().await;
    let of = |to: &str| entries.iter().find(|sent| sent.recipient.starts_with(to)).unwrap();
    assert_eq!((of("tlsrpt").state, of("tlsrpt").last_error.as_deref()), (OutboxState::Delivered, None));
    let refused = of("nobody").last_error.clone().unwrap();
    assert!(refused.starts_with("the relay answered 550 5.1.1"), "{refused}");
    let got = inbox.0.lock().unwrap();
    assert_eq!(got.len(), 1);
    let mail = String::from_utf8(got[0].clone()).unwrap();
    assert!(mail.contains("\r\nSubject: [tlsight] Critical: trouble at domain1.example\r\n"), "{mail}");
}
