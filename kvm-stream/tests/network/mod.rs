//! A simulated network and a simulated screen. Time is an argument, in microseconds.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use kvm_stream::{Codec, Lacking, Packet, Tiles};

/// A line that carries one packet after the other.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) bytes_per_second: u64,
    pub(crate) delay: u64,
    /// When nothing moves.
    pub(crate) stalls: Vec<Range<u64>>,
    free_at: u64,
}

impl Link {
    pub(crate) fn new(bytes_per_second: u64, delay: u64) -> Self {
        Self { bytes_per_second, delay, stalls: Vec::new(), free_at: 0 }
    }

    /// Takes a packet and tells when it arrives.
    pub(crate) fn send(&mut self, now: u64, bytes: usize) -> u64 {
        let mut at = now.max(self.free_at);
        let mut left = bytes as u64 * 1_000_000 / self.bytes_per_second;
        self.stalls.sort_by_key(|stall| stall.start);
        for stall in &self.stalls {
            if stall.end > at && stall.start < at + left {
                left -= stall.start.saturating_sub(at);
                at = stall.end.max(at);
            }
        }
        self.free_at = at + left;
        self.free_at + self.delay
    }

    /// Bytes that a socket's buffer would still hold.
    pub(crate) fn backlog_bytes(&self, now: u64) -> u64 {
        self.free_at.saturating_sub(now) * self.bytes_per_second / 1_000_000
    }
}

/// The state of a screen, tile by tile: which version each shows.
pub(crate) type Picture = Vec<u64>;

/// A screen of tiles that change, and the packets made of it.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) picture: Picture,
    // What each packet, by the number in its payload, builds on and what the viewer has when it applied it.
    made: HashMap<u64, Made>,
    codec: Codec,
}

#[derive(Debug)]
struct Made {
    builds_on: Option<Picture>,
    brings: Vec<(usize, u64)>,
    pushed_at: u64,
}

impl Screen {
    pub(crate) const TILES: usize = 40;

    pub(crate) fn new(codec: Codec) -> Self {
        Self { picture: vec![0; Self::TILES], made: HashMap::new(), codec }
    }

    /// Changes tiles and makes the packet that says so.
    pub(crate) fn change(&mut self, now: u64, tiles: &[usize], bytes: usize) -> Packet {
        let builds_on = self.picture.clone();
        let version = self.made.len() as u64 + 1;
        tiles.iter().for_each(|tile| self.picture[*tile] = version);
        self.packet(now, Some(builds_on), tiles, bytes)
    }

    /// A key picture.
    pub(crate) fn key_picture(&mut self, now: u64, bytes: usize) -> Packet {
        let all: Vec<usize> = (0..Self::TILES).collect();
        let mut packet = self.packet(now, None, &all, bytes);
        (packet.is_keyframe, packet.changes) = (true, None);
        packet
    }

    /// What an encoder answers: refreshes of what is lacking, in parts, or a key picture.
    pub(crate) fn answer(&mut self, now: u64, lacking: &Lacking, parts: usize, bytes: usize) -> Vec<Packet> {
        if self.codec != Codec::Rects {
            return vec![self.key_picture(now, bytes)];
        }
        let (width, height) = Self::size_px();
        let lacking: Vec<usize> = match lacking {
            Lacking::Tiles(tiles) => tiles.iter().map(|(column, _)| column as usize).collect(),
            _ => Tiles::full(width, height).iter().map(|(column, _)| column as usize).collect(),
        };
        let part = lacking.len().div_ceil(parts).max(1);
        lacking
            .chunks(part)
            .map(|tiles| {
                let mut packet = self.packet(now, None, tiles, bytes);
                packet.is_refresh = true;
                packet
            })
            .collect()
    }

    /// Shows a packet to a viewer. Panics if it cannot be decoded. Tells when it was pushed.
    pub(crate) fn apply(&self, packet: &Packet, viewer: &mut Option<Picture>) -> u64 {
        let made = &self.made[&u64::from_be_bytes(packet.payload[..8].try_into().unwrap())];
        if let Some(builds_on) = &made.builds_on {
            assert_eq!(
                viewer.as_ref(),
                Some(builds_on),
                "a packet that builds on what the viewer has not got"
            );
        }
        let picture = viewer.get_or_insert_with(|| vec![u64::MAX; Self::TILES]);
        made.brings.iter().for_each(|(tile, version)| picture[*tile] = *version);
        made.pushed_at
    }

    fn packet(&mut self, now: u64, builds_on: Option<Picture>, tiles: &[usize], bytes: usize) -> Packet {
        let id = self.made.len() as u64;
        let (width, height) = Self::size_px();
        let mut changes = Tiles::new(width, height);
        tiles.iter().for_each(|tile| changes.insert(u32::try_from(*tile).unwrap(), 0));
        let brings = tiles.iter().map(|tile| (*tile, self.picture[*tile])).collect();
        self.made.insert(id, Made { builds_on, brings, pushed_at: now });
        let mut payload = vec![0; bytes.max(8)];
        payload[..8].copy_from_slice(&id.to_be_bytes());
        let payload = Bytes::from(payload);
        let format = FrameFormat::new(PixelFormat::Mjpeg, width, height);
        let frame = Frame::packed(format, payload.clone()).unwrap();
        let frame = frame.with_timestamp(Timestamp::from_micros(now)).with_sequence(id);
        let mut packet = Packet::of(&frame, self.codec, payload, false);
        packet.changes = Some(Arc::new(changes));
        packet
    }

    fn size_px() -> (u32, u32) {
        (u32::try_from(Self::TILES).unwrap() * Tiles::TILE_PX, Tiles::TILE_PX)
    }
}
