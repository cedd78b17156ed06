//! From one pixel format or colour to another, for consumers that need it.
//!
//! Nothing in this crate converts by itself: the difference and the MJPEG passthrough work in the capture's own
//! format. A consumer that needs another one converts straight to the planes it wants, all at once with
//! [`Converter`], or row by row with [`YccRows`] when its encoder pulls rows.

mod colour_map;
mod converter;
mod pack;
mod rows;
mod unpack;

pub use colour_map::{ColourMap, ColourModel};
pub use converter::Converter;
pub use rows::YccRows;
