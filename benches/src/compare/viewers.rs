//! Those who decode what the contenders send: libjpeg-turbo, OpenH264's decoder, libvpx, and
//! for rectangles the decoder that kvm-stream is tested with, which shares nothing with the encoder.

use bytes::Bytes;
use kvm_benches::peers::{self, Layout};
use kvm_benches::quality::Screen;
use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, ImageView, PixelFormat};
use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig};
use openh264::formats::YUVSource;

use crate::contender::{Failure, Viewer};
use crate::film_view::film_view;
use crate::rect_decoder::{self, Client};

/// Shows every message as a whole picture of one of the C libraries.
pub(crate) struct PictureView {
    viewer: peers::Viewer,
    painter: Painter,
}

impl PictureView {
    /// JPEG pictures whose numbers mean this colour.
    pub(crate) fn jpeg(colour: Colour) -> Result<Self, Failure> {
        Ok(Self { viewer: peers::Viewer::jpeg()?, painter: Painter::new(colour) })
    }

    pub(crate) fn vp8(colour: Colour) -> Result<Self, Failure> {
        Ok(Self { viewer: peers::Viewer::vp8()?, painter: Painter::new(colour) })
    }
}

impl Viewer for PictureView {
    fn take(&mut self, message: &[u8], screen: &mut Screen) -> Result<(), Failure> {
        let pixels = self.viewer.show(message)?.ok_or("a message without a picture")?;
        self.painter.paint(
            pixels.format(),
            &[0, 1, 2].map(|plane| pixels.rows(plane).collect()),
            (0, 0),
            screen,
        )
    }
}

/// Shows messages that are tiles: column and row, and a JPEG picture without its tables, which come first.
pub(crate) struct TileView {
    viewer: peers::Viewer,
    painter: Painter,
}

impl TileView {
    pub(crate) fn new(colour: Colour) -> Result<Self, Failure> {
        Ok(Self { viewer: peers::Viewer::jpeg()?, painter: Painter::new(colour) })
    }
}

impl Viewer for TileView {
    fn take(&mut self, message: &[u8], screen: &mut Screen) -> Result<(), Failure> {
        let (head, jpeg) = message.split_first_chunk::<4>().ok_or("a message without a place")?;
        let at = (usize::from(head[0]) * 64, usize::from(head[1]) * 64);
        match self.viewer.show(jpeg)? {
            Some(pixels) => {
                let rows = [0, 1, 2].map(|plane| pixels.rows(plane).collect());
                self.painter.paint(pixels.format(), &rows, at, screen)
            }
            None => Ok(()),
        }
    }
}

/// Shows H.264 pictures.
pub(crate) struct H264View {
    decoder: Decoder,
    painter: Painter,
    /// The planes of the last picture, without padding.
    decoded: Vec<u8>,
}

impl H264View {
    pub(crate) fn new(colour: Colour) -> Result<Self, Failure> {
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())?;
        Ok(Self { decoder, painter: Painter::new(colour), decoded: Vec::new() })
    }
}

impl Viewer for H264View {
    fn take(&mut self, message: &[u8], screen: &mut Screen) -> Result<(), Failure> {
        let shown = self.decoder.decode(message)?.ok_or("a message without a picture")?;
        let (width, height) = shown.dimensions();
        let side = |length: usize| u16::try_from(length);
        let (y, u, v) = shown.strides();
        let plane = |bytes, stride, width: usize, height| -> Vec<&[u8]> {
            <[u8]>::chunks(bytes, stride).map(|row| &row[..width]).take(height).collect()
        };
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let rows = [
            plane(shown.y(), y, width, height),
            plane(shown.u(), u, half_width, half_height),
            plane(shown.v(), v, half_width, half_height),
        ];
        self.decoded.clear();
        self.decoded.extend(rows.iter().flatten().flat_map(|row| row.iter()));
        self.painter.paint((Layout::I420, side(width)?, side(height)?), &rows, (0, 0), screen)
    }

    fn shows(&self, picture: &ImageView<'_>) -> bool {
        picture.planes().iter().flat_map(|plane| plane.rows()).flatten().eq(&self.decoded)
    }
}

/// Shows packets of rectangles.
pub(crate) struct RectView(Client);

impl RectView {
    pub(crate) fn new(format: FrameFormat) -> Self {
        Self(Client::new(rect_decoder::Pixels::BGRX, format.width_px, format.height_px))
    }

    /// The same, of a viewer that shows Open H.264.
    pub(crate) fn with_films(mut self) -> Self {
        self.0.film = Some(film_view());
        self
    }
}

impl Viewer for RectView {
    fn take(&mut self, message: &[u8], screen: &mut Screen) -> Result<(), Failure> {
        self.0.packet(message)?;
        for (shown, pixel) in screen.rgb.chunks_exact_mut(3).zip(&self.0.picture) {
            let [blue, green, red, _] = pixel.to_le_bytes();
            shown.copy_from_slice(&[red, green, blue]);
        }
        Ok(())
    }
}

/// Brings decoded pictures into the colour of the screen.
struct Painter {
    colour: Colour,
    converter: Converter,
    rgb: Vec<u8>,
}

impl Painter {
    fn new(colour: Colour) -> Self {
        Self { colour, converter: Converter::new(), rgb: Vec::new() }
    }

    fn paint(
        &mut self,
        (layout, width, height): (Layout, u16, u16),
        planes: &[Vec<&[u8]>; 3],
        (left, top): (usize, usize),
        screen: &mut Screen,
    ) -> Result<(), Failure> {
        let pixel = match layout {
            Layout::I420 => PixelFormat::I420,
            Layout::Nv24 => PixelFormat::Nv24,
            other => return Err(format!("a viewer shows {other:?}").into()),
        };
        let bytes: Vec<u8> = planes.iter().flatten().flat_map(|row| row.iter().copied()).collect();
        let format = FrameFormat::new(pixel, width.into(), height.into()).with_colour(self.colour);
        let frame = Frame::packed(format, Bytes::from(bytes))?;
        let image = frame.image().ok_or("a raw frame has pixels")?;
        let rgb = FrameFormat::new(PixelFormat::Rgb24, width.into(), height.into());
        self.converter.convert(&image, rgb, &mut self.rgb);

        let (width, height) = (usize::from(width), usize::from(height));
        let screen_rows = screen.rgb.len() / (screen.width * 3);
        if left + width > screen.width || top + height > screen_rows {
            return Err(
                format!("a picture of {width}×{height} at {left}, {top} is outside the screen").into()
            );
        }
        let rows = screen.rgb.chunks_exact_mut(screen.width * 3).skip(top);
        for (row, shown) in rows.zip(self.rgb.chunks_exact(width * 3)) {
            row[left * 3..][..width * 3].copy_from_slice(shown);
        }
        Ok(())
    }
}
