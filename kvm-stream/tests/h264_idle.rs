//! A console on which nothing happens all day but a cursor that blinks.
#![cfg(feature = "h264")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod recorder_judges;

use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{Damage, Encoder, H264Encoder, PacketSink, Recorder, Rect, TileDiff};
use recorder_judges::{decoded, grant, have, path, probed_duration};

const HOUR: u64 = 60 * 60;
/// What a day of it may have.
const DAY_BYTES: usize = 50_000_000;
/// Where the cursor is: half a cell of a console, not at the edge of a macroblock.
const CURSOR: Rect = Rect::new(392, 344, 8, 16);

/// A page of text, with the cursor and without it.
fn console() -> [Frame; 2] {
    let format = FrameFormat::new(PixelFormat::Uyvy, 1280, 720);
    let mut source = PatternSource::new(Pattern::Scroll, format, 1).unwrap();
    let page = match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => panic!("{other:?}"),
    };
    [16, 235].map(|luma| {
        let mut bytes = Vec::new();
        for (y, row) in page.image().unwrap().plane(0).rows().enumerate() {
            bytes.extend_from_slice(row);
            if (CURSOR.y as usize..CURSOR.bottom() as usize).contains(&y) {
                let end = bytes.len() - row.len() + CURSOR.right() as usize * 2;
                for pair in bytes[end - CURSOR.width as usize * 2..end].chunks_exact_mut(2) {
                    pair.copy_from_slice(&[128, luma]);
                }
            }
        }
        Frame::packed(format, bytes.into()).unwrap()
    })
}

#[test]
fn an_hour_of_an_idle_console_is_a_small_file() {
    record(HOUR, DAY_BYTES / 24);
}

#[test]
#[ignore = "takes minutes"]
fn a_day_of_an_idle_console_is_a_small_file() {
    record(24 * HOUR, DAY_BYTES);
}

/// Records so many seconds, by the clock of the source, and judges the file.
fn record(seconds: u64, most_bytes: usize) {
    let name = format!("idle-{seconds}.mp4");
    let frames = console();
    let (mut encoder, mut diff) = (H264Encoder::default(), TileDiff::new());
    let mut recorder = Recorder::new(&name, Vec::new(), grant(&name)).unwrap();
    let mut packets = Vec::new();
    let mut blink = Damage::NONE;
    for second in 0..seconds {
        let at = Timestamp::from_micros(second * 1_000_000);
        let frame = frames[usize::from(second % 2 == 0)].clone().with_sequence(second).with_timestamp(at);
        if second < 3 {
            blink = diff.compare(frame.clone());
        }
        encoder.encode(&frame, &blink, &mut packets).unwrap();
        // A pipeline goes on with what stands still, 30 times a second.
        for tick in 1..30 {
            if !encoder.has_backlog() {
                break;
            }
            let at = Timestamp::from_micros(second * 1_000_000 + tick * 33_333);
            encoder.encode(&frame.clone().with_timestamp(at), &Damage::NONE, &mut packets).unwrap();
        }
        for packet in packets.drain(..) {
            recorder.push(packet).unwrap();
        }
        recorder.advance(Timestamp::from_micros(second * 1_000_000 + 999_999)).unwrap();
    }
    assert!(blink.area() <= 4 * 16 * 16, "{blink:?}");
    let (file, recorded) = recorder.finish(Timestamp::from_micros(seconds * 1_000_000)).unwrap();
    assert!(recorded.pictures >= seconds && file.len() <= most_bytes, "{} bytes: {recorded:?}", file.len());
    if have(&["ffmpeg", "ffprobe"]) {
        let file_path = path(&name);
        std::fs::write(&file_path, &file).unwrap();
        let file_name = file_path.to_str().unwrap();
        assert_eq!(probed_duration(file_name), seconds * 1_000_000);
        let shown = decoded(file_name, 600);
        assert_eq!(shown.len(), 600);
        assert!(shown[500..].windows(2).any(|pair| pair[0] != pair[1]), "the cursor blinks");
        std::fs::remove_file(file_path).unwrap();
    }
}
