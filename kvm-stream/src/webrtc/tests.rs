//! The viewer against a peer that is str0m's own, over a network in memory that delays and loses.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use proptest::prelude::*;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::{
    Clocks, WebRtcError, WebRtcIdentity, WebRtcOptions, WebRtcOutput, WebRtcViewer, crypto, identity,
};
use crate::{Codec, FanOut, Lacking, Packet, PacketSink};

const HERE: &str = "10.0.0.1:5000";
const THERE: &str = "10.0.0.2:6000";

/// Both ends and what is on its way between them.
struct Line {
    now: Instant,
    fan_out: FanOut,
    viewer: WebRtcViewer,
    peer: Rtc,
    mid: Mid,
    channel: Option<ChannelId>,
    seen: Vec<(u64, Vec<u8>)>,
    said: Vec<String>,
    heard: Vec<WebRtcOutput>,
    on_the_way: VecDeque<(Instant, bool, Vec<u8>)>,
    delay: Duration,
    /// Says of the datagram of this number, to the peer or not, whether it gets lost.
    loses: Box<dyn FnMut(u64, bool) -> bool>,
    datagrams: u64,
}

fn peer(now: Instant) -> Rtc {
    let identity = identity_of_all();
    let mut rtc = RtcConfig::new()
        .set_crypto_provider(std::sync::Arc::new(crypto::provider()))
        .set_dtls_cert(identity.certificate())
        .set_local_ice_credentials(identity::credentials())
        .set_extension(5, Extension::PlayoutDelay)
        .set_extension(9, Extension::AbsoluteCaptureTime)
        .build(now);
    rtc.add_local_candidate(Candidate::host(THERE.parse().unwrap(), Protocol::Udp).unwrap());
    rtc
}

/// Made once: it takes its time in a build for tests.
fn identity_of_all() -> WebRtcIdentity {
    static IDENTITY: OnceLock<WebRtcIdentity> = OnceLock::new();
    IDENTITY.get_or_init(|| WebRtcIdentity::generate().unwrap()).clone()
}

fn offer_of_all() -> &'static str {
    static OFFER: OnceLock<String> = OnceLock::new();
    OFFER.get_or_init(|| offer(&mut peer(Instant::now())).0)
}

fn offer(peer: &mut Rtc) -> (String, SdpPendingOffer, Mid) {
    let mut changes = peer.sdp_api();
    let mid = changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    changes.add_channel("input".to_owned());
    let (offer, pending) = changes.apply().unwrap();
    (offer.to_sdp_string(), pending, mid)
}

fn options() -> WebRtcOptions {
    WebRtcOptions::new(identity_of_all(), vec![HERE.parse().unwrap()])
}

fn clocks(now: Instant) -> Clocks {
    Clocks::new(
        now,
        Timestamp::from_micros(1_000_000),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    )
}

