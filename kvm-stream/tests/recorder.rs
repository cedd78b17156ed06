//! What other people's programs make of recordings, whole and cut.

mod recorder_judges;

use kvm_stream::Codec;
use recorder_judges::{
    complete, decoded, decoded_by_gstreamer, decoded_of_torn, h264_pictures, h264_pictures_of, have,
    jpeg_pictures, packet, packets, probed, probed_duration, probed_times, record, run, scattered, times,
    write,
};

const FFMPEG: [&str; 2] = ["ffmpeg", "ffprobe"];

#[test]
fn jpeg_recordings_play() {
    if !have(&FFMPEG) {
        return;
    }
    let pictures = jpeg_pictures(60);
    let packets = packets(Codec::Jpeg, &pictures);
    let file = write("plays.jpeg.mp4", &record(&packets));
    assert_eq!(probed(&file, "codec_name,codec_tag_string,width,height"), "mjpeg,mp4v,320,180");
    assert_eq!(probed_times(&file), times(&packets));
    assert_eq!(probed_duration(&file), times(&packets)[59] + 1_000_000);
    let stream = write("plays.mjpeg", &pictures.concat());
    assert_eq!(decoded(&file, 60), decoded(&stream, 60));
}

#[test]
fn h264_recordings_play() {
    if !have(&FFMPEG) {
        return;
    }
    for (profile, width, height) in [("baseline", 320, 180), ("high", 320, 180), ("high", 642, 362)] {
        let pictures = h264_pictures_of(60, width, height, profile);
        let mut packets = packets(Codec::H264, &pictures);
        packets.iter_mut().for_each(|packet| (packet.width_px, packet.height_px) = (width, height));
        let file = write(&format!("plays.{profile}{width}.mp4"), &record(&packets));
        let expected = format!("h264,avc1,{width},{height},true");
        assert_eq!(probed(&file, "codec_name,codec_tag_string,width,height,is_avc"), expected);
        assert_eq!(probed_times(&file), times(&packets));
        assert_eq!(probed_duration(&file), times(&packets)[59] + 1_000_000);
        let stream = write(&format!("plays.{profile}{width}.h264"), &pictures.concat());
        assert_eq!(decoded(&file, 60), decoded(&stream, 60));
    }
}

#[test]
fn recordings_play_in_gstreamer() {
    if !have(&FFMPEG) || !have(&["gst-launch-1.0"]) {
        return;
    }
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(40)), (Codec::H264, h264_pictures(40))] {
        let recording = record(&packets(codec, &pictures));
        let file = write(&format!("gstreamer.{codec:?}.mp4"), &recording);
        assert_eq!(decoded_by_gstreamer(&file, codec, 320, 180), 40);
        let cut = &recording[..recording.len() * 6 / 10];
        let (len, complete) = complete(cut).unwrap();
        let file = write(&format!("gstreamer.cut.{codec:?}.mp4"), &cut[..len]);
        assert_eq!(decoded_by_gstreamer(&file, codec, 320, 180), complete);
    }
}

#[test]
fn cut_anywhere_all_complete_fragments_play() {
    if !have(&FFMPEG) {
        return;
    }
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(120)), (Codec::H264, h264_pictures(120))] {
        let recording = record(&packets(codec, &pictures));
        let whole = decoded(&write(&format!("cut.whole.{codec:?}.mp4"), &recording), 120);
        assert_eq!(whole.len(), 120);
        let every_5_percent = (1..20).map(|part| recording.len() * part / 20);
        let mut played = 0;
        for len in every_5_percent.chain(scattered(recording.len(), 25)) {
            let cut = &recording[..len];
            let Some((complete_len, pictures)) = complete(cut) else { continue };
            // As it is, the file plays at least its complete fragments …
            let file = write(&format!("cut.{codec:?}.mp4"), cut);
            assert_eq!(decoded_of_torn(&file)[..pictures], whole[..pictures], "{codec:?} cut at {len}");
            // … and those play without a complaint.
            let file = write(&format!("cut.{codec:?}.mp4"), &cut[..complete_len]);
            assert_eq!(decoded(&file, 120), whole[..pictures], "{codec:?} cut at {len}");
            played += 1;
        }
        assert!(played > 35, "{codec:?}: only {played} cuts hold a fragment");
    }
}

