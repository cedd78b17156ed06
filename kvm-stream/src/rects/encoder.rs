//! One client's rectangles.

use std::time::Duration;

use kvm_audit::CapabilitySet;
use kvm_capture::{Frame, FrameFormat, ImageView, Timestamp};

use super::RectOptions;
use super::exactness::{Due, Exactness};
use super::film::FilmCoder;
use super::header::put_copy;
use super::painter::{Fidelity, Painter};
use super::planner::{Part, Planner, Way};
use crate::damage::outside;
use crate::layout::to_units;
use crate::{Damage, EncodeError, Encoder, FilmFinder, Rect, Tiles};

/// Makes one client's rectangles: keeps its zlib streams, and which parts of its picture are not exact yet.
///
/// Text and areas are exact at once, in the way that needs the fewest bytes of those the client takes. What moves is
/// copied. A photo is a JPEG picture at first and becomes exact when it has stood still for a moment, a budget's
/// worth with each call; the frames' timestamps are the clock. "Exact" means: the colours that
/// [`Converter`](kvm_capture::convert::Converter) makes of the captured picture as full-range RGB, as far as the client's pixels can hold them.
#[derive(Debug)]
pub struct RectEncoder {
    options: RectOptions,
    budget_bytes: usize,
    format: Option<FrameFormat>,
    exactness: Exactness,
    /// What was not exact before a refresh.
    inexact_before: Tiles,
    /// What the rectangles of this update touch.
    touched: Tiles,
    film: FilmFinder,
    film_coder: Option<FilmCoder>,
    /// Quality of photos at the moment.
    quality: u8,
    /// Whether this update holds photos.
    has_photos: bool,
    planner: Planner,
    painter: Painter,
}

impl RectEncoder {
    /// Creates the encoder of a client that has nothing yet.
    pub fn new(options: RectOptions) -> Self {
        Self {
            options,
            budget_bytes: DEFAULT_BUDGET_BYTES,
            format: None,
            exactness: Exactness::new(0, 0),
            inexact_before: Tiles::new(0, 0),
            touched: Tiles::new(0, 0),
            film: FilmFinder::new(),
            film_coder: None,
            quality: options.jpeg_quality.unwrap_or(MOST_QUALITY).clamp(1, MOST_QUALITY),
            has_photos: false,
            planner: Planner::new(),
            painter: Painter::new(options),
        }
    }

    /// The same with an encoder of H.264 for films, which clients get that take [Open H.264](RectOptions::open_h264).
    ///
    /// It is given the part of the screen where a [film plays](FilmFinder), as I420. What plays is painted whole with each of its pictures and is not exact
    /// until the film stops; what is around it is as exact as ever. Where the encoder fails, a picture is sent the way of photos, and
    /// the film begins anew; see [`take_film_failure`](Self::take_film_failure).
    #[must_use]
    pub fn with_film_encoder(mut self, encoder: Box<dyn Encoder>) -> Self {
        self.film_coder = Some(FilmCoder::new(encoder));
        self
    }

    /// Why the encoder of films last failed, once.
    pub fn take_film_failure(&mut self) -> Option<EncodeError> {
        self.film_coder.as_mut()?.take_failure()
    }

    /// What the client understands and wants.
    pub fn options(&self) -> RectOptions {
        self.options
    }

    /// Takes what the client wants from here on. Its zlib streams go on, as the protocol demands.
    ///
    /// What the client has of the picture stays; where its pixels change, all of it counts as not exact.
    pub fn set_options(&mut self, options: RectOptions) {
        if options.pixels != self.options.pixels {
            self.exactness.forget();
        }
        if options.jpeg_quality != self.options.jpeg_quality {
            self.quality = options.jpeg_quality.unwrap_or(MOST_QUALITY).clamp(1, MOST_QUALITY);
        }
        self.options = options;
        self.painter.set_options(options);
    }

    /// Appends the rectangles, each with its header, that turn the client's picture into this one, and returns how
    /// many there are.
    ///
    /// With empty damage that is a budget's worth of what is not exact yet. The first frame, and one of another
    /// format than the one before, is sent as a whole. Damage beyond the picture is left out.
    ///
    /// # Errors
    ///
    /// The frame is compressed, or a codec's library failed; `out` is as it was before then. The next frame must be
    /// encoded with full damage.
    pub fn encode(&mut self, frame: &Frame, damage: &Damage, out: &mut Vec<u8>) -> Result<u16, EncodeError> {
        self.append_all(frame, damage, Purpose::Update, out)
    }

    /// Whether parts of the client's picture are not exact yet, so that calls with empty damage are wanted.
    pub fn has_backlog(&self) -> bool {
        self.format.is_some() && !self.exactness.inexact().is_empty()
    }

    /// About how many bytes each of the next updates may have. Text and areas are sent whatever they need.
    pub fn set_budget(&mut self, bytes: usize) {
        self.budget_bytes = bytes;
        if let Some(coder) = &mut self.film_coder {
            coder.set_budget(bytes);
        }
    }

    /// Lets a film begin anew with its next picture, so that somebody can begin there.
    pub(super) fn restart_film(&mut self) {
        if let Some(coder) = &mut self.film_coder {
            coder.restart();
        }
    }

