//! The interfaces of a seat, and what is down on them.

use std::time::Instant;

use crate::lane::{AtRest, Lane, Link};
use crate::{
    Button, Controls, Handled, HidError, InputEvent, Interface, Keyboard, Leds, LinkState, Pointer,
    ReportSink, Reports, Usage,
};

/// Lanes and the state machines that feed them. Knows nothing of who sits here.
///
/// INVARIANT: every queue has room for the release of everything that is down on its interface.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    lanes: [Option<Lane>; Interface::ALL.len()],
    keyboard: Keyboard,
    controls: Controls,
    pointer: Pointer,
    leds: Leds,
}

impl Desk {
    pub(crate) fn put(&mut self, sink: Box<dyn ReportSink>) {
        let interface = sink.interface();
        let lane = Lane::new(sink, self.at_rest(interface));
        self.lanes[interface as usize] = Some(lane);
        // A desk with one of the two has its buttons there from the start.
        if self.lane(Interface::Pointer).is_none() {
            self.pointer.steer(Interface::Mouse);
        } else if interface == Interface::Pointer {
            self.pointer.steer(Interface::Pointer);
        }
    }

    pub(crate) fn lane(&self, interface: Interface) -> Option<&Lane> {
        self.lanes[interface as usize].as_ref()
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().flatten()
    }

    pub(crate) fn leds(&self) -> Leds {
        self.leds
    }

    /// Whether any key, control or button is down.
    pub(crate) fn is_holding(&self) -> bool {
        Interface::ALL.into_iter().any(|interface| self.down_on(interface) > 0)
    }

    pub(crate) fn handle(&mut self, event: InputEvent) -> Handled {
        match event {
            InputEvent::Key { usage, pressed: true } => self.press_key(usage),
            InputEvent::Key { usage, pressed: false } => self.release_key(usage),
            InputEvent::Button { button, pressed: true } => self.press_button(button),
            InputEvent::Button { button, pressed: false } => self.release_button(button),
            InputEvent::PointTo { x, y } => self.travel(Interface::Pointer, |pointer| pointer.point_to(x, y)),
            InputEvent::MoveBy { dx, dy } => self.travel(Interface::Mouse, |pointer| pointer.move_by(dx, dy)),
            InputEvent::Wheel { vertical, horizontal } => {
                self.travel(self.pointer.interface(), |pointer| pointer.scroll(vertical, horizontal))
            }
        }
    }

    /// Queues the release of everything that is down.
    pub(crate) fn release_all(&mut self) {
        let keys = self.keyboard.release_all().map(Reports::edge);
        let controls: Vec<_> = self.controls.release_all().map(Reports::edge).collect();
        let buttons =
            [Interface::Pointer, Interface::Mouse].map(|interface| self.pointer.release_all(interface));
        for change in keys.into_iter().chain(controls).chain(buttons.into_iter().flatten()) {
            self.push(change);
        }
    }

