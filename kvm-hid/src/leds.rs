//! The lights of a keyboard, which the host sets.

use crate::descriptor::LEDS_LEN;

/// Which lights of the keyboard the host has on (HID 1.11, appendix B.1; HID Usage Tables 1.5, section 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a boot keyboard has these five")]
#[expect(clippy::struct_excessive_bools, reason = "five lights, each on or off")]
pub struct Leds {
    /// Num Lock.
    pub num: bool,
    /// Caps Lock.
    pub caps: bool,
    /// Scroll Lock.
    pub scroll: bool,
    /// Compose.
    pub compose: bool,
    /// Kana.
    pub kana: bool,
}

impl Leds {
    /// Reads the keyboard's output report; its three padding bits say nothing.
    pub const fn from_byte(report: u8) -> Self {
        Self {
            num: report & 1 != 0,
            caps: report & 2 != 0,
            scroll: report & 4 != 0,
            compose: report & 8 != 0,
            kana: report & 16 != 0,
        }
    }

    /// Writes the keyboard's output report.
    pub const fn to_byte(self) -> u8 {
        let [report]: [u8; LEDS_LEN] = [self.num as u8
            | (self.caps as u8) << 1
            | (self.scroll as u8) << 2
            | (self.compose as u8) << 3
            | (self.kana as u8) << 4];
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_itself_again_but_for_the_padding() {
        for byte in 0..=u8::MAX {
            assert_eq!(Leds::from_byte(byte).to_byte(), byte & 0x1F);
        }
        assert!(Leds::from_byte(2).caps);
    }
}
