//! One viewer, in a thread of its own: whatever it does or fails to do, the others do not notice.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kvm_examples::input::Orders;
use kvm_hid::{Holder, InputEvent};
use kvm_stream::H264Encoder;
use kvm_stream::rfb::{Event, LockLights, Permits, RfbError, Server};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::audience::{Audience, Watcher};
use crate::door::Door;
use crate::input::{Command, Ticket};
use crate::keyboard::Keyboard;
use crate::parts::Tls;
use crate::pointer::Pointer;
use crate::users::Rights;
use crate::wire::Wire;

/// What all viewers share.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) audience: Audience,
    pub(crate) input: Orders<Command>,
    pub(crate) door: Door,
    pub(crate) tls: Tls,
    pub(crate) name: String,
    pub(crate) is_view_only: bool,
    pub(crate) is_exact: bool,
}

/// One viewer's connection.
pub(crate) struct Viewer {
    house: House,
    holder: Holder,
    wire: Wire,
    server: Server,
    /// What was read and not yet received.
    unread: Vec<u8>,
    watcher: Option<Watcher>,
    keyboard: Keyboard,
    pointer: Pointer,
    lights: LockLights,
    under_way: Arc<AtomicUsize>,
    since: Instant,
    heard: Instant,
    /// Whether the answer to a question for a sign of life is outstanding.
    is_asked: bool,
}

