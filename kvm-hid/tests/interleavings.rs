//! Whatever happens in whatever order, no key stays down and no accepted press is lost or overtaken.
//!
//! Three simulated hosts, one for each interface, so that each can sleep, stall and vanish by itself, judge a
//! seat. What they must see is computed here from the documentation, not from the code under test.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kvm_hid::testing::{HostEvent, SimulatedHost};
use kvm_hid::{Button, Handled, Holder, InputEvent, Interface, Leds, LinkState, Seat, Taken, Usage};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Input(u64, InputEvent),
    /// So many strokes of one key, which fills a queue that nobody empties.
    Burst(u64, usize),
    Take(u64),
    TakeOver(u64),
    Leave(u64),
    Hear(u64),
    Wait(u64),
    Host(usize, Deed),
    Lights(u8),
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Suspend,
    Resume,
    StopPolling,
    PollOn,
    Unplug,
    Replug,
}

/// Enough keys for a roll-over, two modifiers, and controls that displace each other.
fn usages() -> impl Strategy<Value = Usage> {
    prop_oneof![
        8 => (0x04_u8..0x0D).prop_map(Usage::keyboard),
        2 => (0xE1_u8..0xE3).prop_map(Usage::keyboard),
        2 => (0xE9_u16..0xEB).prop_map(Usage::consumer),
        1 => (0x81_u16..0x84).prop_map(Usage::desktop),
    ]
}

fn inputs() -> impl Strategy<Value = InputEvent> {
    let small = || -300_i32..=300;
    prop_oneof![
        8 => (usages(), any::<bool>()).prop_map(|(usage, pressed)| InputEvent::Key { usage, pressed }),
        4 => (0_usize..3, any::<bool>())
            .prop_map(|(index, pressed)| InputEvent::Button { button: Button::ALL[index], pressed }),
        2 => (any::<u16>(), any::<u16>()).prop_map(|(x, y)| InputEvent::PointTo { x, y }),
        2 => (small(), small()).prop_map(|(dx, dy)| InputEvent::MoveBy { dx, dy }),
        1 => (small(), small()).prop_map(|(vertical, horizontal)| InputEvent::Wheel { vertical, horizontal }),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let holder = || 1_u64..4;
    let deed = prop_oneof![
        1 => Just(Deed::Suspend),
        1 => Just(Deed::StopPolling),
        1 => Just(Deed::Unplug),
        2 => Just(Deed::Resume),
        2 => Just(Deed::PollOn),
        2 => Just(Deed::Replug),
    ];
    prop_oneof![
        // Most of the input is the first holder's, so that something gets through.
        20 => (prop_oneof![4 => Just(1), 1 => holder()], inputs()).prop_map(|(by, event)| Op::Input(by, event)),
        1 => (holder(), 1_usize..160).prop_map(|(by, strokes)| Op::Burst(by, strokes)),
        2 => holder().prop_map(Op::Take),
        1 => holder().prop_map(Op::TakeOver),
        1 => holder().prop_map(Op::Leave),
        1 => holder().prop_map(Op::Hear),
        4 => (0_u64..1500).prop_map(Op::Wait),
        4 => (0_usize..3, deed).prop_map(|(host, deed)| Op::Host(host, deed)),
        1 => any::<u8>().prop_map(Op::Lights),
    ]
}

/// A key, a control or a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Key(Usage),
    Button(Button),
}

/// One interface as it ought to be.
#[derive(Default)]
struct Expected {
    /// What the holder has down.
    held: BTreeSet<Thing>,
    /// What the host has down once it has heard everything.
    shown: BTreeSet<Thing>,
    /// The changes the host has to see, in order.
    changes: Vec<(Thing, bool)>,
    /// The sums of what moves.
    travel: [i32; 4],
    /// The newest position, unless one was refused since.
    position: Option<(u32, u32)>,
}

impl Expected {
    /// Brings what the host is shown up to date with what is held: modifiers first, releases before presses.
    fn show(&mut self) {
        let is_modifier = |thing: &Thing| matches!(thing, Thing::Key(Usage { page: 7, id: 0xE0..=0xE7 }));
        let is_array =
            |thing: &Thing| matches!(thing, Thing::Key(Usage { page: 7, .. })) && !is_modifier(thing);
        let rolls_over = self.held.iter().filter(|&thing| is_array(thing)).count() > 6;
        for modifiers in [true, false] {
            let of_field =
                |thing: &&Thing| is_modifier(thing) == modifiers && !(rolls_over && is_array(thing));
            let up: Vec<Thing> = self.shown.difference(&self.held).filter(of_field).copied().collect();
            let down: Vec<Thing> = self.held.difference(&self.shown).filter(of_field).copied().collect();
            for thing in up {
                self.shown.remove(&thing);
                self.changes.push((thing, false));
            }
            for thing in down {
                self.shown.insert(thing);
                self.changes.push((thing, true));
            }
        }
    }

