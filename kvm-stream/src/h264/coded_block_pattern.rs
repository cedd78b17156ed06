//! Which parts of a macroblock have coefficients (ITU-T H.264, 7.4.5 and table 9-4).

/// The number (`me(v)`) for a pattern in a macroblock of intra prediction by 4×4 blocks: the lowest four bits are for
/// the quarters of luma, the next two tell of chroma: 0 nothing, 1 only DC, 2 AC too.
#[inline(always)]
pub(crate) fn intra_4x4_number(pattern: u8) -> u32 {
    u32::from(NUMBERS[usize::from(pattern)][0])
}

/// The number (`me(v)`) for a pattern in a macroblock of inter prediction.
#[inline(always)]
pub(crate) fn inter_number(pattern: u8) -> u32 {
    u32::from(NUMBERS[usize::from(pattern)][1])
}

static NUMBERS: [[u8; 2]; 48] = {
    let mut numbers = [[0; 2]; 48];
    let mut number = 0;
    while number < 48 {
        let [intra, inter] = PATTERNS[number as usize];
        numbers[intra as usize][0] = number;
        numbers[inter as usize][1] = number;
        number += 1;
    }
    numbers
};

/// Table 9-4, for 4:2:0: by number, the patterns of intra prediction by 4×4 blocks and of inter prediction.
#[rustfmt::skip]
const PATTERNS: [[u8; 2]; 48] = [
    [47, 0], [31, 16], [15, 1], [0, 2], [23, 4], [27, 8], [29, 32], [30, 3],
    [7, 5], [11, 10], [13, 12], [14, 15], [39, 47], [43, 7], [45, 11], [46, 13],
    [16, 14], [3, 6], [5, 9], [10, 31], [12, 35], [19, 37], [21, 42], [26, 44],
    [28, 33], [35, 34], [37, 36], [42, 40], [44, 39], [1, 43], [2, 45], [4, 46],
    [8, 17], [17, 18], [18, 20], [20, 24], [24, 19], [6, 21], [9, 26], [22, 28],
    [25, 23], [32, 27], [33, 29], [34, 30], [36, 22], [40, 25], [38, 38], [41, 41],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_has_a_number_of_its_own() {
        for number_of in [intra_4x4_number, inter_number] {
            let mut numbers: Vec<u32> = (0..48).map(number_of).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..48).collect::<Vec<_>>());
        }
        assert_eq!([intra_4x4_number(47), inter_number(0)], [0, 0]);
        assert_eq!([intra_4x4_number(0), inter_number(47)], [3, 12]);
    }
}
