//! Blocks of coefficients as bits: context-adaptive codes of variable length (ITU-T H.264, 9.2).

use super::bits::BitWriter;
use super::cavlc_tables::{COEFF_TOKEN, RUN_BEFORE, TOTAL_ZEROS, TOTAL_ZEROS_CHROMA_DC, coeff_token};

/// What the number of coefficients is told relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbours {
    /// `nC`: the mean of the coefficients in the blocks to the left and above, rounded up, or those of the one that
    /// is available, or 0 (9.2.1).
    Blocks(u8),
    /// The block is the DC coefficients of a chroma plane and has no such neighbours.
    ChromaDc,
}

/// The largest magnitude that a level may have. An escape code has twelve bits in the Baseline and Main profiles
/// (`level_prefix` is 15 at most), which is enough for anything but DC coefficients at the lowest quantisers.
pub(crate) const MAX_LEVEL: i16 = 2063;

/// Appends a block: its levels in the order of the scan, 4 (DC of chroma), 15 (AC) or 16 of them. Tells how many of
/// them are not zero (`total_coeff`), which neighbours' contexts depend on.
///
/// No magnitude is above [`MAX_LEVEL`].
#[inline]
pub(crate) fn write_block(bits: &mut BitWriter, levels: &[i16], neighbours: Neighbours) -> u8 {
    let mut nonzero = 0;
    for (index, level) in levels.iter().enumerate() {
        nonzero |= u32::from(*level != 0) << index;
    }
    write_nonzero(bits, levels, nonzero, neighbours)
}

/// As [`write_block`], for a caller that knows which levels are not zero: bit 0 is for the first one.
#[inline]
pub(crate) fn write_nonzero(
    bits: &mut BitWriter,
    levels: &[i16],
    nonzero: u32,
    neighbours: Neighbours,
) -> u8 {
    let (tokens, total_zeros) = match neighbours {
        Neighbours::Blocks(coefficients) => (coeff_token(coefficients), None),
        Neighbours::ChromaDc => (&COEFF_TOKEN[4], Some(&TOTAL_ZEROS_CHROMA_DC)),
    };
    if nonzero == 0 {
        let token = tokens[0][0];
        bits.put(u32::from(token.len), u32::from(token.bits));
        return 0;
    }
    let total = nonzero.count_ones() as usize & 31;
    let mut left = nonzero;
    // The levels go from the last one to the first. Those of magnitude one that come first are trailing ones, three
    // at most, of which only the signs are told.
    let mut ones = 0;
    let mut signs = 0;
    while left != 0 && ones < 3 {
        let level = levels[last(left)];
        if level.unsigned_abs() != 1 {
            break;
        }
        signs = (signs << 1) | u32::from(level < 0);
        ones += 1;
        left ^= 1 << last(left);
    }
    let token = tokens[total][ones as usize & 3];
    bits.put(u32::from(token.len) + ones, (u32::from(token.bits) << ones) | signs);
    if left != 0 {
        write_levels(bits, levels, left, total, ones);
    }

    let capacity = levels.len();
    if total == capacity {
        return narrow(total);
    }
    let last_index = last(nonzero);
    let mut zeros = last_index + 1 - total;
    let code = match total_zeros {
        None => TOTAL_ZEROS[total & 15][zeros & 15],
        Some(table) => table[total & 3][zeros & 3],
    };
    let (mut run_bits, mut run_len) = (u32::from(code.bits), u32::from(code.len));
    let mut left = nonzero;
    let mut index = last_index;
    while zeros > 0 {
        left ^= 1 << index;
        // What is before the first level needs no telling.
        if left == 0 {
            break;
        }
        let before = last(left);
        let run = index - 1 - before;
        let code = RUN_BEFORE[zeros.min(7)][run];
        if run_len + u32::from(code.len) > 32 {
            bits.put(run_len, run_bits);
            (run_bits, run_len) = (0, 0);
        }
        run_bits = (run_bits << code.len) | u32::from(code.bits);
        run_len += u32::from(code.len);
        zeros -= run;
        index = before;
    }
    bits.put(run_len, run_bits);
    narrow(total)
}

