//! No offer and no datagrams make a WebRTC viewer panic or send to anybody who did not come first. The first two bytes say
//! how long the offer is (none: a good one), the rest are datagrams, each behind its length.
#![no_main]

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime};

use kvm_capture::Timestamp;
use kvm_stream::FanOut;
use kvm_stream::webrtc::{Clocks, WebRtcIdentity, WebRtcOptions, WebRtcOutput, WebRtcViewer};
use libfuzzer_sys::fuzz_target;

const GOOD: &str = include_str!("../seeds/offer.sdp");

fuzz_target!(|input: &[u8]| {
    static OPTIONS: OnceLock<WebRtcOptions> = OnceLock::new();
    let (here, there) = (SocketAddr::from(([10, 0, 0, 1], 5000)), SocketAddr::from(([10, 0, 0, 2], 6000)));
    let options = OPTIONS.get_or_init(|| {
        WebRtcOptions::new(WebRtcIdentity::generate().expect("there is randomness"), vec![here])
    });
    let [high, low, rest @ ..] = input else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (offer, mut rest) = rest.split_at(length);
    let offer = String::from_utf8_lossy(offer);
    let offer = if offer.is_empty() { GOOD } else { &*offer };
    let mut now = Instant::now();
    let clocks = Clocks::new(now, Timestamp::from_micros(1), SystemTime::UNIX_EPOCH);
    let Ok((mut viewer, answer)) = WebRtcViewer::answer(FanOut::new(1).join(), offer, options, clocks, now)
    else {
        return;
    };
    assert!(answer.contains("a=ice-lite"));
    let mut context = Context::from_waker(Waker::noop());
    while let [length, after @ ..] = rest {
        let (datagram, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let _ = viewer.receive(there, here, datagram, now);
        for _ in 0..100 {
            match viewer.poll_output(now, &mut context) {
                Ok(WebRtcOutput::Datagram { to, .. }) => assert_eq!(to, there),
                Ok(WebRtcOutput::Wait(_)) | Err(_) => break,
                Ok(WebRtcOutput::Closed) => return,
                Ok(_) => {}
            }
        }
        now += Duration::from_millis(20);
    }
    assert!(!viewer.is_connected());
});
