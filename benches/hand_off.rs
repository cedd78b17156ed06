//! Handing a captured buffer on: lending it, beside copying it; and one packet to many viewers.
//!
//!     cargo bench -p kvm-benches --bench hand_off
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use kvm_capture::{Frame, FrameFormat, PixelFormat};
use kvm_stream::{Codec, Damage, Encoder, FanOut, HybridEncoder, Packet, PacketSink, ViewerPolicy};

/// A buffer that somebody else owns, as a driver does.
struct Lent(Arc<[u8]>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn hand_off(criterion: &mut Criterion) {
    let format = FrameFormat::new(PixelFormat::Yuyv, 1920, 1080);
    let buffer: Arc<[u8]> = vec![16; format.len_bytes()].into();
    let mut group = criterion.benchmark_group("hand-off/1080p");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group.bench_function("lend", |bencher| {
        bencher.iter(|| Frame::packed(format, Bytes::from_owner(Lent(Arc::clone(&buffer)))));
    });
    let frame = Frame::packed(format, Bytes::from_owner(Lent(Arc::clone(&buffer)))).expect("a whole frame");
    group.bench_function("clone", |bencher| bencher.iter(|| frame.clone()));
    group.bench_function("copy", |bencher| {
        bencher.iter(|| Frame::packed(format, Bytes::copy_from_slice(&buffer)));
    });
    for viewers in [1, 10, 100] {
        let mut fan_out = FanOut::new(2);
        let mut joined: Vec<_> = (0..viewers).map(|_| fan_out.join()).collect();
        let packet = Packet::of(&frame, Codec::Jpeg, Bytes::from(vec![0; 300_000]), true);
        group.bench_function(format!("fan-out/{viewers}"), |bencher| {
            bencher.iter(|| {
                fan_out.push(packet.clone()).expect("a fan-out takes everything");
                joined.iter_mut().filter_map(kvm_stream::Viewer::try_packet).count()
            });
        });
    }
    // Packets of rectangles, to viewers that acknowledge each of them.
    let mut packets: Vec<Packet> = Vec::new();
    HybridEncoder::default().encode(&frame, &Damage::NONE, &mut packets).expect("a raw frame");
    let first = packets.remove(0);
    for viewers in [1, 10, 100] {
        let mut fan_out = FanOut::new(2);
        let mut joined: Vec<_> = (0..viewers).map(|_| fan_out.join_with(ViewerPolicy::window(4))).collect();
        let mut sequence = 0;
        group.bench_function(format!("fan-out-window/{viewers}"), |bencher| {
            bencher.iter(|| {
                sequence += 1;
                let mut packet = first.clone();
                packet.sequence = sequence;
                fan_out.push(packet).expect("a fan-out takes everything");
                let acknowledged = joined.iter_mut().filter_map(|viewer| {
                    let packet = viewer.try_packet()?;
                    viewer.acknowledge(packet.sequence, packet.timestamp)
                });
                assert_eq!(acknowledged.count(), viewers, "every viewer got the packet");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hand_off);
criterion_main!(benches);
