//! What the tiles of a picture are: of one colour, drawn, or a photo.

use kvm_capture::{ImageView, PixelFormat};

use crate::Rect;
use crate::simd::{Instructions, Kernel};

/// What a tile of a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// All of one brightness, as where all is of one colour.
    Plain,
    /// Text, lines, areas: neighbours are equal or differ a lot.
    Drawn,
    /// Neighbours are hardly ever equal, or differ by little.
    Photo,
}

/// Looks at tiles, a row of them at a time.
///
/// The measure is that of [`classify`](crate::classify()), which samples large areas; this one looks at every pixel,
/// in the capture's own numbers, and leans towards what is exact.
#[derive(Debug)]
pub(super) struct TileScan {
    instructions: Instructions,
    bright: Vec<u8>,
    /// For each column the lowest and the highest brightness.
    lowest: Vec<u8>,
    highest: Vec<u8>,
    /// For each column how many pixels are as bright as their right neighbour.
    equal: Vec<u8>,
    /// For each column how many pixels differ from their right neighbour by less than [`SMALL_STEP`], or not at all.
    near: Vec<u8>,
}

impl TileScan {
    pub(super) fn new() -> Self {
        Self {
            instructions: Instructions::detected(),
            bright: Vec::new(),
            lowest: Vec::new(),
            highest: Vec::new(),
            equal: Vec::new(),
            near: Vec::new(),
        }
    }

    /// Reads part of a row of tiles; its left is even where pixels share their colour differences.
    pub(super) fn read(&mut self, image: &ImageView<'_>, strip: Rect) {
        let width = strip.width as usize;
        self.bright.resize(width, 0);
        for (columns, first) in
            [(&mut self.equal, 0), (&mut self.near, 0), (&mut self.lowest, u8::MAX), (&mut self.highest, 0)]
        {
            columns.clear();
            columns.resize(width, first);
        }
        for y in strip.y..strip.bottom() {
            let row = image.plane(0).row(y as usize);
            // Where in the bytes of a pixel the brightness is: luma, or green.
            match image.format().pixel {
                PixelFormat::Yuyv | PixelFormat::Yvyu => self.count::<2, 0>(row, strip.x),
                PixelFormat::Uyvy | PixelFormat::Vyuy => self.count::<2, 1>(row, strip.x),
                PixelFormat::Rgb24 | PixelFormat::Bgr24 => self.count::<3, 1>(row, strip.x),
                PixelFormat::Bgrx => self.count::<4, 1>(row, strip.x),
                PixelFormat::Xrgb => self.count::<4, 2>(row, strip.x),
                _ => self.count::<1, 0>(row, strip.x),
            }
        }
    }

    /// What a tile is: these columns of what was read last, of this many rows.
    pub(super) fn content(&self, columns: std::ops::Range<usize>, rows: u32) -> Content {
        // The last column's neighbours are those of the tile to the right.
        let inner = columns.start..columns.end - 1;
        let sum = |counts: &[u8]| counts.iter().map(|count| u32::from(*count)).sum::<u32>();
        let (equal, near) = (sum(&self.equal[inner.clone()]), sum(&self.near[inner.clone()]));
        let pairs = u32::try_from(inner.len()).unwrap_or(u32::MAX) * rows;
        let (similar, others) = (near - equal, pairs - equal);
        if others == 0 && self.lowest[columns.start] == self.highest[columns.start] {
            Content::Plain
        } else if (equal * 100 >= pairs * 40 && similar * 100 <= others * 45) || equal * 100 >= pairs * 75 {
            // Many are equal and the others mostly differ by steps that can be seen; or nearly all are equal.
            Content::Drawn
        } else {
            Content::Photo
        }
    }

    fn count<const BYTES: usize, const PLACE: usize>(&mut self, row: &[u8], left: u32) {
        let row = &row[left as usize * BYTES..];
        let Self { bright, lowest, highest, equal, near, .. } = self;
        self.instructions.run(Count::<BYTES, PLACE> { row, bright, lowest, highest, equal, near });
    }
}

/// Counts, for one row of pixels, those that are like their right neighbours.
struct Count<'a, const BYTES: usize, const PLACE: usize> {
    row: &'a [u8],
    bright: &'a mut [u8],
    lowest: &'a mut [u8],
    highest: &'a mut [u8],
    equal: &'a mut [u8],
    near: &'a mut [u8],
}

impl<const BYTES: usize, const PLACE: usize> Kernel for Count<'_, BYTES, PLACE> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (bright, pixel) in self.bright.iter_mut().zip(self.row.chunks_exact(BYTES)) {
            *bright = pixel[PLACE];
        }
        for (bright, (lowest, highest)) in self.bright.iter().zip(self.lowest.iter_mut().zip(self.highest)) {
            *lowest = (*lowest).min(*bright);
            *highest = (*highest).max(*bright);
        }
        let neighbours = self.bright.iter().zip(&self.bright[1..]);
        for ((here, right), (equal, near)) in neighbours.zip(self.equal.iter_mut().zip(self.near)) {
            let step = here.abs_diff(*right);
            *equal += u8::from(step == 0);
            *near += u8::from(step < SMALL_STEP);
        }
    }
}

/// Steps below which two pixels count as similar.
const SMALL_STEP: u8 = 8;
