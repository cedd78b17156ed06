//! The target's keyboard and pointer as one place to sit.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use kvm_audit::{CapabilitySet, Declare};

use crate::desk::Desk;
use crate::lane::Lane;
use crate::{HidError, InputEvent, Interface, Leds, LinkState, ReportSink};

/// Somebody who may sit at a [`Seat`]: a viewer's connection, a script. The number is the caller's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
pub struct Holder(pub u64);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The target's keyboard and pointer, at which one holder at a time is in control.
///
/// Whatever happens, every key comes up: when the holder [leaves](Self::leave), when another
/// [takes over](Self::take_over), when nothing was [heard](Self::hear) for a while with something down, and
/// when the seat is dropped. A host that was away is first told that nothing is down, and nothing is pressed
/// again by itself.
///
/// There is no clock in here: time comes in with the calls, and [`deadline`](Self::deadline) says when the
/// next call is due.
///
/// ```
/// use std::time::Instant;
/// use kvm_hid::{Handled, Holder, InputEvent, Interface, RecordingSink, Seat, Usage};
///
/// let sink = RecordingSink::new(Interface::Keyboard);
/// let mut seat = Seat::new().with_sink(Box::new(sink.clone()));
/// let (viewer, now) = (Holder(1), Instant::now());
/// seat.take(viewer, now);
/// let key = InputEvent::Key { usage: Usage::keyboard(0x04), pressed: true };
/// assert_eq!(seat.handle(viewer, key, now)?, Handled::Queued);
/// seat.leave(viewer); // the connection broke with the key down
/// let reports = sink.take();
/// assert_eq!(reports.last().unwrap().bytes(), [0; 8]);
/// # Ok::<(), kvm_hid::HidError>(())
/// ```
#[derive(Debug)]
pub struct Seat {
    desk: Desk,
    silence: Duration,
    control: Option<Control>,
    /// The latest time that any call brought.
    now: Option<Instant>,
    /// What went wrong in a call that has no way to say so; the next [`poll`](Self::poll) does.
    failure: Option<HidError>,
}

impl Seat {
    /// A seat without any interface.
    pub fn new() -> Self {
        Self { desk: Desk::default(), silence: SILENCE, control: None, now: None, failure: None }
    }

    /// Adds an interface, in the place of an earlier sink of the same.
    #[must_use]
    pub fn with_sink(mut self, sink: Box<dyn ReportSink>) -> Self {
        self.desk.put(sink);
        self
    }

    /// Sets how long a holder may be silent with something down before it is released; two seconds by itself.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Gives the holder control if nobody has it.
    pub fn take(&mut self, holder: Holder, now: Instant) -> Taken {
        match &self.control {
            Some(control) if control.holder != holder => Taken::HeldBy(control.holder),
            _ => {
                self.give_control(holder, now);
                Taken::InControl
            }
        }
    }

    /// Gives the holder control, whoever has it. What the former holder has down is released first.
    pub fn take_over(&mut self, holder: Holder, now: Instant) {
        if self.holder().is_some_and(|former| former != holder) {
            self.desk.release_all();
        }
        self.give_control(holder, now);
    }

    /// Who is in control.
    pub fn holder(&self) -> Option<Holder> {
        self.control.as_ref().map(|control| control.holder)
    }

    /// Does what a holder does, as far as it is in control, and sends as much as the target takes now.
    ///
    /// # Errors
    ///
    /// A sink failed. Then, too, the event was handled, and the others were served.
    pub fn handle(&mut self, holder: Holder, event: InputEvent, now: Instant) -> Result<Handled, HidError> {
        if self.holder() != Some(holder) {
            return Ok(Handled::ViewOnly);
        }
        self.hear(holder, now);
        let handled = self.desk.handle(event);
        self.desk.flush(now)?;
        Ok(handled)
    }

    /// Notes a sign of life of the holder, such as the repetition of a held key or a heartbeat.
    pub fn hear(&mut self, holder: Holder, now: Instant) {
        self.now = Some(now);
        if let Some(control) = self.control.as_mut().filter(|control| control.holder == holder) {
            control.heard = now;
        }
    }

    /// Releases all that the holder has down and frees control. Nothing happens if it is not in control.
    pub fn leave(&mut self, holder: Holder) {
        if self.holder() == Some(holder) {
            self.control = None;
            self.release_all();
        }
    }

    /// Releases everything that is down; the holder keeps control.
    pub fn release_all(&mut self) {
        self.desk.release_all();
        self.flush_later();
    }

    /// Does what is due: releases after a silent line, sends what waits, asks for the lights. Never blocks.
    ///
    /// To be called when one of the [`readiness`](Self::readiness) descriptors is ready and at the
    /// [`deadline`](Self::deadline).
    ///
    /// # Errors
    ///
    /// A sink failed, now or in an earlier call that could not say so. The others were served, and the failed
    /// one is asked again later like one that is detached.
    pub fn poll(&mut self, now: Instant) -> Result<SeatState, HidError> {
        self.now = Some(now);
        if self.silent_at().is_some_and(|at| at <= now) {
            self.desk.release_all();
        }
        let flushed = self.desk.flush(now);
        let heard = self.desk.listen(now);
        self.failure.take().map_or(Ok(()), Err).and(flushed).and(heard)?;
        Ok(self.state())
    }