impl Line {
    fn new(delay: Duration) -> Self {
        let now = Instant::now();
        let fan_out = FanOut::new(4);
        let mut peer = peer(now);
        let (offer, pending, mid) = offer(&mut peer);
        let (viewer, answer) =
            WebRtcViewer::answer(fan_out.join(), &offer, &options(), clocks(now), now).unwrap();
        peer.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer).unwrap()).unwrap();
        let mut line = Self {
            now,
            fan_out,
            viewer,
            peer,
            mid,
            channel: None,
            seen: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            on_the_way: VecDeque::new(),
            delay,
            loses: Box::new(|_, _| false),
            datagrams: 0,
        };
        line.run(Duration::from_secs(3));
        assert!(line.viewer.is_connected() && line.channel.is_some());
        line
    }

    /// Lets so much time go by.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let next = self.poll_viewer().min(self.poll_peer());
            let arrives = self.on_the_way.front().map_or(until, |(at, ..)| *at);
            self.now = next.min(arrives).max(self.now).min(until);
            if self.now == until {
                return;
            }
            while self.on_the_way.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, to_peer, datagram) = self.on_the_way.pop_front().unwrap();
                self.deliver(to_peer, &datagram);
            }
            // Time moves, also where a timeout is not later than now.
            self.now += Duration::from_micros(100);
        }
    }

    fn deliver(&mut self, to_peer: bool, datagram: &[u8]) {
        let (here, there): (SocketAddr, SocketAddr) = (HERE.parse().unwrap(), THERE.parse().unwrap());
        if to_peer {
            let contents = datagram.try_into().unwrap();
            let receive = Receive { proto: Protocol::Udp, source: here, destination: there, contents };
            self.peer.handle_input(Input::Receive(self.now, receive)).unwrap();
        } else {
            assert!(self.viewer.accepts(there, here, datagram, self.now));
            self.viewer.receive(there, here, datagram, self.now).unwrap();
        }
    }

    fn send(&mut self, to_peer: bool, datagram: Vec<u8>) {
        self.datagrams += 1;
        if !(self.loses)(self.datagrams, to_peer) {
            self.on_the_way.push_back((self.now + self.delay, to_peer, datagram));
        }
    }

    fn poll_viewer(&mut self) -> Instant {
        loop {
            let mut context = Context::from_waker(Waker::noop());
            match self.viewer.poll_output(self.now, &mut context).unwrap() {
                WebRtcOutput::Datagram { from, to, bytes } => {
                    assert_eq!((from, to), (HERE.parse().unwrap(), THERE.parse().unwrap()));
                    self.send(true, bytes);
                }
                WebRtcOutput::Wait(until) => return until,
                WebRtcOutput::Closed => {
                    self.heard.push(WebRtcOutput::Closed);
                    return self.now + Duration::from_secs(1);
                }
                WebRtcOutput::Message(text) => self.said.push(text),
                other => self.heard.push(other),
            }
        }
    }

    fn poll_peer(&mut self) -> Instant {
        self.peer.handle_input(Input::Timeout(self.now)).unwrap();
        loop {
            match self.peer.poll_output().unwrap() {
                Output::Timeout(until) => return until,
                Output::Transmit(datagram) => self.send(false, datagram.contents.into()),
                Output::Event(Event::MediaData(data)) => {
                    let micros = u64::from(u32::try_from(data.time.numer()).unwrap()) * 100 / 9;
                    self.seen.push((micros, data.data.to_vec()));
                }
                Output::Event(Event::ChannelOpen(id, _)) => self.channel = Some(id),
                Output::Event(Event::ChannelData(data)) => {
                    self.said.push(format!("peer heard {}", String::from_utf8(data.data).unwrap()));
                }
                Output::Event(_) => {}
            }
        }
    }

    /// A picture of so many bytes, of now.
    fn show(&mut self, number: u64, bytes: usize) -> Vec<u8> {
        let captured = clocks_of(&self.viewer, self.now);
        let frame =
            Frame::packed(FrameFormat::new(PixelFormat::Grey, 1, 1), Bytes::from_static(b"x")).unwrap();
        let frame = frame.with_timestamp(captured).with_sequence(number);
        let is_key = self.fan_out.take_refresh_request().is_some();
        let header = if is_key { 0x65 } else { 0x41 };
        let fill = u8::try_from(number % 200).unwrap() + 3;
        let stream = [&[0, 0, 0, 1, header][..], &vec![fill; bytes]].concat();
        let packet = Packet::of(&frame, Codec::H264, stream.clone().into(), is_key);
        self.fan_out.push(packet).unwrap();
        stream
    }
}

fn clocks_of(viewer: &WebRtcViewer, now: Instant) -> Timestamp {
    viewer.clocks().captured(now)
}

#[test]
fn pictures_arrive_as_they_were_with_the_time_of_their_capture() {
    let mut line = Line::new(Duration::from_millis(10));
    let mut sent = Vec::new();
    for (number, bytes) in (0..).zip([40, 900, 1_100, 5_000, 200_000, 10]) {
        let time = clocks_of(&line.viewer, line.now).as_micros();
        sent.push((time, line.show(number, bytes)));
        line.run(Duration::from_millis(50));
    }
    assert_eq!(line.seen.len(), sent.len());
    for ((seen_at, seen), (sent_at, picture)) in line.seen.iter().zip(&sent) {
        assert!(seen == picture && seen_at.abs_diff(*sent_at) < 12, "{seen_at} {sent_at}");
    }
    assert!(line.heard.iter().any(|output| matches!(output, WebRtcOutput::Connected)));
}

#[test]
fn messages_pass_both_ways() {
    let mut line = Line::new(Duration::from_millis(10));
    let id = line.channel.unwrap();
    assert!(line.peer.channel(id).unwrap().write(false, b"key").unwrap());
    assert!(line.viewer.say("state"));
    line.run(Duration::from_millis(100));
    assert_eq!(line.said, ["key", "peer heard state"].map(str::to_owned));
    assert!(!format!("{:?}", WebRtcOutput::Message("secret".to_owned())).contains("secret"));
}

