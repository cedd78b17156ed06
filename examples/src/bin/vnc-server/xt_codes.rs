//! Keys by the codes of the XT keyboard, as viewers with QEMU's extension send them.

use kvm_hid::{Usage, usage_of_evdev};

/// The usage of a key with this XT make code, 0x80 added to those with the prefix 0xE0.
pub(crate) fn usage_of_xt(code: u8) -> Option<Usage> {
    usage_of_evdev(match code {
        // Linux numbers the keys of the first keyboards by these codes.
        0x01..=0x53 | 0x56..=0x58 => u16::from(code),
        _ => XT_TO_EVDEV.iter().find(|(xt, _)| *xt == code)?.1,
    })
}

/// The keys that Linux numbers otherwise (`linux/input-event-codes.h`), in the order of the XT codes.
const XT_TO_EVDEV: [(u8, u16); 67] = [
    (0x54, 99),  // Print, which has a code of its own with Alt
    (0x59, 117), // = of the numeric pad
    (0x5C, 95),  // Japanese comma of the numeric pad
    (0x5D, 183), // F13
    (0x5E, 184), // F14
    (0x5F, 185), // F15
    (0x64, 183), // F13, as keyboards number it
    (0x65, 184),
    (0x66, 185),
    (0x67, 186),
    (0x68, 187),
    (0x69, 188),
    (0x6A, 189),
    (0x6B, 190),
    (0x6C, 191),
    (0x6D, 192),
    (0x6E, 193),
    (0x70, 93),  // Kana
    (0x73, 89),  // Ro
    (0x76, 194), // F24
    (0x77, 91),  // Hiragana
    (0x78, 90),  // Katakana
    (0x79, 92),  // Henkan
    (0x7B, 94),  // Muhenkan
    (0x7D, 124), // Yen
    (0x7E, 121), // comma of the numeric pad
    (0x90, 165), // previous track
    (0x99, 163), // next track
    (0x9C, 96),  // Enter of the numeric pad
    (0x9D, 97),  // right Control
    (0xA0, 113), // mute
    (0xA1, 140), // calculator
    (0xA2, 164), // play and pause
    (0xA4, 166), // stop
    (0xAE, 114), // quieter
    (0xB0, 115), // louder
    (0xB2, 172), // home page
    (0xB5, 98),  // / of the numeric pad
    (0xB7, 99),  // Print
    (0xB8, 100), // right Alt
    (0xC6, 119), // Pause
    (0xC7, 102), // Home
    (0xC8, 103), // Up
    (0xC9, 104), // Page Up
    (0xCB, 105), // Left
    (0xCD, 106), // Right
    (0xCF, 107), // End
    (0xD0, 108), // Down
    (0xD1, 109), // Page Down
    (0xD2, 110), // Insert
    (0xD3, 111), // Delete
    (0xDB, 125), // left Meta
    (0xDC, 126), // right Meta
    (0xDD, 127), // Menu
    (0xDE, 116), // Power
    (0xDF, 142), // Sleep
    (0xE3, 143), // Wake
    (0xE5, 217), // search
    (0xE6, 156), // bookmarks
    (0xE7, 173), // reload
    (0xE8, 128), // stop
    (0xE9, 159), // forward
    (0xEA, 158), // back
    (0xEB, 144), // files
    (0xEC, 155), // mail
    (0xED, 171), // media
    (0xF1, 123), // Hanja
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_lead_to_keys() {
        assert!(XT_TO_EVDEV.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (xt, evdev) in XT_TO_EVDEV {
            assert!(usage_of_xt(xt).is_some(), "{xt:#x} is {evdev}");
        }
    }

    #[test]
    fn known_keys_are_found() {
        for (xt, usage) in
            [(0x1E, 0x04), (0x1C, 0x28), (0x9C, 0x58), (0xCD, 0x4F), (0x2A, 0xE1), (0xB8, 0xE6), (0x54, 0x46)]
        {
            assert_eq!(usage_of_xt(xt), Some(Usage::keyboard(usage)), "{xt:#x}");
        }
        assert_eq!(usage_of_xt(0), None);
        assert_eq!(usage_of_xt(0xFF), None);
    }
}
