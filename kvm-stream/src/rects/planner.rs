//! Which parts of what changed are sent how.

use kvm_capture::ImageView;

use super::content::{Content, TileScan};
use super::tight;
use crate::classify::is_flat;
use crate::{Rect, Tiles};

/// How a part is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// As a rectangle of one colour.
    Fill,
    /// Pixel for pixel.
    Exact,
    /// As a JPEG picture.
    Photo,
}

/// A part of a picture and how it is sent. Later ones may paint over photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) rect: Rect,
    pub(super) way: Way,
}

/// Splits what changed into parts.
#[derive(Debug)]
pub(super) struct Planner {
    scan: TileScan,
    parts: Vec<Part>,
    /// What the tiles of the rectangle at hand are, row by row; `None` for those that are planned.
    tiles: Vec<Option<Content>>,
    photos: Vec<Rect>,
}

impl Planner {
    pub(super) fn new() -> Self {
        Self { scan: TileScan::new(), parts: Vec::new(), tiles: Vec::new(), photos: Vec::new() }
    }

    /// Begins a plan.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }

    /// The plan so far.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Adds a rectangle to the plan, which lies inside the picture and begins between pixels that do not share
    /// colour differences.
    pub(super) fn add(&mut self, image: &ImageView<'_>, rect: Rect, allows_photos: bool) {
        if rect.area() <= SMALL_PX {
            self.add_exact(rect);
            return;
        }
        let grid = Grid::around(rect);
        self.scan(image, &grid);
        if allows_photos {
            self.take_photos(&grid);
        }
        self.take_fills(image, &grid);
        self.take_rest(&grid);
    }

    /// Adds what of a film is painted anew: one picture if most of it is photo, whatever the rest is. Text that changes
    /// all the time is none.
    pub(super) fn add_film(&mut self, image: &ImageView<'_>, rect: Rect) {
        let grid = Grid::around(rect);
        self.scan(image, &grid);
        let photos = self.tiles.iter().filter(|tile| **tile == Some(Content::Photo)).count();
        if rect.area() > SMALL_PX && photos * 2 >= self.tiles.len() {
            self.parts.extend(narrow(rect).map(|rect| Part { rect, way: Way::Photo }));
        } else {
            self.add(image, rect, true);
        }
    }

    /// Tells what each tile is.
    fn scan(&mut self, image: &ImageView<'_>, grid: &Grid) {
        self.tiles.clear();
        for row in 0..grid.rows {
            let strip = grid.parts(0..grid.columns, row..row + 1);
            self.scan.read(image, strip);
            self.tiles.extend((0..grid.columns).map(|column| {
                let part = grid.part(column, row);
                let left = (part.x - strip.x) as usize;
                Some(self.scan.content(left..left + part.width as usize, part.height))
            }));
        }
    }

    /// Takes the photo tiles that are many, as rectangles that may hold a few tiles which are none.
    fn take_photos(&mut self, grid: &Grid) {
        self.photos.clear();
        for row in 0..grid.rows {
            let above = self.photos.len();
            let mut column = 0;
            while let Some(run) =
                next_run(grid.row_of(&self.tiles, row), column, |tile| *tile == Some(Content::Photo))
            {
                column = run.end;
                let part = grid.parts(run, row..row + 1);
                let same = |photo: &&mut Rect| {
                    photo.x == part.x && photo.width == part.width && photo.bottom() == part.y
                };
                match self.photos[..above].iter_mut().rev().find(same) {
                    Some(photo) => *photo = photo.union(part),
                    None => self.photos.push(part),
                }
            }
        }
        merge_by_cost(&mut self.photos);
        self.photos.retain(|photo| photo.area() > SMALL_PX);
        for photo in &self.photos {
            for (column, row) in grid.tiles() {
                let tile = &mut self.tiles[(row * grid.columns + column) as usize];
                if *tile == Some(Content::Photo) && photo.intersection(grid.part(column, row)).is_some() {
                    *tile = None;
                }
            }
            self.parts.extend(narrow(*photo).map(|rect| Part { rect, way: Way::Photo }));
        }
    }

    /// Takes large areas of one colour.
    fn take_fills(&mut self, image: &ImageView<'_>, grid: &Grid) {
        for (column, row) in grid.tiles() {
            let is_plain = |tiles: &[Option<Content>], column, row| {
                tiles[(row * grid.columns + column) as usize] == Some(Content::Plain)
            };
            if !is_plain(&self.tiles, column, row) {
                continue;
            }
            let corner = Corner::of(image, grid.part(column, row));
            let is_alike = |tiles: &[Option<Content>], column, row| {
                is_plain(tiles, column, row) && Corner::of(image, grid.part(column, row)) == corner
            };
            let right = (column + 1..grid.columns).find(|right| !is_alike(&self.tiles, *right, row));
            let columns = column..right.unwrap_or(grid.columns);
            let bottom = (row + 1..grid.rows)
                .find(|bottom| columns.clone().any(|column| !is_alike(&self.tiles, column, *bottom)));
            let rows = row..bottom.unwrap_or(grid.rows);
            let area = grid.parts(columns.clone(), rows.clone());
            if area.area() < MIN_FILL_PX || !is_flat(image, area) {
                continue;
            }
            for row in rows {
                let start = (row * grid.columns) as usize;
                self.tiles[start + columns.start as usize..start + columns.end as usize].fill(None);
            }
            self.parts.extend(narrow(area).map(|rect| Part { rect, way: Way::Fill }));
        }
    }

