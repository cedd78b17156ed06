//! The search for motion, the comparison behind noise and the one on two threads, beside `memcmp` of the same buffers.
//!
//!     cargo bench -p kvm-benches --bench motion
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_benches::{Change, FORMATS, SIZES, bytes_of, pair};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{Rect, Sensitivity, TileDiff, classify};

fn motion(criterion: &mut Criterion) {
    for (size, width, height) in SIZES {
        for pixel in FORMATS {
            let format = FrameFormat::new(pixel, width, height);
            let mut group = criterion.benchmark_group(format!("motion/{size}/{pixel}"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(200))
                .measurement_time(Duration::from_millis(600))
                .throughput(Throughput::Bytes(format.len_bytes() as u64));
            let still = pair(format, Change::Still);
            let [first, second] = still.clone().map(|frame| bytes_of(&frame));
            group.bench_function("memcmp", |bencher| {
                bencher.iter(|| black_box(first.as_slice()) == black_box(second.as_slice()));
            });
            let mut compare = |name: &str, diff: TileDiff, frames: [Frame; 2]| {
                let mut diff = diff;
                diff.hold(frames[0].clone());
                let [first, second] = frames;
                let mut turn = [second, first].into_iter().cycle();
                group.bench_function(name, |bencher| {
                    bencher.iter(|| diff.compare(turn.next().expect("an endless cycle")));
                });
            };
            for (name, pattern) in
                [("scroll", Pattern::Scroll), ("drag", Pattern::Drag), ("film", Pattern::Film)]
            {
                let frames = neighbours(pattern, format);
                compare(name, TileDiff::new(), frames.clone());
                compare(&format!("{name}-without"), TileDiff::new().without_motion(), frames);
            }
            compare("noisy-still", TileDiff::new().with_sensitivity(Sensitivity::Noisy), still.clone());
            compare("two-threads-still", TileDiff::new().with_threads(2), still);
            group.finish();
        }
    }
}

fn classes(criterion: &mut Criterion) {
    let [frame, _] = neighbours(Pattern::Drag, FrameFormat::new(PixelFormat::Uyvy, 1920, 1080));
    let image = frame.image().expect("a raw frame");
    for (name, rect) in [("tile", Rect::new(320, 160, 16, 16)), ("screen", Rect::new(0, 0, 1920, 1080))] {
        criterion.bench_function(&format!("classify/{name}"), |bencher| {
            bencher.iter(|| classify(black_box(&image), rect));
        });
    }
}

/// Two frames of a pattern that follow each other.
fn neighbours(pattern: Pattern, format: FrameFormat) -> [Frame; 2] {
    let mut source = PatternSource::new(pattern, format, 1).expect("a format with a size");
    std::array::from_fn(|_| match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => unreachable!("a pattern always has a frame, not {other:?}"),
    })
}

criterion_group!(benches, motion, classes);
criterion_main!(benches);
