//! Levels: how much a decoder has to be able to do (ITU-T H.264, A.3).

use super::rate::H264Rate;

/// A level, with what a stream of it keeps to (tables ).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// `level_idc`: ten times the level's number.
    pub(crate) idc: u8,
    /// `MaxMBPS`: macroblocks a second.
    pub(crate) macroblocks_per_second: u32,
    /// `MaxFS`: macroblocks of a picture. No side is longer than the square root of eight times that.
    pub(crate) picture_macroblocks: u32,
    /// `MaxDpbMbs`: macroblocks of all reference pictures.
    pub(crate) buffer_macroblocks: u32,
    /// `MaxBR`, in units of 1000 bits a second: of the slices alone.
    pub(crate) kilobits_per_second: u32,
    /// `MaxCPB`, in units of 1000 bits: what a decoder holds that is not decoded yet.
    pub(crate) buffer_kilobits: u32,
    /// `MaxVmvR`: the vertical part of a vector is at least minus this many samples, and less than this many.
    pub(crate) vertical_range: u32,
    /// `MinCR`: by how much less than its samples a picture's bytes are at least.
    pub(crate) compression: u32,
}

impl Level {
    /// The horizontal part of a vector is at least minus this many samples, and less than this many, at any level here.
    pub(crate) const HORIZONTAL_RANGE: u32 = 2048;

    /// The most bits of a macroblock (`macroblock_layer`): 128 more than its samples have.
    pub(crate) const MACROBLOCK_BITS: usize = 3200;

    /// The lowest level for pictures of so many macroblocks across and down, with so many microseconds between them at
    /// least, at a rate. `None` if not even the highest one has such pictures; if it only lacks the speed, it is taken.
    pub(crate) fn of(columns: u32, rows: u32, interval_us: u32, rate: Option<H264Rate>) -> Option<Self> {
        let macroblocks = columns.checked_mul(rows)?;
        let per_second = (u64::from(macroblocks) * 1_000_000).div_ceil(u64::from(interval_us.max(1)));
        let fitting = || {
            LEVELS.into_iter().filter(move |level| {
                // A side squared may be too large for 32 bits, a product of them was not.
                let side = u64::from(columns.max(rows));
                macroblocks <= level.picture_macroblocks
                    && side * side <= 8 * u64::from(level.picture_macroblocks)
                    && macroblocks <= level.buffer_macroblocks
            })
        };
        fitting()
            .find(|level| {
                per_second <= u64::from(level.macroblocks_per_second)
                    && rate.is_none_or(|rate| level.carries(rate))
            })
            .or_else(|| fitting().next_back())
    }

    fn carries(self, rate: H264Rate) -> bool {
        rate.bytes_per_second / 125 <= self.kilobits_per_second
            && rate.buffer_bytes / 125 <= self.buffer_kilobits
    }
}

/// Level 1b is left out: it differs from level 1 in its bit rate only.
const LEVELS: [Level; 16] = [
    level(10, 1_485, 99, 396, 64, 175, 64, 2),
    level(11, 3_000, 396, 900, 192, 500, 128, 2),
    level(12, 6_000, 396, 2_376, 384, 1_000, 128, 2),
    level(13, 11_880, 396, 2_376, 768, 2_000, 128, 2),
    level(20, 11_880, 396, 2_376, 2_000, 2_000, 128, 2),
    level(21, 19_800, 792, 4_752, 4_000, 4_000, 256, 2),
    level(22, 20_250, 1_620, 8_100, 4_000, 4_000, 256, 2),
    level(30, 40_500, 1_620, 8_100, 10_000, 10_000, 256, 2),
    level(31, 108_000, 3_600, 18_000, 14_000, 14_000, 512, 4),
    level(32, 216_000, 5_120, 20_480, 20_000, 20_000, 512, 4),
    level(40, 245_760, 8_192, 32_768, 20_000, 25_000, 512, 4),
    level(41, 245_760, 8_192, 32_768, 50_000, 62_500, 512, 2),
    level(42, 522_240, 8_704, 34_816, 50_000, 62_500, 512, 2),
    level(50, 589_824, 22_080, 110_400, 135_000, 135_000, 512, 2),
    level(51, 983_040, 36_864, 184_320, 240_000, 240_000, 512, 2),
    level(52, 2_073_600, 36_864, 184_320, 240_000, 240_000, 512, 2),
];

