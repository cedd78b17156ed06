//! From an intent to USB reports, and from a text to USB reports that a host has understood.
//!
//!     cargo bench -p kvm-benches --bench hid
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kvm_hid::testing::SimulatedHost;
use kvm_hid::{Holder, InputEvent, Interface, Keyboard, RecordingSink, Seat, Typist, Usage};

const PERSON: Holder = Holder(1);
const TEXT: &str = "The quick brown fox jumps over the lazy dog; 0123456789 times!\n";

fn hid(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hid");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    let mut keyboard = Keyboard::default();
    let key = Usage::keyboard(0x04);
    group.bench_function("press and release", |bencher| {
        bencher.iter(|| (keyboard.press(key), keyboard.release(key)));
    });

    let now = Instant::now();
    let sink = RecordingSink::new(Interface::Pointer);
    let mut seat = Seat::new().with_sink(Box::new(sink.clone()));
    seat.take(PERSON, now);
    let mut x = 0;
    group.bench_function("pointer through a seat", |bencher| {
        bencher.iter(|| {
            x = (x + 1) % 32_768;
            let sent = seat.handle(PERSON, InputEvent::PointTo { x, y: 100 }, now);
            (sent.is_ok(), seat.poll(now).is_ok(), sink.take())
        });
    });

    let host = SimulatedHost::new();
    let port = host.plug(Interface::Keyboard.descriptor()).expect("our own descriptor");
    let mut seat = Seat::new().with_sink(Box::new(port));
    seat.take(PERSON, now);
    group.throughput(Throughput::Elements(TEXT.len() as u64));
    group.bench_function("text to a host that parses", |bencher| {
        bencher.iter(|| {
            let mut typist = Typist::new(TEXT).expect("a text of US characters");
            while let Some(event) = typist.next_event() {
                seat.handle(PERSON, event, now).expect("a host that listens");
                seat.poll(now).expect("a host that listens");
            }
            host.take_events().len()
        });
    });
    group.finish();
}

criterion_group!(benches, hid);
criterion_main!(benches);
