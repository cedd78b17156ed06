//! The track of input classes: timed metadata (ISO/IEC 14496-12, section 12.3).

use super::boxes::BoxWriter;
use crate::InputClass;

/// How much input of each class was made in a second of a recording.
///
/// # Format
///
/// A sample of the track is text, a line for each class that occurred: its name, a comma, the count, a line feed. The
/// time between seconds with input is a sample as well, of an empty line. Neither the
/// moment within the second nor the exact number is kept, because the rhythm and the number of key strokes
/// tell something about what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InputTally {
    counts: [u32; InputClass::ALL.len()],
}

impl InputTally {
    /// How much input of a class was made, rounded up to a power of two; 0 is none.
    pub fn count(&self, class: InputClass) -> u32 {
        match self.counts[class as usize] {
            0 => 0,
            // The largest counts have no power of two above them.
            count => count.checked_next_power_of_two().unwrap_or(MOST),
        }
    }

    /// The classes that occurred, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (InputClass, u32)> + '_ {
        InputClass::ALL.into_iter().map(|class| (class, self.count(class))).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, class: InputClass, count: u32) {
        let sum = &mut self.counts[class as usize];
        *sum = sum.saturating_add(count);
    }

    /// The text of a sample.
    pub(crate) fn to_text(self) -> String {
        self.iter().map(|(class, count)| format!("{class},{count}\n")).collect()
    }

    /// Reads the text of a sample; `None` where it is not what a recorder writes.
    pub(super) fn from_text(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut tally = Self::default();
        for line in text.lines() {
            let (class, count) = line.split_once(',')?;
            tally.add(InputClass::from_name(class)?, count.parse().ok()?);
        }
        // What is written otherwise, such as twice or without its end, was not written by a recorder.
        (!text.is_empty() && tally.to_text() == text).then_some(tally)
    }
}

/// Writes the sample entry of text metadata (section 12.3.3.2).
pub(super) fn write_sample_entry(out: &mut BoxWriter) {
    out.write_box(b"mett", |out| {
        out.zeros(6);
        out.u16(1); // the first data reference
        out.u8(0); // not compressed
        out.put(MEDIA_TYPE);
        out.u8(0);
    });
}

/// The sample of a time without input.
pub(crate) const QUIET: &[u8] = b"\n";
/// What the samples are (RFC 4180).
pub(super) const MEDIA_TYPE: &[u8] = b"text/csv;header=absent";
/// The longest sample: every class with the largest count.
pub(super) const MAX_SAMPLE_BYTES: u32 = 4 * 32;
/// The largest count.
const MOST: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_rounded_up() {
        let mut tally = InputTally::default();
        for (count, sum) in [(1, 1), (2, 4), (2, 8), (3, 8), (1, 16), (u32::MAX, MOST)] {
            tally.add(InputClass::Keyboard, count);
            assert_eq!(tally.count(InputClass::Keyboard), sum);
        }
        tally.add(InputClass::Power, 3);
        assert_eq!(tally.to_text(), "keyboard,2147483648\npower,4\n");
        assert_eq!(tally.count(InputClass::Text), 0);
    }

    #[test]
    fn the_longest_text_fits() {
        let mut tally = InputTally::default();
        InputClass::ALL.into_iter().for_each(|class| tally.add(class, u32::MAX));
        assert!(tally.to_text().len() <= MAX_SAMPLE_BYTES as usize);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "\n", "keyboard", "keyboard,1", "keyboard,3\n", "key,1\n", "text,1\nkeyboard,1\n"] {
            assert_eq!(InputTally::from_text(text.as_bytes()), None, "{text:?}");
        }
        for text in ["keyboard,0\n", "keyboard,1\nkeyboard,1\n", "keyboard,+1\n", "keyboard,1\r\n", "é,1\n"]
        {
            assert_eq!(InputTally::from_text(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(counts in any::<[u32; 4]>()) {
            let tally = InputTally { counts };
            let text = tally.to_text();
            match InputTally::from_text(text.as_bytes()) {
                Some(read) => prop_assert!(read.iter().eq(tally.iter())),
                None => prop_assert_eq!(counts, [0; 4]),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = InputTally::from_text(&bytes);
        }
    }
}
