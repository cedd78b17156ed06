//! The packets of a video that a peer takes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::format::Codec as RtpCodec;
use str0m::media::{MediaTime, Mid, Pt};
use str0m::rtp::{AbsCaptureTime, ExtensionValues, RtpWrite, SeqNo};
use str0m::stats::RemoteIngressStats;

use super::clocks::{Clocks, rtp_time};
use super::payloads::payloads;
use super::tail::Tail;
use crate::Packet;

/// A video that the peer takes: its pictures become packets, which leave in small bursts.
#[derive(Debug)]
pub(super) struct Video {
    mid: Mid,
    payload_type: Pt,
    next: SeqNo,
    waiting: VecDeque<RtpWrite>,
    next_burst_at: Option<Instant>,
    tail: Tail,
    /// What the empty packets behind a picture repeat.
    last: Option<(u32, Instant)>,
    work: Vec<u8>,
    /// A mean over the last few.
    picture_bytes: u64,
    /// The last packet of the last picture.
    end: SeqNo,
    reported: Option<RemoteIngressStats>,
    /// Losses that a picture to start at has made good.
    made_good: u64,
}

impl Video {
    /// Takes up the video of this name, if the peer takes H.264 in it.
    pub(super) fn start(rtc: &mut Rtc, mid: Mid) -> Option<Self> {
        let taken = rtc.media(mid)?.remote_pts().to_vec();
        let is_h264 = |pt: &Pt| {
            let mut known = rtc.codec_config().params().iter();
            known.any(|params| params.pt() == *pt && params.spec().codec == RtpCodec::H264)
        };
        let payload_type = taken.into_iter().find(is_h264)?;
        let mut direct = rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, None)?;
        // All that is asked for is sent again. After a burst that is most of a second, and no waste.
        stream.set_rtx_cache(SENT_AGAIN, SENT_AGAIN_FOR, None);
        // Paced here: what waits for a pacer that goes by an estimate would wait for seconds after a loss.
        stream.set_unpaced(true);
        Some(Self {
            mid,
            payload_type,
            // A start below half of the numbers leaves no doubt about how often they started anew.
            next: SeqNo::from(1),
            waiting: VecDeque::new(),
            next_burst_at: None,
            tail: Tail::default(),
            last: None,
            work: Vec::new(),
            picture_bytes: 0,
            end: SeqNo::from(0),
            reported: None,
            made_good: 0,
        })
    }

    pub(super) fn mid(&self) -> Mid {
        self.mid
    }

    /// How many bytes a picture had of late.
    pub(super) fn picture_bytes(&self) -> u64 {
        self.picture_bytes
    }

    /// Whether the picture before has left.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there has been no picture for a while.
    pub(super) fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && self.tail.is_over()
    }

    /// Takes what the peer reported of the packets.
    pub(super) fn note(&mut self, reported: Option<RemoteIngressStats>) {
        self.reported = reported.or(self.reported.take());
    }

    /// Whether a request for a picture to start at is to be met. Browsers ask every three seconds when no picture comes,
    /// also where all pictures have arrived and the screen rests: that is not.
    pub(super) fn is_lacking(&mut self, now: Instant) -> bool {
        let (reached, lost) = self.reported.as_ref().map_or((SeqNo::from(0), 0), |reported| {
            (reported.maximum_sequence_number, reported.packets_lost)
        });
        let has_all = reached >= self.end && lost == self.made_good;
        let is_patient = self.waiting.is_empty() && self.tail.is_past(NO_PICTURE_FOR, now);
        if has_all && is_patient {
            return false;
        }
        self.made_good = lost;
        true
    }

    /// Makes packets of a picture.
    pub(super) fn take(&mut self, picture: &Packet, clocks: &Clocks) {
        self.picture_bytes = (self.picture_bytes * 7 + picture.payload.len() as u64) / 8;
        let (time, captured) = (rtp_time(picture.timestamp), clocks.instant(picture.timestamp));
        let capture_time = clocks.wall(picture.timestamp);
        let mut extensions = ExtensionValues {
            play_delay_min: Some(MediaTime::from_hundredths(0)),
            play_delay_max: Some(MediaTime::from_hundredths(0)),
            abs_capture_time: Some(AbsCaptureTime { capture_time, clock_offset: None }),
            ..ExtensionValues::default()
        };
        self.last = Some((time, captured));
        payloads(&picture.payload, PAYLOAD_BYTES, &mut self.work, |payload, is_last| {
            let packet = RtpWrite::new(self.payload_type, self.next.inc(), time, captured, payload)
                .marker(is_last)
                .nackable(true)
                .ext_vals(std::mem::take(&mut extensions));
            self.waiting.push_back(packet);
        });
        self.end = SeqNo::from(self.next.saturating_sub(1));
    }

    /// Hands packets over that are due. `false` if there were none.
    pub(super) fn send(&mut self, rtc: &mut Rtc, now: Instant) -> bool {
        let is_early = self.next_burst_at.is_some_and(|at| now < at);
        let burst = if is_early { 0 } else { self.waiting.len().min(BURST) };
        let mut direct = rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(self.mid, None) else { return false };
        for packet in self.waiting.drain(..burst) {
            stream.write_rtp(packet);
        }
        if burst > 0 {
            self.next_burst_at = Some(now + BETWEEN_BURSTS);
            if self.waiting.is_empty() {
                self.tail.restart(now);
            }
            return true;
        }
        match self.last {
            Some((time, captured)) if self.waiting.is_empty() && self.tail.take(now) => {
                let empty = RtpWrite::new(self.payload_type, self.next.inc(), time, captured, &[][..]);
                stream.write_rtp(empty.nackable(true));
                true
            }
            _ => false,
        }
    }

    /// When something is to be sent if no picture comes.
    pub(super) fn due_at(&self) -> Option<Instant> {
        if self.waiting.is_empty() { self.tail.due_at() } else { self.next_burst_at }
    }
}

/// Longer than a decoder that lost its way waits before it says so, and shorter than one that only wants a picture.
const NO_PICTURE_FOR: Duration = Duration::from_millis(2500);
/// Of a payload, so that with the headers of RTP, SRTP, UDP and IP a datagram passes every line, tunnels included.
const PAYLOAD_BYTES: usize = 1100;
/// Packets that leave together: less than sockets hold.
const BURST: usize = 48;
/// With `BURST`, about 200 Mbit/s.
const BETWEEN_BURSTS: Duration = Duration::from_millis(2);
const SENT_AGAIN: usize = 4096;
const SENT_AGAIN_FOR: Duration = Duration::from_secs(2);
