//! The input thread: the only owner of the seat, so that keys stay in order and come up whatever happens.

use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kvm_hid::{Handled, HidError, Holder, InputEvent, Interface, Seat};
use rustix::event::PollFlags;

use crate::inbox::{Inbox, Outbox, WokenBy, inbox};
use crate::report::{chain, complain};

/// What a program does in its input thread.
pub trait Attendant: Send + 'static {
    /// What others ask of the thread.
    type Command: Send + 'static;

    /// Does what somebody asks for.
    fn obey(&mut self, command: Self::Command, seat: &mut TendedSeat);

    /// Goes on with what takes longer than one command, if there is such a thing. Answers whether it wants to go on as
    /// soon as the seat has handed over what it holds.
    fn go_on(&mut self, _seat: &mut TendedSeat) -> bool {
        false
    }

    /// Tells others how the seat stands, after everything that may have changed it.
    fn tell(&mut self, seat: &Seat);
}

/// The running thread.
#[derive(Debug)]
pub struct Input<C> {
    /// The way to ask it for something.
    pub orders: Orders<C>,
    thread: JoinHandle<()>,
}

impl<C: Send + 'static> Input<C> {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system has no thread or descriptor left.
    pub fn start(seat: Seat, attendant: impl Attendant<Command = C>) -> io::Result<Self> {
        let (orders, inbox) = inbox()?;
        let round = Round { seat: TendedSeat::new(seat), attendant };
        let thread = thread::Builder::new().name("input".to_owned()).spawn(move || round.run(&inbox))?;
        Ok(Self { orders: Orders(orders), thread })
    }

    /// Has everything released and waits for the end of the thread. Answers whether it ended well.
    pub fn wait_end(self) -> bool {
        self.orders.0.send(Order::Stop);
        self.thread.join().is_ok()
    }
}

/// The way to ask the input thread for something. Does not print what was asked, since keys are in it.
pub struct Orders<C>(Outbox<Order<C>>);

impl<C> Orders<C> {
    /// Asks for something. A thread that has ended does nothing, and nobody need care.
    pub fn send(&self, command: C) {
        self.0.send(Order::Obey(command));
    }
}

impl<C> Clone for Orders<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for Orders<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").finish_non_exhaustive()
    }
}

enum Order<C> {
    Obey(C),
    /// Everything comes up, and the thread ends.
    Stop,
}

/// A seat whose failures are told on the terminal, each once until it changes.
#[derive(Debug)]
pub struct TendedSeat {
    /// The seat itself.
    pub seat: Seat,
    complaint: Option<String>,
}

impl TendedSeat {
    fn new(seat: Seat) -> Self {
        Self { seat, complaint: None }
    }

    /// Hands an event to the seat. `None` if a device failed.
    pub fn handle(&mut self, viewer: Holder, event: InputEvent, now: Instant) -> Option<Handled> {
        let handled = self.seat.handle(viewer, event, now);
        self.note(handled)
    }

    fn poll(&mut self) {
        let polled = self.seat.poll(Instant::now());
        self.note(polled);
    }

    fn note<T>(&mut self, outcome: Result<T, HidError>) -> Option<T> {
        outcome
            .map_err(|error| {
                let text = chain(&error);
                if self.complaint.as_ref() != Some(&text) {
                    complain("input", &text);
                    self.complaint = Some(text);
                }
            })
            .ok()
    }

    /// Waits until there is something to do. A device that is in error is left alone for a while, because it would end
    /// every wait at once.
    fn wait<C>(&self, inbox: &Inbox<Order<C>>, is_broken: bool) -> io::Result<WokenBy> {
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

/// The thread's own state.
struct Round<A> {
    seat: TendedSeat,
    attendant: A,
}

impl<A: Attendant> Round<A> {
    fn run(mut self, inbox: &Inbox<Order<A::Command>>) {
        let mut is_broken = false;
        loop {
            while let Some(order) = inbox.next() {
                match order {
                    Order::Obey(command) => self.attendant.obey(command, &mut self.seat),
                    Order::Stop => return self.seat.end(),
                }
            }
            let goes_on = self.attendant.go_on(&mut self.seat);
            self.seat.poll();
            self.attendant.tell(&self.seat.seat);
            let woken = if goes_on && self.seat.seat.is_idle() {
                inbox.wait([], Some(Duration::ZERO))
            } else {
                self.seat.wait(inbox, is_broken)
            };
            match woken {
                Ok(woken) => is_broken = woken == WokenBy::BrokenDevice,
                Err(error) => {
                    complain("waiting for input", error);
                    thread::sleep(REST);
                }
            }
        }
    }
}

/// How often a keyboard without a descriptor to wait on is asked for its lights.
const LOOK_AT_LIGHTS: Duration = Duration::from_millis(20);
/// How long a device in error is left alone.
const REST: Duration = Duration::from_millis(50);
/// How long a target gets to hear at the end that nothing is down.
const RELEASE_WITHIN: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use kvm_hid::Usage;

    use super::*;
    use crate::target::Target;

    /// Does what it is told, and says when it ends.
    struct Typing {
        left: u32,
        ended: Sender<u32>,
    }

    impl Attendant for Typing {
        type Command = u32;

        fn obey(&mut self, strokes: u32, _: &mut TendedSeat) {
            self.left = strokes;
        }

        fn go_on(&mut self, seat: &mut TendedSeat) -> bool {
            if self.left > 0 && seat.seat.is_idle() {
                self.left -= 1;
                for pressed in [true, false] {
                    let event = InputEvent::Key { usage: Usage::keyboard(0x04), pressed };
                    assert!(seat.handle(Holder(1), event, Instant::now()).is_some());
                }
                if self.left == 0 {
                    self.ended.send(0).unwrap();
                }
            }
            self.left > 0
        }

        fn tell(&mut self, _: &Seat) {}
    }

    #[test]
    fn what_takes_longer_goes_on_by_itself_and_everything_comes_up_in_the_end() {
        let target = Target::simulated(640, 480, [Interface::Keyboard]).unwrap();
        let (ended, told) = channel();
        let mut seat = target.seat;
        seat.take_over(Holder(1), Instant::now());
        let input = Input::start(seat, Typing { left: 0, ended }).unwrap();
        let orders = input.orders.clone();
        assert_eq!(format!("{orders:?}"), "Orders { .. }");
        orders.send(5);
        assert_eq!(told.recv(), Ok(0));
        assert!(input.wait_end());
        // Nobody is there any more, and nobody is disturbed.
        orders.send(1);
    }
}