/// Writes the levels of the set that are left behind the trailing ones (9.2.2.1, the other way round).
#[inline]
fn write_levels(bits: &mut BitWriter, levels: &[i16], mut left: u32, total: usize, ones: u32) {
    let mut suffix_len = u32::from(total > 10 && ones < 3);
    // The first one is no trailing one; where it might have been one, its magnitude is more than one.
    let mut known = if ones < 3 { 2 } else { 0 };
    while left != 0 {
        let level = levels[last(left)];
        left ^= 1 << last(left);
        let magnitude = u32::from(level.unsigned_abs());
        debug_assert!(magnitude <= u32::from(MAX_LEVEL.unsigned_abs()), "a level of {level}");
        let number = 2 * magnitude - 2 + u32::from(level < 0) - known;
        known = 0;
        // A prefix of zeros and a one, and a suffix behind it.
        if number < 15 << suffix_len && (suffix_len > 0 || number < 14) {
            let prefix = number >> suffix_len;
            bits.put(prefix + 1 + suffix_len, (1 << suffix_len) | (number & ((1 << suffix_len) - 1)));
        } else if suffix_len == 0 && number < 30 {
            bits.put(15 + 4, (1 << 4) | (number - 14));
        } else {
            let escaped = number - if suffix_len == 0 { 30 } else { 15 << suffix_len };
            bits.put(16 + 12, (1 << 12) | escaped);
        }
        suffix_len = suffix_len.max(1);
        if magnitude > 3 << (suffix_len - 1) && suffix_len < 6 {
            suffix_len += 1;
        }
    }
}

