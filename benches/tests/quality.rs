//! The quality measures say what ffmpeg's filters say.
#![cfg(feature = "peers")]

use std::path::PathBuf;
use std::process::Command;

use kvm_benches::quality::{Judge, Quality, Screen, mean_squared_error, psnr, ssim};

const WIDTH: u32 = 328;
const HEIGHT: u32 = 236;

#[test]
fn psnr_and_ssim_are_those_of_ffmpeg() {
    for strength in [1, 5, 40] {
        let (first, second) = (picture(0), picture(strength));
        let ours = (psnr(mean_squared_error(&first, &second)), ssim(&first, &second, WIDTH as usize));
        let theirs = (filter("psnr", "average:", &first, &second), filter("ssim", "All:", &first, &second));
        assert!((ours.0 - theirs.0).abs() < 1e-3, "PSNR {ours:?} {theirs:?}");
        assert!((ours.1 - theirs.1).abs() < 2e-6, "SSIM {ours:?} {theirs:?}");
    }
}

#[test]
fn the_same_is_exact_and_one_pixel_is_not() {
    let mut source = Screen::new(64, 48);
    source.rgb.fill(77);
    let mut judge = Judge::default();
    judge.take_source(&source);
    assert_eq!(judge.judge(&source, &source), Quality::EXACT);
    let mut shown = source.clone();
    shown.rgb[3 * 700] += 30;
    let quality = judge.judge(&source, &shown);
    assert!(quality.rgb_error > 0.0 && quality.luma_error > 0.0 && quality.ssim < 1.0, "{quality:?}");
    let mut luma = Vec::new();
    source.luma(&mut luma);
    assert_eq!(luma, [77; 64 * 48]);
}

/// A ramp with edges, and noise of this strength on it.
fn picture(strength: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % (2 * strength + 1)
    };
    let sample = |x: u32, y: u32| x / 4 + if y / 20 % 2 == 0 { 80 } else { 0 };
    let samples = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| sample(x, y)));
    samples.map(|sample| u8::try_from(sample + noise()).expect("below 256")).collect()
}

/// The number that a filter prints behind a word about two grey pictures.
fn filter(name: &str, word: &str, first: &[u8], second: &[u8]) -> f64 {
    let [first, second] = [("first", first), ("second", second)].map(|(name, bytes)| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.grey"));
        std::fs::write(&file, bytes).expect("a scratch file");
        file
    });
    let size = format!("{WIDTH}x{HEIGHT}");
    let input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", &size, "-i"];
    let output = Command::new("ffmpeg")
        // Its vector code counts the last windows of some widths wrong.
        .args(["-hide_banner", "-nostats", "-cpuflags", "0"])
        .args(input)
        .arg(first)
        .args(input)
        .arg(second)
        .args(["-lavfi", name, "-f", "null", "-"])
        .output()
        .expect("this test needs ffmpeg");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let number = text.rsplit_once(word).and_then(|(_, rest)| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect(&text)
}
