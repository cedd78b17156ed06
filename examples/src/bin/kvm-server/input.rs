//! The input thread: the only owner of the seat, so that keys stay in order and come up whatever happens.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kvm_capture::Timestamp;
use kvm_examples::inbox::{Inbox, Outbox, WokenBy, inbox};
use kvm_examples::report::{chain, complain};
use kvm_hid::{
    Handled, HidError, Holder, InputEvent, Interface, LinkState, Seat, SeatState, Taken, Typist, Untypable,
};
use rustix::event::PollFlags;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::{mpsc, watch};

use crate::picture::capture_clock;
use crate::state::InputState;

/// Why something was not done, for the person at the page.
pub(crate) type Reason = std::borrow::Cow<'static, str>;

/// What the thread tells a page.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Something was not done.
    Refused(Reason),
    /// The key with this number of the page's own is about to go to the target.
    Probed { probe: u32, at: Timestamp },
}

/// What the sockets ask of the thread. Not printable, since keys and texts are in it.
pub(crate) enum Command {
    /// A page is there; it gets control if nobody has it. What it is told goes back by the sender.
    Join { viewer: Holder, notices: mpsc::Sender<Notice> },
    /// The page is gone.
    Leave(Holder),
    /// A page asks for something. The permit is the page's right to have that many requests under way.
    Ask { viewer: Holder, request: Request, permit: OwnedSemaphorePermit },
    /// Everything comes up, and the thread ends.
    Stop,
}

/// What a page asks for.
pub(crate) enum Request {
    Event(InputEvent),
    /// A key whose effect the page waits for.
    Probe {
        event: InputEvent,
        probe: u32,
    },
    Type(String),
    StopTyping,
    ReleaseAll,
    TakeControl,
    GiveControl,
    Alive,
}

/// The running thread.
pub(crate) struct Input {
    pub(crate) commands: Outbox<Command>,
    pub(crate) state: watch::Receiver<InputState>,
    thread: JoinHandle<()>,
}

impl Input {
    /// Starts the thread.
    pub(crate) fn start(seat: Seat) -> io::Result<Self> {
        let (commands, inbox) = inbox()?;
        let (publish, state) = watch::channel(InputState::default());
        let typing_desk = TypingDesk { seat, viewers: HashMap::new(), typing: None, complaint: None };
        let thread = thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || typing_desk.run(&inbox, &publish))?;
        Ok(Self { commands, state, thread })
    }

    /// Has everything released and waits for the end of the thread. Answers whether it ended well.
    pub(crate) fn wait_end(self) -> bool {
        self.commands.send(Command::Stop);
        self.thread.join().is_ok()
    }
}

/// The thread's own state.
struct TypingDesk {
    seat: Seat,
    viewers: HashMap<Holder, Viewer>,
    typing: Option<(Holder, Typist)>,
    complaint: Option<String>,
}

struct Viewer {
    notices: mpsc::Sender<Notice>,
    /// The last refusal, which is not repeated for every twitch of a mouse.
    refused: Option<(&'static str, Instant)>,
}

impl TypingDesk {
    fn run(mut self, inbox: &Inbox<Command>, publish: &watch::Sender<InputState>) {
        let mut broken = false;
        loop {
            while let Some(command) = inbox.next() {
                if matches!(command, Command::Stop) {
                    self.end();
                    return;
                }
                self.obey(command, Instant::now());
            }
            self.type_on();
            let outcome = self.seat.poll(Instant::now()).map(|_| ());
            self.note(outcome);
            self.publish(publish);
            match self.wait(inbox, broken) {
                Ok(woken) => broken = woken == WokenBy::BrokenDevice,
                Err(error) => {
                    complain("waiting for input", error);
                    thread::sleep(REST);
                }
            }
        }
    }

