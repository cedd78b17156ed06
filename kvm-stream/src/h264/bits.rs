//! Bits as the syntax of H.264 writes them (ITU-T H.264, 7.2 and 9.1).

/// Writes a raw byte sequence payload (RBSP) bit by bit, keeping its memory from one to the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// The bits that are not in `bytes` yet, the last one in the lowest bit; above them may be some that are.
    word: u64,
    /// INVARIANT: how many of the word's bits are not in `bytes` yet, 0 to 63.
    pending: u32,
}

/// A place to go back to, of one [`BitWriter`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    bytes: usize,
    word: u64,
    pending: u32,
}

impl BitWriter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Begins a new payload.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        (self.word, self.pending) = (0, 0);
    }

    /// Appends the lowest `count` bits of `value`, 32 at most; the value has no others.
    #[inline(always)]
    pub(crate) fn put(&mut self, count: u32, value: u32) {
        debug_assert!(count == 32 || (count < 32 && value >> count == 0), "{value} in {count} bits");
        let value = u64::from(value);
        let pending = self.pending + count;
        if pending < u64::BITS {
            self.word = (self.word << count) | value;
            self.pending = pending;
        } else {
            let over = pending - u64::BITS;
            // `over` is less than `count` unless nothing is pending, when `count` would have to be 64.
            let full = (self.word << (count - over)) | (value >> over);
            self.bytes.extend_from_slice(&full.to_be_bytes());
            (self.word, self.pending) = (value, over);
        }
    }

    /// Appends an unsigned number as `ue(v)`.
    #[inline(always)]
    pub(crate) fn ue(&mut self, value: u32) {
        if value < 0xFFFF {
            let code = value + 1;
            self.put(2 * (u32::BITS - code.leading_zeros()) - 1, code);
        } else {
            self.long_ue(value);
        }
    }

    /// Appends a signed number as `se(v)` (9.1.1).
    #[inline(always)]
    pub(crate) fn se(&mut self, value: i32) {
        let magnitude = value.unsigned_abs();
        self.ue(if value > 0 { magnitude * 2 - 1 } else { magnitude * 2 });
    }

    /// How many bits there are.
    #[inline(always)]
    pub(crate) fn bit_len(&self) -> usize {
        self.bytes.len() * 8 + self.pending as usize
    }

    /// Appends zeros until a byte begins, as before the samples of I_PCM (7.3.5).
    pub(crate) fn align_with_zeros(&mut self) {
        self.put((8 - self.pending % 8) % 8, 0);
    }

    /// Appends whole bytes, where a byte begins.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        debug_assert!(self.pending % 8 == 0, "a byte begins here");
        self.flush();
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends the payload (`rbsp_trailing_bits`, 7.3.2.11): a one, and zeros until a byte begins.
    pub(crate) fn finish_rbsp(&mut self) {
        self.put(1, 1);
        self.align_with_zeros();
        self.flush();
    }

    /// The payload's bytes; all of them once it is [finished](Self::finish_rbsp).
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// This place, to [go back](Self::rewind) to.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), word: self.word, pending: self.pending }
    }

    /// Takes back what was written since a mark of this payload.
    #[inline]
    pub(crate) fn rewind(&mut self, mark: Mark) {
        debug_assert!(mark.bytes <= self.bytes.len(), "the mark is of this payload");
        self.bytes.truncate(mark.bytes);
        (self.word, self.pending) = (mark.word, mark.pending);
    }

    #[cold]
    fn long_ue(&mut self, value: u32) {
        // 2³² has 33 bits, and no syntax element is as large.
        let code = value.checked_add(1).expect("numbers in the syntax are smaller than 2³² - 1");
        let len = u32::BITS - code.leading_zeros();
        self.put(len - 1, 0);
        self.put(len, code);
    }

    /// Moves whole bytes out of the word.
    fn flush(&mut self) {
        while self.pending >= 8 {
            self.pending -= 8;
            self.bytes.push((self.word >> self.pending).to_be_bytes()[7]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a writer holds, as a text of zeros and ones.
    fn text(bits: &BitWriter) -> String {
        let len = bits.bit_len();
        let mut bits = bits.clone();
        bits.finish_rbsp();
        let mut text: String = bits.as_bytes().iter().map(|byte| format!("{byte:08b}")).collect();
        assert!(text[len..].starts_with('1') && !text[len + 1..].contains('1'));
        assert!(text.len() - len <= 8);
        text.truncate(len);
        text
    }

    #[test]
    fn numbers_have_the_codes_of_the_standard() {
        // Tables 9-2 and 9-3.
        let unsigned =
            ["1", "010", "011", "00100", "00101", "00110", "00111", "0001000", "0001001", "0001010"];
        for (value, code) in (0..).zip(unsigned) {
            let mut bits = BitWriter::new();
            bits.ue(value);
            assert_eq!(text(&bits), code);
        }
        for (value, code) in [0, 1, -1, 2, -2, 3, -3].into_iter().zip(unsigned) {
            let mut bits = BitWriter::new();
            bits.se(value);
            assert_eq!(text(&bits), code);
        }
    }

    #[test]
    fn large_numbers_have_a_zero_for_each_bit_behind_the_first() {
        for value in [65_533_u32, 65_534, 65_535, 65_536, u32::MAX - 1] {
            let mut bits = BitWriter::new();
            bits.ue(value);
            let code = format!("{:b}", value + 1);
            assert_eq!(text(&bits), "0".repeat(code.len() - 1) + &code);
        }
    }

    #[test]
    fn bytes_begin_where_a_byte_begins() {
        let mut bits = BitWriter::new();
        bits.put(3, 0b101);
        bits.align_with_zeros();
        bits.align_with_zeros();
        bits.bytes(&[1, 2]);
        bits.put(32, 0xDEAD_BEEF);
        bits.bytes(&[3]);
        bits.finish_rbsp();
        assert_eq!(bits.as_bytes(), [0b1010_0000, 1, 2, 0xDE, 0xAD, 0xBE, 0xEF, 3, 0x80]);
        bits.clear();
        assert_eq!(bits.bit_len(), 0);
        bits.finish_rbsp();
        assert_eq!(bits.as_bytes(), [0x80]);
    }

    proptest! {
        #[test]
        fn bits_come_out_as_they_went_in(
            puts in proptest::collection::vec((0_u32..=32, any::<u32>()), 0..100),
            kept in 0_usize..100,
        ) {
            let mut bits = BitWriter::new();
            let (mut expected, mut mark) = (String::new(), (bits.mark(), 0));
            for (index, (count, value)) in puts.into_iter().enumerate() {
                let value = if count == 32 { value } else { value & ((1 << count) - 1) };
                bits.put(count, value);
                expected.extend(format!("{value:032b}").chars().skip(32 - count as usize));
                prop_assert_eq!(bits.bit_len(), expected.len());
                if index == kept {
                    mark = (bits.mark(), expected.len());
                }
            }
            prop_assert_eq!(text(&bits), &expected[..]);
            bits.rewind(mark.0);
            prop_assert_eq!(text(&bits), &expected[..mark.1]);
        }
    }
}
