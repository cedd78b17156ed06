//! The hardware encoder against the kernel's own stateful encoder, vicodec with its codec FWHT, in the rig. What it
//! makes is decoded by another driver, driven by `v4l2-ctl`, and compared with what went in.

#![cfg(all(feature = "m2m", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kvm_audit::{Capability, Grant, Ledger, Manifest, VideoCapture, VideoCodec};
use kvm_capture::convert::Converter;
use kvm_capture::m2m::{EncoderDevice, EncoderOptions, M2mError, Rate, Submitted};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, FourCc, Frame, FrameFormat, FrameSource, PixelFormat, V4l2Options, V4l2Source};
use kvm_stream::{Codec, Damage, EncodeError, Encoder, FanOut, M2mEncoder, Packet, Pipeline, Step};

const ENCODER: &str = "/dev/rig/stateful-encoder";
const DECODER: &str = "/dev/rig/stateful-decoder";
const VIVID: &str = "/dev/rig/vivid-000-vid-cap";
/// The same with the multi-planar interface.
const MULTI_PLANAR_VIVID: &str = "/dev/rig/vivid-001-vid-cap";
const FWHT: Codec = Codec::Other(FourCc(*b"FWHT"));
/// Long enough for a picture of 1080p on the rig's one processor, whatever else it does.
const PATIENCE: Duration = Duration::from_secs(2);

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

#[test]
fn devices_that_are_no_encoder_or_not_there_say_so() {
    let Some(_rig) = rig() else { return };
    let error = |path: &str| EncoderDevice::open(path, grant(path)).unwrap_err();
    assert!(matches!(error("/dev/no-such-video"), M2mError::Open { .. }));
    for (path, words) in [
        ("/dev/null", "it is not a V4L2 device"),
        (VIVID, "it is no memory-to-memory device"),
        ("/dev/rig/vim2m", "it gives out nothing coded"),
        (DECODER, "it gives out nothing coded"),
    ] {
        let error = error(path);
        assert!(matches!(error, M2mError::Unsuitable { .. }), "{path}: {error:?}");
        assert_eq!(error.to_string(), format!("{path} is no encoder to use: {words}"));
    }
    let error = EncoderDevice::open(ENCODER, grant("/dev/video99")).unwrap_err();
    assert!(matches!(error, M2mError::OutOfScope(_)), "{error:?}");
}

#[test]
fn a_device_that_is_busy_says_so_and_is_used_when_it_is_free() {
    let Some(_rig) = rig() else { return };
    let frames = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 4);
    let mut encoder = encoder(EncoderOptions::new());
    // Somebody with a higher priority, while whom the driver lets nobody else set anything up (`VIDIOC_S_PRIORITY`).
    let _other = Holder::of(ENCODER);
    let error = encoder.encode(&frames[0], &full(&frames[0]), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, EncodeError::Device(M2mError::Busy { .. })), "{error:?}");
    assert_eq!(error.to_string(), format!("{ENCODER} is busy: other programs use it"));
    drop(_other);
    let packets = encode_all(&mut encoder, &frames);
    assert_eq!(keys(&packets), [0]);
    assert!(worst_psnr_db(&frames, &decode(&packets), PixelFormat::Nv12) > 26.0);
}

#[test]
fn a_device_that_goes_is_told_and_used_when_it_is_back() {
    let Some(_rig) = rig() else { return };
    let frames = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 6);
    let mut encoder = encoder(EncoderOptions::new());
    encode_all(&mut encoder, &frames[..3]);
    let driver = |file: &str| {
        std::fs::write(format!("/sys/bus/platform/drivers/vicodec/{file}"), "vicodec.0").unwrap();
    };
    driver("unbind");
    let mut encode = || encoder.encode(&frames[3], &full(&frames[3]), &mut Vec::new()).unwrap_err();
    let first = encode();
    assert!(matches!(first, EncodeError::Device(M2mError::Driver { .. })), "{first:?}");
    let second = encode();
    assert!(matches!(second, EncodeError::Device(M2mError::Open { .. })), "{second:?}");
    assert_eq!((mapped(), open_videos()), (0, 0));
    driver("bind");
    let begin = Instant::now();
    while !Path::new(ENCODER).exists() {
        assert!(begin.elapsed() < PATIENCE);
    }
    assert!(encoder.has_backlog(), "the newest picture is owed");
    let packets = encode_all(&mut encoder, &frames[3..]);
    assert_eq!(keys(&packets), [0]);
    assert!(worst_psnr_db(&frames[3..], &decode(&packets), PixelFormat::Nv12) > 26.0);
}

