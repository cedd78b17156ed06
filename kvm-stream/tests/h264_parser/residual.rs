//! Blocks of coefficients (ITU-T H.264, 9.2), of which only the number is of interest.

// The standard's numbers. Were they wrong, no decoder would show the pictures.
#[path = "../../src/h264/cavlc_tables.rs"]
#[allow(dead_code, clippy::allow_attributes, reason = "it is for encoders, and read here in part")]
mod tables;

use tables::{COEFF_TOKEN, Code, RUN_BEFORE, TOTAL_ZEROS, TOTAL_ZEROS_CHROMA_DC};

use super::bits::Bits;

/// Which table the number of coefficients is by, of the numbers left and above where there are blocks (9.2.1).
pub(super) fn context(left: Option<u8>, above: Option<u8>) -> usize {
    let likely = match (left, above) {
        (Some(left), Some(above)) => (left + above).div_ceil(2),
        (one, other) => one.or(other).unwrap_or(0),
    };
    match likely {
        0 | 1 => 0,
        2 | 3 => 1,
        4..=7 => 2,
        _ => 3,
    }
}

/// Reads a block of up to so many coefficients and gives how many it has.
pub(super) fn total_coefficients(bits: &mut Bits, context: usize, most: usize) -> u8 {
    let tokens = COEFF_TOKEN[context].iter().flatten();
    let token = read(bits, tokens);
    let (total, ones) = (token / 4, token % 4);
    assert!(total <= most, "{total} coefficients in a block of {most}");
    bits.u(ones);
    levels(bits, total, ones);
    let mut zeros = 0;
    if total > 0 && total < most {
        zeros = if most == 4 {
            read(bits, &TOTAL_ZEROS_CHROMA_DC[total])
        } else {
            read(bits, &TOTAL_ZEROS[total])
        };
        assert!(total + zeros <= most, "{total} coefficients and {zeros} zeros in a block of {most}");
    }
    for _ in 1..total {
        if zeros > 0 {
            let run = read(bits, &RUN_BEFORE[zeros.min(7)]);
            assert!(run <= zeros, "a run of {run} where {zeros} zeros are left");
            zeros -= run;
        }
    }
    u8::try_from(total).expect("at most 16")
}

/// 9.2.2, for the sake of how long the levels are.
fn levels(bits: &mut Bits, total: usize, ones: usize) {
    let mut suffix_len = usize::from(total > 10 && ones < 3);
    for index in ones..total {
        let prefix = bits.zeros();
        let size = match prefix {
            14 if suffix_len == 0 => 4,
            0..=14 => suffix_len,
            _ => prefix - 3,
        };
        let mut code = (prefix.min(15) << suffix_len) + bits.u(size) as usize;
        if prefix >= 15 && suffix_len == 0 {
            code += 15;
        }
        if prefix >= 16 {
            code += (1 << (prefix - 3)) - 4096;
        }
        if index == ones && ones < 3 {
            code += 2;
        }
        let magnitude = code / 2 + 1;
        suffix_len = suffix_len.max(1);
        if magnitude > 3 << (suffix_len - 1) && suffix_len < 6 {
            suffix_len += 1;
        }
    }
}

/// Which of these codes comes next.
fn read<'a>(bits: &mut Bits, codes: impl IntoIterator<Item = &'a Code>) -> usize {
    let is_next = |code: &Code| code.len > 0 && bits.peek(code.len.into()) == u32::from(code.bits);
    let (index, code) = codes.into_iter().enumerate().find(|(_, code)| is_next(code)).expect("a code");
    bits.u(code.len.into());
    index
}
