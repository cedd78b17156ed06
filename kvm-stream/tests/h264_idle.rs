//! A day of a console on which nothing happens but a cursor that blinks.
#![cfg(feature = "h264")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod recorder_judges;

use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{Damage, Encoder, H264Encoder, PacketSink, Recorder, Rect, TileDiff};
use recorder_judges::{decoded, grant, have, path, probed_duration};

const SECONDS: u64 = 24 * 60 * 60;
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
fn a_day_of_an_idle_console_is_a_small_file() {
    let frames = console();
    let (mut encoder, mut diff) = (H264Encoder::default(), TileDiff::new());
    let mut recorder = Recorder::new("day.mp4", Vec::new(), grant("day.mp4")).unwrap();
    let mut packets = Vec::new();
    let mut blink = Damage::NONE;
    for second in 0..SECONDS {
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
        recorder.advance(at).unwrap();
    }
    assert!(blink.area() <= 4 * 16 * 16, "{blink:?}");
    let (file, recorded) = recorder.finish(Timestamp::from_micros(SECONDS * 1_000_000)).unwrap();
    println!("{} bytes, {} pictures, {} fragments", file.len(), recorded.pictures, recorded.fragments);
    assert!(recorded.pictures >= SECONDS && file.len() <= 50_000_000, "{} bytes: {recorded:?}", file.len());
    if have(&["ffmpeg", "ffprobe"]) {
        let file_path = path("day.mp4");
        std::fs::write(&file_path, &file).unwrap();
        let name = file_path.to_str().unwrap();
        assert_eq!(probed_duration(name), SECONDS * 1_000_000);
        let shown = decoded(name, 200);
        assert_eq!(shown.len(), 200);
        assert!(shown[150] == shown[152] && shown[150] != shown[151], "the cursor blinks");
        std::fs::remove_file(file_path).unwrap();
    }
}
