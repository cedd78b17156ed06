//! Capabilities as types, for grants that cannot be mixed up.

use std::fmt::Debug;

use crate::Capability;

mod sealed {
    pub trait Sealed {}
}

/// A capability as a type: the `K` of [`Grant<K>`](crate::Grant).
///
/// Sealed: the report-only words have no kind, so that a grant for an ambient microphone cannot even be
/// written down. Nobody else adds a kind:
///
/// ```compile_fail,E0277
/// #[derive(Debug)]
/// struct Microphone;
///
/// impl kvm_audit::Kind for Microphone {
///     const CAPABILITY: kvm_audit::Capability = kvm_audit::Capability::AmbientMicrophone;
/// }
/// ```
pub trait Kind: sealed::Sealed + Debug + Send + Sync + 'static {
    /// The word this kind stands for.
    const CAPABILITY: Capability;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        #[non_exhaustive]
        pub struct $kind;

        impl sealed::Sealed for $kind {}

        impl Kind for $kind {
            const CAPABILITY: Capability = Capability::$kind;
        }
    )*};
}

kinds! {
    /// Kind of [`Capability::VideoCapture`].
    VideoCapture
    /// Kind of [`Capability::HdmiAudio`].
    HdmiAudio
    /// Kind of [`Capability::AudioPlayback`].
    AudioPlayback
    /// Kind of [`Capability::Keyboard`].
    Keyboard
    /// Kind of [`Capability::Pointer`].
    Pointer
    /// Kind of [`Capability::MassStorage`].
    MassStorage
    /// Kind of [`Capability::NetworkListen`].
    NetworkListen
    /// Kind of [`Capability::NetworkConnect`].
    NetworkConnect
    /// Kind of [`Capability::Recording`].
    Recording
    /// Kind of [`Capability::PowerControl`].
    PowerControl
    /// Kind of [`Capability::FirmwareUpdate`].
    FirmwareUpdate
    /// Kind of [`Capability::VideoCodec`].
    VideoCodec
}
