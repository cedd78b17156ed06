//! The boot keyboard (HID 1.11, appendix B.1), with every key of the usage page and all five LEDs.

use super::items::{Items, collection, flag};

/// The report descriptor.
pub(crate) const KEYBOARD: [u8; ITEMS.len()] = ITEMS.bytes();

/// Modifiers, a reserved byte, six keys.
pub(crate) const KEYBOARD_LEN: usize = ITEMS.input_len(0);

/// The lights.
pub(crate) const LEDS_LEN: usize = ITEMS.output_len(0);

const ITEMS: Items = Items::new()
    .usage_page(0x01) // generic desktop
    .usage(0x06) // keyboard
    .collection(collection::APPLICATION)
    .usage_page(0x07)
    .usages(0xE0, 0xE7)
    .logical(0, 1)
    .fields(8, 1)
    .input(flag::VARIABLE) // modifiers
    .fields(1, 8)
    .input(flag::CONSTANT) // reserved
    .usage_page(0x08)
    .usages(0x01, 0x05)
    .fields(5, 1)
    .output(flag::VARIABLE) // LEDs: num, caps, scroll, compose, kana
    .fields(1, 3)
    .output(flag::CONSTANT)
    .usage_page(0x07)
    .usages(0x00, 0xE7)
    .logical(0, 0xE7)
    .fields(6, 8)
    .input(flag::ARRAY) // keys
    .end_collection();
