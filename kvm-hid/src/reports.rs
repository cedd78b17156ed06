//! The reports of one change.

use std::fmt;

use crate::{Interface, Report};

/// The reports that tell a host of one change, in order: one of them, or several when a distance is more than
/// one report can carry.
///
/// An iterator; what it still yields is what has not been sent yet.
///
/// ```
/// use kvm_hid::Pointer;
///
/// let mut pointer = Pointer::default();
/// assert_eq!(pointer.move_by(300, -10).count(), 3); // a report carries 127 at most
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a change that is not sent is lost"]
pub struct Reports {
    /// Everything but the movement still to go.
    state: Report,
    kind: Kind,
    /// What is left to go, in counts; used by the two relative kinds.
    along: i16,
    across: i16,
    done: bool,
}

impl Reports {
    /// A change of a key, a button or a control: one report that nothing else may take the place of.
    pub(crate) fn edge(state: Report) -> Self {
        Self { state, kind: Kind::Edge, along: 0, across: 0, done: false }
    }

    /// A new position, which a still newer one may take the place of.
    pub(crate) fn position(state: Report) -> Self {
        Self { kind: Kind::Position, ..Self::edge(state) }
    }

    /// A distance that is spread over as many reports as it needs, at the bytes `at` and `at + 1`.
    pub(crate) fn distance(state: Report, at: usize, along: i32, across: i32) -> Self {
        let (along, across) = (saturate(along), saturate(across));
        Self { state, kind: Kind::Distance { at }, along, across, done: along == 0 && across == 0 }
    }

    /// The interface all of them are for.
    pub fn interface(&self) -> Interface {
        self.state.interface()
    }

    /// Lets a later change join this one, if that makes no difference to the host but fewer reports. Presses
    /// and releases never join anything.
    pub(crate) fn absorb(&mut self, later: &Self) -> bool {
        match (self.kind, later.kind) {
            (Kind::Position, Kind::Position) if same_buttons(&self.state, &later.state) => {
                *self = later.clone();
                true
            }
            (Kind::Distance { at }, Kind::Distance { at: later_at })
                if at == later_at && self.state == later.state =>
            {
                self.along = self.along.saturating_add(later.along);
                self.across = self.across.saturating_add(later.across);
                self.done = self.along == 0 && self.across == 0;
                true
            }
            _ => false,
        }
    }

    /// The next report, which stays the next one.
    pub(crate) fn peek(&self) -> Option<Report> {
        if self.done {
            return None;
        }
        Some(match self.kind {
            Kind::Edge | Kind::Position => self.state,
            Kind::Distance { at } => {
                let (along, across) = self.leg();
                self.state.with_movement(at, along, across)
            }
        })
    }

    /// The part of the way that the next report goes. All reports go in the same direction, so that a long
    /// diagonal stays one.
    fn leg(&self) -> (i8, i8) {
        let longest = self.along.unsigned_abs().max(self.across.unsigned_abs());
        let legs = i32::from(longest.div_ceil(REACH)).max(1);
        // The quotient is within ±REACH by the choice of `legs`.
        let part = |whole: i16| i8::try_from(i32::from(whole) / legs).unwrap_or_default();
        (part(self.along), part(self.across))
    }
}

impl Iterator for Reports {
    type Item = Report;

    fn next(&mut self) -> Option<Report> {
        let report = self.peek()?;
        match self.kind {
            Kind::Edge | Kind::Position => self.done = true,
            Kind::Distance { .. } => {
                let (along, across) = self.leg();
                self.along -= i16::from(along);
                self.across -= i16::from(across);
                self.done = self.along == 0 && self.across == 0;
            }
        }
        Some(report)
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("interface", &self.interface()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Edge,
    Position,
    Distance { at: usize },
}

/// Whether two reports of the absolute pointer differ in nothing but the position.
fn same_buttons(a: &Report, b: &Report) -> bool {
    a.interface() == b.interface() && a.bytes().iter().take(2).eq(b.bytes().iter().take(2))
}

/// No screen is 32,767 counts wide, and a wheel has no such turn: what is beyond that is no intent.
fn saturate(distance: i32) -> i16 {
    i16::try_from(distance).unwrap_or(if distance < 0 { i16::MIN + 1 } else { i16::MAX })
}

/// The farthest that one report moves, by the descriptors' logical minimum and maximum.
const REACH: u16 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(reports: Reports) -> (i32, i32, usize) {
        let bytes: Vec<_> = reports.map(|report| report.bytes().to_vec()).collect();
        let axis = |at: usize| bytes.iter().map(|report| i32::from(i8::from_le_bytes([report[at]]))).sum();
        (axis(1), axis(2), bytes.len())
    }

    fn distance(along: i32, across: i32) -> Reports {
        Reports::distance(Report::of(Interface::Mouse, &[0; 5]), 1, along, across)
    }

    #[test]
    fn nothing_of_a_distance_is_lost() {
        for (along, across, reports) in
            [(0, 0, 0), (1, 0, 1), (127, -127, 1), (-128, 0, 2), (1000, 10, 8), (3, 40_000, 259)]
        {
            let expected = (along, across.min(32_767), reports);
            assert_eq!(sum(distance(along, across)), expected);
        }
    }

    #[test]
    fn distances_add_up_and_cancel_out() {
        let mut first = distance(100, 100);
        assert!(first.absorb(&distance(100, -300)));
        assert_eq!(sum(first.clone()), (200, -200, 2));
        assert!(first.absorb(&distance(-200, 200)));
        assert_eq!(first.next(), None);
    }

    #[test]
    fn positions_join_only_if_the_buttons_are_the_same() {
        let at =
            |buttons, x| Reports::position(Report::of(Interface::Pointer, &[1, buttons, x, 0, 0, 0, 0, 0]));
        let mut first = at(0, 1);
        assert!(first.absorb(&at(0, 2)) && first == at(0, 2));
        assert!(!first.absorb(&at(1, 3)) && first == at(0, 2));
    }
}
