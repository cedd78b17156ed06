//! The way of a frame through a pipeline, with sources and sinks that behave badly.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{
    CaptureError, Captured, Frame, FrameFormat, FrameSource, PixelFormat, SignalLoss, Timestamp,
};
use kvm_stream::{
    Codec, Damage, EncodeError, Encoder, FanOut, Pace, Packet, PacketSink, Pipeline, PipelineError,
    SinkError, Step,
};

const FORMAT: FrameFormat = FrameFormat::new(PixelFormat::Grey, 32, 16);

/// A source that says what it was told to say.
#[derive(Debug)]
struct Script(VecDeque<Captured>);

impl Declare for Script {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for Script {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        Ok(self.0.pop_front())
    }
}

/// An encoder whose packets say what it was asked to do; fails when told to.
#[derive(Debug, Default)]
struct Plain {
    asked: bool,
    fails: Arc<Mutex<u32>>,
}

impl Encoder for Plain {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(EncodeError::Codec { encoder: "plain", reason: "as told".to_owned() });
        }
        let note = Bytes::from(format!("{:?}", damage.rects()));
        out.push(Packet::of(frame, Codec::H264, note, std::mem::take(&mut self.asked)))?;
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.asked = true;
    }
}

/// A sink others can look into, and that breaks after some packets.
#[derive(Clone, Default)]
struct Shared {
    packets: Arc<Mutex<Vec<Packet>>>,
    breaks_after: Option<usize>,
}

impl PacketSink for Shared {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        let mut packets = self.packets.lock().unwrap();
        if self.breaks_after == Some(packets.len()) {
            return Err(SinkError::StreamChanged { reason: "as told" });
        }
        packets.push(packet);
        Ok(())
    }
}

fn frame(shade: u8, sequence: u64) -> Captured {
    Captured::Frame(Frame::packed(FORMAT, Bytes::from(vec![shade; 512])).unwrap().with_sequence(sequence))
}

fn pipeline(script: Vec<Captured>) -> Pipeline {
    Pipeline::new(Box::new(Script(script.into())), Box::new(Plain::default()))
}

#[test]
fn an_unchanged_frame_is_neither_encoded_nor_sent() {
    let mut pipeline = pipeline(vec![frame(1, 0), frame(1, 1), frame(2, 2)]);
    let sink = Shared::default();
    pipeline.add_sink(Box::new(sink.clone()));
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })));
    assert!(matches!(pipeline.step(), Ok(Step::Unchanged { .. })));
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })));
    assert!(matches!(pipeline.step(), Ok(Step::Idle)));
    let sequences: Vec<_> = sink.packets.lock().unwrap().iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequences, [0, 2]);
}

#[test]
fn after_a_lost_signal_everything_is_new() {
    let lost = Captured::SignalLost(SignalLoss::NoCable);
    let mut pipeline = pipeline(vec![frame(1, 0), lost, frame(1, 1)]);
    pipeline.add_sink(Box::new(Shared::default()));
    pipeline.step().unwrap();
    assert_eq!(pipeline.step().unwrap(), Step::SignalLost(SignalLoss::NoCable));
    assert!(pipeline.frame().is_none(), "a lost picture is not shown as if it were there");
    let Step::Encoded { damage, .. } = pipeline.step().unwrap() else { panic!("not encoded") };
    assert_eq!(damage, Damage::full(32, 16));
}

#[test]
fn a_broken_sink_is_taken_out_and_the_others_go_on() {
    let mut pipeline = pipeline(vec![frame(1, 0), frame(2, 1), frame(3, 2)]);
    let (good, bad) = (Shared::default(), Shared { breaks_after: Some(1), ..Shared::default() });
    let bad_id = pipeline.add_sink(Box::new(bad));
    let good_id = pipeline.add_sink(Box::new(good.clone()));
    pipeline.step().unwrap();
    assert!(matches!(pipeline.step(), Err(PipelineError::Sink { id, .. }) if id == bad_id));
    pipeline.step().unwrap();
    assert_eq!(good.packets.lock().unwrap().len(), 3);
    assert!(pipeline.remove_sink(bad_id).is_none());
    assert!(pipeline.remove_sink(good_id).is_some());
}

#[test]
fn a_late_viewer_gets_a_key_picture_of_a_still_screen() {
    let mut pipeline = pipeline(vec![frame(1, 0), frame(1, 1)]);
    let fan_out = FanOut::new(2);
    pipeline.add_sink(Box::new(fan_out.clone()));
    assert_eq!(pipeline.step().unwrap(), Step::Unwatched);
    let mut viewer = fan_out.join();
    assert!(viewer.try_packet().is_none());
    let Step::Encoded { damage, .. } = pipeline.step().unwrap() else { panic!("not encoded") };
    assert_eq!(damage, Damage::full(32, 16));
    assert!(viewer.try_packet().unwrap().is_keyframe);
    assert!(
        matches!(pipeline.step(), Ok(Step::Unchanged { .. })),
        "the request was passed on more than once"
    );
}

#[test]
fn for_nobody_nothing_is_encoded_and_a_newcomer_sees_the_newest() {
    let mut pipeline = pipeline(vec![frame(1, 0), frame(2, 1), frame(3, 2), frame(3, 3)]);
    let fan_out = FanOut::new(2);
    pipeline.add_sink(Box::new(fan_out.clone()));
    let viewer = fan_out.join();
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })));
    drop(viewer);
    assert_eq!(pipeline.step().unwrap(), Step::Unwatched);
    assert_eq!(pipeline.step().unwrap(), Step::Unwatched);
    let mut viewer = fan_out.join();
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })));
    assert_eq!(viewer.try_packet().unwrap().sequence, 2);
    assert!(matches!(pipeline.step(), Ok(Step::Unchanged { .. })));
}