    /// What the encoder of films uses that needs a grant.
    pub(super) fn capabilities(&self) -> CapabilitySet {
        self.film_coder.as_ref().map_or(CapabilitySet::EMPTY, FilmCoder::capabilities)
    }

    /// The format of the last frame, on which the next update builds; `None` if there is none.
    pub(super) fn format(&self) -> Option<FrameFormat> {
        self.format
    }

    /// The tiles that the rectangles of the last update touch.
    pub(super) fn touched(&self) -> &Tiles {
        &self.touched
    }

    /// As [`encode`](Self::encode), for a client that lacks part of the picture of the last update, which others have.
    /// What is exact afterwards is so for all of them.
    pub(super) fn encode_refresh(
        &mut self,
        frame: &Frame,
        lacking: &Damage,
        out: &mut Vec<u8>,
    ) -> Result<u16, EncodeError> {
        self.append_all(frame, lacking, Purpose::Refresh, out)
    }

    fn append_all(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        purpose: Purpose,
        out: &mut Vec<u8>,
    ) -> Result<u16, EncodeError> {
        let start = out.len();
        let count = self.append(frame, damage, purpose, out);
        if count.is_err() {
            out.truncate(start);
            // What the client did not see cannot go on.
            self.format = None;
            self.painter.forget_history();
        }
        count
    }

    fn append(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        purpose: Purpose,
        out: &mut Vec<u8>,
    ) -> Result<u16, EncodeError> {
        let format = frame.format();
        let image =
            frame.image().ok_or(EncodeError::Unsupported { encoder: "the encoder of rectangles", format })?;
        let whole;
        let damage = if self.format == Some(format) {
            damage
        } else {
            self.start(format);
            whole = Damage::full(format.width_px, format.height_px);
            &whole
        };
        let start = out.len();
        self.painter.start()?;
        self.touched.clear();
        self.planner.clear();
        self.has_photos = false;
        let now = frame.timestamp();
        let mut count = self.copy(format, damage, now, out);
        let painted;
        let rects = if damage.copies().is_empty() || self.options.copy_rect && count == damage.copies().len()
        {
            damage.rects()
        } else {
            painted = damage.without_copies();
            painted.rects()
        };
        let size_px = (format.width_px, format.height_px);
        let allows_photos = self.allows_photos();
        let film = match purpose {
            Purpose::Update if allows_photos || self.codes_film() => self.film.observe(damage, &image, now),
            _ => None,
        };
        if purpose == Purpose::Update {
            let coded = film.filter(|_| self.codes_film());
            if let Some(coder) = &mut self.film_coder {
                coder.set_place(coded);
            }
        } else if self
            .film_place()
            .is_some_and(|film| rects.iter().any(|rect| rect.intersection(film).is_some()))
        {
            self.restart_film();
        }
        let mut playing: Option<Rect> = None;
        for rect in rects.iter().filter_map(|rect| to_units(format.pixel, size_px, *rect)) {
            if purpose == Purpose::Update {
                self.exactness.changed(rect, now);
            }
            match film.and_then(|film| Some((film, film.intersection(rect)?))) {
                Some((film, part)) => {
                    playing = Some(playing.map_or(part, |playing| playing.union(part)));
                    for rest in outside(rect, film) {
                        self.plan(&image, rest);
                    }
                }
                None => self.plan(&image, rect),
            }
        }
        if purpose == Purpose::Update {
            count += self.put_film(&image, frame, damage, playing, out);
        }
        if purpose == Purpose::Update {
            self.paint(&image, out)?;
            self.adapt(out.len() - start + self.painter.pending_bytes());
            self.refine(&image, now, start, out)?;
        } else {
            self.inexact_before.clone_from(self.exactness.inexact());
            self.paint(&image, out)?;
            self.exactness.also_inexact(&self.inexact_before);
        }
        count += self.painter.finish(out);
        u16::try_from(count).map_err(|_| EncodeError::Codec {
            encoder: "the encoder of rectangles",
            reason: format!("{count} rectangles are more than an update holds"),
        })
    }

    /// Begins with pictures of another format.
    fn start(&mut self, format: FrameFormat) {
        self.format = Some(format);
        self.painter.set_format(format);
        self.exactness = Exactness::new(format.width_px, format.height_px);
        self.touched = Tiles::new(format.width_px, format.height_px);
        self.restart_film();
    }

    /// Copies, unless one of them is none that a client can make; returns how many.
    fn copy(&mut self, format: FrameFormat, damage: &Damage, now: Timestamp, out: &mut Vec<u8>) -> usize {
        let is_inside = |rect: Rect| {
            !rect.is_empty() && rect.right() <= format.width_px && rect.bottom() <= format.height_px
        };
        let copies = damage.copies();
        let are_inside = copies.iter().all(|copy| is_inside(copy.to) && is_inside(copy.from()));
        if !self.options.copy_rect || !are_inside {
            return 0;
        }
        for copy in copies {
            put_copy(*copy, out);
            self.touched.insert_rect(copy.to);
        }
        self.exactness.copied(copies, now);
        copies.len()
    }

