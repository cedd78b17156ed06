//! Files as frames, judged by a writer of our own and by ffmpeg.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::{Cursor, Read};
use std::process::Command;

use kvm_capture::{
    CaptureError, Captured, Frame, FrameFormat, FrameRate, FrameSource, PixelFormat, Provenance, Replay,
    SignalLoss,
};
use proptest::prelude::*;

mod y4m_writer;

/// Everything to the end.
fn frames<R: Read + Send>(mut replay: Replay<R>) -> Result<Vec<Frame>, CaptureError> {
    let mut frames = Vec::new();
    assert!(
        matches!(replay.poll_capture()?, Some(Captured::SignalChanged(format)) if format == replay.format())
    );
    loop {
        match replay.poll_capture()? {
            Some(Captured::Frame(frame)) => frames.push(frame),
            Some(Captured::SignalLost(SignalLoss::Ended)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(replay.poll_capture(), Ok(None)));
    Ok(frames)
}

fn bytes(frame: &Frame) -> Vec<u8> {
    frame.image().unwrap().planes().iter().flat_map(|plane| plane.rows()).flatten().copied().collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        pixel in prop::sample::select(vec![PixelFormat::I420, PixelFormat::Nv16, PixelFormat::Nv24, PixelFormat::Grey]),
        (width, height) in (1_u32..12, 1_u32..12),
        seed in prop::collection::vec(any::<u8>(), 1..64),
        count in 0_usize..4,
    ) {
        let format = FrameFormat::new(pixel, width, height);
        let mut noise = seed.iter().copied().cycle();
        let written: Vec<Frame> = (0..count)
            .map(|_| {
                let bytes: Vec<u8> = noise.by_ref().take(format.len_bytes()).collect();
                Frame::packed(format, bytes.into()).unwrap()
            })
            .collect();
        let file = y4m_writer::y4m(format, &written);
        let read = frames(Replay::y4m(&file[..]).unwrap()).unwrap();
        prop_assert_eq!(read.len(), count);
        for (read, written) in read.iter().zip(&written) {
            prop_assert_eq!(read.format(), format);
            prop_assert_eq!(bytes(read), bytes(written));
        }
        // Cut anywhere, it gives the whole frames before the cut, and then an error unless cut between frames.
        for cut in 0..file.len() {
            let Ok(mut replay) = Replay::y4m(&file[..cut]) else { continue };
            let mut whole = 0;
            let end = loop {
                match replay.poll_capture() {
                    Ok(Some(Captured::Frame(_))) => whole += 1,
                    Ok(Some(Captured::SignalChanged(_))) => {}
                    end => break end,
                }
            };
            prop_assert!(whole < count || count == 0);
            match end {
                Ok(Some(Captured::SignalLost(SignalLoss::Ended))) => {}
                Err(CaptureError::Malformed { offset, .. }) => prop_assert_eq!(offset, cut as u64),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(file in prop::collection::vec(any::<u8>(), 0..300), with_header: bool) {
        let mut whole = if with_header { b"YUV4MPEG2 W3 H2 C420\nFRAME\n".to_vec() } else { Vec::new() };
        whole.extend(file);
        if let Ok(mut replay) = Replay::y4m(&whole[..]) {
            while let Ok(Some(Captured::Frame(_) | Captured::SignalChanged(_))) = replay.poll_capture() {}
        }
    }
}

#[test]
fn a_header_cannot_make_it_allocate_what_it_claims() {
    let file = b"YUV4MPEG2 W16384 H16384 C444\nFRAME\nshort";
    let mut replay = Replay::y4m(&file[..]).unwrap();
    assert!(replay.poll_capture().is_ok());
    assert!(matches!(replay.poll_capture(), Err(CaptureError::Malformed { offset: 40, .. })));
}

#[test]
fn errors_say_where_and_are_repeated() {
    let file = b"YUV4MPEG2 W2 H1 Cmono\nFRAME\nabFRAM\ncd";
    let mut replay = Replay::y4m(&file[..]).unwrap();
    for _ in 0..2 {
        assert!(replay.poll_capture().unwrap().is_some());
    }
    for _ in 0..2 {
        let error = replay.poll_capture().unwrap_err();
        assert_eq!(error.to_string(), "malformed input at byte 30: here a line with FRAME should stand");
    }
}

#[test]
fn raw_frames_are_numbered_dated_and_marked() {
    let format = FrameFormat::new(PixelFormat::Yuyv, 2, 2);
    let file: Vec<u8> = (0..24).collect();
    let replay = Replay::raw(&file[..], format, FrameRate::new(30_000, 1001).unwrap()).unwrap();
    let frames = frames(replay).unwrap();
    let numbers: Vec<_> =
        frames.iter().map(|frame| (frame.sequence(), frame.timestamp().as_micros())).collect();
    assert_eq!(numbers, [(0, 0), (1, 33_366), (2, 66_733)]);
    assert!(frames.iter().all(|frame| frame.provenance() == Provenance::Replay));
    assert_eq!(bytes(&frames[2]), &file[16..]);
    assert!(Replay::raw(&file[..], FrameFormat::new(PixelFormat::Mjpeg, 2, 2), FrameRate::DEFAULT).is_err());
    assert!(Replay::raw(&file[..], FrameFormat::new(PixelFormat::Grey, 0, 2), FrameRate::DEFAULT).is_err());
}

#[test]
fn a_loop_goes_on_counting_and_an_empty_one_ends() {
    let format = FrameFormat::new(PixelFormat::Grey, 1, 1);
    let mut replay =
        Replay::raw(Cursor::new(b"abc".to_vec()), format, FrameRate::DEFAULT).unwrap().looping().unwrap();
    let mut seen = Vec::new();
    while seen.len() < 7 {
        if let Some(Captured::Frame(frame)) = replay.poll_capture().unwrap() {
            seen.push((frame.sequence(), bytes(&frame)[0]));
        }
    }
    assert_eq!(seen, [(0, b'a'), (1, b'b'), (2, b'c'), (3, b'a'), (4, b'b'), (5, b'c'), (6, b'a')]);
    let empty = Replay::raw(Cursor::new(Vec::new()), format, FrameRate::DEFAULT).unwrap().looping().unwrap();
    assert!(frames(empty).unwrap().is_empty());
}

#[test]
fn ffmpeg_gives_the_same_frames() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(std::env::var_os("KVM_TOOLS_REQUIRED").is_none(), "no ffmpeg to compare with");
        println!("SKIPPED: no ffmpeg to compare with");
        return;
    }
    let folder = std::env::temp_dir().join(format!("kvm-capture-replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (pixels, ours) in [
        ("yuv420p", PixelFormat::I420),
        ("yuvj420p", PixelFormat::I420),
        ("yuv422p", PixelFormat::Nv16),
        ("yuv444p", PixelFormat::Nv24),
        ("gray", PixelFormat::Grey),
    ] {
        let (y4m, raw) = (folder.join("made.y4m"), folder.join("made.raw"));
        // Odd on purpose: chroma is rounded up.
        let source = "testsrc2=size=67x43:rate=24000/1001:duration=0.4";
        let make = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", pixels])
            .arg(&y4m)
            .status();
        assert!(make.unwrap().success(), "{pixels}");
        let decode = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-i"])
            .arg(&y4m)
            .args(["-f", "rawvideo"])
            .arg(&raw)
            .status();
        assert!(decode.unwrap().success(), "{pixels}");
        let replay = Replay::open_y4m(&y4m).unwrap();
        assert_eq!((replay.format().pixel, replay.rate()), (ours, FrameRate::new(24_000, 1001).unwrap()));
        let read = frames(replay).unwrap();
        assert_eq!(read.len(), 10, "{pixels}");
        let planar: Vec<u8> = read.iter().flat_map(y4m_writer::planar).collect();
        assert!(planar == std::fs::read(&raw).unwrap(), "{pixels} differs");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
