//! Every kind of macroblock and every mode of prediction is used, and decoded as the encoder says.
#![cfg(feature = "h264")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of it is test code")]

mod h264_judges;
mod h264_parser;
mod h264_script;
mod h264_take;
mod recorder_judges;

use h264_parser::Census;
use h264_script::{play, scripts};
use h264_take::{Take, judged_by_ffmpeg};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{Damage, H264Encoder, H264Quality};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRng, TestRunner};
use recorder_judges::have;

const SIZE: (u32, u32) = (128, 96);

#[test]
fn all_kinds_and_modes_are_used_within_their_bounds() {
    let rng = TestRng::deterministic_rng(Config::default().rng_algorithm);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut script = || scripts(8).new_tree(&mut runner).unwrap().current();
    let mut takes: Vec<Take> = (0..300).map(|_| play(&script(), SIZE)).collect();
    takes.push(noise());
    let mut census = Census::new();
    for packet in takes.iter().flat_map(|take| &take.packets) {
        census.take(&packet.payload, SIZE);
    }
    println!("{census:#?}");
    if have(&["ffmpeg"]) {
        judged_by_ffmpeg(&takes.iter().collect::<Vec<_>>()).unwrap();
    }
    let modes = (0..9).map(|mode| format!("Intra 4×4 mode {mode}"));
    let modes = modes.chain((0..4).map(|mode| format!("Intra 16×16 mode {mode}")));
    let modes = modes.chain((0..4).map(|mode| format!("chroma mode {mode}")));
    let kinds =
        ["PCM", "skipped", "16×16", "16×8", "8×16", "8×8", "inter without residual"].map(str::to_owned);
    for what in modes.chain(kinds) {
        assert!(census.of(&what) >= 5, "{what}: {census:#?}");
    }
    // ITU-T H.264, A.3.1.
    assert!(census.most_bits <= 3_200, "{} bits", census.most_bits);
    assert_eq!(census.quantisers, (0, i32::from(H264Quality::COARSEST)));
}

/// What costs most: noise, as good as can be.
fn noise() -> Take {
    let format = FrameFormat::new(PixelFormat::Bgrx, SIZE.0, SIZE.1);
    let mut source = PatternSource::new(Pattern::Noise, format, 1).unwrap();
    let (mut encoder, mut take) = (H264Encoder::new(H264Quality::constant(0)), Take::default());
    for _ in 0..3 {
        let Ok(Some(Captured::Frame(frame))) = source.poll_capture() else { panic!("a pattern has frames") };
        take.encode(&mut encoder, &frame, &Damage::full(SIZE.0, SIZE.1), 0);
    }
    take
}
