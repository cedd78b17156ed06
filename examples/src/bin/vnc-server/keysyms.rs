//! Keys by what they mean to the viewer: keysyms of the X Window System, as places on a US keyboard.

use kvm_hid::Usage;

/// A key of a US keyboard, and how Shift has to be for it to give what was meant; `None` if that does not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) usage: Usage,
    pub(crate) shift: Option<bool>,
    /// Whether Caps Lock turns Shift around.
    pub(crate) is_letter: bool,
}

/// The key for a keysym (X11 `keysymdef.h`). `None` for what a US keyboard does not have, such as letters with accents.
pub(crate) fn place_of(keysym: u32) -> Option<Place> {
    // Characters beyond Latin-1 may come as Unicode with 0x01000000 added; those below have one keysym only.
    if let Some(character) = char::from_u32(keysym).filter(|character| (' '..='~').contains(character)) {
        return place_of_character(character);
    }
    let id = match keysym {
        // F1 to F12, and F13 to F24.
        0xFFBE..=0xFFC9 => 0x3A + offset(keysym, 0xFFBE),
        0xFFCA..=0xFFD5 => 0x68 + offset(keysym, 0xFFCA),
        // 1 to 9 of the numeric pad.
        0xFFB1..=0xFFB9 => 0x59 + offset(keysym, 0xFFB1),
        _ => KEYS.iter().find(|(number, _)| *number == keysym)?.1,
    };
    Some(Place { usage: Usage::keyboard(id), shift: None, is_letter: false })
}

fn place_of_character(character: char) -> Option<Place> {
    let (id, shift) = match character {
        'a'..='z' => (0x04 + offset(character.into(), 'a'.into()), false),
        'A'..='Z' => (0x04 + offset(character.into(), 'A'.into()), true),
        '1'..='9' => (0x1E + offset(character.into(), '1'.into()), false),
        _ => *CHARACTERS.iter().find(|(other, _)| *other == character).map(|(_, place)| place)?,
    };
    // Space is the same with Shift and without.
    let shift = (character != ' ').then_some(shift);
    Some(Place { usage: Usage::keyboard(id), shift, is_letter: character.is_ascii_alphabetic() })
}

/// How far a number is behind the first of its row; rows are short.
fn offset(number: u32, first: u32) -> u8 {
    u8::try_from(number - first).unwrap_or(0)
}

/// What stands on a US keyboard besides letters and the digits from 1: HID usage, and whether Shift is down.
const CHARACTERS: [(char, (u8, bool)); 34] = [
    ('!', (0x1E, true)),
    ('@', (0x1F, true)),
    ('#', (0x20, true)),
    ('$', (0x21, true)),
    ('%', (0x22, true)),
    ('^', (0x23, true)),
    ('&', (0x24, true)),
    ('*', (0x25, true)),
    ('(', (0x26, true)),
    (')', (0x27, true)),
    ('0', (0x27, false)),
    (' ', (0x2C, false)),
    ('-', (0x2D, false)),
    ('_', (0x2D, true)),
    ('=', (0x2E, false)),
    ('+', (0x2E, true)),
    ('[', (0x2F, false)),
    ('{', (0x2F, true)),
    (']', (0x30, false)),
    ('}', (0x30, true)),
    ('\\', (0x31, false)),
    ('|', (0x31, true)),
    (';', (0x33, false)),
    (':', (0x33, true)),
    ('\'', (0x34, false)),
    ('"', (0x34, true)),
    ('`', (0x35, false)),
    ('~', (0x35, true)),
    (',', (0x36, false)),
    ('<', (0x36, true)),
    ('.', (0x37, false)),
    ('>', (0x37, true)),
    ('/', (0x38, false)),
    ('?', (0x38, true)),
];

