//! Whether a recording is as it was written.

use std::io::{self, Read};

use super::chain::{Chain, ChainHead, LINK_CONTENTS, USER_TYPE};

/// What became of a recording with a [chain](crate::Recorder::with_chain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is finished, and every byte is as the chain has it. Whether it is the chain that the recorder made, only a
    /// [head](crate::Recorded::chain) kept elsewhere can tell.
    Intact(ChainHead),
    /// Up to here every byte is as the chain has it; then it ends without the chain's end. Whether the recorder did not
    /// come to finish or the rest was cut off cannot be told from the file.
    CutAfter(ChainHead),
    /// What is there is not what was written.
    Edited {
        /// The first fragment, from 1, that is not as it was or not in its place; one more than there are for the
        /// end of the file, 0 for its start.
        fragment: u64,
    },
    /// The fragments are not chained: nothing can be said.
    Unchained,
}

/// Compares a recording with its chain. Reads it once from where it stands to its end; bytes may hold anything.
///
/// ```no_run
/// use kvm_stream::mp4::{Verdict, verify};
///
/// match verify(std::fs::File::open("session.mp4")?)? {
///     Verdict::Intact(head) => println!("intact: {head}"),
///     verdict => println!("{verdict:?}"),
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Reading failed.
pub fn verify(reader: impl Read) -> io::Result<Verdict> {
    let mut file = Boxes { reader, chain: Chain::new() };
    match file.check() {
        Ok(verdict) | Err(Stop::With(verdict)) => Ok(verdict),
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Why reading goes no further.
enum Stop {
    With(Verdict),
    Io(io::Error),
}

struct Boxes<R> {
    reader: R,
    chain: Chain,
}

struct Header {
    kind: [u8; 4],
    bytes: [u8; 8],
    contents: u64,
}

impl<R: Read> Boxes<R> {
    fn check(&mut self) -> Result<Verdict, Stop> {
        for kind in [b"ftyp", b"moov"] {
            let header = self.next_header()?;
            if header.kind != *kind {
                return Err(Stop::With(Verdict::Edited { fragment: 0 }));
            }
            self.take_in(&header)?;
        }
        self.chain.start();
        loop {
            let header = self.next_header()?;
            match &header.kind {
                b"moof" => self.check_fragment(&header)?,
                b"uuid" => return self.check_end(&header),
                b"mfra" if self.chain.head().fragments == 0 => return Ok(Verdict::Unchained),
                _ => return Err(self.edited()),
            }
        }
    }

    /// Reads a fragment whose first header was read, and its link.
    fn check_fragment(&mut self, moof: &Header) -> Result<(), Stop> {
        self.take_in(moof)?;
        let mut next = self.next_header()?;
        if next.kind == *b"mdat" {
            self.take_in(&next)?;
            next = self.next_header()?;
        }
        let is_first = self.chain.head().fragments == 0;
        if is_first && (next.kind == *b"moof" || next.kind == *b"mfra") {
            return Err(Stop::With(Verdict::Unchained));
        }
        let edited = self.edited();
        let found = self.read_link(&next, 0)?;
        if found == self.chain.link() { Ok(()) } else { Err(edited) }
    }

    /// Reads the chain's end, whose header was read, and the index.
    fn check_end(&mut self, header: &Header) -> Result<Verdict, Stop> {
        let edited = self.edited();
        let head = self.chain.head();
        let found = self.read_link(header, 1)?;
        self.chain.begin_end();
        let index = self.next_header()?;
        if index.kind != *b"mfra" {
            return Err(edited);
        }
        self.take_in(&index)?;
        let mut beyond = [0; 1];
        let is_at_end = self.fill(&mut beyond)? == 0;
        if is_at_end && found == self.chain.end() { Ok(Verdict::Intact(head)) } else { Err(edited) }
    }

    fn read_link(&mut self, header: &Header, flags: u32) -> Result<ChainHead, Stop> {
        if header.kind != *b"uuid" || header.contents != LINK_CONTENTS as u64 {
            return Err(self.edited());
        }
        let mut link = [0; LINK_CONTENTS];
        if self.fill(&mut link)? < link.len() {
            return Err(self.cut());
        }
        let (kind, rest) = link.split_at(16);
        let (version_and_flags, rest) = rest.split_at(4);
        let (number, hash) = rest.split_at(8);
        let (Ok(number), Ok(hash)) = (number.try_into(), hash.try_into()) else { return Err(self.edited()) };
        if kind != USER_TYPE || version_and_flags != flags.to_be_bytes() {
            return Err(self.edited());
        }
        Ok(ChainHead { fragments: u64::from_be_bytes(number), hash })
    }

    /// The header of the next box. Where the file ends or was never written, it is cut.
    fn next_header(&mut self) -> Result<Header, Stop> {
        let mut bytes = [0; 8];
        if self.fill(&mut bytes)? < bytes.len() || bytes == [0; 8] {
            return Err(self.cut());
        }
        let [a, b, c, d, kind @ ..] = bytes;
        let contents = u64::from(u32::from_be_bytes([a, b, c, d])).checked_sub(8);
        let contents = contents.ok_or_else(|| self.edited())?;
        Ok(Header { kind, bytes, contents })
    }

    /// Takes a box, whose header was read, into the next hash.
    fn take_in(&mut self, header: &Header) -> Result<(), Stop> {
        self.chain.update(&header.bytes);
        let mut buffer = [0; 8192];
        let mut left = header.contents;
        while left > 0 {
            let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let part = &mut buffer[..len];
            if self.fill(part)? < len {
                return Err(self.cut());
            }
            self.chain.update(part);
            left -= len as u64;
        }
        Ok(())
    }

    /// Reads until the buffer is full or the file ends, and tells how much was read.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Stop> {
        let mut len = 0;
        while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Io(error)),
            }
        }
        Ok(len)
    }

    fn cut(&self) -> Stop {
        Stop::With(Verdict::CutAfter(self.chain.head()))
    }

    fn edited(&self) -> Stop {
        Stop::With(Verdict::Edited { fragment: self.chain.head().fragments + 1 })
    }
}
