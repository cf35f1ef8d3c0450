//! The file that tells other programs where the server listens.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use serde::Serialize;

/// `null` for a listener that is off.
#[derive(Debug, Default, Serialize)]
pub(super) struct Urls {
    pub public: Option<String>,
    pub private: Option<String>,
    /// `HOST:PORT`.
    pub smtp: Option<String>,
    /// `HOST:PORT` or `unix:/path`.
    pub lmtp: Option<String>,
}

/// Writes the file whole or not at all: who waits for it never reads half of it.
pub(super) fn write(path: &Path, urls: &Urls) -> anyhow::Result<()> {
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(beside)?;
        serde_json::to_writer(&mut file, urls)?;
        file.write_all(b"\n")?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write the ready file {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_the_urls_and_replaces_an_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready.json");
        std::fs::write(&path, "old").unwrap();
        write(&path, &Urls { public: Some("http://127.0.0.1:1".to_owned()), private: None, ..Urls::default() })
            .unwrap();
        let expected = "{\"public\":\"http://127.0.0.1:1\",\"private\":null,\"smtp\":null,\"lmtp\":null}\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = write(Path::new("/nonexistent/ready"), &Urls::default()).unwrap_err();
        assert_eq!(error.to_string(), "cannot write the ready file /nonexistent/ready");
    }
}
