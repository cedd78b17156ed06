//! A server of the RFB protocol (VNC) for one client, without a socket, a thread or a clock.
//!
//! [`Server`] takes the bytes that a client sends and gives [`Event`]s; it is told of frames and what changed in them, and
//! gives bytes to send. The protocol is that of [RFC 6143] (versions 3.3, 3.7 and 3.8) with the extensions that the
//! [community's description] lists: VeNCrypt, Tight, fences, continuous updates, extended desktop sizes, QEMU's key
//! codes and lock lights, further mouse buttons.
//!
//! The pointer is part of the picture, as the target draws it. So the encodings for a pointer that the client draws
//! are never used, although clients offer them.
//!
//! ```
//! use bytes::Bytes;
//! use kvm_capture::{Frame, FrameFormat, PixelFormat};
//! use kvm_stream::Damage;
//! use kvm_stream::rfb::{Event, Security, Server};
//!
//! let mut server = Server::new(Security::with_no_authentication(), 2, 1);
//! let mut events = Vec::new();
//! let mut client_sends = |server: &mut Server, mut bytes: &[u8]| {
//!     while !bytes.is_empty() {
//!         let received = server.receive(bytes).unwrap();
//!         bytes = &bytes[received.consumed..];
//!         events.extend(received.event);
//!     }
//! };
//! client_sends(&mut server, b"RFB 003.008\n");
//! client_sends(&mut server, &[1]); // no authentication
//! client_sends(&mut server, &[1]); // others may stay
//! client_sends(&mut server, &[3, 0, 0, 0, 0, 0, 0, 2, 0, 1]); // all of the picture, please
//! let sent = server.output().len();
//! server.consume_output(sent);
//!
//! let frame = Frame::packed(FrameFormat::new(PixelFormat::Bgrx, 2, 1), Bytes::from_static(&[7; 8]))?;
//! server.note(frame.format(), &Damage::full(2, 1));
//! assert!(server.poll_update(Some(&frame))?);
//! // One Raw rectangle of two pixels.
//! assert_eq!(server.output(), [0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 7, 7, 7, 0, 7, 7, 7, 0]);
//! assert!(matches!(events[..], [Event::Ready { is_shared: true }]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 6143]: https://www.rfc-editor.org/rfc/rfc6143
//! [community's description]: https://github.com/rfbproto/rfbproto

mod compose;
mod encodings;
mod error;
mod event;
mod handshake;
mod message;
mod output;
mod pending;
mod security;
mod server;
mod unit;
mod update;
#[cfg(feature = "vnc-auth")]
mod vnc_auth;

pub use error::RfbError;
pub use event::{
    Credentials, CutText, Event, KeyInput, LockLights, PointerInput, Received, TlsKind, VncResponse,
};
pub use pending::Pending;
pub use security::{Permits, Security};
pub use server::Server;
