//! The exact difference, beside `memcmp` of the same two buffers.
//!
//!     cargo bench -p kvm-benches --bench diff
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_benches::{Change, FORMATS, SIZES, bytes_of, pair};
use kvm_capture::FrameFormat;
use kvm_stream::TileDiff;

fn diff(criterion: &mut Criterion) {
    for (size, width, height) in SIZES {
        for pixel in FORMATS {
            let format = FrameFormat::new(pixel, width, height);
            let mut group = criterion.benchmark_group(format!("diff/{size}/{pixel}"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(200))
                .measurement_time(Duration::from_millis(600))
                .throughput(Throughput::Bytes(format.len_bytes() as u64));
            let [first, second] = pair(format, Change::Still).map(|frame| bytes_of(&frame));
            group.bench_function("memcmp", |bencher| {
                bencher.iter(|| black_box(first.as_slice()) == black_box(second.as_slice()));
            });
            for change in Change::ALL {
                let [first, second] = pair(format, change);
                let mut diff = TileDiff::new();
                diff.compare(first.clone());
                let mut turn = [second, first].into_iter().cycle();
                group.bench_function(change.name(), |bencher| {
                    bencher.iter(|| diff.compare(turn.next().expect("an endless cycle")));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, diff);
criterion_main!(benches);
