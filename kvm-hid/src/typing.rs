//! Text as key strokes.

use std::collections::VecDeque;
use std::fmt;

use crate::{InputEvent, Usage};

/// Types a text on a keyboard with the US layout, one event at a time, at the pace of its caller.
///
/// A newline is Enter (with or without a carriage return before it, and a carriage return alone is one, too),
/// a tab is Tab. Shift is down only as long as the next character needs it. The target must have the US
/// layout, and Caps Lock off.
///
/// ```
/// use kvm_hid::Typist;
///
/// let mut typist = Typist::new("Hi!\n")?;
/// let mut events = 0;
/// while let Some(event) = typist.next_event() {
///     events += 1; // hand it to the seat
/// }
/// assert_eq!(events, 2 * 4 + 2 * 2); // four keys, and Shift for `H` and again for `!`
/// # Ok::<(), kvm_hid::Untypable>(())
/// ```
pub struct Typist {
    strokes: VecDeque<Stroke>,
    shifted: bool,
    down: Option<Usage>,
}

impl Typist {
    /// Prepares to type a text.
    ///
    /// # Errors
    ///
    /// The characters that the US layout has no key for. Nothing is typed then.
    pub fn new(text: &str) -> Result<Self, Untypable> {
        let mut strokes = VecDeque::with_capacity(text.len());
        let mut untypable = Vec::new();
        let mut before = None;
        for (position, character) in text.chars().enumerate() {
            let is_end_of_crlf = before.replace(character) == Some('\r') && character == '\n';
            match Stroke::of(character) {
                _ if is_end_of_crlf => {}
                Some(stroke) => strokes.push_back(stroke),
                None => untypable.push((position, character)),
            }
        }
        if untypable.is_empty() {
            Ok(Self { strokes, shifted: false, down: None })
        } else {
            Err(Untypable { characters: untypable })
        }
    }

    /// The next thing to do; `None` when everything is typed and every key is up.
    pub fn next_event(&mut self) -> Option<InputEvent> {
        if let Some(usage) = self.down.take() {
            return Some(InputEvent::Key { usage, pressed: false });
        }
        let shift = self.strokes.front().is_some_and(|stroke| stroke.shift);
        if shift != self.shifted {
            self.shifted = shift;
            return Some(InputEvent::Key { usage: SHIFT, pressed: shift });
        }
        let usage = self.strokes.pop_front()?.key;
        self.down = Some(usage);
        Some(InputEvent::Key { usage, pressed: true })
    }

    /// How many characters are still to be typed.
    pub fn remaining(&self) -> usize {
        self.strokes.len()
    }
}

/// How much is to be typed, but not what.
impl fmt::Debug for Typist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typist").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

/// Characters that a layout has no key for.
///
/// Neither `Debug` nor `Display` shows them, because a text that is typed may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Untypable {
    // INVARIANT: not empty.
    characters: Vec<(usize, char)>,
}

impl Untypable {
    /// The characters, each with its position in the text, counted in characters from zero.
    pub fn characters(&self) -> &[(usize, char)] {
        &self.characters
    }
}

impl fmt::Display for Untypable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.characters.len();
        let first = self.characters.first().map_or(0, |&(position, _)| position);
        let noun = if count == 1 { "character has" } else { "characters have" };
        write!(f, "{count} {noun} no key on the US layout, the first at position {first}")
    }
}

impl fmt::Debug for Untypable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let positions = self.characters.iter().map(|(position, _)| position);
        f.write_str("Untypable ")?;
        f.debug_list().entries(positions).finish()
    }
}

impl std::error::Error for Untypable {}

/// A key, and whether Shift is down with it.
struct Stroke {
    key: Usage,
    shift: bool,
}

impl Stroke {
    fn of(character: char) -> Option<Self> {
        if let Some(letter) = u8::try_from(character).ok().filter(u8::is_ascii_alphabetic) {
            let id = 0x04 + (letter.to_ascii_lowercase() - b'a');
            return Some(Self { key: Usage::keyboard(id), shift: letter.is_ascii_uppercase() });
        }
        US_LAYOUT.iter().find_map(|&(id, plain, shifted)| {
            let shift = character == shifted;
            (shift || character == plain || (character == '\r' && plain == '\n'))
                .then_some(Self { key: Usage::keyboard(id), shift: shift && plain != shifted })
        })
    }
}

const SHIFT: Usage = Usage::keyboard(0xE1);

/// The keys of the US layout that are no letters, in the order of their usages: what each gives alone and with
/// Shift (HID Usage Tables 1.5, section 10).
const US_LAYOUT: [(u8, char, char); 24] = [
    (0x1E, '1', '!'),
    (0x1F, '2', '@'),
    (0x20, '3', '#'),
    (0x21, '4', '$'),
    (0x22, '5', '%'),
    (0x23, '6', '^'),
    (0x24, '7', '&'),
    (0x25, '8', '*'),
    (0x26, '9', '('),
    (0x27, '0', ')'),
    (0x28, '\n', '\n'),
    (0x2B, '\t', '\t'),
    (0x2C, ' ', ' '),
    (0x2D, '-', '_'),
    (0x2E, '=', '+'),
    (0x2F, '[', '{'),
    (0x30, ']', '}'),
    (0x31, '\\', '|'),
    (0x33, ';', ':'),
    (0x34, '\'', '"'),
    (0x35, '`', '~'),
    (0x36, ',', '<'),
    (0x37, '.', '>'),
    (0x38, '/', '?'),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Types a text back from the events, and checks that every key comes up.
    fn typed(text: &str) -> String {
        let mut typist = Typist::new(text).unwrap();
        let (mut shift, mut down, mut seen) = (false, None, String::new());
        while let Some(event) = typist.next_event() {
            let InputEvent::Key { usage, pressed } = event else { panic!("only keys type") };
            if usage == SHIFT {
                assert!(pressed != shift && down.is_none());
                shift = pressed;
            } else if pressed {
                assert_eq!(down.replace(usage), None);
                let id = usage.id.to_le_bytes()[0];
                let character = if (0x04..=0x1D).contains(&id) {
                    let letter = char::from(b'a' + id - 4);
                    if shift { letter.to_ascii_uppercase() } else { letter }
                } else {
                    let (_, plain, shifted) = US_LAYOUT.iter().find(|line| line.0 == id).unwrap();
                    if shift { *shifted } else { *plain }
                };
                seen.push(character);
            } else {
                assert_eq!(down.take(), Some(usage));
            }
        }
        assert!(!shift && down.is_none());
        seen
    }

    #[test]
    fn every_printable_character_is_typed() {
        let all: String = (' '..='~').chain(['\n', '\t']).collect();
        assert_eq!(typed(&all), all);
        assert_eq!(typed("aa AA\r\nb\rc\n\n"), "aa AA\nb\nc\n\n");
        assert_eq!(typed(""), "");
    }

    #[test]
    fn what_has_no_key_is_listed_and_not_shown() {
        let error = Typist::new("naïve\u{0}").unwrap_err();
        assert_eq!(error.characters(), [(2, 'ï'), (5, '\0')]);
        assert_eq!(error.to_string(), "2 characters have no key on the US layout, the first at position 2");
        assert_eq!(format!("{error:?}"), "Untypable [2, 5]");
    }
}
