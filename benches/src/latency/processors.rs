//! Which processor runs a thread.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The first and the last processor that this program may use; `None` if there is but one.
pub(crate) fn first_and_last() -> io::Result<Option<(usize, usize)>> {
    let allowed = sched_getaffinity(None)?;
    let mut usable = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
    let first = usable.next();
    Ok(first.zip(usable.next_back()))
}

/// Keeps the calling thread on this processor.
pub(crate) fn pin(processor: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor);
    Ok(sched_setaffinity(None, &set)?)
}
