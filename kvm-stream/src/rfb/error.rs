//! Why a connection cannot go on.

use crate::EncodeError;

/// Why a connection cannot go on. What is in [`Server::output`](super::Server::output) should still be sent, as it may
/// tell the client; then the connection is to be closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RfbError {
    /// The client does not speak RFB.
    #[error("the client does not begin as RFB clients do")]
    NotRfb,
    /// The client chose a kind of security that was not offered to it.
    #[error("the client chose security {chosen}, which was not offered")]
    NotOffered {
        /// The number of the security type, or of the VeNCrypt subtype.
        chosen: u32,
    },
    /// The kinds of security that are allowed do not exist in the client's version of the protocol.
    #[error("the client speaks RFB 3.3, which has none of the allowed kinds of security")]
    TooOld,
    /// Where the message ends is not known, so nothing after it can be read.
    #[error("message {number} of the client is not known")]
    UnknownMessage {
        /// The message's number.
        number: u8,
    },
    /// The client asked for pixels that cannot be made: bits, maxima or shifts that contradict each other, or a
    /// colour map of another size than 8 bits.
    #[error("the client asks for pixels that cannot be made")]
    UnsupportedPixels,
    /// Something is longer than it can sensibly be.
    #[error("the client announces {what} of {len} bytes")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its length in bytes.
        len: u64,
    },
    /// The client makes the server answer and does not read the answers.
    #[error("the client asks on and on without reading the answers")]
    Flood,
    /// The picture has another size now, and the client cannot follow.
    #[error("the picture's size changed, which the client cannot follow")]
    CannotResize,
    /// The picture could not be encoded.
    #[error("the picture could not be encoded")]
    Encode(#[from] EncodeError),
}
