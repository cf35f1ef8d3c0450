//! What strangers may try, against the real binary over real sockets.

mod connections;
mod crowd;
mod files;
