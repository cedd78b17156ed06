//! How JPEG pictures are judged, by decoders of which none is this project's.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Luma, Cb and Cr for each pixel.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) components: [Vec<u8>; 3],
}

/// A picture as zune-jpeg decodes it, which refuses what is not to the letter of the standard.
pub(crate) fn decoded_by_zune(picture: &[u8]) -> Picture {
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(1 << 16).set_max_height(1 << 16);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    decoder.decode_headers().unwrap();
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colour = if is_grey { ColorSpace::Luma } else { ColorSpace::YCbCr };
    decoder.set_options(options.jpeg_set_out_colorspace(colour));
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    let component = |index: usize| pixels.iter().skip(index).step_by(3).copied().collect();
    let components = if is_grey {
        let neutral = vec![128; pixels.len()];
        [pixels, neutral.clone(), neutral]
    } else {
        [component(0), component(1), component(2)]
    };
    Picture { width, height, components }
}

/// Fails if a block of a plane is further from what was wanted than its quantiser can bring it.
///
/// The transform keeps distances (Parseval): the squares of a block's errors add up to at most those of half steps,
/// but for the rounding of samples on the way in and out.
pub(crate) fn within_the_quantiser(wanted: &[u8], got: &[u8], width: usize, quality: u8, is_luma: bool) {
    assert_eq!(wanted.len(), got.len());
    let half_steps: f64 = steps(quality, is_luma).map(|step| (f64::from(step) / 2.0).powi(2)).sum();
    // Colour arithmetic may be off by one in a sample, and so may the decoder; so may be what it rounds.
    let bound = half_steps.sqrt() + 8.0 * 2.5;
    let height = wanted.len() / width;
    for top in (0..height).step_by(8) {
        for left in (0..width).step_by(8) {
            let mut squares = 0.0;
            for row in top..(top + 8).min(height) {
                for at in row * width + left..row * width + (left + 8).min(width) {
                    squares += f64::from(wanted[at].abs_diff(got[at])).powi(2);
                }
            }
            let distance = squares.sqrt();
            assert!(distance <= bound, "block {left},{top} at quality {quality}: {distance} > {bound}");
        }
    }
}

/// The steps of Annex K on the scale of the Independent JPEG Group, in any order.
fn steps(quality: u8, is_luma: bool) -> impl Iterator<Item = u32> {
    const LUMA: [u32; 64] = [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14,
        17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49,
        64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ];
    const CHROMA: [u32; 15] = [17, 18, 24, 47, 18, 21, 26, 66, 24, 26, 56, 47, 66, 99, 99];
    let quality = u32::from(quality);
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    let chroma = CHROMA.into_iter().chain([99; 49]);
    let all: Vec<u32> = if is_luma { LUMA.to_vec() } else { chroma.collect() };
    all.into_iter().map(move |step| ((step * percent + 50) / 100).clamp(1, 255))
}
