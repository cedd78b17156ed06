//! What the peers code is what they were given, by the judgement of ffmpeg.
#![cfg(feature = "peers")]

use std::path::PathBuf;
use std::process::Command;

use kvm_benches::peers::{I420, I422, PeerError, Size, TurboJpeg, X264};

const WIDTH: u16 = 320;
const HEIGHT: u16 = 240;

#[test]
fn jpeg_shows_the_picture() {
    let mut encoder = TurboJpeg::new(size(), 80).unwrap();
    let picture = I422::from_uyvy(size(), &uyvy(0)).unwrap();
    let coded = encoder.encode(&picture).unwrap();
    assert!(coded.len() < picture.as_bytes().len() / 4);
    // JPEG has the full range; the planes are coded as they are.
    let decoded = decode("peer.jpg", "mjpeg", "yuvj422p", coded);
    assert_close(picture.as_bytes(), &decoded);
}

#[test]
fn h264_shows_every_picture_at_once() {
    let mut encoder = X264::new(size(), 23).unwrap();
    let (mut coded, mut pictures) = (Vec::new(), Vec::new());
    let mut lengths = Vec::new();
    for shift in [0, 0, 0, 5, 10] {
        let picture = I420::from_planes(size(), i420(shift)).unwrap();
        let unit = encoder.encode(&picture).unwrap();
        lengths.push(unit.len());
        coded.extend_from_slice(unit);
        pictures.extend(picture.as_bytes());
    }
    // The second and the third picture are the first again.
    assert!(lengths[2] * 20 < lengths[0], "{lengths:?}");
    let decoded = decode("peer.h264", "h264", "yuv420p", &coded);
    assert_close(&pictures, &decoded);

    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=profile,width,height,color_space", "-of", "csv=p=0"])
        .arg(scratch("peer.h264"))
        .output()
        .expect("this test needs ffprobe");
    assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), "Constrained Baseline,320,240,bt709");
}

#[test]
fn a_picture_of_another_size_is_refused() {
    let other = Size::new(WIDTH, HEIGHT / 2).unwrap();
    let whole = uyvy(0);
    let half = &whole[..usize::from(WIDTH) * usize::from(HEIGHT)];
    let picture = I422::from_uyvy(other, half).unwrap();
    assert_eq!(TurboJpeg::new(size(), 80).unwrap().encode(&picture), Err(PeerError::Size));
    let picture = I420::from_planes(other, i420(0)[..half.len() / 4 * 3].to_vec()).unwrap();
    assert_eq!(X264::new(size(), 23).unwrap().encode(&picture), Err(PeerError::Size));
    assert_eq!(I422::from_uyvy(size(), half).unwrap_err(), PeerError::Length);
    assert_eq!(Size::new(WIDTH, 0).unwrap_err(), PeerError::Size);
}

fn size() -> Size {
    Size::new(WIDTH, HEIGHT).expect("even")
}

/// Gradients with a sharp box that moves, packed.
fn uyvy(shift: u16) -> Vec<u8> {
    let pixel = |x, y| [if x % 2 == 0 { blue(x) } else { red(y) }, luma(x, y, shift)];
    (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y))).collect()
}

/// The same in planes.
fn i420(shift: u16) -> Vec<u8> {
    let rows = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| luma(x, y, shift)));
    let halves = || (0..HEIGHT).step_by(2).flat_map(|y| (0..WIDTH).step_by(2).map(move |x| (x, y)));
    rows.chain(halves().map(|(x, _)| blue(x))).chain(halves().map(|(_, y)| red(y))).collect()
}

fn luma(x: u16, y: u16, shift: u16) -> u8 {
    let in_box = (40 + shift..120 + shift).contains(&x) && (60..100).contains(&y);
    if in_box { 200 } else { byte(32 + y / 2) }
}

fn blue(x: u16) -> u8 {
    byte(96 + x / 8)
}

fn red(y: u16) -> u8 {
    byte(160 - y / 8)
}

fn byte(value: u16) -> u8 {
    u8::try_from(value).expect("below 256")
}

fn decode(name: &str, format: &str, pixels: &str, coded: &[u8]) -> Vec<u8> {
    let file = scratch(name);
    std::fs::write(&file, coded).expect("a scratch file");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-f", format, "-i"])
        .arg(&file)
        .args(["-f", "rawvideo", "-pix_fmt", pixels, "-"])
        .output()
        .expect("this test needs ffmpeg");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn assert_close(given: &[u8], decoded: &[u8]) {
    assert_eq!(given.len(), decoded.len());
    let squares: u64 = given.iter().zip(decoded).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    assert!(squares < 10 * given.len() as u64, "mean squared error {squares} / {}", given.len());
}
