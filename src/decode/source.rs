//! Bytes that come piece by piece, and where they are gathered.

use crate::fault::Fault;

/// Bytes of a document that are held while nobody knows yet how large it becomes. What outgrows this is measured to its
/// end first, so that a document that is refused for its size never costs more.
const HELD_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A stream of bytes, like `BufRead`, whose errors are faults.
pub(super) trait Source {
    /// The bytes at hand; none only at the end. The first piece is long enough to tell what it is.
    fn fill(&mut self) -> Result<&[u8], Fault>;
    /// Takes bytes that `fill` showed.
    fn consume(&mut self, count: usize);
    /// Bytes of the received body that were used so far.
    fn received(&self) -> u64;
    /// Whether bytes were left over that belong to no gzip member.
    fn trailing(&self) -> bool;
}

/// The body as received, or the part of it that holds the report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received<'a> {
    /// Everything up to the end of the part.
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Received<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Received<'a> {
        Received { bytes, at: 0 }
    }

    /// The part `start..end`; offsets go on counting from the start of `bytes`.
    pub(super) fn part(bytes: &'a [u8], start: usize, end: usize) -> Received<'a> {
        Received { bytes: bytes.get(..end).unwrap_or(bytes), at: start }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn offset(&self) -> u64 {
        self.at as u64
    }
}

impl Source for Received<'_> {
    fn fill(&mut self) -> Result<&[u8], Fault> {
        Ok(self.rest())
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }

    fn received(&self) -> u64 {
        self.at as u64
    }

    fn trailing(&self) -> bool {
        false
    }
}

/// Takes pieces of a document and counts them.
pub(super) struct DocumentSink {
    document: Vec<u8>,
    size: u64,
    held_max: u64,
}

impl DocumentSink {
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        if self.size <= self.held_max {
            self.document.extend_from_slice(piece);
        } else {
            self.document = Vec::new();
        }
    }
}

/// Gathers what `pass` pours into the sink. `pass` is called a second time for large documents.
pub(super) fn collect(mut pass: impl FnMut(&mut DocumentSink) -> Result<(), Fault>) -> Result<Vec<u8>, Fault> {
    let mut sink = DocumentSink { document: Vec::new(), size: 0, held_max: HELD_MAX_BYTES };
    pass(&mut sink)?;
    if sink.size <= sink.held_max {
        return Ok(sink.document);
    }
    let size = sink.size;
    let mut sink = DocumentSink { document: Vec::with_capacity(size as usize), size: 0, held_max: size };
    pass(&mut sink)?;
    Ok(sink.document)
}

pub(super) fn pour(source: &mut impl Source, sink: &mut DocumentSink) -> Result<(), Fault> {
    loop {
        let piece = source.fill()?;
        let count = piece.len();
        if count == 0 {
            return Ok(());
        }
        sink.take(piece);
        source.consume(count);
    }
}

/// Reads to the end and keeps nothing.
pub(super) fn drain(source: &mut impl Source) -> Result<(), Fault> {
    loop {
        let count = source.fill()?.len();
        if count == 0 {
            return Ok(());
        }
        source.consume(count);
    }
}
