//! Hardware encoders: devices that take pictures on one queue and give them back coded on another.
//!
//! This is the kernel's "Memory-to-Memory Stateful Video Encoder Interface". An [`EncoderDevice`] is opened with a
//! grant for [`VideoCodec`](kvm_audit::VideoCodec), takes a [`Frame`](crate::Frame) with
//! [`submit`](EncoderDevice::submit) and gives [`Coded`] pictures with [`poll_coded`](EncoderDevice::poll_coded);
//! neither waits. What waits is called so and takes a timeout:
//! [`wait_encoded`](EncoderDevice::wait_encoded) for the picture of a frame,
//! [`wait_drained`](EncoderDevice::wait_drained) for all of them at the end.
//!
//! Set up for the first frame, and anew when the format of the frames changes: in the capture's own pixels where the
//! device takes them, else converted, to 4:2:0 before others. Frames of a
//! [`V4l2Source`](crate::V4l2Source) that [shares its buffers](crate::V4l2Options::with_shared_buffers) are read by
//! the device where they are, if rows and sizes suit it; others are copied into its buffers, once.
//!
//! Pictures between key pictures build on each other, and key pictures come when asked for: by
//! `V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME` or, with drivers that do not have it, by the interface's "Reset" sequence.
//!
//! After an error of the device it is closed, and the next frame opens it again by its path: the grant was for the
//! path and is in use as long as the [`EncoderDevice`] lives.

mod coded_queue;
mod controls;
mod device;
mod error;
mod node;
mod options;
mod raw_queue;
mod session;

pub use device::{Coded, EncoderDevice, Submitted};
pub use error::M2mError;
pub use options::{EncoderOptions, Rate};
