//! What a recorder does with broken disks, changing streams and odd clocks, and that its reader follows it anywhere.
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

mod recorder_judges;

use std::io::{self, Cursor, Write};
use std::time::Duration;

use bytes::Bytes;
use kvm_audit::{Capability, CapabilitySet, Declare, Event, Ledger, Manifest};
use kvm_capture::{FourCc, Timestamp};
use kvm_stream::mp4::{Ending, Fragment, ReadError, RecordingReader};
use kvm_stream::{Codec, Packet, PacketSink, Recorder, SinkError};
use proptest::prelude::*;
use recorder_judges::{grant, packet};

/// A key picture of H.264 as far as a recorder looks at it: parameter sets, a slice.
const KEY: &[u8] = b"\0\0\0\x01\x67\x42\xC0\x1F\x8C\0\0\0\x01\x68\xCE\x3C\0\0\0\x01\x65\x88\x84";
const DEPENDENT: &[u8] = b"\0\0\0\x01\x41\x9A\x02";

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn jpeg(micros: u64) -> Packet {
    packet(Codec::Jpeg, &Bytes::from_static(b"picture"), (64, 48), at(micros), true)
}

fn h264(payload: &'static [u8], micros: u64) -> Packet {
    packet(Codec::H264, &Bytes::from_static(payload), (64, 48), at(micros), payload == KEY)
}

fn recorder<W: Write>(writer: W) -> Recorder<W> {
    Recorder::new("test.mp4", writer, grant("test.mp4")).unwrap()
}

fn read(file: &[u8]) -> (Vec<Fragment>, Option<Ending>) {
    let mut recording = RecordingReader::open(Cursor::new(file)).unwrap();
    let mut fragments = Vec::new();
    while let Some(fragment) = recording.next_fragment().unwrap() {
        fragments.push(fragment);
    }
    (fragments, recording.ending())
}

/// A disk with so much room.
#[derive(Debug)]
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.room - self.bytes.len());
        if len == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_once_and_what_is_on_it_plays() {
    let disk = Disk { bytes: Vec::new(), room: 2000 };
    let mut recorder = recorder(disk).with_fragment_length(Duration::ZERO);
    let mut errors = (0..100).filter_map(|index| recorder.push(jpeg(index * 1000)).err());
    let Some(SinkError::Write(first)) = errors.next() else { panic!("a disk that holds everything") };
    assert_eq!(first.kind(), io::ErrorKind::StorageFull);
    let is_refusal = |error: &SinkError| matches!(error, SinkError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe);
    assert!(errors.by_ref().take(3).all(|error| is_refusal(&error)));
    drop(errors);
    assert!(is_refusal(&recorder.flush(at(1_000_000)).unwrap_err()));
    let written = recorder.recorded();
    assert_eq!(recorder.writer().bytes.len(), 2000, "nothing was written after the error");
    let (fragments, ending) = read(&recorder.writer().bytes);
    assert_eq!(fragments.len(), written.fragments as usize);
    assert_eq!(ending, Some(Ending::Cut { offset: written.bytes }));
    assert!(is_refusal(&recorder.finish(at(1_000_000)).unwrap_err()));
}

#[test]
fn a_stream_that_changes_ends_the_file_and_not_what_is_in_it() {
    const OTHER_SETS: &[u8] = b"\0\0\0\x01\x67\x42\xC0\x20\x8C\0\0\0\x01\x68\xCE\x3C\0\0\0\x01\x65\x88\x84";
    let mut larger = jpeg(2_000);
    larger.width_px = 128;
    let mut rekeyed = h264(OTHER_SETS, 2_000);
    rekeyed.is_keyframe = true;
    for (first, changed) in
        [(jpeg(1_000), larger), (jpeg(1_000), h264(KEY, 2_000)), (h264(KEY, 1_000), rekeyed)]
    {
        let mut recorder = recorder(Vec::new());
        recorder.push(first.clone()).unwrap();
        let error = recorder.push(changed).unwrap_err();
        assert!(matches!(error, SinkError::StreamChanged { .. }), "{error:?}");
        let error = recorder.push(first).unwrap_err();
        assert!(matches!(error, SinkError::Write(_)), "{error:?}");
        let (file, recorded) = recorder.finish(at(3_000)).unwrap();
        assert_eq!(recorded.pictures, 1);
        let (fragments, ending) = read(&file);
        assert_eq!(fragments[0].pictures[0].duration, Duration::from_millis(2));
        assert_eq!((fragments.len(), ending), (1, Some(Ending::Finished)));
    }
}

