//! What the peers code is what they were given, by the judgement of ffmpeg and of their own decoders.
#![cfg(feature = "peers")]

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use kvm_benches::peers::{Coder, Converted, JpegManner, Layout, PeerError, Pixels, Viewer, X264Preset};
use kvm_capture::{Frame, FrameFormat, PixelFormat};

const WIDTH: u16 = 320;
const HEIGHT: u16 = 240;
const SIZE: (u16, u16) = (WIDTH, HEIGHT);

#[test]
fn planes_as_jpeg_show_the_picture() {
    let uyvy = uyvy(0);
    let mut planes = Converted::default();
    planes.fill(&pixels(&uyvy), Layout::I422).unwrap();
    let planes = planes.pixels().unwrap();
    let mut encoder = Coder::jpeg(SIZE, 80, JpegManner::Fastest, false).unwrap();
    encoder.code(&planes).unwrap();
    assert!(encoder.coded().len() < bytes_of(&planes).len() / 4);
    // JPEG has the full range; the planes are coded as they are.
    let decoded = decode("planes.jpg", "mjpeg", "yuvj422p", encoder.coded());
    assert_close(&bytes_of(&planes), &decoded);
}

#[test]
fn scanlines_as_jpeg_show_the_picture() {
    for frame in [uyvy(0), nv12(0)] {
        let mut planes = Converted::default();
        planes.fill(&pixels(&frame), Layout::I420).unwrap();
        let mut encoder = Coder::jpeg(SIZE, 80, JpegManner::Scanlines, false).unwrap();
        encoder.code(&pixels(&frame)).unwrap();
        let decoded = decode("scanlines.jpg", "mjpeg", "yuvj420p", encoder.coded());
        assert_close(&bytes_of(&planes.pixels().unwrap()), &decoded);
    }
}

#[test]
fn rgb_as_jpeg_shows_the_picture() {
    let frame = bgrx(0);
    for manner in [JpegManner::Fastest, JpegManner::Scanlines] {
        let mut encoder = Coder::jpeg(SIZE, 95, manner, false).unwrap();
        encoder.code(&pixels(&frame)).unwrap();
        let decoded = decode("rgb.jpg", "mjpeg", "bgr0", encoder.coded());
        let colours = |bytes: &[u8]| -> Vec<u8> {
            bytes.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect()
        };
        assert_close(&colours(&bytes_of(&pixels(&frame))), &colours(&decoded));
    }
}

/// The tables once, and then pictures of several sizes without them: joined, each is a JPEG file.
#[test]
fn tiles_need_the_tables_that_were_sent_once() {
    let frame = uyvy(0);
    let image = frame.image().unwrap();
    let mut encoder = Coder::jpeg((64, 64), 80, JpegManner::Fastest, true).unwrap();
    let mut viewer = Viewer::jpeg().unwrap();
    encoder.tables().unwrap();
    let tables = encoder.coded().to_vec();
    let mut planes = Converted::default();
    let mut without_tables = Viewer::jpeg().unwrap();
    for (index, (x, y, width, height)) in
        [(0, 0, 64, 64), (64, 192, 64, 48), (256, 64, 64, 64)].into_iter().enumerate()
    {
        planes.fill(&Pixels::of(&image.crop(x, y, width, height).unwrap()).unwrap(), Layout::I422).unwrap();
        let planes = planes.pixels().unwrap();
        encoder.code(&planes).unwrap();
        let tile = encoder.coded();
        assert_eq!(without_tables.show(tile).unwrap_err(), PeerError::Failed);
        // The end of the tables and the start of the picture go, where the two become one file.
        let file = [&tables[..tables.len() - 2], &tile[2..]].concat();
        assert_close(&bytes_of(&planes), &decode(&format!("tile{index}.jpg"), "mjpeg", "yuvj422p", &file));
        if index == 0 {
            assert!(viewer.show(&tables).unwrap().is_none());
        }
        let shown = viewer.show(tile).unwrap().unwrap();
        assert_eq!(
            shown.format(),
            (Layout::Nv24, u16::try_from(width).unwrap(), u16::try_from(height).unwrap())
        );
        let luma = |picture: &Pixels<'_>| picture.rows(0).flatten().copied().collect::<Vec<u8>>();
        assert_close(&luma(&planes), &luma(&shown));
        assert!(tile.len() + 300 < file.len());
    }
}

#[test]
fn h264_shows_every_picture_at_once() {
    for (preset, profile) in
        [(X264Preset::Ultrafast, "Constrained Baseline"), (X264Preset::Superfast, "High")]
    {
        let mut encoder = Coder::x264(SIZE, preset, 23, 1).unwrap();
        let (coded, pictures) = encode_sequence(&mut encoder, nv12);
        let decoded = decode("peer.h264", "h264", "nv12", &coded);
        assert_close(&pictures, &decoded);

        let probe = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-show_entries",
                "stream=profile,width,height,color_space",
                "-of",
                "csv=p=0",
            ])
            .arg(scratch("peer.h264"))
            .output()
            .expect("this test needs ffprobe");
        assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), format!("{profile},320,240,bt709"));
    }
}

