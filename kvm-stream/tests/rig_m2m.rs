//! The hardware encoder against the kernel's own stateful encoder, vicodec with its codec FWHT, in the rig: what it
//! makes is decoded by another driver and compared with what went in, and controls take effect.

#![cfg(all(feature = "m2m", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use kvm_audit::{Capability, CapabilitySet, Declare};
use kvm_capture::convert::Converter;
use kvm_capture::m2m::{EncoderDevice, EncoderOptions, M2mError, Rate};
use kvm_capture::pattern::Pattern;
use kvm_capture::{FourCc, Frame, FrameFormat, PixelFormat, V4l2Options, V4l2Source};
use kvm_stream::{Codec, Damage, EncodeError, Encoder, FanOut, Pipeline, Step};
use m2m_rig::{
    ENCODER, VIVID, capture_grant, decode, encode_all, encoder, full, grant, keys, next_frame, pattern, rig,
    worst_psnr_db,
};

mod m2m_rig;

/// The same with the multi-planar interface.
const MULTI_PLANAR_VIVID: &str = "/dev/rig/vivid-001-vid-cap";
const FWHT: Codec = Codec::Other(FourCc(*b"FWHT"));

#[test]
fn pictures_come_out_at_once_and_are_what_went_in() {
    let Some(_rig) = rig() else { return };
    for (pixel, (width, height), least_db) in [
        (PixelFormat::Yuyv, (1280, 720), 34.0),
        (PixelFormat::Uyvy, (1920, 1080), 34.0),
        (PixelFormat::Nv12, (1920, 1080), 34.0),
        (PixelFormat::I420, (1366, 768), 34.0),
        (PixelFormat::Nv24, (1280, 720), 34.0),
        (PixelFormat::Bgrx, (1024, 768), 34.0),
        (PixelFormat::Grey, (800, 600), 34.0),
    ] {
        let frames = pattern(Pattern::Drag, FrameFormat::new(pixel, width, height), 8);
        let fine = EncoderOptions::new().with_rate(Rate::Quantiser { key: 2, between: 2 });
        let mut encoder = encoder(fine);
        let mut packets = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            encoder.encode(frame, &full(frame), &mut packets).unwrap();
            assert_eq!(packets.len(), index + 1, "{pixel}: a picture for a frame, in the same call");
            let packet = &packets[index];
            assert_eq!((packet.codec, packet.width_px, packet.height_px), (FWHT, width, height));
            assert_eq!((packet.sequence, packet.timestamp), (frame.sequence(), frame.timestamp()));
            assert!(!encoder.has_backlog());
        }
        assert_eq!(keys(&packets), [0], "{pixel}: key pictures when asked for, else as few as there can be");
        let worst = worst_psnr_db(&frames, &decode(&packets), pixel);
        println!("{pixel} {width}×{height}: {worst:.1} dB or better");
        assert!(worst > least_db, "{pixel}: {worst} dB");
    }
}

#[test]
fn pixels_the_device_is_not_to_get_are_converted() {
    let Some(_rig) = rig() else { return };
    for (pixel, given) in [(PixelFormat::Bgrx, PixelFormat::Nv12), (PixelFormat::Uyvy, PixelFormat::I420)] {
        let frames = pattern(Pattern::Drag, FrameFormat::new(pixel, 1366, 768), 4);
        let fine = EncoderOptions::new().with_rate(Rate::Quantiser { key: 2, between: 2 });
        let packets = encode_all(&mut encoder(fine.with_raw([given])), &frames);
        let mut converter = Converter::new();
        let converted: Vec<Frame> = frames
            .iter()
            .map(|frame| {
                let mut planes = Vec::new();
                let format = FrameFormat::new(given, 1366, 768);
                converter.convert(&frame.image().unwrap(), format, &mut planes);
                Frame::packed(format, planes.into()).unwrap()
            })
            .collect();
        let worst = worst_psnr_db(&converted, &decode(&packets), given);
        println!("{pixel} as {given}: {worst:.1} dB or better");
        assert!(worst > 34.0, "{worst} dB");
    }
    let none = EncoderOptions::new().with_raw([FourCc(*b"P010")]);
    let frames = pattern(Pattern::Text, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 1);
    let error = encoder(none).encode(&frames[0], &full(&frames[0]), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, EncodeError::Unsupported { .. }), "{error:?}");
}

#[test]
fn what_has_no_pixels_is_not_taken() {
    let Some(_rig) = rig() else { return };
    let format = FrameFormat::new(PixelFormat::Mjpeg, 1280, 720);
    let frame = Frame::packed(format, Bytes::from_static(&[0xff, 0xd8])).unwrap();
    let error = encoder(EncoderOptions::new()).encode(&frame, &full(&frame), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, EncodeError::Unsupported { .. }), "{error:?}");
}