#[test]
fn a_stream_joined_in_its_middle_waits_for_a_key_picture() {
    let mut recorder = recorder(Vec::new());
    assert!(recorder.take_refresh_request().is_some());
    assert!(recorder.take_refresh_request().is_none());
    recorder.push(h264(DEPENDENT, 0)).unwrap();
    assert!(recorder.take_refresh_request().is_some());
    recorder.push(h264(KEY, 1_000)).unwrap();
    recorder.push(h264(DEPENDENT, 2_000)).unwrap();
    assert!(recorder.take_refresh_request().is_none());
    let (file, recorded) = recorder.finish(at(3_000)).unwrap();
    assert_eq!((recorded.pictures, recorded.skipped), (2, 1));
    let (fragments, _) = read(&file);
    let keys: Vec<bool> = fragments[0].pictures.iter().map(|picture| picture.is_keyframe).collect();
    assert_eq!(keys, [true, false]);
    assert_eq!(fragments[0].start, Duration::ZERO);
}

#[test]
fn what_is_no_picture_is_refused() {
    for payload in [&b""[..], b"\0\0\x01\x65\x88", b"\0\0\x01\x67\x42\xC0\x1F\0\0\x01\x68\xCE"] {
        let mut packet = h264(payload, 0);
        packet.is_keyframe = true;
        let error = recorder(Vec::new()).push(packet).unwrap_err();
        assert!(matches!(error, SinkError::Malformed { codec: Codec::H264, .. }), "{error:?}");
    }
    let mut sizeless = jpeg(0);
    sizeless.width_px = 0;
    assert!(recorder(Vec::new()).push(sizeless).is_err());
    let mut empty = jpeg(0);
    empty.payload = Bytes::new();
    assert!(recorder(Vec::new()).push(empty).is_err());
}

/// A format that MP4 has no place for here is refused by name, not stored as something else.
#[test]
fn what_is_of_another_codec_is_refused() {
    let fwht = Codec::Other(FourCc(*b"FWHT"));
    for is_keyframe in [true, false] {
        let mut packet = jpeg(0);
        (packet.codec, packet.is_keyframe) = (fwht, is_keyframe);
        let error = recorder(Vec::new()).push(packet).unwrap_err();
        assert!(matches!(error, SinkError::Codec { codec } if codec == fwht), "{error:?}");
        assert_eq!(error.to_string(), "Other(FourCc(FWHT)) is not a codec this sink can hold");
    }
}

#[test]
fn nothing_recorded_is_an_empty_file() {
    let (file, recorded) = recorder(Vec::new()).finish(at(5)).unwrap();
    assert_eq!((file.len(), recorded.pictures, recorded.bytes), (0, 0, 0));
    assert!(matches!(RecordingReader::open(Cursor::new(file)), Err(ReadError::Empty)));
}

#[test]
fn an_end_beyond_all_time_makes_no_endless_file() {
    let mut recorder = recorder(Vec::new());
    recorder.push(jpeg(0)).unwrap();
    let (file, recorded) = recorder.finish(at(u64::MAX)).unwrap();
    assert!(file.len() < 10_000, "{} bytes", file.len());
    assert_eq!(recorded.duration, Duration::from_micros(1 << 62));
    let (fragments, _) = read(&file);
    assert!(fragments.last().unwrap().pictures.is_empty());
    assert_eq!(fragments.last().unwrap().start, recorded.duration);
}

