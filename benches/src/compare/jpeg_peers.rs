//! libjpeg-turbo, in the three ways programs of this kind drive it.

use kvm_benches::peers::{Coder, Converted, JpegManner, Layout, Pixels};
use kvm_capture::{Colour, Frame, FrameFormat, ImageView, PixelFormat};

use crate::contender::{Contender, Entrant, Failure};
use crate::library::Library;
use crate::viewers::{PictureView, TileView};

pub(crate) fn entrants(format: FrameFormat) -> Result<Vec<Entrant>, Failure> {
    let size = (u16::try_from(format.width_px)?, u16::try_from(format.height_px)?);
    // Luma and colour differences are coded as they are; from RGB the library makes JFIF's.
    let colour = if format.pixel.is_rgb() { Colour::JPEG } else { format.colour };
    let planes = planes(format.pixel);
    let whole = Library::new(Coder::jpeg(size, QUALITY, JpegManner::Fastest, false)?, planes);
    let scanlines = Library::new(Coder::jpeg(size, QUALITY, JpegManner::Scanlines, false)?, None);
    let tiles = Tiles {
        coder: Coder::jpeg((TILE, TILE), QUALITY, JpegManner::Fastest, true)?,
        layout: planes,
        converted: Converted::default(),
        previous: None,
        sent: Vec::new(),
        ends: Vec::new(),
    };
    Ok(vec![
        Entrant::new("libjpeg-turbo q80", format, whole, PictureView::jpeg(colour)?),
        Entrant::new("libjpeg as ustreamer q80", format, scanlines, PictureView::jpeg(colour)?),
        Entrant::new("libjpeg-turbo q80 dirty tiles", format, tiles, TileView::new(colour)?),
    ])
}

/// The planes that libjpeg-turbo codes fastest; `None` if it takes the captured rows as they are.
fn planes(pixel: PixelFormat) -> Option<Layout> {
    match pixel {
        PixelFormat::Uyvy => Some(Layout::I422),
        PixelFormat::Nv12 => Some(Layout::I420),
        _ => None,
    }
}

/// A picture for every tile of 64×64 that changed, behind its column, its row and two bytes for its length. What a
/// tile costs to convert is part of coding it.
struct Tiles {
    coder: Coder,
    layout: Option<Layout>,
    converted: Converted,
    previous: Option<Frame>,
    sent: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
}

impl Contender for Tiles {
    fn code(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.sent.clear();
        self.ends.clear();
        if self.previous.is_none() {
            self.coder.tables()?;
            self.push((0, 0))?;
        }
        let previous = self.previous.replace(frame.clone());
        let before = previous.as_ref().and_then(Frame::image);
        let image = frame.image().ok_or("a raw frame has pixels")?;
        let (width, height) = (image.format().width_px, image.format().height_px);
        let tile = u32::from(TILE);
        for row in 0..height.div_ceil(tile) {
            for column in 0..width.div_ceil(tile) {
                let (x, y) = (column * tile, row * tile);
                let (across, down) = (tile.min(width - x), tile.min(height - y));
                let part = image.crop(x, y, across, down).ok_or("a tile is inside its picture")?;
                if before
                    .and_then(|before| before.crop(x, y, across, down))
                    .is_some_and(|old| same(&old, &part))
                {
                    continue;
                }
                let part = Pixels::of(&part).ok_or("a format that no peer takes")?;
                match self.layout {
                    Some(layout) => {
                        self.converted.fill(&part, layout)?;
                        self.coder.code(&self.converted.pixels().ok_or("nothing was converted")?)?;
                    }
                    None => self.coder.code(&part)?,
                }
                self.push((u8::try_from(column)?, u8::try_from(row)?))?;
            }
        }
        Ok(())
    }

    fn messages(&self) -> Vec<&[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.sent[start..*end]).collect()
    }
}

impl Tiles {
    fn push(&mut self, (column, row): (u8, u8)) -> Result<(), Failure> {
        let length = u16::try_from(self.coder.coded().len())?;
        self.sent.extend([column, row]);
        self.sent.extend(length.to_be_bytes());
        self.sent.extend(self.coder.coded());
        self.ends.push(self.sent.len());
        Ok(())
    }
}

fn same(first: &ImageView<'_>, second: &ImageView<'_>) -> bool {
    first.planes().iter().zip(second.planes()).all(|(a, b)| a.rows().eq(b.rows()))
}

const QUALITY: u8 = 80;
const TILE: u16 = 64;
