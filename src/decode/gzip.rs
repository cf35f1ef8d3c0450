//! RFC 1952, one layer: all members, checked headers and trailers, within a budget.

use std::cell::Cell;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{budget::DecodeBudget, source::Source};
use crate::{
    fault::{Fault, FaultCode, FaultPlace, Layer},
    limits::{GZIP_HEADER_MAX_BYTES, GZIP_MEMBERS_MAX},
};

const CHUNK_BYTES: usize = 32 * 1024;

// RFC 1952 §2.3.1
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// The bytes inside gzip members that follow each other (RFC 1952 §2.2).
pub(super) struct Gunzip<S> {
    input: S,
    scratch: Lent,
    crc: Crc,
    taken: usize,
    filled: usize,
    state: State,
    members: usize,
    /// Bytes that came out, over all members.
    produced: u64,
    budget: DecodeBudget,
    trailing: bool,
}

/// What unpacking needs in memory. Each use writes over the one before; making it anew would cost as much as a small report.
struct Scratch {
    inflate: Decompress,
    buffer: Vec<u8>,
}

thread_local! {
    /// Left by the last use on this thread.
    static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// The memory of one use, which goes back with it.
struct Lent(Option<Box<Scratch>>);

impl Default for Lent {
    fn default() -> Lent {
        Lent(SPARE.take())
    }
}

impl Lent {
    fn get(&mut self) -> &mut Scratch {
        self.0
            .get_or_insert_with(|| Box::new(Scratch { inflate: Decompress::new(false), buffer: vec![0; CHUNK_BYTES] }))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        SPARE.set(self.0.take());
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Whether the first magic byte was read already.
    Header {
        begun: bool,
    },
    Data,
    End,
}

impl<S: Source> Gunzip<S> {
    pub(super) fn new(input: S, budget: DecodeBudget) -> Gunzip<S> {
        Gunzip {
            input,
            scratch: Lent::default(),
            crc: Crc::new(),
            taken: 0,
            filled: 0,
            state: State::Header { begun: false },
            members: 0,
            produced: 0,
            budget,
            trailing: false,
        }
    }

    /// Fills the whole buffer where there is so much: a stream of one-byte members still shows a long first piece.
    fn refill(&mut self) -> Result<(), Fault> {
        self.taken = 0;
        self.filled = 0;
        while self.filled < CHUNK_BYTES && self.state != State::End {
            match self.state {
                State::Header { begun } => self.read_header(begun)?,
                State::Data => self.read_data()?,
                State::End => {}
            }
        }
        Ok(())
    }

    fn read_header(&mut self, begun: bool) -> Result<(), Fault> {
        self.members += 1;
        if self.members > GZIP_MEMBERS_MAX {
            let detail = format!("the gzip stream has more than {GZIP_MEMBERS_MAX} members");
            return Err(self.fault(FaultCode::TooManyMembers, detail));
        }
        let mut header = Header { input: &mut self.input, crc: Crc::new(), read: 0 };
        header.skip(begun)?;
        self.scratch.get().inflate.reset(false);
        self.crc.reset();
        self.state = State::Data;
        Ok(())
    }

    fn read_data(&mut self) -> Result<(), Fault> {
        let input = self.input.fill()?;
        let at_end = input.is_empty();
        let Scratch { inflate, buffer } = self.scratch.get();
        let (in_before, out_before) = (inflate.total_in(), inflate.total_out());
        let output = buffer.get_mut(self.filled..).unwrap_or_default();
        let status = inflate.decompress(input, output, FlushDecompress::None);
        let used = (inflate.total_in() - in_before) as usize;
        let produced = (inflate.total_out() - out_before) as usize;
        self.input.consume(used);
        self.crc.update(buffer.get(self.filled..self.filled + produced).unwrap_or_default());
        self.filled += produced;
        self.produced += produced as u64;
        self.budget.check(self.produced)?;
        match status {
            Ok(Status::StreamEnd) => self.read_trailer(),
            Ok(_) if at_end && produced == 0 => {
                Err(self.fault(FaultCode::GzipTruncated, "the gzip stream ends in the middle of its data"))
            }
            Ok(_) if used > 0 || produced > 0 => Ok(()),
            _ => Err(self.fault(FaultCode::GzipCrc, "the compressed data is damaged")),
        }
    }

    fn read_trailer(&mut self) -> Result<(), Fault> {
        let at = self.input.received();
        let mut trailer = [0; 8];
        for byte in &mut trailer {
            *byte = next_byte(&mut self.input, "trailer")?;
        }
        let (crc, size) = trailer.split_at(4);
        let expected = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()];
        let wrong = match () {
            () if crc != expected[0] => "the gzip checksum does not match the data",
            () if size != expected[1] => "the length in the gzip trailer does not match the data",
            () => {
                self.state = self.after_member()?;
                return Ok(());
            }
        };
        Err(Fault::new(FaultCode::GzipCrc, wrong, FaultPlace::Byte { offset: at, of: Layer::Received }))
    }

    /// Another member begins with its magic bytes; whatever else follows is not ours to read, but read to its end.
    fn after_member(&mut self) -> Result<State, Fault> {
        match self.input.fill()? {
            [] => return Ok(State::End),
            [0x1f, 0x8b, ..] => return Ok(State::Header { begun: false }),
            // An outer layer's piece can end between the two magic bytes.
            [0x1f] => {
                self.input.consume(1);
                if self.input.fill()?.first() == Some(&0x8b) {
                    return Ok(State::Header { begun: true });
                }
            }
            _ => {}
        }
        self.trailing = true;
        super::source::drain(&mut self.input)?;
        Ok(State::End)
    }

    fn fault(&self, code: FaultCode, detail: impl Into<String>) -> Fault {
        Fault::new(code, detail, FaultPlace::Byte { offset: self.input.received(), of: Layer::Received })
    }
}

impl<S: Source> Source for Gunzip<S> {
    fn fill(&mut self) -> Result<&[u8], Fault> {
        if self.taken == self.filled {
            self.refill()?;
        }
        Ok(self.scratch.get().buffer.get(self.taken..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }

    fn received(&self) -> u64 {
        self.input.received()
    }

    fn trailing(&self) -> bool {
        self.trailing || self.input.trailing()
    }
}

/// Steps over one member's header. Nothing in it is used, the name least of all (RFC 8460 §6.3).
struct Header<'s, S> {
    input: &'s mut S,
    crc: Crc,
    read: usize,
}

impl<S: Source> Header<'_, S> {
    fn skip(&mut self, begun: bool) -> Result<(), Fault> {
        let mut fixed = [0; 10];
        if begun {
            fixed[0] = 0x1f;
            self.crc.update(&fixed[..1]);
        }
        for byte in fixed.iter_mut().skip(usize::from(begun)) {
            *byte = self.byte()?;
        }
        let [id1, id2, method, flags, ..] = fixed;
        if (id1, id2, method) != (0x1f, 0x8b, 8) {
            return Err(self.fault("the gzip header names a compression method other than deflate"));
        }
        if flags & RESERVED != 0 {
            return Err(self.fault("reserved flags are set in the gzip header"));
        }
        if flags & FEXTRA != 0 {
            let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..length {
                self.byte()?;
            }
        }
        for field in [FNAME, FCOMMENT] {
            while flags & field != 0 && self.byte()? != 0 {}
        }
        if flags & FHCRC != 0 {
            let expected = (self.crc.sum() & 0xffff) as u16;
            if u16::from_le_bytes([self.byte()?, self.byte()?]) != expected {
                return Err(self.fault("the checksum of the gzip header does not match"));
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        if self.read == GZIP_HEADER_MAX_BYTES {
            return Err(self.fault(format!("the gzip header is longer than {GZIP_HEADER_MAX_BYTES} bytes")));
        }
        let byte = next_byte(self.input, "header")?;
        self.read += 1;
        self.crc.update(&[byte]);
        Ok(byte)
    }

    fn fault(&self, detail: impl Into<String>) -> Fault {
        Fault::new(
            FaultCode::GzipHeader,
            detail,
            FaultPlace::Byte { offset: self.input.received(), of: Layer::Received },
        )
    }
}

fn next_byte(input: &mut impl Source, part: &str) -> Result<u8, Fault> {
    match input.fill()?.first().copied() {
        Some(byte) => {
            input.consume(1);
            Ok(byte)
        }
        None => Err(Fault::new(
            FaultCode::GzipTruncated,
            format!("the gzip stream ends in its {part}"),
            FaultPlace::Byte { offset: input.received(), of: Layer::Received },
        )),
    }
}