/// Found by fuzzing: ticks at the end of their range were written and could not be read.
#[test]
fn timestamps_at_the_end_of_their_range_are_read_back() {
    let mut recorder = recorder(Vec::new());
    for micros in [1, u64::MAX, 0, u64::MAX, u64::MAX] {
        recorder.push(jpeg(micros)).unwrap();
        recorder.flush(at(micros)).unwrap();
    }
    let (file, _) = recorder.finish(at(u64::MAX)).unwrap();
    assert_eq!(read(&file).1, Some(Ending::Finished));
}

#[test]
fn a_second_of_pictures_is_a_fragment_and_a_key_picture_starts_one() {
    let mut recorder = recorder(Vec::new());
    for index in 0..90 {
        recorder.push(h264(if index % 45 == 0 { KEY } else { DEPENDENT }, index * 33_333)).unwrap();
    }
    let (file, _) = recorder.finish(at(3_000_000)).unwrap();
    let sizes: Vec<usize> = read(&file).0.iter().map(|fragment| fragment.pictures.len()).collect();
    assert_eq!(sizes, [31, 14, 31, 14]);
}

#[test]
fn the_grant_is_spent_on_the_file_and_given_back() {
    let ledger = Ledger::new();
    let manifest =
        Manifest::new("bench").declare(Capability::Recording, "a.mp4", "sessions are kept").unwrap();
    assert!(Recorder::new("b.mp4", Vec::new(), manifest.grant(&ledger).unwrap()).is_err());
    let recorder = Recorder::new("a.mp4", Vec::new(), manifest.grant(&ledger).unwrap()).unwrap();
    assert_eq!(recorder.capabilities(), CapabilitySet::of(Capability::Recording));
    assert_eq!(ledger.in_use(Capability::Recording), ["a.mp4"]);
    recorder.finish(at(0)).unwrap();
    assert_eq!(ledger.entries().last().unwrap().event, Event::Released);
}

#[test]
fn zeros_at_the_end_are_an_end() {
    let mut recorder = recorder(Vec::new());
    recorder.push(jpeg(0)).unwrap();
    recorder.flush(at(1_000)).unwrap();
    let mut file = recorder.writer().clone();
    let len = file.len() as u64;
    file.resize(file.len() + 4096, 0);
    let (fragments, ending) = read(&file);
    assert_eq!((fragments.len(), ending), (1, Some(Ending::Cut { offset: len })));
}

