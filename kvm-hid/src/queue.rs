//! What waits for the host to fetch it.

use std::collections::VecDeque;

use crate::{Report, Reports};

/// The changes that one interface still has to tell the host, in order and bounded.
///
/// Motions that follow each other become one; presses and releases are never dropped, joined or overtaken.
/// Whoever adds a press asks first whether there [is room](Self::has_room) for it *and* for the release of
/// everything that is down then, so that a release always finds room.
#[derive(Debug)]
pub struct ReportQueue {
    // INVARIANT: every entry still yields a report, but the front may not after a distance joined it.
    changes: VecDeque<Reports>,
    capacity: usize,
}

impl ReportQueue {
    /// An empty queue for a number of changes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { changes: VecDeque::with_capacity(capacity), capacity }
    }

    /// Whether that many changes more would fit.
    pub fn has_room(&self, changes: usize) -> bool {
        self.changes.len().saturating_add(changes) <= self.capacity
    }

    /// Whether a change would fit by joining the last one.
    pub fn joins(&self, change: &Reports) -> bool {
        self.changes.back().is_some_and(|last| last.clone().absorb(change))
    }

    /// Adds a change at the end. Takes it even when the queue is full: the bound is kept by asking first.
    pub fn push(&mut self, change: Reports) {
        if change.peek().is_none() || self.changes.back_mut().is_some_and(|last| last.absorb(&change)) {
            return;
        }
        self.changes.push_back(change);
    }

    /// The report to send next.
    pub fn front(&mut self) -> Option<Report> {
        while let Some(change) = self.changes.front() {
            if let Some(report) = change.peek() {
                return Some(report);
            }
            self.changes.pop_front();
        }
        None
    }

    /// Takes the front report off, once it is sent.
    pub fn advance(&mut self) {
        if let Some(change) = self.changes.front_mut() {
            change.next();
            if change.peek().is_none() {
                self.changes.pop_front();
            }
        }
    }

    /// Forgets everything, as is right when nobody is there to be told.
    pub fn clear(&mut self) {
        self.changes.clear();
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.peek().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Button, Pointer};

    fn drain(queue: &mut ReportQueue) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(report) = queue.front() {
            sent.push(report.bytes().to_vec());
            queue.advance();
        }
        sent
    }

    #[test]
    fn motions_join_but_never_across_a_click() {
        let (mut queue, mut pointer) = (ReportQueue::with_capacity(8), Pointer::default());
        queue.push(pointer.point_to(1, 1));
        queue.push(pointer.point_to(2, 2));
        queue.push(pointer.press(Button::Left).unwrap());
        queue.push(pointer.point_to(3, 3));
        queue.push(pointer.point_to(4, 4));
        queue.push(pointer.release(Button::Left).unwrap());
        let buttons_and_x: Vec<_> = drain(&mut queue).iter().map(|report| (report[1], report[2])).collect();
        assert_eq!(buttons_and_x, [(0, 2), (1, 2), (1, 4), (0, 4)]);
    }

    #[test]
    fn a_distance_that_was_undone_sends_nothing() {
        let (mut queue, mut pointer) = (ReportQueue::with_capacity(8), Pointer::default());
        queue.push(pointer.move_by(500, 0));
        queue.push(pointer.move_by(-500, 0));
        assert!(queue.is_empty() && queue.front().is_none());
        queue.push(pointer.move_by(0, 0));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_says_so() {
        let (mut queue, mut pointer) = (ReportQueue::with_capacity(2), Pointer::default());
        queue.push(pointer.press(Button::Left).unwrap());
        assert!(queue.has_room(1) && !queue.has_room(2));
        queue.push(pointer.move_by(1, 1));
        assert!(!queue.has_room(1) && queue.joins(&pointer.move_by(1, 1)));
        assert!(!queue.joins(&pointer.press(Button::Right).unwrap()));
    }
}
