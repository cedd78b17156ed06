//! No bytes make the reader of recordings panic; what it reads lies in the file, in order, and can be finalised or is
//! refused. `seeds/read_recording` holds small recordings to start from, whole and cut.
#![no_main]

use std::io::Cursor;
use std::time::Duration;

use kvm_stream::mp4::{RecordingReader, finalise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(mut recording) = RecordingReader::open(Cursor::new(file)) else {
        assert!(finalise(Cursor::new(file), Cursor::new(Vec::new())).is_err());
        return;
    };
    let (mut end, mut inputs_end) = (Duration::ZERO, Duration::ZERO);
    let mut is_sound = true;
    let mut pictures = 0;
    loop {
        match recording.next_fragment() {
            Ok(Some(fragment)) => {
                assert!(fragment.start >= end);
                end = fragment.start;
                for span in &fragment.inputs {
                    assert!(recording.has_input_classes() && span.start >= inputs_end);
                    assert!(span.tally.iter().next().is_some());
                    inputs_end = span.start + span.duration;
                }
                for picture in &fragment.pictures {
                    assert_eq!(picture.start, end);
                    end = picture.start + picture.duration;
                    let bytes = recording.read_picture(picture).expect("a picture of a complete fragment");
                    assert_eq!(bytes.len(), picture.len_bytes as usize);
                    pictures += 1;
                }
            }
            Ok(None) => break,
            Err(_) => {
                is_sound = false;
                break;
            }
        }
    }
    assert!(recording.ending().is_some());
    if let Ok(done) = finalise(Cursor::new(file), Cursor::new(Vec::new())) {
        assert!(is_sound);
        assert_eq!(done.pictures, pictures);
        assert_eq!(done.duration, end);
    }
});
