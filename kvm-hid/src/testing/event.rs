//! What a host understands.

use std::fmt;

use crate::{Button, Usage};

/// What a report told the host.
///
/// `Debug` does not say which key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostEvent {
    /// A key, a consumer control or a system control went down or came up.
    Key {
        /// Which.
        usage: Usage,
        /// Whether it went down.
        pressed: bool,
    },
    /// A button went down or came up.
    Button {
        /// Which.
        button: Button,
        /// Whether it went down.
        pressed: bool,
    },
    /// The pointer is somewhere else: in the descriptor's logical units, which run from 0 to the maximum.
    PointTo {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// The unit at the right edge.
        x_max: u32,
        /// The unit at the bottom edge.
        y_max: u32,
    },
    /// The pointer went some way.
    MoveBy {
        /// To the right.
        dx: i32,
        /// Downwards.
        dy: i32,
    },
    /// The wheel turned: away from the user is positive.
    Wheel {
        /// Clicks.
        clicks: i32,
    },
    /// The wheel turned sideways: to the right is positive.
    Pan {
        /// Clicks.
        clicks: i32,
    },
}

impl fmt::Debug for HostEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { pressed, .. } => {
                f.debug_struct("Key").field("pressed", pressed).finish_non_exhaustive()
            }
            Self::Button { button, pressed } => write!(f, "Button({button:?}, {pressed})"),
            Self::PointTo { x, y, x_max, y_max } => write!(f, "PointTo({x}/{x_max}, {y}/{y_max})"),
            Self::MoveBy { dx, dy } => write!(f, "MoveBy({dx}, {dy})"),
            Self::Wheel { clicks } => write!(f, "Wheel({clicks})"),
            Self::Pan { clicks } => write!(f, "Pan({clicks})"),
        }
    }
}