#[test]
fn a_device_that_lags_behind_takes_no_more_and_gives_all_it_took() {
    let Some(_rig) = rig() else { return };
    let frames = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 16);
    // vicodec is never slow. With nobody taking its pictures it has to stop when the buffers for them are full.
    let lagging = || {
        let mut device = EncoderDevice::open(ENCODER, grant(ENCODER)).unwrap();
        let taken =
            frames.iter().take_while(|frame| device.submit(frame).unwrap() == Submitted::Taken).count();
        assert!((2..16).contains(&taken), "{taken}");
        assert_eq!(device.in_flight(), taken);
        (device, taken)
    };
    let sequences = |packets: &[Packet]| packets.iter().map(|packet| packet.sequence).collect::<Vec<_>>();

    // What is in flight at the end comes out, through the interface's drain, and nothing is held after that.
    let (device, taken) = lagging();
    let mut encoder = M2mEncoder::new(device).with_wait(PATIENCE);
    assert!(encoder.has_backlog());
    let mut packets = Vec::new();
    assert!(encoder.wait_finish(PATIENCE, &mut packets).unwrap());
    assert!(sequences(&packets).into_iter().eq(0..taken as u64), "{packets:?}");
    assert_eq!((encoder.device().in_flight(), mapped(), open_videos()), (0, 0, 1));
    assert!(worst_psnr_db(&frames[..taken], &decode(&packets), PixelFormat::Nv12) > 26.0);
    // And then a new stream may begin.
    assert_eq!(keys(&encode_all(&mut encoder, &frames[..2])), [0]);

    // A key picture that only a new stream brings waits for what is in flight. So does one of another size.
    let other = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1920, 1080), 1);
    for (newest, asks) in [(&frames[15], true), (&other[0], false)] {
        let (device, taken) = lagging();
        let mut encoder = M2mEncoder::new(device).with_wait(PATIENCE);
        if asks {
            encoder.request_keyframe();
        }
        let mut packets = Vec::new();
        encoder.encode(newest, &full(newest), &mut packets).unwrap();
        assert_eq!(keys(&packets), [0, taken], "{packets:?}");
        assert_eq!(packets[taken].sequence, newest.sequence());
        assert_eq!(packets[taken].width_px, newest.format().width_px);
        assert!(!encoder.has_backlog());
    }

    // Without waiting either, nothing is lost and nothing out of order.
    let (device, taken) = lagging();
    let mut encoder = M2mEncoder::new(device).with_wait(Duration::ZERO);
    let mut packets = Vec::new();
    let begin = Instant::now();
    encoder.encode(&frames[15], &full(&frames[15]), &mut packets).unwrap();
    while encoder.has_backlog() {
        assert!(begin.elapsed() < PATIENCE);
        encoder.encode(&frames[15], &Damage::NONE, &mut packets).unwrap();
    }
    assert!(sequences(&packets).into_iter().eq((0..taken as u64).chain([15])), "{packets:?}");
}

#[test]
fn a_drain_can_be_driven_without_waiting() {
    let Some(_rig) = rig() else { return };
    let frames = pattern(Pattern::Drag, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 3);
    let mut device = EncoderDevice::open(ENCODER, grant(ENCODER)).unwrap();
    assert_eq!(device.submit(&frames[0]).unwrap(), Submitted::Taken);
    assert_eq!(device.submit(&frames[1]).unwrap(), Submitted::Taken);
    device.begin_drain().unwrap();
    let mut sequences = Vec::new();
    let begin = Instant::now();
    let mut submitted = device.submit(&frames[2]).unwrap();
    while submitted == Submitted::Later {
        assert!(begin.elapsed() < PATIENCE, "{sequences:?}");
        while let Some(coded) = device.poll_coded().unwrap() {
            sequences.push(coded.sequence);
        }
        submitted = device.submit(&frames[2]).unwrap();
    }
    assert_eq!(sequences, [0, 1], "what was in flight came out before the new stream began");
    let mut rest = Vec::new();
    device.wait_coded(PATIENCE, &mut rest).unwrap();
    assert_eq!(rest[0].sequence, 2);
}

