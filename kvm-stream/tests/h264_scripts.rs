//! Whatever happens on a screen and whatever the encoder is told of it, decoders show what the encoder says they do.
#![cfg(feature = "h264")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

mod h264_judges;
mod h264_script;
mod h264_take;
mod recorder_judges;

use h264_script::{Script, play, scripts, sizes};
use h264_take::{Take, judged_by_ffmpeg};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use recorder_judges::have;

/// Scripts that one run of ffmpeg judges, on average.
const BATCH: usize = 20;

/// So many scripts, in batches of one size each.
fn judge(scripts_wanted: u32, frames: usize) {
    let has_ffmpeg = have(&["ffmpeg"]);
    let batches = (sizes(), prop::collection::vec(scripts(frames), 1..2 * BATCH));
    let mut runner = TestRunner::new(Config {
        cases: scripts_wanted / u32::try_from(BATCH).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    });
    let outcome = runner.run(&batches, |(size, scripts)| {
        let takes: Vec<Take> = scripts.iter().map(|script| take(script, size)).collect();
        for (script, take) in scripts.iter().zip(&takes) {
            let fail = |error| TestCaseError::fail(format!("{error}, of {size:?} and {script:?}"));
            take.judged_by_openh264().map_err(fail)?;
        }
        if has_ffmpeg {
            judged_by_ffmpeg(&takes.iter().collect::<Vec<_>>()).map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    outcome.unwrap();
}

fn take(script: &Script, size: (u32, u32)) -> Take {
    let take = play(script, size);
    assert!(take.packets[0].is_keyframe);
    take
}

#[test]
fn two_thousand_scripts() {
    judge(2_000, 5);
}

#[test]
#[ignore = "takes minutes"]
fn ten_thousand_long_scripts() {
    judge(10_000, 12);
}
