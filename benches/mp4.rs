//! Recording: packets into fragments, beside copying their bytes, and reading a recording back.
//!
//!     cargo bench -p kvm-benches --bench mp4
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::io::{self, Cursor, Write};
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kvm_audit::{Capability, Ledger, Manifest};
use kvm_benches::{Change, SIZES, pair};
use kvm_capture::{FrameFormat, PixelFormat, Timestamp};
use kvm_stream::mp4::RecordingReader;
use kvm_stream::{Codec, JpegEncoder, Packet, PacketSink, Recorder};

/// Two seconds of pictures.
const PICTURES: u64 = 60;

fn mp4(criterion: &mut Criterion) {
    for (size, width, height) in SIZES {
        let packets = packets(FrameFormat::new(PixelFormat::Uyvy, width, height));
        let bytes: usize = packets.iter().map(|packet| packet.payload.len()).sum();
        let mut group = criterion.benchmark_group(format!("mp4/{size}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1))
            .throughput(Throughput::Bytes(bytes as u64));
        group.bench_function("memcpy", |bencher| {
            let mut copy = Vec::with_capacity(bytes);
            bencher.iter(|| {
                copy.clear();
                for packet in &packets {
                    copy.extend_from_slice(black_box(&packet.payload));
                }
                black_box(copy.len())
            });
        });
        group.bench_function("record", |bencher| {
            bencher.iter_batched(
                || recorder(Nowhere(0)),
                |recorder| record(recorder, &packets),
                BatchSize::SmallInput,
            );
        });
        let file = record(recorder(Vec::new()), &packets);
        group.bench_function("read", |bencher| {
            bencher.iter(|| {
                let mut reader = RecordingReader::open(Cursor::new(&file)).expect("a recording");
                let mut pictures = 0;
                while let Some(fragment) = reader.next_fragment().expect("a whole recording") {
                    for picture in &fragment.pictures {
                        black_box(reader.read_picture(picture).expect("a whole recording"));
                        pictures += 1;
                    }
                }
                assert!(pictures >= PICTURES, "{pictures} pictures");
            });
        });
        group.finish();
    }
}

/// Whole pictures, 30 a second.
fn packets(format: FrameFormat) -> Vec<Packet> {
    let frames = pair(format, Change::Scroll);
    let mut encoder = JpegEncoder::new(80);
    let pictures = frames.map(|frame| {
        let picture: Bytes = encoder.picture(&frame).expect("a raw frame can be encoded");
        (frame, picture)
    });
    (0..PICTURES)
        .zip(pictures.iter().cycle())
        .map(|(number, (frame, picture))| {
            let frame = frame.clone().with_timestamp(Timestamp::from_micros(number * 1_000_000 / 30));
            Packet::of(&frame, Codec::Jpeg, picture.clone(), true)
        })
        .collect()
}

fn recorder<W: Write>(writer: W) -> Recorder<W> {
    let manifest = Manifest::new("bench").declare(Capability::Recording, "bench.mp4", "what recording costs");
    let manifest = manifest.expect("a manifest of one capability");
    let grant = manifest.grant(&Ledger::new()).expect("declared");
    Recorder::new("bench.mp4", writer, grant).expect("in scope")
}

fn record<W: Write + Send>(mut recorder: Recorder<W>, packets: &[Packet]) -> W {
    for packet in packets {
        recorder.push(packet.clone()).expect("one stream");
    }
    recorder.finish(Timestamp::from_micros(2_000_000)).expect("a writer that does not fail").0
}

/// Counts what is written.
struct Nowhere(usize);

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += black_box(bytes).len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

criterion_group!(benches, mp4);
criterion_main!(benches);
