//! What other people's programs make of finalised recordings.
#![cfg(feature = "mp4")]

mod recorder_judges;

use std::io::Cursor;
use std::time::Duration;

use kvm_stream::mp4::{Ending, FinaliseError, Finalised, finalise};
use kvm_stream::{Codec, PacketSink, Recorder};
use recorder_judges::{
    complete, decoded, decoded_by_gstreamer, grant, h264_pictures, have, jpeg_pictures, packets, probed,
    probed_duration, probed_times, record, scattered, times, write,
};

fn finalised(recording: &[u8]) -> Result<(Vec<u8>, Finalised), FinaliseError> {
    let mut plain = Cursor::new(Vec::new());
    let done = finalise(Cursor::new(recording), &mut plain)?;
    Ok((plain.into_inner(), done))
}

#[test]
fn a_plain_file_holds_every_picture_at_its_time() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let pictures = h264_pictures(90);
    let packets = packets(Codec::H264, &pictures);
    let recording = record(&packets);
    let (plain, done) = finalised(&recording).unwrap();
    assert_eq!((done.pictures, done.ending), (90, Ending::Finished));
    let (file, recording) = (write("whole.plain.mp4", &plain), write("whole.mp4", &recording));
    assert_eq!(probed(&file, "codec_name,width,height,nb_frames"), "h264,320,180,90");
    assert_eq!(probed_times(&file), times(&packets));
    assert_eq!(probed_duration(&file), times(&packets)[89] + 1_000_000);
    assert_eq!(done.duration.as_micros(), u128::from(times(&packets)[89] + 1_000_000));
    assert_eq!(decoded(&file, 90), decoded(&recording, 90));
    if have(&["gst-launch-1.0"]) {
        assert_eq!(decoded_by_gstreamer(&file, Codec::H264, 320, 180), 90);
    }
    if std::process::Command::new("MP4Box").arg("-version").output().is_ok() {
        let output = std::process::Command::new("MP4Box").args(["-info", &file]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn cut_recordings_finalise_to_their_complete_fragments() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let pictures = h264_pictures(90);
    let packets = packets(Codec::H264, &pictures);
    let recording = record(&packets);
    let whole = decoded(&write("finalise.whole.mp4", &recording), 90);
    for len in scattered(recording.len(), 20) {
        match complete(&recording[..len]) {
            None => assert!(finalised(&recording[..len]).is_err()),
            Some((_, pictures)) => {
                let (plain, done) = finalised(&recording[..len]).unwrap();
                assert_eq!(done.pictures, pictures as u64);
                let file = write("finalise.cut.mp4", &plain);
                assert_eq!(probed_times(&file), times(&packets)[..pictures]);
                assert_eq!(decoded(&file, 90), whole[..pictures]);
            }
        }
    }
}

#[test]
fn time_that_only_the_next_fragment_states_is_kept() {
    if !have(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let pictures = h264_pictures(3);
    let mut recorder = Recorder::new("long.mp4", Vec::new(), grant("long.mp4")).unwrap();
    let at = |seconds: u64| kvm_capture::Timestamp::from_micros(seconds * 1_000_000);
    for (seconds, packet) in [100, 105, 20_105].into_iter().zip(packets(Codec::H264, &pictures)) {
        let mut packet = packet;
        packet.timestamp = at(seconds);
        recorder.push(packet).unwrap();
        recorder.flush(at(seconds + 1)).unwrap();
    }
    let (recording, _) = recorder.finish(at(20_140)).unwrap();
    let (plain, done) = finalised(&recording).unwrap();
    assert_eq!(done.duration, Duration::from_secs(20_040));
    let file = write("long.plain.mp4", &plain);
    // A picture of five hours: the file counts milliseconds.
    assert_eq!(probed(&file, "time_base"), "1/1000");
    assert_eq!(probed_times(&file), [0, 5_000, 20_005_000]);
    assert_eq!(probed_duration(&file), 20_040_000_000);
}

#[test]
fn jpeg_recordings_are_refused() {
    if !have(&["ffmpeg"]) {
        return;
    }
    let recording = record(&packets(Codec::Jpeg, &jpeg_pictures(3)));
    let error = finalised(&recording).unwrap_err();
    assert!(matches!(error, FinaliseError::Codec { codec: Codec::Jpeg }));
    assert_eq!(error.to_string(), "a plain file cannot be made of Jpeg pictures, only of H264 ones");
}
