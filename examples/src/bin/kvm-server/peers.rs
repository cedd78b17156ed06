//! Those who watch by WebRTC: one socket, one task, and the way of what they type.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use kvm_examples::inbox::Outbox;
use kvm_examples::input::Orders;
use kvm_hid::Holder;
use kvm_stream::webrtc::{Clocks, WebRtcError, WebRtcIdentity, WebRtcOptions, WebRtcOutput, WebRtcViewer};
use kvm_stream::{FanOut, ViewerPolicy};
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::time::sleep_until;

use crate::app::ended;
use crate::datagrams::Datagrams;
use crate::input::{self, Request};
use crate::message::Message;
use crate::pace::{Estimates, Paces};
use crate::parts::StartError;
use crate::picture::{self, capture_clock};
use crate::session::Secret;

/// The handle to all who watch by WebRTC.
pub(crate) struct Peers {
    commands: mpsc::Sender<Command>,
    options: WebRtcOptions,
    viewers: FanOut,
    paces: Paces,
    picture: Outbox<picture::Command>,
    input: Orders<input::Command>,
    /// The pages that are open, by names that only they know.
    pages: Mutex<BTreeMap<String, Holder>>,
}

#[derive(Debug)]
enum Command {
    Join(Box<Peer>),
    /// Answers whether there was one.
    Leave(String, oneshot::Sender<bool>),
}

impl Peers {
    /// Starts the task that has the socket.
    pub(crate) fn start(
        datagrams: Datagrams,
        viewers: FanOut,
        paces: Paces,
        picture: Outbox<picture::Command>,
        input: Orders<input::Command>,
        end: watch::Receiver<bool>,
    ) -> Result<Self, StartError> {
        let options = WebRtcOptions::new(WebRtcIdentity::generate()?, vec![datagrams.public]);
        let (commands, asked) = mpsc::channel(COMMANDS);
        let post = Post { datagrams, peers: Vec::new(), picture: picture.clone(), wakes: Arc::default() };
        tokio::spawn(post.run(asked, end));
        Ok(Self { commands, options, viewers, paces, picture, input, pages: Mutex::default() })
    }

    /// Answers an offer; `page` is whose keys those of the peer are. Gives the peer's name and the answer, or nothing
    /// when the program ends.
    pub(crate) async fn join(
        &self,
        holder: Holder,
        offer: &str,
        page: Option<Holder>,
    ) -> Result<Option<(String, String)>, WebRtcError> {
        let Ok(name) = Secret::random() else { return Ok(None) };
        let name = name.reveal().to_owned();
        let now = Instant::now();
        let clocks = Clocks::new(now, capture_clock(), SystemTime::now());
        let viewer = self.viewers.join_with(PEER);
        let (viewer, answer) = WebRtcViewer::answer(viewer, offer, &self.options, clocks, now)?;
        let estimates = Estimates::new(holder, self.paces.clone());
        let requests = page.map(|page| hands(page, self.input.clone()));
        let peer = Peer { name: name.clone(), viewer, estimates, requests, since: now, wait: now };
        let is_taken = self.commands.send(Command::Join(Box::new(peer))).await.is_ok();
        self.picture.send(picture::Command::Look);
        Ok(is_taken.then_some((name, answer)))
    }

    /// Ends the connection of this name; `false` if there is none.
    pub(crate) async fn leave(&self, name: String) -> bool {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Leave(name, answer)).await.is_ok() && answered.await.unwrap_or(false)
    }

    /// A name for a page, as long as it is open; `None` without randomness.
    pub(crate) fn name(&self, page: Holder) -> Option<LineName<'_>> {
        let name = Secret::random().ok()?;
        self.pages().insert(name.reveal().to_owned(), page);
        Some(LineName { peers: self, name })
    }

    /// The page of this name.
    pub(crate) fn page(&self, name: &str) -> Option<Holder> {
        self.pages().get(name).copied()
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<String, Holder>> {
        // Every change is one of a single entry.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a page is called while it is open.
pub(crate) struct LineName<'a> {
    peers: &'a Peers,
    name: Secret,
}

impl LineName<'_> {
    /// The name, for the page.
    pub(crate) fn reveal(&self) -> &str {
        self.name.reveal()
    }
}

impl Drop for LineName<'_> {
    fn drop(&mut self) {
        self.peers.pages().remove(self.name.reveal());
    }
}

#[derive(Debug)]
struct Peer {
    name: String,
    viewer: WebRtcViewer,
    estimates: Estimates,
    /// The way of what the peer types; `None` for one that only watches.
    requests: Option<mpsc::Sender<Request>>,
    since: Instant,
    wait: Instant,
}

impl Peer {
    /// Takes a message of the data channel. `false` if the peer says more than can be followed.
    fn heard(&mut self, text: &str) -> bool {
        let refusal = match (Message::read(text), &self.requests) {
            // Nothing is left out of what somebody types: rather there is no line.
            (Ok(Message::Input(request)), Some(requests)) => return requests.try_send(request).is_ok(),
            (Ok(Message::Input(_)), None) => "this line is for watching only",
            (Ok(_), _) => "that is for the other line",
            (Err(reason), _) => reason,
        };
        // Whether there is room for the words does not matter.
        let _ = self.viewer.say(&json!({ "type": "refused", "reason": refusal }).to_string());
        true
    }
}

