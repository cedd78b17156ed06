//! The conformance check over the sources that need no device, and over sources made to fail it.

#![cfg(feature = "testing")]

use std::io::Cursor;
use std::time::Duration;

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::testing::{CheckOptions, Violation, check_source};
use kvm_capture::{
    CaptureError, Captured, Frame, FrameFormat, FrameRate, FrameSource, PixelFormat, Replay, Timestamp,
};

mod y4m_writer;

#[test]
fn replay_conforms() {
    let format = FrameFormat::new(PixelFormat::Nv24, 16, 8);
    let frames: Vec<Frame> = (0..5_u8)
        .map(|shade| Frame::packed(format, vec![shade; format.len_bytes()].into()).unwrap())
        .collect();
    let file = y4m_writer::y4m(format, &frames);
    let replay = Replay::y4m(Cursor::new(file)).unwrap().looping().unwrap();
    let checked = check_source(Box::new(replay), &CheckOptions::new()).unwrap();
    assert_eq!(checked.buffers, None);
    let raw = Replay::raw(
        Cursor::new(vec![0; 400]),
        FrameFormat::new(PixelFormat::Uyvy, 10, 4),
        FrameRate::DEFAULT,
    );
    check_source(Box::new(raw.unwrap().looping().unwrap()), &CheckOptions::new()).unwrap();
}

#[cfg(feature = "pattern")]
#[test]
fn patterns_conform() {
    use kvm_capture::pattern::{Pattern, PatternSource};
    for pattern in Pattern::ALL {
        let format = FrameFormat::new(PixelFormat::Bgrx, 320, 192);
        let source = PatternSource::new(pattern, format, 7).unwrap();
        let checked = check_source(Box::new(source), &CheckOptions::new().with_frames(10)).unwrap();
        assert_eq!(checked.buffers, None, "{pattern}");
    }
}

/// Gives frames, with one fault.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    next: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Blocks,
    Silent,
    Renumbers,
    Redates,
    OtherFormat,
    FalseStarvation,
}

impl Declare for Faulty {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for Faulty {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        self.next += 1;
        let (number, is_late) = (self.next, self.next > 20);
        let format = FrameFormat::new(PixelFormat::Grey, 4, 4);
        if number == 1 {
            return Ok(Some(Captured::SignalChanged(format)));
        }
        let other = FrameFormat::new(PixelFormat::Grey, 2, 2);
        let now = if is_late { self.fault } else { Fault::None };
        if now == Fault::Silent {
            return Ok(None);
        }
        if now == Fault::Blocks {
            std::thread::sleep(Duration::from_millis(25));
        }
        if now == Fault::FalseStarvation {
            self.fault = Fault::None;
            return Ok(Some(Captured::Starved { held: 0 }));
        }
        let frame =
            Frame::packed(if now == Fault::OtherFormat { other } else { format }, vec![0; 16].into())?;
        let sequence = if now == Fault::Renumbers { 3 } else { number };
        let micros = if now == Fault::Redates { 3 } else { number };
        Ok(Some(Captured::Frame(
            frame.with_sequence(sequence).with_timestamp(Timestamp::from_micros(micros)),
        )))
    }
}

#[test]
fn each_fault_is_found() {
    let mut options = CheckOptions::new();
    options.longest_silence = Duration::from_millis(20);
    let check = |fault| check_source(Box::new(Faulty { fault, next: 0 }), &options);
    check(Fault::None).unwrap();
    assert!(matches!(check(Fault::Blocks), Err(Violation::Blocked { .. })));
    assert!(matches!(check(Fault::Silent), Err(Violation::Silent(_))));
    assert!(matches!(check(Fault::Renumbers), Err(Violation::Frame { .. })));
    assert!(matches!(check(Fault::Redates), Err(Violation::Frame { .. })));
    assert!(matches!(check(Fault::OtherFormat), Err(Violation::Frame { .. })));
    assert!(matches!(check(Fault::FalseStarvation), Err(Violation::Buffers(_))));
}
