//! One page's WebSocket: a reader that hands on what the page asks for, and a writer that is as slow as the page
//! and delays nobody.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, close_code};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use kvm_examples::report::chain;
use kvm_hid::Holder;
use kvm_stream::Packet;
use serde_json::json;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::app::{App, ended};
use crate::input::{self, Notice, Reason};
use crate::message::{Message, picture_header};
use crate::options::PictureCodec;
use crate::pace::Watcher;
use crate::picture::{self, capture_clock, micros};
use crate::state::Line;

/// Serves a page until either side is gone, and then has its keys released at once. Without a codec the page has its
/// pictures from elsewhere.
pub(crate) async fn serve(socket: WebSocket, app: Arc<App>, codec: Option<PictureCodec>) {
    let (notify, notices) = mpsc::channel(NOTICES);
    let seated = Seated::join(&app, notify.clone());
    let shared = Shared::default();
    #[cfg_attr(not(feature = "webrtc"), expect(unused_mut, reason = "the page is told more with it"))]
    let (mut sink, stream) = socket.split();
    #[cfg(feature = "webrtc")]
    if let Some(name) = &seated.name {
        let named = json!({ "type": "line", "name": name.reveal() }).to_string();
        if sink.send(Frame::Text(named.into())).await.is_err() {
            return;
        }
    }
    let reader = Reader { app: &app, holder: seated.holder, stream, notify, shared: &shared };
    let writer = Writer {
        app: &app,
        holder: seated.holder,
        sink,
        notices,
        watcher: codec.and_then(|codec| app.channels.join(codec, seated.holder)),
        line: Line::default(),
        shared: &shared,
    };
    app.picture.send(picture::Command::Look);
    tokio::select! {
        () = reader.run() => {}
        _ = writer.run() => {}
    }
}

/// A place at the seat; dropping it leaves, however the connection ended.
struct Seated<'a> {
    app: &'a App,
    holder: Holder,
    /// By which a WebRTC peer shows that it is the same page.
    #[cfg(feature = "webrtc")]
    name: Option<crate::peers::LineName<'a>>,
}

impl<'a> Seated<'a> {
    fn join(app: &'a App, notices: mpsc::Sender<Notice>) -> Self {
        let viewer = app.next_holder();
        app.input.send(input::Command::Join { viewer, notices });
        Self {
            app,
            holder: viewer,
            #[cfg(feature = "webrtc")]
            name: app.peers.as_ref().and_then(|peers| peers.name(viewer)),
        }
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.app.input.send(input::Command::Leave(self.holder));
    }
}

/// What the reader of a connection tells its writer.
#[derive(Default)]
struct Shared {
    malformed: AtomicU64,
    keyframe: Notify,
    painted: AtomicU64,
    acknowledged: Notify,
}

struct Reader<'a> {
    app: &'a App,
    holder: Holder,
    stream: SplitStream<WebSocket>,
    notify: mpsc::Sender<Notice>,
    shared: &'a Shared,
}

impl Reader<'_> {
    async fn run(mut self) {
        let requests = Arc::new(Semaphore::new(REQUESTS));
        // A line that answers not even pings is dead.
        while let Ok(Some(Ok(frame))) = timeout(DEAD_AFTER, self.stream.next()).await {
            let text = match frame {
                Frame::Text(text) => text,
                Frame::Binary(_) => {
                    self.malformed("a page sends no binary messages");
                    continue;
                }
                Frame::Ping(_) | Frame::Pong(_) => continue,
                Frame::Close(_) => return,
            };
            match Message::read(&text) {
                Ok(Message::Input(request)) => {
                    // A page that sends faster than the input thread works is read slower.
                    let Ok(permit) = Arc::clone(&requests).acquire_owned().await else { return };
                    self.app.input.send(input::Command::Ask { viewer: self.holder, request, permit });
                }
                Ok(Message::Record { on }) => self.record(on).await,
                Ok(Message::Keyframe) => self.shared.keyframe.notify_one(),
                Ok(Message::Painted { sequence }) => {
                    self.shared.painted.store(sequence, Ordering::Relaxed);
                    self.shared.acknowledged.notify_one();
                }
                Ok(Message::Photon(time)) if self.app.is_controlled_by(self.holder) => {
                    self.app.photons.add(time);
                }
                Ok(Message::Photon(_)) => {
                    self.refuse("measuring is for whoever has control: take control first");
                }
                Err(reason) => self.malformed(reason),
            }
        }
    }

    async fn record(&self, on: bool) {
        if !self.app.is_controlled_by(self.holder) {
            return self.refuse("recording is for whoever has control: take control first");
        }
        if let Err(error) = self.app.record(on).await {
            self.refuse(chain(&error));
        }
    }

    fn malformed(&self, reason: &'static str) {
        self.shared.malformed.fetch_add(1, Ordering::Relaxed);
        self.refuse(reason);
    }

    fn refuse(&self, reason: impl Into<Reason>) {
        // A page that does not read what it is told misses some of it.
        let _ = self.notify.try_send(Notice::Refused(reason.into()));
    }
}

