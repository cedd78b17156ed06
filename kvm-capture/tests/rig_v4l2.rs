//! V4L2 capture against the kernel's own vivid driver, in the rig: buffers and signal.

#![cfg(all(feature = "v4l2", feature = "testing", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kvm_audit::{Capability, Declare, Ledger, Manifest};
use kvm_capture::testing::{CheckOptions, check_source};
use kvm_capture::{
    CaptureError, Captured, Frame, FrameSource, PixelFormat, SignalLoss, V4l2Options, V4l2Source,
};
use rig::{VIVIDS, control, grant, next, next_frame, rig, v4l2_ctl};

mod rig;

fn open(path: &str) -> V4l2Source {
    V4l2Source::open(path, grant(path)).unwrap()
}

/// The next frame, where nothing else may be said but its format.
fn frame(source: &mut V4l2Source) -> Frame {
    next_frame(source, |said| assert!(matches!(said, Captured::SignalChanged(_)), "{said:?}"))
}

fn first_row(frame: &Frame) -> &[u8] {
    frame.image().unwrap().plane(0).row(0)
}

fn copy(frame: &Frame) -> Vec<u8> {
    frame.image().unwrap().planes().iter().flat_map(|plane| plane.rows()).flatten().copied().collect()
}

#[test]
fn devices_conform() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        for buffers in [2, 4, 32] {
            let options = V4l2Options::new().with_buffers(buffers);
            let source = V4l2Source::open_with(path, grant(path), &options).unwrap();
            let checked = check_source(Box::new(source), &CheckOptions::new()).unwrap();
            println!("{path}, {buffers} buffers: {checked:?}");
            // vivid asks for no more than it is given, but for the two it needs at least.
            assert_eq!(checked.buffers, Some(buffers as usize), "{path}");
        }
        // Sharing the buffers with other drivers changes nothing for who does not.
        let options = V4l2Options::new().with_shared_buffers();
        let source = V4l2Source::open_with(path, grant(path), &options).unwrap();
        let checked = check_source(Box::new(source), &CheckOptions::new()).unwrap();
        assert_eq!(checked.buffers, Some(4), "{path}");
    }
}

#[test]
fn a_thousand_frames_while_a_slow_holder_keeps_some() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        let mut source = open(path);
        let (to_holder, frames) = mpsc::sync_channel::<Frame>(0);
        let holder = std::thread::spawn(move || {
            let mut kept = VecDeque::new();
            let mut seen = 0;
            for frame in frames {
                seen += 1;
                kept.push_back(frame);
                std::thread::sleep(Duration::from_millis(70));
                if kept.len() == 2 {
                    kept.pop_front();
                }
            }
            seen
        });
        let (mut last, mut gaps) = (None, 0);
        for _ in 0..1000 {
            let frame = next_frame(&mut source, |said| {
                assert!(matches!(said, Captured::SignalChanged(_)), "{path}: {said:?}");
            });
            if let Some(last) = last.replace(frame.sequence()) {
                gaps += frame.sequence() - last - 1;
            }
            // The holder takes one whenever it is free, so that two of the four buffers are nearly always held.
            let _ = to_holder.try_send(frame);
        }
        drop(to_holder);
        let held = holder.join().unwrap();
        assert!(held > 100, "the holder held {held} frames");
        assert_eq!(source.stats().damaged, 0);
        println!("{path}: 1,000 frames, {held} of them held, {gaps} numbers left out");
        let checked = check_source(Box::new(source), &CheckOptions::new()).unwrap();
        assert_eq!(checked.buffers, Some(4), "all buffers are back");
    }
}

#[test]
fn a_frame_is_the_drivers_own_memory() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        let mut source = open(path);
        let mut addresses = std::collections::BTreeSet::new();
        for _ in 0..40 {
            let frame = frame(&mut source);
            let address = first_row(&frame).as_ptr() as usize;
            assert_eq!(first_row(&frame.clone()).as_ptr() as usize, address);
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let mapping = maps.lines().find(|line| {
                let range = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
                let [from, until] = [range.0, range.1].map(|at| usize::from_str_radix(at, 16).unwrap());
                (from..until).contains(&address)
            });
            let mapping = mapping.expect("a mapping");
            assert!(mapping.contains("/dev/video") && mapping.contains("r--s"), "{mapping}");
            addresses.insert(address);
        }
        assert!((2..=4).contains(&addresses.len()), "{addresses:x?}");
    }
}

