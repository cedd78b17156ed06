//! What a control of a HID device is for.

use std::fmt;

/// A HID usage: a page, and the meaning of one control on it.
///
/// Pages and ids are those of the [HID Usage Tables 1.5]: keys are on page 0x07 (section 10), media and
/// browser keys on page 0x0C (section 15), power and sleep on page 0x01 (section 4.5).
///
/// `Debug` shows the page only, because the id says which key somebody pressed. `Display` shows both, for
/// code that means to.
///
/// [HID Usage Tables 1.5]: https://usb.org/document-library/hid-usage-tables-15
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a usage is a page and an id, by definition")]
pub struct Usage {
    /// The usage page.
    pub page: u16,
    /// The usage id on that page.
    pub id: u16,
}

impl Usage {
    /// A key of the Keyboard/Keypad page.
    pub const fn keyboard(id: u8) -> Self {
        Self { page: page::KEYBOARD, id: id as u16 }
    }

    /// A control of the Consumer page: media, browser and launch keys.
    pub const fn consumer(id: u16) -> Self {
        Self { page: page::CONSUMER, id }
    }

    /// A control of the Generic Desktop page; 0x81 to 0x83 are power, sleep and wake.
    pub const fn desktop(id: u16) -> Self {
        Self { page: page::GENERIC_DESKTOP, id }
    }

    /// The bit of this key in a boot keyboard's first byte, if it is a modifier (HID 1.11, appendix B.1).
    pub(crate) const fn modifier_bit(self) -> Option<u8> {
        if self.page == page::KEYBOARD && self.id >= 0xE0 && self.id <= 0xE7 {
            Some(1 << (self.id - 0xE0))
        } else {
            None
        }
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usage {{ page: {:#04x}, .. }}", self.page)
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}", self.page, self.id)
    }
}

/// Usage pages, HID Usage Tables 1.5, section 3.
pub(crate) mod page {
    pub(crate) const GENERIC_DESKTOP: u16 = 0x01;
    pub(crate) const KEYBOARD: u16 = 0x07;
    pub(crate) const CONSUMER: u16 = 0x0C;
}
