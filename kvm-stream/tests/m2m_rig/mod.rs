//! What the tests of the hardware encoder share: the rig's devices, pictures, and the judge, which is the kernel's own
//! decoder driven by `v4l2-ctl`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a part of tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kvm_audit::{Capability, Grant, Ledger, Manifest, VideoCapture, VideoCodec};
use kvm_capture::convert::Converter;
use kvm_capture::m2m::{EncoderDevice, EncoderOptions};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat, V4l2Source};
use kvm_stream::{Damage, Encoder, M2mEncoder, Packet};

pub(crate) const ENCODER: &str = "/dev/rig/stateful-encoder";
pub(crate) const DECODER: &str = "/dev/rig/stateful-decoder";
pub(crate) const VIVID: &str = "/dev/rig/vivid-000-vid-cap";
/// Long enough for a picture of 1080p on the rig's one processor, whatever else it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The rig, for one test at a time; `None` outside it.
pub(crate) fn rig() -> Option<MutexGuard<'static, ()>> {
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

pub(crate) fn grant(path: &str) -> Grant<VideoCodec> {
    let manifest = Manifest::new("rig").declare(Capability::VideoCodec, path, "tests encoding");
    manifest.unwrap().grant(&Ledger::new()).unwrap()
}

pub(crate) fn capture_grant(path: &str) -> Grant<VideoCapture> {
    let manifest = Manifest::new("rig").declare(Capability::VideoCapture, path, "tests encoding");
    manifest.unwrap().grant(&Ledger::new()).unwrap()
}

pub(crate) fn encoder(options: EncoderOptions) -> M2mEncoder {
    M2mEncoder::new(EncoderDevice::open_with(ENCODER, grant(ENCODER), options).unwrap()).with_wait(PATIENCE)
}

pub(crate) fn full(frame: &Frame) -> Damage {
    Damage::full(frame.format().width_px, frame.format().height_px)
}

pub(crate) fn pattern(pattern: Pattern, format: FrameFormat, count: usize) -> Vec<Frame> {
    let mut source = PatternSource::new(pattern, format, 7).unwrap();
    (0..count)
        .map(|_| match source.poll_capture().unwrap() {
            Some(Captured::Frame(frame)) => frame,
            said => panic!("{said:?}"),
        })
        .collect()
}

pub(crate) fn encode_all(encoder: &mut M2mEncoder, frames: &[Frame]) -> Vec<Packet> {
    let mut packets = Vec::new();
    for frame in frames {
        encoder.encode(frame, &full(frame), &mut packets).unwrap();
    }
    packets
}

/// The places of the key pictures.
pub(crate) fn keys(packets: &[Packet]) -> Vec<usize> {
    packets.iter().enumerate().filter(|(_, packet)| packet.is_keyframe).map(|(index, _)| index).collect()
}

pub(crate) fn next_frame(source: &mut V4l2Source) -> Frame {
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

/// What the kernel's decoder makes of the packets, driven by `v4l2-ctl`: pictures one after the other.
pub(crate) fn decode(packets: &[Packet]) -> Vec<u8> {
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
pub(crate) fn worst_psnr_db(frames: &[Frame], decoded: &[u8], pixel: PixelFormat) -> f64 {
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
