//! Encoding as JPEG: whole frames, and a stream of them of which little changes.
//!
//!     cargo bench -p kvm-benches --bench jpeg
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_benches::{Change, FORMATS, SIZES, pair};
use kvm_capture::{Colour, FrameFormat};
use kvm_stream::{BaselineJpeg, Encoder, JpegEncoder, TileDiff};

fn jpeg(criterion: &mut Criterion) {
    for (size, width, height) in SIZES {
        let mut group = criterion.benchmark_group(format!("jpeg/{size}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .throughput(Throughput::Elements(u64::from(width) * u64::from(height)));
        for pixel in FORMATS {
            let format = FrameFormat::new(pixel, width, height);
            for change in [Change::OneGlyph, Change::Noise] {
                let [_, frame] = pair(format, change);
                let image = frame.image().expect("a raw frame");
                let (mut encoder, mut out) = (BaselineJpeg::new(), Vec::new());
                group.bench_function(format!("{pixel}/whole/{}", change.name()), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        encoder.encode(&image, 80, &mut out)
                    });
                });
            }
            if !pixel.is_rgb() {
                let [_, frame] = pair(format.with_colour(Colour::JPEG), Change::OneGlyph);
                let image = frame.image().expect("a raw frame");
                let (mut encoder, mut out) = (BaselineJpeg::new(), Vec::new());
                group.bench_function(format!("{pixel}/whole, colour as it is/one-glyph"), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        encoder.encode(&image, 80, &mut out)
                    });
                });
            }
            for change in [Change::OneGlyph, Change::Scroll] {
                let frames = pair(format, change);
                let mut diff = TileDiff::new();
                let [first, there, back] = [0, 1, 0].map(|index: usize| diff.compare(frames[index].clone()));
                let (mut encoder, mut turn) = (JpegEncoder::new(80), 0_usize);
                encoder.encode(&frames[0], &first, &mut Vec::new()).expect("a raw frame can be encoded");
                group.bench_function(format!("{pixel}/stripes/{}", change.name()), |bencher| {
                    bencher.iter(|| {
                        turn += 1;
                        let damage = if turn % 2 == 1 { &there } else { &back };
                        let mut packets = Vec::new();
                        encoder.encode(&frames[turn % 2], damage, &mut packets).map(|()| packets)
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, jpeg);
criterion_main!(benches);
