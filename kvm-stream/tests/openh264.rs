//! What other people's decoders make of OpenH264's pictures.
#![cfg(feature = "openh264")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod recorder_judges;

use bytes::Bytes;
use kvm_capture::convert::Converter;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Colour, Frame, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{Codec, Damage, EncodeError, Encoder, OpenH264Encoder, Packet, TileDiff};
use recorder_judges::{decoded_by_gstreamer, have, path, probed, probed_times, record, run, times, write};

fn frames(pattern: Pattern, format: FrameFormat, count: usize) -> Vec<Frame> {
    let mut source = PatternSource::new(pattern, format, 1).unwrap();
    let mut next = || match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => panic!("{other:?}"),
    };
    (0..count).map(|_| next()).collect()
}

fn encode(encoder: &mut OpenH264Encoder, frames: &[Frame]) -> Vec<Packet> {
    let mut packets: Vec<Packet> = Vec::new();
    let mut diff = TileDiff::new();
    for frame in frames {
        let damage = diff.compare(frame.clone());
        encoder.encode(frame, &damage, &mut packets).unwrap();
    }
    packets
}

/// The luma, in decibels, that a decoder makes of the stream against the frames that were encoded.
fn psnr(name: &str, packets: &[Packet], frames: &[Frame], decode: impl Fn(&str, &str)) -> f64 {
    let (width, height) = (packets[0].width_px as usize, packets[0].height_px as usize);
    let stream: Vec<u8> = packets.iter().flat_map(|packet| packet.payload.to_vec()).collect();
    let stream = write(&format!("{name}.h264"), &stream);
    let grey = path(&format!("{name}.grey"));
    decode(&stream, grey.to_str().unwrap());
    let decoded = std::fs::read(&grey).unwrap();
    assert_eq!(decoded.len(), width * height * packets.len());
    let mut squares = 0.0;
    for (packet, decoded) in packets.iter().zip(decoded.chunks(width * height)) {
        let frame = frames.iter().find(|frame| frame.sequence() == packet.sequence).unwrap();
        let format = frame.format();
        let target =
            FrameFormat::new(PixelFormat::Grey, format.width_px, format.height_px).with_colour(Colour::VIDEO);
        let mut luma = Vec::new();
        Converter::new().convert(&frame.image().unwrap(), target, &mut luma);
        let rows = luma.chunks(format.width_px as usize).zip(decoded.chunks(width));
        for (source, decoded) in rows {
            squares +=
                source.iter().zip(decoded).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
        }
    }
    let mean = squares / (width * height * packets.len()) as f64;
    10.0 * (255.0_f64.powi(2) / mean).log10()
}

fn by_ffmpeg(stream: &str, grey: &str) {
    let decode = ["-v", "error", "-xerror", "-i", stream, "-fps_mode", "passthrough"];
    run("ffmpeg", &[&decode[..], &["-vf", "extractplanes=y", "-f", "rawvideo", "-y", grey]].concat());
}

#[test]
fn text_stays_sharp_in_every_format() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx, PixelFormat::I420] {
        let frames = frames(Pattern::Text, FrameFormat::new(pixel, 640, 360), 20);
        let packets = encode(&mut OpenH264Encoder::default(), &frames);
        // The console changes with every third frame, and what did not change was not encoded.
        assert!((5..20).contains(&packets.len()), "{} packets", packets.len());
        assert!(packets[0].is_keyframe && packets[1..].iter().all(|packet| !packet.is_keyframe));
        let psnr = psnr(&format!("text.{pixel}"), &packets, &frames, by_ffmpeg);
        assert!(psnr > 38.0, "{pixel}: {psnr} dB");
    }
}

#[test]
fn every_pattern_decodes_as_it_was() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    for pattern in [Pattern::Scroll, Pattern::Drag, Pattern::Film, Pattern::Desktop] {
        let frames = frames(pattern, FrameFormat::new(PixelFormat::Yuyv, 640, 368), 12);
        let packets = encode(&mut OpenH264Encoder::default(), &frames);
        let psnr = psnr(&format!("pattern.{pattern}"), &packets, &frames, by_ffmpeg);
        assert!(psnr > 35.0, "{pattern}: {psnr} dB");
    }
}

