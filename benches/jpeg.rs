//! Encoding whole frames as JPEG.
//!
//!     cargo bench -p kvm-benches --bench jpeg
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_benches::{Change, FORMATS, SIZES, pair};
use kvm_capture::FrameFormat;
use kvm_stream::JpegEncoder;

fn jpeg(criterion: &mut Criterion) {
    for (size, width, height) in SIZES {
        let mut group = criterion.benchmark_group(format!("jpeg/{size}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        for pixel in FORMATS {
            for change in [Change::OneGlyph, Change::Noise] {
                let [_, frame] = pair(FrameFormat::new(pixel, width, height), change);
                let mut encoder = JpegEncoder::new(80);
                group.bench_function(format!("{pixel}/{}", change.name()), |bencher| {
                    bencher.iter(|| encoder.picture(&frame));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, jpeg);
criterion_main!(benches);
