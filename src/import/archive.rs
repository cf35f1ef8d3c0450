//! Zip archives of any size, with mails and mailboxes in them too, where the decoder takes a few documents. Every member is an input of its own; its
//! name is shown and never used as a path.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
    sync::Arc,
};

// The archive's own index would be built in memory, of the size that the archive claims, and would lose the first of two
// members of one name. This one reads the directory entry by entry.
use ::zip::{CompressionMethod, ZipReadOptions, read::ZipFileEntry, unstable::read::ZipIterable};

use super::{
    container::{Piece, inside, mails},
    load::{Input, Loader, ignored, refused, start_of},
    sniff::{FileContent, sniff},
};
use crate::{control::ReportedOutcome, decode::is_beside, fault::FaultCode, limits::RATIO_FREE_BYTES};

/// Members of one archive that are looked at.
const MEMBERS_MAX: usize = 100_000;

/// An archive that was found to have a directory.
pub(super) struct ImportArchive {
    directory: ZipIterable<Bytes>,
    /// The same bytes once more, for the members.
    body: Bytes,
    bytes: u64,
}

type Bytes = Box<dyn Seekable>;

trait Seekable: Read + Seek {}

impl<T: Read + Seek> Seekable for T {}

impl ImportArchive {
    pub(super) fn of_file(path: &Path) -> io::Result<ImportArchive> {
        let open = || File::open(path).map(|file| Box::new(BufReader::new(file)) as Bytes);
        ImportArchive::open(open()?, open()?)
    }

    pub(super) fn of_bytes(bytes: Arc<[u8]>) -> io::Result<ImportArchive> {
        let open = || Box::new(Cursor::new(Arc::clone(&bytes))) as Bytes;
        ImportArchive::open(open(), open())
    }

    fn open(directory: Bytes, mut body: Bytes) -> io::Result<ImportArchive> {
        let bytes = body.seek(SeekFrom::End(0))?;
        Ok(ImportArchive { directory: ZipIterable::try_new(directory, Default::default())?, body, bytes })
    }

    /// Whether it is opened here: with several members, or with one that is no document by itself.
    pub(super) fn is_container(&mut self) -> bool {
        let Ok(entries) = self.directory.files() else { return false };
        let mut files = entries.filter(|entry| entry.as_ref().is_ok_and(|entry| !entry.is_dir()));
        let only = files.next().and_then(Result::ok);
        match (only, files.next()) {
            (Some(_), Some(_)) => true,
            (Some(only), None) => {
                let start = only.with_reader(&mut self.body, ZipReadOptions::default());
                let start = start.map_err(io::Error::from).and_then(|mut file| start_of(&mut file, None));
                start.is_ok_and(|start| {
                    matches!(sniff(&start, false), FileContent::Mail | FileContent::Mbox)
                        || start.starts_with(b"\x1f\x8b")
                })
            }
            (None, _) => false,
        }
    }

    /// Hands over member by member until `hand` returns false; says whether more is wanted.
    pub(super) fn unpack(mut self, path: &Path, loader: &Loader, hand: &mut dyn FnMut(Piece) -> bool) -> bool {
        let ratio_max = loader.limits.report_compression_ratio_max;
        let room = Cell::new(self.bytes.saturating_mul(ratio_max).max(RATIO_FREE_BYTES));
        let settled = |reported| Piece { path: path.to_owned(), input: Input::Settled(reported) };
        let entries = match self.directory.files() {
            Ok(entries) => entries,
            Err(error) => return hand(settled(damaged(&error))),
        };
        for (number, entry) in entries.enumerate() {
            if number == MEMBERS_MAX {
                return hand(settled(refused(FaultCode::Zip, format!("only {MEMBERS_MAX} members are read"))));
            }
            let go_on = match entry {
                Err(error) => hand(settled(damaged(&error))),
                Ok(entry) if entry.is_dir() => true,
                Ok(entry) => member(entry, &mut self.body, &room, path, loader, hand),
            };
            if !go_on {
                return false;
            }
            if room.get() == 0 {
                let detail = format!(
                    "more than {ratio_max} bytes come out for each byte of the archive, the bound is \
                     `report_compression_ratio_max`: the rest is not read"
                );
                return hand(settled(refused(FaultCode::TooLargeUnpacked, detail)));
            }
        }
        true
    }
}

/// Hands over one member, or the mails in it.
fn member(
    entry: ZipFileEntry<'_>,
    body: &mut Bytes,
    room: &Cell<u64>,
    archive: &Path,
    loader: &Loader,
    hand: &mut dyn FnMut(Piece) -> bool,
) -> bool {
    let path = inside(archive, '!', entry.name_raw());
    let mut settle = |told| hand(Piece { path: path.clone(), input: Input::Settled(told) });
    if is_beside(entry.name_raw()) {
        return settle(ignored("what macOS puts beside a file"));
    }
    if entry.encrypted() {
        return settle(refused(FaultCode::Zip, "the member is encrypted"));
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return settle(refused(FaultCode::Zip, "the member uses a compression method other than deflate"));
    }
    let mut file = match entry.with_reader(body, ZipReadOptions::default()) {
        Ok(file) => Rationed { input: file, room },
        Err(error) => return settle(damaged(&error)),
    };
    let opened = start_of(&mut file, None).and_then(|mut start| {
        let input = loader.member(&mut start, &mut file, &path)?;
        Ok((input, start))
    });
    match opened {
        Ok((Some(input), _)) => hand(Piece { path, input }),
        Ok((None, start)) => {
            let mbox = BufReader::new(Cursor::new(start).chain(file));
            mails(mbox, &path, loader, hand)
                .unwrap_or_else(|error| hand(Piece { path, input: Input::Settled(damaged(&error)) }))
        }
        Err(error) => settle(damaged(&error)),
    }
}

fn damaged(error: &dyn std::error::Error) -> ReportedOutcome {
    refused(FaultCode::Zip, format!("the zip archive cannot be read: {error}"))
}

/// Takes what comes out of all members from one allowance, so that members which share their bytes do not multiply it.
struct Rationed<'a, R> {
    input: R,
    room: &'a Cell<u64>,
}

impl<R: Read> Read for Rationed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.room.set(self.room.get().saturating_sub(read as u64));
        if self.room.get() == 0 {
            return Err(io::Error::other("too much comes out of it"));
        }
        Ok(read)
    }
}
