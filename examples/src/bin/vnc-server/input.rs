//! What viewers ask of the input thread, and what it makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kvm_examples::input::{Attendant, TendedSeat};
use kvm_hid::{Holder, InputEvent, Seat};
use kvm_stream::rfb::LockLights;

use crate::audience::Audience;

/// What viewers ask of the thread. Not printable, since keys are in it.
pub(crate) enum Command {
    /// A viewer does something. The ticket is its count of what is under way.
    Event { viewer: Holder, event: InputEvent, ticket: Ticket },
    /// A viewer is there.
    Alive(Holder),
    /// A viewer is gone.
    Leave(Holder),
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

/// Lets several viewers share one seat. The lights go to the audience.
pub(crate) struct Usher(pub(crate) Audience);

impl Attendant for Usher {
    type Command = Command;

    fn obey(&mut self, command: Command, seat: &mut TendedSeat) {
        let now = Instant::now();
        match command {
            Command::Event { viewer, event, ticket } => {
                handle(seat, viewer, event, now);
                drop(ticket);
            }
            Command::Alive(viewer) => seat.seat.hear(viewer, now),
            Command::Leave(viewer) => seat.seat.leave(viewer),
        }
    }

    fn tell(&mut self, seat: &Seat) {
        let leds = seat.leds();
        self.0.set_lights(LockLights { scroll: leds.scroll, num: leds.num, caps: leds.caps });
    }
}

/// Whoever does something has control: several viewers are several people in one room. But nobody takes a key or
/// a button out of another's hand by moving a pointer.
fn handle(seat: &mut TendedSeat, viewer: Holder, event: InputEvent, now: Instant) {
    if seat.seat.holder() != Some(viewer) {
        let is_press = matches!(
            event,
            InputEvent::Key { pressed: true, .. }
                | InputEvent::Button { pressed: true, .. }
                | InputEvent::Wheel { .. }
        );
        let is_move = matches!(event, InputEvent::PointTo { .. });
        let may_take = is_press || (is_move && !seat.seat.is_holding());
        if !may_take {
            return;
        }
        seat.seat.take_over(viewer, now);
    }
    // That it was dropped, if it was, is nothing a VNC viewer could be told.
    let _ = seat.handle(viewer, event, now);
}

/// How long a viewer may be silent with something down. Viewers do not repeat every key that is held, so that a
/// connection that stands counts as a sign of life, and one that is broken is noticed before this.
pub(crate) const SILENCE: Duration = Duration::from_secs(8);
