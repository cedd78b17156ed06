//! Hardware encoders behind V4L2 devices: `encoder` drives the device of kvm-capture, `coded_stream` makes labelled
//! pictures of what it gives out.

mod coded_stream;
mod encoder;

pub use encoder::M2mEncoder;
