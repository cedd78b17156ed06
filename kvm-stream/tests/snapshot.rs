//! What ffmpeg makes of snapshots.
#![cfg(feature = "png")]

mod recorder_judges;

use bytes::Bytes;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{EncodeError, png_snapshot};
use recorder_judges::{have, run, write};

fn decoded(name: &str, file: &[u8]) -> Vec<u8> {
    let file = write(name, file);
    run("ffmpeg", &["-v", "error", "-xerror", "-i", &file, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
}

#[test]
fn a_picture_of_rgb_is_exact() {
    if !have(&["ffmpeg"]) {
        return;
    }
    for (width, height) in [(1, 1), (33, 7), (320, 180)] {
        for pixel in [PixelFormat::Rgb24, PixelFormat::Bgr24, PixelFormat::Bgrx] {
            let mut source =
                PatternSource::new(Pattern::Desktop, FrameFormat::new(pixel, width, height), 1).unwrap();
            let Ok(Some(Captured::Frame(frame))) = source.poll_capture() else { panic!("no frame") };
            let image = frame.image().unwrap();
            let plane = image.planes()[0];
            let mut wanted = Vec::new();
            for row in 0..height as usize {
                let row = plane.row(row);
                match pixel {
                    PixelFormat::Rgb24 => wanted.extend_from_slice(row),
                    PixelFormat::Bgr24 => {
                        wanted.extend(row.chunks(3).flat_map(|bgr| [bgr[2], bgr[1], bgr[0]]));
                    }
                    _ => wanted.extend(row.chunks(4).flat_map(|bgrx| [bgrx[2], bgrx[1], bgrx[0]])),
                }
            }
            let file = png_snapshot(&frame).unwrap();
            assert!(
                decoded(&format!("snapshot.{pixel}.{width}.png"), &file) == wanted,
                "{pixel} {width}×{height}"
            );
        }
    }
}

#[test]
fn a_picture_of_another_format_has_its_colours() {
    if !have(&["ffmpeg"]) {
        return;
    }
    let of = |pixel| {
        let mut source = PatternSource::new(Pattern::Film, FrameFormat::new(pixel, 64, 64), 1).unwrap();
        let Ok(Some(Captured::Frame(frame))) = source.poll_capture() else { panic!("no frame") };
        decoded(&format!("snapshot.colours.{pixel}.png"), &png_snapshot(&frame).unwrap())
    };
    let wanted = of(PixelFormat::Rgb24);
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::I420] {
        let sum: u64 =
            of(pixel).iter().zip(&wanted).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
        assert!(sum / (64 * 64 * 3) < 8, "{pixel}: {}", sum / (64 * 64 * 3));
    }
}

#[test]
fn what_is_compressed_already_is_refused() {
    let format = FrameFormat::new(PixelFormat::Mjpeg, 64, 64);
    let frame = Frame::packed(format, Bytes::from_static(b"\xff\xd8 picture")).unwrap();
    assert!(matches!(png_snapshot(&frame), Err(EncodeError::Unsupported { .. })));
}
