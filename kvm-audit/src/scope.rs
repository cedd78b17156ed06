//! What a declared capability may be used on.

use std::fmt;

/// What a declared capability may be used on: device paths, socket addresses, files.
///
/// A subject is in scope when it is one of the named ones, or when it matches a named pattern, in which
/// `*` stands for any run of characters. Patterns are only to be had with a justification: a scope that
/// names a `*` without one admits nothing by it, and no manifest declares it.
///
/// ```
/// use kvm_audit::Scope;
///
/// assert!(Scope::from("/dev/video0").admits("/dev/video0"));
/// assert!(!Scope::from("/dev/video*").admits("/dev/video0")); // a name, not a pattern
/// assert!(Scope::matching("/dev/video*", "grabbers are numbered as they are plugged in").admits("/dev/video7"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Scope {
    subjects: Vec<String>,
    justification: Option<String>,
}

impl Scope {
    pub(crate) fn new(subjects: Vec<String>, justification: Option<String>) -> Self {
        Self { subjects, justification }
    }

    /// Any subject that matches the pattern, and why that must be so broad.
    pub fn matching(pattern: impl Into<String>, justification: impl Into<String>) -> Self {
        Self::new(vec![pattern.into()], Some(justification.into()))
    }

    /// Any subject at all, and why that must be so broad.
    pub fn any(justification: impl Into<String>) -> Self {
        Self::matching("*", justification)
    }

    /// One subject or pattern more. `*` is a wildcard only in a scope that has a justification.
    #[must_use]
    pub fn and(mut self, subject: impl Into<String>) -> Self {
        self.subjects.push(subject.into());
        self
    }

    /// Whether the subject may be used.
    pub fn admits(&self, subject: &str) -> bool {
        self.subjects.iter().any(|named| {
            if self.justification.is_some() { matches(named, subject) } else { named == subject }
        })
    }

    /// The subjects and patterns, as they were named.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.subjects.iter().map(String::as_str)
    }

    /// Why the scope has wildcards; `None` if it names its subjects one by one.
    pub fn justification(&self) -> Option<&str> {
        self.justification.as_deref()
    }

    /// Whether it names no subject, or one of them is blank.
    pub(crate) fn is_blank(&self) -> bool {
        self.subjects.is_empty() || self.subjects().any(|subject| subject.trim().is_empty())
    }

    /// The first subject with a `*` that no justification goes with.
    pub(crate) fn unjustified_wildcard(&self) -> Option<&str> {
        let justified = self.justification().is_some_and(|reason| !reason.trim().is_empty());
        self.subjects().find(|subject| !justified && subject.contains('*'))
    }

    /// Whether a wildcard makes the scope broader than the subjects it names.
    pub fn is_broad(&self) -> bool {
        self.justification.is_some() && self.subjects().any(|subject| subject.contains('*'))
    }
}

impl From<&str> for Scope {
    fn from(subject: &str) -> Self {
        Self::new(vec![subject.to_owned()], None)
    }
}

impl From<String> for Scope {
    fn from(subject: String) -> Self {
        Self::new(vec![subject], None)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subjects.join(", "))
    }
}

/// Greedy glob match with `*` only; linear in practice and never exponential, since only the last `*` is
/// ever retried.
fn matches(pattern: &str, subject: &str) -> bool {
    let (pattern, subject) = (pattern.as_bytes(), subject.as_bytes());
    let (mut p, mut s) = (0, 0);
    let mut retry = None;
    while s < subject.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p, s));
            p += 1;
        } else if pattern.get(p) == subject.get(s) {
            p += 1;
            s += 1;
        } else if let Some((star, from)) = retry {
            p = star + 1;
            s = from + 1;
            retry = Some((star, s));
        } else {
            return false;
        }
    }
    pattern.iter().skip(p).all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, subject, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("/dev/video*", "/dev/video12", true),
            ("/dev/video*", "/dev/snd/pcmC0D0c", false),
            ("127.0.0.1:*", "127.0.0.1:8080", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-c-", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }

    #[test]
    fn a_star_without_justification_is_a_plain_character() {
        assert!(!Scope::from("*").admits("/dev/video0"));
        assert!(!Scope::from("*").is_broad());
    }
}
