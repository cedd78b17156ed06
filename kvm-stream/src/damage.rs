//! What changed from one frame to the next.

use crate::Rect;

/// What changed from one frame to the next, as rectangles that do not overlap.
///
/// Every pixel that changed is inside one of them. They may hold pixels that did not change: differences are
/// found by tile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    rects: Vec<Rect>,
}

impl Damage {
    /// Nothing changed.
    pub const NONE: Self = Self { rects: Vec::new() };

    /// Everything may have changed.
    pub fn full(width_px: u32, height_px: u32) -> Self {
        Self { rects: vec![Rect::new(0, 0, width_px, height_px)] }
    }

    /// The rectangles, from the top.
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// Pixels inside the rectangles.
    pub fn area(&self) -> u64 {
        self.rects.iter().map(|rect| rect.area()).sum()
    }

    /// Whether the pixel is inside one of the rectangles.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        self.rects.iter().any(|rect| rect.contains(x, y))
    }

    /// Adds what changed in one band of tiles below all bands so far, and joins each run of tiles with the
    /// rectangle right above that has the same columns.
    pub(crate) fn push_band(&mut self, runs: impl Iterator<Item = Rect>) {
        let above = self.rects.len();
        for run in runs {
            let touching = self.rects[..above]
                .iter_mut()
                .rev()
                .find(|rect| rect.x == run.x && rect.width == run.width && rect.y + rect.height == run.y);
            match touching {
                Some(rect) => rect.height += run.height,
                None => self.rects.push(run),
            }
        }
    }
}

impl FromIterator<Rect> for Damage {
    /// Takes rectangles that do not overlap.
    fn from_iter<I: IntoIterator<Item = Rect>>(rects: I) -> Self {
        Self { rects: rects.into_iter().collect() }
    }
}
