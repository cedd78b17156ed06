//! What a client does, as values.

use std::fmt;

/// How far [`Server::receive`](super::Server::receive) got.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// Bytes taken, from the front. The others are to be given again, after the event was seen to.
    pub consumed: usize,
    /// What came of it.
    pub event: Option<Event>,
}

/// What a client does.
///
/// `Debug` says neither which key nor which text, user or password.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The output so far is to be sent as it is; everything after it, in both directions, goes through TLS. Until
    /// [`Server::tls_started`](super::Server::tls_started) says that its handshake is over, nothing is received.
    StartTls(TlsKind),
    /// The client says who it is. To be answered by [`Server::accept`](super::Server::accept) or
    /// [`Server::refuse`](super::Server::refuse); until then nothing is received.
    Credentials(Credentials),
    /// The client answers the challenge; to be answered likewise.
    VncResponse(VncResponse),
    /// The client is in.
    Ready {
        /// Whether it lets other clients stay. One that does not wants to be alone, which is the caller's decision.
        is_shared: bool,
    },
    /// A key goes down or comes up, if the client may type.
    Key(KeyInput),
    /// The pointer moves, or one of its buttons, if the client may point.
    Pointer(PointerInput),
    /// The client's clipboard has a new text, if it may send it.
    CutText(CutText),
    /// The client has answered [`Server::probe`](super::Server::probe), and so is there.
    Alive,
}

/// A TLS handshake of VeNCrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsKind {
    /// With the server's certificate, which the client checks.
    X509,
    /// Anonymous: nothing proves to the client who the server is.
    Anonymous,
}

/// A user's name and password as the client sent them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The name, by convention UTF-8.
    pub user: Vec<u8>,
    /// The password, by convention UTF-8.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The answer to the challenge of VNC authentication (RFC 6143, section 7.2.2).
#[derive(Clone, Copy)]
pub struct VncResponse {
    pub(super) challenge: [u8; 16],
    pub(super) response: [u8; 16],
}

impl VncResponse {
    /// What the client was asked to encrypt.
    pub fn challenge(&self) -> &[u8; 16] {
        &self.challenge
    }

    /// What it made of it: the challenge's two halves, encrypted by DES with the password.
    pub fn response(&self) -> &[u8; 16] {
        &self.response
    }
}

impl fmt::Debug for VncResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VncResponse").finish_non_exhaustive()
    }
}

/// A key goes down, is repeated while it is down, or comes up.
///
/// `Debug` does not say which key.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInput {
    /// What the key means to the client, as a keysym of the X Window System; 0 if it does not say.
    pub keysym: u32,
    /// Which key it is, from clients that speak QEMU's extension: the make code of the XT keyboard, with 0x80 added
    /// if it has the prefix 0xE0.
    pub xt_code: Option<u8>,
    /// Whether it goes down.
    pub pressed: bool,
}

impl fmt::Debug for KeyInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyInput").field("pressed", &self.pressed).finish_non_exhaustive()
    }
}

/// Where the pointer is, and which of its buttons are down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PointerInput {
    /// From the left, in pixels; less than the picture's width.
    pub x_px: u16,
    /// From the top, in pixels; less than the picture's height.
    pub y_px: u16,
    /// The picture's width in pixels.
    pub width_px: u16,
    /// The picture's height in pixels.
    pub height_px: u16,
    /// A bit for each button that is down, the lowest first: left, middle, right; a click of the wheel upwards,
    /// downwards, to the left, to the right; back, forward.
    pub buttons: u16,
}

/// The text of a client's clipboard.
///
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct CutText(pub(super) Vec<u8>);

impl CutText {
    /// The text, which comes in Latin-1 (RFC 6143, section 7.5.6).
    pub fn text(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

impl fmt::Debug for CutText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CutText").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// The lights of the target's keyboard that clients can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "the protocol knows these three")]
pub struct LockLights {
    /// Scroll Lock.
    pub scroll: bool,
    /// Num Lock.
    pub num: bool,
    /// Caps Lock.
    pub caps: bool,
}

impl LockLights {
    /// The state as QEMU's LED State pseudo-encoding has it.
    pub(super) const fn to_byte(self) -> u8 {
        self.scroll as u8 | (self.num as u8) << 1 | (self.caps as u8) << 2
    }
}
