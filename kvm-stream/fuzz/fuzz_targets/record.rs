//! No packets make the recorder panic or write what its reader cannot read.
#![no_main]

use std::io::Cursor;

use bytes::Bytes;
use kvm_audit::{Capability, Ledger, Manifest};
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use kvm_stream::mp4::{RecordingReader, Verdict, verify};
use kvm_stream::{Codec, InputClass, Packet, PacketSink, Recorder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packets: Vec<(u8, u64, Vec<u8>)>| {
    let manifest = Manifest::new("fuzz")
        .declare(Capability::Recording, "fuzz.mp4", "to be fuzzed")
        .expect("it is sound");
    let grant = manifest.grant(&Ledger::new()).expect("it is declared");
    let recorder = Recorder::new("fuzz.mp4", Vec::new(), grant).expect("it is in scope");
    let mut recorder = recorder.with_chain().with_input_classes();
    let mut now = Timestamp::default();
    for (what, micros, payload) in packets {
        now = Timestamp::from_micros(micros);
        if what & 1 == 1 {
            recorder.flush(now).expect("memory takes all");
            continue;
        }
        if what & 8 == 8 {
            let class = InputClass::ALL[usize::from(what >> 4) % InputClass::ALL.len()];
            recorder.note_input(class, u32::from(what >> 6), now);
            continue;
        }
        let codec = if what & 2 == 2 { Codec::H264 } else { Codec::Jpeg };
        let payload = Bytes::from(payload);
        let format = FrameFormat::new(PixelFormat::Mjpeg, 64, 48);
        let frame = Frame::packed(format, payload.clone()).expect("the size is sound").with_timestamp(now);
        let _ = recorder.push(Packet::of(&frame, codec, payload, what & 4 == 4));
    }
    let (file, recorded) = recorder.finish(now).expect("memory takes all");
    assert_eq!(recorded.bytes, file.len() as u64);
    if recorded.pictures > 0 {
        assert!(matches!(verify(Cursor::new(&file)), Ok(Verdict::Intact(_))));
        let mut recording = RecordingReader::open(Cursor::new(file)).expect("the recorder wrote it");
        let mut pictures = 0;
        while let Some(fragment) = recording.next_fragment().expect("the recorder wrote it") {
            pictures += fragment.pictures.len() as u64;
        }
        assert!(pictures >= recorded.pictures);
    }
});
