//! Where on the screen something plays.

use std::time::Duration;

use kvm_capture::{ImageView, Timestamp};

use crate::{Class, Damage, Rect, Tiles, classify};

/// Finds the rectangle of a film: tiles that are painted anew in frame after frame.
///
/// A tile plays when it has been painted for 500 ms without a pause of more than 150 ms. What is copied counts as
/// painted only where it is painted over, so that a page that scrolls does not look like a film. The rectangle is the
/// smallest one around the largest group of neighbouring tiles that play; it is one if it is 64 pixels wide and high,
/// half of its tiles play, and most of them show [photos](Class::Photo): text that runs through so fast that nothing of
/// it is found again is none. Once found it stays as it is, whatever single tiles do, until less than a quarter of
/// it plays or, for 500 ms, the film was seen to reach somewhere else.
///
/// The time is that of the frames. A film is looked for at tiles' edges: the rectangle begins at multiples of 16
/// pixels and is of even size.
#[derive(Debug, Default)]
pub struct FilmFinder {
    size_px: (u32, u32),
    tiles: Vec<Activity>,
    // Tiles that play, and those of them not yet seen as part of a group; kept for their memory.
    playing: Vec<bool>,
    waiting: Vec<(u32, u32)>,
    film: Option<Rect>,
    /// Another rectangle than the film's, and since when it was seen.
    other: Option<(Option<Rect>, Timestamp)>,
}

/// When a tile was painted.
#[derive(Debug, Clone, Copy, Default)]
struct Activity {
    since: Timestamp,
    last: Option<Timestamp>,
}

impl FilmFinder {
    /// Shortest side of a film, in pixels.
    pub const LEAST_SIDE_PX: u32 = 64;
    /// How long something has to play to be a film, and how long a change of its rectangle has to last.
    pub const STABLE: Duration = Duration::from_millis(500);
    /// The longest pause of a tile that plays.
    pub const PAUSE: Duration = Duration::from_millis(150);

    /// Creates a finder that has not seen a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of what changed in a frame that shows this picture, and tells where a film plays.
    ///
    /// To be called for frames without change as well, with [`Damage::NONE`]; a film that stops is noticed by time.
    pub fn observe(&mut self, damage: &Damage, image: &ImageView<'_>, now: Timestamp) -> Option<Rect> {
        let size_px = (image.format().width_px, image.format().height_px);
        if self.size_px != size_px {
            *self = Self { size_px, ..Self::default() };
            let count =
                size_px.0.div_ceil(Tiles::TILE_PX) as usize * size_px.1.div_ceil(Tiles::TILE_PX) as usize;
            self.tiles.resize(count, Activity::default());
        }
        self.note(damage, now);
        self.playing.clear();
        self.playing.extend(self.tiles.iter().map(|tile| tile.plays(now)));
        let seen = self.largest_group();
        // What plays is looked at only when it is about to become the film.
        let seen = seen.filter(|seen| self.is_known(*seen) || self.is_photo(image, *seen, now));
        self.settle(seen, now);
        self.film
    }

    /// The rectangle found last.
    pub fn film(&self) -> Option<Rect> {
        self.film
    }

    fn note(&mut self, damage: &Damage, now: Timestamp) {
        let columns = self.columns();
        for rect in damage.rects() {
            // A picture painted as a whole, as the first one is, says nothing about a film in it.
            let Some(rect) = rect.intersection(Rect::new(0, 0, self.size_px.0, self.size_px.1)) else {
                continue;
            };
            for row in rect.y / Tiles::TILE_PX..rect.bottom().div_ceil(Tiles::TILE_PX) {
                for column in rect.x / Tiles::TILE_PX..rect.right().div_ceil(Tiles::TILE_PX) {
                    self.tiles[(row * columns + column) as usize].paint(now);
                }
            }
        }
    }

    /// The rectangle around the largest group of neighbouring tiles that play, if it is a film's.
    fn largest_group(&mut self) -> Option<Rect> {
        let (columns, rows) = (self.columns(), self.size_px.1.div_ceil(Tiles::TILE_PX));
        let mut largest: Option<(u32, Rect)> = None;
        for start in 0..self.playing.len() {
            if !std::mem::take(&mut self.playing[start]) {
                continue;
            }
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            let tile = (start % columns, start / columns);
            self.waiting.push(tile);
            let (mut count, mut bounds) = (0, Rect::new(tile.0, tile.1, 1, 1));
            while let Some((column, row)) = self.waiting.pop() {
                count += 1;
                bounds = bounds.union(Rect::new(column, row, 1, 1));
                // Over gaps of one tile too: parts of a film may stand still.
                for row in row.saturating_sub(2)..(row + 3).min(rows) {
                    for column in column.saturating_sub(2)..(column + 3).min(columns) {
                        if std::mem::take(&mut self.playing[(row * columns + column) as usize]) {
                            self.waiting.push((column, row));
                        }
                    }
                }
            }
            if largest.is_none_or(|(most, _)| count > most) {
                largest = Some((count, bounds));
            }
        }
        let (count, bounds) = largest?;
        let film = self.pixels(bounds);
        let is_film = film.width >= Self::LEAST_SIDE_PX
            && film.height >= Self::LEAST_SIDE_PX
            && u64::from(count) * 2 >= bounds.area();
        is_film.then_some(film)
    }

