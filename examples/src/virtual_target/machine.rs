//! The simulated computer: which program runs, and what keys and pointer do to it.

use kvm_capture::canvas::Canvas;
use kvm_capture::{FrameError, FrameFormat, PixelFormat, SignalLoss};
use kvm_hid::testing::HostEvent;
use kvm_hid::{Button, Leds, Usage};

use super::console::Console;
use super::desktop::Desktop;
use super::firmware::Firmware;
use super::layout::{Modifiers, key};

/// What a program asks of the computer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Nothing,
    Restart,
    StartConsole,
    StartDesktop,
    /// Turn the screen off until something is pressed or moved.
    Sleep,
    Resize(u32, u32),
}

/// What the pointer did, in pixels of the screen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PointerEvent {
    MovedTo(i32, i32),
    Button { is_left: bool, is_down: bool },
    Wheel { vertical: i32, horizontal: i32 },
}

pub(super) struct Machine {
    canvas: Canvas,
    program: Program,
    modifiers: Modifiers,
    scroll_lock: bool,
    pointer: (i32, i32),
    is_asleep: bool,
    /// Counts pictures; rises when something on the screen may have changed.
    generation: u64,
    drawn: Option<u64>,
}

enum Program {
    Firmware(Firmware),
    Console(Console),
    Desktop(Desktop),
}

impl Machine {
    pub(super) fn new(width_px: u32, height_px: u32) -> Result<Self, FrameError> {
        if width_px < 320 || height_px < 200 {
            let format = FrameFormat::new(PixelFormat::Bgrx, width_px, height_px);
            return Err(FrameError::Size { format });
        }
        Ok(Self {
            canvas: Canvas::new(width_px, height_px)?,
            program: Program::Firmware(Firmware::new()),
            modifiers: Modifiers::default(),
            scroll_lock: false,
            pointer: centre(width_px, height_px),
            is_asleep: false,
            generation: 0,
            drawn: None,
        })
    }

    pub(super) fn take(&mut self, event: HostEvent) {
        self.generation += 1;
        let is_release =
            matches!(event, HostEvent::Key { pressed: false, .. } | HostEvent::Button { pressed: false, .. });
        if self.is_asleep && !is_release {
            self.is_asleep = false;
        }
        let request = match event {
            HostEvent::Key { usage, pressed } => self.key(usage, pressed),
            HostEvent::Button { button, pressed } => {
                self.point(PointerEvent::Button { is_left: button == Button::Left, is_down: pressed })
            }
            HostEvent::PointTo { x, y, x_max, y_max } => self
                .move_to(scale(x, x_max, self.canvas.width_px()), scale(y, y_max, self.canvas.height_px())),
            HostEvent::MoveBy { dx, dy } => {
                self.move_to(self.pointer.0.saturating_add(dx), self.pointer.1.saturating_add(dy))
            }
            HostEvent::Wheel { clicks } => {
                self.point(PointerEvent::Wheel { vertical: clicks, horizontal: 0 })
            }
            HostEvent::Pan { clicks } => self.point(PointerEvent::Wheel { vertical: 0, horizontal: clicks }),
            _ => Request::Nothing,
        };
        self.fulfil(request);
    }

    pub(super) fn leds(&self) -> Leds {
        Leds {
            num: self.modifiers.num_lock,
            caps: self.modifiers.caps_lock,
            scroll: self.scroll_lock,
            ..Leds::default()
        }
    }

    /// Why there is no picture, if there is none.
    pub(super) fn signal_loss(&self) -> Option<SignalLoss> {
        self.is_asleep.then_some(SignalLoss::NoCable)
    }

    pub(super) fn text(&self) -> String {
        if self.is_asleep {
            return "asleep\n".to_owned();
        }
        match &self.program {
            Program::Firmware(firmware) => firmware.text(),
            Program::Console(console) => console.text(),
            Program::Desktop(desktop) => desktop.text(self.pointer),
        }
    }

    /// The picture, and its number: the same number is the same picture.
    pub(super) fn picture(&mut self) -> (&Canvas, u64) {
        if self.drawn != Some(self.generation) {
            match &mut self.program {
                Program::Firmware(firmware) => firmware.draw(&mut self.canvas),
                Program::Console(console) => console.draw(&mut self.canvas),
                Program::Desktop(desktop) => desktop.draw(&mut self.canvas, self.pointer),
            }
            self.drawn = Some(self.generation);
        }
        (&self.canvas, self.generation)
    }