    fn take_rest(&mut self, grid: &Grid) {
        let start = self.parts.len();
        for row in 0..grid.rows {
            let above = self.parts.len();
            let mut column = 0;
            while let Some(run) = next_run(grid.row_of(&self.tiles, row), column, Option::is_some) {
                column = run.end;
                let part = grid.parts(run, row..row + 1);
                let same = |earlier: &&mut Part| {
                    let rect = earlier.rect;
                    rect.x == part.x && rect.width == part.width && rect.bottom() == part.y
                };
                match self.parts[start..above].iter_mut().rev().find(same) {
                    Some(earlier) => earlier.rect = earlier.rect.union(part),
                    None => self.parts.push(Part { rect: part, way: Way::Exact }),
                }
            }
        }
        let rest = self.parts.split_off(start);
        for part in rest {
            self.add_exact(part.rect);
        }
    }

    /// Adds a rectangle in pieces that a palette is likely to serve and every viewer takes.
    pub(super) fn add_exact(&mut self, rect: Rect) {
        for rect in narrow(rect) {
            // Pieces end where tiles do, since a tile counts as exact only when it was sent as a whole.
            let height = (MAX_EXACT_PX / rect.width / Tiles::TILE_PX).max(1) * Tiles::TILE_PX;
            let mut y = rect.y;
            while y < rect.bottom() {
                let bottom = (y / Tiles::TILE_PX * Tiles::TILE_PX + height).min(rect.bottom());
                self.parts.push(Part { rect: Rect { y, height: bottom - y, ..rect }, way: Way::Exact });
                y = bottom;
            }
        }
    }
}

/// The first bytes of a tile in the first plane, as many as say its colour where that is the same all over.
#[derive(Debug, PartialEq, Eq)]
struct Corner([u8; 4]);

impl Corner {
    fn of(image: &ImageView<'_>, tile: Rect) -> Self {
        let plane = image.plane(0);
        let left = tile.x as usize * plane.size().row_bytes / image.format().width_px as usize;
        let row = &plane.row(tile.y as usize)[left..];
        Self(std::array::from_fn(|index| row.get(index).copied().unwrap_or_default()))
    }
}

/// The tiles that a rectangle touches.
struct Grid {
    rect: Rect,
    first: (u32, u32),
    columns: u32,
    rows: u32,
}

impl Grid {
    fn around(rect: Rect) -> Self {
        let first = (rect.x / Tiles::TILE_PX, rect.y / Tiles::TILE_PX);
        let columns = rect.right().div_ceil(Tiles::TILE_PX) - first.0;
        let rows = rect.bottom().div_ceil(Tiles::TILE_PX) - first.1;
        Self { rect, first, columns, rows }
    }

    fn tiles(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let columns = self.columns;
        (0..self.rows).flat_map(move |row| (0..columns).map(move |column| (column, row)))
    }

    fn row_of<'a>(&self, tiles: &'a [Option<Content>], row: u32) -> &'a [Option<Content>] {
        &tiles[(row * self.columns) as usize..][..self.columns as usize]
    }

    /// The pixels of a tile that are inside the rectangle.
    fn part(&self, column: u32, row: u32) -> Rect {
        self.parts(column..column + 1, row..row + 1)
    }

    fn parts(&self, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) -> Rect {
        let place = |first: u32, tile: u32| (first + tile) * Tiles::TILE_PX;
        let (left, top) = (place(self.first.0, columns.start), place(self.first.1, rows.start));
        let (right, bottom) = (place(self.first.0, columns.end), place(self.first.1, rows.end));
        let (x, y) = (left.max(self.rect.x), top.max(self.rect.y));
        Rect::new(x, y, right.min(self.rect.right()) - x, bottom.min(self.rect.bottom()) - y)
    }
}

/// The rectangle in pieces that are as narrow as viewers want them, and end where tiles do.
fn narrow(rect: Rect) -> impl Iterator<Item = Rect> {
    let mut x = rect.x;
    std::iter::from_fn(move || {
        let left = x;
        x = (left / Tiles::TILE_PX * Tiles::TILE_PX + tight::MAX_WIDTH_PX).min(rect.right());
        (left < x).then_some(Rect { x: left, width: x - left, ..rect })
    })
}

/// The next run of tiles that are wanted, from this column on.
fn next_run(
    tiles: &[Option<Content>],
    from: u32,
    is_wanted: impl Fn(&Option<Content>) -> bool,
) -> Option<std::ops::Range<u32>> {
    let start = (from..).zip(tiles.get(from as usize..)?).find(|(_, tile)| is_wanted(tile))?.0;
    let rest = &tiles[start as usize..];
    let len = rest.iter().position(|tile| !is_wanted(tile)).unwrap_or(rest.len());
    Some(start..start + u32::try_from(len).unwrap_or(u32::MAX))
}

/// Joins rectangles where the pixels between them cost less than a picture of its own.
fn merge_by_cost(rects: &mut Vec<Rect>) {
    let mut index = 0;
    while index < rects.len() {
        let mut other = index + 1;
        while other < rects.len() {
            let both = rects[index].union(rects[other]);
            if both.area() <= rects[index].area() + rects[other].area() + PICTURE_COST_PX {
                rects[index] = both;
                rects.swap_remove(other);
                // What did not fit before may fit what has grown.
                other = index + 1;
            } else {
                other += 1;
            }
        }
        index += 1;
    }
}

/// Rectangles up to this size are not worth a picture.
const SMALL_PX: u64 = 4 * 256;
/// The tables of a JPEG picture are some 600 bytes, as many as a few thousand pixels of photo.
const PICTURE_COST_PX: u64 = 4096;
/// An area of one colour from this size on is worth a rectangle of its own.
const MIN_FILL_PX: u64 = 64 * 256;
/// Pixels of an exact rectangle.
const MAX_EXACT_PX: u32 = 65_536;
