//! Reports, understood as a host understands them.

use std::collections::BTreeSet;

use super::descriptor::{DescriptorError, Direction, Field, ReportDescriptor};
use super::event::HostEvent;
use crate::{Button, Interface, Leds, Usage};

/// What one device has told so far.
pub(super) struct Decoder {
    descriptor: ReportDescriptor,
    interface: Interface,
    is_numbered: bool,
    /// What is down, by the field that said so.
    down: Vec<BTreeSet<Usage>>,
    position: Option<(u32, u32)>,
}

impl Decoder {
    pub(super) fn new(descriptor: ReportDescriptor) -> Result<Self, DescriptorError> {
        let has = |id| descriptor.applications().contains(&Usage::desktop(id));
        let is_absolute = |field: &Field| !field.is_relative && field.usage(0) == Some(X);
        let interface = if has(KEYBOARD) || has(KEYPAD) {
            Interface::Keyboard
        } else if !(has(MOUSE) || has(POINTER)) {
            return Err(DescriptorError::UnknownDevice);
        } else if descriptor.fields().iter().any(is_absolute) {
            Interface::Pointer
        } else {
            Interface::Mouse
        };
        Ok(Self {
            is_numbered: descriptor.is_numbered(),
            interface,
            down: vec![BTreeSet::new(); descriptor.fields().len()],
            position: None,
            descriptor,
        })
    }

    pub(super) fn interface(&self) -> Interface {
        self.interface
    }

    /// Everything that is down, of whatever kind.
    pub(super) fn down(&self) -> impl Iterator<Item = Usage> {
        self.down.iter().flatten().copied()
    }

    /// Understands one report. One that the descriptor does not have means nothing.
    pub(super) fn report(&mut self, report: &[u8], events: &mut Vec<HostEvent>) {
        let (report_id, report) = match report {
            [id, rest @ ..] if self.is_numbered => (*id, rest),
            _ => (0, report),
        };
        let is_ours = |field: &Field| {
            field.direction == Direction::Input && field.report_id == report_id && !field.is_constant
        };
        let mut motion = Motion { position: self.position, ..Motion::default() };
        let mut changes = Vec::new();
        for (field, down) in
            self.descriptor.fields().iter().zip(&mut self.down).filter(|(field, _)| is_ours(field))
        {
            let now =
                if field.is_variable { variables(field, report, &mut motion) } else { array(field, report) };
            // An array of errors says nothing of its keys: they are as they were.
            if let Some(now) = now {
                changes.extend(down.difference(&now).map(|&usage| (usage, false)));
                changes.extend(now.difference(down).map(|&usage| (usage, true)));
                *down = now;
            }
        }
        // The place comes before what is done there.
        motion.push_to(self.position, events);
        self.position = motion.position;
        events.extend(changes.into_iter().filter_map(|(usage, pressed)| change(usage, pressed)));
        motion.push_wheels_to(events);
    }

    /// Takes everything for released, as a host does when the device goes away.
    pub(super) fn release_all(&mut self, events: &mut Vec<HostEvent>) {
        for usage in self.down.iter_mut().flat_map(std::mem::take) {
            events.extend(change(usage, false));
        }
    }

    /// The output report that sets the lights, if the device has any.
    pub(super) fn led_report(&self, leds: Leds) -> Option<u8> {
        let lit = |usage: Usage| match (usage.page, usage.id) {
            (LED_PAGE, 1) => leds.num,
            (LED_PAGE, 2) => leds.caps,
            (LED_PAGE, 3) => leds.scroll,
            (LED_PAGE, 4) => leds.compose,
            (LED_PAGE, 5) => leds.kana,
            _ => false,
        };
        let outputs = self.descriptor.fields().iter().filter(|field| field.direction == Direction::Output);
        let fields = outputs.filter(|field| field.is_variable && !field.is_constant);
        let bits = fields.flat_map(|field| {
            (0..field.count)
                .map_while(|index| Some((field.offset_bits + index * field.size_bits, field.usage(index)?)))
        });
        bits.filter(|&(bit, _)| bit < 8).fold(None, |report: Option<u8>, (bit, usage)| {
            Some(report.unwrap_or(0) | u8::from(lit(usage)) << bit)
        })
    }
}

