//! What the JPEG encoder makes, by the judgement of libjpeg's djpeg and of ffmpeg.
#![cfg(feature = "jpeg")]

use kvm_capture::convert::Converter;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Colour, Frame, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{BaselineJpeg, Damage, Encoder, JpegEncoder};

mod jpeg_judges;
mod recorder_judges;

use jpeg_judges::within_the_quantiser;
use recorder_judges::{have, run, write};

const SIZES: [(u32, u32); 4] = [(320, 180), (319, 179), (17, 33), (1, 1)];

fn frames(pattern: Pattern, format: FrameFormat) -> impl Iterator<Item = Frame> {
    let mut source = PatternSource::new(pattern, format, 1).expect("a format with a size");
    std::iter::repeat_with(move || match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => unreachable!("a pattern always has a frame, not {other:?}"),
    })
}

/// The planes of a frame that has JFIF's colour already: luma, Cb and Cr with the columns of each.
fn planes(frame: &Frame) -> Vec<(Vec<u8>, usize)> {
    let format = frame.format();
    let pixel = match format.pixel.chroma_shifts() {
        (1, 1) => PixelFormat::Nv12,
        (1, 0) => PixelFormat::Nv16,
        _ => PixelFormat::Nv24,
    };
    let target = FrameFormat::new(pixel, format.width_px, format.height_px).with_colour(format.colour);
    let mut bytes = Vec::new();
    Converter::new().convert(&frame.image().expect("a raw frame"), target, &mut bytes);
    let luma_len = (format.width_px * format.height_px) as usize;
    let pairs = &bytes[luma_len..];
    let component = |first: usize| pairs.iter().skip(first).step_by(2).copied().collect();
    let width = format.width_px as usize;
    let chroma_width = width.div_ceil(1 << format.pixel.chroma_shifts().0);
    vec![(bytes[..luma_len].to_vec(), width), (component(0), chroma_width), (component(1), chroma_width)]
}

#[test]
fn ffmpeg_sees_every_plane_to_within_the_quantisers_error() {
    if !have(&["ffmpeg"]) {
        return;
    }
    let formats = [
        (PixelFormat::Uyvy, "yuvj422p"),
        (PixelFormat::Yuyv, "yuvj422p"),
        (PixelFormat::Yvyu, "yuvj422p"),
        (PixelFormat::Vyuy, "yuvj422p"),
        (PixelFormat::Nv16, "yuvj422p"),
        (PixelFormat::Nv12, "yuvj420p"),
        (PixelFormat::I420, "yuvj420p"),
        (PixelFormat::Nv24, "yuvj444p"),
        (PixelFormat::Grey, "gray"),
    ];
    for (pixel, decoded) in formats {
        for (width, height) in SIZES {
            let format = FrameFormat::new(pixel, width, height).with_colour(Colour::JPEG);
            let (quality, frame) = (90, frames(Pattern::Film, format).next().unwrap());
            let mut out = Vec::new();
            JpegEncoder::new(quality)
                .with_full_chroma()
                .encode(&frame, &Damage::full(width, height), &mut out)
                .unwrap();
            let file = write(&format!("decoders-{pixel}-{width}.jpg"), &out[0].payload);
            let arguments = ["-v", "error", "-xerror", "-err_detect", "explode", "-f", "mjpeg", "-i", &file];
            let output = ["-f", "rawvideo", "-pix_fmt", decoded, "-"];
            let bytes = run("ffmpeg", &[&arguments[..], &output].concat());
            let mut rest = &bytes[..];
            let count = if pixel == PixelFormat::Grey { 1 } else { 3 };
            for (index, (wanted, width)) in planes(&frame).iter().take(count).enumerate() {
                let (got, others) = rest.split_at(wanted.len());
                rest = others;
                within_the_quantiser(wanted, got, *width, quality, index == 0);
            }
            assert!(rest.is_empty(), "{format}");
        }
    }
}

#[test]
fn libjpeg_sees_luma_to_within_the_quantisers_error() {
    if !have(&["djpeg"]) {
        return;
    }
    for pixel in PixelFormat::ALL.into_iter().filter(|pixel| !pixel.is_compressed() && !pixel.is_rgb()) {
        for (width, height) in SIZES {
            for quality in [1, 30, 80, 100] {
                let format = FrameFormat::new(pixel, width, height).with_colour(Colour::JPEG);
                let frame = frames(Pattern::Desktop, format).next().unwrap();
                let mut picture = Vec::new();
                BaselineJpeg::new().encode(&frame.image().unwrap(), quality, &mut picture).unwrap();
                let file = write(&format!("libjpeg-{pixel}-{width}.jpg"), &picture);
                let pgm = run("djpeg", &["-grayscale", "-pnm", &file]);
                let head = format!("P5\n{width} {height}\n255\n");
                let got = pgm.strip_prefix(head.as_bytes()).unwrap();
                within_the_quantiser(&planes(&frame)[0].0, got, width as usize, quality, true);
            }
        }
    }
}

/// A decoder that found fault with a marker, or with the number of one, would complain.
#[test]
fn libjpeg_finds_no_fault_with_spliced_pictures() {
    if !have(&["djpeg"]) {
        return;
    }
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx, PixelFormat::Grey] {
        let format = FrameFormat::new(pixel, 320, 304);
        let (mut encoder, mut diff) = (JpegEncoder::new(80), kvm_stream::TileDiff::new());
        for (index, frame) in frames(Pattern::Drag, format).take(8).enumerate() {
            let mut out = Vec::new();
            let damage = diff.compare(frame.clone());
            encoder.encode(&frame, &damage, &mut out).unwrap();
            let spliced = write(&format!("spliced-{pixel}-{index}.jpg"), &out[0].payload);
            let whole = encoder.picture(&frame).unwrap();
            let whole = write(&format!("whole-{pixel}-{index}.jpg"), &whole);
            // One with restart markers and one without are the same picture.
            assert_eq!(run("djpeg", &["-pnm", &spliced]), run("djpeg", &["-pnm", &whole]));
        }
    }
}

#[test]
fn libjpeg_goes_on_behind_a_broken_stripe() {
    if !have(&["djpeg"]) {
        return;
    }
    let format = FrameFormat::new(PixelFormat::Nv12, 320, 176).with_colour(Colour::JPEG);
    let frame = frames(Pattern::Film, format).next().unwrap();
    let mut out = Vec::new();
    JpegEncoder::new(80).encode(&frame, &Damage::full(320, 176), &mut out).unwrap();
    let mut broken = out[0].payload.to_vec();
    let marker = |number: u8| broken.windows(2).position(|bytes| bytes == [0xFF, 0xD0 | number]).unwrap();
    let third = marker(1) + 2..marker(2);
    broken[third].fill(0);
    let file = write("broken.jpg", &broken);
    let decoded = std::process::Command::new("djpeg").args(["-grayscale", "-pnm", &file]).output().unwrap();
    let got = decoded.stdout.strip_prefix(b"P5\n320 176\n255\n").unwrap();
    let (wanted, row) = (&planes(&frame)[0].0, 320);
    within_the_quantiser(&wanted[..32 * row], &got[..32 * row], row, 80, true);
    within_the_quantiser(&wanted[48 * row..], &got[48 * row..], row, 80, true);
    assert_ne!(wanted[32 * row..48 * row], got[32 * row..48 * row]);
}
