//! What the example programs share.

#![forbid(unsafe_code)]

pub mod freshest;
pub mod inbox;
pub mod input;
pub mod listener;
pub mod report;
pub mod start;
pub mod target;
pub mod told_to_end;
pub mod virtual_target;
