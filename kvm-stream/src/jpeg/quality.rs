//! What depends on the quality alone.

use super::tables::{CHROMA_STEPS, LUMA_STEPS};
use super::transform::Quantiser;

/// The quantisers of one quality.
#[derive(Debug)]
pub(super) struct Quality {
    number: u8,
    /// Quantiser steps by rows of the block: luma, colour differences.
    pub(super) steps: [[u8; 64]; 2],
    /// The same as arithmetic.
    pub(super) quantisers: [Quantiser; 2],
}

impl Quality {
    /// The tables for 1 to 100, on the scale of the Independent JPEG Group; other numbers are taken as the nearest.
    pub(super) fn new(number: u8) -> Self {
        let steps = [steps_at(number, &LUMA_STEPS), steps_at(number, &CHROMA_STEPS)];
        let quantisers = steps.each_ref().map(Quantiser::new);
        Self { number, steps, quantisers }
    }

    /// The tables of this quality, kept from one picture to the next.
    pub(super) fn ready(kept: &mut Option<Self>, number: u8) -> &Self {
        let fitting = kept.take().filter(|quality| quality.is(number));
        kept.insert(fitting.unwrap_or_else(|| Self::new(number)))
    }

    /// Whether these are the tables for that number.
    pub(super) fn is(&self, number: u8) -> bool {
        self.number == number
    }
}

/// The steps of a table of Annex K at a quality: 50 gives the table as it is, 100 gives ones.
fn steps_at(quality: u8, base: &[u8; 64]) -> [u8; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    base.map(|step| {
        let scaled = (u32::from(step) * percent + 50) / 100;
        u8::try_from(scaled.clamp(1, 255)).unwrap_or(u8::MAX)
    })
}
