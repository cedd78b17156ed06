//! What viewers do with their pointer, as events of the target's.

use kvm_hid::{Button, InputEvent};
use kvm_stream::rfb::PointerInput;

/// One viewer's pointer: RFB says what is down, the target is told what changes.
#[derive(Debug, Default)]
pub(crate) struct Pointer {
    buttons: u16,
}

impl Pointer {
    /// The events of a message, in order: first where the pointer is, then what is pressed, turned or released there.
    pub(crate) fn events(&mut self, input: PointerInput) -> impl Iterator<Item = InputEvent> + use<> {
        let there = InputEvent::PointTo {
            x: scale(input.x_px, input.width_px),
            y: scale(input.y_px, input.height_px),
        };
        std::iter::once(there).chain(self.changes(input.buttons))
    }

    fn changes(&mut self, now: u16) -> impl Iterator<Item = InputEvent> + use<> {
        let before = self.buttons;
        self.buttons = now;
        let is_down = move |bit: u16| now >> bit & 1 != 0;
        let changes = move |bit: u16| (before ^ now) >> bit & 1 != 0;
        let buttons = BUTTONS
            .into_iter()
            .filter(move |(bit, _)| changes(*bit))
            .map(move |(bit, button)| InputEvent::Button { button, pressed: is_down(bit) });
        // A click of the wheel is the press of its button; that it comes up says nothing.
        let wheels = WHEELS
            .into_iter()
            .filter(move |(bit, ..)| changes(*bit) && is_down(*bit))
            .map(|(_, vertical, horizontal)| InputEvent::Wheel { vertical, horizontal });
        buttons.chain(wheels)
    }
}

/// A pixel on the pointer's scale from edge to edge: the first unit that hosts take for that pixel, whether they spread
/// the units over the pixels or from the first pixel to the last.
fn scale(at_px: u16, side_px: u16) -> u16 {
    let steps = u32::from(side_px.max(2) - 1);
    u16::try_from((u32::from(at_px) * MAX).div_ceil(steps)).unwrap_or(u16::MAX)
}

const MAX: u32 = 32767;
const BUTTONS: [(u16, Button); 5] =
    [(0, Button::Left), (1, Button::Middle), (2, Button::Right), (7, Button::Back), (8, Button::Forward)];
const WHEELS: [(u16, i32, i32); 4] = [(3, 1, 0), (4, -1, 0), (5, 0, -1), (6, 0, 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_finds_the_same_pixel_again() {
        for side in [2, 640, 1080, 1366, 1920, 3840, 4096] {
            for at in 0..side {
                let unit = u32::from(scale(u16::try_from(at).unwrap(), u16::try_from(side).unwrap()));
                assert_eq!(unit * (side - 1) / MAX, at, "{at} of {side}");
                assert_eq!(unit * side / (MAX + 1), at, "{at} of {side}");
            }
        }
        assert_eq!(scale(0, 1), 0);
    }

    #[test]
    fn buttons_change_and_wheels_click() {
        let mut pointer = Pointer::default();
        let mut events = |buttons| pointer.changes(buttons).collect::<Vec<_>>();
        assert_eq!(
            events(0b1_0000_0001),
            [(Button::Left, true), (Button::Forward, true)]
                .map(|(button, pressed)| InputEvent::Button { button, pressed })
        );
        assert_eq!(
            events(0b1000),
            [
                InputEvent::Button { button: Button::Left, pressed: false },
                InputEvent::Button { button: Button::Forward, pressed: false },
                InputEvent::Wheel { vertical: 1, horizontal: 0 },
            ]
        );
        assert_eq!(events(0), []);
    }
}
