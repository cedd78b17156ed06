//! A recording tells which classes of input were made, to programs that other people wrote, and nothing more.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod recorder_judges;

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use kvm_capture::Timestamp;
use kvm_stream::mp4::{Ending, InputSpan, RecordingReader};
use kvm_stream::{Codec, InputClass, Packet, PacketSink, Recorder};
use proptest::prelude::*;
use recorder_judges::{
    complete, decoded, decoded_by_gstreamer, decoded_of_torn, grant, h264_pictures, have, jpeg_pictures,
    packet, packets, record, run, scattered, times, write,
};

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn recorder() -> Recorder<Vec<u8>> {
    Recorder::new("test.mp4", Vec::new(), grant("test.mp4")).unwrap().with_input_classes()
}

fn small(micros: u64) -> Packet {
    packet(Codec::Jpeg, &Bytes::from_static(b"picture"), (64, 48), at(micros), true)
}

fn inputs(file: &[u8]) -> Vec<InputSpan> {
    let mut recording = RecordingReader::open(Cursor::new(file)).unwrap();
    assert!(recording.has_input_classes());
    let mut inputs = Vec::new();
    while let Some(fragment) = recording.next_fragment().unwrap() {
        assert!(fragment.inputs.is_empty() || fragment.pictures.is_empty());
        inputs.extend(fragment.inputs);
    }
    inputs
}

/// Start, duration and text of the samples that stand for these seconds, with those between.
fn samples(spans: &[InputSpan]) -> Vec<(u128, u128, String)> {
    let mut samples = Vec::new();
    let mut end = 0;
    for span in spans {
        let (start, duration) = (span.start.as_micros(), span.duration.as_micros());
        if start > end {
            samples.push((end, start - end, "\n".to_owned()));
        }
        let text = span.tally.iter().map(|(class, count)| format!("{class},{count}\n")).collect();
        samples.push((start, duration, text));
        end = start + duration;
    }
    samples
}

/// Start and duration in microseconds, and the counts.
type Told = (u128, u128, Vec<(InputClass, u32)>);

/// What a file tells of input.
fn told(file: &[u8]) -> Vec<Told> {
    let spans = inputs(file).into_iter();
    spans
        .map(|span| (span.start.as_micros(), span.duration.as_micros(), span.tally.iter().collect()))
        .collect()
}

/// Records the packets and input with them: keys in the middle of every third second, and motion with every picture.
fn with_input(packets: &[Packet]) -> Vec<u8> {
    let mut recorder = recorder();
    let first = packets[0].timestamp.as_micros();
    let mut second = 0;
    for packet in packets {
        let now = packet.timestamp.as_micros();
        while first + second * 1_000_000 + 500_000 < now {
            let at = at(first + second * 1_000_000 + 500_000);
            if second % 3 == 0 {
                recorder.note_input(InputClass::Keyboard, 5, at);
            }
            recorder.advance(at).unwrap();
            second += 1;
        }
        recorder.push(packet.clone()).unwrap();
        recorder.note_input(InputClass::Pointer, 1, packet.timestamp);
    }
    let last = packets.last().unwrap().timestamp.as_micros();
    recorder.finish(at(last + 1_000_000)).unwrap().0
}

#[test]
fn input_is_told_by_second_and_class() {
    let mut recorder = recorder();
    // Before the first picture there is no time yet.
    recorder.note_input(InputClass::Power, 1, at(7_000_000));
    recorder.push(small(10_000_000)).unwrap();
    recorder.note_input(InputClass::Keyboard, 3, at(10_100_000));
    recorder.note_input(InputClass::Keyboard, 2, at(10_900_000));
    recorder.note_input(InputClass::Text, 0, at(11_000_000));
    recorder.note_input(InputClass::Pointer, 1000, at(11_000_000));
    recorder.flush(at(11_999_999)).unwrap();
    // It comes after its second was written, and so counts in the next.
    recorder.note_input(InputClass::Text, 1, at(10_950_000));
    recorder.flush(at(12_000_000)).unwrap();
    recorder.note_input(InputClass::Keyboard, 1, at(15_200_000));
    let (file, recorded) = recorder.finish(at(15_700_000)).unwrap();
    let expected = [
        (0, 1_000_000, vec![(InputClass::Keyboard, 8), (InputClass::Power, 1)]),
        (1_000_000, 1_000_000, vec![(InputClass::Pointer, 1024), (InputClass::Text, 1)]),
        (5_000_000, 700_000, vec![(InputClass::Keyboard, 1)]),
    ];
    assert_eq!(told(&file), expected);
    assert_eq!(recorded.bytes, file.len() as u64);
}

