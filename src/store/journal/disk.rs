//! The files of the journal. Tests put a disk in their place that loses power, is full, or fails to sync.

use std::{
    fmt::Debug,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Zeros written at a time into a new segment.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Makes segments.
pub trait SegmentDisk: Debug + Send + Sync {
    /// A new file of zeros, on disk together with its name. Its blocks are written and not only promised, so that what is written to
    /// it later needs no room and a sync changes nothing but data.
    fn create(&self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>>;

    /// A file that is needed no more takes another name and is written over.
    fn reuse(&self, from: &Path, to: &Path) -> io::Result<Box<dyn SegmentFile>>;
}

/// An open segment.
pub trait SegmentFile: Debug + Send {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once what was written is on disk. After an error nobody knows what is.
    fn sync(&self) -> io::Result<()>;

    /// Whether whoever opens this path finds this file.
    fn is_at(&self, path: &Path) -> bool;
}

/// The file system.
#[derive(Debug)]
pub struct FileSystem;

impl SegmentDisk for FileSystem {
    fn create(&self, path: &Path, bytes: u64) -> io::Result<Box<dyn SegmentFile>> {
        let directory = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let written = fill(&mut file, bytes).and_then(|()| sync_directory(directory));
        if let Err(error) = written {
            // Half a segment helps nobody, and on a full disk its space does.
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(Box::new(file))
    }

    fn reuse(&self, from: &Path, to: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().write(true).open(from)?;
        fs::rename(from, to)?;
        sync_directory(to.parent().unwrap_or(Path::new(".")))?;
        Ok(Box::new(file))
    }
}

fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let part = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..part as usize])?;
        left -= part;
    }
    file.sync_all()
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()?;
    // The directory itself may be new.
    directory.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

impl SegmentFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_at(&self, path: &Path) -> bool {
        match (self.metadata(), fs::metadata(path)) {
            (Ok(this), Ok(found)) => (this.dev(), this.ino()) == (found.dev(), found.ino()),
            _ => false,
        }
    }
}
