//! Encoding frames as rectangles, after the difference, beside copying the frame.
//!
//!     cargo bench -p kvm-benches --bench rects
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_benches::{Change, FORMATS, SIZES, bytes_of, pair};
use kvm_capture::FrameFormat;
use kvm_stream::{Encoder, HybridEncoder, TileDiff};

fn rects(criterion: &mut Criterion) {
    for (size, width, height) in SIZES {
        for pixel in FORMATS {
            let format = FrameFormat::new(pixel, width, height);
            let mut group = criterion.benchmark_group(format!("rects/{size}/{pixel}"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(200))
                .measurement_time(Duration::from_secs(1))
                .throughput(Throughput::Bytes(format.len_bytes() as u64));
            let bytes = bytes_of(&pair(format, Change::Still)[0]);
            let mut copy = bytes.clone();
            group.bench_function("memcpy", |bencher| {
                bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&bytes)));
            });
            for change in [Change::OneGlyph, Change::Scroll, Change::Noise] {
                let frames = pair(format, change);
                let mut diff = TileDiff::new();
                let full = diff.compare(frames[0].clone());
                // From the first to the second frame and back, as damage.
                let damages = [&frames[1], &frames[0]].map(|frame| diff.compare(frame.clone()));
                let mut encoder = HybridEncoder::lossless();
                let mut packets = Vec::new();
                encoder.encode(&frames[0], &full, &mut packets).expect("a raw frame can be encoded");
                let mut turn = [(&frames[1], &damages[0]), (&frames[0], &damages[1])].into_iter().cycle();
                group.bench_function(change.name(), |bencher| {
                    bencher.iter(|| {
                        packets.clear();
                        let (frame, damage) = turn.next().expect("an endless cycle");
                        encoder.encode(frame, damage, &mut packets).expect("a raw frame can be encoded");
                    });
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, rects);
criterion_main!(benches);
