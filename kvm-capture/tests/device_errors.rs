//! What opening a device says when it cannot be, as far as that needs no device.

#![cfg(all(feature = "v4l2", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::ErrorKind;

use kvm_audit::{Capability, Event, Ledger, Manifest};
use kvm_capture::{CaptureError, V4l2Source};

fn error_of(declared: &str, opened: &str) -> (CaptureError, Ledger) {
    let ledger = Ledger::new();
    let manifest = Manifest::new("test").declare(Capability::VideoCapture, declared, "tests errors").unwrap();
    (V4l2Source::open(opened, manifest.grant(&ledger).unwrap()).unwrap_err(), ledger)
}

#[test]
fn a_device_that_is_not_there() {
    let (error, ledger) = error_of("/dev/no-such-video", "/dev/no-such-video");
    assert!(matches!(&error, CaptureError::Open { source, .. } if source.kind() == ErrorKind::NotFound));
    assert_eq!(error.to_string(), "cannot open /dev/no-such-video");
    assert!(error.advice().unwrap().contains("plugged in"));
    assert!(ledger.in_use(Capability::VideoCapture).is_empty());
}

#[test]
fn a_device_that_is_none() {
    for path in ["/dev/null", "/dev/urandom"] {
        let (error, _) = error_of(path, path);
        assert!(matches!(error, CaptureError::Unsuitable { .. }), "{error:?}");
        assert!(error.to_string().contains("not a V4L2 device"), "{error}");
        assert!(error.advice().is_some());
    }
}

#[test]
fn a_device_the_grant_does_not_cover() {
    let (error, ledger) = error_of("/dev/video0", "/dev/null");
    assert!(matches!(error, CaptureError::OutOfScope(_)));
    assert!(error.to_string().contains("/dev/null") && error.advice().is_some());
    assert!(ledger.entries().iter().any(|entry| entry.event == Event::Refused));
}