#[test]
fn nothing_is_left_behind() {
    let Some(_rig) = rig() else { return };
    let ledger = Ledger::new();
    let frames = pattern(Pattern::Text, FrameFormat::new(PixelFormat::Nv12, 1280, 720), 2);
    let at_first = (open_files(), mapped());
    let options = V4l2Options::new().with_shared_buffers();
    let mut source = V4l2Source::open_with(VIVID, capture_grant(VIVID), &options).unwrap();
    let lent = next_frame(&mut source);
    let before = (open_files(), mapped());
    for round in 0..24 {
        let manifest = Manifest::new("rig").declare(Capability::VideoCodec, ENCODER, "tests").unwrap();
        let device = EncoderDevice::open(ENCODER, manifest.grant(&ledger).unwrap()).unwrap();
        let mut encoder = M2mEncoder::new(device).with_wait(PATIENCE);
        assert_eq!(ledger.in_use(Capability::VideoCodec), [ENCODER]);
        let frame = if round % 2 == 0 { &lent } else { &frames[0] };
        encoder.encode(frame, &full(frame), &mut Vec::new()).unwrap();
        assert_eq!(encoder.device().reads_in_place(), round % 2 == 0);
        match round % 3 {
            // Dropped while a picture is in flight, after another format, and stopped.
            0 => {
                let mut encoder = encoder.with_wait(Duration::ZERO);
                encoder.encode(frame, &full(frame), &mut Vec::new()).unwrap();
            }
            1 => encoder.encode(&frames[1], &full(&frames[1]), &mut Vec::new()).unwrap(),
            _ => {
                assert!(encoder.wait_finish(PATIENCE, &mut Vec::new()).unwrap());
                assert_eq!((open_files(), mapped()), (before.0 + 1, before.1), "only the device is open");
            }
        }
    }
    assert_eq!((open_files(), mapped()), before);
    assert!(ledger.in_use(Capability::VideoCodec).is_empty());
    // The capture device has all its buffers again.
    drop(lent);
    for _ in 0..8 {
        next_frame(&mut source);
    }
    drop(source);
    assert_eq!((open_files(), mapped()), at_first);
}

/// The rig, for one test at a time; `None` outside it.
fn rig() -> Option<MutexGuard<'static, ()>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    if std::env::var_os("RIG_INSIDE").is_none() {
        assert!(
            std::env::var_os("KVM_RIG_REQUIRED").is_none(),
            "KVM_RIG_REQUIRED is set, and this is not the rig"
        );
        println!("SKIPPED: needs the rig's devices; run it with .ci/rig/run");
        return None;
    }
    Some(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}

fn grant(path: &str) -> Grant<VideoCodec> {
    let manifest = Manifest::new("rig").declare(Capability::VideoCodec, path, "tests encoding");
    manifest.unwrap().grant(&Ledger::new()).unwrap()
}

fn capture_grant(path: &str) -> Grant<VideoCapture> {
    let manifest = Manifest::new("rig").declare(Capability::VideoCapture, path, "tests encoding");
    manifest.unwrap().grant(&Ledger::new()).unwrap()
}

fn encoder(options: EncoderOptions) -> M2mEncoder {
    M2mEncoder::new(EncoderDevice::open_with(ENCODER, grant(ENCODER), options).unwrap()).with_wait(PATIENCE)
}

fn full(frame: &Frame) -> Damage {
    Damage::full(frame.format().width_px, frame.format().height_px)
}

fn pattern(pattern: Pattern, format: FrameFormat, count: usize) -> Vec<Frame> {
    let mut source = PatternSource::new(pattern, format, 7).unwrap();
    (0..count)
        .map(|_| match source.poll_capture().unwrap() {
            Some(Captured::Frame(frame)) => frame,
            said => panic!("{said:?}"),
        })
        .collect()
}

fn encode_all(encoder: &mut M2mEncoder, frames: &[Frame]) -> Vec<Packet> {
    let mut packets = Vec::new();
    for frame in frames {
        encoder.encode(frame, &full(frame), &mut packets).unwrap();
    }
    packets
}

