//! A listening socket in the file system, with permissions of its own from the first moment on.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

/// Bytes of the path of a Unix socket, the final NUL left out: `sockaddr_un` has room for 108.
pub const PATH_MAX_BYTES: usize = 107;

/// The bound socket, and its file, which is removed when dropped.
#[derive(Debug)]
pub struct UnixSocket {
    pub listener: UnixListener,
    pub file: SocketFile,
}

/// Removes the socket unless another server has put its own in its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("{0} is in the way and is not a socket: move it elsewhere")]
    NotASocket(PathBuf),
    #[error("another server answers at {0}")]
    Taken(PathBuf),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
}

impl UnixSocket {
    /// Binds a socket with these permissions, ready for tokio. A socket at which nobody answers is left from a server that
    /// died, and is replaced.
    pub fn bind(path: &Path, mode: u32) -> Result<UnixSocket, SocketError> {
        let fail = |error| SocketError::Io { path: path.to_path_buf(), error };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail(error)),
            Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_path_buf())),
            Ok(_) if UnixStream::connect(path).is_ok() => return Err(SocketError::Taken(path.to_path_buf())),
            Ok(_) => {}
        }
        // Bound in a directory that is ours alone and moved to its place when its permissions are right: at no moment can
        // somebody connect who may not.
        let directory = path.parent().unwrap_or(Path::new("/"));
        let nursery = tempfile::Builder::new().prefix(".c").tempdir_in(directory).map_err(fail)?;
        let newborn = nursery.path().join("s");
        let listener = UnixListener::bind(&newborn).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        fs::set_permissions(&newborn, Permissions::from_mode(mode)).map_err(fail)?;
        fs::rename(&newborn, path).map_err(fail)?;
        let inode = fs::symlink_metadata(path).map_err(fail)?.ino();
        Ok(UnixSocket { listener, file: SocketFile { path: path.to_path_buf(), inode } })
    }
}

impl SocketFile {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
