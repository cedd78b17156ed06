//! The input thread: the only owner of the seat, so that keys stay in order and come up whatever happens.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kvm_examples::inbox::{Inbox, Outbox, WokenBy, inbox};
use kvm_examples::report::{chain, complain};
use kvm_hid::{HidError, Holder, InputEvent, Interface, Seat};
use kvm_stream::rfb::LockLights;
use rustix::event::PollFlags;

use crate::audience::Audience;

/// What viewers ask of the thread. Not printable, since keys are in it.
pub(crate) enum Command {
    /// A viewer does something. The ticket is its count of what is under way.
    Event { viewer: Holder, event: InputEvent, ticket: Ticket },
    /// A viewer is there.
    Alive(Holder),
    /// A viewer is gone.
    Leave(Holder),
    /// Everything comes up, and the thread ends.
    Stop,
}

/// Counts what a viewer has under way; dropping it counts down.
pub(crate) struct Ticket(Arc<AtomicUsize>);

impl Ticket {
    /// Counts one more.
    pub(crate) fn take(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The running thread.
pub(crate) struct Input {
    pub(crate) commands: Outbox<Command>,
    thread: JoinHandle<()>,
}

impl Input {
    /// Starts the thread. The lights go to the audience.
    pub(crate) fn start(seat: Seat, audience: Audience) -> io::Result<Self> {
        let (commands, inbox) = inbox()?;
        let desk = Desk { seat: seat.with_silence(SILENCE), audience, complaint: None };
        let thread = thread::Builder::new().name("input".to_owned()).spawn(move || desk.run(&inbox))?;
        Ok(Self { commands, thread })
    }

    /// Has everything released and waits for the end of the thread. Answers whether it ended well.
    pub(crate) fn wait_end(self) -> bool {
        self.commands.send(Command::Stop);
        self.thread.join().is_ok()
    }
}

/// The thread's own state.
struct Desk {
    seat: Seat,
    audience: Audience,
    complaint: Option<String>,
}

impl Desk {
    fn run(mut self, inbox: &Inbox<Command>) {
        let mut is_broken = false;
        loop {
            while let Some(command) = inbox.next() {
                match command {
                    Command::Event { viewer, event, ticket } => {
                        self.handle(viewer, event, Instant::now());
                        drop(ticket);
                    }
                    Command::Alive(viewer) => self.seat.hear(viewer, Instant::now()),
                    Command::Leave(viewer) => self.seat.leave(viewer),
                    Command::Stop => return self.end(),
                }
            }
            let polled = self.seat.poll(Instant::now()).map(|_| ());
            self.note(polled);
            let leds = self.seat.leds();
            self.audience.set_lights(LockLights { scroll: leds.scroll, num: leds.num, caps: leds.caps });
            match self.wait(inbox, is_broken) {
                Ok(woken) => is_broken = woken == WokenBy::BrokenDevice,
                Err(error) => {
                    complain("waiting for input", error);
                    thread::sleep(REST);
                }
            }
        }
    }

    /// Whoever does something has control: several viewers are several people in one room. But nobody takes a key or
    /// a button out of another's hand by moving a pointer.
    fn handle(&mut self, viewer: Holder, event: InputEvent, now: Instant) {
        if self.seat.holder() != Some(viewer) {
            let is_press = matches!(
                event,
                InputEvent::Key { pressed: true, .. }
                    | InputEvent::Button { pressed: true, .. }
                    | InputEvent::Wheel { .. }
            );
            let is_move = matches!(event, InputEvent::PointTo { .. });
            let may_take = is_press || (is_move && !self.seat.is_holding());
            if !may_take {
                return;
            }
            self.seat.take_over(viewer, now);
        }
        let handled = self.seat.handle(viewer, event, now).map(|_| ());
        self.note(handled);
    }

    /// Tells of a failure of a device, once until it changes.
    fn note(&mut self, outcome: Result<(), HidError>) {
        if let Err(error) = outcome {
            let text = chain(&error);
            if self.complaint.as_ref() != Some(&text) {
                complain("input", &text);
                self.complaint = Some(text);
            }
        }
    }

    /// Waits until there is something to do. A device that is in error is left alone for a while, because it would end
    /// every wait at once.
    fn wait(&self, inbox: &Inbox<Command>, is_broken: bool) -> io::Result<WokenBy> {
        let deadline =
            self.seat.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let tells_lights = self.seat.readiness().any(|ready| ready.interface == Interface::Keyboard);
        let looks = (!tells_lights && self.seat.state().keyboard.is_some()).then_some(LOOK_AT_LIGHTS);
        let due = deadline.into_iter().chain(looks).min();
        if is_broken {
            return inbox.wait([], Some(due.map_or(REST, |due| due.min(REST))));
        }
        let devices = self.seat.readiness().map(|ready| {
            let writing = if ready.for_writing { PollFlags::OUT } else { PollFlags::empty() };
            (ready.fd, PollFlags::IN | writing)
        });
        inbox.wait(devices, due)
    }

    fn end(mut self) {
        match self.seat.wait_released(RELEASE_WITHIN) {
            Ok(true) => {}
            Ok(false) => complain("input", "the target did not listen when its keys were released"),
            Err(error) => complain("releasing the keys", chain(&error)),
        }
    }
}

/// How long a viewer may be silent with something down. Viewers do not repeat every key that is held, so that a
/// connection that stands counts as a sign of life, and one that is broken is noticed before this.
const SILENCE: Duration = Duration::from_secs(8);
/// How often a keyboard without a descriptor to wait on is asked for its lights.
const LOOK_AT_LIGHTS: Duration = Duration::from_millis(20);
/// How long a device in error is left alone.
const REST: Duration = Duration::from_millis(50);
/// How long a target gets to hear at the end that nothing is down.
const RELEASE_WITHIN: Duration = Duration::from_millis(300);
