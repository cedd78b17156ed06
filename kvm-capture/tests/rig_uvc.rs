//! A USB grabber, which the rig makes of software and the kernel's uvcvideo drives: no timings, MJPEG, and a plug
//! that is pulled.

#![cfg(all(feature = "v4l2", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kvm_capture::{Captured, PixelFormat, SignalLoss, V4l2Options, V4l2Source};
use rig::{grant, next, next_frame, rig};

mod rig;

/// The grabber, plugged in until dropped.
struct Grabber(Child);

impl Grabber {
    fn plug(arguments: &[&str]) -> (Self, String) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/rig/usb-grabber");
        let child = Command::new(program)
            .args(["--no-microphone", "--name", "Test Grabber"])
            .args(arguments)
            .stdout(Stdio::null())
            .spawn();
        let grabber = Self(child.unwrap());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) {
            for entry in std::fs::read_dir("/sys/class/video4linux").unwrap() {
                let entry = entry.unwrap().path();
                let read = |file: &str| std::fs::read_to_string(entry.join(file)).unwrap_or_default();
                let node = format!("/dev/{}", entry.file_name().unwrap().to_str().unwrap());
                // Of the nodes of a UVC device the first captures video; the other one gives metadata.
                if read("name").starts_with("Test Grabber")
                    && read("index").trim() == "0"
                    && Path::new(&node).exists()
                {
                    return (grabber, node);
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no node for the grabber");
    }
}

impl Drop for Grabber {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Frames, then the loss of the device, then frames again under the same path.
fn capture_unplug_replug(arguments: &[&str], expected: PixelFormat) {
    let (grabber, path) = Grabber::plug(arguments);
    let options = V4l2Options::new().with_size(640, 480);
    let mut source = V4l2Source::open_with(&path, grant(&path), &options).unwrap();
    for _ in 0..10 {
        let frame =
            next_frame(&mut source, |said| assert!(matches!(said, Captured::SignalChanged(_)), "{said:?}"));
        assert_eq!(frame.format().pixel, expected);
        assert_eq!((frame.format().width_px, frame.format().height_px), (640, 480));
        check(&frame);
    }
    drop(grabber);
    let lost = loop {
        match next(&mut source) {
            Captured::Frame(_) => {}
            said => break said,
        }
    };
    assert!(matches!(lost, Captured::SignalLost(SignalLoss::DeviceGone)), "{lost:?}");
    let (grabber, again) = Grabber::plug(arguments);
    assert_eq!(again, path, "the path is free again");
    let back = next(&mut source);
    assert!(matches!(back, Captured::SignalChanged(_)), "{back:?}");
    next_frame(&mut source, |said| panic!("{said:?}"));
    drop(grabber);
}

fn check(frame: &kvm_capture::Frame) {
    match frame.compressed() {
        None => assert_eq!(frame.image().unwrap().plane(0).rows().len(), 480),
        Some(jpeg) => {
            let file = std::fs::read(jpeg_file()).unwrap();
            assert!(jpeg == &file, "{} bytes came of {}", jpeg.len(), file.len());
        }
    }
}

fn jpeg_file() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("kvm-capture-uvc-{}.jpg", std::process::id()))
}

#[test]
fn raw_frames_of_a_grabber() {
    let Some(_rig) = rig() else { return };
    capture_unplug_replug(&["--fps", "10"], PixelFormat::Yuyv);
}

#[test]
fn compressed_frames_of_a_grabber_are_cut_to_what_was_sent() {
    let Some(_rig) = rig() else { return };
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=size=640x480", "-frames:v", "1"])
        .arg(jpeg_file())
        .status();
    assert!(made.is_ok_and(|made| made.success()), "ffmpeg makes the picture");
    let jpeg = jpeg_file();
    capture_unplug_replug(&["--mjpeg", jpeg.to_str().unwrap()], PixelFormat::Mjpeg);
}