#[test]
fn the_stream_says_its_colour() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let frames = frames(Pattern::Text, FrameFormat::new(PixelFormat::Uyvy, 320, 180), 1);
    let packets = encode(&mut OpenH264Encoder::default(), &frames);
    let stream = write("colour.h264", &packets[0].payload);
    let entries = "codec_name,width,height,pix_fmt,color_range,color_space,color_transfer,color_primaries";
    assert_eq!(probed(&stream, entries), "h264,320,180,yuv420p,tv,bt709,bt709,bt709");
}

#[test]
fn recorded_pictures_keep_count_and_time() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let frames = frames(Pattern::Scroll, FrameFormat::new(PixelFormat::Nv12, 640, 360), 50);
    let packets = encode(&mut OpenH264Encoder::default(), &frames);
    assert_eq!(packets.len(), 50);
    let file = write("openh264.mp4", &record(&packets));
    assert_eq!(probed_times(&file), times(&packets));
    if have(&["gst-launch-1.0"]) {
        assert_eq!(decoded_by_gstreamer(&file, Codec::H264, 640, 360), 50);
    }
}

#[test]
fn a_key_picture_comes_when_asked_for_even_of_a_still_screen() {
    let frame = &frames(Pattern::Text, FrameFormat::new(PixelFormat::Uyvy, 320, 180), 1)[0];
    let mut encoder = OpenH264Encoder::default();
    let mut packets: Vec<Packet> = Vec::new();
    encoder.request_keyframe();
    encoder.encode(frame, &Damage::full(320, 180), &mut packets).unwrap();
    encoder.encode(frame, &Damage::NONE, &mut packets).unwrap();
    assert_eq!(packets.len(), 1, "an unchanged frame is not encoded");
    encoder.request_keyframe();
    encoder.encode(frame, &Damage::NONE, &mut packets).unwrap();
    encoder.encode(frame, &Damage::NONE, &mut packets).unwrap();
    assert_eq!(packets.len(), 2);
    for packet in &packets {
        let units: Vec<u8> = packet
            .payload
            .windows(4)
            .filter(|four| four[..3] == [0, 0, 1])
            .map(|four| four[3] & 31)
            .collect();
        assert!(packet.is_keyframe && units.starts_with(&[7, 8, 5]), "{units:?}");
    }
}

#[test]
fn another_size_starts_anew_and_odd_sides_are_cut() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let mut encoder = OpenH264Encoder::default();
    for (width, height) in [(320, 180), (333, 181), (640, 361), (17, 33)] {
        let format = FrameFormat::new(PixelFormat::Bgrx, width, height);
        let frames = frames(Pattern::Text, format, 8);
        let packets = encode(&mut encoder, &frames);
        assert!(packets[0].is_keyframe);
        assert_eq!((packets[0].width_px, packets[0].height_px), (width & !1, height & !1));
        let stream = write(&format!("odd.{width}.h264"), &packets[0].payload);
        assert_eq!(probed(&stream, "width,height"), format!("{},{}", width & !1, height & !1));
        let psnr = psnr(&format!("odd.{width}"), &packets, &frames, by_ffmpeg);
        assert!(psnr > 35.0, "{width}×{height}: {psnr} dB");
    }
}

#[test]
fn what_the_library_cannot_take_is_refused() {
    for (pixel, width, height) in
        [(PixelFormat::Mjpeg, 640, 360), (PixelFormat::Grey, 15, 360), (PixelFormat::Grey, 4096, 2160)]
    {
        let format = FrameFormat::new(pixel, width, height);
        let frame = Frame::packed(format, Bytes::from(vec![0; (width * height) as usize])).unwrap();
        let error = OpenH264Encoder::default()
            .encode(&frame, &Damage::full(width, height), &mut Vec::new())
            .unwrap_err();
        assert!(matches!(error, EncodeError::Unsupported { .. }), "{error}");
    }
}

#[test]
fn a_larger_quantiser_makes_fewer_bytes() {
    let frames = frames(Pattern::Film, FrameFormat::new(PixelFormat::Uyvy, 640, 360), 4);
    let bytes = |quantiser| -> usize {
        let packets = encode(&mut OpenH264Encoder::new(quantiser), &frames);
        packets.iter().map(|packet| packet.payload.len()).sum()
    };
    let sizes = [16, 22, 28, 34, 40].map(bytes);
    assert!(sizes.windows(2).all(|pair| pair[0] > pair[1]), "{sizes:?}");
}
