//! Bytes that belong together and arrive in pieces.

use std::fmt;

/// Bytes that are only understood when all of them are there.
///
/// `Debug` shows none of them: they may be keys or passwords.
#[derive(Default)]
pub(super) struct Unit {
    held: Vec<u8>,
}

impl Unit {
    /// Takes from the front of `bytes` what is missing for `len` bytes. Answers how many that were.
    pub(super) fn fill(&mut self, bytes: &[u8], len: usize) -> usize {
        let missing = len.saturating_sub(self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..missing]);
        missing
    }

    /// The bytes, if all `len` are there.
    pub(super) fn complete(&self, len: usize) -> Option<&[u8]> {
        self.held.get(..len)
    }

    /// Empties it for what comes next.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("len", &self.held.len()).finish_non_exhaustive()
    }
}

/// The numbers of a message, which stand most significant byte first (RFC 6143, section 7).
///
/// Reading beyond the end gives zeros; whoever made the message has seen to its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// One byte at this place.
    pub(super) fn u8(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// Two bytes from this place on.
    pub(super) fn u16(self, at: usize) -> u16 {
        u16::from_be_bytes([self.u8(at), self.u8(at + 1)])
    }

    /// Four bytes from this place on.
    pub(super) fn u32(self, at: usize) -> u32 {
        u32::from_be_bytes([self.u8(at), self.u8(at + 1), self.u8(at + 2), self.u8(at + 3)])
    }

    /// So many bytes from this place on.
    pub(super) fn array<const N: usize>(self, at: usize) -> [u8; N] {
        std::array::from_fn(|index| self.u8(at + index))
    }
}
