//! The computer at the other end of the cable.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::decoder::{Decoder, button_of};
use super::descriptor::{DescriptorError, ReportDescriptor};
use super::event::HostEvent;
use super::port::HostPort;
use crate::{Button, Interface, Leds, Report, Sent, Usage};

/// A computer with its end of the USB cable, simulated. Clones are the same computer.
///
/// It behaves as Linux does, seen through a gadget: a report is understood when the host fetches it, an endpoint
/// holds two until then, a host that sleeps fetches none, a device that goes away has nothing down any more, and
/// whoever had it open finds out at the next write or read.
///
/// ```
/// use std::time::Instant;
/// use kvm_hid::testing::{HostEvent, SimulatedHost};
/// use kvm_hid::{Holder, InputEvent, Interface, Seat, Usage};
///
/// let host = SimulatedHost::new();
/// let keyboard = host.plug(Interface::Keyboard.descriptor())?;
/// let mut seat = Seat::new().with_sink(Box::new(keyboard));
/// let (viewer, now, usage) = (Holder(1), Instant::now(), Usage::keyboard(0x04));
/// seat.take(viewer, now);
/// seat.handle(viewer, InputEvent::Key { usage, pressed: true }, now)?;
/// assert_eq!(host.take_events(), [HostEvent::Key { usage, pressed: true }]);
/// drop(seat);
/// assert!(host.keys_down().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SimulatedHost {
    shared: Arc<Mutex<State>>,
}

impl SimulatedHost {
    /// A computer that is awake, with the cable in and nothing on it.
    pub fn new() -> Self {
        let state = State {
            devices: Vec::new(),
            is_plugged: true,
            is_awake: true,
            is_polling: true,
            generation: 0,
            leds: Leds::default(),
            events: Vec::new(),
        };
        Self { shared: Arc::new(Mutex::new(state)) }
    }

    /// Adds a device to the cable: the host reads its report descriptor and gives the sink for its reports.
    ///
    /// # Errors
    ///
    /// What the host cannot make sense of in the descriptor.
    pub fn plug(&self, report_descriptor: &[u8]) -> Result<HostPort, DescriptorError> {
        let decoder = Decoder::new(ReportDescriptor::parse(report_descriptor)?)?;
        let interface = decoder.interface();
        let mut state = self.lock();
        // A host sets the lights of a keyboard that it finds.
        state.devices.push(Device { decoder, endpoint: VecDeque::new(), leds_are_news: true });
        Ok(HostPort::new(self.clone(), state.devices.len() - 1, interface, state.generation))
    }

    /// What the host understood since it was last asked. Events pile up until then.
    pub fn take_events(&self) -> Vec<HostEvent> {
        std::mem::take(&mut self.lock().events)
    }

    /// The keys and controls that are down for the host.
    pub fn keys_down(&self) -> Vec<Usage> {
        self.lock().down().filter(|&usage| button_of(usage).is_none()).collect()
    }

    /// The buttons that are down for the host, on any device.
    pub fn buttons_down(&self) -> Vec<Button> {
        self.lock().down().filter_map(button_of).collect()
    }

    /// The lights the host has on.
    pub fn leds(&self) -> Leds {
        self.lock().leds
    }

    /// Sets the lights of every keyboard.
    pub fn set_leds(&self, leds: Leds) {
        let mut state = self.lock();
        state.leds = leds;
        for device in &mut state.devices {
            device.leds_are_news = true;
        }
    }

    /// Sends the host to sleep: it fetches nothing until it [wakes](Self::resume).
    pub fn suspend(&self) {
        self.lock().is_awake = false;
    }

    /// Wakes the host; it fetches what waits.
    pub fn resume(&self) {
        self.lock().change(|state| state.is_awake = true);
    }

    /// Makes the host stop fetching, as firmware without a driver does.
    pub fn stop_polling(&self) {
        self.lock().is_polling = false;
    }

    /// Makes the host fetch again; it begins with what waits.
    pub fn poll_on(&self) {
        self.lock().change(|state| state.is_polling = true);
    }

    /// Pulls the cable: everything comes up, and what was not fetched is lost.
    pub fn unplug(&self) {
        let mut state = self.lock();
        let State { devices, events, .. } = &mut *state;
        for device in devices {
            device.decoder.release_all(events);
            device.endpoint.clear();
        }
        state.is_plugged = false;
    }

    /// Puts the cable back in: the devices are new to the host, and their sinks have to start over.
    pub fn replug(&self) {
        let mut state = self.lock();
        if !state.is_plugged {
            state.is_plugged = true;
            state.generation += 1;
            for device in &mut state.devices {
                device.leds_are_news = true;
            }
        }
    }

    /// A sink's offer. `generation` is the plugging-in that the sink knows of.
    pub(super) fn accept(&self, device: usize, generation: &mut u64, report: &Report) -> Sent {
        let mut state = self.lock();
        if !state.is_plugged || *generation != state.generation {
            *generation = state.generation;
            return Sent::Detached;
        }
        let is_fetching = state.is_fetching();
        let State { devices, events, .. } = &mut *state;
        let Some(device) = devices.get_mut(device) else { return Sent::Detached };
        if is_fetching {
            device.decoder.report(report.bytes(), events);
        } else if device.endpoint.len() < ENDPOINT_DEPTH {
            device.endpoint.push_back(*report);
        } else {
            return Sent::Busy;
        }
        Sent::Accepted
    }

    /// Whether the cable is in, and was all the time.
    pub(super) fn is_attached(&self, generation: u64) -> bool {
        let state = self.lock();
        state.is_plugged && state.generation == generation
    }

    /// A sink's question for the lights.
    pub(super) fn news_of_leds(&self, device: usize, generation: u64) -> Option<Leds> {
        let mut state = self.lock();
        let is_there = state.is_plugged && state.generation == generation;
        let leds = state.leds;
        let device = state.devices.get_mut(device).filter(|_| is_there)?;
        if !std::mem::take(&mut device.leds_are_news) {
            return None;
        }
        device.decoder.led_report(leds).map(Leds::from_byte)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SimulatedHost {
    fn default() -> Self {
        Self::new()
    }
}

/// How the host is, but nothing of what was typed.
impl fmt::Debug for SimulatedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let interfaces: Vec<Interface> =
            state.devices.iter().map(|device| device.decoder.interface()).collect();
        f.debug_struct("SimulatedHost")
            .field("interfaces", &interfaces)
            .field("is_plugged", &state.is_plugged)
            .field("is_awake", &state.is_awake)
            .field("is_polling", &state.is_polling)
            .field("leds", &state.leds)
            .finish_non_exhaustive()
    }
}

struct State {
    devices: Vec<Device>,
    is_plugged: bool,
    is_awake: bool,
    is_polling: bool,
    /// Counts how often the cable was put in.
    generation: u64,
    leds: Leds,
    events: Vec<HostEvent>,
}

struct Device {
    decoder: Decoder,
    endpoint: VecDeque<Report>,
    leds_are_news: bool,
}

impl State {
    fn is_fetching(&self) -> bool {
        self.is_awake && self.is_polling
    }

    fn down(&self) -> impl Iterator<Item = Usage> {
        self.devices.iter().flat_map(|device| device.decoder.down())
    }

    /// Changes something that may let the host fetch what waits.
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        if self.is_fetching() {
            for device in &mut self.devices {
                for report in device.endpoint.drain(..) {
                    device.decoder.report(report.bytes(), &mut self.events);
                }
            }
        }
    }
}

/// With f_hid, the second write that nobody fetches is still accepted, and the third is not.
const ENDPOINT_DEPTH: usize = 2;