    /// Whether this is the film's rectangle, or nearly.
    fn is_known(&self, seen: Rect) -> bool {
        is_near(self.film, Some(seen))
    }

    /// Whether most of the playing tiles of a rectangle, in a sample of them, show photos. Those of one colour do not
    /// count.
    fn is_photo(&self, image: &ImageView<'_>, rect: Rect, now: Timestamp) -> bool {
        let columns = self.columns();
        let rows = rect.y / Tiles::TILE_PX..rect.bottom().div_ceil(Tiles::TILE_PX);
        let of_row = |row| {
            let tiles = rect.x / Tiles::TILE_PX..rect.right().div_ceil(Tiles::TILE_PX);
            tiles.map(move |column| (column, row))
        };
        let all = (rect.right().div_ceil(Tiles::TILE_PX) - rect.x / Tiles::TILE_PX) as usize * rows.len();
        // An odd step meets other columns in every row.
        let step = (all / SAMPLED_TILES) | 1;
        let (mut photos, mut texts) = (0, 0);
        for (column, row) in rows.flat_map(of_row).step_by(step) {
            if !self.tiles[(row * columns + column) as usize].plays(now) {
                continue;
            }
            let tile =
                Rect::new(column * Tiles::TILE_PX, row * Tiles::TILE_PX, Tiles::TILE_PX, Tiles::TILE_PX);
            match classify(image, tile) {
                Class::Flat => {}
                Class::Text => texts += 1,
                Class::Photo | Class::Film => photos += 1,
            }
        }
        photos > texts
    }

    /// Lets the film follow what is seen, but not at once.
    fn settle(&mut self, seen: Option<Rect>, now: Timestamp) {
        if seen == self.film {
            self.other = None;
            return;
        }
        let stopped = self.film.is_some_and(|film| self.share_playing(film, now) * 4 < film.area());
        let lasted = match self.other {
            Some((other, since)) if is_near(other, seen) => now.saturating_since(since) >= Self::STABLE,
            _ => {
                self.other = Some((seen, now));
                false
            }
        };
        if stopped || lasted || self.film.is_none() {
            self.film = seen;
            self.other = None;
        }
    }

    /// Pixels of a rectangle of whole tiles that play.
    fn share_playing(&self, film: Rect, now: Timestamp) -> u64 {
        let columns = self.columns();
        let mut area = 0;
        for row in film.y / Tiles::TILE_PX..film.bottom().div_ceil(Tiles::TILE_PX) {
            for column in film.x / Tiles::TILE_PX..film.right().div_ceil(Tiles::TILE_PX) {
                if self.tiles[(row * columns + column) as usize].plays(now) {
                    area += u64::from(Tiles::TILE_PX * Tiles::TILE_PX);
                }
            }
        }
        area
    }

    /// Tiles as pixels, of even size.
    fn pixels(&self, tiles: Rect) -> Rect {
        let (x, y) = (tiles.x * Tiles::TILE_PX, tiles.y * Tiles::TILE_PX);
        let right = (tiles.right() * Tiles::TILE_PX).min(self.size_px.0);
        let bottom = (tiles.bottom() * Tiles::TILE_PX).min(self.size_px.1);
        Rect::new(x, y, (right - x) & !1, (bottom - y) & !1)
    }

    fn columns(&self) -> u32 {
        self.size_px.0.div_ceil(Tiles::TILE_PX)
    }
}

impl Activity {
    fn paint(&mut self, now: Timestamp) {
        if self.last.is_none_or(|last| now.saturating_since(last) > FilmFinder::PAUSE) {
            self.since = now;
        }
        self.last = Some(now);
    }

    fn plays(&self, now: Timestamp) -> bool {
        self.last.is_some_and(|last| {
            now.saturating_since(last) <= FilmFinder::PAUSE
                && last.saturating_since(self.since) >= FilmFinder::STABLE
        })
    }
}

/// About how many tiles are looked at to know a film from text.
const SAMPLED_TILES: usize = 64;

/// Whether two rectangles are the same to within a tile at each edge, as what is seen of one film is.
fn is_near(one: Option<Rect>, other: Option<Rect>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            [(one.x, other.x), (one.y, other.y), (one.right(), other.right()), (one.bottom(), other.bottom())]
                .iter()
                .all(|(one, other)| one.abs_diff(*other) <= Tiles::TILE_PX)
        }
        (one, other) => one == other,
    }
}
