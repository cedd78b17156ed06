//! No bytes make the verifier panic or read without end, and none are a whole chained recording but those that the
//! reader of recordings reads to their end as well.
#![no_main]

use std::io::Cursor;

use kvm_stream::mp4::{Ending, RecordingReader, Verdict, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let verdict = verify(Cursor::new(file)).expect("memory can be read");
    let Ok(mut recording) = RecordingReader::open(Cursor::new(file)) else { return };
    let mut fragments = 0_u64;
    let is_sound = loop {
        match recording.next_fragment() {
            Ok(Some(_)) => fragments += 1,
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    if let (Verdict::Intact(head), true) = (verdict, is_sound) {
        assert_eq!(recording.ending(), Some(Ending::Finished));
        assert_eq!(head.fragments, fragments);
    }
});
