//! By how much the tiles of a picture differ from what was in their place.

use kvm_capture::ImageView;

use crate::Tiles;
use crate::layout::PlaneLayout;

/// By how much the bytes of a tile differ.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Difference {
    // The largest difference of each of sixteen interleaved bytes, as a processor computes them side by side.
    most: [u8; LANES],
    sum: u32,
    bytes: u32,
}

impl Difference {
    /// The largest difference of two bytes.
    pub(super) fn most(&self) -> u8 {
        self.most.iter().copied().fold(0, u8::max)
    }

    /// The mean difference of two bytes, in steps of 1/64.
    pub(super) fn mean(&self) -> u16 {
        u16::try_from(self.sum * MEAN_ONE / self.bytes.max(1)).unwrap_or(u16::MAX)
    }

    /// Adds the differences of bytes to those so far.
    #[inline]
    fn add(&mut self, before: &[u8], now: &[u8]) {
        self.bytes += u32::try_from(now.len()).unwrap_or(0);
        let (before_lanes, now_lanes) = (before.chunks_exact(LANES), now.chunks_exact(LANES));
        let rest = before_lanes.remainder().iter().zip(now_lanes.remainder());
        for (before, now) in before_lanes.zip(now_lanes) {
            let mut sum = 0_u32;
            for ((most, before), now) in self.most.iter_mut().zip(before).zip(now) {
                let difference = before.abs_diff(*now);
                *most = (*most).max(difference);
                sum += u32::from(difference);
            }
            self.sum += sum;
        }
        for ((before, now), most) in rest.zip(&mut self.most) {
            let difference = before.abs_diff(*now);
            *most = (*most).max(difference);
            self.sum += u32::from(difference);
        }
    }
}

/// One step as [`Difference::mean`] counts.
pub(super) const MEAN_ONE: u32 = 64;
const LANES: usize = 16;

/// Measures every tile, from the top, against a picture of the same format whose rows come from `before`, by plane
/// and row.
pub(super) fn measure<'a>(
    before: impl Fn(usize, usize) -> &'a [u8],
    now: &ImageView<'_>,
    measured: &mut Vec<Difference>,
) {
    let format = now.format();
    let columns = format.width_px.div_ceil(Tiles::TILE_PX) as usize;
    let rows = format.height_px.div_ceil(Tiles::TILE_PX) as usize;
    measured.clear();
    measured.resize(columns * rows, Difference::default());
    for (index, plane) in now.planes().iter().enumerate() {
        let layout = PlaneLayout::new(format.pixel, index);
        for (top, measured) in (0..format.height_px).step_by(16).zip(measured.chunks_mut(columns)) {
            for row in layout.rows(top..(top + Tiles::TILE_PX).min(format.height_px)) {
                add_row(before(index, row), plane.row(row), layout.tile_bytes(), measured);
            }
        }
    }
}

/// Measures one tile of two pictures of the same format.
pub(super) fn measure_tile(before: &ImageView<'_>, now: &ImageView<'_>, column: u32, row: u32) -> Difference {
    let format = now.format();
    let mut difference = Difference::default();
    for (index, (before, now)) in before.planes().iter().zip(now.planes()).enumerate() {
        let layout = PlaneLayout::new(format.pixel, index);
        let (left, top) = (column * Tiles::TILE_PX, row * Tiles::TILE_PX);
        let bytes = layout.columns(left..(left + Tiles::TILE_PX).min(format.width_px), now);
        for row in layout.rows(top..(top + Tiles::TILE_PX).min(format.height_px)) {
            difference.add(&before.row(row)[bytes.clone()], &now.row(row)[bytes.clone()]);
        }
    }
    difference
}

/// Adds the differences of one row to those of the tiles it crosses.
fn add_row(before: &[u8], now: &[u8], tile_bytes: usize, measured: &mut [Difference]) {
    let tiles = before.chunks(tile_bytes).zip(now.chunks(tile_bytes));
    for ((before, now), difference) in tiles.zip(measured) {
        difference.add(before, now);
    }
}
