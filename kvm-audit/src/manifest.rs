//! What an integrator says their device may do.

use std::fmt;

use crate::capability::VOCABULARY;
use crate::ledger::Event;
use crate::{Capability, CapabilitySet, Grant, Kind, Ledger, Scope, process_is_sealed};

/// One capability an integrator declares, on what, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Declaration {
    /// The word.
    pub capability: Capability,
    /// What it may be used on.
    pub scope: Scope,
    /// Why the device needs it, for the people who use the device.
    pub reason: String,
}

/// What an integrator says their device may do. What is not declared is forbidden.
///
/// ```
/// use kvm_audit::{Capability, Ledger, Manifest, VideoCapture};
///
/// let manifest = Manifest::new("bench-kvm")
///     .declare(Capability::VideoCapture, "/dev/video0", "shows the target's screen")?
///     .declare(Capability::Keyboard, "/dev/hidg0", "types on the target")?;
/// let ledger = Ledger::new();
/// let grant = manifest.grant::<VideoCapture>(&ledger)?;
/// assert!(manifest.grant::<kvm_audit::Recording>(&ledger).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Manifest {
    name: String,
    vocabulary: u16,
    // INVARIANT: at most one declaration per capability, none report-only, none newer than `vocabulary`,
    // each with a reason and a scope, and with a justification where the scope has a wildcard.
    declarations: Vec<Declaration>,
}

impl Manifest {
    /// Creates a manifest that declares nothing, against the newest vocabulary.
    pub fn new(name: impl Into<String>) -> Self {
        Self::against(VOCABULARY, name)
    }

    /// A manifest that was written against an older vocabulary and declares nothing yet.
    pub(crate) fn against(vocabulary: u16, name: impl Into<String>) -> Self {
        Self { name: name.into(), vocabulary, declarations: Vec::new() }
    }

    /// Declares one capability more.
    ///
    /// # Errors
    ///
    /// The word is declared already, can only be reported, is newer than the manifest's vocabulary, or
    /// comes without a reason, without a scope, or with a wildcard that nobody justifies.
    pub fn declare(
        mut self,
        capability: Capability,
        scope: impl Into<Scope>,
        reason: impl Into<String>,
    ) -> Result<Self, DeclareError> {
        let (scope, reason) = (scope.into(), reason.into());
        if capability.is_report_only() {
            return Err(DeclareError::ReportOnly(capability));
        }
        if capability.since() > self.vocabulary {
            return Err(DeclareError::Newer { capability, vocabulary: self.vocabulary });
        }
        if self.declaration(capability).is_some() {
            return Err(DeclareError::Duplicate(capability));
        }
        if reason.trim().is_empty() {
            return Err(DeclareError::NoReason(capability));
        }
        if scope.is_blank() {
            return Err(DeclareError::NoScope(capability));
        }
        if let Some(subject) = scope.unjustified_wildcard() {
            return Err(DeclareError::NoJustification { capability, subject: subject.to_owned() });
        }
        self.declarations.push(Declaration { capability, scope, reason });
        Ok(self)
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the vocabulary the manifest was written against.
    pub fn vocabulary(&self) -> u16 {
        self.vocabulary
    }

    /// What is declared, in the order it was written.
    pub fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    /// The declaration of one capability.
    pub fn declaration(&self, capability: Capability) -> Option<&Declaration> {
        self.declarations.iter().find(|declaration| declaration.capability == capability)
    }

    /// The declared capabilities as a set.
    pub fn capabilities(&self) -> CapabilitySet {
        self.declarations.iter().map(|declaration| declaration.capability).collect()
    }

    /// Writes every declaration into the ledger. Called once at start, so that the record begins with
    /// what was promised.
    pub fn record_in(&self, ledger: &Ledger) {
        for declaration in &self.declarations {
            ledger.append(Event::Declared, declaration.capability, declaration.scope.to_string());
        }
    }

    /// Mints permission to build one part that uses `K`, and records that.
    ///
    /// # Errors
    ///
    /// The capability is not declared, or the process [is sealed](crate::seal_process). Both are recorded
    /// as refused.
    pub fn grant<K: Kind>(&self, ledger: &Ledger) -> Result<Grant<K>, GrantError> {
        let refuse = |error| {
            ledger.append(Event::Refused, K::CAPABILITY, "");
            Err(error)
        };
        if process_is_sealed() {
            return refuse(GrantError::Sealed(K::CAPABILITY));
        }
        match self.declaration(K::CAPABILITY) {
            Some(declaration) => Ok(Grant::mint(declaration.scope.clone(), ledger.clone())),
            None => refuse(GrantError::Undeclared { capability: K::CAPABILITY, manifest: self.name.clone() }),
        }
    }
}

/// Prints the manifest as people read it: a line per declaration.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} declares (vocabulary {}):", self.name, self.vocabulary)?;
        for Declaration { capability, scope, reason } in &self.declarations {
            let broad = if scope.is_broad() { " (broad)" } else { "" };
            writeln!(f, "  {capability:<16} {scope}{broad}: {reason}")?;
        }
        Ok(())
    }
}

/// Why a capability cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeclareError {
    /// The word can be reported but never declared.
    #[error("{0} can only be reported, no device may declare it")]
    ReportOnly(Capability),
    /// The word is declared already.
    #[error("{0} is declared twice")]
    Duplicate(Capability),
    /// The word came with a later vocabulary.
    #[error("{capability} is newer than vocabulary {vocabulary}, which the manifest was written against")]
    Newer {
        /// The word.
        capability: Capability,
        /// The manifest's vocabulary.
        vocabulary: u16,
    },
    /// The reason is missing.
    #[error("{0} is declared without a reason")]
    NoReason(Capability),
    /// What it may be used on is missing.
    #[error("{0} is declared without a scope: name what it may be used on")]
    NoScope(Capability),
    /// A wildcard stands in the scope, and nobody says why it must be so broad.
    #[error("{capability} is declared for `{subject}`, a wildcard, without a justification")]
    NoJustification {
        /// The word.
        capability: Capability,
        /// The pattern.
        subject: String,
    },
}

/// Why no grant was minted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The manifest does not declare the capability.
    #[error("{capability} is not declared by the manifest of {manifest}")]
    Undeclared {
        /// The capability that was asked for.
        capability: Capability,
        /// The manifest that does not declare it.
        manifest: String,
    },
    /// The process takes no further abilities.
    #[error("{0} was asked for after the process was sealed")]
    Sealed(Capability),
}
