//! Rectangles of the RFB protocol: exact ones for text and areas, copies for motion, JPEG for photos.
//!
//! And one encoding that is not the protocol's: exact planes, for clients that come with this crate.

mod bits;
mod colours;
mod content;
mod encoder;
mod exactness;
mod film;
mod foretold;
mod gradient;
mod header;
mod hybrid;
mod options;
mod painter;
mod palette;
mod pixels;
mod plane_coder;
mod plane_rows;
mod planner;
mod prefix_code;
mod source;
mod tight;
mod zlib;
mod zrle;

pub use encoder::RectEncoder;
pub use hybrid::HybridEncoder;
pub use options::RectOptions;
pub use pixels::ClientPixels;
