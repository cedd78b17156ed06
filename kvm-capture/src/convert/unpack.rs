//! Reading rows of any format as three components per pixel.

use crate::{ImageView, PixelFormat};

/// The colour difference that means "no colour".
const NEUTRAL: u8 = 128;

/// Reads one row as its three components, one byte per pixel each, in the format's own colour model.
///
/// Subsampled colour differences are repeated, not interpolated.
pub(super) fn unpack_row(image: &ImageView<'_>, row: usize, [a, b, c]: [&mut [u8]; 3]) {
    let pixel = image.format().pixel;
    let chroma_row = row >> pixel.chroma_shifts().1;
    match pixel {
        PixelFormat::Yuyv => packed_422(image.plane(0).row(row), [0, 2, 1, 3], a, b, c),
        PixelFormat::Yvyu => packed_422(image.plane(0).row(row), [0, 2, 3, 1], a, b, c),
        PixelFormat::Uyvy => packed_422(image.plane(0).row(row), [1, 3, 0, 2], a, b, c),
        PixelFormat::Vyuy => packed_422(image.plane(0).row(row), [1, 3, 2, 0], a, b, c),
        PixelFormat::Nv12 | PixelFormat::Nv16 => {
            a.copy_from_slice(image.plane(0).row(row));
            let pairs = image.plane(1).row(chroma_row).chunks_exact(2);
            repeat_twice(b, pairs.clone().map(|pair| pair[0]));
            repeat_twice(c, pairs.map(|pair| pair[1]));
        }
        PixelFormat::Nv24 => {
            a.copy_from_slice(image.plane(0).row(row));
            for ((b, c), pair) in b.iter_mut().zip(c).zip(image.plane(1).row(row).chunks_exact(2)) {
                (*b, *c) = (pair[0], pair[1]);
            }
        }
        PixelFormat::I420 => {
            a.copy_from_slice(image.plane(0).row(row));
            for (plane, out) in [(1, b), (2, c)] {
                repeat_twice(out, image.plane(plane).row(chroma_row).iter().copied());
            }
        }
        PixelFormat::Rgb24 => packed_rgb::<3>(image.plane(0).row(row), [0, 1, 2], a, b, c),
        PixelFormat::Bgr24 => packed_rgb::<3>(image.plane(0).row(row), [2, 1, 0], a, b, c),
        PixelFormat::Xrgb => packed_rgb::<4>(image.plane(0).row(row), [1, 2, 3], a, b, c),
        PixelFormat::Bgrx => packed_rgb::<4>(image.plane(0).row(row), [2, 1, 0], a, b, c),
        PixelFormat::Grey => {
            a.copy_from_slice(image.plane(0).row(row));
            b.fill(NEUTRAL);
            c.fill(NEUTRAL);
        }
        PixelFormat::Mjpeg => unreachable!("a compressed frame has no image view"),
    }
}

/// `places`: where in four bytes the two lumas, Cb and Cr are.
fn packed_422(row: &[u8], places: [usize; 4], luma: &mut [u8], cb: &mut [u8], cr: &mut [u8]) {
    let fours = row.chunks_exact(4);
    let mut pairs = luma.chunks_exact_mut(2);
    for (pair, four) in pairs.by_ref().zip(fours.clone()) {
        pair[0] = four[places[0]];
        pair[1] = four[places[1]];
    }
    if let ([last], Some(four)) = (pairs.into_remainder(), fours.clone().last()) {
        *last = four[places[0]];
    }
    repeat_twice(cb, fours.clone().map(|four| four[places[2]]));
    repeat_twice(cr, fours.map(|four| four[places[3]]));
}

/// Writes each value twice; the last one once where the row is odd.
fn repeat_twice(out: &mut [u8], mut values: impl Iterator<Item = u8>) {
    let mut pairs = out.chunks_exact_mut(2);
    for (pair, value) in pairs.by_ref().zip(values.by_ref()) {
        pair.copy_from_slice(&[value; 2]);
    }
    if let ([last], Some(value)) = (pairs.into_remainder(), values.next()) {
        *last = value;
    }
}

/// `places`: where in a pixel's bytes red, green and blue are.
fn packed_rgb<const BYTES: usize>(row: &[u8], places: [usize; 3], r: &mut [u8], g: &mut [u8], b: &mut [u8]) {
    for (((r, g), b), pixel) in r.iter_mut().zip(g).zip(b).zip(row.chunks_exact(BYTES)) {
        (*r, *g, *b) = (pixel[places[0]], pixel[places[1]], pixel[places[2]]);
    }
}
