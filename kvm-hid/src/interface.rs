//! The USB interfaces a target sees.

use std::fmt;

use crate::Usage;
use crate::descriptor;
use crate::usage::page;

/// One of the USB HID interfaces that together are the target's keyboard and pointer.
///
/// Report IDs break programs that read the boot protocol (firmware menus), so the keyboard and the mouse
/// have none, and all that needs one shares the interface of the absolute pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Interface {
    /// A boot keyboard: 8 bytes, five LEDs, understood by firmware.
    Keyboard,
    /// An absolute pointer (report 1), consumer control (report 2) and system control (report 3).
    Pointer,
    /// A relative boot mouse: 5 bytes, of which firmware reads the first three.
    Mouse,
}

impl Interface {
    /// Every interface.
    pub const ALL: [Self; 3] = [Self::Keyboard, Self::Pointer, Self::Mouse];

    /// The report descriptor (HID 1.11, section 6.2.2), to be written to the gadget's `report_desc`.
    pub const fn descriptor(self) -> &'static [u8] {
        match self {
            Self::Keyboard => &descriptor::KEYBOARD,
            Self::Pointer => &descriptor::POINTER,
            Self::Mouse => &descriptor::MOUSE,
        }
    }

    /// The length of the longest input report in bytes, with its report ID if there is one; the gadget's
    /// `report_length`.
    pub const fn report_len(self) -> usize {
        match self {
            Self::Keyboard => descriptor::KEYBOARD_LEN,
            Self::Pointer => descriptor::POINTER_LEN,
            Self::Mouse => descriptor::MOUSE_LEN,
        }
    }

    /// The USB subclass (HID 1.11, section 4.2): 1 for what firmware can use.
    pub const fn subclass(self) -> u8 {
        match self {
            Self::Keyboard | Self::Mouse => 1,
            Self::Pointer => 0,
        }
    }

    /// The USB protocol (HID 1.11, section 4.3): 1 keyboard, 2 mouse, 0 neither.
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Keyboard => 1,
            Self::Mouse => 2,
            Self::Pointer => 0,
        }
    }

    /// The interface that can send a key; `None` if none can.
    ///
    /// ```
    /// use kvm_hid::{Interface, Usage};
    ///
    /// assert_eq!(Interface::of_usage(Usage::keyboard(0x04)), Some(Interface::Keyboard));
    /// assert_eq!(Interface::of_usage(Usage::consumer(0xE9)), Some(Interface::Pointer));
    /// assert_eq!(Interface::of_usage(Usage::keyboard(0x01)), None); // ErrorRollOver is no key
    /// ```
    pub const fn of_usage(usage: Usage) -> Option<Self> {
        match (usage.page, usage.id) {
            (page::KEYBOARD, 0x04..=0xE7) => Some(Self::Keyboard),
            (page::CONSUMER, 0x01..=0x3FF) | (page::GENERIC_DESKTOP, 0x81..=0x83) => Some(Self::Pointer),
            _ => None,
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyboard => "keyboard",
            Self::Pointer => "pointer",
            Self::Mouse => "mouse",
        })
    }
}