#[test]
fn a_key_picture_comes_when_it_is_asked_for() {
    let Some(_rig) = rig() else { return };
    let frames = pattern(Pattern::Scroll, FrameFormat::new(PixelFormat::Yuyv, 1280, 720), 12);
    let mut encoder = encoder(EncoderOptions::new());
    let mut packets = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        if [3, 4, 9].contains(&index) {
            encoder.request_keyframe();
            assert!(encoder.has_backlog(), "asked for, also while nothing changes");
        }
        let damage = if index == 9 { Damage::NONE } else { full(frame) };
        encoder.encode(frame, &damage, &mut packets).unwrap();
    }
    assert_eq!(keys(&packets), [0, 3, 4, 9]);
    assert!(worst_psnr_db(&frames, &decode(&packets), PixelFormat::Yuyv) > 26.0);
    // Whoever joins at one needs nothing of before.
    assert!(worst_psnr_db(&frames[9..], &decode(&packets[9..]), PixelFormat::Yuyv) > 26.0);
    // Nothing new, nothing sent.
    encoder.encode(&frames[11], &Damage::NONE, &mut packets).unwrap();
    assert_eq!(packets.len(), 12);
    assert!(!encoder.has_backlog());
}

#[test]
fn controls_take_effect() {
    let Some(_rig) = rig() else { return };
    let frames = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 6);
    let mut seen = Vec::new();
    for quantiser in [1, 12, 31] {
        let rate = Rate::Quantiser { key: quantiser, between: quantiser };
        let packets = encode_all(&mut encoder(EncoderOptions::new().with_rate(rate)), &frames);
        let bytes: usize = packets.iter().map(|packet| packet.payload.len()).sum();
        let psnr = worst_psnr_db(&frames, &decode(&packets), PixelFormat::Nv12);
        println!("quantiser {quantiser}: {bytes} bytes, {psnr:.1} dB or better");
        seen.push((bytes, psnr));
    }
    assert!(seen.windows(2).all(|pair| pair[0].0 > pair[1].0 && pair[0].1 > pair[1].1), "{seen:?}");

    // In mid-stream, without a new stream.
    let mut changed = encoder(EncoderOptions::new().with_rate(Rate::Quantiser { key: 1, between: 1 }));
    let mut packets = encode_all(&mut changed, &frames[..3]);
    changed.set_rate(Rate::Quantiser { key: 31, between: 31 }).unwrap();
    packets.extend(encode_all(&mut changed, &frames[3..]));
    assert_eq!(keys(&packets), [0]);
    assert!(packets[4].payload.len() * 2 < packets[2].payload.len(), "{packets:?}");

    let spaced = EncoderOptions::new().with_key_distance(2);
    assert_eq!(keys(&encode_all(&mut encoder(spaced), &frames)), [0, 2, 4]);
}

#[test]
fn what_the_device_cannot_control_is_told_and_changes_nothing() {
    let Some(_rig) = rig() else { return };
    let rate = Rate::Constant { bits_per_second: 1_000_000 };
    let error = EncoderDevice::open_with(ENCODER, grant(ENCODER), EncoderOptions::new().with_rate(rate));
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "the device has no control of its bit rate");
    let frames = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 4);
    let mut encoder = encoder(EncoderOptions::new());
    let mut packets = encode_all(&mut encoder, &frames[..2]);
    let error = encoder.set_rate(rate).unwrap_err();
    assert!(matches!(error, EncodeError::Device(M2mError::Control { .. })), "{error:?}");
    packets.extend(encode_all(&mut encoder, &frames[2..]));
    assert_eq!(keys(&packets), [0], "the stream went on");
    let options = EncoderOptions::new().with_coded([FourCc(*b"H264")]);
    let error = EncoderDevice::open_with(ENCODER, grant(ENCODER), options).unwrap_err();
    assert!(error.to_string().ends_with("it has none of the coded formats asked for"), "{error}");
}

