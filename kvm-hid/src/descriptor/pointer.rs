//! The absolute pointer, and the controls that need report IDs as it does.

use super::items::{Items, collection, flag};

/// The report descriptor.
///
/// A mouse collection with absolute axes: hosts without any driver for tablets move their pointer by it. The
/// physical collection is there because some firmware wants one.
pub(crate) const POINTER: [u8; ITEMS.len()] = ITEMS.bytes();

/// The largest coordinate. Windows 7 takes neither more nor anything negative.
pub(crate) const POSITION_MAX: u16 = 32767;

pub(crate) const POINTER_ID: u8 = 1;
/// Report ID, buttons, X, Y, wheel, pan.
pub(crate) const POINTER_LEN: usize = ITEMS.input_len(POINTER_ID);

pub(crate) const CONSUMER_ID: u8 = 2;
/// Report ID, one usage.
pub(crate) const CONSUMER_LEN: usize = ITEMS.input_len(CONSUMER_ID);

pub(crate) const SYSTEM_ID: u8 = 3;
/// Report ID, the number of one of three usages.
pub(crate) const SYSTEM_LEN: usize = ITEMS.input_len(SYSTEM_ID);

const ITEMS: Items = Items::new()
    .usage_page(0x01) // generic desktop
    .usage(0x02) // mouse
    .collection(collection::APPLICATION)
    .report_id(POINTER_ID)
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
    .logical(0, POSITION_MAX)
    .fields(2, 16)
    .input(flag::VARIABLE) // X, Y
    .usage(0x38)
    .logical(-127, 127)
    .fields(1, 8)
    .input(flag::RELATIVE) // wheel
    .usage_page(0x0C)
    .usage(0x0238)
    .fields(1, 8)
    .input(flag::RELATIVE) // AC Pan
    .end_collection()
    .end_collection()
    .usage_page(0x0C)
    .usage(0x01) // consumer control
    .collection(collection::APPLICATION)
    .report_id(CONSUMER_ID)
    .usages(0x00, 0x03FF)
    .logical(0, 0x03FF)
    .fields(1, 16)
    .input(flag::ARRAY)
    .end_collection()
    .usage_page(0x01)
    .usage(0x80) // system control
    .collection(collection::APPLICATION)
    .report_id(SYSTEM_ID)
    .usages(0x81, 0x83)
    .logical(1, 3)
    .fields(1, 8)
    .input(flag::ARRAY) // power, sleep, wake; zero is none of them
    .end_collection();
