//! What other people's decoders make of our H.264 pictures of screens.
#![cfg(feature = "h264")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod h264_judges;
mod h264_take;
mod recorder_judges;

use std::time::Duration;

use h264_judges::probed_stream;
use h264_take::{Shown, Take};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{Codec, Damage, EncodeError, Encoder, H264Encoder, H264Rate, Packet, TileDiff};
use recorder_judges::{decoded_by_gstreamer, have, probed_times, record, times, write};

const RAW: [PixelFormat; 13] = {
    let mut raw = [PixelFormat::Grey; 13];
    let mut index = 0;
    while index < raw.len() {
        raw[index] = PixelFormat::ALL[index];
        index += 1;
    }
    raw
};

fn frames(pattern: Pattern, format: FrameFormat, count: usize) -> Vec<Frame> {
    let mut source = PatternSource::new(pattern, format, 1).unwrap();
    let mut next = || match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => panic!("{other:?}"),
    };
    (0..count).map(|_| next()).collect()
}

/// Encodes frames as a pipeline would, and each as long as there is a backlog, so many times at most.
fn encode(encoder: &mut H264Encoder, frames: &[Frame], refine: usize) -> Take {
    let (mut take, mut diff) = (Take::default(), TileDiff::new());
    for frame in frames {
        let damage = diff.compare(frame.clone());
        take.encode(encoder, frame, &damage, refine);
    }
    take
}

/// The same, with decoders as judges and no picture worse than this many decibels.
fn judged(what: &str, encoder: &mut H264Encoder, frames: &[Frame], least_db: f64) -> Take {
    let take = encode(encoder, frames, 2);
    if have(&["ffmpeg"]) {
        take.judged().unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    for (packet, shown) in take.packets.iter().zip(&take.shown) {
        let frame = frames.iter().find(|frame| frame.sequence() == packet.sequence).unwrap();
        let psnr = shown.psnr(&Shown::of_frame(frame));
        assert!(psnr >= least_db, "{what}, frame {}: {psnr} dB", packet.sequence);
    }
    take
}

#[test]
fn screens_are_decoded_as_the_encoder_says_and_look_as_they_did() {
    for pattern in Pattern::ALL {
        for pixel in [PixelFormat::Uyvy, PixelFormat::Bgrx] {
            let frames = frames(pattern, FrameFormat::new(pixel, 640, 368), 15);
            let least_db = if pattern == Pattern::Noise { 20.0 } else { 34.0 };
            let take = judged(&format!("{pattern} {pixel}"), &mut H264Encoder::default(), &frames, least_db);
            assert!(
                take.packets[0].is_keyframe && take.packets[1..].iter().all(|packet| !packet.is_keyframe)
            );
        }
    }
}

#[test]
fn every_raw_format_is_taken() {
    for pixel in RAW {
        for pattern in [Pattern::Drag, Pattern::Film] {
            let frames = frames(pattern, FrameFormat::new(pixel, 176, 144), 5);
            judged(&format!("{pattern} {pixel}"), &mut H264Encoder::default(), &frames, 32.0);
        }
    }
}

#[test]
fn every_size_is_what_the_stream_says() {
    let sizes =
        [(1366, 768), (1280, 1024), (720, 400), (16, 16), (17, 33), (33, 17), (640, 361), (3840, 2160)];
    // One encoder for all: another size starts anew.
    let mut encoder = H264Encoder::default();
    for (width, height) in sizes {
        for pixel in [PixelFormat::Uyvy, PixelFormat::Bgrx] {
            let frames = frames(Pattern::Scroll, FrameFormat::new(pixel, width, height), 3);
            let take = judged(&format!("{width}×{height} {pixel}"), &mut encoder, &frames, 34.0);
            let shown = (take.packets[0].width_px, take.packets[0].height_px);
            assert!(take.packets[0].is_keyframe);
            // What 4:2:0 cannot show is left out.
            assert_eq!(shown, (width & !1, height & !1));
            if have(&["ffprobe"]) {
                let entries = "codec_name,profile,width,height,has_b_frames,pix_fmt,level,color_range,\
                               color_space,color_transfer,color_primaries,field_order,refs";
                let (width, height) = shown;
                let level = level(&take.packets[0]);
                let wanted = format!(
                    "h264,Constrained Baseline,{width},{height},0,yuv420p,{level},tv,bt709,bt709,bt709,progressive,1"
                );
                assert_eq!(probed_stream(&take.stream(), entries), wanted);
            }
        }
    }
}

/// The level of a key picture's sequence parameter set, in tenths.
fn level(packet: &Packet) -> u32 {
    sequence_set(packet)[3].into()
}

/// The first bytes of the sequence parameter set: its header, profile, constraints, level.
fn sequence_set(packet: &Packet) -> &[u8] {
    let at = packet.payload.windows(4).position(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 31 == 7);
    &packet.payload[at.unwrap() + 3..]
}

/// ITU-T H.264, table A-1: level, most macroblocks of a picture.
const LEVELS: [(u32, u32); 16] = [
    (10, 99),
    (11, 396),
    (12, 396),
    (13, 396),
    (20, 396),
    (21, 792),
    (22, 1620),
    (30, 1620),
    (31, 3600),
    (32, 5120),
    (40, 8192),
    (41, 8192),
    (42, 8704),
    (50, 22_080),
    (51, 36_864),
    (52, 36_864),
];

#[test]
fn the_level_allows_the_pictures_and_the_codec_string_says_it() {
    for (width, height) in
        [(16, 16), (176, 144), (720, 400), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160), (3840, 64)]
    {
        let format = FrameFormat::new(PixelFormat::Nv12, width, height);
        let mut encoder = H264Encoder::default();
        assert_eq!(encoder.codec_string(), None);
        let take = encode(&mut encoder, &frames(Pattern::Text, format, 1), 0);
        let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
        let level = level(&take.packets[0]);
        let (_, most) = *LEVELS.iter().find(|(known, _)| *known == level).unwrap();
        assert!(columns * rows <= most, "{width}×{height} in level {level}");
        // ITU-T H.264, A.3.1: no side is longer than the root of eight times that.
        assert!(columns.max(rows).pow(2) <= 8 * most, "{width}×{height} in level {level}");
        let [_, profile, constraints, level, ..] = *sequence_set(&take.packets[0]) else {
            panic!("a short set")
        };
        let wanted = format!("avc1.{profile:02X}{constraints:02X}{level:02X}");
        assert_eq!(encoder.codec_string().unwrap().to_uppercase(), wanted.to_uppercase());
    }
}

