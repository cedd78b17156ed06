//! Who may connect, from files that nobody else may read.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::parts::StartError;

/// The users of a file: a line `name:password` or `name:password:view-only` each.
///
/// `Debug` shows how many there are.
#[derive(Clone, Default)]
pub(crate) struct Users(Vec<User>);

#[derive(Clone)]
struct User {
    name: String,
    password: String,
    is_view_only: bool,
}

/// What somebody may do who is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    All,
    ViewOnly,
}

impl Users {
    /// Reads the users of a file.
    pub(crate) fn read(path: &Path) -> Result<Self, StartError> {
        let text = read_private(path)?;
        Self::parse(&text).ok_or_else(|| StartError::Malformed {
            path: path.to_owned(),
            expected: "name:password on each line",
        })
    }

    /// The rights of whoever knows a name and its password. All users are compared, so that the time does not tell
    /// which of them exist.
    pub(crate) fn rights(&self, name: &[u8], password: &[u8]) -> Option<Rights> {
        self.0.iter().fold(None, |found, user| {
            let is_it = same(user.name.as_bytes(), name) & same(user.password.as_bytes(), password);
            let rights = if user.is_view_only { Rights::ViewOnly } else { Rights::All };
            if is_it { Some(rights) } else { found }
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let users: Option<Vec<User>> = lines
            .map(|line| {
                let (name, rest) = line.split_once(':')?;
                let (password, is_view_only) = match rest.strip_suffix(":view-only") {
                    Some(password) => (password, true),
                    None => (rest, false),
                };
                let is_complete = !name.is_empty() && !password.is_empty();
                is_complete.then(|| User {
                    name: name.to_owned(),
                    password: password.to_owned(),
                    is_view_only,
                })
            })
            .collect();
        users.filter(|users| !users.is_empty()).map(Self)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// Reads a file that its group and others may not read.
pub(crate) fn read_private(path: &Path) -> Result<String, StartError> {
    let failed = |source| StartError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let metadata: fs::Metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(StartError::Readable { path: path.to_owned() });
    }
    let mut text = String::new();
    (&mut file).take(MAX_LEN).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 == MAX_LEN {
        return Err(failed(io::Error::other("it is too long")));
    }
    Ok(text)
}

/// Compares in a time that tells nothing about how much was right.
fn same(own: &[u8], presented: &[u8]) -> bool {
    let difference = own.iter().zip(presented).fold(0, |all, (a, b)| all | (a ^ b));
    // The barrier keeps the loop from being left early.
    own.len() == presented.len() && std::hint::black_box(difference) == 0
}

const MAX_LEN: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_the_rights_of_their_line() {
        let users = Users::parse("# who\nada:pass:word\n\ngrace:secret:view-only\n").unwrap();
        assert_eq!(users.rights(b"ada", b"pass:word"), Some(Rights::All));
        assert_eq!(users.rights(b"grace", b"secret"), Some(Rights::ViewOnly));
        for (name, password) in
            [("ada", "pass"), ("ada", ""), ("grace", "secret:view-only"), ("", ""), ("x", "secret")]
        {
            assert_eq!(users.rights(name.as_bytes(), password.as_bytes()), None, "{name}");
        }
        assert!(!format!("{users:?}").contains("secret"));
    }

    #[test]
    fn incomplete_files_are_refused() {
        for wrong in ["", "# nobody", "ada", "ada:", ":password", "ada::view-only"] {
            assert!(Users::parse(wrong).is_none(), "{wrong}");
        }
    }
}
