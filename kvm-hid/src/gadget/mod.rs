//! Reports for a Linux USB gadget.

mod node;

pub use node::GadgetNode;