/// Hands on what a page's peer asks for, at the pace of the input thread.
fn hands(page: Holder, input: Orders<input::Command>) -> mpsc::Sender<Request> {
    let (requests, mut asked) = mpsc::channel(REQUESTS);
    tokio::spawn(async move {
        let under_way = Arc::new(Semaphore::new(REQUESTS));
        while let Some(request) = asked.recv().await {
            let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
            input.send(input::Command::Ask { viewer: page, request, permit });
        }
    });
    requests
}

/// The task's own state: the socket, and whose datagrams pass through it.
struct Post {
    datagrams: Datagrams,
    peers: Vec<Peer>,
    picture: Outbox<picture::Command>,
    wakes: Arc<Wakes>,
}

impl Post {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut end: watch::Receiver<bool>) {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let mut datagram = vec![0; DATAGRAM];
        loop {
            let now = Instant::now();
            self.peers.retain_mut(|peer| {
                drive(peer, &self.datagrams.socket, &self.picture, &waker, now)
                    && (peer.viewer.is_connected() || now - peer.since < CONNECTED_WITHIN)
            });
            let wait = self.peers.iter().map(|peer| peer.wait).min().unwrap_or(now + LONGEST_WAIT);
            let wait = wait.min(now + LONGEST_WAIT);
            tokio::select! {
                () = ended(&mut end) => break,
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                Ok((length, from)) = self.datagrams.socket.recv_from(&mut datagram) => {
                    self.deliver(&datagram[..length], from);
                    self.deliver_more(&mut datagram);
                }
                () = self.wakes.0.notified() => {}
                () = sleep_until(wait.into()) => {}
            }
        }
        let now = Instant::now();
        for peer in &mut self.peers {
            peer.viewer.close();
            drive(peer, &self.datagrams.socket, &self.picture, &waker, now);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Join(peer) => self.peers.push(*peer),
            Command::Leave(name, answer) => {
                let leaving = self.peers.iter_mut().find(|peer| peer.name == name);
                let is_there = leaving.map(|peer| peer.viewer.close()).is_some();
                // Whoever asked may be gone.
                let _ = answer.send(is_there);
            }
        }
    }

    /// What came meanwhile, as far as that is not too much.
    fn deliver_more(&mut self, datagram: &mut [u8]) {
        for _ in 0..AT_ONCE {
            let Ok((length, from)) = self.datagrams.socket.try_recv_from(datagram) else { return };
            self.deliver(&datagram[..length], from);
        }
    }

    fn deliver(&mut self, datagram: &[u8], from: SocketAddr) {
        let (now, to) = (Instant::now(), self.datagrams.public);
        let of = self.peers.iter_mut().find(|peer| peer.viewer.accepts(from, to, datagram, now));
        if let Some(peer) = of {
            if peer.viewer.receive(from, to, datagram, now).is_err() {
                peer.viewer.close();
            }
        }
    }
}

/// Does what a peer's connection wants done; `false` when it is over.
fn drive(
    peer: &mut Peer,
    socket: &UdpSocket,
    picture: &Outbox<picture::Command>,
    waker: &Waker,
    now: Instant,
) -> bool {
    let mut context = Context::from_waker(waker);
    loop {
        match peer.viewer.poll_output(now, &mut context) {
            // What finds no room is lost, as anywhere on the way, and asked for again.
            Ok(WebRtcOutput::Datagram { to, bytes, .. }) => drop(socket.try_send_to(&bytes, to)),
            Ok(WebRtcOutput::Wait(until)) => {
                peer.wait = until;
                return true;
            }
            Ok(WebRtcOutput::Connected | WebRtcOutput::KeyframeRequested) => {
                picture.send(picture::Command::Look);
            }
            Ok(WebRtcOutput::Estimate { bytes_per_s, picture_bytes }) => {
                peer.estimates.tell(bytes_per_s, picture_bytes);
            }
            Ok(WebRtcOutput::Message(text)) => {
                if !peer.heard(&text) {
                    return false;
                }
            }
            Ok(WebRtcOutput::Closed) | Err(_) => return false,
            // A word that a later kvm-stream adds asks for nothing that is known here.
            Ok(_) => {}
        }
    }
}

/// Wakes the task when there is a picture for somebody.
#[derive(Debug, Default)]
struct Wakes(Notify);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// What waits for a peer is the newest: the line itself holds next to nothing.
const PEER: ViewerPolicy = ViewerPolicy::LatestWins { packets: 3, max_age: Duration::from_millis(250) };
const COMMANDS: usize = 16;
const REQUESTS: usize = 256;
/// The longest datagram that an Ethernet carries without cutting it, and more.
const DATAGRAM: usize = 2048;
/// Datagrams that are taken before what they cause is sent.
const AT_ONCE: usize = 64;
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// An offer whose peer never comes is forgotten.
const CONNECTED_WITHIN: Duration = Duration::from_secs(15);