    fn key(&mut self, usage: Usage, is_down: bool) -> Request {
        match modifier(usage) {
            Some(Modifier::Control) => self.modifiers.control = is_down,
            Some(Modifier::Shift) => self.modifiers.shift = is_down,
            Some(Modifier::Alt) => self.modifiers.alt = is_down,
            None if !is_down => {}
            None => return self.press(usage),
        }
        Request::Nothing
    }

    fn press(&mut self, usage: Usage) -> Request {
        match usage {
            CAPS_LOCK => self.modifiers.caps_lock = !self.modifiers.caps_lock,
            NUM_LOCK => self.modifiers.num_lock = !self.modifiers.num_lock,
            SCROLL_LOCK => self.scroll_lock = !self.scroll_lock,
            DELETE if self.modifiers.control && self.modifiers.alt => return Request::Restart,
            _ => {
                let key = key(usage, self.modifiers);
                return match &mut self.program {
                    Program::Firmware(firmware) => firmware.key(key),
                    Program::Console(console) => console.key(key, self.modifiers.control),
                    Program::Desktop(desktop) => desktop.key(key),
                };
            }
        }
        Request::Nothing
    }

    fn move_to(&mut self, x: i32, y: i32) -> Request {
        let last = |side: u32| i32::try_from(side - 1).unwrap_or(i32::MAX);
        self.pointer = (x.clamp(0, last(self.canvas.width_px())), y.clamp(0, last(self.canvas.height_px())));
        self.point(PointerEvent::MovedTo(self.pointer.0, self.pointer.1))
    }

    fn point(&mut self, event: PointerEvent) -> Request {
        match &mut self.program {
            Program::Desktop(desktop) => desktop.point(event, self.pointer),
            Program::Firmware(_) | Program::Console(_) => Request::Nothing,
        }
    }

    fn fulfil(&mut self, request: Request) {
        match request {
            Request::Nothing => {}
            Request::Restart => self.program = Program::Firmware(Firmware::new()),
            Request::StartConsole => self.program = Program::Console(Console::new()),
            Request::StartDesktop => {
                let size = (self.canvas.width_px(), self.canvas.height_px());
                self.program = Program::Desktop(Desktop::new(size));
            }
            Request::Sleep => self.is_asleep = true,
            Request::Resize(width, height) => {
                // The console that asked has checked the size.
                if let Ok(canvas) = Canvas::new(width, height) {
                    self.canvas = canvas;
                    self.pointer = centre(width, height);
                }
            }
        }
    }
}

enum Modifier {
    Control,
    Shift,
    Alt,
}

/// HID Usage Tables 1.5, section 10: 0xE0 left control, 0xE1 shift, 0xE2 alt, 0xE3 GUI, and 0xE4–0xE7 right.
fn modifier(usage: Usage) -> Option<Modifier> {
    let id = u8::try_from(usage.id).ok().filter(|&id| usage == Usage::keyboard(id))?;
    match id {
        0xe0 | 0xe4 => Some(Modifier::Control),
        0xe1 | 0xe5 => Some(Modifier::Shift),
        0xe2 | 0xe6 => Some(Modifier::Alt),
        _ => None,
    }
}

/// The pixel that a logical unit of an absolute pointer is on: 0 the first, the maximum the last.
fn scale(unit: u32, max: u32, side_px: u32) -> i32 {
    let pixel = u64::from(unit) * u64::from(side_px - 1) / u64::from(max.max(1));
    i32::try_from(pixel).unwrap_or(i32::MAX)
}

fn centre(width_px: u32, height_px: u32) -> (i32, i32) {
    let half = |side: u32| i32::try_from(side / 2).unwrap_or(0);
    (half(width_px), half(height_px))
}

const CAPS_LOCK: Usage = Usage::keyboard(0x39);
const SCROLL_LOCK: Usage = Usage::keyboard(0x47);
const DELETE: Usage = Usage::keyboard(0x4c);
const NUM_LOCK: Usage = Usage::keyboard(0x53);
