use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use super::*;

mod hickory;
mod records;
mod server;

/// Waits on a thread that has no runtime, as other parts of the program do.
fn wait<T>(lookup: Lookup<T>) -> Result<DnsAnswer<T>, DnsError> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut lookup = pin!(lookup);
    loop {
        match lookup.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}