/// Keys that write nothing, and those of the numeric pad (X11 `keysymdef.h`), with their usages on the Keyboard page.
const KEYS: [(u32, u8); 61] = [
    (0xFE03, 0xE6), // ISO_Level3_Shift, that is AltGr
    (0xFE20, 0x2B), // Tab with Shift
    (0xFF08, 0x2A), // BackSpace
    (0xFF09, 0x2B), // Tab
    (0xFF0D, 0x28), // Return
    (0xFF13, 0x48), // Pause
    (0xFF14, 0x47), // Scroll_Lock
    (0xFF15, 0x46), // Sys_Req
    (0xFF1B, 0x29), // Escape
    (0xFF20, 0xE6), // Multi_key, which many have on AltGr
    (0xFF50, 0x4A), // Home
    (0xFF51, 0x50), // Left
    (0xFF52, 0x52), // Up
    (0xFF53, 0x4F), // Right
    (0xFF54, 0x51), // Down
    (0xFF55, 0x4B), // Page_Up
    (0xFF56, 0x4E), // Page_Down
    (0xFF57, 0x4D), // End
    (0xFF61, 0x46), // Print
    (0xFF63, 0x49), // Insert
    (0xFF67, 0x65), // Menu
    (0xFF6A, 0x75), // Help
    (0xFF6B, 0x48), // Break
    (0xFF7E, 0xE6), // Mode_switch
    (0xFF7F, 0x53), // Num_Lock
    (0xFF80, 0x2C), // KP_Space
    (0xFF89, 0x2B), // KP_Tab
    (0xFF8D, 0x58), // KP_Enter
    (0xFF95, 0x5F), // KP_Home
    (0xFF96, 0x5C), // KP_Left
    (0xFF97, 0x60), // KP_Up
    (0xFF98, 0x5E), // KP_Right
    (0xFF99, 0x5A), // KP_Down
    (0xFF9A, 0x61), // KP_Page_Up
    (0xFF9B, 0x5B), // KP_Page_Down
    (0xFF9C, 0x59), // KP_End
    (0xFF9D, 0x5D), // KP_Begin
    (0xFF9E, 0x62), // KP_Insert
    (0xFF9F, 0x63), // KP_Delete
    (0xFFAA, 0x55), // KP_Multiply
    (0xFFAB, 0x57), // KP_Add
    (0xFFAC, 0x85), // KP_Separator
    (0xFFAD, 0x56), // KP_Subtract
    (0xFFAE, 0x63), // KP_Decimal
    (0xFFAF, 0x54), // KP_Divide
    (0xFFB0, 0x62), // KP_0
    (0xFFBD, 0x67), // KP_Equal
    (0xFFE1, 0xE1), // Shift_L
    (0xFFE2, 0xE5), // Shift_R
    (0xFFE3, 0xE0), // Control_L
    (0xFFE4, 0xE4), // Control_R
    (0xFFE5, 0x39), // Caps_Lock
    (0xFFE6, 0x39), // Shift_Lock
    (0xFFE7, 0xE3), // Meta_L
    (0xFFE8, 0xE7), // Meta_R
    (0xFFE9, 0xE2), // Alt_L
    (0xFFEA, 0xE6), // Alt_R
    (0xFFEB, 0xE3), // Super_L
    (0xFFEC, 0xE7), // Super_R
    (0xFFED, 0xE3), // Hyper_L
    (0xFFFF, 0x4C), // Delete
];

#[cfg(test)]
mod tests {
    use kvm_hid::{InputEvent, Typist};

    use super::*;

    /// The typist of the library knows the US layout as well, and from another table.
    #[test]
    fn characters_are_where_the_typist_finds_them() {
        for character in ' '..='~' {
            let place = place_of(character.into()).unwrap();
            let mut typist = Typist::new(&character.to_string()).unwrap();
            let mut shift = false;
            loop {
                match typist.next_event().unwrap() {
                    InputEvent::Key { usage, pressed: true } if usage == Usage::keyboard(0xE1) => {
                        shift = true;
                    }
                    InputEvent::Key { usage, pressed: true } => {
                        assert_eq!(usage, place.usage, "{character}");
                        assert_eq!(place.shift.unwrap_or(shift), shift, "{character}");
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn rows_begin_and_end_where_they_should() {
        for (keysym, id) in
            [(0xFFBE, 0x3A), (0xFFC9, 0x45), (0xFFCA, 0x68), (0xFFD5, 0x73), (0xFFB1, 0x59), (0xFFB9, 0x61)]
        {
            assert_eq!(place_of(keysym).unwrap().usage, Usage::keyboard(id), "{keysym:#x}");
        }
        assert!(KEYS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for unknown in [0, 0xE9, 0x20AC, 0x0100_20AC, 0xFFFF_FFFF] {
            assert!(place_of(unknown).is_none(), "{unknown:#x}");
        }
    }
}
