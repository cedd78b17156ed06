//! A still screen allocates nothing, from the source's frame to the viewers' empty queues.

use std::alloc::System;

use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::{CaptureError, Captured, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{
    Codec, Damage, EncodeError, Encoder, FanOut, Packet, PacketSink, Pipeline, Step, ViewerPolicy,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Two buffers of a driver, turn and turn about, with the same picture in them.
#[derive(Debug)]
struct Still {
    frames: [Frame; 2],
    count: u64,
}

impl Declare for Still {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for Still {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        self.count += 1;
        let frame = self.frames[usize::from(self.count % 2 == 0)].clone();
        let at = Timestamp::from_micros(self.count * 16_667);
        Ok(Some(Captured::Frame(frame.with_sequence(self.count).with_timestamp(at))))
    }
}

#[derive(Debug)]
struct Whole;

impl Encoder for Whole {
    fn encode(&mut self, frame: &Frame, _: &Damage, out: &mut dyn PacketSink) -> Result<(), EncodeError> {
        out.push(Packet::of(frame, Codec::Jpeg, Bytes::from_static(b"picture"), true))?;
        Ok(())
    }

    fn request_keyframe(&mut self) {}
}

#[test]
fn a_still_frame_allocates_nothing() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx] {
        let format = FrameFormat::new(pixel, 640, 360);
        let frame = || Frame::packed(format, Bytes::from(vec![90; format.len_bytes()])).unwrap();
        let source = Still { frames: [frame(), frame()], count: 0 };
        let mut pipeline = Pipeline::new(Box::new(source), Box::new(Whole));
        let fan_out = FanOut::new(2);
        let mut viewers = [fan_out.join(), fan_out.join_with(ViewerPolicy::window(4))];
        pipeline.add_sink(Box::new(fan_out));
        let mut step = || {
            let step = pipeline.step().unwrap();
            viewers.iter_mut().for_each(|viewer| {
                viewer.try_packet();
            });
            step
        };
        (0..4).for_each(|_| {
            step();
        });
        let region = Region::new(ALLOCATOR);
        for _ in 0..100 {
            assert!(matches!(step(), Step::Unchanged { .. }));
        }
        let change = region.change();
        assert_eq!((change.allocations, change.reallocations), (0, 0), "{pixel}: {change:?}");
    }
}
