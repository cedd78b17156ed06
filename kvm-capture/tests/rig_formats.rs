//! Every pixel format against vivid's colour bars, in the rig. The judge reads single pixels with arithmetic of
//! its own and shares nothing with the crate but the names of formats.

#![cfg(all(feature = "v4l2", target_os = "linux"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use kvm_capture::{Captured, FourCc, Frame, Matrix, PixelFormat, Range, V4l2Options, V4l2Source};
use rig::{VIVIDS, control, grant, next_frame, rig, v4l2_ctl};

mod rig;

/// `75% Colorbar`, from the left: white, yellow, cyan, green, magenta, red, blue, black.
const BARS: [[bool; 3]; 8] = [
    [true, true, true],
    [true, true, false],
    [false, true, true],
    [false, true, false],
    [true, false, true],
    [true, false, false],
    [false, false, true],
    [false, false, false],
];

#[test]
fn every_format_shows_the_same_colours() {
    let Some(_rig) = rig() else { return };
    for path in VIVIDS {
        control(path, "test_pattern=0");
        // No text over the bars.
        control(path, "osd_text_mode=2");
        let offered = v4l2_ctl(path, &["--list-formats"]);
        let mut codes: Vec<FourCc> = PixelFormat::ALL.map(PixelFormat::fourcc).to_vec();
        codes.extend([*b"NM12", *b"NM16", *b"YM12", *b"RGB4", *b"BGR4"].map(FourCc));
        codes.retain(|code| offered.contains(&format!("'{code}'")));
        let separate = codes.iter().filter(|code| code.0[1] == b'M').count();
        assert!(codes.len() >= 15, "{codes:?}");
        assert_eq!(separate, if path == VIVIDS[1] { 3 } else { 0 });
        for code in codes {
            let options = V4l2Options::new().with_preferred([code]);
            let mut source = V4l2Source::open_with(path, grant(path), &options).unwrap();
            let mut announced = None;
            let frame = next_frame(&mut source, |said| match said {
                Captured::SignalChanged(format) => announced = Some(format),
                said => panic!("{said:?}"),
            });
            assert_eq!(announced, Some(frame.format()));
            let expected = if code == FourCc(*b"GREY") { grey } else { |colour: [f64; 3]| colour };
            check_bars(&frame, code, expected);
        }
    }
}

/// Without the colour, what is left is luma.
fn grey([r, g, b]: [f64; 3]) -> [f64; 3] {
    [0.2126 * r + 0.7152 * g + 0.0722 * b; 3]
}

fn check_bars(frame: &Frame, code: FourCc, expected: fn([f64; 3]) -> [f64; 3]) {
    let format = frame.format();
    assert_eq!((format.width_px, format.height_px), (1280, 720), "{code}");
    let rows: usize = frame.image().unwrap().planes().iter().map(|plane| plane.size().rows).sum();
    assert!(rows >= 720);
    for (bar, lit) in BARS.into_iter().enumerate() {
        // The mean of a patch in the middle of the bar.
        let (left, top) = (bar * 160 + 72, 352);
        let mut mean = [0.0; 3];
        for (x, y) in (0..256).map(|at| (left + at % 16, top + at / 16)) {
            for (mean, channel) in mean.iter_mut().zip(rgb(frame, x, y)) {
                *mean += channel / 256.0;
            }
        }
        // 75 % of full scale.
        let target = expected(lit.map(|lit| if lit { 191.0 } else { 0.0 }));
        for (mean, target) in mean.into_iter().zip(target) {
            assert!(
                (mean - target).abs() < 4.0,
                "{code}, bar {bar}: {mean:.1} and not {target:.1}; {format:?}"
            );
        }
    }
}

/// One pixel as full-range RGB.
fn rgb(frame: &Frame, x: usize, y: usize) -> [f64; 3] {
    let format = frame.format();
    let image = frame.image().unwrap();
    let at = |plane: usize, x: usize, y: usize| f64::from(image.plane(plane).row(y)[x]);
    let packed = |offsets: [usize; 4]| {
        let pair = x / 2 * 4;
        let [y0, y1, cb, cr] = offsets.map(|offset| at(0, pair + offset, y));
        [if x % 2 == 0 { y0 } else { y1 }, cb, cr]
    };
    let bytes = |offsets: [usize; 3], len: usize| offsets.map(|offset| at(0, x * len + offset, y));
    let yuv = match format.pixel {
        PixelFormat::Yuyv => packed([0, 2, 1, 3]),
        PixelFormat::Uyvy => packed([1, 3, 0, 2]),
        PixelFormat::Yvyu => packed([0, 2, 3, 1]),
        PixelFormat::Vyuy => packed([1, 3, 2, 0]),
        PixelFormat::Nv12 => [at(0, x, y), at(1, x / 2 * 2, y / 2), at(1, x / 2 * 2 + 1, y / 2)],
        PixelFormat::Nv16 => [at(0, x, y), at(1, x / 2 * 2, y), at(1, x / 2 * 2 + 1, y)],
        PixelFormat::Nv24 => [at(0, x, y), at(1, x * 2, y), at(1, x * 2 + 1, y)],
        PixelFormat::I420 => [at(0, x, y), at(1, x / 2, y / 2), at(2, x / 2, y / 2)],
        PixelFormat::Grey => [at(0, x, y), 128.0, 128.0],
        PixelFormat::Rgb24 => return full(bytes([0, 1, 2], 3), format.colour.range),
        PixelFormat::Bgr24 => return full(bytes([2, 1, 0], 3), format.colour.range),
        PixelFormat::Xrgb => return full(bytes([1, 2, 3], 4), format.colour.range),
        PixelFormat::Bgrx => return full(bytes([2, 1, 0], 4), format.colour.range),
        other => panic!("{other}"),
    };
    let (scale_y, scale_c, black) = match format.colour.range {
        Range::Limited => (255.0 / 219.0, 255.0 / 224.0, 16.0),
        _ => (1.0, 1.0, 0.0),
    };
    let (kr, kb) = match format.colour.matrix {
        Matrix::Bt709 => (0.2126, 0.0722),
        _ => (0.299, 0.114),
    };
    let (y, cb, cr) = ((yuv[0] - black) * scale_y, (yuv[1] - 128.0) * scale_c, (yuv[2] - 128.0) * scale_c);
    let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
    [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]
}

fn full(rgb: [f64; 3], range: Range) -> [f64; 3] {
    match range {
        Range::Limited => rgb.map(|channel| (channel - 16.0) * 255.0 / 219.0),
        _ => rgb,
    }
}
