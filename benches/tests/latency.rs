//! The program that measures latency works: a few frames, from the queue to behind a socket.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Stdio};

/// Runs it and gives back what it printed.
fn latency(arguments: &[&str]) -> String {
    let program =
        Command::new(env!("CARGO_BIN_EXE_latency")).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&program.stderr);
    assert!(program.status.success() && said.is_empty(), "{arguments:?}: {said}");
    String::from_utf8(program.stdout).unwrap()
}

#[test]
fn every_picture_arrives_with_its_stages() {
    for encoder in ["rects", "jpeg"] {
        let table =
            latency(&[encoder, "uyvy", "640x400", "--pattern", "scroll", "--frames", "12", "--hz", "25"]);
        let lines = table.lines();
        let counts = lines.clone().next().unwrap();
        // A picture that the next one overtook is dropped, and said to be.
        let numbers: Vec<u32> = counts
            .split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        let [frames, _, sent, arrived, dropped] = numbers[numbers.len() - 5..] else { panic!("{counts}") };
        assert_eq!((frames, sent), (12, arrived + dropped), "{table}");
        assert!(sent >= 6, "{table}");
        for stage in ["difference", "encode", "queue", "socket", "all: dequeued to arrived"] {
            let row = lines.clone().find_map(|line| line.strip_prefix(stage)).unwrap();
            let micros: Vec<u64> = row.split_whitespace().map(|word| word.parse().unwrap()).collect();
            assert!(micros.len() == 3 && micros.is_sorted(), "{table}");
        }
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    for wrong in [&["rects"][..], &["mpeg", "uyvy", "64x48"], &["jpeg", "uyvy", "64x48", "--frames", "0"]] {
        let program = Command::new(env!("CARGO_BIN_EXE_latency")).args(wrong).output().unwrap();
        assert_eq!(program.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8_lossy(&program.stderr).contains("usage: latency"), "{wrong:?}");
    }
}