#[test]
fn a_changed_bit_is_noticed() {
    if !have(&["ffmpeg"]) {
        return;
    }
    let frames = frames(Pattern::Drag, FrameFormat::new(PixelFormat::Uyvy, 320, 176), 6);
    let good = encode(&mut H264Encoder::default(), &frames, 0);
    good.judged().unwrap();
    let mut noticed = 0;
    for number in 0..good.packets.len() {
        let mut bad = Take { packets: good.packets.clone(), shown: good.shown.clone() };
        let mut payload = bad.packets[number].payload.to_vec();
        let middle = payload.len() / 2;
        payload[middle] ^= 0x10;
        bad.packets[number].payload = payload.into();
        noticed += usize::from(bad.judged().is_err());
    }
    // Some other vectors show the same, where all around is of one colour.
    assert!(noticed * 2 > good.packets.len(), "{noticed} of {}", good.packets.len());
    // A picture that is not what was said.
    let mut bad = good;
    let last = bad.shown.last_mut().unwrap();
    *last.planes.last_mut().unwrap() ^= 1;
    assert!(bad.judged().unwrap_err().contains("Cr at 159, 87, in macroblock 19, 10"));
}

#[test]
fn a_still_screen_becomes_sharp_and_then_costs_nothing() {
    for pattern in [Pattern::Text, Pattern::Desktop, Pattern::Film] {
        let frame = &frames(pattern, FrameFormat::new(PixelFormat::Uyvy, 640, 368), 1)[0];
        let mut encoder = H264Encoder::default();
        let mut take = Take::default();
        take.encode(&mut encoder, frame, &Damage::full(640, 368), 1_000);
        assert!(
            !encoder.has_backlog() && take.packets.len() < 500,
            "{pattern}: {} pictures",
            take.packets.len()
        );
        let source = Shown::of_frame(frame);
        let (first, last) = (take.shown[0].psnr(&source), take.shown.last().unwrap().psnr(&source));
        assert!(last >= 44.0 && last >= first, "{pattern}: {first} dB, then {last} dB");
        let count = take.packets.len();
        take.encode(&mut encoder, frame, &Damage::NONE, 10);
        assert_eq!(take.packets.len(), count, "an unchanged frame is not encoded");
        if have(&["ffmpeg"]) {
            take.judged().unwrap();
        }
    }
}

