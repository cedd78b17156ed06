//! A set of tiles of a picture.

use crate::Rect;

/// A set of tiles of one picture, a bit each: what changed, what a viewer lacks, what is not exact yet.
///
/// Unions cost a word for 64 tiles, whatever the set looks like, so that a viewer that falls behind costs the same
/// after a second as after an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiles {
    width_px: u32,
    height_px: u32,
    // INVARIANT: `rows() * words_per_row` words; bits beyond the last column are zero.
    bits: Vec<u64>,
}

impl Default for Tiles {
    /// The empty set of a picture of no size.
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Tiles {
    /// Width and height of a tile, in pixels: a macroblock of the video codecs, and the block of JPEG with 4:2:0.
    pub const TILE_PX: u32 = 16;

    /// The empty set, for a picture of this size.
    pub fn new(width_px: u32, height_px: u32) -> Self {
        let words = Self::words_per_row(width_px) * height_px.div_ceil(Self::TILE_PX) as usize;
        Self { width_px, height_px, bits: vec![0; words] }
    }

    /// All tiles of a picture of this size.
    pub fn full(width_px: u32, height_px: u32) -> Self {
        let mut tiles = Self::new(width_px, height_px);
        tiles.insert_rect(Rect::new(0, 0, width_px, height_px));
        tiles
    }

    /// Size of the picture in pixels: width and height.
    pub fn size_px(&self) -> (u32, u32) {
        (self.width_px, self.height_px)
    }

    /// Tiles from left to right; the last one may be narrower than the others.
    pub fn columns(&self) -> u32 {
        self.width_px.div_ceil(Self::TILE_PX)
    }

    /// Tiles from top to bottom; the last one may be lower than the others.
    pub fn rows(&self) -> u32 {
        self.height_px.div_ceil(Self::TILE_PX)
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    /// How many tiles are in the set.
    pub fn len(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the tile of this column and row is in the set; none outside the picture is.
    pub fn contains(&self, column: u32, row: u32) -> bool {
        column < self.columns() && row < self.rows() && {
            let (word, bit) = self.place(column, row);
            self.bits[word] & bit != 0
        }
    }

    /// Puts a tile into the set. One outside the picture is left out.
    pub fn insert(&mut self, column: u32, row: u32) {
        if column < self.columns() && row < self.rows() {
            let (word, bit) = self.place(column, row);
            self.bits[word] |= bit;
        }
    }

    /// Takes a tile out of the set.
    pub fn remove(&mut self, column: u32, row: u32) {
        if column < self.columns() && row < self.rows() {
            let (word, bit) = self.place(column, row);
            self.bits[word] &= !bit;
        }
    }

    /// Puts every tile that has a pixel inside the rectangle into the set.
    pub fn insert_rect(&mut self, rect: Rect) {
        for row in self.rows_of(rect) {
            self.insert_run(row, self.columns_of(rect));
        }
    }

    /// Takes every tile out that lies inside the rectangle as a whole, as far as it is inside the picture.
    pub fn remove_inside(&mut self, rect: Rect) {
        let whole = |rect: Rect, tile: Rect| rect.intersection(tile) == Some(tile);
        for row in self.rows_of(rect) {
            for column in self.columns_of(rect) {
                if whole(rect, self.rect_of(column, row)) {
                    self.remove(column, row);
                }
            }
        }
    }

    /// Whether a tile of the set has a pixel inside the rectangle.
    pub fn intersects(&self, rect: Rect) -> bool {
        self.rows_of(rect).any(|row| self.columns_of(rect).any(|column| self.contains(column, row)))
    }

    /// Adds all tiles of another set, of a picture of the same size.
    ///
    /// # Panics
    ///
    /// The pictures are of different sizes.
    pub fn union_with(&mut self, other: &Self) {
        assert_eq!(self.size_px(), other.size_px(), "sets of tiles of different pictures");
        for (word, other) in self.bits.iter_mut().zip(&other.bits) {
            *word |= other;
        }
    }

    /// Takes all tiles of another set out, of a picture of the same size.
    ///
    /// # Panics
    ///
    /// The pictures are of different sizes.
    pub fn subtract(&mut self, other: &Self) {
        assert_eq!(self.size_px(), other.size_px(), "sets of tiles of different pictures");
        for (word, other) in self.bits.iter_mut().zip(&other.bits) {
            *word &= !other;
        }
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.bits.fill(0);
    }

    /// The pixels of one tile.
    pub fn rect_of(&self, column: u32, row: u32) -> Rect {
        let (x, y) = (column * Self::TILE_PX, row * Self::TILE_PX);
        let width = Self::TILE_PX.min(self.width_px.saturating_sub(x));
        Rect::new(x, y, width, Self::TILE_PX.min(self.height_px.saturating_sub(y)))
    }

    /// The tiles, column and row, from the top.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.rows())
            .flat_map(|row| self.runs(row).flat_map(move |run| run.map(move |column| (column, row))))
    }

    /// The runs of neighbouring tiles of one row, from the left, as columns.
    pub fn runs(&self, row: u32) -> impl Iterator<Item = std::ops::Range<u32>> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let first = self.next_column(row, next, true)?;
            let end = self.next_column(row, first, false).unwrap_or(self.columns());
            next = end;
            Some(first..end)
        })
    }

    /// The first run of neighbouring tiles of a row that begins at this column or right of it.
    #[cfg(feature = "h264")]
    pub(crate) fn next_run(&self, row: u32, from: u32) -> Option<std::ops::Range<u32>> {
        let first = self.next_column(row, from, true)?;
        Some(first..self.next_column(row, first, false).unwrap_or(self.columns()))
    }

    /// The first column from this one on whose tile is in the set, or is not.
    fn next_column(&self, row: u32, from: u32, is_in: bool) -> Option<u32> {
        let words = Self::words_per_row(self.width_px);
        let line = self.bits.get(row as usize * words..(row as usize + 1) * words)?;
        next_bit(line, from..self.columns(), is_in)
    }

    /// Empties the set and makes it one of a picture of this size.
    pub(crate) fn reset(&mut self, (width_px, height_px): (u32, u32)) {
        if self.size_px() == (width_px, height_px) {
            self.clear();
        } else {
            *self = Self::new(width_px, height_px);
        }
    }

    /// Makes this the same set as another, in the memory it has.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.reset(other.size_px());
        self.bits.copy_from_slice(&other.bits);
    }

    /// Puts the tiles of these columns of a row into the set; they are inside the picture.
    pub(crate) fn insert_run(&mut self, row: u32, columns: std::ops::Range<u32>) {
        set_bits(self.rows_mut(row..row + 1), columns);
    }

    /// How many tiles of this set are not in another, of a picture of the same size.
    pub(crate) fn count_without(&self, other: &Self) -> usize {
        let words = self.bits.iter().zip(&other.bits);
        words.map(|(word, other)| (word & !other).count_ones() as usize).sum()
    }

    /// The bits of a row.
    pub(crate) fn row(&self, row: u32) -> &[u64] {
        let words = Self::words_per_row(self.width_px);
        &self.bits[row as usize * words..][..words]
    }

    /// The bits of these rows, [`words_per_row`](Self::words_per_row) words each.
    pub(crate) fn rows_mut(&mut self, rows: std::ops::Range<u32>) -> &mut [u64] {
        let words = Self::words_per_row(self.width_px);
        &mut self.bits[rows.start as usize * words..rows.end as usize * words]
    }

    /// Words that a row of tiles of a picture this wide takes.
    pub(crate) fn words_per_row(width_px: u32) -> usize {
        width_px.div_ceil(Self::TILE_PX).div_ceil(64) as usize
    }

    fn place(&self, column: u32, row: u32) -> (usize, u64) {
        (row as usize * Self::words_per_row(self.width_px) + (column / 64) as usize, 1 << (column % 64))
    }

    fn rows_of(&self, rect: Rect) -> std::ops::Range<u32> {
        touched(rect.y, rect.height, self.height_px)
    }

    fn columns_of(&self, rect: Rect) -> std::ops::Range<u32> {
        touched(rect.x, rect.width, self.width_px)
    }
}

