//! A picture to draw on.

use bytes::Bytes;

use crate::convert::Converter;
use crate::font::{GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX, glyph};
use crate::{Colour, Frame, FrameError, FrameFormat, PixelFormat};

/// A full-range colour: red, green, blue.
pub type Rgb = [u8; 3];

/// A picture to draw on with rectangles, text and pixels: test patterns, "no signal" screens, simulated targets.
///
/// Coordinates are pixels from the upper left corner. What falls outside is left out.
#[derive(Clone)]
pub struct Canvas {
    width_px: u32,
    height_px: u32,
    // INVARIANT: `width_px * height_px` pixels of B G R X.
    pixels: Vec<u8>,
}

impl Canvas {
    /// Width of a character of [`text`](Self::text), in pixels.
    pub const CHAR_WIDTH_PX: u32 = GLYPH_WIDTH_PX;
    /// Height of a character of [`text`](Self::text), in pixels.
    pub const CHAR_HEIGHT_PX: u32 = GLYPH_HEIGHT_PX;

    /// Creates a black picture.
    ///
    /// # Errors
    ///
    /// The size is zero or above [`FrameFormat::MAX_SIDE_PX`].
    pub fn new(width_px: u32, height_px: u32) -> Result<Self, FrameError> {
        let format = FrameFormat::new(PixelFormat::Bgrx, width_px, height_px);
        let sides = 1..=FrameFormat::MAX_SIDE_PX;
        if !sides.contains(&width_px) || !sides.contains(&height_px) {
            return Err(FrameError::Size { format });
        }
        Ok(Self { width_px, height_px, pixels: vec![0; format.len_bytes()] })
    }

    /// Width in pixels.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height in pixels.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, x: i32, y: i32, width: u32, height: u32, colour: Rgb) {
        let (columns, rows) = (clip(x, width, self.width_px), clip(y, height, self.height_px));
        for row in rows {
            for pixel in self.row_mut(row)[columns.start * 4..columns.end * 4].chunks_exact_mut(4) {
                pixel.copy_from_slice(&bgrx(colour));
            }
        }
    }

    /// Draws the outline of a rectangle, one pixel wide, inside its bounds.
    pub fn outline(&mut self, x: i32, y: i32, width: u32, height: u32, colour: Rgb) {
        let right = x.saturating_add_unsigned(width.saturating_sub(1));
        let bottom = y.saturating_add_unsigned(height.saturating_sub(1));
        self.fill(x, y, width, 1, colour);
        self.fill(x, bottom, width, 1, colour);
        self.fill(x, y, 1, height, colour);
        self.fill(right, y, 1, height, colour);
    }

    /// Draws one line of text; the paper is left as it is where `paper` is `None`.
    pub fn text(&mut self, x: i32, y: i32, text: &str, ink: Rgb, paper: Option<Rgb>) {
        let mut left = x;
        for character in text.chars() {
            for (bits, top) in glyph(character).into_iter().zip(y..) {
                for column in 0..GLYPH_WIDTH_PX {
                    let on = bits >> (GLYPH_WIDTH_PX - 1 - column) & 1 != 0;
                    if let Some(colour) = if on { Some(ink) } else { paper } {
                        self.set(left.saturating_add_unsigned(column), top, colour);
                    }
                }
            }
            left = left.saturating_add_unsigned(GLYPH_WIDTH_PX);
        }
    }

    /// Sets one pixel.
    pub fn set(&mut self, x: i32, y: i32, colour: Rgb) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x < self.width_px && y < self.height_px {
            let pixel = &mut self.row_mut(y as usize)[x as usize * 4..][..4];
            pixel.copy_from_slice(&bgrx(colour));
        }
    }

    /// Draws a rectangle pixel by pixel; `colour_at` gets the column and row inside it.
    pub fn shade(
        &mut self,
        (x, y): (i32, i32),
        (width, height): (u32, u32),
        mut colour_at: impl FnMut(u32, u32) -> Rgb,
    ) {
        let (columns, rows) = (clip(x, width, self.width_px), clip(y, height, self.height_px));
        // What is cut off on the left or at the top still counts in the rectangle's own columns and rows.
        let (cut_columns, cut_rows) = (x.min(0).unsigned_abs(), y.min(0).unsigned_abs());
        for (row, v) in rows.zip(cut_rows..) {
            let pixels = self.row_mut(row)[columns.start * 4..columns.end * 4].chunks_exact_mut(4);
            for (pixel, u) in pixels.zip(cut_columns..) {
                pixel.copy_from_slice(&bgrx(colour_at(u, v)));
            }
        }
    }

    /// Draws an arrow, its tip at this pixel.
    pub fn pointer(&mut self, x: i32, y: i32) {
        for row in 0..18_u8 {
            let length = if row < 12 { u32::from(row) + 1 } else { u32::from(18 - row) };
            let top = y.saturating_add(i32::from(row));
            self.fill(x, top, length, 1, [0; 3]);
            self.fill(x.saturating_add(1), top, length.saturating_sub(2), 1, [255; 3]);
        }
    }

    /// Moves everything up by that many rows; the rows uncovered at the bottom get the colour.
    pub fn scroll_up(&mut self, rows: u32, colour: Rgb) {
        let rows = rows.min(self.height_px);
        let start = (rows * self.width_px * 4) as usize;
        self.pixels.copy_within(start.., 0);
        let bottom = i32::try_from(self.height_px - rows).unwrap_or(i32::MAX);
        self.fill(0, bottom, self.width_px, rows, colour);
    }

    /// Copies the picture out as a frame of this format and colour.
    ///
    /// # Panics
    ///
    /// The format is compressed.
    pub fn to_frame(&self, pixel: PixelFormat, colour: Colour) -> Frame {
        let format = FrameFormat::new(pixel, self.width_px, self.height_px).with_colour(colour);
        let own = FrameFormat::new(PixelFormat::Bgrx, self.width_px, self.height_px);
        let copy = Frame::packed(own, Bytes::copy_from_slice(&self.pixels));
        let frame = match copy {
            Ok(frame) if format == own => return frame,
            Ok(frame) => frame,
            Err(error) => unreachable!("the invariant of `pixels`: {error}"),
        };
        let mut out = Vec::new();
        if let Some(image) = frame.image() {
            Converter::new().convert(&image, format, &mut out);
        }
        match Frame::packed(format, Bytes::from(out)) {
            Ok(frame) => frame,
            Err(error) => unreachable!("a converter fills its target: {error}"),
        }
    }

    fn row_mut(&mut self, row: usize) -> &mut [u8] {
        let row_bytes = self.width_px as usize * 4;
        &mut self.pixels[row * row_bytes..][..row_bytes]
    }
}

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canvas")
            .field("width_px", &self.width_px)
            .field("height_px", &self.height_px)
            .finish_non_exhaustive()
    }
}

