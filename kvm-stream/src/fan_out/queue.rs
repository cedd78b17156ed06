//! What one viewer has not taken yet, and what it lacks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use kvm_capture::Timestamp;

use super::clock::Clock;
use super::policy::{Drops, ViewerPolicy};
use super::viewer::{Acknowledged, ViewerEnd};
use crate::{FanOut, Lacking, Packet, Tiles};

/// What one viewer has not taken yet, and what it lacks.
pub(super) struct Queue {
    policy: ViewerPolicy,
    clock: Arc<Clock>,
    // INVARIANT: decodable in this order by a viewer that has taken all it was handed: each packet is a key picture
    // or a refresh, or follows the one before it without a gap.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    // What was handed out and is not acknowledged, under a policy that counts it.
    on_the_way: VecDeque<OnTheWay>,
    // What the viewer will lack when it has taken all that waits. INVARIANT: with a key picture waiting, nothing.
    lacking: Option<Lacking>,
    /// When a refresh was asked for on behalf of this viewer that has not come.
    asked_at: Option<Timestamp>,
    /// Whether the viewer's first picture has not been asked for.
    is_new: bool,
    /// Whether the reader came and found nothing.
    is_hungry: bool,
    /// Whether a packet ever was put in here. What a newcomer cannot use was not dropped.
    has_started: bool,
    drops: Drops,
    waker: Option<Waker>,
    end: Option<ViewerEnd>,
}

struct Waiting {
    packet: Packet,
    since: Timestamp,
}

struct OnTheWay {
    sequence: u64,
    bytes: usize,
    handed_at: Timestamp,
}

impl Queue {
    pub(super) fn new(policy: ViewerPolicy, clock: Arc<Clock>) -> Self {
        Self {
            policy,
            clock,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            on_the_way: VecDeque::new(),
            lacking: Some(Lacking::Everything),
            asked_at: None,
            is_new: true,
            is_hungry: true,
            has_started: false,
            drops: Drops::default(),
            waker: None,
            end: None,
        }
    }

    /// Takes a packet if it is of use to the viewer. The waker is to be woken without the queue's lock.
    pub(super) fn push(&mut self, packet: &Packet) -> Option<Waker> {
        if self.end.is_some() {
            return None;
        }
        self.drop_aged();
        if packet.is_refresh {
            return self.push_refresh(packet);
        }
        if packet.is_keyframe {
            self.make_room_for_key_picture(packet);
        } else if self.lacking.is_some() {
            self.lose(packet);
            self.drops.dependent += u64::from(self.has_started);
            return None;
        }
        if !self.has_room_for(packet) {
            return self.overflow(packet);
        }
        if packet.is_keyframe {
            self.has_all();
        }
        self.put(packet)
    }

    /// Takes the next packet; without one, the viewer counts as ready for a refresh.
    pub(super) fn take(&mut self) -> Option<Packet> {
        self.drop_aged();
        if !self.may_hand_out() {
            self.is_hungry = true;
            return None;
        }
        let Some(Waiting { packet, .. }) = self.waiting.pop_front() else {
            self.is_hungry = true;
            return None;
        };
        let bytes = packet.payload.len();
        self.waiting_bytes -= bytes;
        if self.policy.max_unacknowledged().is_some() {
            let handed_at = self.clock.now();
            self.on_the_way.push_back(OnTheWay { sequence: packet.sequence, bytes, handed_at });
        }
        Some(packet)
    }

    /// Accounts for the arrival of all packets up to the newest one handed out that has this number.
    pub(super) fn acknowledge(&mut self, sequence: u64) -> Option<Acknowledged> {
        let index = self.on_the_way.iter().rposition(|packet| packet.sequence == sequence)?;
        let handed_at = self.on_the_way[index].handed_at;
        let bytes = self.on_the_way.drain(..=index).map(|packet| packet.bytes).sum();
        let left_bytes = self.on_the_way.iter().map(|packet| packet.bytes).sum();
        Some(Acknowledged { handed_at, at: self.clock.now(), bytes, left_bytes })
    }

    /// Allows so many bytes on their way, under a policy that counts them.
    pub(super) fn set_window(&mut self, window_bytes: usize) -> Option<Waker> {
        if let ViewerPolicy::Window { bytes, .. } = &mut self.policy {
            *bytes = window_bytes;
        }
        self.waker.take()
    }

    /// Drops what is of no use to a decoder that has lost its way, and asks for what is.
    pub(super) fn start_over(&mut self) {
        while self.waiting.front().is_some_and(|first| !first.packet.is_keyframe) {
            self.drop_front();
        }
        let has_key_picture = !self.waiting.is_empty();
        self.lacking = (!has_key_picture).then_some(Lacking::Everything);
        self.is_hungry |= !has_key_picture;
    }

    /// Whether the first picture of a newcomer has to be asked for. Asking is answering.
    pub(super) fn take_first_request(&mut self) -> bool {
        let asks = self.is_new && self.lacking.is_some();
        self.is_new = false;
        if asks {
            self.asked_at = Some(self.clock.now());
        }
        asks
    }

    /// Whether the viewer fell behind and has room again.
    pub(super) fn wants_refresh(&self) -> bool {
        let now = self.clock.now();
        let is_patient = self.asked_at.is_some_and(|at| now.saturating_since(at) < FanOut::REFRESH_PAUSE);
        self.lacking.is_some()
            && !is_patient
            && self.is_hungry
            && self.waiting.is_empty()
            && self.may_hand_out()
    }