/// What may happen to a recorder.
#[derive(Debug, Clone)]
enum Step {
    Push { after: i64, key: bool, payload: Vec<u8> },
    Flush { after: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![4 => 1..3_000_000_i64, 1 => -2_000_000..1_i64, 1 => 1..20_000_000_000_i64];
    let payload = proptest::collection::vec(1_u8.., 1..40);
    let step = prop_oneof![
        4 => (after.clone(), any::<bool>(), payload)
            .prop_map(|(after, key, payload)| Step::Push { after, key, payload }),
        1 => after.prop_map(|after| Step::Flush { after }),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn what_is_recorded_is_read_back_and_a_cut_loses_only_the_end(
        steps in steps(),
        h264 in any::<bool>(),
        length_ms in 0_u64..4000,
        cut in any::<proptest::sample::Index>(),
    ) {
        let codec = if h264 { Codec::H264 } else { Codec::Jpeg };
        let mut recorder = recorder(Vec::new()).with_fragment_length(Duration::from_millis(length_ms));
        let mut now = 50_000_000_i64;
        let mut expected: Vec<Vec<u8>> = Vec::new();
        let (mut rising, mut times) = (true, Vec::new());
        for step in steps {
            match step {
                Step::Push { after, key, payload } => {
                    now += after;
                    rising &= after > 0;
                    let key = key || expected.is_empty();
                    let payload = if h264 {
                        let slice = [&[if key { 0x65 } else { 0x41 }][..], &payload].concat();
                        let length = u32::try_from(slice.len()).unwrap().to_be_bytes();
                        expected.push([&length[..], &slice].concat());
                        [if key { &KEY[..16] } else { &[] }, &[0, 0, 0, 1], &slice].concat()
                    } else {
                        expected.push(payload.clone());
                        payload
                    };
                    times.push(now);
                    let time = at(now.try_into().unwrap());
                    recorder.push(packet(codec, &payload.into(), (64, 48), time, key || !h264)).unwrap();
                }
                Step::Flush { after } => {
                    now += after.max(0);
                    recorder.flush(at(now.try_into().unwrap())).unwrap();
                }
            }
        }
        let (file, recorded) = recorder.finish(at((now + 7).try_into().unwrap())).unwrap();
        prop_assert_eq!(recorded.pictures, expected.len() as u64);
        if expected.is_empty() {
            prop_assert!(file.is_empty());
            return Ok(());
        }
        let (fragments, ending) = read(&file);
        prop_assert_eq!(ending, Some(Ending::Finished));
        prop_assert_eq!(fragments.len(), recorded.fragments as usize);

        // Every picture is there, in order, and at its time.
        let mut reader = RecordingReader::open(Cursor::new(&file)).unwrap();
        let pictures: Vec<_> = fragments.iter().flat_map(|fragment| &fragment.pictures).collect();
        for (picture, expected) in pictures.iter().zip(&expected) {
            prop_assert_eq!(&reader.read_picture(picture).unwrap(), expected);
        }
        prop_assert!(pictures.len() >= expected.len());
        if rising {
            for (picture, time) in pictures.iter().zip(&times) {
                prop_assert_eq!(picture.start.as_micros(), u128::from((time - times[0]).unsigned_abs()));
            }
        }
        prop_assert!(pictures.windows(2).all(|pair| pair[0].start + pair[0].duration <= pair[1].start));

        // Cut anywhere, a file holds the fragments that end before.
        let cut = &file[..cut.index(file.len())];
        match RecordingReader::open(Cursor::new(cut)) {
            Err(error) => prop_assert!(matches!(error, ReadError::Empty), "{error:?}"),
            Ok(_) => {
                let (left, ending) = read(cut);
                prop_assert_eq!(&left[..], &fragments[..left.len()]);
                prop_assert_ne!(ending, Some(Ending::Finished));
            }
        }
    }

    #[test]
    fn a_damaged_recording_is_read_or_refused(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut recorder = recorder(Vec::new());
        recorder.push(h264(KEY, 0)).unwrap();
        recorder.push(h264(DEPENDENT, 10)).unwrap();
        recorder.flush(at(20)).unwrap();
        recorder.push(h264(KEY, 30)).unwrap();
        let (mut file, _) = recorder.finish(at(40)).unwrap();
        for (place, byte) in damage {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let Ok(mut recording) = RecordingReader::open(Cursor::new(&file)) else { return Ok(()) };
        while let Ok(Some(fragment)) = recording.next_fragment() {
            for picture in &fragment.pictures {
                recording.read_picture(picture).unwrap();
            }
        }
        prop_assert!(recording.ending().is_some());
    }
}

#[test]
fn a_refresh_is_left_out_once_there_is_a_picture_and_rectangles_are_refused() {
    let mut recorder = recorder(Vec::new());
    let refresh = |micros| {
        let mut packet = jpeg(micros);
        packet.is_refresh = true;
        packet
    };
    recorder.push(refresh(1_000)).unwrap();
    recorder.push(jpeg(2_000)).unwrap();
    recorder.push(refresh(2_000)).unwrap();
    assert_eq!(recorder.recorded().pictures, 2);

    let mut recorder = self::recorder(Vec::new());
    let rects = packet(Codec::Rects, &Bytes::from_static(b"\0\0"), (64, 48), at(1_000), true);
    let error = recorder.push(rects).unwrap_err();
    assert!(matches!(error, SinkError::Codec { codec: Codec::Rects }), "{error}");
}

#[test]
fn told_the_time_a_recorder_flushes_by_itself() {
    let mut recorder = recorder(Vec::new());
    recorder.push(jpeg(1_000_000)).unwrap();
    recorder.advance(at(1_999_999)).unwrap();
    assert_eq!(recorder.recorded().fragments, 0);
    recorder.advance(at(2_000_000)).unwrap();
    recorder.advance(at(9_000_000)).unwrap();
    assert_eq!(recorder.recorded().fragments, 1);
}