#[test]
fn vp8_shows_every_picture_at_once() {
    let mut encoder = Coder::vp8(SIZE, 10).unwrap();
    let mut viewer = Viewer::vp8().unwrap();
    let mut lengths = Vec::new();
    let mut file = ivf_header();
    let mut pictures = Vec::new();
    for (number, shift) in (0_u32..).zip(SHIFTS) {
        let frame = i420(shift);
        encoder.code(&pixels(&frame)).unwrap();
        let coded = encoder.coded();
        lengths.push(coded.len());
        file.extend(u32::try_from(coded.len()).unwrap().to_le_bytes());
        file.extend(u64::from(number).to_le_bytes());
        file.extend(coded);
        let shown = viewer.show(coded).unwrap().unwrap();
        assert_eq!(shown.format(), (Layout::I420, WIDTH, HEIGHT));
        assert_close(&bytes_of(&pixels(&frame)), &bytes_of(&shown));
        pictures.extend(bytes_of(&pixels(&frame)));
    }
    assert!(lengths[2] * 3 < lengths[0], "{lengths:?}");
    assert_close(&pictures, &decode("peer.ivf", "ivf", "yuv420p", &file));
}

#[test]
fn what_a_peer_does_not_take_is_refused() {
    let mut jpeg = Coder::jpeg((WIDTH / 2, HEIGHT), 80, JpegManner::Scanlines, false).unwrap();
    assert_eq!(jpeg.code(&pixels(&uyvy(0))), Err(PeerError::Failed));
    assert_eq!(jpeg.coded(), b"");
    let mut x264 = Coder::x264((WIDTH / 2, HEIGHT), X264Preset::Ultrafast, 23, 1).unwrap();
    assert_eq!(x264.code(&pixels(&i420(0))), Err(PeerError::Failed));
    assert_eq!(x264.tables(), Err(PeerError::Refused));
    let mut vp8 = Coder::vp8(SIZE, 10).unwrap();
    assert_eq!(vp8.code(&pixels(&nv12(0))), Err(PeerError::Failed));
    assert_eq!(Coder::jpeg((0, HEIGHT), 80, JpegManner::Fastest, false).unwrap_err(), PeerError::Refused);
    assert_eq!(Coder::jpeg(SIZE, 0, JpegManner::Fastest, false).unwrap_err(), PeerError::Refused);
    assert_eq!(Coder::vp8(SIZE, 64).unwrap_err(), PeerError::Refused);
    assert_eq!(Converted::default().fill(&pixels(&uyvy(0)), Layout::Bgrx), Err(PeerError::Refused));
    assert!(Converted::default().pixels().is_none());
    assert_eq!(Viewer::jpeg().unwrap().show(b"no picture").unwrap_err(), PeerError::Failed);
    assert_eq!(Viewer::vp8().unwrap().show(b"no picture").unwrap_err(), PeerError::Failed);
}

const SHIFTS: [u16; 5] = [0, 0, 0, 5, 10];

/// What comes of frames of which the second and the third are the first again, and the frames.
fn encode_sequence(encoder: &mut Coder, draw: impl Fn(u16) -> Frame) -> (Vec<u8>, Vec<u8>) {
    let (mut coded, mut pictures, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    for shift in SHIFTS {
        let frame = draw(shift);
        encoder.code(&pixels(&frame)).expect("a picture that the coder takes");
        lengths.push(encoder.coded().len());
        coded.extend_from_slice(encoder.coded());
        pictures.extend(bytes_of(&pixels(&frame)));
    }
    assert!(lengths[2] * 10 < lengths[0], "{lengths:?}");
    (coded, pictures)
}

/// The header of a file of VP8 pictures: signature, version, header length, codec, size, rate, count.
fn ivf_header() -> Vec<u8> {
    let mut header = b"DKIF\0\0\x20\0VP80".to_vec();
    header.extend([WIDTH.to_le_bytes(), HEIGHT.to_le_bytes()].concat());
    header.extend([30_u32, 1, 5, 0].map(u32::to_le_bytes).concat());
    header
}

/// Gradients with a sharp box that moves.
fn uyvy(shift: u16) -> Frame {
    let pixel = |x, y| [if x % 2 == 0 { blue(x) } else { red(y) }, luma(x, y, shift)];
    let bytes = (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y)));
    frame(PixelFormat::Uyvy, bytes.collect())
}

fn i420(shift: u16) -> Frame {
    let halves = || (0..HEIGHT).step_by(2).flat_map(|y| (0..WIDTH).step_by(2).map(move |x| (x, y)));
    let chroma = halves().map(|(x, _)| blue(x)).chain(halves().map(|(_, y)| red(y)));
    frame(PixelFormat::I420, lumas(shift).chain(chroma).collect())
}

fn nv12(shift: u16) -> Frame {
    let pairs =
        (0..HEIGHT).step_by(2).flat_map(|y| (0..WIDTH).step_by(2).flat_map(move |x| [blue(x), red(y)]));
    frame(PixelFormat::Nv12, lumas(shift).chain(pairs).collect())
}

fn bgrx(shift: u16) -> Frame {
    let pixel = |x, y| [luma(x, y, shift), byte(96 + x / 8), byte(160 - y / 8), 0];
    frame(PixelFormat::Bgrx, (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y))).collect())
}

fn frame(pixel: PixelFormat, bytes: Vec<u8>) -> Frame {
    let format = FrameFormat::new(pixel, WIDTH.into(), HEIGHT.into());
    Frame::packed(format, Bytes::from(bytes)).expect("a whole frame")
}

fn pixels(frame: &Frame) -> Pixels<'_> {
    Pixels::of(&frame.image().expect("raw")).expect("a format that peers take")
}

fn bytes_of(picture: &Pixels<'_>) -> Vec<u8> {
    (0..3).flat_map(|plane| picture.rows(plane).flatten().copied().collect::<Vec<u8>>()).collect()
}

fn lumas(shift: u16) -> impl Iterator<Item = u8> {
    (0..HEIGHT).flat_map(move |y| (0..WIDTH).map(move |x| luma(x, y, shift)))
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
