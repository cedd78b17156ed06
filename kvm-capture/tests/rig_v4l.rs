//! The adapter for the crate `v4l`, against vivid in the rig.

#![cfg(all(feature = "v4l", feature = "testing", target_os = "linux"))]

use kvm_audit::{Capability, Ledger, Manifest};
use kvm_capture::testing::{CheckOptions, check_source};
use kvm_capture::{CaptureError, Captured, SignalLoss, V4lSource};
use rig::{VIVIDS, control, next, next_frame, rig};
use v4l::buffer::Type;
use v4l::io::mmap::Stream;
use v4l::video::Capture;

mod rig;

#[test]
fn a_stream_of_v4l_conforms_and_its_loss_is_told() {
    let Some(_rig) = rig() else { return };
    let device = v4l::Device::with_path(VIVIDS[0]).unwrap();
    let node = std::fs::canonicalize(VIVIDS[0]).unwrap();
    let node = node.to_str().unwrap();
    let manifest = Manifest::new("rig").declare(Capability::VideoCapture, node, "tests capture").unwrap();
    let grant = || manifest.grant(&Ledger::new()).unwrap();
    let format = device.format().unwrap();
    let stream = || Stream::with_buffers(&device, Type::VideoCapture, 4).unwrap();

    let source = V4lSource::new(stream(), &format, grant()).unwrap();
    let checked = check_source(Box::new(source), &CheckOptions::new()).unwrap();
    assert_eq!(checked.buffers, None, "frames are copies");

    // A stream that runs already is taken over as well.
    let mut running = stream();
    v4l::io::traits::CaptureStream::next(&mut running).unwrap();
    let mut source = V4lSource::new(running, &format, grant()).unwrap();
    for _ in 0..20 {
        next_frame(&mut source, |said| assert!(matches!(said, Captured::SignalChanged(_)), "{said:?}"));
    }
    control(VIVIDS[0], "disconnect=1");
    let lost = loop {
        match next(&mut source) {
            Captured::Frame(_) => {}
            said => break said,
        }
    };
    assert!(matches!(lost, Captured::SignalLost(SignalLoss::DeviceGone)), "{lost:?}");
    drop(source);
}

#[test]
fn a_grant_for_another_device_is_refused() {
    let Some(_rig) = rig() else { return };
    let device = v4l::Device::with_path(VIVIDS[0]).unwrap();
    let format = device.format().unwrap();
    let stream = Stream::with_buffers(&device, Type::VideoCapture, 4).unwrap();
    let refused = V4lSource::new(stream, &format, rig::grant("/dev/video99"));
    assert!(matches!(refused, Err(CaptureError::OutOfScope(_))));
}
