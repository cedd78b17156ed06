//! A picture in pieces that are coded one without the other.

use std::num::NonZeroUsize;
use std::thread;

use bytes::Bytes;
use kvm_capture::{Colour, FrameFormat, ImageView};

use super::headers::{self, END_OF_IMAGE, restart_marker};
use super::layout::Layout;
use super::quality::Quality;
use super::scan::Scan;
use crate::simd::Instructions;
use crate::ycc_rows::RowMap;
use crate::{Rect, Tiles};

/// The coded stripes of a picture, each a restart interval: behind a restart marker a decoder knows nothing of what
/// came before (section F.1.1.5.1), so a stripe's bytes stay good as long as its pixels do.
#[derive(Debug)]
pub(super) struct Stripes {
    format: FrameFormat,
    layout: Layout,
    quality: Quality,
    head: Vec<u8>,
    stripes: Vec<Stripe>,
    /// One for each thread that codes.
    scans: Vec<Scan>,
}

#[derive(Debug)]
struct Stripe {
    /// Without a marker: its number depends on where the stripe stands.
    bytes: Vec<u8>,
    is_stale: bool,
}

impl Stripes {
    /// Stripes of which none is coded yet.
    pub(super) fn new(format: FrameFormat, layout: Layout, quality: u8, threads: NonZeroUsize) -> Self {
        let quality = Quality::new(quality);
        let instructions = Instructions::detected();
        let map = RowMap::between(format, Colour::JPEG);
        let units = layout.units() * rows_per_stripe(&layout);
        let units = u16::try_from(units).expect("a frame is at most 16,384 pixels wide");
        let mut head = Vec::new();
        headers::write(&layout, &quality.steps, units, &mut head);
        let count = layout.rows().div_ceil(rows_per_stripe(&layout));
        Self {
            format,
            layout,
            quality,
            head,
            stripes: (0..count).map(|_| Stripe { bytes: Vec::new(), is_stale: true }).collect(),
            scans: (0..threads.get()).map(|_| Scan::new(layout, map, instructions)).collect(),
        }
    }

    /// Whether they are of a picture of this format.
    pub(super) fn show(&self, format: FrameFormat) -> bool {
        self.format == format
    }

    /// Whether they are of this quality.
    pub(super) fn are_of(&self, quality: u8) -> bool {
        self.quality.is(quality)
    }

    /// Codes the stripes of a picture, which has their format, that a rectangle touches or that were never coded.
    pub(super) fn update(&mut self, image: &ImageView<'_>, changed: impl IntoIterator<Item = Rect>) {
        for rect in changed {
            let (first, last) = (rect.y / STRIPE_PX, rect.bottom().div_ceil(STRIPE_PX));
            let count = (last - first) as usize;
            for stripe in self.stripes.iter_mut().skip(first as usize).take(count) {
                stripe.is_stale = true;
            }
        }
        if let [scan] = &mut self.scans[..] {
            code(&mut self.stripes, 0, scan, &self.layout, &self.quality, image);
        } else {
            self.code_in_parallel(image);
        }
    }

    /// Gives each thread as many stale stripes as the others.
    fn code_in_parallel(&mut self, image: &ImageView<'_>) {
        let stale = self.stripes.iter().filter(|stripe| stripe.is_stale).count();
        let share = stale.div_ceil(self.scans.len());
        let (layout, quality) = (&self.layout, &self.quality);
        thread::scope(|scope| {
            let (mut rest, mut first) = (&mut self.stripes[..], 0);
            for scan in &mut self.scans {
                let stale = rest.iter().enumerate().filter(|(_, stripe)| stripe.is_stale);
                let Some(len) = stale.map(|(index, _)| index + 1).take(share).last() else { break };
                let (mine, others) = rest.split_at_mut(len);
                rest = others;
                scope.spawn(move || code(mine, first, scan, layout, quality, image));
                first += len;
            }
        });
    }

    /// The whole picture.
    pub(super) fn picture(&self) -> Bytes {
        let coded: usize = self.stripes.iter().map(|stripe| stripe.bytes.len() + 2).sum();
        let mut picture = Vec::with_capacity(self.head.len() + coded);
        picture.extend_from_slice(&self.head);
        for (index, stripe) in self.stripes.iter().enumerate() {
            if index > 0 {
                picture.extend(restart_marker(index - 1));
            }
            picture.extend_from_slice(&stripe.bytes);
        }
        picture.extend(END_OF_IMAGE);
        Bytes::from(picture)
    }
}

/// Codes the stale ones of some stripes, of which the first is the picture's `first`.
fn code(
    stripes: &mut [Stripe],
    first: usize,
    scan: &mut Scan,
    layout: &Layout,
    quality: &Quality,
    image: &ImageView<'_>,
) {
    let rows = rows_per_stripe(layout);
    for (index, stripe) in stripes.iter_mut().enumerate().filter(|(_, stripe)| stripe.is_stale) {
        let top = (first + index) * rows;
        stripe.bytes.clear();
        scan.interval(image, top..(top + rows).min(layout.rows()), &quality.quantisers, &mut stripe.bytes);
        stripe.is_stale = false;
    }
}

/// Rows of units in a stripe.
fn rows_per_stripe(layout: &Layout) -> usize {
    STRIPE_PX as usize / layout.unit_height()
}

/// Rows of pixels in a stripe: what changes is found by tiles, and no unit of a JPEG is higher.
const STRIPE_PX: u32 = Tiles::TILE_PX;
