//! What a part says of itself.

use crate::CapabilitySet;

/// A part that says which capabilities it uses.
///
/// A supertrait of every device trait of the family, so that the answer survives erasure: an assembled
/// `Box<dyn FrameSource>` can still be asked. What a part says is a promise of its author; a part that
/// opens a device or a socket cannot be built without the [`Grant`](crate::Grant) for it, and what the
/// process really does is for the operating system to confine and for an audit to observe.
pub trait Declare {
    /// The capabilities this part uses. Empty for a part that is pure computation.
    fn capabilities(&self) -> CapabilitySet;
}

const _: Option<&dyn Declare> = None;

impl<T: Declare + ?Sized> Declare for Box<T> {
    fn capabilities(&self) -> CapabilitySet {
        (**self).capabilities()
    }
}
