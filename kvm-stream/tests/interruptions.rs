//! Starvation, another resolution and a lost signal in mid-stream, with every encoder and every sink.
#![cfg(feature = "jpeg")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod recorder_judges;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{
    CaptureError, Captured, Frame, FrameFormat, FrameSource, PixelFormat, SignalLoss, Timestamp,
};
use kvm_stream::{
    Encoder, FanOut, JpegEncoder, Packet, PacketSink, Passthrough, Pipeline, PipelineError, Recorder,
    SinkError, Step, ViewerPolicy,
};
use recorder_judges::grant;

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

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<Packet>>>);

impl PacketSink for Shared {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(packet);
        Ok(())
    }
}

fn frames(pixel: PixelFormat, width: u32, height: u32, first: u64) -> Vec<Captured> {
    let raw = if pixel == PixelFormat::Mjpeg { PixelFormat::Nv12 } else { pixel };
    let mut source = PatternSource::new(Pattern::Drag, FrameFormat::new(raw, width, height), 1).unwrap();
    (first..first + 4)
        .map(|sequence| {
            let Ok(Some(Captured::Frame(mut frame))) = source.poll_capture() else { panic!("no frame") };
            if pixel == PixelFormat::Mjpeg {
                let jpeg: Bytes = JpegEncoder::new(80).picture(&frame).unwrap();
                frame = Frame::packed(FrameFormat::new(pixel, width, height), jpeg).unwrap();
            }
            Captured::Frame(
                frame.with_sequence(sequence).with_timestamp(Timestamp::from_micros(sequence * 16_667)),
            )
        })
        .collect()
}

fn encoders() -> Vec<(Box<dyn Encoder>, PixelFormat)> {
    vec![
        (Box::new(JpegEncoder::new(80)), PixelFormat::Nv12),
        (Box::new(JpegEncoder::new(80)), PixelFormat::Bgrx),
        (Box::new(Passthrough::new()), PixelFormat::Mjpeg),
        #[cfg(feature = "openh264")]
        (Box::new(kvm_stream::OpenH264Encoder::new(24)), PixelFormat::Nv12),
    ]
}

#[test]
fn every_encoder_and_sink_goes_on_after_an_interruption() {
    for (encoder, pixel) in encoders() {
        let name = format!("{encoder:?} of {pixel}");
        let mut script = frames(pixel, 128, 96, 0);
        script.push(Captured::Starved { held: 3 });
        script.extend(frames(pixel, 128, 96, 4));
        script.push(Captured::SignalChanged(FrameFormat::new(pixel, 64, 48)));
        script.extend(frames(pixel, 64, 48, 8));
        script.push(Captured::SignalLost(SignalLoss::NoCable));
        script.extend(frames(pixel, 64, 48, 12));
        // A format that changes without a word.
        script.extend(frames(pixel, 128, 96, 16));
        let mut pipeline = Pipeline::new(Box::new(Script(script.into())), encoder);
        let (shared, fan_out) = (Shared::default(), FanOut::new(2));
        let mut viewers = [
            fan_out.join(),
            fan_out.join_with(ViewerPolicy::window(100)),
            fan_out.join_with(ViewerPolicy::lossless(1 << 20)),
        ];
        let recorder = Recorder::new("test.mp4", Vec::new(), grant("test.mp4")).unwrap();
        pipeline.add_sink(Box::new(shared.clone()));
        pipeline.add_sink(Box::new(fan_out));
        let recording = pipeline.add_sink(Box::new(recorder));
        let (mut broken, mut starved, mut lost, mut taken) = (0, 0, 0, [(); 3].map(|()| Vec::new()));
        loop {
            match pipeline.step() {
                Ok(Step::Idle) => break,
                Ok(Step::Starved { held: 3 }) => starved += 1,
                Ok(Step::SignalLost(_)) => {
                    lost += 1;
                    assert!(pipeline.frame().is_none(), "{name}");
                }
                Ok(_) => {}
                Err(PipelineError::Sink { id, source: SinkError::StreamChanged { .. } })
                    if id == recording =>
                {
                    broken += 1;
                }
                Err(error) => panic!("{name}: {error}"),
            }
            for (viewer, taken) in viewers.iter_mut().zip(&mut taken) {
                taken.extend(std::iter::from_fn(|| viewer.try_packet()));
            }
        }
        // A file cannot follow another size, says so once and is taken out; the others go on.
        assert_eq!((broken, starved, lost), (1, 1, 1), "{name}");
        let packets = shared.0.lock().unwrap();
        let sizes: Vec<_> = packets.iter().map(|packet| (packet.width_px, packet.height_px)).collect();
        let mut distinct = sizes.clone();
        distinct.dedup();
        assert_eq!(distinct, [(128, 96), (64, 48), (128, 96)], "{name}");
        for first in [0, 8, 16] {
            let packet = packets.iter().find(|packet| packet.sequence == first);
            assert!(packet.is_some_and(|packet| packet.is_keyframe), "{name}: nothing starts at {first}");
        }
        for taken in taken {
            let sequences =
                |packets: &[Packet]| packets.iter().map(|packet| packet.sequence).collect::<Vec<_>>();
            assert_eq!(sequences(&taken), sequences(&packets), "{name}");
        }
    }
}
