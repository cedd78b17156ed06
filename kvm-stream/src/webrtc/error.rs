//! What goes wrong between WebRTC peers.

use std::net::SocketAddr;

use str0m::RtcError;

/// Why there is no connection to a WebRTC peer, or none any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebRtcError {
    /// The offer cannot be answered.
    #[error("the offer cannot be answered: {reason}")]
    Offer {
        /// Why.
        reason: String,
    },
    /// An address is none that peers can come to.
    #[error("peers cannot come to {address}: {reason}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// No address was named that peers can come to.
    #[error("there is no address that peers could come to")]
    NoAddress,
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {reason}")]
    Identity {
        /// Why.
        reason: String,
    },
    /// The protocols cannot go on.
    #[error("the connection broke off: {reason}")]
    Broken {
        /// Why.
        reason: String,
    },
}

impl From<RtcError> for WebRtcError {
    fn from(error: RtcError) -> Self {
        Self::Broken { reason: error.to_string() }
    }
}
