//! Baseline JPEG (ITU-T T.81) in JFIF files, from a capture's own pixels.
//!
//! The way of a picture: [`fill`] brings the rows of one row of blocks to JFIF's colour and to planes, [`transform`]
//! turns sixteen blocks at a time into quantised coefficients, [`huffman`] writes those as bits, [`scan`] drives the
//! three, and [`headers`] goes before it all. [`BaselineJpeg`] is one picture; [`stripes`] keeps the pieces of the
//! last one, of which [`JpegEncoder`] makes the next.

mod band;
mod baseline;
mod encoder;
mod fill;
mod headers;
mod huffman;
mod layout;
mod quality;
mod scan;
mod stripes;
mod tables;
mod transform;

pub use baseline::BaselineJpeg;
pub use encoder::JpegEncoder;
