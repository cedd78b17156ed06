//! Bits in bytes, the highest first.

/// Appends bits to bytes.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    // The last bits that were put, of which fewer than 32 are not in `out` yet.
    waiting: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, waiting: 0, count: 0 }
    }

    /// Appends the low bits of a number, at most 32, above which it has none.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.waiting = self.waiting << count | u64::from(bits);
        self.count += count;
        if self.count >= 32 {
            self.count -= 32;
            #[expect(clippy::cast_possible_truncation, reason = "the others are written already")]
            let whole = (self.waiting >> self.count) as u32;
            self.out.extend_from_slice(&whole.to_be_bytes());
        }
    }

    /// Fills the last byte up with zeros.
    pub(super) fn finish(self) {
        #[expect(clippy::cast_possible_truncation, reason = "the others are written already")]
        let last = (self.waiting << (32 - self.count)) as u32;
        self.out.extend_from_slice(&last.to_be_bytes()[..self.count.div_ceil(8) as usize]);
    }
}
