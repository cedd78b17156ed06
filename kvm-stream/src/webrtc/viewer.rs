//! A viewer that is a WebRTC peer.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use super::clocks::Clocks;
use super::crypto;
use super::error::WebRtcError;
use super::identity::{WebRtcIdentity, credentials};
use super::video::Video;
use crate::{Codec, Viewer};

/// A [`Viewer`] whose packets go to a WebRTC peer as video, and that hears the peer's messages.
///
/// Whoever drives it calls [`poll_output`](Self::poll_output) until it says to wait, and then again when that time has come, after a
/// datagram was [received](Self::receive), or when woken for a picture. [The module](crate::webrtc) tells what it does.
pub struct WebRtcViewer {
    viewer: Viewer,
    rtc: Rtc,
    clocks: Clocks,
    video: Video,
    channel: Option<ChannelId>,
    is_connected: bool,
    /// What str0m may drive its estimate to, in bytes a second: nothing while nothing is sent that could use it.
    wanted: u64,
    most: u64,
    /// Nothing follows but the word of it.
    has_closed: bool,
}

impl WebRtcViewer {
    /// The longest offer that is read.
    pub const MAX_OFFER_BYTES: usize = 64 << 10;
    /// The longest message that is taken from a peer.
    pub const MAX_MESSAGE_BYTES: usize = 64 << 10;

