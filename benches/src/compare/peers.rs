//! libjpeg-turbo and x264, each given planes in the form it takes fastest.
//!
//! Bringing a captured frame into that form is not counted, so the peers' figures are lower than what a program
//! that captures packed 4:2:2 would pay.

use kvm_benches::peers::{I420, I422, Size, TurboJpeg, X264};
use kvm_capture::convert::Converter;
use kvm_capture::{Frame, FrameFormat, PixelFormat};

use crate::contender::Contender;

/// libjpeg-turbo at quality 80 and x264 ultrafast at CRF 23.
///
/// # Panics
///
/// The size is one they do not take.
pub(crate) fn contenders(format: FrameFormat) -> Vec<Box<dyn Contender>> {
    let side = |pixels| u16::try_from(pixels).expect("a side that the peers take");
    let size = Size::new(side(format.width_px), side(format.height_px)).expect("a size that the peers take");
    let turbo = Turbo {
        size,
        planes: Planes::new(PixelFormat::Uyvy),
        picture: None,
        encoder: TurboJpeg::new(size, 80).expect("libjpeg-turbo takes quality 80"),
    };
    let x264 = H264 {
        size,
        planes: Planes::new(PixelFormat::I420),
        picture: None,
        encoder: X264::new(size, 23).expect("x264 takes CRF 23"),
    };
    vec![Box::new(turbo), Box::new(x264)]
}

struct Turbo {
    size: Size,
    planes: Planes,
    picture: Option<I422>,
    encoder: TurboJpeg,
}

impl Contender for Turbo {
    fn name(&self) -> &'static str {
        "libjpeg-turbo q80 4:2:2"
    }

    fn prepare(&mut self, frame: &Frame) {
        let picture = I422::from_uyvy(self.size, self.planes.of(frame));
        self.picture = Some(picture.expect("a converted frame is of its size"));
    }

    fn take(&mut self, _: &Frame) -> usize {
        let picture = self.picture.as_ref().expect("prepared");
        self.encoder.encode(picture).expect("libjpeg-turbo codes every picture").len()
    }
}

struct H264 {
    size: Size,
    planes: Planes,
    picture: Option<I420>,
    encoder: X264,
}

impl Contender for H264 {
    fn name(&self) -> &'static str {
        "x264 ultrafast CRF 23"
    }

    fn prepare(&mut self, frame: &Frame) {
        let picture = I420::from_planes(self.size, self.planes.of(frame).to_vec());
        self.picture = Some(picture.expect("a converted frame is of its size"));
    }

    fn take(&mut self, _: &Frame) -> usize {
        let picture = self.picture.as_ref().expect("prepared");
        self.encoder.encode(picture).expect("x264 codes every picture").len()
    }
}

/// A frame in another pixel format.
struct Planes {
    pixel: PixelFormat,
    converter: Converter,
    bytes: Vec<u8>,
}

impl Planes {
    fn new(pixel: PixelFormat) -> Self {
        Self { pixel, converter: Converter::new(), bytes: Vec::new() }
    }

    fn of(&mut self, frame: &Frame) -> &[u8] {
        let format = frame.format();
        let target = FrameFormat::new(self.pixel, format.width_px, format.height_px);
        let image = frame.image().expect("a raw frame");
        self.converter.convert(&image, target, &mut self.bytes);
        &self.bytes
    }
}
