//! What the JPEG encoder makes, by the judgement of zune-jpeg.
#![cfg(feature = "jpeg")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use std::num::{NonZeroU16, NonZeroUsize};

use bytes::Bytes;
use kvm_capture::convert::YccRows;
use kvm_capture::{Colour, Frame, FrameFormat, ImageView, PixelFormat};
use kvm_stream::{BaselineJpeg, CopyRect, Damage, Encoder, JpegEncoder, Packet, Rect};
use proptest::prelude::*;

mod jpeg_judges;

use jpeg_judges::{Picture, decoded_by_zune, within_the_quantiser};

/// A frame of noise, flat areas, edges and slopes, as the seed has it.
fn frame_of(format: FrameFormat, seed: u64) -> Frame {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    };
    let (mut kind, mut left, mut value) = (0, 0, 0_u8);
    let bytes: Vec<u8> = (0..format.len_bytes())
        .map(|_| {
            if left == 0 {
                (kind, left, value) = (next() % 5, next(), next());
            }
            left = left.saturating_sub(1);
            match kind {
                0 => next(),
                1 => value,
                2 => u8::MAX * (next() & 1),
                3 => value.wrapping_add(left / 2),
                _ => 0,
            }
        })
        .collect();
    Frame::packed(format, Bytes::from(bytes)).unwrap()
}

fn raw_formats() -> impl Strategy<Value = PixelFormat> {
    proptest::sample::select(&PixelFormat::ALL[..PixelFormat::ALL.len() - 1])
}

fn colours() -> impl Strategy<Value = Colour> {
    proptest::sample::select(&[Colour::VIDEO, Colour::JPEG, Colour::RGB][..])
}

/// The picture's components in JFIF's colour, one after the other.
fn wanted(image: &ImageView<'_>) -> Picture {
    let format = image.format();
    let (width, height) = (format.width_px as usize, format.height_px as usize);
    let mut components = [vec![0; width * height], vec![0; width * height], vec![0; width * height]];
    let rows = YccRows::new(*image, Colour::JPEG);
    for row in 0..height {
        rows.read(row, components.each_mut().map(|plane| &mut plane[row * width..][..width]));
    }
    Picture { width, height, components }
}

fn encoded(encoder: &mut JpegEncoder, frame: &Frame, damage: &Damage) -> Packet {
    let mut out = Vec::new();
    encoder.encode(frame, damage, &mut out).unwrap();
    assert_eq!(out.len(), 1);
    out.remove(0)
}

proptest! {
    #[test]
    fn any_part_of_any_picture_decodes_to_within_the_quantisers_error(
        pixel in raw_formats(),
        colour in colours(),
        (width, height) in (1_u32..90, 1_u32..50),
        (x, y, w, h) in (0_u32..45, 0_u32..25, 1_u32..90, 1_u32..50),
        quality in 1_u8..=100,
        keeps_chroma in any::<bool>(),
        restart_rows in 0_u16..4,
        seed in any::<u64>(),
    ) {
        let frame = frame_of(FrameFormat::new(pixel, width, height).with_colour(colour), seed);
        let whole = frame.image().unwrap();
        let (shift_x, shift_y) = pixel.chroma_shifts();
        let (x, y) = (x >> shift_x << shift_x, y >> shift_y << shift_y);
        let fits = x < width && y < height;
        let part = fits.then(|| whole.crop(x, y, w.min(width - x), h.min(height - y)).unwrap());
        let mut encoder = BaselineJpeg::new();
        if keeps_chroma {
            encoder = encoder.with_full_chroma();
        }
        if let Some(rows) = NonZeroU16::new(restart_rows) {
            encoder = encoder.with_restart_rows(rows);
        }
        // One encoder for both, as somebody uses it who cuts a picture into parts.
        for image in [Some(whole), part, Some(whole)].into_iter().flatten() {
            let mut out = vec![1, 2, 3];
            encoder.encode(&image, quality, &mut out).unwrap();
            prop_assert_eq!(&out[..3], [1, 2, 3]);
            let (wanted, decoded) = (wanted(&image), decoded_by_zune(&out[3..]));
            prop_assert_eq!((decoded.width, decoded.height), (wanted.width, wanted.height));
            let has_all_chroma = pixel == PixelFormat::Grey || pixel.chroma_shifts() == (0, 0) && keeps_chroma;
            for component in 0..if has_all_chroma { 3 } else { 1 } {
                let planes = (&wanted.components[component], &decoded.components[component]);
                within_the_quantiser(planes.0, planes.1, wanted.width, quality, component == 0);
            }
        }
    }

    /// Whatever changed where, and in whatever order, a picture is what it would be if nothing were kept.
    #[test]
    fn a_spliced_picture_is_the_whole_one_to_the_byte(
        pixel in raw_formats(),
        (width, height) in (1_u32..120, 1_u32..100),
        keeps_chroma in any::<bool>(),
        threads in 1_usize..4,
        steps in proptest::collection::vec((any::<u64>(), 0_u32..120, 0_u32..100, 1_u32..60, 1_u32..60, 0_u8..8), 1..6),
    ) {
        let encoder = |quality| {
            let encoder = JpegEncoder::new(quality);
            if keeps_chroma { encoder.with_full_chroma() } else { encoder }
        };
        let format = FrameFormat::new(pixel, width, height);
        let mut quality = 75;
        let mut kept = encoder(quality).with_threads(NonZeroUsize::new(threads).unwrap());
        let mut frame = frame_of(format, 1);
        encoded(&mut kept, &frame, &Damage::full(width, height));
        for (seed, x, y, w, h, turn) in steps {
            let (x, y) = ((x % width) & !1, (y % height) & !1);
            let to = Rect::new(x, y, w.min(width - x), h.min(height - y));
            frame = painted(&frame, &frame_of(format, seed), to);
            // An encoder that cannot copy has to code what a copy changes.
            let damage = if turn == 0 {
                Damage::NONE.with_copies([CopyRect { from_x: 0, from_y: 0, to }])
            } else {
                Damage::from_iter([to])
            };
            if turn == 1 {
                quality = 100 - quality;
                kept.set_quality(quality);
            }
            let packet = encoded(&mut kept, &frame, &damage);
            let whole = encoded(&mut encoder(quality), &frame, &Damage::full(width, height));
            prop_assert!(packet.payload == whole.payload, "{to:?} of {format}");
            prop_assert!(packet.is_keyframe && !packet.is_refresh);
            let decoded = decoded_by_zune(&packet.payload);
            prop_assert_eq!((decoded.width, decoded.height), (width as usize, height as usize));

            let mut refresh = Vec::new();
            kept.encode_refresh(&frame, &Damage::full(width, height), &mut refresh).unwrap();
            prop_assert_eq!(refresh.len(), 1);
            prop_assert!(refresh[0].is_refresh && refresh[0].is_keyframe);
            prop_assert!(refresh[0].payload == whole.payload);
        }
    }
}