    /// Answers a peer's offer (SDP, RFC 8866), which has to take H.264 as video.
    ///
    /// Of the offer's addresses none is used: the peer has to come to one of those that the options name.
    ///
    /// # Errors
    ///
    /// The offer is too long, is none, or takes no H.264; or the options name no address that a peer could come to.
    pub fn answer(
        viewer: Viewer,
        offer: &str,
        options: &WebRtcOptions,
        clocks: Clocks,
        now: Instant,
    ) -> Result<(Self, String), WebRtcError> {
        if offer.len() > Self::MAX_OFFER_BYTES {
            return Err(WebRtcError::Offer { reason: "it is too long".to_owned() });
        }
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| refused(&error))?;
        let mut rtc = configuration(options).build(now);
        let mut is_reachable = false;
        for address in &options.addresses {
            let candidate = Candidate::host(*address, Protocol::Udp)
                .map_err(|source| WebRtcError::Address { address: *address, reason: source.to_string() })?;
            is_reachable |= rtc.add_local_candidate(candidate).is_some();
        }
        if !is_reachable {
            return Err(WebRtcError::NoAddress);
        }
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| refused(&error))?;
        let answer = answer.to_sdp_string();
        let video = videos(&answer).find_map(|mid| Video::start(&mut rtc, mid));
        let video = video.ok_or_else(|| refused(&"it takes no video of H.264"))?;
        let viewer = Self {
            viewer,
            rtc,
            clocks,
            video,
            channel: None,
            is_connected: false,
            wanted: 0,
            most: options.most,
            has_closed: false,
        };
        Ok((viewer, answer))
    }

    /// Whether a datagram is this peer's. To ask is for programs with several peers on one socket.
    pub fn accepts(&self, from: SocketAddr, to: SocketAddr, datagram: &[u8], now: Instant) -> bool {
        receive(from, to, datagram).is_some_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Takes a datagram that came `from` the peer `to` one of the named addresses. What is no datagram of WebRTC is left
    /// out.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol in a way that nothing can follow: the connection is over.
    pub fn receive(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), WebRtcError> {
        match receive(from, to, datagram) {
            Some(receive) => self.input(Input::Receive(now, receive)),
            None => Ok(()),
        }
    }

    /// What is to be done next. [`Poll::Pending`] never comes; when it is to [wait](WebRtcOutput::Wait), `cx` is woken if a picture
    /// comes before that.
    ///
    /// # Errors
    ///
    /// The protocols cannot go on: the connection is over.
    pub fn poll_output(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<WebRtcOutput, WebRtcError> {
        self.input(Input::Timeout(now))?;
        loop {
            if !self.rtc.is_alive() {
                self.has_closed = true;
                return Ok(WebRtcOutput::Closed);
            }
            let timeout = match self.rtc.poll_output().map_err(WebRtcError::from)? {
                Output::Transmit(datagram) => {
                    return Ok(WebRtcOutput::Datagram {
                        from: datagram.source,
                        to: datagram.destination,
                        bytes: datagram.contents.into(),
                    });
                }
                Output::Event(event) => match self.note(event, now) {
                    Some(output) => return Ok(output),
                    None => continue,
                },
                Output::Timeout(at) => at,
            };
            if self.send_pictures(now, cx) {
                self.input(Input::Timeout(now))?;
                continue;
            }
            let due_at = self.video.due_at();
            return Ok(WebRtcOutput::Wait(due_at.map_or(timeout, |due_at| due_at.min(timeout))));
        }
    }

    /// Says something on the data channel that the peer opened. `false` if there is none or it is full.
    pub fn say(&mut self, text: &str) -> bool {
        let channel = self.channel.and_then(|id| self.rtc.channel(id));
        channel.is_some_and(|mut channel| channel.write(false, text.as_bytes()).unwrap_or(false))
    }

    /// Ends the connection; the peer is told with the next outputs.
    pub fn close(&mut self) {
        // What cannot be told any more is over anyway.
        let _ = self.rtc.close();
    }

    /// Whether pictures can be seen, or could, if there were some.
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// The place in the fan-out, for its counters.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    #[cfg(test)]
    pub(super) fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    fn input(&mut self, input: Input<'_>) -> Result<(), WebRtcError> {
        if self.has_closed { Ok(()) } else { self.rtc.handle_input(input).map_err(WebRtcError::from) }
    }

    /// Hands over what is due of pictures. `false` if there is nothing, and then `cx` is woken for the next.
    fn send_pictures(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        if !self.is_connected {
            return false;
        }
        if self.video.has_room() {
            self.viewer.advance(self.clocks.captured(now));
            while let Poll::Ready(Some(packet)) = self.viewer.poll_packet(cx) {
                if packet.codec == Codec::H264 {
                    self.video.take(&packet, &self.clocks);
                    break;
                }
            }
        }
        let is_sent = self.video.send(&mut self.rtc, now);
        let wanted = if self.video.is_at_rest() { 0 } else { self.most };
        if wanted != self.wanted {
            self.wanted = wanted;
            self.rtc.bwe().set_desired_bitrate(bitrate(wanted));
        }
        is_sent
    }

    fn note(&mut self, event: Event, now: Instant) -> Option<WebRtcOutput> {
        match event {
            Event::Connected => {
                self.is_connected = true;
                Some(WebRtcOutput::Connected)
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.rtc.disconnect();
                None
            }
            Event::KeyframeRequest(request) if request.mid == self.video.mid() => {
                let is_lacking = self.video.is_lacking(now);
                is_lacking.then(|| self.viewer.request_keyframe())?;
                Some(WebRtcOutput::KeyframeRequested)
            }
            Event::MediaEgressStats(stats) if stats.mid == self.video.mid() => {
                self.video.note(stats.remote);
                None
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                let picture_bytes = self.video.picture_bytes();
                Some(WebRtcOutput::Estimate { bytes_per_s: estimate.as_u64() / 8, picture_bytes })
            }
            Event::ChannelOpen(id, _) => {
                self.channel.get_or_insert(id);
                None
            }
            Event::ChannelClose(id) => {
                self.channel = self.channel.filter(|open| *open != id);
                None
            }
            Event::ChannelData(data) if !data.binary && data.data.len() <= Self::MAX_MESSAGE_BYTES => {
                String::from_utf8(data.data).ok().map(WebRtcOutput::Message)
            }
            _ => None,
        }
    }
}

impl fmt::Debug for WebRtcViewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRtcViewer")
            .field("viewer", &self.viewer)
            .field("is_connected", &self.is_connected)
            .field("has_channel", &self.channel.is_some())
            .finish_non_exhaustive()
    }
}

/// What peers are answered with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WebRtcOptions {
    /// Who answers.
    pub identity: WebRtcIdentity,
    /// Where peers can come to: addresses of sockets of the program, as the peers see them.
    pub addresses: Vec<SocketAddr>,
    /// What a line is held to carry as long as nothing is known of it, in bytes a second.
    pub first: u64,
    /// The most that is of use, in bytes a second: an estimate is not driven beyond.
    pub most: u64,
}