    /// What the viewer lacks, if it has room again. Asking is answering.
    pub(super) fn take_request(&mut self) -> Option<Lacking> {
        if !self.wants_refresh() {
            return None;
        }
        self.asked_at = Some(self.clock.now());
        self.lacking.clone()
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) -> Option<Waker> {
        self.end.get_or_insert(ViewerEnd::Over);
        self.waker.take()
    }

    /// Whether and why nothing comes after what waits.
    pub(super) fn ending(&self) -> Option<ViewerEnd> {
        self.end
    }

    pub(super) fn wake_by(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(super) fn drops(&self) -> Drops {
        self.drops
    }

    /// Packets and bytes that wait.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting_bytes)
    }

    /// Drops what has waited too long, and what builds on it.
    pub(super) fn drop_aged(&mut self) {
        let Some(max_age) = self.policy.max_age() else { return };
        let now = self.clock.now();
        while self.waiting.front().is_some_and(|first| now.saturating_since(first.since) > max_age) {
            self.drops.aged += 1;
            self.drop_from_front();
        }
    }

    fn push_refresh(&mut self, packet: &Packet) -> Option<Waker> {
        let is_of_use = match self.lacking {
            None => false,
            Some(Lacking::Everything) => self.asked_at.is_some() || packet.is_keyframe,
            // What is made for another, and may be the whole picture, is left to the other.
            Some(Lacking::Tiles(_)) => self.asked_at.is_some(),
        };
        if !is_of_use || !self.has_room_for(packet) {
            return None;
        }
        match (&packet.changes, &mut self.lacking) {
            (Some(changes), Some(lacking)) if !packet.is_keyframe => {
                let mut tiles = match lacking {
                    Lacking::Tiles(tiles) if tiles.size_px() == changes.size_px() => tiles.clone(),
                    _ => Tiles::full(changes.size_px().0, changes.size_px().1),
                };
                tiles.subtract(changes);
                if tiles.is_empty() {
                    self.has_all();
                } else {
                    *lacking = Lacking::Tiles(tiles);
                }
            }
            _ => self.has_all(),
        }
        self.put(packet)
    }

    fn put(&mut self, packet: &Packet) -> Option<Waker> {
        self.waiting_bytes += packet.payload.len();
        self.waiting.push_back(Waiting { packet: packet.clone(), since: self.clock.now() });
        (self.is_hungry, self.has_started) = (false, true);
        self.waker.take()
    }

    fn has_all(&mut self) {
        self.lacking = None;
        (self.is_new, self.asked_at) = (false, None);
    }

    /// A key picture replaces what waits, as far as there is no room for both.
    fn make_room_for_key_picture(&mut self, packet: &Packet) {
        if matches!(self.policy, ViewerPolicy::Lossless { .. }) {
            return;
        }
        while !self.has_room_for(packet) {
            self.drops.crowded += 1;
            self.drop_from_front();
        }
    }

    /// There is no room for a packet that builds on what waits, or nothing may be dropped.
    fn overflow(&mut self, packet: &Packet) -> Option<Waker> {
        if matches!(self.policy, ViewerPolicy::Lossless { .. }) {
            self.end = Some(ViewerEnd::Overrun);
            return self.waker.take();
        }
        // Whatever the viewer takes next is a refresh that holds all of it in its newest state.
        self.drops.crowded += self.waiting.len() as u64 + 1;
        while self.drop_front() {}
        self.lose(packet);
        None
    }

    /// Drops the first packet, which is counted by the caller, and those that build on it.
    fn drop_from_front(&mut self) {
        self.drop_front();
        while self.waiting.front().is_some_and(|next| !next.packet.is_keyframe) {
            self.drops.dependent += 1;
            self.drop_front();
        }
        if !self.waiting.is_empty() {
            // A key picture waits, which has it all.
            self.lacking = None;
        }
    }

    /// Drops the first packet; `false` if there is none.
    fn drop_front(&mut self) -> bool {
        let Some(Waiting { packet, .. }) = self.waiting.pop_front() else { return false };
        self.waiting_bytes -= packet.payload.len();
        self.lose(&packet);
        true
    }

    /// Accounts for what the viewer lacks without this packet.
    fn lose(&mut self, packet: &Packet) {
        match (&mut self.lacking, &packet.changes) {
            (Some(Lacking::Everything), _) => {}
            (Some(Lacking::Tiles(tiles)), Some(changes)) if tiles.size_px() == changes.size_px() => {
                tiles.union_with(changes);
            }
            (lacking @ None, Some(changes)) if !packet.is_keyframe => {
                *lacking = Some(Lacking::Tiles(Tiles::clone(changes)));
            }
            (lacking, _) => *lacking = Some(Lacking::Everything),
        }
    }

    fn has_room_for(&self, packet: &Packet) -> bool {
        let bytes = self.waiting_bytes.saturating_add(packet.payload.len());
        self.waiting.is_empty()
            || (self.waiting.len() < self.policy.max_packets() && bytes <= self.policy.max_bytes())
    }

    fn may_hand_out(&self) -> bool {
        let Some((packets, bytes)) = self.policy.max_unacknowledged() else { return true };
        let next = self.waiting.front().map_or(0, |next| next.packet.payload.len());
        let on_the_way: usize = self.on_the_way.iter().map(|packet| packet.bytes).sum();
        self.on_the_way.is_empty()
            || (self.on_the_way.len() < packets && on_the_way.saturating_add(next) <= bytes)
    }
}
