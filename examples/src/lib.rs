//! What the example programs share.

#![forbid(unsafe_code)]

pub mod virtual_target;
