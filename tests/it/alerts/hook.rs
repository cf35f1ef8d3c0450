//! Somebody's program that takes webhooks, as slow or as unwilling as the test wants it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use serde_json::Value;

/// How requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Takes,
    Refuses,
    /// Reads the request and says nothing, until the other side goes away.
    Hangs,
}

pub(super) struct Hook {
    pub url: String,
    state: Arc<State>,
}

struct State {
    mood: AtomicU8,
    asked: Mutex<Vec<Asked>>,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The event and the title of its only notice.
    pub(super) fn shown(&self) -> (String, String) {
        let json = self.json();
        let [notice] = json["notices"].as_array().expect("notices").as_slice() else { panic!("{json}") };
        let text = |name: &str| notice[name].as_str().expect("a text").to_owned();
        (text("event"), text("title"))
    }
}

impl Hook {
    pub(super) fn start() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let state = Arc::new(State { mood: AtomicU8::new(Mood::Takes as u8), asked: Mutex::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Hook { url, state }
    }

    /// For requests from now on.
    pub(super) fn set(&self, mood: Mood) {
        self.state.mood.store(mood as u8, Ordering::SeqCst);
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, state: &State) {
    let mut stream = BufReader::new(stream);
    let mut lines = std::iter::from_fn(|| {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|_| !line.trim_end().is_empty()).map(|_| line.trim_end().to_owned())
    });
    assert_eq!(lines.next().as_deref(), Some("POST /hook HTTP/1.1"));
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    state.asked.lock().unwrap().push(Asked { headers, body });
    let mood = state.mood.load(Ordering::SeqCst);
    let status = if mood == Mood::Hangs as u8 {
        let _ = stream.read(&mut [0]);
        return;
    } else if mood == Mood::Refuses as u8 {
        "500 Not Today"
    } else {
        "204 No Content"
    };
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // The other side may be gone.
    let _ = stream.get_mut().write_all(text.as_bytes());
}
