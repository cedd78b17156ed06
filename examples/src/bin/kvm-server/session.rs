//! Who may see anything at all: one-time tokens, and the sessions they turn into.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// The door: it knows the tokens that are still to be spent and the sessions that were opened with one.
///
/// A token is good for one session. Wrong ones are counted, and when there are too many, none is looked at for a
/// while. Time is an argument.
#[derive(Default)]
pub(crate) struct Door {
    tokens: VecDeque<(Secret, Option<Instant>)>,
    sessions: VecDeque<Secret>,
    wrong: u32,
    closed_until: Option<Instant>,
}

impl Door {
    /// A token for one session, good until it is spent.
    pub(crate) fn first_token(&mut self) -> Result<Secret, getrandom::Error> {
        self.mint(None)
    }

    /// A token for one session more, good for some minutes.
    pub(crate) fn invite(&mut self, now: Instant) -> Result<Secret, getrandom::Error> {
        self.mint(Some(now + INVITE_LASTS))
    }

    /// Spends a token and opens a session.
    pub(crate) fn spend(&mut self, token: &str, now: Instant) -> Result<Secret, Refusal> {
        if let Some(until) = self.closed_until {
            if now < until {
                return Err(Refusal::TooMany { wait: until - now });
            }
            self.closed_until = None;
            self.wrong = 0;
        }
        self.tokens.retain(|(_, until)| until.is_none_or(|until| now < until));
        let Some(index) = position(self.tokens.iter().map(|(secret, _)| secret), token) else {
            self.wrong += 1;
            if self.wrong >= WRONG_TOKENS {
                self.closed_until = Some(now + CLOSED_FOR);
            }
            return Err(Refusal::Unknown);
        };
        let session = Secret::random().map_err(|_| Refusal::NoRandomness)?;
        self.tokens.remove(index);
        if self.sessions.len() == SESSIONS {
            self.sessions.pop_front();
        }
        self.sessions.push_back(session.clone());
        Ok(session)
    }

    /// Whether a cookie is that of an open session.
    pub(crate) fn admits(&self, session: &str) -> bool {
        position(self.sessions.iter(), session).is_some()
    }

    fn mint(&mut self, until: Option<Instant>) -> Result<Secret, getrandom::Error> {
        let token = Secret::random()?;
        if self.tokens.len() == TOKENS {
            self.tokens.pop_front();
        }
        self.tokens.push_back((token.clone(), until));
        Ok(token)
    }
}

/// How many there are of each, and none of them.
impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("tokens", &self.tokens.len())
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}

/// Why a token opens no session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It was never given out, is spent, or is too old.
    Unknown,
    /// Too many wrong ones came.
    TooMany { wait: Duration },
    /// The system gave no randomness for a session.
    NoRandomness,
}

/// 256 random bits in hexadecimal: a token or the key of a session.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text, for the one who is to have it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits)?;
        Ok(Self(bits.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Compares in a time that tells nothing about how much of it was right.
    fn is(&self, presented: &str) -> bool {
        let (own, presented) = (self.0.as_bytes(), presented.as_bytes());
        let difference = own.iter().zip(presented).fold(0, |all, (a, b)| all | (a ^ b));
        // The length is no secret. The barrier keeps the loop from being left early.
        own.len() == presented.len() && std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The place of the secret that was presented. All are compared, so that the time does not tell which it was.
fn position<'a>(secrets: impl Iterator<Item = &'a Secret>, presented: &str) -> Option<usize> {
    secrets
        .enumerate()
        .fold(None, |found, (index, secret)| if secret.is(presented) { Some(index) } else { found })
}

/// Tokens that can wait to be spent.
const TOKENS: usize = 16;
/// Sessions that can be open; one more closes the oldest.
const SESSIONS: usize = 64;
/// How long an invitation lasts.
const INVITE_LASTS: Duration = Duration::from_secs(600);
/// Wrong tokens until none is looked at, which is for typing errors and not for guessing 256 bits.
const WRONG_TOKENS: u32 = 10;
/// For how long none is looked at.
const CLOSED_FOR: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_session() {
        let (mut door, now) = (Door::default(), Instant::now());
        let token = door.first_token().unwrap();
        let session = door.spend(token.reveal(), now).unwrap();
        assert!(door.admits(session.reveal()));
        assert!(!door.admits(token.reveal()) && !door.admits("") && !door.admits(&session.reveal()[1..]));
        assert_eq!(door.spend(token.reveal(), now).unwrap_err(), Refusal::Unknown);
    }

    #[test]
    fn an_invitation_runs_out() {
        let (mut door, now) = (Door::default(), Instant::now());
        let (early, late) = (door.invite(now).unwrap(), door.invite(now).unwrap());
        assert!(door.spend(early.reveal(), now + Duration::from_secs(599)).is_ok());
        assert_eq!(door.spend(late.reveal(), now + INVITE_LASTS).unwrap_err(), Refusal::Unknown);
    }

    #[test]
    fn after_too_many_wrong_tokens_none_is_looked_at_for_a_while() {
        let (mut door, now) = (Door::default(), Instant::now());
        let token = door.first_token().unwrap();
        for _ in 0..WRONG_TOKENS {
            assert_eq!(door.spend("guess", now).unwrap_err(), Refusal::Unknown);
        }
        assert_eq!(door.spend(token.reveal(), now).unwrap_err(), Refusal::TooMany { wait: CLOSED_FOR });
        assert!(door.spend(token.reveal(), now + CLOSED_FOR).is_ok());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut door = Door::default();
        let token = door.first_token().unwrap();
        let printed = format!("{door:?} {token:?}");
        assert!(!printed.contains(token.reveal()));
    }
}
