//! Bits of a unit's payload (ITU-T H.264, 7.2 and 9.1).

pub(crate) struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// Behind the unit's header, without what prevents start codes.
    pub(super) fn of_unit(unit: &[u8]) -> Self {
        let mut bytes = Vec::new();
        let mut zeros = 0;
        for byte in &unit[1..] {
            if zeros >= 2 && *byte == 3 {
                zeros = 0;
                continue;
            }
            assert!(zeros < 2 || *byte > 3, "a start code in the midst of a unit");
            zeros = if *byte == 0 { zeros + 1 } else { 0 };
            bytes.push(*byte);
        }
        Self { bytes, at: 0 }
    }

    /// Bits read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn u(&mut self, count: usize) -> u32 {
        let value = self.peek(count);
        self.at += count;
        assert!(self.at <= self.bytes.len() * 8, "a slice is cut short");
        value
    }

    /// The next bits; behind the end there are zeros.
    pub(super) fn peek(&self, count: usize) -> u32 {
        (self.at..self.at + count).fold(0, |value, at| {
            let bit = self.bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
            value << 1 | u32::from(bit)
        })
    }

    pub(super) fn ue(&mut self) -> u32 {
        let zeros = self.zeros();
        (1 << zeros) - 1 + self.u(zeros)
    }

    pub(super) fn se(&mut self) -> i32 {
        let number = i32::try_from(self.ue()).expect("numbers of slices are small");
        if number % 2 == 0 { -(number / 2) } else { number / 2 + 1 }
    }

    /// Zeros up to the next one, which is read as well.
    pub(super) fn zeros(&mut self) -> usize {
        let mut zeros = 0;
        while self.u(1) == 0 {
            zeros += 1;
            assert!(zeros < 32, "no number has so many zeros before it");
        }
        zeros
    }

    pub(super) fn align(&mut self) {
        while self.at % 8 > 0 {
            assert_eq!(self.u(1), 0, "pcm_alignment_zero_bit");
        }
    }

    /// A one, zeros up to the next byte, and nothing more.
    pub(super) fn expect_end(&mut self) {
        assert_eq!(self.u(1), 1, "rbsp_stop_one_bit");
        self.align();
        assert_eq!(self.at, self.bytes.len() * 8, "bytes behind the last macroblock");
    }
}
