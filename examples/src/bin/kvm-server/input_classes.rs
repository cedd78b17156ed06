//! Which classes of input are made while a recording runs. What was typed or where was pointed is not kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kvm_capture::Timestamp;
use kvm_hid::{InputEvent, Usage};
use kvm_stream::InputClass;

/// Input on its way from the input thread to the recording. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputClasses {
    /// `None` while nobody records.
    made: Arc<Mutex<Option<Vec<Made>>>>,
}

/// Input of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) class: InputClass,
    pub(crate) count: u32,
    /// On the clock of the pictures.
    pub(crate) at: Timestamp,
}

impl InputClasses {
    /// Somebody records from now on.
    pub(crate) fn begin(&self) {
        *self.made() = Some(Vec::new());
    }

    /// Takes what was made since the last time.
    pub(crate) fn take(&self) -> Vec<Made> {
        self.made().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes what is left; nobody records any more.
    pub(crate) fn end(&self) -> Vec<Made> {
        self.made().take().unwrap_or_default()
    }

    /// Input of a class was made.
    pub(crate) fn note(&self, class: InputClass, at: Timestamp) {
        let mut made = self.made();
        let Some(made) = made.as_mut() else { return };
        let is_full = made.len() >= MOST;
        let same =
            |last: &&mut Made| last.class == class && (is_full || at.saturating_since(last.at) < TOGETHER);
        match made.iter_mut().rev().find(same) {
            Some(last) => last.count = last.count.saturating_add(1),
            None => made.push(Made { class, count: 1, at }),
        }
    }

    fn made(&self) -> MutexGuard<'_, Option<Vec<Made>>> {
        // Every change is whole.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The class of an event; `None` for what ends with the hand off the key.
pub(crate) fn class_of(event: InputEvent) -> Option<InputClass> {
    match event {
        InputEvent::Key { pressed: false, .. } | InputEvent::Button { pressed: false, .. } => None,
        InputEvent::Key { usage, .. } if turns_off(usage) => Some(InputClass::Power),
        InputEvent::Key { .. } => Some(InputClass::Keyboard),
        _ => Some(InputClass::Pointer),
    }
}

/// Whether a key turns the target off or has it sleep or wake, on whichever page (HID Usage Tables 1.5, sections 4, 10 and
/// 15).
fn turns_off(usage: Usage) -> bool {
    match usage.page {
        0x01 => true,
        0x07 => usage.id == 0x66,
        0x0C => matches!(usage.id, 0x30..=0x35),
        _ => false,
    }
}

/// What is made within this time is counted together.
const TOGETHER: Duration = Duration::from_millis(50);
/// What waits for a recording that does not come to take it, because its disk is slow; there are no more than four
/// classes, so that a full list has each that occurs.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_kept_while_somebody_records_and_within_bounds() {
        let classes = InputClasses::default();
        let at = Timestamp::from_micros;
        classes.note(InputClass::Keyboard, at(0));
        classes.begin();
        classes.note(InputClass::Keyboard, at(1_000));
        classes.note(InputClass::Pointer, at(2_000));
        classes.note(InputClass::Keyboard, at(3_000));
        classes.note(InputClass::Keyboard, at(60_000));
        let made = classes.take().into_iter().map(|made| (made.class, made.count, made.at.as_micros()));
        let expected = [
            (InputClass::Keyboard, 2, 1_000),
            (InputClass::Pointer, 1, 2_000),
            (InputClass::Keyboard, 1, 60_000),
        ];
        assert_eq!(made.collect::<Vec<_>>(), expected);
        (0..5_000).for_each(|second| classes.note(InputClass::Pointer, at(second * 1_000_000)));
        let made = classes.end();
        assert!(made.len() <= MOST);
        assert_eq!(made.iter().map(|made| made.count).sum::<u32>(), 5_000);
        classes.note(InputClass::Keyboard, at(0));
        assert!(classes.take().is_empty());
    }

    #[test]
    fn a_power_key_is_told_from_others() {
        let key = |usage, pressed| class_of(InputEvent::Key { usage, pressed });
        for code in ["Power", "Sleep", "WakeUp"] {
            let power = kvm_hid::usage_of_code(code).unwrap();
            assert_eq!(key(power, true), Some(InputClass::Power), "{code}");
            assert_eq!(key(power, false), None);
        }
        assert_eq!(key(Usage::keyboard(0x04), true), Some(InputClass::Keyboard));
        assert_eq!(class_of(InputEvent::PointTo { x: 0, y: 0 }), Some(InputClass::Pointer));
    }
}