    fn obey(&mut self, command: Command, now: Instant) {
        match command {
            Command::Join { viewer, notices } => {
                self.viewers.insert(viewer, Viewer { notices, refused: None });
                // Whether it gets control shows in the state.
                let (Taken::InControl | Taken::HeldBy(_)) = self.seat.take(viewer, now);
            }
            Command::Leave(viewer) => {
                self.stop_typing_of(viewer);
                self.seat.leave(viewer);
                self.viewers.remove(&viewer);
            }
            Command::Ask { viewer, request, permit } => {
                self.answer(viewer, request, now);
                drop(permit);
            }
            Command::Stop => {}
        }
    }

    fn answer(&mut self, viewer: Holder, request: Request, now: Instant) {
        match request {
            Request::Alive => self.seat.hear(viewer, now),
            Request::TakeControl => {
                if let Some(former) = self.seat.holder().filter(|&former| former != viewer) {
                    self.stop_typing_of(former);
                    self.refuse(former, "somebody else has taken control", now);
                }
                self.seat.take_over(viewer, now);
            }
            Request::GiveControl => {
                self.stop_typing_of(viewer);
                self.seat.leave(viewer);
            }
            _ if self.seat.holder() != Some(viewer) => self.refuse(viewer, VIEW_ONLY, now),
            Request::Event(event) => self.handle(viewer, event, now),
            Request::Probe { event, probe } => {
                // Whatever is captured from now on may show its effect. A page that does not read what it is told
                // misses some of it.
                let notice = Notice::Probed { probe, at: capture_clock() };
                let _ = self.viewers.get(&viewer).map(|viewer| viewer.notices.try_send(notice));
                self.handle(viewer, event, now);
            }
            Request::Type(text) => self.start_typing(viewer, &text, now),
            Request::StopTyping => {
                self.stop_typing_of(viewer);
                self.seat.release_all();
            }
            Request::ReleaseAll => self.seat.release_all(),
        }
    }

    fn handle(&mut self, viewer: Holder, event: InputEvent, now: Instant) {
        if self.typing.is_some() && matches!(event, InputEvent::Key { pressed: true, .. }) {
            self.refuse(viewer, "a text is being typed, and a key would get into it", now);
            return;
        }
        let handled = match self.seat.handle(viewer, event, now) {
            Ok(handled) => handled,
            Err(error) => return self.note(Err(error)),
        };
        if let Some(reason) = reason(handled, event) {
            self.refuse(viewer, reason, now);
        }
    }

    fn start_typing(&mut self, viewer: Holder, text: &str, now: Instant) {
        if self.typing.is_some() {
            return self.refuse(viewer, "another text is still being typed", now);
        }
        if self.seat.state().keyboard.is_none() {
            return self.refuse(viewer, NO_KEYBOARD, now);
        }
        match Typist::new(text) {
            Ok(typist) => {
                // The Ctrl of the Ctrl+V that brought the text here is still down.
                self.seat.release_all();
                self.typing = Some((viewer, typist));
            }
            Err(Untypable { .. }) => {
                self.refuse(
                    viewer,
                    "the text has characters without a key on the US layout; nothing was typed",
                    now,
                );
            }
        }
    }

    /// Types the next stroke if the target has taken the one before, which is the pace it can follow.
    fn type_on(&mut self) {
        let Some((viewer, typist)) = &mut self.typing else { return };
        let viewer = *viewer;
        if self.seat.state().keyboard == Some(LinkState::Detached) {
            self.typing = None;
            return self.refuse(
                viewer,
                "the target went away, and the rest of the text is not typed",
                Instant::now(),
            );
        }
        if !self.seat.is_idle() {
            return;
        }
        match typist.next_event() {
            Some(event) => {
                let outcome = self.seat.handle(viewer, event, Instant::now()).map(|_| ());
                self.note(outcome);
            }
            None => self.typing = None,
        }
    }

    fn stop_typing_of(&mut self, viewer: Holder) {
        self.typing.take_if(|(typing, _)| *typing == viewer);
    }

    fn refuse(&mut self, viewer: Holder, reason: &'static str, now: Instant) {
        let Some(viewer) = self.viewers.get_mut(&viewer) else { return };
        let again = |&(last, at): &(&str, Instant)| last == reason && now.duration_since(at) < REPEAT_REFUSAL;
        if !viewer.refused.as_ref().is_some_and(again) {
            viewer.refused = Some((reason, now));
            // A page that does not read what it is told misses some of it.
            let _ = viewer.notices.try_send(Notice::Refused(reason.into()));
        }
    }

