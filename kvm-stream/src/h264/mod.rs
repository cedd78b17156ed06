//! H.264 at the cost of the change: what did not change is skipped, what moved is a vector.

mod bits;
mod block;
#[cfg(test)]
mod cases;
mod cavlc;
mod cavlc_tables;
mod choice;
mod coded_block_pattern;
mod coder;
mod coding;
mod directions;
mod encoder;
mod fractions;
mod inter;
mod intra;
mod intra4x4;
mod level;
mod macroblock;
mod moves;
mod nal;
mod parameters;
mod picture;
mod quality;
mod quantise;
mod quantisers;
mod rate;
mod refinement;
mod residual;
mod search;
mod session;
mod slice_header;
mod source;
mod surroundings;
#[cfg(test)]
mod syntax_tests;
mod transform;
mod vectors;

pub use encoder::H264Encoder;
pub use quality::H264Quality;
pub use rate::H264Rate;
