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
/// Bytes of the name under which a socket is bound before it is moved to its own, `.cXXXXXX/s`.
const NEWBORN_BYTES: usize = 10;

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
    #[error("{} is in the way and is not a socket: move it elsewhere", .0.display())]
    NotASocket(PathBuf),
    #[error("another server answers at {}", .0.display())]
    Taken(PathBuf),
    #[error("the path has {length} bytes, a socket's may have {max}: choose a shorter one")]
    TooLong { length: usize, max: usize },
    #[error("the directory {} does not exist{}", .0.display(), runtime_directory(.0))]
    NoDirectory(PathBuf),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
}

impl UnixSocket {
    /// Binds a socket with these permissions, ready for tokio. A socket at which nobody answers is left from a server that
    /// died, and is replaced.
    pub fn bind(path: &Path, mode: u32) -> Result<UnixSocket, SocketError> {
        let fail = |error| SocketError::Io { path: path.to_path_buf(), error: bare(error) };
        if look(path)? && UnixStream::connect(path).is_ok() {
            return Err(SocketError::Taken(path.to_path_buf()));
        }
        // Bound in a directory that is ours alone and moved to its place when its permissions are right: at no moment can
        // somebody connect who may not.
        let nursery = tempfile::Builder::new().prefix(".c").tempdir_in(directory(path)).map_err(fail)?;
        let newborn = nursery.path().join("s");
        let listener = UnixListener::bind(&newborn).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        fs::set_permissions(&newborn, Permissions::from_mode(mode)).map_err(fail)?;
        fs::rename(&newborn, path).map_err(fail)?;
        let inode = fs::symlink_metadata(path).map_err(fail)?.ino();
        Ok(UnixSocket { listener, file: SocketFile { path: path.to_path_buf(), inode } })
    }
}

/// Whether there is a socket already; an error where there can be none. Nothing is connected to and nothing is made.
pub fn look(path: &Path) -> Result<bool, SocketError> {
    let length = path.as_os_str().len();
    let max = PATH_MAX_BYTES - NEWBORN_BYTES.saturating_sub(path.file_name().map_or(0, |name| name.len()));
    if length > max {
        return Err(SocketError::TooLong { length, max });
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory(path).is_dir() => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(SocketError::NoDirectory(directory(path).to_path_buf()))
        }
        Err(error) => Err(SocketError::Io { path: path.to_path_buf(), error }),
        Ok(found) if found.file_type().is_socket() => Ok(true),
        Ok(_) => Err(SocketError::NotASocket(path.to_path_buf())),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// systemd makes a directory below `/run` when it starts the service.
fn runtime_directory(directory: &Path) -> String {
    match directory.strip_prefix("/run") {
        Ok(name) if !name.as_os_str().is_empty() => format!(" (systemd: RuntimeDirectory={})", name.display()),
        _ => String::new(),
    }
}

/// The error without the name of the temporary directory, which says nothing to anybody.
fn bare(error: io::Error) -> io::Error {
    if error.get_ref().is_some() { error.kind().into() } else { error }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_bound_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let bind = |path: &Path| UnixSocket::bind(path, 0o600).map(drop).map_err(|error| error.to_string());
        let missing = directory.path().join("missing");
        let shown = format!("the directory {} does not exist", missing.display());
        assert_eq!(bind(&missing.join("lmtp")), Err(shown));
        let below_run = SocketError::NoDirectory("/run/tlsight".into()).to_string();
        assert_eq!(below_run, "the directory /run/tlsight does not exist (systemd: RuntimeDirectory=tlsight)");
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let shown = format!("{} is in the way and is not a socket: move it elsewhere", file.display());
        assert_eq!(bind(&file), Err(shown));
        let below_file = bind(&file.join("lmtp")).unwrap_err();
        assert_eq!(below_file.matches(&*file.to_string_lossy()).count(), 1, "{below_file}");
    }

    #[test]
    fn the_longest_path_that_is_taken_can_be_bound() {
        let directory = tempfile::tempdir().unwrap();
        let of_length = |length: usize, name: &str| {
            let fill = length - directory.path().as_os_str().len() - name.len() - 2;
            let path = directory.path().join("d".repeat(fill));
            fs::create_dir_all(&path).unwrap();
            path.join(name)
        };
        for (name, max) in [("lmtp", 101), ("tlsight.lmtp", 107)] {
            assert!(UnixSocket::bind(&of_length(max, name), 0o600).is_ok(), "{name}");
            let shown = UnixSocket::bind(&of_length(max + 1, name), 0o600).unwrap_err().to_string();
            let length = max + 1;
            let words = format!("the path has {length} bytes, a socket's may have {max}: choose a shorter one");
            assert_eq!(shown, words);
        }
    }

    #[test]
    fn the_name_of_the_temporary_directory_is_left_out() {
        let error = tempfile::Builder::new().prefix(".c").tempdir_in("/nonexistent").unwrap_err();
        assert!(error.to_string().contains("/.c"), "{error}");
        assert_eq!(bare(error).to_string(), "entity not found");
    }
}
