//! Files that hold several inputs: they are taken out one by one, in their order, and never all at once.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    archive::ImportArchive,
    load::{Input, Loader, unreadable},
    mbox::{Mbox, MboxMessage},
};

const BUFFER_BYTES: usize = 256 * 1024;

pub(super) enum Container {
    /// Opened at its turn, because a thousand of them may wait.
    MboxFile,
    /// Standard input, or a pipe.
    MboxStream(Box<dyn Read + Send>),
    ZipFile,
    ZipBytes(Arc<[u8]>),
}

/// An input with the name it is listed under: `archive.zip!member`, `file.mbox#3`.
pub(super) struct Piece {
    pub path: PathBuf,
    pub input: Input,
}

impl Container {
    /// Bytes of memory that it holds until it is opened.
    pub(super) fn weight_bytes(&self) -> usize {
        match self {
            Container::ZipBytes(bytes) => bytes.len(),
            Container::MboxFile | Container::MboxStream(_) | Container::ZipFile => 0,
        }
    }

    /// Hands over what is in it until `hand` returns false. Where it cannot be read any further, that is the last thing
    /// handed over, under the name of the container.
    pub(super) fn unpack(self, path: &Path, loader: &Loader, hand: &mut dyn FnMut(Piece) -> bool) {
        let done = match self {
            Container::MboxFile => File::open(path).and_then(|file| mails(buffered(file), path, loader, hand)),
            Container::MboxStream(stream) => mails(buffered(stream), path, loader, hand),
            Container::ZipFile => ImportArchive::of_file(path).map(|archive| archive.unpack(path, loader, hand)),
            Container::ZipBytes(bytes) => {
                ImportArchive::of_bytes(bytes).map(|archive| archive.unpack(path, loader, hand))
            }
        };
        if let Err(error) = done {
            hand(Piece { path: path.to_owned(), input: Input::Settled(unreadable(&error)) });
        }
    }
}

/// The name of something inside a file. It is shown, and leads nowhere.
pub(super) fn inside(path: &Path, mark: char, name: &[u8]) -> PathBuf {
    let mut shown = path.as_os_str().to_owned();
    shown.push(mark.to_string());
    shown.push(OsStr::from_bytes(name));
    shown.into()
}

fn buffered<R: Read>(input: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER_BYTES, input)
}

/// The mails of an mbox, numbered from 1. Says whether more is wanted.
pub(super) fn mails(
    input: impl BufRead,
    path: &Path,
    loader: &Loader,
    hand: &mut dyn FnMut(Piece) -> bool,
) -> io::Result<bool> {
    let mut mbox = Mbox::new(input, loader.limits.mail_wire_max_bytes);
    let mut number = 0u64;
    while let Some(message) = mbox.next()? {
        number += 1;
        let path = inside(path, '#', number.to_string().as_bytes());
        let bytes = match message {
            MboxMessage::Whole(bytes) => Some(bytes),
            MboxMessage::TooLarge => None,
        };
        let input = loader.mail(bytes, &path);
        if !hand(Piece { path, input }) {
            return Ok(false);
        }
    }
    Ok(true)
}
