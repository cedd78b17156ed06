//! The state of the pointer.

use crate::descriptor::{MOUSE_LEN, POINTER_ID, POINTER_LEN, POSITION_MAX};
use crate::{Button, Interface, Report, Reports};

/// Where the pointer is and which buttons are down, on two interfaces: the absolute pointer and the relative
/// mouse. Neither I/O nor a clock.
///
/// Buttons and wheels go out where the last motion went, because hosts apply a click at the device that sends
/// it; a release goes where its press went.
///
/// ```
/// use kvm_hid::{Button, Interface, Pointer};
///
/// let mut pointer = Pointer::default();
/// assert_eq!(pointer.point_to(0, 32767).interface(), Interface::Pointer);
/// let press = pointer.press(Button::Left).unwrap().next().unwrap();
/// assert_eq!(press.bytes(), [1, 0x01, 0, 0, 0xFF, 0x7F, 0, 0]); // the report's ID comes first
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    position: Option<(u16, u16)>,
    absolute_buttons: u8,
    relative_buttons: u8,
    /// INVARIANT: not the keyboard.
    last: Interface,
}

impl Pointer {
    /// Puts the pointer to a place; see [`InputEvent::PointTo`](crate::InputEvent::PointTo).
    pub fn point_to(&mut self, x: u16, y: u16) -> Reports {
        self.position = Some((x.min(POSITION_MAX), y.min(POSITION_MAX)));
        self.last = Interface::Pointer;
        Reports::position(self.report(Interface::Pointer))
    }

    /// Moves the pointer some way; see [`InputEvent::MoveBy`](crate::InputEvent::MoveBy).
    pub fn move_by(&mut self, dx: i32, dy: i32) -> Reports {
        self.last = Interface::Mouse;
        Reports::distance(self.report(Interface::Mouse), MOUSE_XY, dx, dy)
    }

    /// Turns the wheels; see [`InputEvent::Wheel`](crate::InputEvent::Wheel).
    pub fn scroll(&mut self, vertical: i32, horizontal: i32) -> Reports {
        let at = if self.last == Interface::Mouse { MOUSE_WHEELS } else { POINTER_WHEELS };
        Reports::distance(self.tell(self.last), at, vertical, horizontal)
    }

    /// A button goes down. `None` if it is down already.
    pub fn press(&mut self, button: Button) -> Option<Reports> {
        if self.is_down(button) {
            return None;
        }
        *self.buttons(self.last) |= button.bit();
        Some(Reports::edge(self.tell(self.last)))
    }

    /// A button comes up, on the interface it was pressed on. `None` if it was not down.
    pub fn release(&mut self, button: Button) -> Option<Reports> {
        let interface = self.pressed_on(button)?;
        *self.buttons(interface) &= !button.bit();
        Some(Reports::edge(self.tell(interface)))
    }

    /// All buttons come up that are down on an interface. `None` if none is.
    pub fn release_all(&mut self, interface: Interface) -> Option<Reports> {
        if self.count(interface) == 0 {
            return None;
        }
        *self.buttons(interface) = 0;
        Some(Reports::edge(self.tell(interface)))
    }

    /// Whether a button is down.
    pub fn is_down(&self, button: Button) -> bool {
        self.pressed_on(button).is_some()
    }

    /// The interface a button is down on.
    pub fn pressed_on(&self, button: Button) -> Option<Interface> {
        if self.absolute_buttons & button.bit() != 0 {
            Some(Interface::Pointer)
        } else if self.relative_buttons & button.bit() != 0 {
            Some(Interface::Mouse)
        } else {
            None
        }
    }

    /// How many buttons are down on an interface.
    pub fn count(&self, interface: Interface) -> usize {
        let buttons = match interface {
            Interface::Pointer => self.absolute_buttons,
            Interface::Mouse => self.relative_buttons,
            Interface::Keyboard => 0,
        };
        buttons.count_ones() as usize
    }

    /// Where buttons and wheels go now: the interface of the last motion, the absolute one to begin with.
    pub fn interface(&self) -> Interface {
        self.last
    }