/// How the pointer moved in one report.
#[derive(Default)]
struct Motion {
    position: Option<(u32, u32)>,
    x_max: u32,
    y_max: u32,
    dx: i32,
    dy: i32,
    wheel: i32,
    pan: i32,
}

impl Motion {
    fn push_to(&self, before: Option<(u32, u32)>, events: &mut Vec<HostEvent>) {
        if let Some((x, y)) = self.position.filter(|_| self.position != before) {
            events.push(HostEvent::PointTo { x, y, x_max: self.x_max, y_max: self.y_max });
        }
        if (self.dx, self.dy) != (0, 0) {
            events.push(HostEvent::MoveBy { dx: self.dx, dy: self.dy });
        }
    }

    fn push_wheels_to(&self, events: &mut Vec<HostEvent>) {
        if self.wheel != 0 {
            events.push(HostEvent::Wheel { clicks: self.wheel });
        }
        if self.pan != 0 {
            events.push(HostEvent::Pan { clicks: self.pan });
        }
    }

    fn take(&mut self, usage: Usage, field: &Field, value: i64) {
        if !field.is_in_range(value) {
            return;
        }
        // Fields have at most 32 bits, and what is read with a sign fits.
        let relative = i32::try_from(value).unwrap_or_default();
        let unit = |value: i64| u32::try_from(value.saturating_sub(field.logical_min)).unwrap_or_default();
        let position = self.position.get_or_insert_with(Default::default);
        match (usage, field.is_relative) {
            (X, false) => (position.0, self.x_max) = (unit(value), unit(field.logical_max)),
            (Y, false) => (position.1, self.y_max) = (unit(value), unit(field.logical_max)),
            (X, true) => self.dx = relative,
            (Y, true) => self.dy = relative,
            (WHEEL, true) => self.wheel = relative,
            (AC_PAN, true) => self.pan = relative,
            _ => {}
        }
    }
}

/// What is down by a field of variables; the others of them move something.
fn variables(field: &Field, report: &[u8], motion: &mut Motion) -> Option<BTreeSet<Usage>> {
    let mut down = BTreeSet::new();
    for index in 0..field.count {
        let Some(usage) = field.usage(index) else { break };
        let value = field.value(report, index);
        if field.size_bits == 1 {
            if value != 0 {
                down.insert(usage);
            }
        } else {
            motion.take(usage, field, value);
        }
    }
    Some(down)
}

/// What is down by an array; `None` if it says that something is wrong.
fn array(field: &Field, report: &[u8]) -> Option<BTreeSet<Usage>> {
    let mut down = BTreeSet::new();
    for index in 0..field.count {
        let value = field.value(report, index);
        if !field.is_in_range(value) {
            continue;
        }
        let number = usize::try_from(value - field.logical_min).ok()?;
        match field.usage(number) {
            // HID Usage Tables 1.5, section 10: roll over, failed self-test, undefined error.
            Some(Usage { page: KEYBOARD_PAGE, id: 1..=3 }) => return None,
            Some(usage) if usage.id != 0 => {
                down.insert(usage);
            }
            _ => {}
        }
    }
    Some(down)
}

/// Buttons that have no name here mean nothing.
fn change(usage: Usage, pressed: bool) -> Option<HostEvent> {
    if usage.page != BUTTON_PAGE {
        return Some(HostEvent::Key { usage, pressed });
    }
    Some(HostEvent::Button { button: button_of(usage)?, pressed })
}

/// The button of a usage of the button page.
pub(super) fn button_of(usage: Usage) -> Option<Button> {
    let index = usize::from(usage.id).checked_sub(1).filter(|_| usage.page == BUTTON_PAGE)?;
    Button::ALL.get(index).copied()
}

const POINTER: u16 = 0x01;
const MOUSE: u16 = 0x02;
const KEYBOARD: u16 = 0x06;
const KEYPAD: u16 = 0x07;

const X: Usage = Usage::desktop(0x30);
const Y: Usage = Usage::desktop(0x31);
const WHEEL: Usage = Usage::desktop(0x38);
const AC_PAN: Usage = Usage::consumer(0x238);

const KEYBOARD_PAGE: u16 = 0x07;
const LED_PAGE: u16 = 0x08;
const BUTTON_PAGE: u16 = 0x09;
