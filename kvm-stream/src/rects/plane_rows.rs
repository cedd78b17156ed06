//! The numbers of a captured picture as they are, sorted into planes.

use kvm_capture::convert::{ColourMap, ColourModel};
use kvm_capture::{FrameFormat, ImageView, PixelFormat, Range};

use crate::Rect;
use crate::simd::{Instructions, Kernel};

/// Reads rows of three planes: luma, Cb and Cr; or green, and what blue and red are above it.
#[derive(Debug)]
pub(super) struct PlaneRows {
    instructions: Instructions,
}

impl PlaneRows {
    pub(super) fn new() -> Self {
        Self { instructions: Instructions::detected() }
    }

    /// What colours pictures of this format become; `None` if planes do not tell them exactly.
    pub(super) fn colours(format: FrameFormat) -> Option<Colours> {
        let map = ColourMap::between(ColourModel::of(format), ColourModel::Rgb(Range::Full));
        if is_rgb(format.pixel) {
            return map.is_identity().then_some(Colours::AboveGreen);
        }
        Some(Colours::Mapped(map))
    }

    /// How much smaller the second and third plane are than the first, as powers of two of width and height.
    pub(super) fn shifts(pixel: PixelFormat) -> (u32, u32) {
        match pixel {
            PixelFormat::Grey => (1, 1),
            _ if is_rgb(pixel) => (0, 0),
            _ => pixel.chroma_shifts(),
        }
    }

    /// Fills `out` with a row of a plane, 0 to 2: of the part of it that belongs to the rectangle, which begins between
    /// pixels that do not share colour differences.
    pub(super) fn read(&self, image: &ImageView<'_>, plane: usize, rect: Rect, row: usize, out: &mut [u8]) {
        let (shift_x, shift_y) = if plane == 0 { (0, 0) } else { Self::shifts(image.format().pixel) };
        let (x, y) = ((rect.x >> shift_x) as usize, (rect.y >> shift_y) as usize + row);
        let source = |index: usize| image.plane(index).row(y);
        match (image.format().pixel, plane) {
            (PixelFormat::Grey, 1..) => out.fill(128),
            (PixelFormat::Yuyv | PixelFormat::Yvyu, 0) => self.take::<2, 0>(source(0), x, out),
            (PixelFormat::Uyvy | PixelFormat::Vyuy, 0) => self.take::<2, 1>(source(0), x, out),
            (PixelFormat::Uyvy, 1) | (PixelFormat::Vyuy, 2) => self.take::<4, 0>(source(0), x, out),
            (PixelFormat::Uyvy, _) | (PixelFormat::Vyuy, 1) => self.take::<4, 2>(source(0), x, out),
            (PixelFormat::Yuyv, 1) | (PixelFormat::Yvyu, 2) => self.take::<4, 1>(source(0), x, out),
            (PixelFormat::Yuyv, _) | (PixelFormat::Yvyu, 1) => self.take::<4, 3>(source(0), x, out),
            (PixelFormat::Nv12 | PixelFormat::Nv16 | PixelFormat::Nv24, 1) => {
                self.take::<2, 0>(source(1), x, out);
            }
            (PixelFormat::Nv12 | PixelFormat::Nv16 | PixelFormat::Nv24, 2) => {
                self.take::<2, 1>(source(1), x, out);
            }
            (PixelFormat::Rgb24, _) => self.above_green::<3>(source(0), x, [0, 1, 2], plane, out),
            (PixelFormat::Bgr24, _) => self.above_green::<3>(source(0), x, [2, 1, 0], plane, out),
            (PixelFormat::Xrgb, _) => self.above_green::<4>(source(0), x, [1, 2, 3], plane, out),
            (PixelFormat::Bgrx, _) => self.above_green::<4>(source(0), x, [2, 1, 0], plane, out),
            (_, plane) => out.copy_from_slice(&source(plane)[x..x + out.len()]),
        }
    }

    fn take<const STEP: usize, const PLACE: usize>(&self, row: &[u8], x: usize, out: &mut [u8]) {
        self.instructions.run(Take::<STEP, PLACE> { row: &row[x * STEP..], out });
    }

    fn above_green<const BYTES: usize>(
        &self,
        row: &[u8],
        x: usize,
        [red, green, blue]: [usize; 3],
        plane: usize,
        out: &mut [u8],
    ) {
        let place = [green, blue, red][plane];
        let green = if plane == 0 { None } else { Some(green) };
        self.instructions.run(AboveGreen::<BYTES> { row: &row[x * BYTES..], place, green, out });
    }
}

/// What the numbers of the planes become as colours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Colours {
    /// Green, and what blue and red are above it, modulo 256.
    AboveGreen,
    /// Luma, Cb and Cr, by this map.
    Mapped(ColourMap),
}

fn is_rgb(pixel: PixelFormat) -> bool {
    matches!(pixel, PixelFormat::Rgb24 | PixelFormat::Bgr24 | PixelFormat::Xrgb | PixelFormat::Bgrx)
}

/// Takes the byte at one place of every few.
struct Take<'a, const STEP: usize, const PLACE: usize> {
    row: &'a [u8],
    out: &'a mut [u8],
}

impl<const STEP: usize, const PLACE: usize> Kernel for Take<'_, STEP, PLACE> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, bytes) in self.out.iter_mut().zip(self.row.chunks_exact(STEP)) {
            *out = bytes[PLACE];
        }
    }
}

/// Takes one colour of pixels, less green where that is asked for.
struct AboveGreen<'a, const BYTES: usize> {
    row: &'a [u8],
    place: usize,
    green: Option<usize>,
    out: &'a mut [u8],
}

impl<const BYTES: usize> Kernel for AboveGreen<'_, BYTES> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let pixels = self.out.iter_mut().zip(self.row.chunks_exact(BYTES));
        if let Some(green) = self.green {
            pixels.for_each(|(out, bytes)| *out = bytes[self.place].wrapping_sub(bytes[green]));
        } else {
            pixels.for_each(|(out, bytes)| *out = bytes[self.place]);
        }
    }
}
