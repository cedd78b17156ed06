//! The state of a boot keyboard.

use std::fmt;

use crate::descriptor::KEYBOARD_LEN;
use crate::{Interface, Report, Usage};

/// Which keys of a boot keyboard are down, and the report that says so. Neither I/O nor a clock.
///
/// Seven keys at once are more than a boot report holds: as long as it is so, the report is `ErrorRollOver`
/// six times with the modifiers that are really down (HID 1.11, appendix C), which hosts take as "no change";
/// when enough keys are up, the report names those that are still down.
///
/// ```
/// use kvm_hid::{Keyboard, Usage};
///
/// let mut keyboard = Keyboard::default();
/// let shift = keyboard.press(Usage::keyboard(0xE1)).unwrap();
/// assert_eq!(shift.bytes(), [0x02, 0, 0, 0, 0, 0, 0, 0]);
/// assert!(keyboard.press(Usage::keyboard(0xE1)).is_none()); // the sender's own repetition
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Keyboard {
    /// A bit for every usage id of the keyboard page up to 0xFF.
    down: [u64; 4],
}

impl Keyboard {
    /// A key goes down. `None` if it is down already, or is not a key of a boot keyboard.
    pub fn press(&mut self, key: Usage) -> Option<Report> {
        let (word, bit) = place(key)?;
        if self.down[word] & bit != 0 {
            return None;
        }
        self.down[word] |= bit;
        Some(self.report())
    }

    /// A key comes up. `None` if it was not down.
    pub fn release(&mut self, key: Usage) -> Option<Report> {
        let (word, bit) = place(key)?;
        if self.down[word] & bit == 0 {
            return None;
        }
        self.down[word] &= !bit;
        Some(self.report())
    }

    /// All keys come up. `None` if none was down.
    pub fn release_all(&mut self) -> Option<Report> {
        if self.is_at_rest() {
            return None;
        }
        *self = Self::default();
        Some(self.report())
    }

    /// Whether a key is down.
    pub fn is_down(&self, key: Usage) -> bool {
        place(key).is_some_and(|(word, bit)| self.down[word] & bit != 0)
    }

    /// Whether no key is down.
    pub fn is_at_rest(&self) -> bool {
        self.down == [0; 4]
    }

    /// The keys that are down, in the order of their usages, modifiers last.
    pub fn down(&self) -> impl Iterator<Item = Usage> {
        [0_u8, 64, 128, 192].into_iter().zip(self.down).flat_map(|(first, word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = u8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)?;
                rest &= rest - 1;
                Some(Usage::keyboard(first + bit))
            })
        })
    }

    /// How many keys are down.
    pub fn count(&self) -> usize {
        self.down.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The report of what is down now.
    pub fn report(&self) -> Report {
        let mut report = [0; KEYBOARD_LEN];
        let mut slots = 2;
        for key in self.down() {
            if let Some(bit) = key.modifier_bit() {
                report[0] |= bit;
            } else {
                if let Some(slot) = report.get_mut(slots) {
                    *slot = key.id.to_le_bytes()[0];
                }
                slots += 1;
            }
        }
        if slots > report.len() {
            report[2..].fill(ERROR_ROLL_OVER);
        }
        Report::of(Interface::Keyboard, &report)
    }
}

/// How many keys are down, but not which.
impl fmt::Debug for Keyboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyboard").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// Where a key has its bit.
fn place(key: Usage) -> Option<(usize, u64)> {
    (Interface::of_usage(key) == Some(Interface::Keyboard))
        .then(|| (usize::from(key.id / 64), 1 << (key.id % 64)))
}

/// HID Usage Tables 1.5, section 10: what all six slots hold when more keys are down than there are slots.
pub(crate) const ERROR_ROLL_OVER: u8 = 0x01;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u8) -> Usage {
        Usage::keyboard(id)
    }

    #[test]
    fn keys_and_modifiers_have_their_places() {
        let mut keyboard = Keyboard::default();
        keyboard.press(key(0xE4));
        assert_eq!(keyboard.press(key(0x05)).unwrap().bytes(), [0x10, 0, 5, 0, 0, 0, 0, 0]);
        assert_eq!(keyboard.press(key(0x04)).unwrap().bytes(), [0x10, 0, 4, 5, 0, 0, 0, 0]);
        assert_eq!(keyboard.release(key(0x05)).unwrap().bytes(), [0x10, 0, 4, 0, 0, 0, 0, 0]);
        assert_eq!(keyboard.release_all().unwrap().bytes(), [0; 8]);
        assert!(keyboard.is_at_rest() && keyboard.release_all().is_none());
    }

    #[test]
    fn the_seventh_key_rolls_over_and_the_sixth_recovers() {
        let mut keyboard = Keyboard::default();
        keyboard.press(key(0xE1));
        for id in 4..10 {
            keyboard.press(key(id));
        }
        assert_eq!(keyboard.report().bytes(), [2, 0, 4, 5, 6, 7, 8, 9]);
        assert_eq!(keyboard.press(key(10)).unwrap().bytes(), [2, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(keyboard.release(key(0xE1)).unwrap().bytes(), [0, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(keyboard.release(key(4)).unwrap().bytes(), [0, 0, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn what_is_no_key_is_not_pressed() {
        let mut keyboard = Keyboard::default();
        for usage in [key(0), key(1), key(3), key(0xE8), Usage::consumer(0xE9), Usage::desktop(0x82)] {
            assert!(keyboard.press(usage).is_none() && keyboard.release(usage).is_none());
        }
    }
}