    /// Tells of a failure of a device, once until it changes.
    fn note(&mut self, outcome: Result<(), HidError>) {
        let complaint = outcome.err().map(|error| {
            let text = error.to_string();
            if self.complaint.as_ref() != Some(&text) {
                complain("input", chain(&error));
            }
            text
        });
        if complaint.is_some() {
            self.complaint = complaint;
        }
    }

    fn publish(&self, publish: &watch::Sender<InputState>) {
        let SeatState { keyboard, pointer, mouse, leds, .. } = self.seat.state();
        let links =
            [(Interface::Keyboard, keyboard), (Interface::Pointer, pointer), (Interface::Mouse, mouse)];
        let state = InputState {
            leds,
            links: links
                .into_iter()
                .filter_map(|(interface, link)| Some((interface, link?)))
                .collect::<BTreeMap<_, _>>(),
            typing: self.typing.as_ref().map(|(_, typist)| typist.remaining()),
            controller: self.seat.holder().map(|holder| holder.0),
        };
        publish.send_if_modified(|published| {
            let changed = *published != state;
            *published = state;
            changed
        });
    }

    /// Waits until there is something to do. A device that is in error is left alone for a while, because it
    /// would end every wait at once.
    fn wait(&self, inbox: &Inbox<Command>, broken: bool) -> io::Result<WokenBy> {
        if self.typing.is_some() && self.seat.is_idle() {
            return inbox.wait([], Some(Duration::ZERO));
        }
        let deadline =
            self.seat.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let tells_lights = self.seat.readiness().any(|ready| ready.interface == Interface::Keyboard);
        let looks = (!tells_lights && self.seat.state().keyboard.is_some()).then_some(LOOK_AT_LIGHTS);
        let due = deadline.into_iter().chain(looks).min();
        if broken {
            return inbox.wait([], Some(due.map_or(REST, |due| due.min(REST))));
        }
        let devices = self.seat.readiness().map(|ready| {
            let writing = if ready.for_writing { PollFlags::OUT } else { PollFlags::empty() };
            (ready.fd, PollFlags::IN | writing)
        });
        inbox.wait(devices, due)
    }

    fn end(mut self) {
        self.typing = None;
        match self.seat.wait_released(RELEASE_WITHIN) {
            Ok(true) => {}
            Ok(false) => complain("input", "the target did not listen when its keys were released"),
            Err(error) => complain("releasing the keys", chain(&error)),
        }
    }
}

/// What a page is told of an event that was dropped.
fn reason(handled: Handled, event: InputEvent) -> Option<&'static str> {
    match handled {
        Handled::Queued | Handled::Unchanged => None,
        Handled::ViewOnly => Some(VIEW_ONLY),
        Handled::NoSuchInterface => Some(match event {
            InputEvent::MoveBy { .. } => "there is no relative mouse: start with --mouse /dev/hidgN",
            InputEvent::Key { .. } => NO_KEYBOARD,
            _ => "there is no pointer: start with --pointer /dev/hidgN",
        }),
        Handled::Full => Some("the target does not listen, and this was dropped"),
        Handled::Detached => Some("no target is attached, and this was dropped"),
        _ => Some("this was dropped"),
    }
}

const VIEW_ONLY: &str = "this page is view-only: take control first";
const NO_KEYBOARD: &str =
    "no keyboard has this key: start with --keyboard /dev/hidgN, and --pointer for media keys";

/// How soon the same refusal is told again.
const REPEAT_REFUSAL: Duration = Duration::from_secs(1);
/// How often a keyboard without a descriptor to wait on is asked for its lights.
const LOOK_AT_LIGHTS: Duration = Duration::from_millis(20);
/// How long a device in error is left alone.
const REST: Duration = Duration::from_millis(50);
/// How long a target gets to hear at the end that nothing is down.
const RELEASE_WITHIN: Duration = Duration::from_millis(300);
