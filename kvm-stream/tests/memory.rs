//! What a pipeline of rectangles holds above the capture queue, on screens of 1920×1080.
#![cfg(feature = "tight")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::alloc::System;
use std::sync::{Arc, Mutex};

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{CaptureError, Captured, Frame, FrameFormat, FrameSource, PixelFormat, Timestamp};
use kvm_stream::{FanOut, HybridEncoder, Pipeline, Step, ViewerPolicy};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Hands out frames that are put there.
#[derive(Debug, Clone, Default)]
struct Queue(Arc<Mutex<Option<Frame>>>);

impl Declare for Queue {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for Queue {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        Ok(self.0.lock().unwrap().take().map(Captured::Frame))
    }
}

/// A pipeline and its viewer, and the time.
struct Desk {
    queue: Queue,
    pipeline: Pipeline,
    viewer: kvm_stream::Viewer,
    count: u64,
}

impl Desk {
    fn new() -> Self {
        let queue = Queue::default();
        let encoder = Box::new(HybridEncoder::default());
        let mut pipeline = Pipeline::new(Box::new(queue.clone()), encoder);
        let fan_out = FanOut::new(2);
        let viewer = fan_out.join_with(ViewerPolicy::latest_wins(2));
        pipeline.add_sink(Box::new(fan_out));
        Self { queue, pipeline, viewer, count: 0 }
    }

    fn step(&mut self, frame: &Frame) -> Step {
        self.count += 1;
        let frame = frame.clone().with_sequence(self.count);
        let frame = frame.with_timestamp(Timestamp::from_micros(self.count * 16_667));
        *self.queue.0.lock().unwrap() = Some(frame);
        let step = self.pipeline.step().unwrap();
        while self.viewer.try_packet().is_some() {}
        step
    }
}

/// Ten frames, of which each has memory of its own, as in a capture queue.
fn frames(pattern: Pattern, format: FrameFormat) -> Vec<Frame> {
    let mut source = PatternSource::new(pattern, format, 1).unwrap();
    let mut next = || match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => panic!("{other:?}"),
    };
    (0..10).map(|_| next()).collect()
}

/// One test, because nothing else may allocate meanwhile.
#[test]
fn memory_is_bounded_and_a_still_screen_allocates_nothing() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12] {
        let format = FrameFormat::new(pixel, 1920, 1080);
        for pattern in [Pattern::Text, Pattern::Desktop, Pattern::Scroll, Pattern::Drag, Pattern::Film] {
            let frames = frames(pattern, format);
            let baseline = Region::new(ALLOCATOR);
            let live = || {
                let change = baseline.change();
                change.bytes_allocated.saturating_sub(change.bytes_deallocated)
            };
            let mut desk = Desk::new();
            desk.step(&frames[0]);
            let (mut most, mut between) = (0, 0);
            for frame in frames.iter().chain(frames.iter().rev()).skip(1) {
                let (before, call) = (live(), Region::new(ALLOCATOR));
                desk.step(frame);
                // What is held in the midst of a step is at most what it began with and all that it allocates.
                most = most.max(before + call.change().bytes_allocated);
                between = between.max(live());
            }
            // The frame that is held for comparison is one of the queue's.
            println!("{pattern:?} {pixel}: at most {most} bytes above the queue, {between} between steps");
            assert!(most <= format.len_bytes() + BOUND_BYTES, "{pattern:?} {pixel}: {most} bytes");

            // Until all is exact.
            let still = frames.last().unwrap();
            while !matches!(desk.step(still), Step::Unchanged { .. }) {
                assert!(desk.count < 1000, "{pattern:?} {pixel} does not come to rest");
            }
            let region = Region::new(ALLOCATOR);
            for _ in 0..10 {
                assert!(matches!(desk.step(still), Step::Unchanged { .. }));
            }
            let change = region.change();
            assert_eq!((change.allocations, change.reallocations), (0, 0), "{pattern:?} {pixel}: {change:?}");
        }
    }
}

/// What a pipeline may hold beside one frame in its own format.
const BOUND_BYTES: usize = 2 << 20;
