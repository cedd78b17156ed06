//! The state of the media, browser and power keys.

use std::fmt;

use crate::descriptor::{CONSUMER_ID, CONSUMER_LEN, SYSTEM_ID, SYSTEM_LEN};
use crate::usage::page;
use crate::{Interface, Report, Usage};

/// Which consumer control and which system control is down. Neither I/O nor a clock.
///
/// A report has room for one of each, so that a second one takes the place of the first: the host sees the
/// first come up, and it stays up.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Controls {
    consumer: Option<u16>,
    system: Option<u8>,
}

impl Controls {
    /// A control goes down. `None` if it is down already, or no report has it.
    pub fn press(&mut self, control: Usage) -> Option<Report> {
        if self.is_down(control) || Interface::of_usage(control) != Some(Interface::Pointer) {
            return None;
        }
        if control.page == page::CONSUMER {
            self.consumer = Some(control.id);
            Some(self.consumer_report())
        } else {
            self.system = Some(control.id.to_le_bytes()[0]);
            Some(self.system_report())
        }
    }

    /// A control comes up. `None` if it was not down.
    pub fn release(&mut self, control: Usage) -> Option<Report> {
        if !self.is_down(control) {
            return None;
        }
        if control.page == page::CONSUMER {
            self.consumer = None;
            Some(self.consumer_report())
        } else {
            self.system = None;
            Some(self.system_report())
        }
    }

    /// All controls come up: a report for each kind that was down.
    pub fn release_all(&mut self) -> impl Iterator<Item = Report> + use<> {
        let consumer = self.consumer.take().map(|_| self.consumer_report());
        let system = self.system.take().map(|_| self.system_report());
        consumer.into_iter().chain(system)
    }

    /// Whether a control is down.
    pub fn is_down(&self, control: Usage) -> bool {
        match control.page {
            page::CONSUMER => self.consumer == Some(control.id),
            page::GENERIC_DESKTOP => self.system.map(u16::from) == Some(control.id),
            _ => false,
        }
    }

    /// How many controls are down; two at most.
    pub fn count(&self) -> usize {
        usize::from(self.holds_consumer()) + usize::from(self.holds_system())
    }

    pub(crate) fn holds_consumer(&self) -> bool {
        self.consumer.is_some()
    }

    pub(crate) fn holds_system(&self) -> bool {
        self.system.is_some()
    }

    pub(crate) fn consumer_report(&self) -> Report {
        let [low, high] = self.consumer.unwrap_or_default().to_le_bytes();
        let report: [u8; CONSUMER_LEN] = [CONSUMER_ID, low, high];
        Report::of(Interface::Pointer, &report)
    }

    pub(crate) fn system_report(&self) -> Report {
        // The array's first usage, 0x81, has the value 1.
        let value = self.system.map_or(0, |id| id & 0x03);
        let report: [u8; SYSTEM_LEN] = [SYSTEM_ID, value];
        Report::of(Interface::Pointer, &report)
    }
}

/// How many controls are down, but not which.
impl fmt::Debug for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controls").field("count", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_control_takes_the_place_of_the_first() {
        let (louder, mute) = (Usage::consumer(0xE9), Usage::consumer(0xE2));
        let mut controls = Controls::default();
        assert_eq!(controls.press(louder).unwrap().bytes(), [2, 0xE9, 0]);
        assert!(controls.press(louder).is_none());
        assert_eq!(controls.press(mute).unwrap().bytes(), [2, 0xE2, 0]);
        assert!(controls.release(louder).is_none());
        assert_eq!(controls.release(mute).unwrap().bytes(), [2, 0, 0]);
    }

    #[test]
    fn system_controls_are_numbered_from_one() {
        let mut controls = Controls::default();
        for (id, value) in [(0x81, 1), (0x82, 2), (0x83, 3)] {
            assert_eq!(controls.press(Usage::desktop(id)).unwrap().bytes(), [3, value]);
        }
        assert!(controls.press(Usage::desktop(0x84)).is_none());
        controls.press(Usage::consumer(0x223));
        assert_eq!(controls.count(), 2);
        let released: Vec<_> = controls.release_all().map(|report| report.bytes().to_vec()).collect();
        assert_eq!(released, [vec![2, 0, 0], vec![3, 0]]);
        assert_eq!(controls.release_all().count(), 0);
    }
}
