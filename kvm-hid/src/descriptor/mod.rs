//! Report descriptors, built and measured at compile time.
//!
//! The builder counts the bits of every report it describes. The lengths below come out of that, and the encoders
//! fill arrays of these lengths, so that a descriptor and its encoder cannot drift apart and still compile.

mod items;
mod keyboard;
mod mouse;
mod pointer;

pub(crate) use keyboard::{KEYBOARD, KEYBOARD_LEN, LEDS_LEN};
pub(crate) use mouse::{MOUSE, MOUSE_LEN};
pub(crate) use pointer::{
    CONSUMER_ID, CONSUMER_LEN, POINTER, POINTER_ID, POINTER_LEN, POSITION_MAX, SYSTEM_ID, SYSTEM_LEN,
};