#[test]
fn a_still_screen_tells_of_input_as_soon_as_its_second_is_over() {
    let mut recorder = recorder();
    recorder.push(small(0)).unwrap();
    recorder.advance(at(1_000_000)).unwrap();
    assert_eq!(recorder.recorded().fragments, 1);
    recorder.note_input(InputClass::Keyboard, 1, at(1_500_000));
    recorder.advance(at(1_999_999)).unwrap();
    assert_eq!(recorder.recorded().fragments, 1);
    let before = recorder.recorded().bytes;
    recorder.advance(at(2_000_000)).unwrap();
    assert_eq!(recorder.recorded().fragments, 2);
    assert_eq!(recorder.recorded().bytes - before, 116 + "\nkeyboard,1\n".len() as u64);
    recorder.advance(at(60_000_000)).unwrap();
    assert_eq!(recorder.recorded().fragments, 2, "what was not done costs nothing");
}

#[test]
fn a_gap_longer_than_a_sample_is_told() {
    let mut recorder = recorder();
    recorder.push(small(0)).unwrap();
    let hours = [0, 3, 50].map(|hour| hour * 3_600_000_000);
    for at in hours.map(at) {
        recorder.note_input(InputClass::Keyboard, 1, at);
    }
    // What no clock reaches neither.
    recorder.note_input(InputClass::Power, 1, at(u64::MAX));
    let (file, _) = recorder.finish(at(50 * 3_600_000_000 + 10)).unwrap();
    assert!(file.len() < 10_000);
    let told = told(&file);
    assert_eq!(told.len(), 4);
    for ((start, duration, _), hour) in told.iter().zip(hours) {
        assert_eq!((*start, *duration), (u128::from(hour), if hour == hours[2] { 10 } else { 1_000_000 }));
    }
}

#[test]
fn nothing_is_told_that_was_not_asked_for() {
    let mut recorder = Recorder::new("test.mp4", Vec::new(), grant("test.mp4")).unwrap();
    recorder.push(small(0)).unwrap();
    recorder.note_input(InputClass::Keyboard, 1, at(0));
    let (file, _) = recorder.finish(at(1_000_000)).unwrap();
    assert!(file == record(&[small(0)]));
    assert!(!RecordingReader::open(Cursor::new(file)).unwrap().has_input_classes());
}

