//! Tight rectangles: fill, palette, whole colours, gradient, JPEG.
//!
//! The encoding is described in the community's version of the RFB protocol ("Tight encoding", number 7).

use super::header::{Encoding, put_header};
use super::palette::Palette;
use super::zlib::ZlibStream;
use super::{ClientPixels, gradient};
use crate::{EncodeError, Rect};

/// The widest rectangle that viewers take.
pub(super) const MAX_WIDTH_PX: u32 = 2048;

/// What makes Tight rectangles for one client.
#[derive(Debug)]
pub(super) struct TightCoder {
    streams: [ZlibStream; 4],
    /// The streams that begin anew with their next use.
    is_to_reset: [bool; 4],
    palette: Palette,
    data: Vec<u8>,
    compressed: Vec<u8>,
}

impl TightCoder {
    pub(super) fn new(level: u8) -> Self {
        Self {
            streams: std::array::from_fn(|stream| ZlibStream::new(level_of(stream, level))),
            is_to_reset: [false; 4],
            palette: Palette::new(),
            data: Vec::new(),
            compressed: Vec::new(),
        }
    }

    /// Lets every stream begin anew with its next use, so that what follows can be read without what was before.
    pub(super) fn forget_history(&mut self) {
        self.is_to_reset = [true; 4];
    }

    pub(super) fn set_level(&mut self, level: u8) -> Result<(), EncodeError> {
        let mut streams = self.streams.iter_mut().enumerate();
        streams.try_for_each(|(index, stream)| stream.set_level(level_of(index, level)))
    }

    /// Appends a rectangle of one colour.
    pub(super) fn put_fill(&mut self, rect: Rect, pixel: u32, client: ClientPixels, out: &mut Vec<u8>) {
        put_header(rect, Encoding::Tight, out);
        out.push(FILL);
        client.put_tight(pixel, out);
    }

    /// Appends a rectangle that is a JPEG picture.
    pub(super) fn put_jpeg(&mut self, rect: Rect, picture: &[u8], out: &mut Vec<u8>) {
        put_header(rect, Encoding::Tight, out);
        out.push(JPEG);
        put_length(picture.len(), out);
        out.extend_from_slice(picture);
    }

    /// Begins to look for the colours of a rectangle of so many pixels; only few, where there is a way without a palette
    /// that takes many well.
    pub(super) fn start_palette(&mut self, pixels: usize, only_few: bool) {
        // A palette costs bytes for each colour; for few pixels the pixels themselves are shorter.
        let most = if only_few { FEW_COLOURS } else { Palette::MAX };
        self.palette.start((pixels / 4).clamp(2, most));
    }

    /// Takes the next pixels of the rectangle; `false` as soon as a palette does not hold their colours.
    pub(super) fn add_to_palette(&mut self, pixels: &[u32]) -> bool {
        self.palette.add(pixels)
    }

    /// Appends the rectangle whose pixels were taken, which is no wider than [`MAX_WIDTH_PX`].
    pub(super) fn put_palette(
        &mut self,
        rect: Rect,
        client: ClientPixels,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if let [pixel] = *self.palette.colours() {
            self.put_fill(rect, pixel, client, out);
            return Ok(());
        }
        self.put_indexed(rect, client, out)
    }

    /// Appends a rectangle of exactly these pixels, which are too many for a palette.
    pub(super) fn put_colours(
        &mut self,
        rect: Rect,
        pixels: &[u32],
        client: ClientPixels,
        allows_gradient: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.data.clear();
        put_header(rect, Encoding::Tight, out);
        if allows_gradient && gradient::pays(pixels, rect.width as usize, client) {
            gradient::differences(pixels, rect.width as usize, client, &mut self.data);
            self.put_control(GRADIENT_STREAM, Some(GRADIENT_FILTER), out);
            return self.put_data(GRADIENT_STREAM, out);
        }
        for pixel in pixels {
            client.put_tight(*pixel, &mut self.data);
        }
        self.put_control(COLOUR_STREAM, None, out);
        self.put_data(COLOUR_STREAM, out)
    }

