//! Commands to a thread that otherwise waits for devices.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// The thread's end: commands, and a descriptor that is readable when there are some, so that they can be waited
/// for together with devices.
#[derive(Debug)]
pub struct Inbox<T> {
    commands: Receiver<T>,
    bell: Arc<OwnedFd>,
}

/// Everybody else's end.
#[derive(Debug)]
pub struct Outbox<T> {
    commands: Sender<T>,
    bell: Arc<OwnedFd>,
}

/// Creates both ends.
///
/// # Errors
///
/// The system has no descriptor left.
pub fn inbox<T>() -> io::Result<(Outbox<T>, Inbox<T>)> {
    let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    let (sender, receiver) = channel();
    Ok((Outbox { commands: sender, bell: Arc::clone(&bell) }, Inbox { commands: receiver, bell }))
}

impl<T> Outbox<T> {
    /// Sends a command and wakes the thread. A thread that has ended takes none, and nobody need care.
    pub fn send(&self, command: T) {
        if self.commands.send(command).is_ok() {
            // It fails only if the counter is at its limit, and then the thread is awake anyway.
            let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        }
    }
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<T> Inbox<T> {
    /// Takes the next command, if there is one.
    pub fn next(&self) -> Option<T> {
        self.commands.try_recv().ok()
    }

    /// Waits for a command, a device or the end of the time; `None` waits without end. Answers what it was.
    ///
    /// # Errors
    ///
    /// The system cannot wait for these devices.
    pub fn wait<'fd>(
        &self,
        devices: impl IntoIterator<Item = (BorrowedFd<'fd>, PollFlags)>,
        timeout: Option<Duration>,
    ) -> io::Result<WokenBy> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)];
        fds.extend(devices.into_iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        // A time too long to say is as good as none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(WokenBy::Time),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let rung = !fds[0].revents().is_empty();
        if rung {
            let mut count = [0; 8];
            // Whoever rings next makes it readable again.
            let _ = rustix::io::read(&self.bell, &mut count);
        }
        let broken = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let mut devices = fds[1..].iter().map(PollFd::revents).filter(|events| !events.is_empty());
        let any = devices.clone().next().is_some();
        Ok(if any && devices.all(|events| broken.contains(events)) {
            WokenBy::BrokenDevice
        } else if any {
            WokenBy::Device
        } else {
            WokenBy::Command
        })
    }
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the programs, its only users, handle each")]
pub enum WokenBy {
    /// The end of the time, or a signal.
    Time,
    /// A command.
    Command,
    /// A device has something to say.
    Device,
    /// A device has nothing to say but that it is in error, and would say so again at once.
    BrokenDevice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_the_wait() {
        let (outbox, inbox) = inbox().unwrap();
        assert_eq!(inbox.wait([], Some(Duration::ZERO)).unwrap(), WokenBy::Time);
        outbox.send(1);
        outbox.send(2);
        assert_eq!(inbox.wait([], None).unwrap(), WokenBy::Command);
        assert_eq!((inbox.next(), inbox.next(), inbox.next()), (Some(1), Some(2), None));
        assert_eq!(inbox.wait([], Some(Duration::ZERO)).unwrap(), WokenBy::Time);
    }

    #[test]
    fn a_hung_up_device_is_told_from_a_ready_one() {
        let (_outbox, inbox) = inbox::<()>().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"x").unwrap();
        assert_eq!(inbox.wait([(reader.as_fd(), PollFlags::IN)], None).unwrap(), WokenBy::Device);
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        assert_eq!(inbox.wait([(reader.as_fd(), PollFlags::IN)], None).unwrap(), WokenBy::BrokenDevice);
    }
}
