//! Parts of a picture as rectangles.

use kvm_capture::{FrameFormat, ImageView};

use super::header::put_raw;
use super::plane_coder::PlaneCoder;
use super::planner::{Part, Way};
use super::source::PixelReader;
use super::tight::TightCoder;
use super::zrle::ZrleCoder;
use super::{ClientPixels, RectOptions};
use crate::{BaselineJpeg, EncodeError, Rect};

/// Whether what was sent of a part is the part itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fidelity {
    /// Pixel for pixel.
    Exact,
    /// Something like it.
    Alike,
}

/// Makes rectangles of parts of pictures, in the way that needs the fewest bytes of those a client takes.
#[derive(Debug)]
pub(super) struct Painter {
    options: RectOptions,
    reader: PixelReader,
    tight: TightCoder,
    /// Only for a client that gets such rectangles: it takes a third of a megabyte.
    zrle: Option<ZrleCoder>,
    /// Only for a client that takes them.
    planes: Option<PlaneCoder>,
    jpeg: BaselineJpeg,
    format: Option<FrameFormat>,
    /// Rectangles since the update began.
    count: usize,
    pixels: Vec<u32>,
    picture: Vec<u8>,
}

impl Painter {
    pub(super) fn new(options: RectOptions) -> Self {
        Self {
            options,
            reader: PixelReader::new(options.pixels),
            tight: TightCoder::new(options.zlib_level),
            zrle: None,
            planes: takes_planes(options).then(PlaneCoder::new),
            jpeg: BaselineJpeg::new(),
            format: None,
            count: 0,
            pixels: Vec::new(),
            picture: Vec::new(),
        }
    }

    /// Takes what the client wants from here on.
    pub(super) fn set_options(&mut self, options: RectOptions) {
        if options.pixels != self.options.pixels {
            self.reader = PixelReader::new(options.pixels);
        }
        if takes_planes(options) != self.planes.is_some() {
            self.planes = takes_planes(options).then(PlaneCoder::new);
        }
        self.options = options;
        if let Some(format) = self.format {
            self.set_format(format);
        }
    }

    /// Takes pictures of this format from here on.
    pub(super) fn set_format(&mut self, format: FrameFormat) {
        self.format = Some(format);
        self.reader.set_format(format);
        if let Some(planes) = &mut self.planes {
            planes.set_format(format);
        }
    }

    /// Begins an update.
    pub(super) fn start(&mut self) -> Result<(), EncodeError> {
        self.count = 0;
        if let Some(planes) = &mut self.planes {
            planes.forget();
        }
        self.tight.set_level(self.options.zlib_level)?;
        if let Some(zrle) = &mut self.zrle {
            zrle.set_level(self.options.zlib_level)?;
        }
        if !self.options.keeps_history {
            self.tight.forget_history();
        }
        Ok(())
    }

    /// What the client did not see cannot go on.
    pub(super) fn forget_history(&mut self) {
        self.tight.forget_history();
    }

    /// About how many bytes parts take that were put but are not appended yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.planes.as_ref().map_or(0, PlaneCoder::pending_bytes)
    }

    /// Whether parts of many colours take few bytes and little time.
    pub(super) fn has_planes(&self) -> bool {
        self.planes.is_some()
    }

    /// Appends a part, or keeps it until [`finish`](Self::finish), which is after all that it may paint over.
    pub(super) fn put(
        &mut self,
        image: &ImageView<'_>,
        part: Part,
        quality: u8,
        out: &mut Vec<u8>,
    ) -> Result<Fidelity, EncodeError> {
        match part.way {
            Way::Photo => self.put_photo(image, part.rect, quality, out),
            Way::Fill if self.options.tight => Ok(self.put_fill(image, part.rect, out)),
            Way::Fill | Way::Exact => self.put_exact(image, part.rect, out),
        }
    }

    /// Appends what was kept, and returns how many rectangles there are since [`start`](Self::start).
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> usize {
        if let Some(planes) = &mut self.planes {
            self.count += usize::from(planes.put(out));
        }
        self.count
    }

    fn put_fill(&mut self, image: &ImageView<'_>, rect: Rect, out: &mut Vec<u8>) -> Fidelity {
        let mut pixel = [0];
        self.reader.read_row(image, rect.x, rect.y, &mut pixel);
        self.tight.put_fill(rect, pixel[0], self.options.pixels, out);
        self.count += 1;
        Fidelity::Exact
    }

    fn put_exact(
        &mut self,
        image: &ImageView<'_>,
        rect: Rect,
        out: &mut Vec<u8>,
    ) -> Result<Fidelity, EncodeError> {
        let pixels = self.options.pixels;
        self.pixels.resize(rect.width as usize * rect.height as usize, 0);
        let suited = self.planes.as_mut().filter(|planes| planes.suits(rect));
        let has_palette = self.options.tight && {
            self.tight.start_palette(self.pixels.len(), suited.is_some());
            let mut rows = self.pixels.chunks_mut(rect.width as usize).zip(rect.y..);
            rows.all(|(row, y)| {
                self.reader.read_row(image, rect.x, y, row);
                self.tight.add_to_palette(row)
            })
        };
        if has_palette {
            self.tight.put_palette(rect, pixels, out)?;
            self.count += 1;
            return Ok(Fidelity::Exact);
        }
        if let Some(planes) = suited {
            if !planes.has_room(rect) {
                self.count += usize::from(planes.put(out));
            }
            planes.add(image, rect);
            if planes.is_full() {
                self.count += usize::from(planes.put(out));
            }
            return Ok(Fidelity::Exact);
        }
        for (row, y) in self.pixels.chunks_mut(rect.width as usize).zip(rect.y..) {
            self.reader.read_row(image, rect.x, y, row);
        }
        if self.options.tight {
            self.tight.put_colours(rect, &self.pixels, pixels, self.options.tight_gradient, out)?;
        } else if self.options.zrle {
            let level = self.options.zlib_level;
            let zrle = self.zrle.get_or_insert_with(|| ZrleCoder::new(level));
            zrle.put_exact(rect, &self.pixels, pixels, out)?;
        } else {
            put_raw(rect, &self.pixels, pixels, out);
        }
        self.count += 1;
        Ok(Fidelity::Exact)
    }

    fn put_photo(
        &mut self,
        image: &ImageView<'_>,
        rect: Rect,
        quality: u8,
        out: &mut Vec<u8>,
    ) -> Result<Fidelity, EncodeError> {
        let Some(part) = image.crop(rect.x, rect.y, rect.width, rect.height) else {
            return self.put_exact(image, rect, out);
        };
        self.picture.clear();
        self.jpeg.encode(&part, quality, &mut self.picture)?;
        self.tight.put_jpeg(rect, &self.picture, out);
        self.count += 1;
        Ok(Fidelity::Alike)
    }
}

/// Whether a client is sent exact planes. They give colours of 24 bits.
fn takes_planes(options: RectOptions) -> bool {
    options.planes && options.tight && options.pixels == ClientPixels::BGRX
}
