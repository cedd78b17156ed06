//! Writing rows of three components per pixel as any format.

use crate::PixelFormat;

/// One row of three components, one byte per pixel each.
#[derive(Debug, Clone, Default)]
pub(super) struct Components {
    a: Vec<u8>,
    b: Vec<u8>,
    c: Vec<u8>,
}

impl Components {
    pub(super) fn resize(&mut self, pixels: usize) {
        for row in [&mut self.a, &mut self.b, &mut self.c] {
            row.resize(pixels, 0);
        }
    }

    pub(super) fn rows_mut(&mut self) -> [&mut [u8]; 3] {
        [&mut self.a, &mut self.b, &mut self.c]
    }
}

/// Writes the first plane's part of one row.
pub(super) fn pack_row(pixel: PixelFormat, Components { a, b, c }: &Components, out: &mut [u8]) {
    match pixel {
        PixelFormat::Yuyv => packed_422([0, 2, 1, 3], a, b, c, out),
        PixelFormat::Yvyu => packed_422([0, 2, 3, 1], a, b, c, out),
        PixelFormat::Uyvy => packed_422([1, 3, 0, 2], a, b, c, out),
        PixelFormat::Vyuy => packed_422([1, 3, 2, 0], a, b, c, out),
        PixelFormat::Nv12 | PixelFormat::Nv16 | PixelFormat::Nv24 | PixelFormat::I420 | PixelFormat::Grey => {
            out.copy_from_slice(a);
        }
        PixelFormat::Rgb24 => packed_rgb::<3>([0, 1, 2], a, b, c, out),
        PixelFormat::Bgr24 => packed_rgb::<3>([2, 1, 0], a, b, c, out),
        PixelFormat::Xrgb => packed_rgb::<4>([1, 2, 3], a, b, c, out),
        PixelFormat::Bgrx => packed_rgb::<4>([2, 1, 0], a, b, c, out),
        PixelFormat::Mjpeg => unreachable!("no converter makes compressed frames"),
    }
}

/// Writes one row of the colour differences of a planar format into what follows its luma plane. `below` is the
/// row under `upper` where two rows share their colour differences.
pub(super) fn pack_chroma_row(
    pixel: PixelFormat,
    upper: &Components,
    below: &Components,
    chroma: &mut [u8],
    row: usize,
) {
    let width = upper.a.len();
    let (shift, _) = pixel.chroma_shifts();
    let columns = width.div_ceil(1 << shift);
    // One chroma sample stands for a block of pixels; at an odd edge the last column stands for itself.
    let block = |upper: &[u8], below: &[u8], column: usize| {
        let left = column << shift;
        let right = (left + (1 << shift) - 1).min(width - 1);
        let sum = [upper[left], upper[right], below[left], below[right]].map(u16::from).iter().sum::<u16>();
        u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
    };
    if pixel == PixelFormat::I420 {
        let (cb_plane, cr_plane) = chroma.split_at_mut(chroma.len() / 2);
        let (cb_row, cr_row) = (&mut cb_plane[row * columns..], &mut cr_plane[row * columns..]);
        for column in 0..columns {
            cb_row[column] = block(&upper.b, &below.b, column);
            cr_row[column] = block(&upper.c, &below.c, column);
        }
    } else {
        let pairs = chroma[row * columns * 2..].chunks_exact_mut(2).take(columns);
        for (column, pair) in pairs.enumerate() {
            pair[0] = block(&upper.b, &below.b, column);
            pair[1] = block(&upper.c, &below.c, column);
        }
    }
}

fn packed_422(places: [usize; 4], luma: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    let average = |pair: &[u8]| {
        let (first, last) = (u16::from(pair[0]), u16::from(pair[pair.len() - 1]));
        u8::try_from((first + last).div_ceil(2)).unwrap_or(u8::MAX)
    };
    let pixels = luma.chunks(2).zip(cb.chunks(2)).zip(cr.chunks(2));
    for (((luma, cb), cr), four) in pixels.zip(out.chunks_exact_mut(4)) {
        four[places[0]] = luma[0];
        four[places[1]] = luma[luma.len() - 1];
        four[places[2]] = average(cb);
        four[places[3]] = average(cr);
    }
}

fn packed_rgb<const BYTES: usize>(places: [usize; 3], r: &[u8], g: &[u8], b: &[u8], out: &mut [u8]) {
    for (((r, g), b), pixel) in r.iter().zip(g).zip(b).zip(out.chunks_exact_mut(BYTES)) {
        (pixel[places[0]], pixel[places[1]], pixel[places[2]]) = (*r, *g, *b);
    }
}
