//! One zlib stream of a client.

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::EncodeError;

/// One zlib stream, which goes on from rectangle to rectangle, each ending with a flush, so that the client can
/// read all of a rectangle without the next one.
#[derive(Debug)]
pub(super) struct ZlibStream {
    compress: Compress,
    level: u8,
}

impl ZlibStream {
    pub(super) fn new(level: u8) -> Self {
        Self { compress: Compress::new(Compression::new(u32::from(level)), true), level }
    }

    /// Begins anew, as a client does that is told to.
    pub(super) fn reset(&mut self) {
        self.compress.reset();
    }

    /// Takes another level from here on, 0 to 9.
    pub(super) fn set_level(&mut self, level: u8) -> Result<(), EncodeError> {
        if level != self.level {
            self.compress.set_level(Compression::new(u32::from(level))).map_err(failed)?;
            self.level = level;
        }
        Ok(())
    }

    /// Appends the compressed input to `out`, which is grown as needed.
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut rest = input;
        loop {
            // What zlib promises of `deflateBound` is less; a flush adds a few bytes.
            out.reserve(rest.len() / 8 + 64);
            let before = self.compress.total_in();
            let status = self.compress.compress_vec(rest, out, FlushCompress::Sync).map_err(failed)?;
            let taken = usize::try_from(self.compress.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            let is_flushed = out.len() < out.capacity();
            if rest.is_empty() && (is_flushed || status == Status::BufError) {
                return Ok(());
            }
        }
    }
}

fn failed(error: impl std::fmt::Display) -> EncodeError {
    EncodeError::Codec { encoder: "zlib", reason: error.to_string() }
}