    /// Sends buttons and wheels to one of the two interfaces without a motion, as an assembly needs that has
    /// only one. The keyboard's is not one of them and changes nothing.
    pub fn steer(&mut self, interface: Interface) {
        if interface != Interface::Keyboard {
            self.last = interface;
        }
    }

    /// The place the pointer was last put to.
    pub fn position(&self) -> Option<(u16, u16)> {
        self.position
    }

    /// The report of what is down on an interface, to be sent.
    ///
    /// One of the absolute pointer says where it is, too, so that sending it makes the position a known one.
    fn tell(&mut self, interface: Interface) -> Report {
        if interface == Interface::Pointer {
            self.position.get_or_insert(CENTRE);
        }
        self.report(interface)
    }

    /// The report of what is down on an interface, without any movement.
    pub(crate) fn report(&self, interface: Interface) -> Report {
        if interface == Interface::Mouse {
            let report: [u8; MOUSE_LEN] = [self.relative_buttons, 0, 0, 0, 0];
            return Report::of(interface, &report);
        }
        let (x, y) = self.position.unwrap_or(CENTRE);
        let ([x_low, x_high], [y_low, y_high]) = (x.to_le_bytes(), y.to_le_bytes());
        let report: [u8; POINTER_LEN] =
            [POINTER_ID, self.absolute_buttons, x_low, x_high, y_low, y_high, 0, 0];
        Report::of(Interface::Pointer, &report)
    }

    fn buttons(&mut self, interface: Interface) -> &mut u8 {
        if interface == Interface::Mouse { &mut self.relative_buttons } else { &mut self.absolute_buttons }
    }
}

impl Default for Pointer {
    fn default() -> Self {
        Self { position: None, absolute_buttons: 0, relative_buttons: 0, last: Interface::Pointer }
    }
}

/// Where a click goes that comes before any position is known.
const CENTRE: (u16, u16) = (POSITION_MAX / 2 + 1, POSITION_MAX / 2 + 1);

/// The bytes of X and Y in a report of the mouse.
const MOUSE_XY: usize = 1;
/// The bytes of wheel and pan in a report of the mouse.
const MOUSE_WHEELS: usize = 3;
/// The bytes of wheel and pan in a report of the absolute pointer, behind the report ID.
const POINTER_WHEELS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(reports: Reports) -> Vec<Vec<u8>> {
        reports.map(|report| report.bytes().to_vec()).collect()
    }

    #[test]
    fn a_release_goes_where_the_press_went() {
        let mut pointer = Pointer::default();
        let _ = pointer.point_to(1, 2);
        assert_eq!(bytes(pointer.press(Button::Right).unwrap()), [[1, 2, 1, 0, 2, 0, 0, 0]]);
        assert_eq!(bytes(pointer.move_by(5, -5)), [[0, 5, 0xFB, 0, 0]]);
        assert_eq!(bytes(pointer.press(Button::Left).unwrap()), [[1, 0, 0, 0, 0]]);
        assert!(pointer.press(Button::Right).is_none());
        assert_eq!(bytes(pointer.release(Button::Right).unwrap()), [[1, 0, 1, 0, 2, 0, 0, 0]]);
        assert_eq!(bytes(pointer.release_all(Interface::Mouse).unwrap()), [[0, 0, 0, 0, 0]]);
        assert!(pointer.release(Button::Left).is_none());
    }

    #[test]
    fn positions_stop_at_the_edge() {
        let mut pointer = Pointer::default();
        assert_eq!(bytes(pointer.point_to(u16::MAX, 32768)), [[1, 0, 0xFF, 0x7F, 0xFF, 0x7F, 0, 0]]);
        assert_eq!(pointer.position(), Some((32767, 32767)));
    }

    #[test]
    fn wheels_turn_on_the_interface_of_the_last_motion() {
        let mut pointer = Pointer::default();
        assert_eq!(bytes(pointer.scroll(-1, 2)), [[1, 0, 0, 0x40, 0, 0x40, 0xFF, 2]]);
        pointer.steer(Interface::Mouse);
        assert_eq!(bytes(pointer.scroll(200, 0)), [[0, 0, 0, 100, 0], [0, 0, 0, 100, 0]]);
        assert!(bytes(pointer.scroll(0, 0)).is_empty());
    }
}