/// A row of table A-1.
#[expect(clippy::too_many_arguments, reason = "the columns of a table")]
const fn level(
    idc: u8,
    macroblocks_per_second: u32,
    picture_macroblocks: u32,
    buffer_macroblocks: u32,
    kilobits_per_second: u32,
    buffer_kilobits: u32,
    vertical_range: u32,
    compression: u32,
) -> Level {
    Level {
        idc,
        macroblocks_per_second,
        picture_macroblocks,
        buffer_macroblocks,
        kilobits_per_second,
        buffer_kilobits,
        vertical_range,
        compression,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idc(width_px: u32, height_px: u32, hz: u32) -> Option<u8> {
        Level::of(width_px.div_ceil(16), height_px.div_ceil(16), 1_000_000_u32.div_ceil(hz), None)
            .map(|level| level.idc)
    }

    #[test]
    fn the_usual_sizes_have_their_usual_levels() {
        assert_eq!(idc(176, 144, 15), Some(10));
        assert_eq!(idc(352, 288, 30), Some(13));
        assert_eq!(idc(720, 576, 25), Some(30));
        assert_eq!(idc(1280, 720, 30), Some(31));
        assert_eq!(idc(1280, 720, 60), Some(32));
        assert_eq!(idc(1920, 1080, 30), Some(40));
        assert_eq!(idc(1920, 1080, 60), Some(42));
        assert_eq!(idc(1920, 1200, 60), Some(50));
        assert_eq!(idc(2560, 1440, 30), Some(50));
        assert_eq!(idc(3840, 2160, 30), Some(51));
        assert_eq!(idc(3840, 2160, 60), Some(52));
    }

    #[test]
    fn a_speed_that_no_level_has_takes_the_highest_and_a_size_none() {
        assert_eq!(idc(3840, 2160, 240), Some(52));
        assert_eq!(idc(16, 16, 1_000_000), Some(52));
        assert_eq!(idc(4096, 2304, 25), Some(51));
        assert_eq!(idc(5120, 2880, 1), None);
        // 544 macroblocks are more than the root of 8 × 36,864, 543.06.
        assert_eq!(idc(8688, 16, 1), Some(51));
        assert_eq!(idc(8704, 16, 1), None);
        assert_eq!(Level::of(u32::MAX, u32::MAX, 1, None), None);
        assert_eq!(Level::of(65_536, 65_535, 0, None), None);
    }

    #[test]
    fn a_rate_takes_a_level_that_carries_it() {
        let idc = |bytes_per_second, buffer_ms| {
            let rate = H264Rate::new(bytes_per_second, std::time::Duration::from_millis(buffer_ms));
            Level::of(120, 68, 33_333, Some(rate)).map(|level| level.idc)
        };
        assert_eq!(idc(250_000, 500), Some(40));
        assert_eq!(idc(2_500_000, 1_000), Some(40));
        assert_eq!(idc(2_500_000, 2_000), Some(41));
        assert_eq!(idc(5_000_000, 1_000), Some(41));
        assert_eq!(idc(12_500_000, 1_000), Some(50));
        assert_eq!(idc(u32::MAX, 1_000), Some(52));
    }

    #[test]
    fn the_levels_grow() {
        for pair in LEVELS.windows(2) {
            assert!(pair[0].idc < pair[1].idc);
            assert!(pair[0].macroblocks_per_second <= pair[1].macroblocks_per_second);
            assert!(pair[0].picture_macroblocks <= pair[1].picture_macroblocks);
            assert!(pair[0].buffer_macroblocks <= pair[1].buffer_macroblocks);
            assert!(pair[0].kilobits_per_second <= pair[1].kilobits_per_second);
            assert!(pair[0].buffer_kilobits <= pair[1].buffer_kilobits);
            assert!(pair[0].vertical_range <= pair[1].vertical_range);
        }
    }
}