    fn press(&mut self, thing: Thing) {
        // A control takes the place of another of its page.
        if let Thing::Key(Usage { page, .. }) = thing {
            if page != 7 {
                self.held.retain(|held| !matches!(held, Thing::Key(other) if other.page == page));
            }
        }
        self.held.insert(thing);
        self.show();
    }

    fn release(&mut self, thing: Thing) {
        self.held.remove(&thing);
        self.show();
    }

    fn change(&mut self, thing: Thing, pressed: bool, handled: Handled) {
        let was_down = self.held.contains(&thing);
        match handled {
            Handled::Queued if pressed => {
                assert!(!was_down);
                self.press(thing);
            }
            Handled::Queued => {
                assert!(was_down);
                self.release(thing);
            }
            Handled::Unchanged => assert_eq!(was_down, pressed),
            Handled::Full => assert!(pressed && !was_down, "there is always room for a release"),
            Handled::Detached => {}
            _ => unreachable!("the holder is in control of all interfaces"),
        }
    }

    fn move_by(&mut self, distances: [i32; 4]) {
        for (sum, distance) in self.travel.iter_mut().zip(distances) {
            *sum += distance;
        }
    }

    /// Consumer controls, system controls and buttons have a report each.
    fn release_all(&mut self) {
        for group in [1, 2, 3] {
            self.held.retain(|thing| match thing {
                Thing::Key(Usage { page: 12, .. }) => group < 1,
                Thing::Key(Usage { page: 1, .. }) => group < 2,
                Thing::Button(_) => group < 3,
                Thing::Key(_) => false,
            });
            self.show();
        }
    }
}

/// What a host has seen since the last reset.
#[derive(Default)]
struct Seen {
    changes: Vec<(Thing, bool)>,
    /// How many of the changes were found right.
    judged: usize,
    travel: [i32; 4],
    position: Option<(u32, u32)>,
}

impl Seen {
    fn take(&mut self, host: &SimulatedHost) {
        for event in host.take_events() {
            match event {
                HostEvent::Key { usage, pressed } => self.changes.push((Thing::Key(usage), pressed)),
                HostEvent::Button { button, pressed } => self.changes.push((Thing::Button(button), pressed)),
                HostEvent::PointTo { x, y, .. } => self.position = Some((x, y)),
                HostEvent::MoveBy { dx, dy } => {
                    self.travel[0] += dx;
                    self.travel[1] += dy;
                }
                HostEvent::Wheel { clicks } => self.travel[2] += clicks,
                HostEvent::Pan { clicks } => self.travel[3] += clicks,
                _ => unreachable!("there are no other events"),
            }
        }
    }
}

struct Trial {
    seat: Seat,
    now: Instant,
    heard: Instant,
    hosts: Vec<SimulatedHost>,
    expected: [Expected; 3],
    seen: [Seen; 3],
    /// Whether the cable was pulled and the seat has not noticed yet: the host sees nothing more.
    cut: [bool; 3],
    /// The interface of the last motion, where buttons and wheels go.
    last_motion: usize,
    /// Whether a host was ever disturbed; without, nothing is ever refused.
    disturbed: bool,
}