/// The first frame with the second inside the rectangle, whose corner is even.
fn painted(below: &Frame, above: &Frame, rect: Rect) -> Frame {
    let format = below.format();
    let mut bytes = Vec::new();
    let (below, above) = (below.image().unwrap(), above.image().unwrap());
    let part = |width, height| format.pixel.planes(width, height);
    let (_, shift_y) = format.pixel.chroma_shifts();
    let sizes = part(rect.width, rect.height).zip(part(rect.x, 1));
    for (index, (size, left)) in sizes.enumerate() {
        let top = rect.y as usize >> if index == 0 { 0 } else { shift_y };
        for (row, (old, new)) in below.plane(index).rows().zip(above.plane(index).rows()).enumerate() {
            let start = bytes.len();
            bytes.extend_from_slice(old);
            if (top..top + size.rows).contains(&row) {
                let columns = left.row_bytes..left.row_bytes + size.row_bytes;
                bytes[start..][columns.clone()].copy_from_slice(&new[columns]);
            }
        }
    }
    Frame::packed(format, Bytes::from(bytes)).unwrap()
}

#[test]
fn another_format_is_coded_anew_and_so_is_what_follows_a_jpeg() {
    let mut encoder = JpegEncoder::new(80);
    let whole = |frame: &Frame| {
        let format = frame.format();
        encoded(&mut JpegEncoder::new(80), frame, &Damage::full(format.width_px, format.height_px)).payload
    };
    let small = Damage::from_iter([Rect::new(0, 0, 1, 1)]);
    let sizes = [(64, 64), (64, 48), (48, 64), (1, 1), (64, 64)];
    for (seed, (width, height)) in (0..).zip(sizes) {
        for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx] {
            let frame = frame_of(FrameFormat::new(pixel, width, height), seed);
            assert_eq!(encoded(&mut encoder, &frame, &small).payload, whole(&frame));
        }
    }
    let jpeg = FrameFormat::new(PixelFormat::Mjpeg, 64, 64);
    let jpeg = Frame::packed(jpeg, Bytes::from_static(b"\xff\xd8 picture")).unwrap();
    assert_eq!(encoded(&mut encoder, &jpeg, &small).payload, *jpeg.compressed().unwrap());
    let frame = frame_of(FrameFormat::new(PixelFormat::Bgrx, 64, 64), 99);
    assert_eq!(encoded(&mut encoder, &frame, &small).payload, whole(&frame));
}

#[test]
fn a_refresh_of_a_picture_nobody_has_is_for_everybody() {
    let frame = frame_of(FrameFormat::new(PixelFormat::Uyvy, 64, 64), 1);
    let (mut encoder, mut out) = (JpegEncoder::new(80), Vec::new());
    encoder.encode_refresh(&frame, &Damage::full(64, 64), &mut out).unwrap();
    assert!(!out[0].is_refresh && out[0].is_keyframe);
    let jpeg = FrameFormat::new(PixelFormat::Mjpeg, 64, 64);
    let jpeg = Frame::packed(jpeg, Bytes::from_static(b"\xff\xd8 picture")).unwrap();
    encoder.encode_refresh(&jpeg, &Damage::NONE, &mut out).unwrap();
    assert!(out[1].is_refresh && out[1].payload == *jpeg.compressed().unwrap());
}

/// Sizes at the edges of what a frame can be.
#[test]
fn the_widest_and_the_highest_frames_are_coded() {
    for (width, height) in [(16_384, 1), (1, 16_384), (16_384, 17)] {
        for pixel in [PixelFormat::Grey, PixelFormat::Uyvy, PixelFormat::Bgrx] {
            let frame = frame_of(FrameFormat::new(pixel, width, height), 5);
            let packet = encoded(&mut JpegEncoder::new(30), &frame, &Damage::full(width, height));
            let decoded = decoded_by_zune(&packet.payload);
            assert_eq!((decoded.width, decoded.height), (width as usize, height as usize));
            // More rows in an interval than the marker has place for.
            let mut out = Vec::new();
            let mut encoder = BaselineJpeg::new().with_restart_rows(NonZeroU16::MAX);
            encoder.encode(&frame.image().unwrap(), 30, &mut out).unwrap();
            let (wanted, decoded) = (wanted(&frame.image().unwrap()), decoded_by_zune(&out));
            within_the_quantiser(&wanted.components[0], &decoded.components[0], wanted.width, 30, true);
        }
    }
}
