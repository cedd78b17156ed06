//! Rectangles of the RFB protocol: exact ones for text and areas, copies for motion, JPEG for photos.

mod colours;
mod content;
mod encoder;
mod exactness;
mod film;
mod gradient;
mod header;
mod hybrid;
mod options;
mod palette;
mod pixels;
mod planner;
mod source;
mod tight;
mod zlib;
mod zrle;

pub use encoder::RectEncoder;
pub use hybrid::HybridEncoder;
pub use options::RectOptions;
pub use pixels::ClientPixels;
