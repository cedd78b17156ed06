//! The codes of coefficients (ITU-T H.264, 9.2): the standard's tables, in its order.

/// A code of variable length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) bits: u16,
    /// Zero where a table has no code.
    pub(super) len: u8,
}

/// How many coefficients a block has and how many of them are trailing ones, by [context](coeff_token) and those.
pub(super) static COEFF_TOKEN: [[[Code; 4]; 17]; 5] = coeff_tokens();

/// Zeros before the last coefficient of a block of 15 or 16, by how many coefficients it has and the zeros.
pub(super) static TOTAL_ZEROS: [[Code; 16]; 16] = codes_of(&TOTAL_ZEROS_4X4);

/// Zeros before the last coefficient of a block of 4, by how many coefficients it has and the zeros.
pub(super) static TOTAL_ZEROS_CHROMA_DC: [[Code; 4]; 4] = codes_of(&TOTAL_ZEROS_2X2);

/// Zeros before a coefficient, by how many are left (7 for more than 6) and how many of those are before it.
pub(super) static RUN_BEFORE: [[Code; 15]; 8] = codes_of(&RUNS);

/// The table of `coeff_token` for a number of neighbours' coefficients (`nC`).
#[inline(always)]
pub(super) fn coeff_token(coefficients: u8) -> &'static [[Code; 4]; 17] {
    const CONTEXTS: [u8; 9] = [0, 0, 1, 1, 2, 2, 2, 2, 3];
    &COEFF_TOKEN[usize::from(CONTEXTS[usize::from(coefficients.min(8))])]
}

const NONE: Code = Code { bits: 0, len: 0 };

/// The code that a text of zeros, ones and spaces shows.
const fn code(text: &str) -> Code {
    let text = text.as_bytes();
    let mut code = NONE;
    let mut index = 0;
    while index < text.len() {
        if text[index] != b' ' {
            code.bits = (code.bits << 1) | (text[index] - b'0') as u16;
            code.len += 1;
        }
        index += 1;
    }
    code
}

const fn coeff_tokens() -> [[[Code; 4]; 17]; 5] {
    let mut codes = [[[NONE; 4]; 17]; 5];
    let (mut row, mut total) = (0, 0);
    while total < 17 {
        let mut ones = 0;
        while ones <= 3 && ones <= total {
            let mut context = 0;
            while context < 5 {
                codes[context][total][ones] = code(COEFF_TOKENS[row][context]);
                context += 1;
            }
            row += 1;
            ones += 1;
        }
        total += 1;
    }
    codes
}

/// Splits texts into codes; the first text is for index 1.
const fn codes_of<const WIDTH: usize, const HEIGHT: usize>(texts: &[&str]) -> [[Code; WIDTH]; HEIGHT] {
    let mut codes = [[NONE; WIDTH]; HEIGHT];
    let mut row = 0;
    while row < texts.len() {
        let text = texts[row].as_bytes();
        let (mut place, mut column) = (0, 0);
        while place < text.len() {
            if text[place] == b' ' {
                column += 1;
            } else {
                let code = &mut codes[row + 1][column];
                code.bits = (code.bits << 1) | (text[place] - b'0') as u16;
                code.len += 1;
            }
            place += 1;
        }
        row += 1;
    }
    codes
}