impl Trial {
    fn new() -> Self {
        let hosts: Vec<SimulatedHost> = Interface::ALL.iter().map(|_| SimulatedHost::new()).collect();
        let mut seat = Seat::new();
        for (host, interface) in hosts.iter().zip(Interface::ALL) {
            seat = seat.with_sink(Box::new(host.plug(interface.descriptor()).unwrap()));
        }
        let now = Instant::now();
        seat.take(Holder(1), now);
        Self {
            seat,
            now,
            heard: now,
            hosts,
            expected: Default::default(),
            seen: Default::default(),
            cut: [false; 3],
            last_motion: POINTER,
            disturbed: false,
        }
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Input(by, event) => self.input(Holder(by), event),
            Op::Burst(by, strokes) => {
                for pressed in (0..strokes).flat_map(|_| [true, false]) {
                    self.input(Holder(by), InputEvent::Key { usage: Usage::keyboard(0x28), pressed });
                }
            }
            Op::Take(by) => {
                let before = self.seat.holder();
                let taken = self.seat.take(Holder(by), self.now);
                match before.filter(|&holder| holder != Holder(by)) {
                    Some(other) => assert_eq!(taken, Taken::HeldBy(other)),
                    None => {
                        assert_eq!(taken, Taken::InControl);
                        self.heard = self.now;
                    }
                }
            }
            Op::TakeOver(by) => {
                if self.seat.holder() != Some(Holder(by)) {
                    self.release_all();
                }
                self.seat.take_over(Holder(by), self.now);
                self.heard = self.now;
            }
            Op::Leave(by) => {
                if self.seat.holder() == Some(Holder(by)) {
                    self.release_all();
                }
                self.seat.leave(Holder(by));
                assert_ne!(self.seat.holder(), Some(Holder(by)));
            }
            Op::Hear(by) => {
                self.seat.hear(Holder(by), self.now);
                if self.seat.holder() == Some(Holder(by)) {
                    self.heard = self.now;
                }
            }
            Op::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                self.poll();
            }
            Op::Host(host, deed) => self.disturb(host, deed),
            Op::Lights(byte) => self.hosts[0].set_leds(Leds::from_byte(byte)),
        }
        self.judge();
    }

    fn disturb(&mut self, host: usize, deed: Deed) {
        self.disturbed = true;
        match deed {
            Deed::Suspend => self.hosts[host].suspend(),
            Deed::Resume => self.hosts[host].resume(),
            Deed::StopPolling => self.hosts[host].stop_polling(),
            Deed::PollOn => self.hosts[host].poll_on(),
            Deed::Unplug => {
                self.hosts[host].unplug();
                assert!(self.is_at_rest(host));
                // That everything came up there is nobody's report.
                self.hosts[host].take_events();
                self.cut[host] = true;
            }
            Deed::Replug => self.hosts[host].replug(),
        }
    }

    fn input(&mut self, holder: Holder, event: InputEvent) {
        let interface = self.interface_of(event);
        let handled = self.seat.handle(holder, event, self.now).unwrap();
        if self.seat.holder() != Some(holder) {
            assert_eq!(handled, Handled::ViewOnly);
            return;
        }
        self.heard = self.now;
        assert!(!matches!(handled, Handled::ViewOnly | Handled::NoSuchInterface));
        assert!(self.disturbed || !matches!(handled, Handled::Full | Handled::Detached));
        if matches!(event, InputEvent::PointTo { .. } | InputEvent::MoveBy { .. })
            && handled != Handled::Detached
        {
            self.last_motion = interface;
        }
        let is_down_elsewhere = |button| {
            let elsewhere = &self.expected[POINTER + MOUSE - interface].held;
            elsewhere.contains(&Thing::Button(button))
        };
        match (event, handled) {
            (InputEvent::Button { button, pressed: true }, _) if is_down_elsewhere(button) => {
                assert!(matches!(handled, Handled::Unchanged | Handled::Detached));
            }
            (InputEvent::Button { button, pressed }, _) => {
                self.expected[interface].change(Thing::Button(button), pressed, handled);
            }
            (InputEvent::Key { usage, pressed }, _) => {
                self.expected[interface].change(Thing::Key(usage), pressed, handled);
            }
            (InputEvent::PointTo { x, y }, Handled::Queued) => {
                let position = (u32::from(x.min(32767)), u32::from(y.min(32767)));
                self.expected[interface].position = Some(position);
            }
            (InputEvent::PointTo { .. }, Handled::Full) => self.expected[interface].position = None,
            (InputEvent::MoveBy { dx, dy }, Handled::Queued) => {
                self.expected[interface].move_by([dx, dy, 0, 0]);
            }
            (InputEvent::Wheel { vertical, horizontal }, Handled::Queued) => {
                self.expected[interface].move_by([0, 0, vertical, horizontal]);
            }
            _ => {}
        }
        self.notice_detachment();
    }

    /// Where an event goes: a release where its press went, other buttons and wheels where the last motion went.
    fn interface_of(&self, event: InputEvent) -> usize {
        match event {
            InputEvent::Key { usage, .. } if usage.page == 7 => KEYBOARD,
            InputEvent::Key { .. } | InputEvent::PointTo { .. } => POINTER,
            InputEvent::MoveBy { .. } => MOUSE,
            InputEvent::Button { button, pressed: false } => [POINTER, MOUSE]
                .into_iter()
                .find(|&interface| self.expected[interface].held.contains(&Thing::Button(button)))
                .unwrap_or(self.last_motion),
            _ => self.last_motion,
        }
    }

    fn release_all(&mut self) {
        for expected in &mut self.expected {
            expected.release_all();
        }
    }

    fn poll(&mut self) {
        let is_holding = self.expected.iter().any(|expected| !expected.held.is_empty());
        if is_holding && self.now >= self.heard + Duration::from_secs(2) {
            self.release_all();
        }
        self.seat.poll(self.now).unwrap();
        self.judge();
        assert_eq!(self.seat.is_holding(), self.expected.iter().any(|expected| !expected.held.is_empty()));
        assert!(self.seat.deadline().is_some() || (self.seat.is_idle() && !self.seat.is_holding()));
    }

    /// What was down and what was on its way is gone, once the seat has noticed.
    fn notice_detachment(&mut self) {
        for interface in [KEYBOARD, POINTER, MOUSE] {
            if self.link(interface) == LinkState::Detached {
                assert!(self.is_at_rest(interface));
                let position = self.seen[interface].position;
                self.expected[interface] = Expected::default();
                self.seen[interface] = Seen { position, ..Seen::default() };
                self.cut[interface] = false;
            }
        }
    }

    fn judge(&mut self) {
        self.notice_detachment();
        for interface in [KEYBOARD, POINTER, MOUSE] {
            self.seen[interface].take(&self.hosts[interface]);
            let Seen { changes: seen, judged, .. } = &mut self.seen[interface];
            if !self.cut[interface] {
                let expected = &self.expected[interface].changes;
                assert!(seen.len() <= expected.len() && seen[*judged..] == expected[*judged..seen.len()]);
                *judged = seen.len();
            }
        }
    }

    /// Puts everything right, waits, and compares; then everybody goes.
    fn finish(mut self, by_dropping: bool) {
        for host in &self.hosts {
            host.resume();
            host.poll_on();
            host.replug();
        }
        self.settle();
        for interface in [KEYBOARD, POINTER, MOUSE] {
            assert!(!self.cut[interface]);
            let (seen, expected) = (&self.seen[interface], &self.expected[interface]);
            assert_eq!(seen.changes, expected.changes);
            assert_eq!(seen.travel, expected.travel);
            assert!(expected.position.is_none() || seen.position == expected.position);
            let down: BTreeSet<Thing> = self.down(interface).collect();
            assert_eq!(down, expected.shown);
        }
        assert_eq!(self.seat.leds(), self.hosts[KEYBOARD].leds());

        if by_dropping {
            drop(std::mem::take(&mut self.seat));
        } else if let Some(holder) = self.seat.holder() {
            self.release_all();
            self.seat.leave(holder);
            self.settle();
        }
        for interface in [KEYBOARD, POINTER, MOUSE] {
            assert!(self.is_at_rest(interface), "something stays down");
        }
    }

    fn settle(&mut self) {
        for _ in 0..20 {
            self.now += Duration::from_millis(300);
            if let Some(holder) = self.seat.holder() {
                self.seat.hear(holder, self.now);
                self.heard = self.now;
            }
            self.poll();
        }
        assert!(self.seat.is_idle());
        assert!(
            [KEYBOARD, POINTER, MOUSE].into_iter().all(|interface| self.link(interface) == LinkState::Ready)
        );
    }

    fn link(&self, interface: usize) -> LinkState {
        let state = self.seat.state();
        [state.keyboard, state.pointer, state.mouse][interface].unwrap()
    }

    fn down(&self, interface: usize) -> impl Iterator<Item = Thing> {
        let host = &self.hosts[interface];
        let keys = host.keys_down().into_iter().map(Thing::Key);
        keys.chain(host.buttons_down().into_iter().map(Thing::Button))
    }

    fn is_at_rest(&self, interface: usize) -> bool {
        self.down(interface).next().is_none()
    }
}

const KEYBOARD: usize = Interface::Keyboard as usize;
const POINTER: usize = Interface::Pointer as usize;
const MOUSE: usize = Interface::Mouse as usize;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12_000) })]

    #[test]
    fn every_key_comes_up_and_every_press_arrives(ops in prop::collection::vec(ops(), 1..60), by_dropping: bool) {
        let mut trial = Trial::new();
        for op in &ops {
            trial.run(op);
        }
        trial.finish(by_dropping);
    }
}