#[test]
fn after_a_failed_encode_the_next_frame_is_encoded_as_a_whole() {
    let encoder = Plain { fails: Arc::new(Mutex::new(1)), ..Plain::default() };
    let script = vec![frame(1, 0), frame(1, 1)];
    let mut pipeline = Pipeline::new(Box::new(Script(script.into())), Box::new(encoder));
    pipeline.add_sink(Box::new(Shared::default()));
    assert!(matches!(pipeline.step(), Err(PipelineError::Encode(_))));
    let Step::Encoded { damage, .. } = pipeline.step().unwrap() else { panic!("the failed frame is lost") };
    assert_eq!(damage, Damage::full(32, 16));
}

fn frame_at(shade: u8, sequence: u64, millis: u64) -> Captured {
    let Captured::Frame(frame) = frame(shade, sequence) else { unreachable!("a frame") };
    Captured::Frame(frame.with_timestamp(Timestamp::from_micros(millis * 1000)))
}

/// Changes the shade of the left tile only.
fn left_changed(shade: u8, sequence: u64, millis: u64) -> Captured {
    let mut bytes = vec![1; 512];
    bytes.chunks_mut(32).for_each(|row| row[..16].fill(shade));
    let frame = Frame::packed(FORMAT, Bytes::from(bytes)).unwrap().with_sequence(sequence);
    Captured::Frame(frame.with_timestamp(Timestamp::from_micros(millis * 1000)))
}

fn paced(millis: u64) -> Pace {
    let mut pace = Pace::UNLIMITED;
    pace.frame_interval = Duration::from_millis(millis);
    pace
}

#[test]
fn of_frames_that_come_too_fast_the_newest_wins_and_no_change_is_lost() {
    let script = vec![
        frame_at(1, 0, 0),
        left_changed(9, 1, 10),
        frame_at(1, 2, 20),
        left_changed(7, 3, 30),
        left_changed(7, 4, 50),
        frame_at(1, 5, 60),
        frame_at(1, 6, 100),
    ];
    let mut pipeline = pipeline(script);
    let sink = Shared::default();
    pipeline.add_sink(Box::new(sink.clone()));
    pipeline.set_pace(paced(50));
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })));
    for sequence in 1..=3 {
        assert_eq!(pipeline.step().unwrap(), Step::Deferred);
        assert_eq!(pipeline.frame().unwrap().sequence(), sequence);
    }
    let Step::Encoded { damage, times, .. } = pipeline.step().unwrap() else { panic!("not encoded") };
    assert_eq!(damage.rects(), [kvm_stream::Rect::new(0, 0, 16, 16)]);
    assert_eq!(times.captured, Timestamp::from_micros(50_000));
    assert_eq!(pipeline.step().unwrap(), Step::Deferred);
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })));
    let sequences: Vec<_> = sink.packets.lock().unwrap().iter().map(|packet| packet.sequence).collect();
    assert_eq!(sequences, [0, 4, 6]);
}

#[test]
fn a_starved_source_gets_the_buffer_back_that_waits_for_its_turn() {
    let script = vec![frame_at(1, 0, 0), frame_at(2, 1, 10), Captured::Starved { held: 2 }];
    let mut pipeline = pipeline(script);
    pipeline.add_sink(Box::new(Shared::default()));
    pipeline.set_pace(paced(1000));
    pipeline.step().unwrap();
    assert_eq!(pipeline.step().unwrap(), Step::Deferred);
    assert_eq!(pipeline.step().unwrap(), Step::Starved { held: 2 });
    assert!(matches!(pipeline.step(), Ok(Step::Encoded { .. })), "the frame still waits");
    assert_eq!(pipeline.step().unwrap(), Step::Idle);
}

#[test]
fn with_a_clock_the_last_frame_before_a_pause_has_its_turn() {
    let mut pipeline = pipeline(vec![frame_at(1, 0, 0), frame_at(2, 1, 1)]).with_clock(Instant::now);
    pipeline.add_sink(Box::new(Shared::default()));
    pipeline.set_pace(paced(5));
    pipeline.step().unwrap();
    // However slow this machine is, the frame comes through.
    let encoded = std::iter::repeat_with(|| pipeline.step().unwrap())
        .take(100_000_000)
        .find(|step| matches!(step, Step::Encoded { .. }));
    assert!(encoded.is_some());
}

#[test]
fn sinks_hear_how_late_it_is_though_nothing_changes() {
    #[derive(Clone, Default)]
    struct Watch(Arc<Mutex<Vec<Timestamp>>>);
    impl PacketSink for Watch {
        fn push(&mut self, _: Packet) -> Result<(), SinkError> {
            Ok(())
        }
        fn advance(&mut self, now: Timestamp) -> Result<(), SinkError> {
            self.0.lock().unwrap().push(now);
            if now.as_micros() >= 2000 { Err(SinkError::StreamChanged { reason: "as told" }) } else { Ok(()) }
        }
    }
    let mut pipeline = pipeline((0..4).map(|index| frame_at(1, index, index)).collect());
    let watch = Watch::default();
    pipeline.add_sink(Box::new(watch.clone()));
    pipeline.add_sink(Box::new(Shared::default()));
    pipeline.step().unwrap();
    assert!(matches!(pipeline.step(), Ok(Step::Unchanged { .. })));
    assert!(matches!(pipeline.step(), Err(PipelineError::Sink { .. })));
    assert!(matches!(pipeline.step(), Ok(Step::Unchanged { .. })), "the frame at which the sink broke");
    assert!(matches!(pipeline.step(), Ok(Step::Unchanged { .. })));
    assert_eq!(
        watch.0.lock().unwrap().iter().map(|now| now.as_micros()).collect::<Vec<_>>(),
        [0, 1000, 2000]
    );
}
