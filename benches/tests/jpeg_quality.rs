//! Our JPEG pictures beside libjpeg-turbo's, of the same planes at the same quality, as libjpeg shows both.
#![cfg(feature = "peers")]

use kvm_benches::peers::{Coder, Converted, JpegManner, Layout, Pixels, Viewer};
use kvm_benches::quality::{mean_squared_error, psnr};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Colour, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::BaselineJpeg;

/// Our picture is no worse than theirs and no longer.
#[test]
fn our_jpeg_is_as_good_as_libjpeg_turbos() {
    let format = FrameFormat::new(PixelFormat::Uyvy, 320, 240).with_colour(Colour::JPEG);
    for pattern in [Pattern::Desktop, Pattern::Film, Pattern::Text, Pattern::Noise] {
        let frame = match PatternSource::new(pattern, format, 1).unwrap().poll_capture() {
            Ok(Some(Captured::Frame(frame))) => frame,
            other => panic!("{other:?}"),
        };
        let image = frame.image().unwrap();
        let mut planes = Converted::default();
        planes.fill(&Pixels::of(&image).unwrap(), Layout::I422).unwrap();
        for quality in [10, 50, 80, 90, 95, 100] {
            let mut encoder = Coder::jpeg((320, 240), quality, JpegManner::Fastest, false).unwrap();
            encoder.code(&planes.pixels().unwrap()).unwrap();
            let theirs = encoder.coded();
            let mut ours = Vec::new();
            BaselineJpeg::new().encode(&image, quality, &mut ours).unwrap();
            let wanted = luma_of(&planes.pixels().unwrap());
            let (our_psnr, their_psnr) = (luma_psnr(&wanted, &ours), luma_psnr(&wanted, theirs));
            let (our_len, their_len) = (ours.len(), theirs.len());
            println!(
                "{pattern} {quality}: {our_psnr:.2} dB {our_len} bytes, {their_psnr:.2} dB {their_len} bytes"
            );
            // At 100, where steps are ones, what is left is how the two round.
            let slack = if quality == 100 { 0.15 } else { 0.02 };
            assert!(
                our_psnr >= their_psnr - slack,
                "{pattern} {quality}: {our_psnr:.2} dB, {their_psnr:.2} dB"
            );
            assert!(our_len * 100 <= their_len * 101, "{pattern} {quality}: {our_len} bytes, {their_len}");
        }
    }
}

/// Peak signal-to-noise ratio of a picture's luma as libjpeg shows it, in dB.
fn luma_psnr(wanted: &[u8], coded: &[u8]) -> f64 {
    let mut viewer = Viewer::jpeg().expect("memory");
    let shown = viewer.show(coded).expect("libjpeg decodes it").expect("a picture");
    psnr(mean_squared_error(wanted, &luma_of(&shown)))
}

fn luma_of(picture: &Pixels<'_>) -> Vec<u8> {
    picture.rows(0).flatten().copied().collect()
}
