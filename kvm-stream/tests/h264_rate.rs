//! What a line of a constant rate gets of H.264: never more than it carries, and all of it in the end.
#![cfg(feature = "h264")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod h264_judges;
mod h264_take;
mod recorder_judges;

use std::time::Duration;

use h264_take::{Shown, Take};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{Damage, Encoder, H264Encoder, H264Quality, H264Rate, Packet, TileDiff};
use recorder_judges::have;

const FORMAT: FrameFormat = FrameFormat::new(PixelFormat::Uyvy, 640, 368);
const INTERVAL_US: u64 = 33_333;

/// Frames of a pattern, thirty a second.
fn frames(pattern: Pattern, first: u64) -> impl Iterator<Item = Frame> {
    let mut source = PatternSource::new(pattern, FORMAT, 1).unwrap();
    (first..).map(move |number| match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => at(frame, number),
        other => panic!("{other:?}"),
    })
}

fn at(frame: Frame, number: u64) -> Frame {
    frame.with_sequence(number).with_timestamp(Timestamp::from_micros(5_000_000 + number * INTERVAL_US))
}

/// Every stretch of packets against what the line carries in its time.
fn assert_carried(packets: &[Packet], rate: H264Rate) {
    for (first, start) in packets.iter().enumerate() {
        let mut bytes = 0;
        for packet in &packets[first..] {
            bytes += packet.payload.len() as u64;
            let micros = packet.timestamp.as_micros() - start.timestamp.as_micros();
            let carried =
                u64::from(rate.buffer_bytes) + micros * u64::from(rate.bytes_per_second) / 1_000_000;
            assert!(
                bytes <= carried + 1,
                "{bytes} bytes of {carried} from frame {} to {}",
                start.sequence,
                packet.sequence
            );
        }
    }
}

/// Plays patterns over a line, a second each, then shows the last frame until nothing comes any more.
fn played(rate: H264Rate, patterns: &[Pattern], wants_keys: bool) -> (Take, Frame) {
    let mut encoder = H264Encoder::new(H264Quality::DEFAULT).with_rate(rate);
    let (mut take, mut diff) = (Take::default(), TileDiff::new());
    let mut number = 0;
    let mut last = None;
    for pattern in patterns {
        for frame in frames(*pattern, number).take(30) {
            let damage = diff.compare(frame.clone());
            if wants_keys && number % 10 == 7 {
                encoder.request_keyframe();
            }
            take.encode(&mut encoder, &frame, &damage, 0);
            last = Some(frame);
            number += 1;
        }
    }
    let mut last = last.unwrap();
    let nothing = Damage::NONE;
    for _ in 0..1500 {
        if !encoder.has_backlog() {
            break;
        }
        last = at(last, number);
        take.encode(&mut encoder, &last, &nothing, 0);
        number += 1;
    }
    assert!(!encoder.has_backlog(), "there is no end");
    (take, last)
}

#[test]
fn no_stretch_of_pictures_has_more_than_the_line_carries() {
    let patterns = [Pattern::Noise, Pattern::Scroll, Pattern::Film, Pattern::Drag];
    for (bytes_per_second, buffer_ms, wants_keys) in
        [(60_000, 500, false), (200_000, 300, true), (1_000_000, 100, true), (30_000, 400, true)]
    {
        let rate = H264Rate::new(bytes_per_second, Duration::from_millis(buffer_ms));
        let (take, last) = played(rate, &patterns, wants_keys);
        assert_carried(&take.packets, rate);
        if have(&["ffmpeg"]) {
            take.judged().unwrap_or_else(|error| panic!("{rate:?}: {error}"));
        }
        let psnr = take.shown.last().unwrap().psnr(&Shown::of_frame(&last));
        assert!(psnr > 40.0, "{rate:?}: {psnr} dB in the end");
    }
}

#[test]
fn noise_takes_what_the_line_carries() {
    let rate = H264Rate::new(150_000, Duration::from_millis(500));
    let mut encoder = H264Encoder::default().with_rate(rate);
    let (mut take, mut diff) = (Take::default(), TileDiff::new());
    for frame in frames(Pattern::Noise, 0).take(120) {
        let damage = diff.compare(frame.clone());
        take.encode(&mut encoder, &frame, &damage, 0);
    }
    assert_carried(&take.packets, rate);
    let bytes: usize = take.packets.iter().map(|packet| packet.payload.len()).sum();
    // Four seconds, and what the buffer had to begin with.
    assert!(bytes > 4 * 150_000 * 9 / 10, "{bytes}");
}

#[test]
fn a_level_carries_the_rate() {
    let level = |rate: Option<H264Rate>| {
        let mut encoder = H264Encoder::default();
        if let Some(rate) = rate {
            encoder = encoder.with_rate(rate);
        }
        let frame = frames(Pattern::Drag, 0).next().unwrap();
        let mut packets: Vec<Packet> = Vec::new();
        encoder.encode(&frame, &Damage::full(FORMAT.width_px, FORMAT.height_px), &mut packets).unwrap();
        encoder.codec_string().unwrap()
    };
    assert_eq!(level(None), "avc1.42E01F");
    assert_eq!(level(Some(H264Rate::new(250_000, Duration::from_secs(1)))), "avc1.42E01F");
    assert_eq!(level(Some(H264Rate::new(2_000_000, Duration::from_secs(1)))), "avc1.42E020");
    assert_eq!(level(Some(H264Rate::new(6_000_000, Duration::from_secs(1)))), "avc1.42E029");
}
