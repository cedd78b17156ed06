//! One descriptor that says "poll": a device, buffers that came back, and a slow tick.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// How often a source looks for itself: whether a lost signal is back, and whether a silent device still has one.
///
/// Twice a second finds a plugged cable while the hand is still on it and costs nothing worth counting.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// An epoll instance over the device, a [`Wake`] and a timer, so that whoever drives the source waits on one
/// descriptor whatever the source is waiting for.
#[derive(Debug)]
pub(super) struct Readiness {
    epoll: OwnedFd,
    timer: OwnedFd,
    wake: Arc<Wake>,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ready {
    /// The driver has a filled buffer, or a fault to report.
    pub(super) buffer: bool,
    /// The driver has an event, or the device is gone.
    pub(super) event: bool,
    /// A [`TICK`] has passed.
    pub(super) tick: bool,
}

impl Readiness {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let period = Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        timerfd_settime(
            &timer,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: period, it_value: period },
        )?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self { epoll, timer, wake: Arc::new(Wake(wake)) })
    }

    /// Begins to watch a device, for events only.
    pub(super) fn watch(&self, device: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, device, EventData::new_u64(DEVICE), EventFlags::PRI)?)
    }

    /// Watches the device for buffers as well, or no longer.
    ///
    /// While it does not stream it must not be: to a driver that knows `read()` a poll for input means that it
    /// shall start to stream for that ("V4L2 poll()").
    pub(super) fn watch_buffers(&self, device: BorrowedFd<'_>, streaming: bool) -> io::Result<()> {
        let flags = if streaming { EventFlags::IN | EventFlags::PRI } else { EventFlags::PRI };
        Ok(epoll::modify(&self.epoll, device, EventData::new_u64(DEVICE), flags)?)
    }

    /// Stops watching a device that is about to be closed. Frames may keep its file alive, and a dead device
    /// is ready for ever.
    pub(super) fn forget(&self, device: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, device)?)
    }

    /// What wakes whoever waits on [`AsFd`].
    pub(super) fn waker(&self) -> Arc<Wake> {
        Arc::clone(&self.wake)
    }

    /// Looks what there is to do, without waiting.
    pub(super) fn take(&self) -> io::Result<Ready> {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 3];
        let count = epoll::wait(&self.epoll, &mut events, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        let mut ready = Ready::default();
        for Event { flags, data } in events.into_iter().take(count) {
            match data.u64() {
                DEVICE => {
                    ready.buffer |= flags.intersects(EventFlags::IN | EventFlags::ERR);
                    ready.event |= flags.intersects(EventFlags::PRI | EventFlags::HUP);
                }
                TIMER => ready.tick |= drain(&self.timer)?,
                _ => {
                    drain(&self.wake.0)?;
                }
            }
        }
        Ok(ready)
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Wakes whoever waits for the source.
#[derive(Debug)]
pub(super) struct Wake(OwnedFd);

impl Wake {
    /// Makes the source ready. Never blocks.
    pub(super) fn wake(&self) {
        // The only failure of a non-blocking eventfd is a full counter, and then it is awake already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// Empties the counter of an eventfd or timerfd; whether it had counted anything.
fn drain(counter: &OwnedFd) -> io::Result<bool> {
    match rustix::io::read(counter, &mut [0; 8]) {
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

const DEVICE: u64 = 0;
const WAKE: u64 = 1;
const TIMER: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_is_seen_once() {
        let readiness = Readiness::new().unwrap();
        let mut seen = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 3];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        readiness.waker().wake();
        readiness.waker().wake();
        assert_eq!(epoll::wait(&readiness.epoll, &mut seen, Some(&now)).unwrap(), 1);
        assert!(!readiness.take().unwrap().buffer);
        assert_eq!(epoll::wait(&readiness.epoll, &mut seen, Some(&now)).unwrap(), 0);
    }
}
