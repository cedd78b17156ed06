//! What the tests in the rig share: its devices, one test at a time, and the words to change them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a part of tests")]

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kvm_audit::{Capability, Grant, Ledger, Manifest, VideoCapture};
use kvm_capture::{Captured, Frame, FrameSource};

/// A vivid device with the single-planar interface, and one with the multi-planar.
pub(crate) const VIVIDS: [&str; 2] = ["/dev/rig/vivid-000-vid-cap", "/dev/rig/vivid-001-vid-cap"];

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
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for device in VIVIDS {
        // The source sends 720p60 (`dv_timings` 9), the receiver is set to that, and from then on to what is set.
        v4l2_ctl(device, &["--set-ctrl", "dv_timings_signal_mode=4", "--set-ctrl", "dv_timings=9"]);
        v4l2_ctl(device, &["--set-dv-bt-timings", "query"]);
        control(device, "dv_timings_signal_mode=0");
        control(device, "osd_text_mode=0");
        control(device, "percentage_of_dropped_buffers=0");
    }
    Some(guard)
}

/// A grant for one device.
pub(crate) fn grant(path: &str) -> Grant<VideoCapture> {
    let manifest = Manifest::new("rig").declare(Capability::VideoCapture, path, "tests capture");
    manifest.unwrap().grant(&Ledger::new()).unwrap()
}

/// Sets a control, as `name=value`.
pub(crate) fn control(device: &str, setting: &str) {
    v4l2_ctl(device, &["--set-ctrl", setting]);
}

pub(crate) fn v4l2_ctl(device: &str, arguments: &[&str]) -> String {
    let done = Command::new("v4l2-ctl").args(["-d", device]).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The next thing the source says, within some seconds.
pub(crate) fn next(source: &mut dyn FrameSource) -> Captured {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(8) {
        if let Some(captured) = source.poll_capture().unwrap() {
            return captured;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing came: {source:?}");
}

/// The next frame; what else is said goes to `other`.
pub(crate) fn next_frame(source: &mut dyn FrameSource, mut other: impl FnMut(Captured)) -> Frame {
    loop {
        match next(source) {
            Captured::Frame(frame) => return frame,
            said => other(said),
        }
    }
}