#[test]
fn dropping_a_frame_wakes_who_waits_for_it() {
    let Some(_rig) = rig() else { return };
    let mut source = open(VIVIDS[0]);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let mut held = Vec::new();
        loop {
            match next(&mut source) {
                Captured::Frame(frame) => held.push(frame),
                Captured::Starved { held: said } => {
                    assert_eq!(said, held.len());
                    break;
                }
                said => assert!(matches!(said, Captured::SignalChanged(_)), "{said:?}"),
            }
        }
        // What is left of earlier wakes is taken, so that the next one is the frame's.
        assert!(source.poll_capture().unwrap().is_none());
        let begin = Instant::now();
        let dropper = std::thread::spawn(move || drop(held));
        let readiness = source.readiness().unwrap();
        let mut waiting = [rustix::event::PollFd::new(&readiness, rustix::event::PollFlags::IN)];
        let limit = rustix::event::Timespec { tv_sec: 3, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut waiting, Some(&limit)).unwrap(), 1);
        waits.push(begin.elapsed());
        dropper.join().unwrap();
    }
    waits.sort();
    // The source's own tick would wake after 250 ms on average.
    assert!(waits[waits.len() / 2] < Duration::from_millis(50), "{waits:?}");
}

#[test]
fn loss_of_signal_is_told_with_its_reason() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        let mut source = open(path);
        let format = frame(&mut source).format();
        for (mode, reason) in [(1, SignalLoss::NoCable), (2, SignalLoss::NoLock), (3, SignalLoss::OutOfRange)]
        {
            control(path, &format!("dv_timings_signal_mode={mode}"));
            let mut frames = 0;
            let said = loop {
                match next(&mut source) {
                    Captured::Frame(_) => frames += 1,
                    said => break said,
                }
            };
            assert!(matches!(said, Captured::SignalLost(said) if said == reason), "{path}: {said:?}");
            // At most what was in flight: noise of a receiver without a signal is not handed out.
            assert!(frames < 15, "{frames} frames after the signal went");
            assert_eq!(source.format(), None);
            std::thread::sleep(Duration::from_millis(1100));
            assert!(source.poll_capture().unwrap().is_none(), "said once");
        }
        control(path, "dv_timings_signal_mode=0");
        assert!(matches!(next(&mut source), Captured::SignalChanged(back) if back == format));
        assert_eq!(frame(&mut source).format(), format);
    }
}

#[test]
fn a_device_without_signal_opens_and_says_so() {
    let Some(_rig) = rig() else { return };
    control(VIVIDS[0], "dv_timings_signal_mode=1");
    let mut source = open(VIVIDS[0]);
    assert!(matches!(next(&mut source), Captured::SignalLost(SignalLoss::NoCable)));
    control(VIVIDS[0], "dv_timings_signal_mode=0");
    assert!(matches!(next(&mut source), Captured::SignalChanged(_)));
}

#[test]
fn another_resolution_is_followed_and_old_frames_stay() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        let mut source = open(path);
        let old: Vec<Frame> = (0..3).map(|_| frame(&mut source)).collect();
        let copies: Vec<Vec<u8>> = old.iter().map(copy).collect();
        assert_eq!((old[0].format().width_px, old[0].format().height_px), (1280, 720));
        v4l2_ctl(path, &["--set-ctrl", "dv_timings_signal_mode=4", "--set-ctrl", "dv_timings=16"]);
        let changed = loop {
            match next(&mut source) {
                Captured::Frame(frame) => assert_eq!(frame.format(), old[0].format()),
                said => break said,
            }
        };
        let Captured::SignalChanged(format) = changed else { panic!("{changed:?}") };
        assert_eq!((format.width_px, format.height_px), (1920, 1080));
        let mut last = old[2].sequence();
        for _ in 0..30 {
            let frame = frame(&mut source);
            assert_eq!(frame.format(), format);
            assert!(frame.sequence() > last && frame.timestamp() > old[2].timestamp());
            last = frame.sequence();
        }
        assert!(old.iter().map(copy).eq(copies.iter().cloned()), "frames of before the change");
        let late = frame(&mut source);
        let late_copy = copy(&late);
        drop(source);
        // The device is free although frames of it are held, and streaming anew writes into none of them.
        let mut another = open(path);
        for _ in 0..20 {
            frame(&mut another);
        }
        drop(another);
        assert!(copy(&late) == late_copy, "a frame of a source that is gone");
        assert!(old.iter().map(copy).eq(copies), "frames of before the change");
    }
}