fn bgrx([red, green, blue]: Rgb) -> [u8; 4] {
    [blue, green, red, 0]
}

/// The part of `start..start + len` that is inside `0..limit`.
fn clip(start: i32, len: u32, limit: u32) -> std::ops::Range<usize> {
    let inside = |edge: i64| usize::try_from(edge.clamp(0, i64::from(limit))).unwrap_or(0);
    inside(i64::from(start))..inside(i64::from(start) + i64::from(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(canvas: &Canvas, x: usize, y: usize) -> Rgb {
        let at = (y * canvas.width_px as usize + x) * 4;
        [canvas.pixels[at + 2], canvas.pixels[at + 1], canvas.pixels[at]]
    }

    #[test]
    fn drawing_is_cut_at_every_edge() {
        let mut canvas = Canvas::new(10, 10).unwrap();
        canvas.fill(-5, -5, 8, 8, [1, 2, 3]);
        canvas.fill(8, 8, u32::MAX, u32::MAX, [4, 5, 6]);
        canvas.fill(i32::MIN, i32::MAX, u32::MAX, u32::MAX, [9; 3]);
        canvas.text(-3, 4, "MM", [7; 3], None);
        canvas.outline(i32::MAX, i32::MIN, u32::MAX, 0, [9; 3]);
        canvas.shade((-1, -1), (3, 3), |u, v| [u, v, 0].map(|part| u8::try_from(part).unwrap()));
        assert_eq!(pixel(&canvas, 2, 2), [1, 2, 3]);
        assert_eq!(pixel(&canvas, 9, 9), [4, 5, 6]);
        assert_eq!(pixel(&canvas, 0, 1), [1, 2, 0]);
        assert!(canvas.pixels.iter().all(|&byte| byte != 9));
    }

    #[test]
    fn scrolling_moves_rows_up() {
        let mut canvas = Canvas::new(3, 4).unwrap();
        canvas.fill(0, 2, 3, 1, [5; 3]);
        canvas.scroll_up(2, [1; 3]);
        assert_eq!((0..4).map(|y| pixel(&canvas, 0, y)[0]).collect::<Vec<_>>(), [5, 0, 1, 1]);
        canvas.scroll_up(100, [2; 3]);
        assert_eq!(pixel(&canvas, 2, 0), [2; 3]);
    }
}