/// Table 9-5. The columns are for 0 or 1, 2 or 3, 4 to 7, and 8 or more coefficients in the neighbours, and for the
/// DC coefficients of chroma; the rows for no coefficient, one that is not a trailing one, one that is, two of
/// which none is, and so on.
#[rustfmt::skip]
const COEFF_TOKENS: [[&str; 5]; 62] = [
    ["1", "11", "1111", "0000 11", "01"],
    ["0001 01", "0010 11", "0011 11", "0000 00", "0001 11"],
    ["01", "10", "1110", "0000 01", "1"],
    ["0000 0111", "0001 11", "0010 11", "0001 00", "0001 00"],
    ["0001 00", "0011 1", "0111 1", "0001 01", "0001 10"],
    ["001", "011", "1101", "0001 10", "001"],
    ["0000 0011 1", "0000 111", "0010 00", "0010 00", "0000 11"],
    ["0000 0110", "0010 10", "0110 0", "0010 01", "0000 011"],
    ["0000 101", "0010 01", "0111 0", "0010 10", "0000 010"],
    ["0001 1", "0101", "1100", "0010 11", "0001 01"],
    ["0000 0001 11", "0000 0111", "0001 111", "0011 00", "0000 10"],
    ["0000 0011 0", "0001 10", "0101 0", "0011 01", "0000 0011"],
    ["0000 0101", "0001 01", "0101 1", "0011 10", "0000 0010"],
    ["0000 11", "0100", "1011", "0011 11", "0000 000"],
    ["0000 0000 111", "0000 0100", "0001 011", "0100 00", ""],
    ["0000 0001 10", "0000 110", "0100 0", "0100 01", ""],
    ["0000 0010 1", "0000 101", "0100 1", "0100 10", ""],
    ["0000 100", "0011 0", "1010", "0100 11", ""],
    ["0000 0000 0111 1", "0000 0011 1", "0001 001", "0101 00", ""],
    ["0000 0000 110", "0000 0110", "0011 10", "0101 01", ""],
    ["0000 0001 01", "0000 0101", "0011 01", "0101 10", ""],
    ["0000 0100", "0010 00", "1001", "0101 11", ""],
    ["0000 0000 0101 1", "0000 0001 111", "0001 000", "0110 00", ""],
    ["0000 0000 0111 0", "0000 0011 0", "0010 10", "0110 01", ""],
    ["0000 0000 101", "0000 0010 1", "0010 01", "0110 10", ""],
    ["0000 0010 0", "0001 00", "1000", "0110 11", ""],
    ["0000 0000 0100 0", "0000 0001 011", "0000 1111", "0111 00", ""],
    ["0000 0000 0101 0", "0000 0001 110", "0001 110", "0111 01", ""],
    ["0000 0000 0110 1", "0000 0001 101", "0001 101", "0111 10", ""],
    ["0000 0001 00", "0000 100", "0110 1", "0111 11", ""],
    ["0000 0000 0011 11", "0000 0000 1111", "0000 1011", "1000 00", ""],
    ["0000 0000 0011 10", "0000 0001 010", "0000 1110", "1000 01", ""],
    ["0000 0000 0100 1", "0000 0001 001", "0001 010", "1000 10", ""],
    ["0000 0000 100", "0000 0010 0", "0011 00", "1000 11", ""],
    ["0000 0000 0010 11", "0000 0000 1011", "0000 0111 1", "1001 00", ""],
    ["0000 0000 0010 10", "0000 0000 1110", "0000 1010", "1001 01", ""],
    ["0000 0000 0011 01", "0000 0000 1101", "0000 1101", "1001 10", ""],
    ["0000 0000 0110 0", "0000 0001 100", "0001 100", "1001 11", ""],
    ["0000 0000 0001 111", "0000 0000 1000", "0000 0101 1", "1010 00", ""],
    ["0000 0000 0001 110", "0000 0000 1010", "0000 0111 0", "1010 01", ""],
    ["0000 0000 0010 01", "0000 0000 1001", "0000 1001", "1010 10", ""],
    ["0000 0000 0011 00", "0000 0001 000", "0000 1100", "1010 11", ""],
    ["0000 0000 0001 011", "0000 0000 0111 1", "0000 0100 0", "1011 00", ""],
    ["0000 0000 0001 010", "0000 0000 0111 0", "0000 0101 0", "1011 01", ""],
    ["0000 0000 0001 101", "0000 0000 0110 1", "0000 0110 1", "1011 10", ""],
    ["0000 0000 0010 00", "0000 0000 1100", "0000 1000", "1011 11", ""],
    ["0000 0000 0000 1111", "0000 0000 0101 1", "0000 0011 01", "1100 00", ""],
    ["0000 0000 0000 001", "0000 0000 0101 0", "0000 0011 1", "1100 01", ""],
    ["0000 0000 0001 001", "0000 0000 0100 1", "0000 0100 1", "1100 10", ""],
    ["0000 0000 0001 100", "0000 0000 0110 0", "0000 0110 0", "1100 11", ""],
    ["0000 0000 0000 1011", "0000 0000 0011 1", "0000 0010 01", "1101 00", ""],
    ["0000 0000 0000 1110", "0000 0000 0010 11", "0000 0011 00", "1101 01", ""],
    ["0000 0000 0000 1101", "0000 0000 0011 0", "0000 0010 11", "1101 10", ""],
    ["0000 0000 0001 000", "0000 0000 0100 0", "0000 0010 10", "1101 11", ""],
    ["0000 0000 0000 0111", "0000 0000 0010 01", "0000 0001 01", "1110 00", ""],
    ["0000 0000 0000 1010", "0000 0000 0010 00", "0000 0010 00", "1110 01", ""],
    ["0000 0000 0000 1001", "0000 0000 0010 10", "0000 0001 11", "1110 10", ""],
    ["0000 0000 0000 1100", "0000 0000 0000 1", "0000 0001 10", "1110 11", ""],
    ["0000 0000 0000 0100", "0000 0000 0001 11", "0000 0000 01", "1111 00", ""],
    ["0000 0000 0000 0110", "0000 0000 0001 10", "0000 0001 00", "1111 01", ""],
    ["0000 0000 0000 0101", "0000 0000 0001 01", "0000 0000 11", "1111 10", ""],
    ["0000 0000 0000 1000", "0000 0000 0001 00", "0000 0000 10", "1111 11", ""],
];

