//! Tiles as few rectangles.

use std::ops::Range;

use crate::{Rect, Tiles};

/// The tiles as rectangles that do not overlap.
///
/// The price of a rectangle is the same whatever its size, and no pixel outside the tiles is covered: runs of tiles
/// in a row are joined with equal runs below them, or runs of tiles in a column with equal runs to the right,
/// whichever makes fewer rectangles.
pub(crate) fn cover(tiles: &Tiles) -> Vec<Rect> {
    let across = joined(tiles.rows(), |row| tiles.runs(row));
    if across.len() < 3 {
        return across.into_iter().map(|span| span.across(tiles)).collect();
    }
    let down = joined(tiles.columns(), |column| column_runs(tiles, column));
    if down.len() < across.len() {
        down.into_iter().map(|span| span.down(tiles)).collect()
    } else {
        across.into_iter().map(|span| span.across(tiles)).collect()
    }
}

/// The tiles as no more rectangles than `most`, or 4 if that is less.
///
/// While they are too many, the tiles are made coarser, twice as wide and high at a time, so that pixels around the
/// tiles are covered too.
pub(crate) fn cover_with(most: usize, tiles: &Tiles) -> Vec<Rect> {
    let mut rects = cover(tiles);
    let mut cells = 2;
    while rects.len() > most.max(4) {
        rects = cover(&coarser(tiles, cells));
        cells *= 2;
    }
    rects
}

/// All tiles of the squares of so many tiles that hold one of the set.
fn coarser(tiles: &Tiles, cells: u32) -> Tiles {
    let (width, height) = tiles.size_px();
    let mut coarse = Tiles::new(width, height);
    for row in 0..tiles.rows() {
        for run in tiles.runs(row) {
            let (first, end) =
                (run.start / cells * cells, run.end.next_multiple_of(cells).min(tiles.columns()));
            let top = row / cells * cells;
            for row in top..(top + cells).min(tiles.rows()) {
                coarse.insert_run(row, first..end);
            }
        }
    }
    coarse
}

/// A run of tiles that repeats on several lines: rows, or columns.
#[derive(Debug)]
struct Span {
    run: Range<u32>,
    lines: Range<u32>,
}

impl Span {
    fn across(&self, tiles: &Tiles) -> Rect {
        tiles
            .rect_of(self.run.start, self.lines.start)
            .union(tiles.rect_of(self.run.end - 1, self.lines.end - 1))
    }

    fn down(&self, tiles: &Tiles) -> Rect {
        tiles
            .rect_of(self.lines.start, self.run.start)
            .union(tiles.rect_of(self.lines.end - 1, self.run.end - 1))
    }
}

/// Joins each run of a line with the equal one of the line before.
fn joined<R: Iterator<Item = Range<u32>>>(lines: u32, runs: impl Fn(u32) -> R) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    // Spans that reach the line before, in the order of their runs.
    let (mut open, mut reached) = (Vec::new(), Vec::new());
    for line in 0..lines {
        let mut above = open.iter().copied().peekable();
        for run in runs(line) {
            while above.next_if(|&span: &usize| spans[span].run.start < run.start).is_some() {}
            match above.next_if(|&span| spans[span].run == run) {
                Some(span) => {
                    spans[span].lines.end += 1;
                    reached.push(span);
                }
                None => {
                    reached.push(spans.len());
                    spans.push(Span { run, lines: line..line + 1 });
                }
            }
        }
        std::mem::swap(&mut open, &mut reached);
        reached.clear();
    }
    spans
}

/// The runs of neighbouring tiles of one column, from the top, as rows.
fn column_runs(tiles: &Tiles, column: u32) -> impl Iterator<Item = Range<u32>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let first = (next..tiles.rows()).find(|row| tiles.contains(column, *row))?;
        let end = (first..tiles.rows()).find(|row| !tiles.contains(column, *row)).unwrap_or(tiles.rows());
        next = end;
        Some(first..end)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tiles() -> impl Strategy<Value = Tiles> {
        let rect = (0_u32..300, 0_u32..200, 1_u32..120, 1_u32..90);
        ((1_u32..300, 1_u32..200), proptest::collection::vec(rect, 0..12)).prop_map(
            |((width, height), rects)| {
                let mut tiles = Tiles::new(width, height);
                for (x, y, w, h) in rects {
                    tiles.insert_rect(Rect::new(x, y, w, h));
                }
                tiles
            },
        )
    }

    fn check(tiles: &Tiles, rects: &[Rect]) -> Tiles {
        let mut covered = Tiles::new(tiles.size_px().0, tiles.size_px().1);
        let mut area = 0;
        for rect in rects {
            covered.insert_rect(*rect);
            area += rect.area();
        }
        let inside: u64 = covered.iter().map(|(column, row)| covered.rect_of(column, row).area()).sum();
        assert_eq!(area, inside, "rectangles overlap or cut tiles");
        covered
    }

    proptest! {
        #[test]
        fn the_cover_is_the_tiles(tiles in tiles()) {
            prop_assert_eq!(check(&tiles, &cover(&tiles)), tiles);
        }

        #[test]
        fn a_bounded_cover_holds_the_tiles(tiles in tiles(), most in 1_usize..20) {
            let rects = cover_with(most, &tiles);
            prop_assert!(rects.len() <= most.max(4));
            let mut covered = check(&tiles, &rects);
            let mut all = covered.clone();
            all.union_with(&tiles);
            prop_assert_eq!(&all, &covered);
            if cover(&tiles).len() <= most {
                covered.subtract(&tiles);
                prop_assert!(covered.is_empty());
            }
        }
    }

    #[test]
    fn the_direction_that_makes_fewer_is_taken() {
        // A comb: one bar across with four teeth below it.
        let mut tiles = Tiles::new(160, 160);
        tiles.insert_rect(Rect::new(0, 0, 112, 16));
        for tooth in 0..4 {
            tiles.insert_rect(Rect::new(tooth * 32, 16, 16, 64));
        }
        assert_eq!(cover(&tiles).len(), 5);
        let mut turned = Tiles::new(160, 160);
        for (column, row) in tiles.iter() {
            turned.insert(row, column);
        }
        assert_eq!(cover(&turned).len(), 5);
    }
}