#[test]
fn ffmpeg_sees_the_track_and_the_same_pictures() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(60)), (Codec::H264, h264_pictures(60))] {
        let packets = packets(codec, &pictures);
        let recording = with_input(&packets);
        let file = write(&format!("inputs.{codec:?}.mp4"), &recording);
        let probe = |of: &str, show: &str| {
            let arguments =
                ["-v", "error", "-select_streams", of, "-show_entries", show, "-of", "csv=p=0", &file];
            let lines = String::from_utf8(run("ffprobe", &arguments)).unwrap();
            lines.split_whitespace().map(|line| line.trim_end_matches(',').to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(probe("d", "stream=codec_type,codec_tag_string"), ["data,mett"]);
        let wanted: Vec<_> = times(&packets).iter().map(u64::to_string).collect();
        assert_eq!(probe("v", "packet=pts"), wanted);

        // Time by time and byte by byte what the reader of this project reads.
        let told = inputs(&recording);
        assert!(told.len() > 3, "{told:?}");
        let samples = samples(&told);
        let wanted: Vec<_> = samples.iter().map(|(start, ..)| start.to_string()).collect();
        assert_eq!(probe("d", "packet=pts"), wanted);
        let copied =
            run("ffmpeg", &["-v", "error", "-i", &file, "-map", "0:d", "-c", "copy", "-f", "data", "-"]);
        let wanted: String = samples.iter().map(|(.., text)| text.as_str()).collect();
        assert_eq!(String::from_utf8(copied).unwrap(), wanted);

        let without = write(&format!("inputs.without.{codec:?}.mp4"), &record(&packets));
        assert_eq!(decoded(&file, 60), decoded(&without, 60));
        if have(&["gst-launch-1.0"]) {
            assert_eq!(decoded_by_gstreamer(&file, codec, 320, 180), 60);
        }
    }
}

#[test]
fn cut_anywhere_pictures_play_and_input_is_told() {
    if !have(&["ffmpeg"]) {
        return;
    }
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(60)), (Codec::H264, h264_pictures(60))] {
        let recording = with_input(&packets(codec, &pictures));
        let whole = decoded(&write(&format!("inputs.whole.{codec:?}.mp4"), &recording), 60);
        let all = inputs(&recording);
        let mut told = 0;
        for len in scattered(recording.len(), 25) {
            let cut = &recording[..len];
            let Some((complete_len, pictures)) = complete(cut) else { continue };
            let file = write(&format!("inputs.cut.{codec:?}.mp4"), cut);
            if !ends_within_a_header(&recording, complete_len, len) {
                assert_eq!(decoded_of_torn(&file)[..pictures], whole[..pictures], "{codec:?} cut at {len}");
            }
            let file = write(&format!("inputs.cut.{codec:?}.mp4"), &cut[..complete_len]);
            assert_eq!(decoded(&file, 60), whole[..pictures], "{codec:?} cut at {len}");
            let left = inputs(cut);
            assert_eq!(left[..], all[..left.len()]);
            told += left.len();
        }
        assert!(told > 10, "{codec:?}: only {told} seconds of input were left");
    }
}

/// Whether a file of this length ends within the header of a fragment, which ffmpeg takes for a reason to refuse all
/// of it.
fn ends_within_a_header(recording: &[u8], fragment: usize, len: usize) -> bool {
    let size = u32::from_be_bytes(recording[fragment..fragment + 4].try_into().unwrap()) as usize;
    len < fragment + size
}

#[test]
fn mp4box_js_reads_times_and_texts() {
    let Some(package) = std::env::var_os("KVM_MP4BOX") else {
        println!("SKIPPED: KVM_MP4BOX names no folder of the package mp4box");
        return;
    };
    if !have(&["ffmpeg"]) {
        return;
    }
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorder_judges/mp4box.mjs");
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(60)), (Codec::H264, h264_pictures(60))] {
        let recording = with_input(&packets(codec, &pictures));
        let file = write(&format!("inputs.mp4box.{codec:?}.mp4"), &recording);
        let seen = String::from_utf8(run("node", &[judge, package.to_str().unwrap(), &file])).unwrap();
        let (seen_inputs, seen_pictures): (Vec<_>, Vec<_>) =
            seen.lines().partition(|line| line.starts_with("mett "));
        let told = samples(&inputs(&recording))
            .into_iter()
            .map(|(start, duration, text)| format!("mett {start} {duration} true {text:?}"));
        assert_eq!(seen_inputs, told.collect::<Vec<_>>());
        let shown = self::pictures(&recording);
        assert_eq!(seen_pictures.len(), shown.len());
        // Its times of pictures are not compared: it does not prolong what comes before a later fragment.
        for (seen, (.., bytes)) in seen_pictures.iter().zip(shown) {
            assert!(seen.ends_with(&format!(" {}", bytes.len())), "{seen}");
        }
    }
}

#[cfg(feature = "chain")]
#[test]
fn a_chain_covers_input() {
    use kvm_stream::mp4::{Verdict, verify};

    let mut recorder = recorder().with_chain();
    recorder.push(small(0)).unwrap();
    recorder.note_input(InputClass::Keyboard, 1, at(100));
    recorder.flush(at(1_000_000)).unwrap();
    recorder.push(small(1_500_000)).unwrap();
    let (file, recorded) = recorder.finish(at(2_000_000)).unwrap();
    let head = recorded.chain.unwrap();
    assert_eq!(head.fragments, 3);
    assert_eq!(verify(Cursor::new(&file)).unwrap(), Verdict::Intact(head));
    let told = file.windows(10).position(|text| text == b"keyboard,1").unwrap();
    let mut edited = file.clone();
    edited[told + 9] = b'2';
    assert_eq!(verify(Cursor::new(edited)).unwrap(), Verdict::Edited { fragment: 2 });
    assert_eq!(inputs(&file).len(), 1);
}