/// Tables 9-7 and 9-8: a line for each number of coefficients from 1, a code for each number of zeros from 0.
const TOTAL_ZEROS_4X4: [&str; 15] = [
    "1 011 010 0011 0010 00011 00010 000011 000010 0000011 0000010 00000011 00000010 000000011 000000010 000000001",
    "111 110 101 100 011 0101 0100 0011 0010 00011 00010 000011 000010 000001 000000",
    "0101 111 110 101 0100 0011 100 011 0010 00011 00010 000001 00001 000000",
    "00011 111 0101 0100 110 101 100 0011 011 0010 00010 00001 00000",
    "0101 0100 0011 111 110 101 100 011 0010 00001 0001 00000",
    "000001 00001 111 110 101 100 011 010 0001 001 000000",
    "000001 00001 101 100 011 11 010 0001 001 000000",
    "000001 0001 00001 011 11 10 010 001 000000",
    "000001 000000 0001 11 10 001 01 00001",
    "00001 00000 001 11 10 01 0001",
    "0000 0001 001 010 1 011",
    "0000 0001 01 1 001",
    "000 001 1 01",
    "00 01 1",
    "0 1",
];

/// Table 9-9 (a).
const TOTAL_ZEROS_2X2: [&str; 3] = ["1 01 001 000", "1 01 00", "1 0"];

/// Table 9-10: a line for each number of zeros left from 1, the last one for 7 and more.
const RUNS: [&str; 7] = [
    "1 0",
    "1 01 00",
    "11 10 01 00",
    "11 10 01 001 000",
    "11 10 011 010 001 000",
    "11 000 001 011 010 101 100",
    "111 110 101 100 011 010 001 0001 00001 000001 0000001 00000001 000000001 0000000001 00000000001",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that no code begins another one, and tells how many of 2¹⁶ texts of 16 bits begin with none.
    fn unused(codes: impl IntoIterator<Item = Code>) -> u32 {
        let codes: Vec<Code> = codes.into_iter().filter(|code| *code != NONE).collect();
        let mut ranges: Vec<_> = codes
            .iter()
            .map(|code| {
                let start = u32::from(code.bits) << (16 - code.len);
                start..start + (1 << (16 - code.len))
            })
            .collect();
        ranges.sort_by_key(|range| range.start);
        for pair in ranges.windows(2) {
            assert!(pair[0].end <= pair[1].start, "a code begins another one: {pair:?}");
        }
        (1 << 16) - ranges.iter().map(|range| range.end - range.start).sum::<u32>()
    }

    fn count(codes: &[Code]) -> usize {
        codes.iter().take_while(|code| **code != NONE).count()
    }

    #[test]
    fn tokens_can_be_told_apart() {
        // The first three lack 15, 13 and 10 zeros; the one of six bits lacks 0000 10 and 0001 11.
        let unused = COEFF_TOKEN.map(|table| unused(table.into_iter().flatten()));
        assert_eq!(unused, [1 << 1, 1 << 3, 1 << 6, 2 << 10, 0]);
        for (context, table) in COEFF_TOKEN.iter().enumerate() {
            let totals = if context == 4 { 5 } else { 17 };
            for (total, codes) in table.iter().enumerate() {
                assert_eq!(count(codes), if total < totals { total.min(3) + 1 } else { 0 });
            }
        }
    }

    #[test]
    fn zeros_can_be_told_apart() {
        for (total, codes) in TOTAL_ZEROS.iter().enumerate().skip(1) {
            assert_eq!(count(codes), 17 - total);
            // One coefficient lacks the code of nine zeros.
            assert_eq!(unused(*codes), if total == 1 { 1 << 7 } else { 0 });
        }
        for (total, codes) in TOTAL_ZEROS_CHROMA_DC.iter().enumerate().skip(1) {
            assert_eq!(count(codes), 5 - total);
            assert_eq!(unused(*codes), 0);
        }
        for (left, codes) in RUN_BEFORE.iter().enumerate().skip(1) {
            assert_eq!(count(codes), if left == 7 { 15 } else { left + 1 });
            // So does the longest table of runs, with eleven.
            assert_eq!(unused(*codes), if left == 7 { 1 << 5 } else { 0 });
        }
    }

    #[test]
    fn contexts_are_those_of_the_standard() {
        for (coefficients, context) in
            [0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3].into_iter().enumerate()
        {
            let table = coeff_token(u8::try_from(coefficients).unwrap());
            assert_eq!(table, &COEFF_TOKEN[context]);
        }
    }
}
