//! The rate control on simulated lines: it finds what they carry, keeps to it, and comes back after a stall.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod network;

use std::collections::VecDeque;
use std::time::Duration;

use kvm_capture::Timestamp;
use kvm_stream::{Codec, FanOut, Pace, PacketSink, RateControl, ViewerPolicy};
use network::{Link, Screen};

/// What happened in one tenth of a second.
#[derive(Debug, Clone, Copy)]
struct Tenth {
    arrived_bytes: u64,
    /// The longest time from a picture's capture to its arrival.
    age: Duration,
    pace: Pace,
    limit: Option<u64>,
}

/// A film in a window, each picture as large as pace and quality have it, to one viewer.
fn film(mut link: Link, seconds: u64, mut change: impl FnMut(u64, &mut Link)) -> Vec<Tenth> {
    let mut fan_out = FanOut::new(2);
    let mut screen = Screen::new(Codec::Rects);
    let mut viewer = fan_out.join_with(ViewerPolicy::window(16));
    let mut control = RateControl::new(Duration::from_micros(16_667));
    let mut arrivals: VecDeque<(u64, u64, usize)> = VecDeque::new();
    let mut acknowledgements: VecDeque<(u64, u64)> = VecDeque::new();
    let mut tenths = Vec::new();
    let (mut arrived, mut age, mut next_frame, mut last_sent) = (0, 0, 0, 0);
    for now in (0..seconds * 1_000_000).step_by(1_000) {
        change(now, &mut link);
        let time = Timestamp::from_micros(now);
        while acknowledgements.front().is_some_and(|(at, _)| *at <= now) {
            let (_, sequence) = acknowledgements.pop_front().unwrap();
            control.acknowledged(&viewer.acknowledge(sequence, time).unwrap());
        }
        control.dropped(viewer.drops(), time);
        viewer.set_window(control.window_bytes());
        let pace = control.pace();
        let interval = u64::try_from(pace.frame_interval.as_micros()).unwrap();
        if now >= next_frame {
            next_frame += 16_667;
            let size = pace.picture_bytes.min(1_600 * usize::from(pace.photo_quality));
            if let Some(lacking) = fan_out.take_refresh_request() {
                let packets = screen.answer(now, &lacking, 1, size);
                packets.into_iter().for_each(|packet| fan_out.push(packet).unwrap());
            }
            if now >= last_sent + interval {
                last_sent = now;
                fan_out.push(screen.change(now, &[3, 4], size)).unwrap();
            }
        }
        viewer.advance(time);
        while let Some(packet) = viewer.try_packet() {
            let arrival = link.send(now, packet.payload.len());
            arrivals.push_back((arrival, packet.timestamp.as_micros(), packet.payload.len()));
            acknowledgements.push_back((arrival + link.delay, packet.sequence));
        }
        while arrivals.front().is_some_and(|(at, ..)| *at <= now) {
            let (at, captured, bytes) = arrivals.pop_front().unwrap();
            arrived += bytes as u64;
            age = age.max(at - captured);
        }
        if (now + 1_000) % 100_000 == 0 {
            let limit = control.limit();
            tenths.push(Tenth { arrived_bytes: arrived, age: Duration::from_micros(age), pace, limit });
            (arrived, age) = (0, 0);
        }
    }
    tenths
}

fn throughput(tenths: &[Tenth]) -> u64 {
    tenths.iter().map(|tenth| tenth.arrived_bytes).sum::<u64>() * 10 / tenths.len() as u64
}

#[test]
fn the_limit_finds_what_the_line_carries_and_stays_there() {
    for rate in [100_000, 200_000, 1_000_000, 3_000_000] {
        for delay in [1_000, 20_000, 100_000] {
            let tenths = film(Link::new(rate, delay), 30, |_, _| {});
            let settled = &tenths[100..];
            let used = throughput(settled);
            assert!(used * 100 >= rate * 65, "{rate} B/s, {delay} µs: only {used} B/s used");
            let limits = settled.iter().map(|tenth| tenth.limit.unwrap_or(u64::MAX));
            let (least, most) = (limits.clone().min().unwrap(), limits.max().unwrap());
            assert!(
                least * 100 >= rate * 33 && most * 100 <= rate * 200,
                "{rate}, {delay}: {least} to {most}"
            );
            let mut ages: Vec<_> = settled.iter().map(|tenth| tenth.age).collect();
            ages.sort();
            // A picture on such a line, what the law tolerates, and what is needed to see that it is exceeded.
            let picture = Duration::from_micros(24_000 * 1_000_000 / rate.max(96_000));
            let bound = Duration::from_micros(delay) * 4 + Duration::from_millis(120) + picture * 2;
            let typical = ages[ages.len() * 8 / 10];
            assert!(typical <= bound, "{rate} B/s, {delay} µs: {typical:?} old, bound {bound:?}");
        }
    }
}

#[test]
fn a_fast_line_is_never_throttled() {
    for delay in [200, 5_000, 40_000] {
        let tenths = film(Link::new(300_000_000, delay), 10, |_, _| {});
        assert!(
            tenths.iter().all(|tenth| tenth.pace == Pace::UNLIMITED),
            "throttled at a delay of {delay} µs"
        );
    }
}

#[test]
fn a_line_that_gets_slower_is_followed_within_two_seconds() {
    let slower = |now: u64, link: &mut Link| {
        if now == 10_000_000 {
            link.bytes_per_second = 250_000;
        }
    };
    let tenths = film(Link::new(2_500_000, 20_000), 20, slower);
    assert!(tenths[90].limit.is_none_or(|limit| limit > 1_250_000), "{:?}", tenths[90]);
    for tenth in &tenths[120..] {
        assert!(tenth.limit.is_some_and(|limit| limit < 400_000), "{tenth:?}");
    }
}

#[test]
fn after_a_stall_the_line_is_used_again_within_two_seconds() {
    for rate in [200_000, 2_000_000] {
        let mut link = Link::new(rate, 20_000);
        link.stalls = std::iter::once(10_000_000..13_000_000).collect();
        let tenths = film(link, 20, |_, _| {});
        let before = throughput(&tenths[50..100]);
        let after = throughput(&tenths[150..200]);
        assert!(after * 100 >= before * 80, "{rate} B/s: {before} B/s before the stall, {after} after");
    }
}

#[test]
fn quality_of_photos_goes_first_and_frames_next() {
    let settled = |rate| {
        let tenths = film(Link::new(rate, 10_000), 15, |_, _| {});
        tenths[100..].iter().map(|tenth| tenth.pace).max_by_key(|pace| pace.photo_quality).unwrap()
    };
    let (wide, narrow, least) = (settled(4_000_000), settled(2_400_000), settled(100_000));
    let qualities = [wide, narrow, least].map(|pace| pace.photo_quality);
    assert!(qualities[0] > qualities[1] && qualities[1] > qualities[2], "{qualities:?}");
    assert_eq!(narrow.frame_interval, Duration::ZERO, "{narrow:?}");
    assert!(least.frame_interval >= Duration::from_millis(150), "{least:?}");
    assert!(least.picture_bytes >= 15_000, "{least:?}");
}
