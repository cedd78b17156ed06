//! Permission to build one part.

use std::marker::PhantomData;

use crate::ledger::Event;
use crate::{CapabilitySet, Kind, Ledger, Scope};

/// Permission to build one part that uses the capability `K`.
///
/// Minted by [`Manifest::grant`](crate::Manifest::grant) and by nothing else, spent by a constructor. It
/// cannot be cloned, and safe Rust cannot forge it:
///
/// ```compile_fail,E0599
/// # let manifest = kvm_audit::Manifest::new("test");
/// # let ledger = kvm_audit::Ledger::new();
/// let grant = manifest.grant::<kvm_audit::VideoCapture>(&ledger).unwrap();
/// let another = grant.clone();
/// ```
///
/// ```compile_fail,E0451
/// let grant = kvm_audit::Grant::<kvm_audit::Keyboard> {
///     scope: "*".into(),
///     ledger: kvm_audit::Ledger::new(),
///     kind: std::marker::PhantomData,
/// };
/// ```
///
/// One for a keyboard opens no camera:
///
/// ```compile_fail,E0308
/// fn open_camera(_: kvm_audit::Grant<kvm_audit::VideoCapture>) {}
/// # let manifest = kvm_audit::Manifest::new("test");
/// # let ledger = kvm_audit::Ledger::new();
/// open_camera(manifest.grant::<kvm_audit::Keyboard>(&ledger).unwrap());
/// ```
///
/// It is spent by what it opens:
///
/// ```compile_fail,E0382
/// fn open_camera(_: kvm_audit::Grant<kvm_audit::VideoCapture>) {}
/// # let manifest = kvm_audit::Manifest::new("test");
/// # let ledger = kvm_audit::Ledger::new();
/// let grant = manifest.grant::<kvm_audit::VideoCapture>(&ledger).unwrap();
/// open_camera(grant);
/// open_camera(grant);
/// ```
///
/// And there is no kind for the words that can only be reported:
///
/// ```compile_fail,E0425
/// # let manifest = kvm_audit::Manifest::new("test");
/// # let ledger = kvm_audit::Ledger::new();
/// let grant = manifest.grant::<kvm_audit::AmbientMicrophone>(&ledger);
/// ```
#[derive(Debug)]
#[must_use = "a grant does nothing until a constructor spends it"]
pub struct Grant<K: Kind> {
    scope: Scope,
    ledger: Ledger,
    kind: PhantomData<K>,
}

impl<K: Kind> Grant<K> {
    pub(crate) fn mint(scope: Scope, ledger: Ledger) -> Self {
        ledger.append(Event::Granted, K::CAPABILITY, scope.to_string());
        Self { scope, ledger, kind: PhantomData }
    }

    /// What the grant may be used on.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Spends the grant on one subject: a device path, an address, a file.
    ///
    /// For constructors. The part keeps the [`InUse`], and dropping it records the release.
    ///
    /// # Errors
    ///
    /// The subject is outside the scope the manifest declared. The grant is gone all the same.
    pub fn exercise(self, subject: &str) -> Result<InUse<K>, OutOfScope> {
        if !self.scope.admits(subject) {
            self.ledger.append(Event::Refused, K::CAPABILITY, subject);
            return Err(OutOfScope {
                capability: K::CAPABILITY,
                subject: subject.to_owned(),
                scope: self.scope.to_string(),
            });
        }
        self.ledger.append(Event::Exercised, K::CAPABILITY, subject);
        Ok(InUse { subject: subject.to_owned(), ledger: self.ledger, kind: PhantomData })
    }
}

/// A grant was spent on a subject that the manifest does not name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{subject}` is outside the declared scope of {capability} ({scope})")]
pub struct OutOfScope {
    /// The capability that was to be used.
    pub capability: crate::Capability,
    /// The subject it was to be used on.
    pub subject: String,
    /// What the manifest declared instead.
    pub scope: String,
}

/// A capability in use by a living part; dropping it records the release.
#[derive(Debug)]
pub struct InUse<K: Kind> {
    subject: String,
    ledger: Ledger,
    kind: PhantomData<K>,
}

impl<K: Kind> InUse<K> {
    /// What the capability is used on.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The capability in use, for a part's [`Declare`](crate::Declare) implementation.
    pub fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::of(K::CAPABILITY)
    }
}

impl<K: Kind> Drop for InUse<K> {
    fn drop(&mut self) {
        self.ledger.append(Event::Released, K::CAPABILITY, std::mem::take(&mut self.subject));
    }
}