#[cfg(feature = "mp4")]
#[test]
fn a_plain_file_has_the_pictures_alone() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let packets = packets(Codec::H264, &h264_pictures(40));
    let mut plain = Vec::new();
    let done = kvm_stream::mp4::finalise(Cursor::new(with_input(&packets)), Cursor::new(&mut plain)).unwrap();
    assert_eq!((done.pictures, done.ending), (40, Ending::Finished));
    let mut other = Vec::new();
    kvm_stream::mp4::finalise(Cursor::new(record(&packets)), Cursor::new(&mut other)).unwrap();
    assert!(plain == other);
}

proptest! {
    /// Whatever is noted when: every second has its input once and in order, none is lost, and pictures are as without.
    #[test]
    fn no_input_is_lost_or_told_twice(
        steps in proptest::collection::vec((0_u64..3_000_000, 0_usize..4, 0_u32..20, 0_u8..4), 1..40),
        late in 0_u64..2_000_000,
    ) {
        let mut recorder = recorder();
        let mut without = Recorder::new("test.mp4", Vec::new(), grant("test.mp4")).unwrap();
        let mut counts = [0_u64; 4];
        let mut now = 5_000_000;
        recorder.push(small(now)).unwrap();
        without.push(small(now)).unwrap();
        for (pass, class, count, what) in steps {
            now += pass;
            match what {
                0 => {
                    recorder.push(small(now)).unwrap();
                    without.push(small(now)).unwrap();
                }
                1 => {
                    recorder.flush(at(now)).unwrap();
                    without.flush(at(now)).unwrap();
                }
                _ => {
                    recorder.note_input(InputClass::ALL[class], count, at(now.saturating_sub(late)));
                    counts[class] += u64::from(count);
                }
            }
        }
        let (file, recorded) = recorder.finish(at(now + 1)).unwrap();
        let (other, _) = without.finish(at(now + 1)).unwrap();
        prop_assert_eq!(recorded.bytes, file.len() as u64);
        let spans = inputs(&file);
        for pair in spans.windows(2) {
            prop_assert!(pair[0].start + pair[0].duration <= pair[1].start);
        }
        prop_assert!(spans.iter().all(|span| span.start.as_micros() % 1_000_000 == 0));
        prop_assert!(spans.iter().all(|span| span.duration <= Duration::from_secs(1)));
        for (class, count) in InputClass::ALL.into_iter().zip(counts) {
            let told: u64 = spans.iter().map(|span| u64::from(span.tally.count(class))).sum();
            // Rounded up, by less than double.
            prop_assert!(count <= told && (told < 2 * count || count == 0 && told == 0), "{count} {told}");
        }
        prop_assert_eq!(pictures(&file), pictures(&other));
    }

    #[test]
    fn damaged_input_is_read_or_refused(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = with_input(&[small(0), small(700_000), small(5_000_000)]);
        for (place, byte) in damage {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let Ok(mut recording) = RecordingReader::open(Cursor::new(&file)) else { return Ok(()) };
        while let Ok(Some(_)) = recording.next_fragment() {}
        prop_assert!(recording.ending().is_some());
    }
}

/// Start, duration and bytes of all pictures.
fn pictures(file: &[u8]) -> Vec<(Duration, Duration, Vec<u8>)> {
    let mut recording = RecordingReader::open(Cursor::new(file)).unwrap();
    let mut pictures = Vec::new();
    while let Some(fragment) = recording.next_fragment().unwrap() {
        for picture in fragment.pictures {
            pictures.push((picture.start, picture.duration, recording.read_picture(&picture).unwrap()));
        }
    }
    assert_eq!(recording.ending(), Some(Ending::Finished));
    pictures
}
