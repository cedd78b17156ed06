//! What the simulated computer's keys mean: the US layout, and the keys it treats specially.

use kvm_hid::Usage;

/// A key as the simulated computer's programs see it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Character(char),
    Enter,
    Backspace,
    Escape,
    Up,
    Down,
    Left,
    Right,
    Other,
}

/// The modifiers that are down, and the locks.
#[derive(Clone, Copy, Default)]
pub(super) struct Modifiers {
    pub(super) shift: bool,
    pub(super) control: bool,
    pub(super) alt: bool,
    pub(super) caps_lock: bool,
    pub(super) num_lock: bool,
}

/// What a key means with these modifiers.
pub(super) fn key(usage: Usage, modifiers: Modifiers) -> Key {
    let Ok(id) = u8::try_from(usage.id) else { return Key::Other };
    if usage != Usage::keyboard(id) {
        return Key::Other;
    }
    let plain_or_shifted = |(plain, shifted): (char, char)| {
        let shift = modifiers.shift != (modifiers.caps_lock && plain.is_ascii_lowercase());
        Key::Character(if shift { shifted } else { plain })
    };
    match id {
        0x04..=0x1d => {
            let letter = char::from(b'a' + id - 0x04);
            plain_or_shifted((letter, letter.to_ascii_uppercase()))
        }
        0x1e..=0x27 => plain_or_shifted(DIGITS[usize::from(id - 0x1e)]),
        0x28 | 0x58 => Key::Enter,
        0x29 => Key::Escape,
        0x2a => Key::Backspace,
        0x2b => Key::Character('\t'),
        0x2c => Key::Character(' '),
        0x2d..=0x31 => plain_or_shifted(PUNCTUATION[usize::from(id - 0x2d)]),
        0x33..=0x38 => plain_or_shifted(PUNCTUATION[usize::from(id - 0x33) + 5]),
        0x4f => Key::Right,
        0x50 => Key::Left,
        0x51 => Key::Down,
        0x52 => Key::Up,
        0x54..=0x57 => Key::Character(['/', '*', '-', '+'][usize::from(id - 0x54)]),
        0x59..=0x63 if modifiers.num_lock => Key::Character(KEYPAD[usize::from(id - 0x59)]),
        0x5a => Key::Down,
        0x5c => Key::Left,
        0x5e => Key::Right,
        0x60 => Key::Up,
        _ => Key::Other,
    }
}

// HID Usage Tables 1.5, section 10 (Keyboard/Keypad page): 0x1E–0x27, 0x2D–0x31 and 0x33–0x38, 0x59–0x63.
const DIGITS: [(char, char); 10] = [
    ('1', '!'),
    ('2', '@'),
    ('3', '#'),
    ('4', '$'),
    ('5', '%'),
    ('6', '^'),
    ('7', '&'),
    ('8', '*'),
    ('9', '('),
    ('0', ')'),
];
const PUNCTUATION: [(char, char); 11] = [
    ('-', '_'),
    ('=', '+'),
    ('[', '{'),
    (']', '}'),
    ('\\', '|'),
    (';', ':'),
    ('\'', '"'),
    ('`', '~'),
    (',', '<'),
    ('.', '>'),
    ('/', '?'),
];
const KEYPAD: [char; 11] = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '.'];
