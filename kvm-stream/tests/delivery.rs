//! Viewers behind simulated networks: whatever they drop, what they get is decodable, fresh, and in the end the
//! picture.

mod network;

use std::collections::VecDeque;
use std::time::Duration;

use kvm_capture::Timestamp;
use kvm_stream::{Codec, FanOut, PacketSink, Viewer, ViewerPolicy};
use network::{Link, Picture, Screen};
use proptest::prelude::*;

/// A viewer, its line, and what it shows.
struct Remote {
    viewer: Viewer,
    policy: ViewerPolicy,
    link: Link,
    // Numbers that arrive, and when their acknowledgement is back.
    acknowledgements: VecDeque<(u64, u64)>,
    shows: Option<Picture>,
    joined_at: u64,
    oldest: Duration,
}

impl Remote {
    fn new(fan_out: &FanOut, policy: ViewerPolicy, link: Link, joined_at: u64) -> Self {
        let mut link = link;
        if matches!(policy, ViewerPolicy::Lossless { .. }) {
            // What must not be lost goes to disks, and those keep up with the stream on the whole.
            link.bytes_per_second = link.bytes_per_second.max(2_000_000);
        }
        let viewer = fan_out.join_with(policy);
        Self {
            viewer,
            policy,
            link,
            acknowledgements: VecDeque::new(),
            shows: None,
            joined_at,
            oldest: Duration::ZERO,
        }
    }

    /// Reads as a program does whose socket has so much buffer.
    fn read(&mut self, screen: &Screen, now: u64, socket_bytes: u64) {
        self.viewer.advance(Timestamp::from_micros(now));
        while let Some((at, sequence)) = self.acknowledgements.front().copied() {
            if at > now {
                break;
            }
            self.acknowledgements.pop_front();
            self.viewer.acknowledge(sequence, Timestamp::from_micros(now));
        }
        while self.link.backlog_bytes(now) < socket_bytes {
            let Some(packet) = self.viewer.try_packet() else { break };
            let pushed_at = screen.apply(&packet, &mut self.shows);
            self.oldest = self.oldest.max(Duration::from_micros(now - pushed_at.max(self.joined_at)));
            let arrival = self.link.send(now, packet.payload.len());
            self.acknowledgements.push_back((arrival + self.link.delay, packet.sequence));
        }
    }

    fn max_age(&self) -> Duration {
        match self.policy {
            ViewerPolicy::LatestWins { max_age, .. } | ViewerPolicy::Window { max_age, .. } => max_age,
            _ => Duration::MAX,
        }
    }
}

fn policies() -> impl Strategy<Value = ViewerPolicy> {
    // Readers come every 4 ms: with a bound below that, nothing is ever fresh enough for them.
    let max_age = (10_u64..500).prop_map(Duration::from_millis);
    prop_oneof![
        (1_usize..5, max_age.clone())
            .prop_map(|(packets, max_age)| ViewerPolicy::LatestWins { packets, max_age }),
        (1_usize..5, 1_usize..60_000, 1_usize..6, max_age).prop_map(
            |(packets, bytes, unacknowledged, max_age)| {
                ViewerPolicy::Window { packets, bytes, unacknowledged, max_age }
            }
        ),
        Just(ViewerPolicy::lossless(usize::MAX)),
    ]
}

fn links() -> impl Strategy<Value = Link> {
    let stalls = proptest::collection::vec((0_u64..3_000_000, 0_u64..1_000_000), 0..3);
    (10_000_u64..20_000_000, 0_u64..300_000, stalls).prop_map(|(rate, delay, stalls)| {
        let mut link = Link::new(rate, delay);
        let mut end = 0;
        let mut stalls: Vec<_> = stalls.into_iter().map(|(start, len)| start..start + len).collect();
        stalls.sort_by_key(|stall| stall.start);
        // Stalls that overlap are one after the other.
        link.stalls = stalls
            .into_iter()
            .map(|stall| {
                let start = stall.start.max(end);
                end = start + (stall.end - stall.start);
                start..end
            })
            .collect();
        link
    })
}

