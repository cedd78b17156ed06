//! No bytes make the reader of YUV4MPEG2 files panic or allocate what they do not hold, and frames it accepts
//! are the same when they are written and read again.
#![no_main]

use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, Replay};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/y4m_writer/mod.rs"]
mod y4m_writer;

fuzz_target!(|file: &[u8]| {
    let Some((format, read)) = frames(file) else { return };
    let written = y4m_writer::y4m(format, &read);
    let (format_again, read_again) = frames(&written).expect("what is written is read");
    assert_eq!(format_again, format);
    assert_eq!(read_again.len(), read.len());
    for (again, first) in read_again.iter().zip(&read) {
        assert_eq!(y4m_writer::planar(again), y4m_writer::planar(first));
    }
});

/// The whole frames before the end or the first fault.
fn frames(file: &[u8]) -> Option<(FrameFormat, Vec<Frame>)> {
    let mut replay = Replay::y4m(file).ok()?;
    let mut frames = Vec::new();
    while let Ok(Some(captured)) = replay.poll_capture() {
        if let Captured::Frame(frame) = captured {
            assert_eq!(frame.format(), replay.format());
            frames.push(frame);
        }
    }
    Some((replay.format(), frames))
}
