//! What viewers type, as events of the target's keyboard.

use kvm_hid::{InputEvent, Usage};
use kvm_stream::rfb::KeyInput;

use crate::keysyms::{Place, place_of};
use crate::xt_codes::usage_of_xt;

/// One viewer's keyboard.
///
/// A viewer that says which key it is (QEMU's extension) is taken at its word, whatever layouts the two sides have.
/// From others comes what a key means: it is pressed where a US keyboard has that meaning, with Shift as it has to be.
/// So the target has to have the US layout then, and what it has no key for is left out.
#[derive(Debug, Default)]
pub(crate) struct Keyboard {
    is_left_shift_down: bool,
    is_right_shift_down: bool,
}

impl Keyboard {
    /// The events of a message, in order. Caps Lock is as its light says.
    pub(crate) fn events(&mut self, input: KeyInput, has_caps_lock: bool) -> Vec<InputEvent> {
        let KeyInput { keysym, xt_code, pressed, .. } = input;
        if let Some(usage) = xt_code.and_then(usage_of_xt) {
            self.note(usage, pressed);
            return vec![InputEvent::Key { usage, pressed }];
        }
        place_of(keysym).map_or_else(Vec::new, |place| self.press(place, pressed, has_caps_lock))
    }

    fn press(&mut self, place: Place, pressed: bool, has_caps_lock: bool) -> Vec<InputEvent> {
        let Place { usage, shift, is_letter } = place;
        self.note(usage, pressed);
        let key = InputEvent::Key { usage, pressed };
        let is_shifted = self.is_left_shift_down || self.is_right_shift_down;
        let wanted = shift.map(|shift| shift != (is_letter && has_caps_lock));
        match wanted {
            // Shift is otherwise for the moment of the press, which is when the target looks.
            Some(wanted) if pressed && wanted != is_shifted => {
                let shifts: Vec<Usage> = if wanted {
                    vec![LEFT_SHIFT]
                } else {
                    let down =
                        [(self.is_left_shift_down, LEFT_SHIFT), (self.is_right_shift_down, RIGHT_SHIFT)];
                    down.into_iter().filter(|(is_down, _)| *is_down).map(|(_, usage)| usage).collect()
                };
                let turn = |pressed| shifts.iter().map(move |&usage| InputEvent::Key { usage, pressed });
                turn(wanted).chain([key]).chain(turn(!wanted)).collect()
            }
            _ => vec![key],
        }
    }

    fn note(&mut self, usage: Usage, pressed: bool) {
        match usage {
            LEFT_SHIFT => self.is_left_shift_down = pressed,
            RIGHT_SHIFT => self.is_right_shift_down = pressed,
            _ => {}
        }
    }
}

const LEFT_SHIFT: Usage = Usage::keyboard(0xE1);
const RIGHT_SHIFT: Usage = Usage::keyboard(0xE5);

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that go down (+) and come up (-), by the ids of their usages.
    fn typed(keyboard: &mut Keyboard, keysym: char, pressed: bool, caps: bool) -> Vec<(char, u16)> {
        let place = place_of(match keysym {
            '^' => 0xFFE1,
            other => other.into(),
        });
        let events = keyboard.press(place.unwrap(), pressed, caps);
        events
            .into_iter()
            .map(|event| match event {
                InputEvent::Key { usage, pressed } => (if pressed { '+' } else { '-' }, usage.id),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn shift_is_as_the_character_needs_it() {
        let mut keyboard = Keyboard::default();
        assert_eq!(typed(&mut keyboard, 'a', true, false), [('+', 4)]);
        assert_eq!(typed(&mut keyboard, 'a', false, false), [('-', 4)]);
        // The viewer has another layout, on which this needs no Shift.
        assert_eq!(typed(&mut keyboard, '?', true, false), [('+', 0xE1), ('+', 0x38), ('-', 0xE1)]);
        assert_eq!(typed(&mut keyboard, '?', false, false), [('-', 0x38)]);
        assert_eq!(typed(&mut keyboard, '^', true, false), [('+', 0xE1)]);
        assert_eq!(typed(&mut keyboard, 'A', true, false), [('+', 4)]);
        // Or on which this does.
        assert_eq!(typed(&mut keyboard, '/', true, false), [('-', 0xE1), ('+', 0x38), ('+', 0xE1)]);
        assert_eq!(typed(&mut keyboard, ' ', true, false), [('+', 0x2C)]);
    }

    #[test]
    fn caps_lock_turns_letters_around() {
        let mut keyboard = Keyboard::default();
        assert_eq!(typed(&mut keyboard, 'A', true, true), [('+', 4)]);
        assert_eq!(typed(&mut keyboard, 'a', true, true), [('+', 0xE1), ('+', 4), ('-', 0xE1)]);
        assert_eq!(typed(&mut keyboard, '1', true, true), [('+', 0x1E)]);
    }
}