/// The places of the key pictures.
fn keys(packets: &[Packet]) -> Vec<usize> {
    packets.iter().enumerate().filter(|(_, packet)| packet.is_keyframe).map(|(index, _)| index).collect()
}

fn next_frame(source: &mut V4l2Source) -> Frame {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(8) {
        match source.poll_capture().unwrap() {
            Some(Captured::Frame(frame)) => return frame,
            Some(Captured::SignalChanged(_)) => {}
            Some(said) => panic!("{said:?}"),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    panic!("no frame came");
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

/// What the kernel's decoder makes of the packets, driven by `v4l2-ctl`: pictures one after the other.
fn decode(packets: &[Packet]) -> Vec<u8> {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let file = |kind: &str| -> PathBuf {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        std::env::temp_dir().join(format!("rig-m2m-{}-{number}.{kind}", std::process::id()))
    };
    let (stream, pictures) = (file("fwht"), file("raw"));
    let bytes: Vec<u8> = packets.iter().flat_map(|packet| packet.payload.iter().copied()).collect();
    std::fs::write(&stream, bytes).unwrap();
    let argument = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let done = Command::new("v4l2-ctl")
        .args(["-d", DECODER, "--stream-mmap", "--stream-out-mmap"])
        .args([argument("stream-from", &stream), argument("stream-to", &pictures)])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let decoded = std::fs::read(&pictures).unwrap();
    std::fs::remove_file(stream).unwrap();
    std::fs::remove_file(pictures).unwrap();
    decoded
}

/// The PSNR of the worst of the pictures, over all components together, as the codec sees them.
///
/// The decoder gives out planes: 4:2:0 for 4:2:0, 4:2:2 for 4:2:2, 4:4:4 with pairs of differences; and RGB as it is.
fn worst_psnr_db(frames: &[Frame], decoded: &[u8], pixel: PixelFormat) -> f64 {
    let mut converter = Converter::new();
    let originals: Vec<Vec<u8>> = frames
        .iter()
        .map(|frame| {
            let format = frame.format();
            let same =
                |pixel| FrameFormat::new(pixel, format.width_px, format.height_px).with_colour(format.colour);
            let mut planes = Vec::new();
            match pixel.chroma_shifts() {
                (1, 1) => converter.convert(&frame.image().unwrap(), same(PixelFormat::I420), &mut planes),
                (1, 0) => {
                    converter.convert(&frame.image().unwrap(), same(PixelFormat::Nv16), &mut planes);
                    let luma = format.width_px as usize * format.height_px as usize;
                    let pairs = planes.split_off(luma);
                    planes.extend(pairs.iter().step_by(2));
                    planes.extend(pairs.iter().skip(1).step_by(2));
                }
                _ => converter.convert(&frame.image().unwrap(), same(pixel), &mut planes),
            }
            planes
        })
        .collect();
    let each = originals[0].len();
    assert_eq!(decoded.len(), each * frames.len(), "pictures of the size that went in");
    originals
        .iter()
        .zip(decoded.chunks_exact(each))
        .map(|(original, decoded)| {
            let squares: u64 =
                original.iter().zip(decoded).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
            let mean = f64::from(u32::try_from(squares / 1024).unwrap()) * 1024.0 / each as f64;
            10.0 * (255.0 * 255.0 / mean.max(1e-6)).log10()
        })
        .fold(f64::INFINITY, f64::min)
}

/// Somebody who keeps a device to itself, by priority.
struct Holder(Child);

impl Holder {
    fn of(device: &str) -> Self {
        let mut command = Command::new("v4l2-ctl");
        command.args(["-d", device, "--set-priority=3", "--sleep=60"]).stdout(Stdio::null());
        let holder = Self(command.spawn().unwrap());
        let begin = Instant::now();
        let priority = || Command::new("v4l2-ctl").args(["-d", device, "--get-priority"]).output().unwrap();
        while !String::from_utf8_lossy(&priority().stdout).contains('3') {
            assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", priority());
        }
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Descriptors of video devices.
fn open_videos() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    files
        .filter_map(|file| std::fs::read_link(file.unwrap().path()).ok())
        .filter(|path| path.to_string_lossy().starts_with("/dev/video"))
        .count()
}

/// Mappings of video devices.
fn mapped() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().matches("/dev/video").count()
}