#[test]
fn mp4box_accepts_recordings() {
    // Not in every distribution, so that it is no required tool.
    if std::process::Command::new("MP4Box").arg("-version").output().is_err() {
        println!("SKIPPED: no MP4Box to judge with");
        return;
    }
    for (codec, pictures) in [(Codec::Jpeg, jpeg_pictures(30)), (Codec::H264, h264_pictures(30))] {
        let file = write(&format!("mp4box.{codec:?}.mp4"), &record(&packets(codec, &pictures)));
        let output = std::process::Command::new("MP4Box").args(["-info", &file]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_index_leads_to_key_pictures() {
    if !have(&FFMPEG) {
        return;
    }
    let pictures = h264_pictures(120);
    let packets = packets(Codec::H264, &pictures);
    let file = write("seek.mp4", &record(&packets));
    // Told to use the index, ffmpeg finds the key picture at or before each place without reading the file through.
    for target in [30, 59, 100, 119] {
        let time = times(&packets)[target];
        let seconds = format!("{}.{:06}", time / 1_000_000, time % 1_000_000);
        let from = format!("{seconds}%+#1");
        let arguments = ["-v", "error", "-use_mfra_for", "pts", "-read_intervals", &from];
        let show = ["-show_entries", "packet=pts", "-of", "csv=p=0", &file];
        let first = String::from_utf8(run("ffprobe", &[&arguments[..], &show].concat())).unwrap();
        let first: u64 = first.trim().trim_end_matches(',').parse().unwrap();
        assert_eq!(first, times(&packets)[target / 12 * 12], "seeking to picture {target}");
    }
}

#[test]
fn a_still_screen_keeps_its_time() {
    if !have(&FFMPEG) {
        return;
    }
    use kvm_capture::Timestamp;
    use kvm_stream::{PacketSink, Recorder};
    use recorder_judges::grant;

    let picture = &jpeg_pictures(1)[0];
    let show = |at| packet(Codec::Jpeg, picture, (320, 180), Timestamp::from_micros(at), true);
    let mut recorder = Recorder::new("still.mp4", Vec::new(), grant("still.mp4")).unwrap();
    recorder.push(show(5_000_000)).unwrap();
    for second in 6..60 {
        recorder.flush(Timestamp::from_micros(second * 1_000_000)).unwrap();
    }
    // The picture is in the file already, and what came of the flushes after the first cost nothing.
    assert_eq!(recorder.recorded().fragments, 1);
    recorder.push(show(60_000_000)).unwrap();
    recorder.flush(Timestamp::from_micros(61_000_000)).unwrap();
    let (file, _) = recorder.finish(Timestamp::from_micros(8_000_000_000)).unwrap();
    let file = write("still.mp4", &file);
    // The last picture is written again where the first time it was written ends, and again where its
    // duration exceeds what the file can hold.
    assert_eq!(probed_times(&file), [0, 55_000_000, 56_000_000, 56_000_000 + u64::from(u32::MAX)]);
    assert_eq!(probed_duration(&file), 7_995_000_000);
}

#[test]
fn a_day_of_an_idle_screen_is_small_and_seekable() {
    if !have(&FFMPEG) {
        return;
    }
    use kvm_capture::Timestamp;
    use kvm_stream::{PacketSink, Recorder};
    use recorder_judges::grant;

    const DAY: u64 = 24 * 3600;
    let pictures = jpeg_pictures(2);
    let largest = pictures.iter().map(|picture| picture.len() as u64).max().unwrap();
    let show = |second: u64, index: usize| {
        packet(Codec::Jpeg, &pictures[index], (320, 180), Timestamp::from_micros(second * 1_000_000), true)
    };
    // Nothing changes, and once a minute as a clock in a corner does.
    for every in [DAY, 60] {
        let mut recorder = Recorder::new("day.mp4", Vec::new(), grant("day.mp4")).unwrap();
        for second in 0..DAY {
            recorder.advance(Timestamp::from_micros(second * 1_000_000)).unwrap();
            if second % every == 0 {
                recorder.push(show(second, usize::from(second / every % 2 == 1))).unwrap();
            }
        }
        let (file, recorded) = recorder.finish(Timestamp::from_micros(DAY * 1_000_000)).unwrap();
        assert_eq!(recorded.duration.as_secs(), DAY);
        // What is stored is the pictures, each with a fragment's 108 bytes and 19 in the index; the last one is
        // repeated every 71 minutes at the most.
        let stored = DAY / every + 21;
        assert!(recorded.bytes <= 1000 + stored * (largest + 127), "{} bytes", recorded.bytes);
        let file = write(&format!("day.{every}.mp4"), &file);
        assert_eq!(probed_duration(&file), DAY * 1_000_000);
        let arguments = ["-v", "error", "-use_mfra_for", "pts", "-read_intervals", "46800%+#1"];
        let show = ["-show_entries", "packet=pts", "-of", "csv=p=0", &file];
        let first = String::from_utf8(run("ffprobe", &[&arguments[..], &show].concat())).unwrap();
        let first: u64 = first.trim().trim_end_matches(',').parse().unwrap();
        let wanted =
            if every == 60 { 46_800_000_000..=46_800_000_000 } else { 40_000_000_000..=46_800_000_000 };
        assert!(wanted.contains(&first), "seeking to the thirteenth hour leads to {first}");
    }
}