/// Why a viewer is gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Gone {
    #[error("it left")]
    Left,
    #[error("the server ends")]
    End,
    #[error("it was turned away")]
    Refused,
    #[error("it took too long to come in")]
    Slow,
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error(transparent)]
    Protocol(#[from] RfbError),
    #[error("no randomness for a challenge")]
    Randomness(#[from] getrandom::Error),
}

impl Viewer {
    /// A viewer that has just connected.
    pub(crate) fn new(house: House, holder: Holder, socket: TcpStream) -> Result<Self, Gone> {
        let now = Instant::now();
        let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
        let (width_px, height_px) = house.audience.wait_size_px(FIRST_PICTURE).unwrap_or((640, 480));
        let mut server = Server::new(house.door.security()?, side(width_px), side(height_px))
            .with_name(&house.name)
            .with_film_encoder(Box::new(H264Encoder::default()))
            .with_permits(permits(Rights::All, house.is_view_only));
        if house.is_exact {
            server = server.with_exact_photos();
        }
        Ok(Self {
            house,
            holder,
            wire: Wire::new(socket)?,
            server,
            unread: Vec::new(),
            watcher: None,
            keyboard: Keyboard::default(),
            pointer: Pointer::default(),
            lights: LockLights::default(),
            under_way: Arc::default(),
            since: now,
            heard: now,
            is_asked: false,
        })
    }

    /// Serves the viewer until it is gone; why it is.
    pub(crate) fn run(mut self) -> Gone {
        let gone = loop {
            if let Err(gone) = self.step() {
                break gone;
            }
        };
        self.house.input.send(Command::Leave(self.holder));
        // What it is told at the end, as far as it reads.
        let _ = self.send();
        self.wire.close();
        gone
    }

    fn step(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        if self.house.audience.has_ended() {
            return Err(Gone::End);
        }
        if self.watcher.is_none() && now.duration_since(self.since) > COME_IN_WITHIN {
            return Err(Gone::Slow);
        }
        self.show()?;
        self.send()?;
        if self.server.is_ended() {
            return Err(Gone::Refused);
        }
        self.live(now);
        if self.wait()? {
            self.read()?;
        }
        self.receive(Instant::now())
    }

    /// Lets the server write what is new, if everything before has gone out.
    fn show(&mut self) -> Result<(), Gone> {
        let Some(watcher) = &self.watcher else { return Ok(()) };
        if !self.server.output().is_empty() || self.wire.holds_back() {
            return Ok(());
        }
        let glance = watcher.glance();
        self.lights = glance.lights;
        self.server.set_lights(glance.lights);
        match (glance.frame, glance.lost) {
            (Some((frame, damage)), _) => {
                self.server.note(frame.format(), &damage);
                self.server.poll_update(Some(&frame))?;
            }
            (None, Some((loss, sign))) => {
                self.server.signal_lost(loss, Some(sign));
                self.server.poll_update(None)?;
            }
            (None, None) => {
                self.server.poll_update(None)?;
            }
        }
        watcher.want_every_frame(self.server.has_backlog());
        Ok(())
    }

    fn send(&mut self) -> Result<(), Gone> {
        while !self.server.output().is_empty() {
            match self.wire.write(self.server.output()) {
                Ok(0) => return Err(Gone::Left),
                Ok(written) => self.server.consume_output(written),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match self.wire.flush() {
            Err(error) if !is_later(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Counts a connection that stands as a sign of life, unless the viewer can give one itself.
    fn live(&mut self, now: Instant) {
        if self.watcher.is_some() && now.duration_since(self.heard) >= TICK {
            self.heard = now;
            if self.is_asked {
                return;
            }
            self.is_asked = self.server.probe();
            if !self.is_asked {
                self.house.input.send(Command::Alive(self.holder));
            }
        }
    }

    /// Waits for the viewer, for something new, or a while. Whether the viewer may have sent something.
    fn wait(&self) -> Result<bool, Gone> {
        let is_crowded = self.under_way.load(Ordering::Relaxed) >= UNDER_WAY;
        // A viewer that types faster than the target takes it is not read until it does.
        let reading = if is_crowded { PollFlags::empty() } else { PollFlags::IN };
        let is_sending = !self.server.output().is_empty() || self.wire.holds_back();
        let writing = if is_sending { PollFlags::OUT } else { PollFlags::empty() };
        let mut fds = vec![PollFd::new(&self.wire, reading | writing)];
        if let Some(watcher) = &self.watcher {
            fds.push(PollFd::from_borrowed_fd(watcher.bell(), PollFlags::IN));
        }
        let rest = if is_crowded { CROWDED } else { TICK };
        let rest = Timespec::try_from(rest).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&rest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Gone::Broken(error.into())),
        }
        let events = fds[0].revents();
        if let (Some(watcher), Some(bell)) = (&self.watcher, fds.get(1)) {
            if !bell.revents().is_empty() {
                watcher.hush();
            }
        }
        Ok(events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR))
    }

    fn read(&mut self) -> Result<(), Gone> {
        let mut buffer = [0; READ];
        match self.wire.read(&mut buffer) {
            Ok(0) => return Err(Gone::Left),
            Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
            Err(error) if is_later(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if self.wire.is_protected() && !self.server.wants_input() {
            self.server.tls_started();
        }
        Ok(())
    }

    fn receive(&mut self, now: Instant) -> Result<(), Gone> {
        let mut taken = 0;
        while taken < self.unread.len() && self.server.wants_input() {
            let received = self.server.receive(&self.unread[taken..])?;
            taken += received.consumed;
            if let Some(event) = received.event {
                self.see_to(event, now)?;
            }
        }
        self.unread.drain(..taken);
        Ok(())
    }

    fn see_to(&mut self, event: Event, now: Instant) -> Result<(), Gone> {
        match event {
            Event::StartTls(_) => self.start_tls()?,
            Event::Credentials(credentials) => {
                let rights = self.house.door.rights(&credentials, now);
                self.let_in(rights);
            }
            Event::VncResponse(response) => {
                let rights = self.house.door.rights_by_response(&response, now);
                self.let_in(rights);
            }
            Event::Ready { .. } => self.watcher = Some(self.house.audience.join()?),
            Event::Key(key) => {
                let events = self.keyboard.events(key, self.lights.caps);
                events.into_iter().for_each(|event| self.input(event));
            }
            Event::Pointer(pointer) => {
                let events = self.pointer.events(pointer);
                events.for_each(|event| self.input(event));
            }
            Event::Alive => {
                self.is_asked = false;
                self.house.input.send(Command::Alive(self.holder));
            }
            _ => {}
        }
        Ok(())
    }

    #[cfg(feature = "tls")]
    fn start_tls(&mut self) -> Result<(), Gone> {
        let config = self.house.tls.clone().ok_or_else(|| io::Error::other("TLS without a certificate"))?;
        // The go-ahead is the last that is sent as it is; a few bytes always find room.
        self.send()?;
        if !self.server.output().is_empty() {
            return Err(Gone::Slow);
        }
        Ok(self.wire.start_tls(config)?)
    }

    #[cfg(not(feature = "tls"))]
    fn start_tls(&mut self) -> Result<(), Gone> {
        let Tls = self.house.tls;
        Err(io::Error::other("TLS was not offered").into())
    }

    fn let_in(&mut self, rights: Result<Rights, &'static str>) {
        match rights {
            Ok(rights) => {
                self.server.set_permits(permits(rights, self.house.is_view_only));
                self.server.accept();
            }
            Err(reason) => self.server.refuse(reason),
        }
    }

    fn input(&self, event: InputEvent) {
        let ticket = Ticket::take(&self.under_way);
        self.house.input.send(Command::Event { viewer: self.holder, event, ticket });
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewer")
            .field("holder", &self.holder)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn permits(rights: Rights, is_view_only: bool) -> Permits {
    if is_view_only || rights == Rights::ViewOnly { Permits::VIEW_ONLY } else { Permits::INPUT }
}

/// Whether it only has to be tried again.
fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// How long a viewer may take until it is in.
const COME_IN_WITHIN: Duration = Duration::from_secs(30);
/// How long the first picture of all is waited for, so that its size can be told.
const FIRST_PICTURE: Duration = Duration::from_secs(2);
/// How often is looked whether the viewer is still there.
const TICK: Duration = Duration::from_secs(1);
/// How soon is looked again whether the target has taken some of what was typed.
const CROWDED: Duration = Duration::from_millis(5);
/// Events of one viewer that may be under way.
const UNDER_WAY: usize = 256;
/// Bytes read at once.
const READ: usize = 16 * 1024;