impl WebRtcOptions {
    /// With 1.25 MB a second to begin with (10 Mbit/s) and at most 6.25 (50 Mbit/s).
    pub fn new(identity: WebRtcIdentity, addresses: Vec<SocketAddr>) -> Self {
        Self { identity, addresses, first: 1_250_000, most: 6_250_000 }
    }
}

/// What [`WebRtcViewer::poll_output`] wants done.
#[non_exhaustive]
pub enum WebRtcOutput {
    /// This is to be sent.
    Datagram {
        /// From the named address.
        from: SocketAddr,
        /// To the peer.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// There is a connection, and pictures follow.
    Connected,
    /// The peer needs a picture that it can start at. The fan-out knows; a pipeline that sleeps is to be woken.
    KeyframeRequested,
    /// The line is held to carry so much.
    Estimate {
        /// Bytes a second.
        bytes_per_s: u64,
        /// How many bytes a picture had of late.
        picture_bytes: u64,
    },
    /// The peer said this on its data channel.
    Message(String),
    /// There is nothing to do until then, a datagram or a picture.
    Wait(Instant),
    /// The connection is over.
    Closed,
}

/// Without what peers say, which may be what somebody types.
impl fmt::Debug for WebRtcOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datagram { from, to, bytes } => {
                write!(f, "Datagram({} bytes from {from} to {to})", bytes.len())
            }
            Self::Connected => f.write_str("Connected"),
            Self::KeyframeRequested => f.write_str("KeyframeRequested"),
            Self::Estimate { bytes_per_s, .. } => write!(f, "Estimate({bytes_per_s} bytes/s)"),
            Self::Message(text) => write!(f, "Message({} bytes)", text.len()),
            Self::Wait(until) => f.debug_tuple("Wait").field(until).finish(),
            Self::Closed => f.write_str("Closed"),
        }
    }
}

fn refused(error: &dyn fmt::Display) -> WebRtcError {
    WebRtcError::Offer { reason: error.to_string() }
}

/// What is negotiated: H.264 of constrained baseline or more, in packets that may be parts of a picture.
fn configuration(options: &WebRtcOptions) -> RtcConfig {
    let mut configuration = RtcConfig::new()
        .set_crypto_provider(Arc::new(crypto::provider()))
        .set_dtls_cert(options.identity.certificate())
        .set_local_ice_credentials(credentials())
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .set_stats_interval(Some(REPORTED_EVERY))
        .enable_bwe(Some(bitrate(options.first)))
        .clear_codecs()
        .set_extension(5, Extension::PlayoutDelay)
        .set_extension(9, Extension::AbsoluteCaptureTime);
    for (payload_type, resend, profile) in H264_PROFILES {
        configuration.codec_config().add_h264(payload_type.into(), Some(resend.into()), true, profile);
    }
    configuration
}

/// The names of the videos in an answer.
fn videos(answer: &str) -> impl Iterator<Item = Mid> {
    let sections = answer.split("\nm=").skip(1).filter(|section| section.starts_with("video "));
    sections.filter_map(|section| {
        let mut lines = section.lines();
        lines.find_map(|line| line.strip_prefix("a=mid:")).map(Mid::from)
    })
}

fn bitrate(bytes_per_s: u64) -> Bitrate {
    Bitrate::bps(bytes_per_s.saturating_mul(8))
}

/// A datagram as str0m takes it; `None` if it is of no protocol of WebRTC.
fn receive(source: SocketAddr, destination: SocketAddr, datagram: &[u8]) -> Option<Receive<'_>> {
    let contents = datagram.try_into().ok()?;
    Some(Receive { proto: Protocol::Udp, source, destination, contents })
}

/// How often what the peer reports is looked at.
const REPORTED_EVERY: Duration = Duration::from_millis(500);
/// Payload types, those of what is sent again, and profiles (RFC 6184, section 8.1): constrained baseline, baseline,
/// main and high, in this order. The numbers matter to nobody: the offer's are taken.
const H264_PROFILES: [(u8, u8, u32); 4] =
    [(108, 109, 0x42_e01f), (127, 121, 0x42_001f), (123, 119, 0x4d_001f), (114, 115, 0x64_001f)];
