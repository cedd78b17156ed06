//! The hardware encoder in the rig when its device is missing, busy, gone or behind, and what is left of it at the end.

#![cfg(all(feature = "m2m", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kvm_audit::{Capability, Ledger, Manifest};
use kvm_capture::m2m::{EncoderDevice, EncoderOptions, M2mError, Submitted};
use kvm_capture::pattern::Pattern;
use kvm_capture::{FrameFormat, PixelFormat, V4l2Options, V4l2Source};
use kvm_stream::{Damage, EncodeError, Encoder, M2mEncoder, Packet};
use m2m_rig::{
    DECODER, ENCODER, PATIENCE, VIVID, capture_grant, decode, encode_all, encoder, full, grant, keys,
    next_frame, pattern, rig, worst_psnr_db,
};

mod m2m_rig;

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
