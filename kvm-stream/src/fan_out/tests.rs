//! Newcomers, laggards and leavers.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kvm_capture::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{Codec, Tiles};

fn packet(codec: Codec, sequence: u64, is_keyframe: bool) -> Packet {
    Packet {
        codec,
        payload: Bytes::from_static(b"picture"),
        is_keyframe,
        is_refresh: false,
        changes: None,
        width_px: 16,
        height_px: 16,
        timestamp: Timestamp::default(),
        sequence,
    }
}

fn at(millis: u64, mut packet: Packet) -> Packet {
    packet.timestamp = Timestamp::from_micros(millis * 1000);
    packet
}

/// A packet that changes one tile of a picture of 64 tiles.
fn delta(sequence: u64, column: u32) -> Packet {
    let mut tiles = Tiles::new(64 * 16, 16);
    tiles.insert(column, 0);
    Packet { changes: Some(Arc::new(tiles)), ..packet(Codec::Rects, sequence, false) }
}

fn refresh(sequence: u64, changes: Option<&Tiles>) -> Packet {
    let changes = changes.cloned().map(Arc::new);
    Packet { changes, is_refresh: true, ..packet(Codec::Rects, sequence, false) }
}

fn taken(viewer: &mut Viewer) -> Vec<u64> {
    std::iter::from_fn(|| viewer.try_packet()).map(|packet| packet.sequence).collect()
}

#[test]
fn a_slow_viewer_gets_the_newest_and_delays_nobody() {
    let mut fan_out = FanOut::new(2);
    let (mut fast, mut slow) = (fan_out.join(), fan_out.join());
    for sequence in 0..10 {
        fan_out.push(packet(Codec::Jpeg, sequence, true)).unwrap();
        assert_eq!(taken(&mut fast), [sequence]);
    }
    assert_eq!(taken(&mut slow), [8, 9]);
    assert_eq!((fast.dropped(), slow.dropped()), (0, 8));
}

#[test]
fn a_newcomer_starts_with_the_newest_key_picture() {
    let mut fan_out = FanOut::new(2);
    fan_out.push(packet(Codec::Jpeg, 7, true)).unwrap();
    let mut viewer = fan_out.join();
    assert!(fan_out.take_refresh_request().is_none());
    assert_eq!(taken(&mut viewer), [7]);

    fan_out.push(packet(Codec::H264, 8, false)).unwrap();
    let mut late = fan_out.join();
    assert!(fan_out.take_refresh_request().is_some());
    assert!(fan_out.take_refresh_request().is_none());
    fan_out.push(packet(Codec::H264, 9, false)).unwrap();
    assert!(taken(&mut late).is_empty());
    fan_out.push(packet(Codec::H264, 10, true)).unwrap();
    assert_eq!(taken(&mut late), [10]);
}

#[test]
fn an_audience_of_nobody_keeps_no_picture() {
    let mut fan_out = FanOut::new(2);
    let viewer = fan_out.join();
    fan_out.push(packet(Codec::Jpeg, 1, true)).unwrap();
    assert!(fan_out.is_watched() && fan_out.latest().is_some());
    drop(viewer);
    assert!(!fan_out.is_watched() && fan_out.latest().is_none());
    let _late = fan_out.join();
    assert!(fan_out.take_refresh_request().is_some());
}

#[test]
fn viewers_leave_and_streams_end() {
    let fan_out = FanOut::new(1);
    let mut viewer = fan_out.join();
    drop(fan_out.join());
    assert_eq!(fan_out.viewers(), 1);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(viewer.poll_packet(&mut cx).is_pending());
    drop(fan_out);
    assert!(matches!(viewer.poll_packet(&mut cx), Poll::Ready(None)));
}

#[test]
fn who_fell_behind_gets_exactly_what_it_lacks_once_it_has_room() {
    let mut fan_out = FanOut::new(2);
    let (mut fast, mut slow) = (fan_out.join(), fan_out.join());
    assert_eq!(fan_out.take_refresh_request(), Some(Lacking::Everything));
    fan_out.push(refresh(0, None)).unwrap();
    assert_eq!((taken(&mut fast), taken(&mut slow)), (vec![0], vec![0]));
    for sequence in 1..=4 {
        fan_out.push(at(sequence * 10, delta(sequence, u32::try_from(sequence).unwrap()))).unwrap();
        assert_eq!(taken(&mut fast), [sequence]);
    }
    assert_eq!(fan_out.take_refresh_request(), None, "its reader has not come for more");
    assert!(taken(&mut slow).is_empty());
    let Some(Lacking::Tiles(tiles)) = fan_out.take_refresh_request() else { panic!("no refresh") };
    assert_eq!(tiles.iter().collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 0), (4, 0)]);
    fan_out.push(refresh(5, Some(&tiles))).unwrap();
    fan_out.push(delta(6, 6)).unwrap();
    assert_eq!((taken(&mut fast), taken(&mut slow)), (vec![6], vec![5, 6]));
    let drops = slow.drops();
    assert_eq!((drops.crowded, drops.dependent, drops.aged), (3, 1, 0));
    assert_eq!(fast.dropped(), 0);
}