    /// The pixels as numbers of colours.
    fn put_indexed(
        &mut self,
        rect: Rect,
        client: ClientPixels,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        put_header(rect, Encoding::Tight, out);
        let is_mono = self.palette.colours().len() == 2;
        let stream = if is_mono { MONO_STREAM } else { PALETTE_STREAM };
        self.put_control(stream, Some(PALETTE_FILTER), out);
        let colours = self.palette.colours();
        out.push(u8::try_from(colours.len() - 1).unwrap_or(u8::MAX));
        for colour in colours {
            client.put_tight(*colour, out);
        }
        self.data.clear();
        if is_mono {
            for row in self.palette.indices().chunks(rect.width as usize) {
                self.data.extend(row.chunks(8).map(packed));
            }
        } else {
            self.data.extend_from_slice(self.palette.indices());
        }
        self.put_data(stream, out)
    }

    /// Appends the byte that names the stream, says whether it begins anew and whether a filter is named.
    fn put_control(&mut self, stream: usize, filter: Option<u8>, out: &mut Vec<u8>) {
        let is_reset = self.is_to_reset[stream];
        let control = u8::from(is_reset) << stream | STREAM_BITS[stream];
        out.push(if filter.is_some() { control | HAS_FILTER } else { control });
        out.extend(filter);
        if std::mem::take(&mut self.is_to_reset[stream]) {
            self.streams[stream].reset();
        }
    }

    /// Appends the data at hand, compressed unless there is next to nothing.
    fn put_data(&mut self, stream: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.data.len() < MIN_TO_COMPRESS {
            out.extend_from_slice(&self.data);
            return Ok(());
        }
        self.compressed.clear();
        self.streams[stream].compress(&self.data, &mut self.compressed)?;
        put_length(self.compressed.len(), out);
        out.extend_from_slice(&self.compressed);
        Ok(())
    }
}

/// Up to eight numbers of two colours as bits: the leftmost pixel is the highest, and a row ends with its byte.
fn packed(indices: &[u8]) -> u8 {
    let mut eight = [0; 8];
    eight[..indices.len()].copy_from_slice(indices);
    // Of the products of the byte at each place and each power of two, those that meet in the highest byte are one for each
    // of its bits, and no two others meet.
    let [highest, ..] = u64::from_le_bytes(eight).wrapping_mul(0x8040_2010_0804_0201).to_be_bytes();
    highest
}

/// The level of a stream where this is asked for. The lowest knows only one fixed code, which makes differences a third
/// longer than a code of their own does.
fn level_of(stream: usize, level: u8) -> u8 {
    if stream == GRADIENT_STREAM { level.max(2) } else { level }
}

/// Appends a length of up to 22 bits in one to three bytes, lowest bits first; the highest bit of a byte says that
/// another follows.
fn put_length(length: usize, out: &mut Vec<u8>) {
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    let bits = |shift: u32| (length >> shift) as u8;
    if length < 1 << 7 {
        out.push(bits(0));
    } else if length < 1 << 14 {
        out.extend_from_slice(&[bits(0) | 0x80, bits(7)]);
    } else {
        out.extend_from_slice(&[bits(0) | 0x80, bits(7) | 0x80, bits(14)]);
    }
}

const FILL: u8 = 0x80;
const JPEG: u8 = 0x90;
const HAS_FILTER: u8 = 0x40;
const PALETTE_FILTER: u8 = 1;
const GRADIENT_FILTER: u8 = 2;
/// The most colours that make a palette where planes would do: 4 to 64 make no difference on recorded screens, 256 take more bytes.
const FEW_COLOURS: usize = 16;
/// Data of fewer bytes are not compressed.
const MIN_TO_COMPRESS: usize = 12;

// Data that look alike share a stream.
const COLOUR_STREAM: usize = 0;
const MONO_STREAM: usize = 1;
const PALETTE_STREAM: usize = 2;
const GRADIENT_STREAM: usize = 3;
const STREAM_BITS: [u8; 4] = [0x00, 0x10, 0x20, 0x30];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_packed_from_the_highest_on() {
        for byte in 0..=u8::MAX {
            let indices: Vec<u8> = (0..8).rev().map(|bit| byte >> bit & 1).collect();
            assert_eq!(packed(&indices), byte);
            assert_eq!(packed(&indices[..5]), byte & 0xF8);
        }
    }
}
