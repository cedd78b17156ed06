//! The relative boot mouse (HID 1.11, appendix B.2), with a wheel each way behind the boot bytes.

use super::items::{Items, collection, flag};

/// The report descriptor.
pub(crate) const MOUSE: [u8; ITEMS.len()] = ITEMS.bytes();

/// Buttons, X, Y, wheel, pan.
pub(crate) const MOUSE_LEN: usize = ITEMS.input_len(0);

const ITEMS: Items = Items::new()
    .usage_page(0x01) // generic desktop
    .usage(0x02) // mouse
    .collection(collection::APPLICATION)
    .usage(0x01) // pointer
    .collection(collection::PHYSICAL)
    .usage_page(0x09)
    .usages(0x01, 0x05)
    .logical(0, 1)
    .fields(5, 1)
    .input(flag::VARIABLE) // buttons
    .fields(1, 3)
    .input(flag::CONSTANT)
    .usage_page(0x01)
    .usage(0x30)
    .usage(0x31)
    .usage(0x38)
    .logical(-127, 127)
    .fields(3, 8)
    .input(flag::RELATIVE) // X, Y, wheel
    .usage_page(0x0C)
    .usage(0x0238)
    .fields(1, 8)
    .input(flag::RELATIVE) // AC Pan
    .end_collection()
    .end_collection();
