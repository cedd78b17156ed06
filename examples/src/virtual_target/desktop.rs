//! A desktop with a pointer: buttons to click, a wheel counter, a box to drag, a line to type on.

use kvm_capture::canvas::{Canvas, Rgb};

use super::layout::Key;
use super::machine::{PointerEvent, Request};

const WINDOW: Rgb = [240, 241, 243];
const TITLE: Rgb = [64, 88, 140];
const FACE: Rgb = [214, 218, 226];
const INK: Rgb = [26, 28, 34];
const BOX: Rgb = [226, 142, 60];
const BOX_HELD: Rgb = [244, 178, 96];

const WINDOW_AT: (i32, i32) = (24, 24);
const WINDOW_SIZE: (u32, u32) = (272, 152);
const BUTTON_SIZE: (u32, u32) = (112, 28);
const BOX_SIZE: (u32, u32) = (64, 64);
const TYPED_LIMIT: usize = 28;

/// What was clicked, turned, dragged and typed.
pub(super) struct Desktop {
    clicks: u32,
    is_tinted: bool,
    wheel: (i32, i32),
    box_at: (i32, i32),
    /// Where inside the box it is held.
    held_at: Option<(i32, i32)>,
    typed: String,
    background: Option<Canvas>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Count,
    Tint,
    Console,
    Box,
}

/// The buttons with their corners, relative to the window.
const BUTTONS: [(Target, (i32, i32)); 3] =
    [(Target::Count, (16, 40)), (Target::Tint, (144, 40)), (Target::Console, (16, 80))];

impl Desktop {
    pub(super) fn new((width_px, _): (u32, u32)) -> Self {
        let right = i32::try_from(width_px).unwrap_or(i32::MAX) - 120;
        let box_at = (right.min(360), 60);
        Self {
            clicks: 0,
            is_tinted: false,
            wheel: (0, 0),
            box_at,
            held_at: None,
            typed: String::new(),
            background: None,
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Request {
        match key {
            Key::Character(character) => {
                if self.typed.chars().count() == TYPED_LIMIT {
                    self.typed.remove(0);
                }
                self.typed.push(character);
            }
            Key::Backspace => {
                self.typed.pop();
            }
            Key::Escape => return Request::StartConsole,
            _ => {}
        }
        Request::Nothing
    }

    pub(super) fn point(&mut self, event: PointerEvent, at: (i32, i32)) -> Request {
        match event {
            PointerEvent::MovedTo(x, y) => {
                if let Some((dx, dy)) = self.held_at {
                    self.box_at = (x - dx, y - dy);
                }
            }
            PointerEvent::Button { is_left: true, is_down: true } => match self.target(at) {
                Some(Target::Count) => self.clicks += 1,
                Some(Target::Tint) => {
                    self.is_tinted = !self.is_tinted;
                    self.background = None;
                }
                Some(Target::Console) => return Request::StartConsole,
                Some(Target::Box) => {
                    self.held_at = Some((at.0 - self.box_at.0, at.1 - self.box_at.1));
                }
                None => {}
            },
            PointerEvent::Button { is_left: true, is_down: false } => self.held_at = None,
            PointerEvent::Button { is_left: false, .. } => {}
            PointerEvent::Wheel { vertical, horizontal } => {
                self.wheel = (self.wheel.0.saturating_add(vertical), self.wheel.1.saturating_add(horizontal));
            }
        }
        Request::Nothing
    }

    pub(super) fn text(&self, (x, y): (i32, i32)) -> String {
        let mut text = format!("Desktop\npointer {x},{y}\n");
        for (target, (left, top)) in BUTTONS {
            let (left, top) = (WINDOW_AT.0 + left, WINDOW_AT.1 + top);
            text.push_str(&format!("button \"{}\" at {left},{top}\n", self.label(target)));
        }
        let (tint, held) = (if self.is_tinted { "warm" } else { "cool" }, self.held_at.is_some());
        text + &format!(
            "background {tint}\nwheel {},{}\nbox at {},{}{}\ntyped {}\n",
            self.wheel.0,
            self.wheel.1,
            self.box_at.0,
            self.box_at.1,
            if held { " held" } else { "" },
            self.typed,
        )
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas, pointer: (i32, i32)) {
        let size = (canvas.width_px(), canvas.height_px());
        let background = self
            .background
            .take()
            .filter(|background| (background.width_px(), background.height_px()) == size)
            .unwrap_or_else(|| gradient(canvas, self.is_tinted));
        canvas.clone_from(&background);
        self.background = Some(background);

        let (x, y) = WINDOW_AT;
        canvas.fill(x + 4, y + 4, WINDOW_SIZE.0, WINDOW_SIZE.1, [30, 34, 44]);
        canvas.fill(x, y, WINDOW_SIZE.0, WINDOW_SIZE.1, WINDOW);
        canvas.fill(x, y, WINDOW_SIZE.0, 24, TITLE);
        canvas.text(x + 10, y + 4, "Virtual target", [255; 3], None);
        for (target, (left, top)) in BUTTONS {
            let (left, top) = (x + left, y + top);
            canvas.fill(left, top, BUTTON_SIZE.0, BUTTON_SIZE.1, FACE);
            canvas.outline(left, top, BUTTON_SIZE.0, BUTTON_SIZE.1, INK);
            canvas.text(left + 10, top + 6, &self.label(target), INK, None);
        }
        canvas.text(x + 144, y + 86, &format!("Wheel {}, {}", self.wheel.0, self.wheel.1), INK, None);
        canvas.text(x + 16, y + 122, &format!("> {}", self.typed), INK, None);

        let face = if self.held_at.is_some() { BOX_HELD } else { BOX };
        canvas.fill(self.box_at.0, self.box_at.1, BOX_SIZE.0, BOX_SIZE.1, face);
        canvas.outline(self.box_at.0, self.box_at.1, BOX_SIZE.0, BOX_SIZE.1, INK);
        canvas.text(self.box_at.0 + 12, self.box_at.1 + 24, "drag", INK, None);
        canvas.pointer(pointer.0, pointer.1);
    }

    fn label(&self, target: Target) -> String {
        match target {
            Target::Count => format!("Clicked {}", self.clicks),
            Target::Tint => "Tint".to_owned(),
            Target::Console => "Console".to_owned(),
            Target::Box => "drag".to_owned(),
        }
    }

    fn target(&self, at: (i32, i32)) -> Option<Target> {
        let inside = |(left, top): (i32, i32), (width, height): (u32, u32)| {
            let within = |at: i32, from: i32, len: u32| at >= from && at.abs_diff(from) < len;
            within(at.0, left, width) && within(at.1, top, height)
        };
        if inside(self.box_at, BOX_SIZE) {
            return Some(Target::Box);
        }
        BUTTONS.into_iter().find_map(|(target, (left, top))| {
            inside((WINDOW_AT.0 + left, WINDOW_AT.1 + top), BUTTON_SIZE).then_some(target)
        })
    }
}

fn gradient(like: &Canvas, is_tinted: bool) -> Canvas {
    let mut canvas = like.clone();
    let (width, height) = (canvas.width_px(), canvas.height_px());
    let base: [u32; 3] = if is_tinted { [120, 84, 70] } else { [58, 92, 122] };
    canvas.shade((0, 0), (width, height), |x, y| {
        let light = x * 40 / width + y * 60 / height;
        base.map(|part| u8::try_from(part + light).unwrap_or(u8::MAX))
    });
    canvas
}