proptest! {
    /// Whatever networks lie between, no viewer gets a packet it cannot decode or one that waited beyond its bound,
    /// and when the screen stands still each shows it.
    #[test]
    fn every_viewer_gets_the_picture_and_nothing_stale(
        codec in prop_oneof![Just(Codec::Rects), Just(Codec::H264)],
        remotes in proptest::collection::vec((policies(), links(), 1_u64..200_000, 0_usize..60), 1..4),
        frames in proptest::collection::vec(
            (proptest::collection::vec(0..Screen::TILES, 0..6), 8_usize..30_000, 1_usize..4), 40..160),
        asks in proptest::collection::vec((0_usize..160, any::<proptest::sample::Index>()), 0..4),
    ) {
        let mut fan_out = FanOut::new(2);
        let mut screen = Screen::new(codec);
        let mut joined: Vec<(Remote, u64)> = Vec::new();
        let mut now = 0;
        let (mut refreshes, mut newcomers) = (0, 0);
        let still = (0..).map(|_| (Vec::new(), 8, 1));
        for (index, (tiles, bytes, parts)) in frames.iter().cloned().chain(still).enumerate() {
            for (policy, link, socket, at) in &remotes {
                if *at == index {
                    joined.push((Remote::new(&fan_out, *policy, link.clone(), now), *socket));
                    newcomers += 1;
                }
            }
            for (at, who) in &asks {
                if *at == index && !joined.is_empty() {
                    let who = who.index(joined.len());
                    let remote = &mut joined[who].0;
                    remote.viewer.request_keyframe();
                    remote.shows = None;
                }
            }
            if let Some(lacking) = fan_out.take_refresh_request() {
                refreshes += 1;
                for packet in screen.answer(now, &lacking, parts, bytes) {
                    fan_out.push(packet).unwrap();
                }
            }
            if !tiles.is_empty() {
                fan_out.push(screen.change(now, &tiles, bytes)).unwrap();
            }
            fan_out.advance(Timestamp::from_micros(now)).unwrap();
            // Readers come four times a frame, which need not be when packets come.
            for _ in 0..4 {
                now += 4_167;
                joined.iter_mut().for_each(|(remote, socket)| remote.read(&screen, now, *socket));
            }
            let is_done = joined.iter().all(|(remote, _)| remote.shows.as_ref() == Some(&screen.picture));
            if index > frames.len() && is_done {
                break;
            }
            // The slowest line takes a second for the largest packet, and has a few before it.
            prop_assert!(index < frames.len() + 3_000, "a viewer never got the picture");
        }
        for (remote, _) in &joined {
            prop_assert!(remote.oldest <= remote.max_age(), "{:?} in {:?}", remote.oldest, remote.policy);
        }
        let pauses = now / u64::try_from(FanOut::REFRESH_PAUSE.as_micros()).unwrap();
        prop_assert!(refreshes <= newcomers + pauses + 1, "{refreshes} refreshes");
    }
}

#[test]
fn a_slow_viewer_costs_a_fast_one_nothing() {
    let mut fan_out = FanOut::new(2);
    let mut screen = Screen::new(Codec::Rects);
    let mut fast = Remote::new(&fan_out, ViewerPolicy::window(8), Link::new(100_000_000, 1_000), 0);
    let mut slow = Remote::new(&fan_out, ViewerPolicy::window(2), Link::new(50_000, 100_000), 0);
    let mut now = 0;
    for index in 0..600 {
        if let Some(lacking) = fan_out.take_refresh_request() {
            screen
                .answer(now, &lacking, 1, 10_000)
                .into_iter()
                .for_each(|packet| fan_out.push(packet).unwrap());
        }
        fan_out.push(screen.change(now, &[index % Screen::TILES], 5_000)).unwrap();
        for _ in 0..4 {
            now += 4_167;
            fast.read(&screen, now, u64::MAX);
            slow.read(&screen, now, u64::MAX);
        }
        assert_eq!(fast.shows.as_ref(), Some(&screen.picture), "the fast viewer lags");
    }
    assert_eq!(fast.viewer.dropped(), 0);
    let drops = slow.viewer.drops();
    assert!(drops.total() > 300, "{drops:?}");
    assert!(fast.oldest <= Duration::from_millis(5), "{:?}", fast.oldest);
}
