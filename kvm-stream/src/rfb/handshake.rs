//! From the first byte to the picture's size: version, security, initialisation (RFC 6143, sections 7.1 to 7.3).

use super::error::RfbError;
use super::event::{Credentials, Event, TlsKind, VncResponse};
use super::output::Output;
use super::security::{NONE, PLAIN, Security, TLS_PLAIN, VENCRYPT, VNC, X509_PLAIN};
use super::unit::{Fields, Unit};

/// The versions whose handshakes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V3_3,
    V3_7,
    V3_8,
}

/// The handshake with one client.
#[derive(Debug)]
pub(super) struct Handshake {
    security: Security,
    version: Version,
    stage: Stage,
    unit: Unit,
}

/// What is expected next.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Version,
    SecurityType,
    VncResponse,
    VencryptVersion,
    Subtype,
    /// Waits for the caller's TLS.
    Tls,
    PlainLengths,
    Plain {
        user: usize,
        password: usize,
    },
    /// Waits for the caller's verdict.
    Verdict,
    ClientInit,
    Refused,
}

/// What came of some bytes.
#[derive(Debug)]
pub(super) enum Outcome {
    /// More of them are needed.
    Nothing,
    /// The caller has something to do.
    Event(Event),
    /// The client wants to know the picture's size and pixels.
    Over { is_shared: bool },
}

impl Handshake {
    /// Begins by telling the version (RFC 6143, section 7.1.1).
    pub(super) fn begin(security: Security, out: &mut Output) -> Self {
        out.bytes().extend_from_slice(b"RFB 003.008\n");
        Self { security, version: Version::V3_3, stage: Stage::Version, unit: Unit::default() }
    }

