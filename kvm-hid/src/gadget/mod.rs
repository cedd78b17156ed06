//! Reports for a Linux USB gadget.
//!
//! ```no_run
//! use kvm_audit::{Capability, Ledger, Manifest};
//! use kvm_hid::Seat;
//! use kvm_hid::gadget::GadgetNode;
//!
//! let manifest = Manifest::new("bench-kvm")
//!     .declare(Capability::Keyboard, "/dev/hidg0", "types on the target")?
//!     .declare(Capability::Pointer, "/dev/hidg1", "points on the target")?;
//! let ledger = Ledger::new();
//! let keyboard = GadgetNode::open_keyboard("/dev/hidg0", manifest.grant(&ledger)?)?;
//! let pointer = GadgetNode::open_pointer("/dev/hidg1", manifest.grant(&ledger)?)?;
//! let seat = Seat::new().with_sink(Box::new(keyboard)).with_sink(Box::new(pointer));
//! # drop(seat);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod node;

pub use node::GadgetNode;