#[test]
fn nothing_is_missing_on_a_line_that_loses_one_in_twenty() {
    let mut line = Line::new(Duration::from_millis(25));
    let mut state = 1_u64;
    line.loses = Box::new(move |_, to_peer| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        to_peer && (state >> 33) % 20 == 0
    });
    let sent: Vec<Vec<u8>> = (0..200)
        .map(|number| {
            let stream = line.show(number, 2_000 + usize::try_from(number).unwrap() * 37 % 3_000);
            line.run(Duration::from_millis(16));
            stream
        })
        .collect();
    line.run(Duration::from_secs(1));
    assert!(line.seen.iter().map(|(_, seen)| seen).eq(&sent), "{} of {}", line.seen.len(), sent.len());
}

#[test]
fn a_decoder_that_lost_its_way_gets_a_picture_to_start_at() {
    let mut line = Line::new(Duration::from_millis(10));
    line.show(0, 100);
    line.run(Duration::from_millis(200));
    line.heard.clear();
    assert_eq!(line.fan_out.take_refresh_request(), None);
    let mut writer = line.peer.writer(line.mid).unwrap();
    writer.request_keyframe(None, KeyframeRequestKind::Pli).unwrap();
    line.run(Duration::from_millis(200));
    assert!(line.heard.iter().any(|output| matches!(output, WebRtcOutput::KeyframeRequested)));
    assert_eq!(line.fan_out.take_refresh_request(), Some(Lacking::Everything));
}

#[test]
fn what_ends_is_told() {
    let is_over = |line: &Line| line.heard.iter().any(|output| matches!(output, WebRtcOutput::Closed));
    let mut line = Line::new(Duration::from_millis(10));
    line.peer.close().unwrap();
    line.run(Duration::from_millis(100));
    assert!(is_over(&line), "the peer says that it goes");

    let mut line = Line::new(Duration::from_millis(10));
    line.viewer.close();
    line.run(Duration::from_millis(100));
    assert!(is_over(&line) && !line.peer.is_alive(), "the peer is told");

    let mut line = Line::new(Duration::from_millis(10));
    line.loses = Box::new(|_, _| true);
    line.run(Duration::from_secs(60));
    assert!(is_over(&line), "nothing is heard of the peer");
}

#[test]
fn offers_that_cannot_be_answered_are_refused() {
    let now = Instant::now();
    let answer = |offer: &str, options: &WebRtcOptions| {
        let viewer = FanOut::new(1).join();
        WebRtcViewer::answer(viewer, offer, options, clocks(now), now).map(|(_, answer)| answer)
    };
    let good = offer(&mut peer(now)).0;
    let long = format!("{good}{}", "a=x\r\n".repeat(20_000));
    let without_video = good.replace("H264", "H999");
    for bad in ["", "v=0", "hello", &long, &without_video] {
        assert!(matches!(answer(bad, &options()), Err(WebRtcError::Offer { .. })), "{}", bad.len());
    }
    let mut nowhere = options();
    nowhere.addresses.clear();
    assert!(matches!(answer(&good, &nowhere), Err(WebRtcError::NoAddress)));
    let answered = answer(&good, &options()).unwrap();
    for part in
        ["a=ice-lite", "a=sendonly", "playout-delay", "abs-capture-time", "10.0.0.1 5000", "H264/90000"]
    {
        assert!(answered.contains(part), "{part} in {answered}");
    }
    assert!(!answered.contains("10.0.0.2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever somebody sends as an offer, the outcome is an answer or a reason.
    #[test]
    fn a_changed_offer_does_no_harm(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        let now = Instant::now();
        let mut offer = offer_of_all().to_owned().into_bytes();
        for (at, byte) in changes {
            let at = usize::from(at) % offer.len();
            offer[at] = byte;
        }
        let offer = String::from_utf8_lossy(&offer);
        let _ = WebRtcViewer::answer(FanOut::new(1).join(), &offer, &options(), clocks(now), now);
    }

    /// Datagrams of anybody are left out or end the connection, and do nothing else.
    #[test]
    fn datagrams_of_anybody_do_no_harm(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let now = Instant::now();
        let offer = offer_of_all();
        let (mut viewer, _) = WebRtcViewer::answer(FanOut::new(1).join(), offer, &options(), clocks(now), now).unwrap();
        let (here, there) = (HERE.parse().unwrap(), THERE.parse().unwrap());
        for datagram in datagrams {
            let _ = viewer.receive(there, here, &datagram, now);
        }
        prop_assert!(!viewer.is_connected());
    }
}