#[test]
fn laggards_cause_no_more_refreshes_than_stated_and_newcomers_do_not_wait() {
    let mut fan_out = FanOut::new(1);
    let mut slow = fan_out.join();
    let mut refreshes = 0;
    for millis in 0..1000 {
        fan_out.push(at(millis, delta(millis, 0))).unwrap();
        if let Some(lacking) = fan_out.take_refresh_request() {
            refreshes += 1;
            let tiles = match &lacking {
                Lacking::Tiles(tiles) => Some(tiles),
                Lacking::Everything => None,
            };
            assert_eq!(tiles.is_none(), millis == 0);
            fan_out.push(refresh(millis, tiles)).unwrap();
        }
        if millis % 3 == 0 {
            taken(&mut slow);
        }
    }
    assert!((10..=11).contains(&refreshes), "{refreshes}");
    let _newcomer = fan_out.join();
    assert_eq!(fan_out.take_refresh_request(), Some(Lacking::Everything));
}

#[test]
fn a_refresh_for_a_newcomer_is_not_for_who_lacks_less() {
    let mut fan_out = FanOut::new(1);
    let mut slow = fan_out.join();
    fan_out.push(packet(Codec::Rects, 0, true)).unwrap();
    assert_eq!(taken(&mut slow), [0]);
    (1..=2).for_each(|sequence| fan_out.push(delta(sequence, 1)).unwrap());
    assert!(taken(&mut slow).is_empty());
    let mut newcomer = fan_out.join();
    assert_eq!(fan_out.take_refresh_request(), Some(Lacking::Everything));
    fan_out.push(refresh(2, None)).unwrap();
    assert_eq!((taken(&mut newcomer), taken(&mut slow)), (vec![2], vec![]));
    assert!(matches!(fan_out.take_refresh_request(), Some(Lacking::Tiles(tiles)) if tiles.len() == 1));
}

#[test]
fn what_waited_too_long_is_dropped_and_asked_for_anew() {
    let mut fan_out = FanOut::new(4);
    let mut viewer =
        fan_out.join_with(ViewerPolicy::LatestWins { packets: 4, max_age: Duration::from_millis(50) });
    fan_out.push(at(0, packet(Codec::Jpeg, 0, true))).unwrap();
    viewer.advance(Timestamp::from_micros(50_000));
    assert_eq!(taken(&mut viewer), [0]);
    fan_out.push(at(60, packet(Codec::Jpeg, 1, true))).unwrap();
    // The screen stands still, and the pipeline says how late it is.
    fan_out.advance(Timestamp::from_micros(111_000)).unwrap();
    assert!(taken(&mut viewer).is_empty());
    assert_eq!(viewer.drops().aged, 1);
    assert!(fan_out.take_refresh_request().is_some());
}

#[test]
fn no_more_is_on_the_way_than_the_window_allows() {
    let mut fan_out = FanOut::new(4);
    let mut viewer = fan_out.join_with(ViewerPolicy::window(2));
    let now = Timestamp::from_micros(1000);
    assert_eq!(viewer.acknowledge(0, now), None, "nothing was handed out");
    (0..4).for_each(|sequence| fan_out.push(packet(Codec::Jpeg, sequence, true)).unwrap());
    assert_eq!(taken(&mut viewer), [2, 3]);
    (4..6).for_each(|sequence| fan_out.push(packet(Codec::Jpeg, sequence, true)).unwrap());
    assert!(taken(&mut viewer).is_empty());
    let acknowledged = viewer.acknowledge(2, now).unwrap();
    assert_eq!((acknowledged.bytes, acknowledged.left_bytes, acknowledged.at), (7, 7, now));
    assert_eq!(viewer.acknowledge(2, now), None, "it was acknowledged before");
    assert_eq!(taken(&mut viewer), [4]);
    let acknowledged = viewer.acknowledge(4, now).unwrap();
    assert_eq!((acknowledged.bytes, acknowledged.left_bytes), (14, 0), "with all before it");
    assert_eq!(taken(&mut viewer), [5]);
}

#[test]
fn a_recording_loses_nothing_or_breaks_off() {
    let mut fan_out = FanOut::new(1);
    let mut tape = fan_out.join_with(ViewerPolicy::lossless(7 * 100));
    (0..100).for_each(|sequence| fan_out.push(packet(Codec::H264, sequence, sequence == 0)).unwrap());
    fan_out.push(refresh(100, None)).unwrap();
    assert_eq!(
        (taken(&mut tape).len(), tape.end()),
        (100, None),
        "a refresh is for those who lack something"
    );
    (0..101).for_each(|sequence| fan_out.push(packet(Codec::H264, sequence, false)).unwrap());
    assert_eq!(tape.end(), Some(ViewerEnd::Overrun));
    assert_eq!(taken(&mut tape).len(), 100);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(tape.poll_packet(&mut cx), Poll::Ready(None)));
}

proptest! {
    /// Whatever a viewer of H.264 misses, what it gets can be decoded: each picture is a key picture or
    /// follows the one before it without a gap.
    #[test]
    fn a_viewer_never_gets_a_picture_it_cannot_decode(
        bound in 1_usize..5,
        steps in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 0..200),
    ) {
        let mut fan_out = FanOut::new(bound);
        let mut viewer = fan_out.join();
        let (mut last, mut lost) = (None, true);
        for (sequence, (spontaneous, takes, asks)) in (0..).zip(steps) {
            let is_keyframe = fan_out.take_refresh_request().is_some() || spontaneous;
            fan_out.push(packet(Codec::H264, sequence, is_keyframe)).unwrap();
            prop_assert!(viewer.waiting() <= bound);
            if takes {
                while let Some(packet) = viewer.try_packet() {
                    prop_assert!(packet.is_keyframe || (!lost && last == Some(packet.sequence - 1)));
                    (last, lost) = (Some(packet.sequence), false);
                }
            }
            if asks {
                viewer.request_keyframe();
            }
        }
    }
}
