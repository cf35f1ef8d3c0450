//! Many clients that want to keep others out, and one that has something to say.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime::Runtime,
};

use crate::server::until;

/// How often one of a crowd comes back after it was sent away.
const RETURNS: usize = 5;

/// Connections that say something and then nothing more; who is sent away comes back. They leave when this is dropped.
pub(super) struct Crowd {
    runtime: Option<Runtime>,
    arrivals: Arc<AtomicUsize>,
}

impl Crowd {
    /// So many connections from each of these addresses, each of which says this. Waits until all have been there.
    pub(super) fn gather(target: SocketAddr, sources: &[Ipv4Addr], each: usize, says: &[u8]) -> Crowd {
        allow_many_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let arrivals = Arc::new(AtomicUsize::new(0));
        let says: Arc<[u8]> = says.into();
        for source in sources.iter().flat_map(|source| std::iter::repeat_n(*source, each)) {
            runtime.spawn(stand_about(target, source, Arc::clone(&says), Arc::clone(&arrivals)));
        }
        let crowd = Crowd { runtime: Some(runtime), arrivals };
        until("the crowd is there", || crowd.arrivals() >= sources.len() * each);
        crowd
    }

    pub(super) fn arrivals(&self) -> usize {
        self.arrivals.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn stand_about(target: SocketAddr, source: Ipv4Addr, says: Arc<[u8]>, arrivals: Arc<AtomicUsize>) {
    for _ in 0..RETURNS {
        let stream = come(target, source).await;
        arrivals.fetch_add(1, Ordering::Relaxed);
        let Ok(mut stream) = stream else { continue };
        let mut heard = [0; 4096];
        if stream.write_all(&says).await.is_ok() {
            while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
        }
    }
}

async fn come(target: SocketAddr, source: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(target).await
}

/// So many addresses of the loopback network, each in a /24 of its own.
pub(super) fn scattered(count: u8) -> Vec<Ipv4Addr> {
    (1..=count).map(|network| Ipv4Addr::new(127, 77, network, 1)).collect()
}

/// So many addresses of one /24.
pub(super) fn neighbours(count: u8) -> Vec<Ipv4Addr> {
    (1..=count).map(|host| Ipv4Addr::new(127, 78, 0, host)).collect()
}

fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// What an honest sender met with: prints how long it took, and counts what was refused.
pub(super) fn honestly(what: &str, times: usize, mut send: impl FnMut(usize) -> std::io::Result<()>) -> usize {
    let mut refused = Vec::new();
    let mut took: Vec<Duration> = (0..times)
        .map(|turn| {
            let start = Instant::now();
            refused.extend(send(turn).err());
            start.elapsed()
        })
        .collect();
    took.sort();
    let (middle, high) = (took[times / 2], took[times * 99 / 100]);
    println!("{what}: n={times} p50={middle:.1?} p99={high:.1?} refused={}", refused.len());
    if let Some(first) = refused.first() {
        println!("  the first one: {first}");
    }
    refused.len()
}