    /// When [`poll`](Self::poll) must be called at the latest; `None` if nothing is due by itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.desk.lanes().filter_map(Lane::deadline).chain(self.silent_at()).min()
    }

    /// What to wait on before the deadline, for each interface that has a descriptor.
    pub fn readiness(&self) -> impl Iterator<Item = Readiness<'_>> {
        self.desk.lanes().filter_map(|lane| {
            let fd = lane.sink().readiness()?;
            Some(Readiness { interface: lane.sink().interface(), fd, for_writing: lane.is_waiting() })
        })
    }

    /// Whether everything there was to tell has been handed to the sinks.
    pub fn is_idle(&self) -> bool {
        self.desk.lanes().all(Lane::is_idle)
    }

    /// Whether a key or a button is down.
    pub fn is_holding(&self) -> bool {
        self.desk.is_holding()
    }

    /// The lights of the keyboard, as the host last set them.
    pub fn leds(&self) -> Leds {
        self.desk.leds()
    }

    /// How the interfaces are.
    pub fn state(&self) -> SeatState {
        let link = |interface| self.desk.lane(interface).map(Lane::link);
        SeatState {
            keyboard: link(Interface::Keyboard),
            pointer: link(Interface::Pointer),
            mouse: link(Interface::Mouse),
            leds: self.leds(),
        }
    }

    /// Releases everything and waits until the target has been told, for an orderly end. Answers whether it
    /// was; a target that is not there counts as told.
    ///
    /// # Errors
    ///
    /// A sink failed.
    pub fn wait_released(&mut self, timeout: Duration) -> Result<bool, HidError> {
        let end = Instant::now() + timeout;
        self.release_all();
        loop {
            let now = Instant::now();
            self.poll(now)?;
            if self.is_idle() || now >= end {
                return Ok(self.is_idle());
            }
            std::thread::sleep(WAIT_STEP.min(end - now));
        }
    }

    fn give_control(&mut self, holder: Holder, now: Instant) {
        self.control = Some(Control { holder, heard: now });
        self.now = Some(now);
        self.flush_later();
    }

    /// Sends what waits in a call that cannot report a failure.
    fn flush_later(&mut self) {
        if let Some(now) = self.now {
            if let Err(error) = self.desk.flush(now) {
                self.failure.get_or_insert(error);
            }
        }
    }

    fn silent_at(&self) -> Option<Instant> {
        let control = self.control.as_ref().filter(|_| self.is_holding())?;
        Some(control.heard + self.silence)
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self::new()
    }
}

impl Declare for Seat {
    fn capabilities(&self) -> CapabilitySet {
        self.desk.lanes().fold(CapabilitySet::EMPTY, |all, lane| all.union(lane.sink().capabilities()))
    }
}

/// Tells the target that nothing is down, as far as it listens; see [`Seat::wait_released`] for being sure.
impl Drop for Seat {
    fn drop(&mut self) {
        self.desk.abandon();
    }
}

/// The answer to asking for control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "one is in control or somebody else is")]
pub enum Taken {
    /// The holder who asked is in control.
    InControl,
    /// Somebody else is.
    HeldBy(Holder),
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Handled {
    /// It is on its way to the target, or waits to be.
    Queued,
    /// It changes nothing: the key is down already, or was not down.
    Unchanged,
    /// Whoever did it is not in control. Dropped.
    ViewOnly,
    /// No interface of the seat can send it. Dropped.
    NoSuchInterface,
    /// The target has not listened for so long that there is only room left for releases. Dropped, but for
    /// the position of the pointer, which the next report carries.
    Full,
    /// No target is there. Dropped.
    Detached,
}

/// How the interfaces of a seat are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SeatState {
    /// The keyboard's link; `None` if the seat has no keyboard.
    pub keyboard: Option<LinkState>,
    /// The absolute pointer's link.
    pub pointer: Option<LinkState>,
    /// The relative mouse's link.
    pub mouse: Option<LinkState>,
    /// The lights of the keyboard.
    pub leds: Leds,
}

/// A descriptor to wait on, for [`Seat::poll`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Readiness<'seat> {
    /// Whose it is.
    pub interface: Interface,
    /// The descriptor. Worth waiting on for reading at any time: the lights may change.
    pub fd: BorrowedFd<'seat>,
    /// Whether a report waits, so that it is worth waiting on for writing, too.
    pub for_writing: bool,
}

#[derive(Debug)]
struct Control {
    holder: Holder,
    heard: Instant,
}

/// Twice the second that a page's timer may be late in a background tab.
const SILENCE: Duration = Duration::from_secs(2);

/// A host's poll interval or a little less.
const WAIT_STEP: Duration = Duration::from_millis(1);