    /// Hands the sinks as much as they take. The first error is kept, and all sinks are served nevertheless.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<(), HidError> {
        self.each_lane(|lane, at_rest| (None, lane.flush(at_rest, now)))
    }

    /// Asks the sinks for the lights of the keyboard and whether their hosts are there, in the same way.
    pub(crate) fn listen(&mut self, now: Instant) -> Result<(), HidError> {
        self.each_lane(|lane, at_rest| lane.listen(at_rest, now))
    }

    fn each_lane(
        &mut self,
        mut serve: impl FnMut(&mut Lane, AtRest) -> (Option<Leds>, Link),
    ) -> Result<(), HidError> {
        let mut outcome = Ok(());
        for interface in Interface::ALL {
            let at_rest = self.at_rest(interface);
            let Some(lane) = &mut self.lanes[interface as usize] else { continue };
            let (leds, link) = serve(lane, at_rest);
            self.leds = leds.unwrap_or(self.leds);
            if let Link::Broken(error) = link {
                self.forget(interface);
                outcome = outcome.and(error.map_or(Ok(()), Err));
            }
        }
        outcome
    }

    /// Tells the hosts that nothing is down, past everything that waits.
    pub(crate) fn abandon(&mut self) {
        for interface in Interface::ALL {
            let at_rest = self.at_rest(interface);
            let is_holding = self.down_on(interface) > 0;
            self.forget(interface);
            match &mut self.lanes[interface as usize] {
                Some(lane) if is_holding || !lane.is_idle() => lane.abandon(at_rest),
                _ => {}
            }
        }
    }

    fn press_key(&mut self, usage: Usage) -> Handled {
        let Some(interface) = Interface::of_usage(usage) else { return Handled::NoSuchInterface };
        match self.expect_room_for_press(interface) {
            Ok(()) | Err(Handled::Full) if self.is_key_down(usage) => Handled::Unchanged,
            Err(refused) => refused,
            Ok(()) => {
                let report = match interface {
                    Interface::Keyboard => self.keyboard.press(usage),
                    _ => self.controls.press(usage),
                };
                self.queued(report.map(Reports::edge))
            }
        }
    }

    fn release_key(&mut self, usage: Usage) -> Handled {
        let Some(interface) = Interface::of_usage(usage) else { return Handled::NoSuchInterface };
        if let Err(refused) = self.expect_host(interface) {
            return refused;
        }
        let report = match interface {
            Interface::Keyboard => self.keyboard.release(usage),
            _ => self.controls.release(usage),
        };
        self.queued(report.map(Reports::edge))
    }

    fn press_button(&mut self, button: Button) -> Handled {
        match self.expect_room_for_press(self.pointer.interface()) {
            Ok(()) | Err(Handled::Full) if self.pointer.is_down(button) => Handled::Unchanged,
            Err(refused) => refused,
            Ok(()) => {
                let change = self.pointer.press(button);
                self.queued(change)
            }
        }
    }

    fn release_button(&mut self, button: Button) -> Handled {
        let interface = self.pointer.pressed_on(button).unwrap_or(self.pointer.interface());
        if let Err(refused) = self.expect_host(interface) {
            return refused;
        }
        let change = self.pointer.release(button);
        self.queued(change)
    }

    fn travel(&mut self, interface: Interface, go: impl FnOnce(&mut Pointer) -> Reports) -> Handled {
        if let Err(refused) = self.expect_host(interface) {
            return refused;
        }
        // The pointer goes there even if the host cannot be told now: the next report has the position.
        let change = go(&mut self.pointer);
        let needed = 1 + self.down_on(interface);
        match self.lane(interface) {
            Some(lane) if lane.queue().has_room(needed) || lane.queue().joins(&change) => {
                self.queued(Some(change))
            }
            _ => Handled::Full,
        }
    }

    fn expect_host(&self, interface: Interface) -> Result<(), Handled> {
        match self.lane(interface).map(Lane::link) {
            None => Err(Handled::NoSuchInterface),
            Some(LinkState::Detached) => Err(Handled::Detached),
            Some(LinkState::Ready | LinkState::NotPolling) => Ok(()),
        }
    }

    /// Room for the press, its release, and the release of everything else that is down.
    fn expect_room_for_press(&self, interface: Interface) -> Result<(), Handled> {
        self.expect_host(interface)?;
        let needed = 2 + self.down_on(interface);
        match self.lane(interface) {
            Some(lane) if lane.queue().has_room(needed) => Ok(()),
            _ => Err(Handled::Full),
        }
    }

    fn queued(&mut self, change: Option<Reports>) -> Handled {
        match change {
            Some(change) => {
                self.push(change);
                Handled::Queued
            }
            None => Handled::Unchanged,
        }
    }

    fn push(&mut self, change: Reports) {
        let interface = change.interface();
        let down = self.down_on(interface);
        if let Some(lane) = &mut self.lanes[interface as usize] {
            lane.push(change);
            debug_assert!(lane.queue().has_room(down), "there is room for every release");
        }
    }

    /// How many things are down on an interface: at most as many reports release them.
    fn down_on(&self, interface: Interface) -> usize {
        match interface {
            Interface::Keyboard => self.keyboard.count(),
            Interface::Pointer => self.controls.count() + self.pointer.count(interface),
            Interface::Mouse => self.pointer.count(interface),
        }
    }

    fn is_key_down(&self, usage: Usage) -> bool {
        self.keyboard.is_down(usage) || self.controls.is_down(usage)
    }

    /// Takes everything on an interface for released, without a report.
    fn forget(&mut self, interface: Interface) {
        match interface {
            Interface::Keyboard => {
                self.keyboard = Keyboard::default();
                self.leds = Leds::default();
            }
            Interface::Pointer => {
                self.controls = Controls::default();
                self.pointer.release_all(interface);
            }
            Interface::Mouse => {
                self.pointer.release_all(interface);
            }
        }
    }

    /// The reports that say that nothing is down on an interface; first those that make a difference, because
    /// an endpoint may have room for two.
    fn at_rest(&self, interface: Interface) -> AtRest {
        let controls = Controls::default();
        let mut pointer = self.pointer.clone();
        pointer.release_all(interface);
        match interface {
            Interface::Keyboard => [Some(Keyboard::default().report()), None, None],
            Interface::Mouse => [Some(pointer.report(interface)), None, None],
            Interface::Pointer => {
                // Nothing is said of buttons before a position is known: saying it would move the pointer.
                let buttons = pointer.position().map(|_| pointer.report(interface));
                let mut reports = [
                    (self.pointer.count(interface) > 0, buttons),
                    (self.controls.holds_consumer(), Some(controls.consumer_report())),
                    (self.controls.holds_system(), Some(controls.system_report())),
                ];
                reports.sort_by_key(|(is_down, _)| !is_down);
                reports.map(|(_, report)| report)
            }
        }
    }
}