struct Writer<'a> {
    app: &'a App,
    holder: Holder,
    sink: SplitSink<WebSocket, Frame>,
    notices: mpsc::Receiver<Notice>,
    watcher: Option<Watcher>,
    line: Line,
    shared: &'a Shared,
}

impl Writer<'_> {
    /// Writes what there is to say, one thing after the other; fails when the page is gone.
    async fn run(mut self) -> Result<(), axum::Error> {
        let (mut picture, mut input) = (self.app.picture_state.clone(), self.app.input_state.clone());
        let (mut recording, mut end) = (self.app.recording_changed.subscribe(), self.app.end.clone());
        let mut second = interval(SECOND);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ping = interval(PING);
        // When the next state may be sent, and whether there is one to send.
        let (mut state_at, mut is_due) = (Instant::now(), true);
        loop {
            tokio::select! {
                // In this order, because there may always be a picture.
                biased;
                () = ended(&mut end) => {
                    let frame = CloseFrame { code: close_code::AWAY, reason: "the server ends".into() };
                    return self.sink.send(Frame::Close(Some(frame))).await;
                }
                Some(notice) = self.notices.recv() => {
                    let message = match notice {
                        Notice::Refused(reason) => json!({ "type": "refused", "reason": reason }),
                        Notice::Probed { probe, at } => json!({ "type": "probed", "probe": probe, "at_us": at.as_micros() }),
                    };
                    self.say(&message).await?;
                }
                () = due_at(is_due.then_some(state_at)) => {
                    is_due = false;
                    state_at = Instant::now() + STATE_PAUSE;
                    self.line.dropped = self.watcher.as_ref().map_or(0, |watcher| watcher.viewer.dropped());
                    self.line.limit_bytes_per_s = self.watcher.as_ref().and_then(Watcher::limit);
                    self.line.malformed = self.shared.malformed.load(Ordering::Relaxed);
                    let state = self.app.state(Some(self.holder), &self.line);
                    self.say(&state).await?;
                }
                () = self.shared.keyframe.notified() => {
                    if let Some(watcher) = &mut self.watcher {
                        watcher.viewer.request_keyframe();
                        self.app.picture.send(picture::Command::Look);
                    }
                }
                Ok(()) = picture.changed() => is_due = true,
                Ok(()) = input.changed() => is_due = true,
                Ok(()) = recording.changed() => is_due = true,
                _ = second.tick() => is_due = true,
                _ = ping.tick() => self.sink.send(Frame::Ping(Bytes::new())).await?,
                () = self.shared.acknowledged.notified() => self.acknowledge(),
                Some(packet) = next_packet(&mut self.watcher) => self.show(packet).await?,
            }
        }
    }

    async fn show(&mut self, packet: Packet) -> Result<(), axum::Error> {
        let sent = capture_clock();
        let header = picture_header(&packet, sent);
        let start = Instant::now();
        self.sink.feed(Frame::Binary(header.into())).await?;
        self.sink.send(Frame::Binary(packet.payload)).await?;
        self.line.send_us = micros(start.elapsed());
        self.line.age_us = micros(sent.saturating_since(packet.timestamp));
        Ok(())
    }

    /// The page is done with a picture and all before it.
    fn acknowledge(&mut self) {
        let painted = self.shared.painted.load(Ordering::Relaxed);
        let round_trip =
            self.watcher.as_mut().and_then(|watcher| watcher.acknowledge(painted, capture_clock()));
        if let Some(round_trip) = round_trip {
            self.line.round_trip_us = micros(round_trip);
        }
    }

    async fn say(&mut self, message: &impl serde::Serialize) -> Result<(), axum::Error> {
        let text = serde_json::to_string(message).map_err(axum::Error::new)?;
        self.sink.send(Frame::Text(text.into())).await
    }
}

/// The next packet; never one for a page that has its pictures from elsewhere.
async fn next_packet(watcher: &mut Option<Watcher>) -> Option<Packet> {
    match watcher {
        Some(Watcher { viewer, .. }) => {
            poll_fn(|context| {
                // What waits is as old as this.
                viewer.advance(capture_clock());
                viewer.poll_packet(context)
            })
            .await
        }
        None => pending().await,
    }
}

/// Waits until then; for ever if there is nothing to wait for.
async fn due_at(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// Notices that wait for a page to read them.
const NOTICES: usize = 32;
/// Requests of one page that wait for the input thread.
const REQUESTS: usize = 256;
const SECOND: Duration = Duration::from_secs(1);
/// Changes that come closer together are told in one message.
const STATE_PAUSE: Duration = Duration::from_millis(50);
/// Browsers answer pings by themselves, even for a page in the background.
const PING: Duration = Duration::from_secs(5);
const DEAD_AFTER: Duration = Duration::from_secs(15);