    /// Whether nothing can be received until the caller has done its part.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Tls | Stage::Verdict)
    }

    /// Whether the client was turned away.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.stage, Stage::Refused)
    }

    /// Takes bytes from the front, of one message at most. Answers how many, and what came of them.
    pub(super) fn receive(&mut self, bytes: &[u8], out: &mut Output) -> Result<(usize, Outcome), RfbError> {
        let len = match self.stage {
            Stage::Version => 12,
            Stage::SecurityType | Stage::ClientInit => 1,
            Stage::VncResponse => 16,
            Stage::VencryptVersion => 2,
            Stage::Subtype => 4,
            Stage::PlainLengths => 8,
            Stage::Plain { user, password } => user + password,
            Stage::Tls | Stage::Verdict => return Ok((0, Outcome::Nothing)),
            Stage::Refused => return Ok((bytes.len(), Outcome::Nothing)),
        };
        let consumed = self.unit.fill(bytes, len);
        let Some(message) = self.unit.complete(len).map(<[u8]>::to_vec) else {
            return Ok((consumed, Outcome::Nothing));
        };
        self.unit.clear();
        Ok((consumed, self.take(&message, out)?))
    }

    /// The caller's TLS is established.
    pub(super) fn tls_started(&mut self) {
        if matches!(self.stage, Stage::Tls) {
            self.stage = Stage::PlainLengths;
        }
    }

    /// The client is who it says it is.
    pub(super) fn accept(&mut self, out: &mut Output) {
        if matches!(self.stage, Stage::Verdict) {
            out.bytes().extend_from_slice(&ACCEPTED.to_be_bytes());
            self.stage = Stage::ClientInit;
        }
    }

    /// The client is turned away.
    pub(super) fn refuse(&mut self, reason: &str, out: &mut Output) {
        if matches!(self.stage, Stage::Verdict) {
            self.turn_away(reason, out);
        }
    }

    fn take(&mut self, message: &[u8], out: &mut Output) -> Result<Outcome, RfbError> {
        let fields = Fields(message);
        match self.stage {
            Stage::Version => self.take_version(message, out)?,
            Stage::SecurityType => return self.take_type(fields.u8(0), out),
            Stage::VncResponse => {
                self.stage = Stage::Verdict;
                let challenge = self.security.challenge().unwrap_or_default();
                let response = VncResponse { challenge, response: fields.array(0) };
                return Ok(Outcome::Event(Event::VncResponse(response)));
            }
            Stage::VencryptVersion => {
                // Version 0.2 is the one that is described; 0.1 is older than every client that is left.
                let is_known = fields.array(0) == [0, 2];
                out.bytes().push(u8::from(!is_known));
                if !is_known {
                    return Err(RfbError::NotOffered { chosen: u32::from(fields.u16(0)) });
                }
                let subtypes = self.security.subtypes();
                out.bytes().push(u8::try_from(subtypes.len()).unwrap_or(u8::MAX));
                out.bytes().extend(subtypes.iter().flat_map(|subtype| subtype.to_be_bytes()));
                self.stage = Stage::Subtype;
            }
            Stage::Subtype => return self.take_subtype(fields.u32(0), out),
            Stage::PlainLengths => {
                let (user, password) = (fields.u32(0), fields.u32(4));
                let len = u64::from(user) + u64::from(password);
                let size = |len: u32| usize::try_from(len).ok().filter(|len| *len <= MAX_CREDENTIAL);
                let (Some(user), Some(password)) = (size(user), size(password)) else {
                    return Err(RfbError::TooLong { what: "a name and a password", len });
                };
                self.stage = Stage::Plain { user, password };
                if user + password == 0 {
                    return self.take(&[], out);
                }
            }
            Stage::Plain { user, .. } => {
                self.stage = Stage::Verdict;
                let (user, password) = message.split_at(user.min(message.len()));
                let credentials = Credentials { user: user.to_vec(), password: password.to_vec() };
                return Ok(Outcome::Event(Event::Credentials(credentials)));
            }
            Stage::ClientInit => return Ok(Outcome::Over { is_shared: fields.u8(0) != 0 }),
            Stage::Tls | Stage::Verdict | Stage::Refused => {}
        }
        Ok(Outcome::Nothing)
    }

    fn take_version(&mut self, message: &[u8], out: &mut Output) -> Result<(), RfbError> {
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_u32, |number, digit| {
                digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
            })
        };
        let (major, minor) = match message {
            [b'R', b'F', b'B', b' ', major @ .., b'\n'] if major.get(3) == Some(&b'.') => {
                (number(&major[..3]), number(&major[4..]))
            }
            _ => (None, None),
        };
        self.version = match (major, minor) {
            (Some(3), Some(7)) => Version::V3_7,
            (Some(3), Some(8)) => Version::V3_8,
            // Clients that call themselves 4 or 5 may go back no further than 3.8; all others are as 3.3 was.
            (Some(major), Some(_)) if major > 3 => Version::V3_8,
            (Some(_), Some(_)) => Version::V3_3,
            _ => return Err(RfbError::NotRfb),
        };
        if self.version == Version::V3_3 {
            return self.state_type(out);
        }
        let types = self.security.types();
        out.bytes().push(u8::try_from(types.len()).unwrap_or(u8::MAX));
        out.bytes().extend_from_slice(&types);
        self.stage = Stage::SecurityType;
        Ok(())
    }

    /// In RFB 3.3 the server decides (RFC 6143, appendix A).
    fn state_type(&mut self, out: &mut Output) -> Result<(), RfbError> {
        let stated = self.security.stated();
        out.bytes().extend_from_slice(&u32::from(*stated.as_ref().unwrap_or(&0)).to_be_bytes());
        match stated {
            Ok(VNC) => {
                out.bytes().extend_from_slice(&self.security.challenge().unwrap_or_default());
                self.stage = Stage::VncResponse;
                Ok(())
            }
            Ok(_) => {
                self.stage = Stage::ClientInit;
                Ok(())
            }
            Err(error) => {
                put_text("this server needs a client that knows RFB 3.8 and VeNCrypt", out);
                Err(error)
            }
        }
    }

    fn take_type(&mut self, chosen: u8, out: &mut Output) -> Result<Outcome, RfbError> {
        if !self.security.types().contains(&chosen) {
            self.turn_away("this kind of security was not offered", out);
            return Err(RfbError::NotOffered { chosen: u32::from(chosen) });
        }
        match chosen {
            VENCRYPT => {
                out.bytes().extend_from_slice(&[0, 2]);
                self.stage = Stage::VencryptVersion;
            }
            VNC => {
                out.bytes().extend_from_slice(&self.security.challenge().unwrap_or_default());
                self.stage = Stage::VncResponse;
            }
            NONE => {
                if self.version == Version::V3_8 {
                    out.bytes().extend_from_slice(&ACCEPTED.to_be_bytes());
                }
                self.stage = Stage::ClientInit;
            }
            _ => return Err(RfbError::NotOffered { chosen: u32::from(chosen) }),
        }
        Ok(Outcome::Nothing)
    }

    fn take_subtype(&mut self, chosen: u32, out: &mut Output) -> Result<Outcome, RfbError> {
        let is_offered = self.security.subtypes().contains(&chosen);
        match chosen {
            X509_PLAIN | TLS_PLAIN if is_offered => {
                out.bytes().push(1);
                self.stage = Stage::Tls;
                let kind = if chosen == X509_PLAIN { TlsKind::X509 } else { TlsKind::Anonymous };
                Ok(Outcome::Event(Event::StartTls(kind)))
            }
            PLAIN if is_offered => {
                self.stage = Stage::PlainLengths;
                Ok(Outcome::Nothing)
            }
            _ => {
                out.bytes().push(0);
                Err(RfbError::NotOffered { chosen })
            }
        }
    }

    fn turn_away(&mut self, reason: &str, out: &mut Output) {
        out.bytes().extend_from_slice(&REFUSED.to_be_bytes());
        if self.version.tells_reasons() {
            put_text(reason, out);
        }
        self.stage = Stage::Refused;
    }
}

/// A text behind its length.
fn put_text(text: &str, out: &mut Output) {
    // The texts are this program's own or cut by the caller, and short.
    let len = u32::try_from(text.len()).unwrap_or(0);
    out.bytes().extend_from_slice(&len.to_be_bytes());
    out.bytes().extend_from_slice(&text.as_bytes()[..len as usize]);
}

/// Values of the SecurityResult message (RFC 6143, section 7.1.3).
const ACCEPTED: u32 = 0;
const REFUSED: u32 = 1;
/// Bytes that a name or a password may have.
const MAX_CREDENTIAL: usize = 1024;
