//! A chained recording shows every cut and edit, and plays like any other.
#![cfg(feature = "chain")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod recorder_judges;

use std::io::Cursor;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use kvm_capture::Timestamp;
use kvm_stream::mp4::{ChainHead, Ending, RecordingReader, Verdict, verify};
use kvm_stream::{Codec, Packet, PacketSink, Recorder};
use proptest::prelude::*;
use recorder_judges::{
    complete, decoded, decoded_by_gstreamer, grant, h264_pictures, have, jpeg_pictures, packet, packets,
    probed_times, record, times, write,
};

/// Records the packets with a chain, finished or not.
fn chained(packets: &[Packet], is_finished: bool) -> (Vec<u8>, ChainHead) {
    let length = Duration::from_millis(100);
    let mut recorder = Recorder::new("test.mp4", Vec::new(), grant("test.mp4"))
        .unwrap()
        .with_fragment_length(length)
        .with_chain();
    packets.iter().for_each(|packet| recorder.push(packet.clone()).unwrap());
    let end = Timestamp::from_micros(packets.last().unwrap().timestamp.as_micros() + 100_000);
    recorder.flush(end).unwrap();
    if !is_finished {
        return (recorder.writer().clone(), recorder.recorded().chain.unwrap());
    }
    let (file, recorded) = recorder.finish(end).unwrap();
    assert_eq!(recorded.bytes, file.len() as u64);
    (file, recorded.chain.unwrap())
}

fn small(count: u64) -> Vec<Packet> {
    (0..count)
        .map(|index| {
            let payload = Bytes::from(vec![u8::try_from(index % 251).unwrap(); 20]);
            packet(Codec::Jpeg, &payload, (64, 48), Timestamp::from_micros(index * 70_000), true)
        })
        .collect()
}

/// Where the fragments are, each with its link; before them the start, behind them the end.
fn fragments(file: &[u8]) -> Vec<Range<usize>> {
    let (mut ranges, mut at, mut start) = (Vec::new(), 0, 0);
    while at < file.len() {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let kind = &file[at + 4..at + 8];
        at += size;
        if kind == b"uuid" {
            ranges.push(start..at);
        }
        if kind == b"uuid" || kind == b"moov" {
            start = at;
        }
    }
    // The last box of this kind is the end, and the index belongs to it.
    ranges.pop();
    ranges
}

fn verdict(file: &[u8]) -> Verdict {
    verify(Cursor::new(file)).unwrap()
}

#[test]
fn what_nobody_touched_is_intact() {
    for count in [1, 2, 30] {
        let (file, head) = chained(&small(count), true);
        assert_eq!(verdict(&file), Verdict::Intact(head));
        assert_eq!(head.fragments, fragments(&file).len() as u64);
        let (file, head) = chained(&small(count), false);
        assert_eq!(verdict(&file), Verdict::CutAfter(head));
        assert_eq!(
            verdict(&[&file[..], &[0; 5000]].concat()),
            Verdict::CutAfter(head),
            "a preallocated tail"
        );
    }
    assert_eq!(verdict(&record(&small(30))), Verdict::Unchained);
}

#[test]
fn every_flipped_byte_shows() {
    let (file, head) = chained(&small(8), true);
    let pictures_end = fragments(&file).last().unwrap().end;
    for at in 0..file.len() {
        for bit in [0x01, 0x10, 0x80] {
            let mut edited = file.clone();
            edited[at] ^= bit;
            let verdict = verdict(&edited);
            assert!(!matches!(verdict, Verdict::Intact(_)), "byte {at} ^ {bit:#x}");
            // With all fragments as they were, an end that is not there is no more than that.
            assert!(verdict != Verdict::CutAfter(head) || at >= pictures_end, "byte {at} ^ {bit:#x}");
        }
    }
}

