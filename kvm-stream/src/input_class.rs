//! Classes of input, as far as a recording tells of them.

use std::fmt;

/// What kind of input somebody made. That is all a recording tells of it: no key, no place, no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InputClass {
    /// A key was pressed.
    Keyboard,
    /// The pointer was moved, a button pressed or a wheel turned.
    Pointer,
    /// A text was typed by the program.
    Text,
    /// The target was told to turn off, sleep or wake, by a key or a line of its own.
    Power,
}

impl InputClass {
    /// Every class, in the order that recordings have them.
    pub const ALL: [Self; 4] = [Self::Keyboard, Self::Pointer, Self::Text, Self::Power];

    /// The class as recordings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyboard => "keyboard",
            Self::Pointer => "pointer",
            Self::Text => "text",
            Self::Power => "power",
        }
    }

    /// The class of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

impl fmt::Display for InputClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
