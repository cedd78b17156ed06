//! What pages ask of the input thread, and what it makes of it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use kvm_capture::Timestamp;
use kvm_examples::input::{Attendant, TendedSeat};
use kvm_hid::{Handled, Holder, InputEvent, Interface, LinkState, Seat, SeatState, Taken, Typist, Untypable};
use kvm_stream::InputClass;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::{mpsc, watch};

use crate::input_classes::{InputClasses, class_of};
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

/// Gives one page at a time control of the seat, and types texts for it.
pub(crate) struct TypingDesk {
    viewers: HashMap<Holder, Viewer>,
    typing: Option<(Holder, Typist)>,
    publish: watch::Sender<InputState>,
    classes: InputClasses,
}

struct Viewer {
    notices: mpsc::Sender<Notice>,
    /// The last refusal, which is not repeated for every twitch of a mouse.
    refused: Option<(&'static str, Instant)>,
}

impl TypingDesk {
    /// A desk that notes the classes of what is done, and where it publishes how it stands.
    pub(crate) fn new(classes: InputClasses) -> (Self, watch::Receiver<InputState>) {
        let (publish, state) = watch::channel(InputState::default());
        (Self { viewers: HashMap::new(), typing: None, publish, classes }, state)
    }

    fn answer(&mut self, seat: &mut TendedSeat, viewer: Holder, request: Request, now: Instant) {
        match request {
            Request::Alive => seat.seat.hear(viewer, now),
            Request::TakeControl => {
                if let Some(former) = seat.seat.holder().filter(|&former| former != viewer) {
                    self.stop_typing_of(former);
                    self.refuse(former, "somebody else has taken control", now);
                }
                seat.seat.take_over(viewer, now);
            }
            Request::GiveControl => {
                self.stop_typing_of(viewer);
                seat.seat.leave(viewer);
            }
            _ if seat.seat.holder() != Some(viewer) => self.refuse(viewer, VIEW_ONLY, now),
            Request::Event(event) => self.handle(seat, viewer, event, now),
            Request::Probe { event, probe } => {
                // Whatever is captured from now on may show its effect. A page that does not read what it is told
                // misses some of it.
                let notice = Notice::Probed { probe, at: capture_clock() };
                let _ = self.viewers.get(&viewer).map(|viewer| viewer.notices.try_send(notice));
                self.handle(seat, viewer, event, now);
            }
            Request::Type(text) => self.start_typing(seat, viewer, &text, now),
            Request::StopTyping => {
                self.stop_typing_of(viewer);
                seat.seat.release_all();
            }
            Request::ReleaseAll => seat.seat.release_all(),
        }
    }

    fn handle(&mut self, seat: &mut TendedSeat, viewer: Holder, event: InputEvent, now: Instant) {
        if self.typing.is_some() && matches!(event, InputEvent::Key { pressed: true, .. }) {
            self.refuse(viewer, "a text is being typed, and a key would get into it", now);
            return;
        }
        let handled = seat.handle(viewer, event, now);
        if let (Some(Handled::Queued), Some(class)) = (handled, class_of(event)) {
            self.classes.note(class, capture_clock());
        }
        if let Some(reason) = handled.and_then(|handled| reason(handled, event)) {
            self.refuse(viewer, reason, now);
        }
    }

    fn start_typing(&mut self, seat: &mut TendedSeat, viewer: Holder, text: &str, now: Instant) {
        if self.typing.is_some() {
            return self.refuse(viewer, "another text is still being typed", now);
        }
        if seat.seat.state().keyboard.is_none() {
            return self.refuse(viewer, NO_KEYBOARD, now);
        }
        match Typist::new(text) {
            Ok(typist) => {
                // The Ctrl of the Ctrl+V that brought the text here is still down.
                seat.seat.release_all();
                self.typing = Some((viewer, typist));
                self.classes.note(InputClass::Text, capture_clock());
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
    fn type_on(&mut self, seat: &mut TendedSeat) {
        let Some((viewer, typist)) = &mut self.typing else { return };
        let viewer = *viewer;
        if seat.seat.state().keyboard == Some(LinkState::Detached) {
            self.typing = None;
            return self.refuse(
                viewer,
                "the target went away, and the rest of the text is not typed",
                Instant::now(),
            );
        }
        if !seat.seat.is_idle() {
            return;
        }
        match typist.next_event() {
            Some(event) => {
                // It waits for an idle seat, so that nothing is dropped but by a target that goes away, and that is seen.
                let _ = seat.handle(viewer, event, Instant::now());
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
}

impl Attendant for TypingDesk {
    type Command = Command;

    fn obey(&mut self, command: Command, seat: &mut TendedSeat) {
        let now = Instant::now();
        match command {
            Command::Join { viewer, notices } => {
                self.viewers.insert(viewer, Viewer { notices, refused: None });
                // Whether it gets control shows in the state.
                let (Taken::InControl | Taken::HeldBy(_)) = seat.seat.take(viewer, now);
            }
            Command::Leave(viewer) => {
                self.stop_typing_of(viewer);
                seat.seat.leave(viewer);
                self.viewers.remove(&viewer);
            }
            Command::Ask { viewer, request, permit } => {
                self.answer(seat, viewer, request, now);
                drop(permit);
            }
        }
    }

    fn go_on(&mut self, seat: &mut TendedSeat) -> bool {
        self.type_on(seat);
        self.typing.is_some()
    }

    fn tell(&mut self, seat: &Seat) {
        let SeatState { keyboard, pointer, mouse, leds, .. } = seat.state();
        let links =
            [(Interface::Keyboard, keyboard), (Interface::Pointer, pointer), (Interface::Mouse, mouse)];
        let state = InputState {
            leds,
            links: links
                .into_iter()
                .filter_map(|(interface, link)| Some((interface, link?)))
                .collect::<BTreeMap<_, _>>(),
            typing: self.typing.as_ref().map(|(_, typist)| typist.remaining()),
            controller: seat.holder().map(|holder| holder.0),
        };
        self.publish.send_if_modified(|published| {
            let changed = *published != state;
            *published = state;
            changed
        });
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
