//! Who may connect, and what they may do.

use super::error::RfbError;
use super::handshake::Version;

/// The kinds of security that a client may choose from. The one that protects most goes first.
///
/// There is no default: each is chosen by its name.
#[derive(Clone, Default)]
pub struct Security {
    none: bool,
    challenge: Option<[u8; 16]>,
    plain: bool,
    tls_plain: bool,
    x509_plain: bool,
}

impl Security {
    /// Whoever connects is let in, and everything goes over the network for all to read. Only for connections that
    /// cannot come from elsewhere: listen on loopback addresses, and on a machine whose users may all see and type.
    pub fn with_no_authentication() -> Self {
        Self { none: true, ..Self::default() }
    }

    /// VNC authentication (RFC 6143, section 7.2.2): a password of eight characters at most, checked by DES, which
    /// whoever listens can find out. Everything else goes over the network for all to read. For old clients only.
    ///
    /// The challenge has to be random and new for each connection.
    pub fn with_vnc_authentication(challenge: [u8; 16]) -> Self {
        Self { challenge: Some(challenge), ..Self::default() }
    }

    /// VeNCrypt with TLS and the server's certificate, then a user's name and password in it. The caller brings
    /// TLS and checks the password.
    pub fn with_x509_plain() -> Self {
        Self { x509_plain: true, ..Self::default() }
    }

    /// VeNCrypt with anonymous TLS, then a user's name and password in it. It protects from those who only listen;
    /// whoever stands in between reads everything, the password as well. The caller brings TLS with anonymous
    /// key exchange, which few libraries still have.
    pub fn with_tls_plain() -> Self {
        Self { tls_plain: true, ..Self::default() }
    }

    /// VeNCrypt without TLS: a user's name and password as they are. Only where the connection is protected
    /// already, such as inside a tunnel or a TLS connection of its own.
    pub fn with_plain_on_protected_transport() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// Both these kinds and those.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            none: self.none || other.none,
            challenge: self.challenge.or(other.challenge),
            plain: self.plain || other.plain,
            tls_plain: self.tls_plain || other.tls_plain,
            x509_plain: self.x509_plain || other.x509_plain,
        }
    }

    /// The challenge of VNC authentication, if that is allowed.
    pub(super) fn challenge(&self) -> Option<[u8; 16]> {
        self.challenge
    }

    /// The security types to offer.
    pub(super) fn types(&self) -> Vec<u8> {
        let vencrypt = self.plain || self.tls_plain || self.x509_plain;
        [(vencrypt, VENCRYPT), (self.challenge.is_some(), VNC), (self.none, NONE)]
            .into_iter()
            .filter_map(|(is_allowed, number)| is_allowed.then_some(number))
            .collect()
    }

    /// The one security type that a server of RFB 3.3 states.
    pub(super) fn stated(&self) -> Result<u8, RfbError> {
        self.types().into_iter().find(|number| *number != VENCRYPT).ok_or(RfbError::TooOld)
    }

    /// The subtypes of VeNCrypt to offer.
    pub(super) fn subtypes(&self) -> Vec<u32> {
        [(self.x509_plain, X509_PLAIN), (self.tls_plain, TLS_PLAIN), (self.plain, PLAIN)]
            .into_iter()
            .filter_map(|(is_allowed, number)| is_allowed.then_some(number))
            .collect()
    }
}

/// The kinds, and not the challenge.
impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Security")
            .field("types", &self.types())
            .field("subtypes", &self.subtypes())
            .finish_non_exhaustive()
    }
}

/// What a client may do besides looking. Nothing, unless it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Permits {
    /// Press keys.
    pub keyboard: bool,
    /// Move the pointer and press its buttons.
    pub pointer: bool,
    /// Send the text of its clipboard.
    pub clipboard: bool,
}

impl Permits {
    /// Only look.
    pub const VIEW_ONLY: Self = Self { keyboard: false, pointer: false, clipboard: false };
    /// Press keys and move the pointer.
    pub const INPUT: Self = Self { keyboard: true, pointer: true, clipboard: false };
}

impl Version {
    /// Whether a refusal comes with its reason (RFC 6143, section 7.1.3).
    pub(super) fn tells_reasons(self) -> bool {
        self == Self::V3_8
    }
}

/// No authentication (RFC 6143, section 7.2.1).
pub(super) const NONE: u8 = 1;
/// VNC authentication (RFC 6143, section 7.2.2).
pub(super) const VNC: u8 = 2;
/// VeNCrypt, as the community's description has it, which gives the subtypes, too.
pub(super) const VENCRYPT: u8 = 19;
pub(super) const PLAIN: u32 = 256;
pub(super) const TLS_PLAIN: u32 = 259;
pub(super) const X509_PLAIN: u32 = 262;
