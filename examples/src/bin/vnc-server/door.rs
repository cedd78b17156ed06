//! Who is let in, and how often somebody may be wrong.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kvm_stream::rfb::{Credentials, Security, VncResponse};

use crate::options::Options;
use crate::parts::StartError;
use crate::users::{Rights, Users, read_private};

/// Knows who may come in.
#[derive(Clone)]
pub(crate) struct Door {
    allows_anybody: bool,
    vnc_password: Option<String>,
    users: Option<Users>,
    attempts: Arc<Mutex<Attempts>>,
}

#[derive(Default)]
struct Attempts {
    wrong: u32,
    closed_until: Option<Instant>,
}

impl Door {
    /// Reads who may come in.
    pub(crate) fn new(options: &Options) -> Result<Self, StartError> {
        let vnc_password = options
            .vnc_password()
            .map(|path| {
                let text = read_private(path)?;
                let password = text.lines().next().unwrap_or_default().to_owned();
                let expected = "a password on the first line";
                if password.is_empty() {
                    Err(StartError::Malformed { path: path.to_owned(), expected })
                } else {
                    Ok(password)
                }
            })
            .transpose()?;
        let users = options.users().map(Users::read).transpose()?;
        let allows_anybody = options.no_authentication;
        if !allows_anybody && vnc_password.is_none() && users.is_none() {
            return Err(StartError::NobodyMayConnect);
        }
        Ok(Self { allows_anybody, vnc_password, users, attempts: Arc::default() })
    }

    /// What a new viewer is offered.
    pub(crate) fn security(&self) -> Result<Security, getrandom::Error> {
        let mut kinds = Vec::new();
        if self.allows_anybody {
            kinds.push(Security::with_no_authentication());
        }
        if self.vnc_password.is_some() {
            let mut challenge = [0; 16];
            getrandom::fill(&mut challenge)?;
            kinds.push(Security::with_vnc_authentication(challenge));
        }
        if self.users.is_some() {
            kinds.push(Security::with_x509_plain());
        }
        Ok(kinds.into_iter().fold(Security::default(), Security::or))
    }

    /// What somebody may do who says who they are.
    pub(crate) fn rights(&self, credentials: &Credentials, now: Instant) -> Result<Rights, &'static str> {
        let users = self.users.as_ref();
        self.attempt(now, || users.and_then(|users| users.rights(&credentials.user, &credentials.password)))
    }

    /// What somebody may do who answered the challenge.
    pub(crate) fn rights_by_response(
        &self,
        response: &VncResponse,
        now: Instant,
    ) -> Result<Rights, &'static str> {
        self.attempt(now, || self.knows_password(response).then_some(Rights::All))
    }

    #[cfg(feature = "vnc-auth")]
    fn knows_password(&self, response: &VncResponse) -> bool {
        self.vnc_password.as_ref().is_some_and(|password| response.is_of(password.as_bytes()))
    }

    #[cfg(not(feature = "vnc-auth"))]
    fn knows_password(&self, _: &VncResponse) -> bool {
        false
    }

    /// Counts what is wrong; after too much of it nothing is looked at for a while.
    fn attempt(&self, now: Instant, check: impl FnOnce() -> Option<Rights>) -> Result<Rights, &'static str> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.closed_until.is_some_and(|until| now < until) {
            return Err("too many wrong passwords; try again in half a minute");
        }
        if attempts.closed_until.take().is_some() {
            attempts.wrong = 0;
        }
        let rights = check();
        if rights.is_none() {
            attempts.wrong += 1;
            if attempts.wrong >= WRONG_PASSWORDS {
                attempts.closed_until = Some(now + CLOSED_FOR);
            }
        }
        rights.ok_or("wrong name or password")
    }
}

/// Which kinds there are, and no password.
impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("allows_anybody", &self.allows_anybody)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

/// Wrong passwords until none is looked at.
const WRONG_PASSWORDS: u32 = 10;
/// For how long none is looked at.
const CLOSED_FOR: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_too_many_wrong_passwords_none_is_looked_at_for_a_while() {
        let door = Door { allows_anybody: false, vnc_password: None, users: None, attempts: Arc::default() };
        let now = Instant::now();
        for _ in 0..WRONG_PASSWORDS {
            assert_eq!(door.attempt(now, || None), Err("wrong name or password"));
        }
        assert!(door.attempt(now, || Some(Rights::All)).is_err());
        assert_eq!(door.attempt(now + CLOSED_FOR, || Some(Rights::All)), Ok(Rights::All));
    }
}
