//! When a program is to end.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Completes at Ctrl-C, or when a service manager or a closing terminal says so. To be called within a runtime.
///
/// # Errors
///
/// The system does not say.
pub fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
