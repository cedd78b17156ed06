//! Samples of every kind, for tests.

use proptest::prelude::*;

use super::intra::Available;
use super::transform::Samples;

/// Samples of a macroblock: of the whole range, of its ends alone, near one grey, or of two colours as text is.
pub(super) fn samples() -> impl Strategy<Value = Samples> {
    let bytes = || proptest::collection::vec(any::<u8>(), 384);
    (bytes(), any::<[u8; 2]>(), 0..5_u8).prop_map(|(bytes, [first, second], kind)| {
        let sample = |byte: u8| match kind {
            0 => byte,
            1 => {
                if byte & 1 == 0 {
                    0
                } else {
                    255
                }
            }
            2 => first.saturating_add(byte % 8),
            3 => {
                if byte < 40 {
                    second
                } else {
                    first
                }
            }
            _ => first,
        };
        let mut bytes = bytes.into_iter().map(sample);
        let mut samples = Samples::ZERO;
        for sample in samples.luma.as_flattened_mut() {
            *sample = bytes.next().unwrap();
        }
        for sample in samples.chroma.as_flattened_mut().as_flattened_mut() {
            *sample = bytes.next().unwrap();
        }
        samples
    })
}

/// Neighbours of a macroblock that are there or not.
pub(super) fn available() -> impl Strategy<Value = Available> {
    any::<[bool; 4]>().prop_map(|[left, top, top_left, top_right]| Available {
        left,
        top,
        top_left,
        top_right,
    })
}