/// The tiles that pixels from `start` on touch, along a side of this length.
fn touched(start: u32, len: u32, side_px: u32) -> std::ops::Range<u32> {
    let end = start.saturating_add(len).min(side_px);
    if start >= end {
        return 0..0;
    }
    start / Tiles::TILE_PX..end.div_ceil(Tiles::TILE_PX)
}

/// The first of these bits that is set, or is not.
pub(crate) fn next_bit(words: &[u64], bits: std::ops::Range<u32>, is_set: bool) -> Option<u32> {
    let mut bit = bits.start;
    while bit < bits.end {
        let word = words[(bit / 64) as usize];
        let ahead = (if is_set { word } else { !word }) >> (bit % 64);
        if ahead != 0 {
            bit += ahead.trailing_zeros();
            return (bit < bits.end).then_some(bit);
        }
        bit = (bit / 64 + 1) * 64;
    }
    None
}

/// Whether a bit is set.
pub(crate) fn is_set(words: &[u64], bit: u32) -> bool {
    words[(bit / 64) as usize] >> (bit % 64) & 1 != 0
}

/// Sets these bits.
pub(crate) fn set_bits(words: &mut [u64], bits: std::ops::Range<u32>) {
    for bit in bits {
        words[(bit / 64) as usize] |= 1 << (bit % 64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The set does what a set of the standard library does.
        #[test]
        fn is_a_set(
            (width, height) in (1_u32..2500, 1_u32..80),
            steps in proptest::collection::vec((0_u8..4, 0_u32..2600, 0_u32..90, 1_u32..300, 1_u32..50), 0..20),
        ) {
            let mut tiles = Tiles::new(width, height);
            let mut model = BTreeSet::new();
            for (step, x, y, w, h) in steps {
                let rect = Rect::new(x, y, w, h);
                let columns = tiles.columns();
                let all = (0..tiles.rows()).flat_map(move |row| (0..columns).map(move |column| (column, row)));
                let shape = tiles.clone();
                let (column, row) = (x / 16, y / 16);
                match step {
                    0 => {
                        tiles.insert_rect(rect);
                        model.extend(all.filter(|&(c, r)| shape.rect_of(c, r).intersection(rect).is_some()));
                    }
                    1 => {
                        let inside: Vec<_> =
                            all.filter(|&(c, r)| tiles.rect_of(c, r).intersection(rect) == Some(tiles.rect_of(c, r))).collect();
                        tiles.remove_inside(rect);
                        model.retain(|tile| !inside.contains(tile));
                    }
                    2 => {
                        tiles.insert(column, row);
                        model.extend(all.filter(|&tile| tile == (column, row)));
                    }
                    _ => {
                        tiles.remove(column, row);
                        model.remove(&(column, row));
                    }
                }
                let touching = model.iter().any(|&(c, r)| tiles.rect_of(c, r).intersection(rect).is_some());
                prop_assert_eq!(tiles.intersects(rect), touching);
            }
            prop_assert_eq!(tiles.len(), model.len());
            prop_assert_eq!(tiles.is_empty(), model.is_empty());
            prop_assert_eq!(tiles.iter().collect::<BTreeSet<_>>(), model);
        }
    }
}