#[test]
fn a_device_that_goes_is_told_and_taken_up_again() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        let mut source = open(path);
        let held = frame(&mut source);
        let held_copy = copy(&held);
        control(path, "disconnect=1");
        let lost = loop {
            match next(&mut source) {
                Captured::Frame(_) => {}
                said => break said,
            }
        };
        assert!(matches!(lost, Captured::SignalLost(SignalLoss::DeviceGone)), "{lost:?}");
        assert!(source.poll_capture().unwrap().is_none());
        assert!(copy(&held) == held_copy, "a frame of a device that is gone");
        // vivid comes back when nobody has it open any more, and a frame keeps it open.
        std::thread::sleep(Duration::from_millis(1100));
        assert!(source.poll_capture().unwrap().is_none());
        drop(held);
        let back = next(&mut source);
        assert!(matches!(back, Captured::SignalChanged(_)), "{back:?}");
        frame(&mut source);
    }
}

#[test]
fn faults_of_the_driver_are_survived() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        let mut source = open(path);
        let first = frame(&mut source);
        control(path, "inject_v4l2_buf_flag_error=1");
        for _ in 0..20 {
            frame(&mut source);
        }
        assert_eq!(source.stats().damaged, 1, "{path}");
        control(path, "inject_fatal_streaming_error=1");
        for _ in 0..20 {
            frame(&mut source);
        }
        assert_eq!(source.stats().restarts, 1, "{path}");
        // A stream that cannot start anew at once is an error, and is tried again.
        control(path, "inject_vidioc_streamon_error=1");
        control(path, "inject_fatal_streaming_error=1");
        let mut refusals = 0;
        let mut frames = 0;
        while refusals == 0 || frames < 20 {
            match source.poll_capture() {
                Ok(Some(Captured::Frame(_))) => frames = if refusals == 0 { 0 } else { frames + 1 },
                Ok(Some(said)) => panic!("{said:?}"),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(CaptureError::Driver { operation: "VIDIOC_STREAMON", .. }) => refusals += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(refusals, 1, "{path}");
        // One buffer is refused once: an error, and then frames go on with all buffers.
        control(path, "inject_vidioc_qbuf_error=1");
        let mut refusals = 0;
        let mut frames = 0;
        while frames < 20 {
            match source.poll_capture() {
                Ok(Some(Captured::Frame(_))) => frames += 1,
                Ok(Some(said)) => panic!("{said:?}"),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(CaptureError::Driver { operation: "VIDIOC_QBUF", .. }) => refusals += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(refusals, 1, "{path}");
        drop(first);
        let checked = check_source(Box::new(source), &CheckOptions::new()).unwrap();
        assert_eq!(checked.buffers, Some(4), "{path}");
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let Some(_rig) = rig() else { return };
    let first = open(VIVIDS[0]);
    assert!(matches!(V4l2Source::open(VIVIDS[0], grant(VIVIDS[0])), Err(CaptureError::Busy { .. })));
    drop(first);
    open(VIVIDS[0]);
    for path in ["/dev/rig/vim2m", "/dev/rig/stateful-encoder"] {
        assert!(
            matches!(V4l2Source::open(path, grant(path)), Err(CaptureError::Unsuitable { .. })),
            "{path}"
        );
    }
}

#[test]
fn what_it_does_is_in_the_ledger() {
    let Some(_rig) = rig() else { return };
    let ledger = Ledger::new();
    let manifest =
        Manifest::new("rig").declare(Capability::VideoCapture, VIVIDS[0], "tests capture").unwrap();
    let source = V4l2Source::open(VIVIDS[0], manifest.grant(&ledger).unwrap()).unwrap();
    assert_eq!(ledger.in_use(Capability::VideoCapture), [VIVIDS[0]]);
    assert!(source.capabilities().contains(Capability::VideoCapture));
    drop(source);
    assert!(ledger.in_use(Capability::VideoCapture).is_empty());
}

#[test]
fn a_format_that_is_not_offered_is_told() {
    let Some(_rig) = rig() else { return };
    let options = V4l2Options::new().with_preferred([PixelFormat::Mjpeg]);
    let mut source = V4l2Source::open_with(VIVIDS[0], grant(VIVIDS[0]), &options).unwrap();
    assert!(matches!(next(&mut source), Captured::SignalLost(SignalLoss::Unsupported)));
}