/// The highest bit of a set that has one.
#[inline(always)]
fn last(set: u32) -> usize {
    // Levels are 16 at most.
    (31 - set.leading_zeros()) as usize & 15
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a block has sixteen coefficients at most")]
fn narrow(total: usize) -> u8 {
    total as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::h264::cavlc_tables::Code;

    /// Reads a block as 9.2 tells it, bit by bit.
    struct Reader {
        bits: Vec<bool>,
        place: usize,
    }

    impl Reader {
        fn new(bits: &BitWriter) -> Self {
            let len = bits.bit_len();
            let mut bits = bits.clone();
            bits.finish_rbsp();
            let bits =
                bits.as_bytes().iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
            Self { bits: bits.take(len).collect(), place: 0 }
        }

        fn read(&mut self, count: u8) -> i32 {
            (0..count).fold(0, |value, _| {
                self.place += 1;
                value << 1 | i32::from(self.bits[self.place - 1])
            })
        }

        /// The index of the code that comes next.
        fn index(&mut self, codes: &[Code]) -> usize {
            for (index, code) in codes.iter().enumerate().filter(|(_, code)| code.len > 0) {
                let start = self.place;
                if start + usize::from(code.len) <= self.bits.len()
                    && self.read(code.len) == i32::from(code.bits)
                {
                    return index;
                }
                self.place = start;
            }
            panic!("no such code");
        }

        fn levels(&mut self, capacity: usize, neighbours: Neighbours) -> Vec<i16> {
            let tokens = match neighbours {
                Neighbours::Blocks(coefficients) => coeff_token(coefficients),
                Neighbours::ChromaDc => &COEFF_TOKEN[4],
            };
            let token = self.index(tokens.as_flattened());
            let (total, ones) = (token / 4, token % 4);
            let mut levels = vec![0; capacity];
            if total == 0 {
                return levels;
            }
            let mut suffix_len = u8::from(total > 10 && ones < 3);
            let mut values = Vec::new();
            for index in 0..total {
                if index < ones {
                    values.push(1 - 2 * self.read(1));
                    continue;
                }
                let mut prefix = 0;
                while self.read(1) == 0 {
                    prefix += 1;
                }
                assert!(prefix <= 15, "more is for the High profiles");
                let mut number = prefix << suffix_len;
                if suffix_len > 0 || prefix >= 14 {
                    let len = match prefix {
                        14 if suffix_len == 0 => 4,
                        15 => 12,
                        _ => suffix_len,
                    };
                    number += self.read(len);
                }
                if prefix == 15 && suffix_len == 0 {
                    number += 15;
                }
                if index == ones && ones < 3 {
                    number += 2;
                }
                let value = if number % 2 == 0 { (number + 2) >> 1 } else { (-number - 1) >> 1 };
                if suffix_len == 0 {
                    suffix_len = 1;
                }
                if value.abs() > 3 << (suffix_len - 1) && suffix_len < 6 {
                    suffix_len += 1;
                }
                values.push(value);
            }
            let mut zeros = match neighbours {
                _ if total == capacity => 0,
                Neighbours::Blocks(_) => self.index(&TOTAL_ZEROS[total]),
                Neighbours::ChromaDc => self.index(&TOTAL_ZEROS_CHROMA_DC[total]),
            };
            let mut place = zeros + total;
            for (index, value) in values.into_iter().enumerate() {
                place -= 1;
                levels[place] = i16::try_from(value).unwrap();
                if zeros > 0 && index + 1 < total {
                    let run = self.index(&RUN_BEFORE[zeros.min(7)]);
                    zeros -= run;
                    place -= run;
                }
            }
            levels
        }
    }

    fn check(levels: &[i16], neighbours: Neighbours) {
        let mut bits = BitWriter::new();
        bits.put(3, 5);
        let total = write_block(&mut bits, levels, neighbours);
        assert_eq!(usize::from(total), levels.iter().filter(|level| **level != 0).count());
        let mut reader = Reader::new(&bits);
        reader.read(3);
        assert_eq!(reader.levels(levels.len(), neighbours), levels);
        assert_eq!(reader.place, bits.bit_len());
    }

    #[test]
    fn an_example_by_hand() {
        // 0, 3, 0, 1, -1, -1, 0, 1, 0…: five coefficients, three trailing ones, three zeros between them.
        let mut bits = BitWriter::new();
        let levels = [0, 3, 0, 1, -1, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(write_block(&mut bits, &levels, Neighbours::Blocks(0)), 5);
        let mut expected = BitWriter::new();
        // Token 0000100; signs 0, 1, 1; levels 1 (1) and 3 (0010); zeros 111; runs 10, 1, 1, 01.
        for (count, value) in [(7, 4), (3, 3), (1, 1), (4, 2), (3, 7), (2, 2), (1, 1), (1, 1), (2, 1)] {
            expected.put(count, value);
        }
        bits.finish_rbsp();
        expected.finish_rbsp();
        assert_eq!(bits.as_bytes(), expected.as_bytes());
    }

    #[test]
    fn every_pattern_of_zeros_is_read_back() {
        for pattern in 0_u32..1 << 16 {
            let expected = u8::try_from(pattern % 17).unwrap();
            let levels: Vec<i16> =
                (0..16).map(|index| i16::from(pattern >> index & 1 != 0) * (1 + index % 3)).collect();
            check(&levels, Neighbours::Blocks(expected));
            check(&levels[1..], Neighbours::Blocks(expected));
            check(&levels[..4], Neighbours::ChromaDc);
        }
    }

    #[test]
    fn every_level_is_read_back_in_every_place() {
        for level in 1..=MAX_LEVEL {
            for level in [level, -level] {
                // Behind levels that make the suffix as long as it gets, or short.
                for after in [0, 1, 2, 3, 6, 12, 24, 48, 96] {
                    let mut levels = [0; 16];
                    levels[..8].copy_from_slice(&[level, after, level, after, level, after, after, after]);
                    check(&levels, Neighbours::Blocks(0));
                    levels[4..].fill(after);
                    check(&levels, Neighbours::Blocks(8));
                }
            }
        }
    }

    fn levels(len: usize) -> impl Strategy<Value = Vec<i16>> {
        let level = prop_oneof![
            4 => Just(0_i16),
            4 => -1_i16..=1,
            2 => -20_i16..=20,
            1 => -MAX_LEVEL..=MAX_LEVEL,
        ];
        proptest::collection::vec(level, len)
    }

    proptest! {
        #[test]
        fn any_levels_are_read_back(
            luma in levels(16),
            ac in levels(15),
            dc in levels(4),
            coefficients in 0_u8..=16,
        ) {
            check(&luma, Neighbours::Blocks(coefficients));
            check(&ac, Neighbours::Blocks(coefficients));
            check(&dc, Neighbours::ChromaDc);
        }
    }
}
