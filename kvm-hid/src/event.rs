//! What somebody does at a keyboard and a pointer.

use std::fmt;

use crate::Usage;

/// One thing somebody does.
///
/// `Debug` does not say which key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum InputEvent {
    /// A key goes down or comes up; also a media, browser or power key.
    Key {
        /// The key.
        usage: Usage,
        /// Whether it goes down.
        pressed: bool,
    },
    /// The pointer goes to a place, whatever the size of the screen: 0 is its left or top edge, 32767 its
    /// right or bottom edge. What is beyond is that edge.
    PointTo {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
    /// The pointer goes some way, in counts of a mouse. Beyond ±32767 a distance is cut off.
    MoveBy {
        /// To the right.
        dx: i32,
        /// Downwards.
        dy: i32,
    },
    /// A button of the pointer goes down or comes up.
    Button {
        /// The button.
        button: Button,
        /// Whether it goes down.
        pressed: bool,
    },
    /// A wheel turns, in its clicks. Beyond ±32767 a turn is cut off.
    Wheel {
        /// Away from the user, which scrolls up.
        vertical: i32,
        /// To the right.
        horizontal: i32,
    },
}

impl fmt::Debug for InputEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { pressed, .. } => {
                f.debug_struct("Key").field("pressed", pressed).finish_non_exhaustive()
            }
            Self::PointTo { x, y } => f.debug_struct("PointTo").field("x", x).field("y", y).finish(),
            Self::MoveBy { dx, dy } => f.debug_struct("MoveBy").field("dx", dx).field("dy", dy).finish(),
            Self::Button { button, pressed } => {
                f.debug_struct("Button").field("button", button).field("pressed", pressed).finish()
            }
            Self::Wheel { vertical, horizontal } => {
                f.debug_struct("Wheel").field("vertical", vertical).field("horizontal", horizontal).finish()
            }
        }
    }
}

/// A button of the pointer, in the order of HID buttons 1 to 5 (HID Usage Tables 1.5, section 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Button {
    /// Button 1, the primary one.
    Left,
    /// Button 2, the one for menus.
    Right,
    /// Button 3, most often the wheel.
    Middle,
    /// Button 4, on the side.
    Back,
    /// Button 5, on the side.
    Forward,
}

impl Button {
    /// Every button, button 1 first.
    pub const ALL: [Self; 5] = [Self::Left, Self::Right, Self::Middle, Self::Back, Self::Forward];

    /// The button that browsers number so in `MouseEvent.button` (0 left, 1 middle, 2 right, 3 back, 4
    /// forward; W3C UI Events).
    pub const fn from_web(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Left),
            1 => Some(Self::Middle),
            2 => Some(Self::Right),
            3 => Some(Self::Back),
            4 => Some(Self::Forward),
            _ => None,
        }
    }

    /// The button's bit in a report's byte of buttons.
    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}