    /// Plans how a rectangle that is no film is sent.
    fn plan(&mut self, image: &ImageView<'_>, rect: Rect) {
        if self.options.tight {
            self.planner.add(image, rect, self.allows_photos());
        } else {
            // Without Tight there is nothing to choose from, and from the upper left corner on is what some
            // viewers expect of their first picture.
            self.planner.add_exact(rect);
        }
    }

    /// Appends the film's picture if something changed where it plays; returns how many rectangles that takes. What
    /// is not coded as a film is planned like photos.
    fn put_film(
        &mut self,
        image: &ImageView<'_>,
        frame: &Frame,
        damage: &Damage,
        playing: Option<Rect>,
        out: &mut Vec<u8>,
    ) -> usize {
        let place = self.film_place();
        let is_copied_over =
            |film: Rect| damage.copies().iter().any(|copy| copy.to.intersection(film).is_some());
        if let (Some(film), Some(coder)) = (place, &mut self.film_coder) {
            if playing.is_none() && !is_copied_over(film) {
                return 0;
            }
            if let Some(count) = coder.put(image, frame, out) {
                self.exactness.sent_alike(film);
                self.touched.insert_rect(film);
                return count;
            }
        }
        match playing {
            Some(playing) if self.allows_photos() => self.planner.add_film(image, playing),
            Some(playing) => self.plan(image, playing),
            None => {}
        }
        0
    }

    /// Where a film is that is coded as one.
    fn film_place(&self) -> Option<Rect> {
        self.film_coder.as_ref()?.place()
    }

    fn codes_film(&self) -> bool {
        self.film_coder.is_some() && self.options.open_h264
    }

    /// Appends the planned parts.
    fn paint(&mut self, image: &ImageView<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        for index in 0..self.planner.parts().len() {
            let part = self.planner.parts()[index];
            self.put(image, part, out)?;
            self.has_photos |= part.way == Way::Photo;
        }
        Ok(())
    }

    fn put(&mut self, image: &ImageView<'_>, part: Part, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self.painter.put(image, part, self.quality, out)? {
            Fidelity::Exact => self.exactness.sent_exact(part.rect),
            Fidelity::Alike => self.exactness.sent_alike(part.rect),
        }
        self.touched.insert_rect(part.rect);
        Ok(())
    }

    /// Makes exact what has stood still, as far as the budget goes.
    fn refine(
        &mut self,
        image: &ImageView<'_>,
        now: Timestamp,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut left_px = if self.painter.has_planes() { MOST_REFINED_PLANES_PX } else { MOST_REFINED_PX };
        let playing = self.film_place();
        let mut row = 0;
        while left_px > 0 && out.len() - start + self.painter.pending_bytes() < self.budget_bytes {
            let most_px = left_px.min(MOST_DUE_PX);
            let due = Due { now, wait: STILL, playing, most_px };
            let Some(rect) = self.exactness.next_due(row, due) else { break };
            row = rect.y / Tiles::TILE_PX;
            self.put(image, Part { rect, way: Way::Exact }, out)?;
            left_px = left_px.saturating_sub(rect.area());
        }
        Ok(())
    }

    /// Lets the quality of photos follow what their pictures took of the budget: down at once, up slowly.
    fn adapt(&mut self, update_bytes: usize) {
        let wanted = self.options.jpeg_quality.unwrap_or(MOST_QUALITY).clamp(1, MOST_QUALITY);
        let least = LEAST_QUALITY.min(wanted);
        let quality = if !self.has_photos {
            self.quality
        } else if update_bytes > self.budget_bytes {
            self.quality.saturating_sub(QUALITY_DOWN)
        } else if update_bytes < self.budget_bytes / 2 {
            self.quality.saturating_add(QUALITY_UP)
        } else {
            self.quality
        };
        self.quality = quality.clamp(least, wanted);
    }

    /// Whether photos may be JPEG pictures: viewers show those only with pixels of 16 and more bits.
    fn allows_photos(&self) -> bool {
        self.options.tight && self.options.jpeg_quality.is_some() && self.options.pixels.bytes_per_pixel() > 1
    }
}

/// Whom rectangles are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// For all that have the last update.
    Update,
    /// For one that lacks part of it; the others do not see it.
    Refresh,
}

/// For how long a photo has to stand still before it is made exact.
const STILL: Duration = Duration::from_millis(100);
/// The most that one update makes exact, so that no update takes long.
const MOST_REFINED_PX: u64 = 98_304;
/// The same where it goes faster: a screen of 1920×1080 in six updates.
const MOST_REFINED_PLANES_PX: u64 = 360_448;
/// The most pixels that are made exact as one part.
const MOST_DUE_PX: u64 = 65_536;
/// Photos get no worse than this, or than asked for.
const LEAST_QUALITY: u8 = 20;
const MOST_QUALITY: u8 = 100;
const QUALITY_DOWN: u8 = 8;
const QUALITY_UP: u8 = 1;
/// Bytes of an update unless told otherwise.
const DEFAULT_BUDGET_BYTES: usize = 256 * 1024;