#[test]
fn a_checked_encoder_believes_no_damage() {
    let frames = frames(Pattern::Drag, FrameFormat::new(PixelFormat::Uyvy, 320, 176), 8);
    let (mut encoder, mut take) = (H264Encoder::default().with_checks(), Take::default());
    for frame in &frames {
        take.encode(&mut encoder, frame, &Damage::NONE, 0);
        let psnr = take.shown.last().unwrap().psnr(&Shown::of_frame(frame));
        assert!(psnr >= 34.0, "frame {}: {psnr} dB", frame.sequence());
    }
    if have(&["ffmpeg"]) {
        take.judged().unwrap();
    }
}

#[test]
fn a_line_is_never_given_more_than_it_carries() {
    for (pattern, bytes_per_second) in
        [(Pattern::Film, 100_000), (Pattern::Scroll, 150_000), (Pattern::Noise, 400_000)]
    {
        let rate = H264Rate::new(bytes_per_second, Duration::from_millis(500));
        let frames = frames(pattern, FrameFormat::new(PixelFormat::Uyvy, 640, 368), 90);
        let take = encode(&mut H264Encoder::default().with_rate(rate), &frames, 0);
        // The key picture may be more than the buffer; what comes after it keeps to buffer and rate.
        let mut held = 0.0;
        let mut last = take.packets[0].timestamp;
        for packet in &take.packets[1..] {
            let passed = packet.timestamp.saturating_since(last).as_secs_f64();
            held =
                f64::max(held - passed * f64::from(rate.bytes_per_second), 0.0) + packet.payload.len() as f64;
            last = packet.timestamp;
            assert!(held <= f64::from(rate.buffer_bytes) + 1.0, "{pattern}: {held} bytes wait");
        }
        if have(&["ffmpeg"]) {
            take.judged().unwrap();
        }
    }
}

#[test]
fn a_key_picture_comes_when_asked_for_and_starts_the_stream_anew() {
    let frames = frames(Pattern::Scroll, FrameFormat::new(PixelFormat::Nv12, 320, 176), 12);
    let (mut encoder, mut diff, mut take) = (H264Encoder::default(), TileDiff::new(), Take::default());
    for (number, frame) in frames.iter().enumerate() {
        if number % 4 == 0 {
            encoder.request_keyframe();
        }
        let damage = if number == 8 { Damage::NONE } else { diff.compare(frame.clone()) };
        take.encode(&mut encoder, frame, &damage, 0);
        let newest = take.packets.last().unwrap();
        assert_eq!((newest.is_keyframe, newest.sequence), (number % 4 == 0, frame.sequence()));
    }
    if !have(&["ffmpeg"]) {
        return;
    }
    take.judged().unwrap();
    for start in [4, 8] {
        let later = Take { packets: take.packets[start..].to_vec(), shown: take.shown[start..].to_vec() };
        later.judged().unwrap();
    }
}

#[test]
fn noise_costs_no_more_than_pcm() {
    let frames = frames(Pattern::Noise, FrameFormat::new(PixelFormat::Bgrx, 320, 176), 4);
    let take = encode(&mut H264Encoder::default(), &frames, 0);
    for packet in &take.packets {
        // ITU-T H.264, A.3.1: a macroblock has 3,200 bits at most, before what prevents start codes.
        assert!(packet.payload.len() < 20 * 11 * 400 * 102 / 100, "{} bytes", packet.payload.len());
    }
}

#[test]
fn what_is_no_raw_picture_is_refused() {
    let format = FrameFormat::new(PixelFormat::Mjpeg, 640, 360);
    let frame = Frame::packed(format, vec![0; 1000].into()).unwrap();
    let mut out: Vec<Packet> = Vec::new();
    let error = H264Encoder::default().encode(&frame, &Damage::full(640, 360), &mut out).unwrap_err();
    assert!(matches!(error, EncodeError::Unsupported { .. }) && out.is_empty(), "{error}");
}

#[test]
fn recorded_pictures_keep_count_and_time() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let frames = frames(Pattern::Scroll, FrameFormat::new(PixelFormat::Nv12, 640, 360), 50);
    let take = encode(&mut H264Encoder::default(), &frames, 0);
    assert_eq!(take.packets.len(), 50);
    let file = write("h264.mp4", &record(&take.packets));
    assert_eq!(probed_times(&file), times(&take.packets));
    if have(&["gst-launch-1.0"]) {
        assert_eq!(decoded_by_gstreamer(&file, Codec::H264, 640, 360), 50);
    }
}
