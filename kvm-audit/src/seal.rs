//! The moment after which a process gains no further ability.

use std::sync::atomic::{AtomicBool, Ordering};

static SEALED: AtomicBool = AtomicBool::new(false);

/// Seals this process: from now on no grant is minted in it, from whatever manifest.
///
/// There is no way back. Called once everything is assembled, it turns a dependency that asks for an
/// ability later into a refused one. It binds honest code in this process; what binds all code is the
/// operating system's confinement.
pub fn seal_process() {
    SEALED.store(true, Ordering::SeqCst);
}

/// Whether [`seal_process`] was called.
pub fn process_is_sealed() -> bool {
    SEALED.load(Ordering::SeqCst)
}
