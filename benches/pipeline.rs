//! A whole step of the pipeline, from a frame to what a viewer takes, beside comparing the two buffers.
//!
//!     cargo bench -p kvm-benches --bench pipeline
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_audit::{CapabilitySet, Declare};
use kvm_benches::{Change, FORMATS, SIZES, bytes_of, pair};
use kvm_capture::{CaptureError, Captured, Frame, FrameFormat, FrameSource, Timestamp};
use kvm_stream::{Encoder, FanOut, HybridEncoder, JpegEncoder, Pipeline};

/// Two frames in turn, 30 a second.
#[derive(Debug)]
struct InTurn {
    frames: [Frame; 2],
    number: u64,
}

impl Declare for InTurn {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl FrameSource for InTurn {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        let frame = self.frames[usize::from(self.number % 2 == 1)].clone();
        let timestamp = Timestamp::from_micros(self.number * 1_000_000 / 30);
        let frame = frame.with_timestamp(timestamp).with_sequence(self.number);
        self.number += 1;
        Ok(Some(Captured::Frame(frame)))
    }
}

fn pipeline(criterion: &mut Criterion) {
    let encoder = |name| -> Box<dyn Encoder> {
        match name {
            "rects" => Box::new(HybridEncoder::new(HybridEncoder::DEFAULT_QUALITY)),
            _ => Box::new(JpegEncoder::new(80)),
        }
    };
    for (size, width, height) in SIZES {
        for pixel in FORMATS {
            let format = FrameFormat::new(pixel, width, height);
            let mut group = criterion.benchmark_group(format!("pipeline/{size}/{pixel}"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(200))
                .measurement_time(Duration::from_secs(1))
                .throughput(Throughput::Elements(1));
            let [first, second] = pair(format, Change::Still).map(|frame| bytes_of(&frame));
            group.bench_function("memcmp", |bencher| {
                bencher.iter(|| black_box(first.as_slice()) == black_box(second.as_slice()));
            });
            for name in ["rects", "jpeg"] {
                for change in [Change::Still, Change::OneGlyph, Change::Scroll] {
                    let source = InTurn { frames: pair(format, change), number: 0 };
                    let mut pipeline = Pipeline::new(Box::new(source), encoder(name));
                    let fan_out = FanOut::new(2);
                    let mut viewer = fan_out.join();
                    pipeline.add_sink(Box::new(fan_out));
                    group.bench_function(format!("{name}/{}", change.name()), |bencher| {
                        bencher.iter(|| {
                            pipeline.step().expect("a source and sinks that do not fail");
                            viewer.try_packet()
                        });
                    });
                }
            }
            group.finish();
        }
    }
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