#[test]
fn an_edit_is_found_where_it_is() {
    let (file, _) = chained(&small(20), true);
    for (index, fragment) in fragments(&file).into_iter().enumerate() {
        let mut edited = file.clone();
        // The last byte before the link is a picture's.
        edited[fragment.end - 69] ^= 1;
        assert_eq!(verdict(&edited), Verdict::Edited { fragment: index as u64 + 1 });
    }
}

#[test]
fn a_chain_plays_and_finalises() {
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(40)), (Codec::H264, h264_pictures(40))] {
        if !have(&["ffmpeg", "ffprobe"]) {
            return;
        }
        let packets = packets(codec, &pictures);
        let (with, _) = chained(&packets, true);
        let file = write(&format!("chain.{codec:?}.mp4"), &with);
        let without = write(&format!("chain.without.{codec:?}.mp4"), &record(&packets));
        assert_eq!(probed_times(&file), times(&packets));
        assert_eq!(decoded(&file, 40), decoded(&without, 40));
        if have(&["gst-launch-1.0"]) {
            assert_eq!(decoded_by_gstreamer(&file, codec, 320, 180), 40);
        }
        if std::process::Command::new("MP4Box").arg("-version").output().is_ok() {
            let output = std::process::Command::new("MP4Box").args(["-info", &file]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(complete(&with).unwrap().1, 40);
        #[cfg(feature = "mp4")]
        if codec == Codec::H264 {
            let done = kvm_stream::mp4::finalise(Cursor::new(&with), Cursor::new(Vec::new())).unwrap();
            assert_eq!((done.pictures, done.ending), (40, Ending::Finished));
        }
    }
}

proptest! {
    /// A recording cut anywhere is told apart from a whole one, and the reader goes as far as the chain, or one
    /// fragment further if only its link is missing.
    #[test]
    fn a_cut_shows(count in 1_u64..30, at in any::<prop::sample::Index>()) {
        let (file, _) = chained(&small(count), true);
        let cut = &file[..at.index(file.len())];
        let Verdict::CutAfter(head) = verdict(cut) else { panic!("{:?}", verdict(cut)) };
        let whole = fragments(&file).into_iter().filter(|fragment| fragment.end <= cut.len()).count();
        prop_assert_eq!(head.fragments, whole as u64);
        if let Ok(mut recording) = RecordingReader::open(Cursor::new(cut)) {
            let mut read = 0;
            while recording.next_fragment().unwrap().is_some() {
                read += 1;
            }
            prop_assert!(read == head.fragments || read == head.fragments + 1);
            prop_assert!(recording.ending() != Some(Ending::Finished));
        }
    }

    /// Fragments left out, swapped, repeated, or taken from another recording.
    #[test]
    fn a_fragment_out_of_its_place_shows(
        count in 6_u64..30,
        how in 0..4,
        one in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
    ) {
        let (file, _) = chained(&small(count), true);
        let ranges = fragments(&file);
        let (one, other) = (one.index(ranges.len()), other.index(ranges.len()));
        let mut order: Vec<Vec<u8>> = ranges.iter().map(|range| file[range.clone()].to_vec()).collect();
        let original = order.clone();
        let first_moved = match how {
            0 => {
                order.remove(one);
                one
            }
            1 => {
                order.swap(one, other);
                one.min(other)
            }
            2 => {
                order.insert(other, original[one].clone());
                other
            }
            _ => {
                let (foreign, _) = chained(&small(count + 1), true);
                order[one] = foreign[fragments(&foreign)[(one + 1) % ranges.len()].clone()].to_vec();
                one
            }
        };
        prop_assume!(order != original);
        let end = ranges.last().unwrap().end;
        let edited = [&file[..ranges[0].start], &order.concat(), &file[end..]].concat();
        match verdict(&edited) {
            Verdict::Edited { fragment } => prop_assert!(fragment > first_moved as u64, "{fragment}"),
            verdict => prop_assert!(false, "{verdict:?}"),
        }
    }

    #[test]
    fn no_bytes_are_taken_for_a_whole_recording(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(!matches!(verdict(&bytes), Verdict::Intact(_)));
    }
}