#[test]
fn another_size_in_mid_stream_begins_a_new_one() {
    let Some(_rig) = rig() else { return };
    let mut encoder = encoder(EncoderOptions::new().with_rate(Rate::Quantiser { key: 2, between: 2 }));
    let mut parts = Vec::new();
    for (pixel, width, height) in
        [(PixelFormat::Yuyv, 1280, 720), (PixelFormat::Yuyv, 1920, 1080), (PixelFormat::Nv12, 1920, 1080)]
    {
        let frames = pattern(Pattern::Drag, FrameFormat::new(pixel, width, height), 4);
        let packets = encode_all(&mut encoder, &frames);
        assert!(packets.iter().all(|packet| (packet.width_px, packet.height_px) == (width, height)));
        parts.push((pixel, frames, packets));
    }
    // A picture of a size the device does not take is told, and the stream before it goes on.
    let small = pattern(Pattern::Text, FrameFormat::new(PixelFormat::Yuyv, 320, 240), 1);
    let error = encoder.encode(&small[0], &full(&small[0]), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, EncodeError::Unsupported { .. }), "{error:?}");
    let again = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Yuyv, 1280, 720), 3);
    let packets = encode_all(&mut encoder, &again);
    parts.push((PixelFormat::Yuyv, again, packets));
    for (pixel, frames, packets) in parts {
        assert_eq!(keys(&packets), [0]);
        let worst = worst_psnr_db(&frames, &decode(&packets), pixel);
        assert!(worst > 34.0, "{worst} dB");
    }
}

#[test]
fn frames_of_a_capture_device_are_read_in_place() {
    let Some(_rig) = rig() else { return };
    for (path, shares) in [(VIVID, true), (MULTI_PLANAR_VIVID, true), (VIVID, false)] {
        let mut options = V4l2Options::new();
        if shares {
            options = options.with_shared_buffers();
        }
        let mut source = V4l2Source::open_with(path, capture_grant(path), &options).unwrap();
        let fine = EncoderOptions::new().with_rate(Rate::Quantiser { key: 1, between: 1 });
        let (mut in_place, mut copying) = (encoder(fine.clone()), encoder(fine));
        let (mut packets, mut of_copies, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..12 {
            let frame = next_frame(&mut source);
            in_place.encode(&frame, &full(&frame), &mut packets).unwrap();
            let copy = copy(&frame);
            copying.encode(&copy, &full(&copy), &mut of_copies).unwrap();
            copies.push(copy);
        }
        assert_eq!(in_place.device().reads_in_place(), shares);
        assert!(!copying.device().reads_in_place());
        assert!(
            packets.iter().map(|packet| &packet.payload).eq(of_copies.iter().map(|packet| &packet.payload)),
            "the same pictures make the same bytes"
        );
        let worst = worst_psnr_db(&copies, &decode(&packets), copies[0].format().pixel);
        println!("{path}, shared: {shares}: {worst:.1} dB or better");
        assert!(worst > 34.0, "{worst} dB");
        // A frame of another source goes the other way, and begins a new stream.
        in_place.encode(&copies[0], &full(&copies[0]), &mut packets).unwrap();
        assert!(!in_place.device().reads_in_place());
        assert_eq!(packets.last().unwrap().is_keyframe, shares);
    }
}

#[test]
fn a_pipeline_from_one_device_to_the_other_starves_nobody() {
    let Some(_rig) = rig() else { return };
    let options = V4l2Options::new().with_shared_buffers();
    let source = V4l2Source::open_with(VIVID, capture_grant(VIVID), &options).unwrap();
    let mut pipeline = Pipeline::new(Box::new(source), Box::new(encoder(EncoderOptions::new())));
    let declared = CapabilitySet::of(Capability::VideoCapture).with(Capability::VideoCodec);
    assert_eq!(pipeline.capabilities(), declared);
    let fan_out = FanOut::new(4);
    let mut viewer = fan_out.join();
    pipeline.add_sink(Box::new(fan_out.clone()));
    let (mut seen, mut late, mut of_late) = (Vec::new(), None, Vec::new());
    let begin = Instant::now();
    while seen.len() < 60 {
        assert!(begin.elapsed() < Duration::from_secs(60), "{} packets", seen.len());
        match pipeline.step().unwrap() {
            Step::Starved { .. } => panic!("the encoder holds on to buffers"),
            Step::Idle => std::thread::sleep(Duration::from_millis(1)),
            _ => {}
        }
        seen.extend(std::iter::from_fn(|| viewer.try_packet()));
        if seen.len() == 30 && late.is_none() {
            late = Some(fan_out.join());
        }
        if let Some(late) = &mut late {
            of_late.extend(std::iter::from_fn(|| late.try_packet()));
        }
    }
    assert_eq!(viewer.dropped(), 0);
    assert!(seen.iter().all(|packet| packet.codec == FWHT));
    assert!(seen[0].is_keyframe && of_late[0].is_keyframe, "{of_late:?}");
    assert!(of_late.len() > 20, "{} packets", of_late.len());
}

/// The same picture in memory of this process.
fn copy(frame: &Frame) -> Frame {
    let bytes: Vec<u8> =
        frame.image().unwrap().planes().iter().flat_map(|plane| plane.rows()).flatten().copied().collect();
    Frame::packed(frame.format(), bytes.into())
        .unwrap()
        .with_timestamp(frame.timestamp())
        .with_sequence(frame.sequence())
}
