//! The check that an assembled device stays within its manifest.

use std::fmt;

use crate::{CapabilitySet, Declare, Manifest};

/// Checks that what the parts of a device declare is within its manifest.
///
/// ```
/// use kvm_audit::{Capability, CapabilitySet, Declare, Manifest, assemble};
///
/// struct Camera;
/// impl Declare for Camera {
///     fn capabilities(&self) -> CapabilitySet {
///         CapabilitySet::of(Capability::VideoCapture)
///     }
/// }
///
/// let silent = Manifest::new("does nothing");
/// let exceeds = assemble(&silent, &[("camera", &Camera)]).unwrap_err();
/// assert_eq!(exceeds.to_string(), "parts exceed the manifest of does nothing: camera needs video-capture");
/// ```
///
/// # Errors
///
/// The parts that declare more than the manifest does, each with what is missing.
pub fn assemble(manifest: &Manifest, parts: &[(&str, &dyn Declare)]) -> Result<CapabilitySet, Exceeds> {
    let declared = manifest.capabilities();
    let missing: Vec<Missing> = parts
        .iter()
        .map(|(part, declares)| Missing {
            part: (*part).to_owned(),
            capabilities: declares.capabilities().without(declared),
        })
        .filter(|missing| !missing.capabilities.is_empty())
        .collect();
    if missing.is_empty() {
        Ok(parts.iter().fold(CapabilitySet::EMPTY, |all, (_, part)| all.union(part.capabilities())))
    } else {
        Err(Exceeds { manifest: manifest.name().to_owned(), missing })
    }
}

/// What one part needs and the manifest lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Missing {
    /// The part, as the integrator named it.
    pub part: String,
    /// The capabilities the manifest does not declare.
    pub capabilities: CapabilitySet,
}

/// Parts that declare more than the manifest does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Exceeds {
    /// The name of the manifest.
    pub manifest: String,
    /// The parts and what each lacks; never empty.
    pub missing: Vec<Missing>,
}

impl fmt::Display for Exceeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parts exceed the manifest of {}: ", self.manifest)?;
        for (index, missing) in self.missing.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{} needs {}", missing.part, missing.capabilities)?;
        }
        Ok(())
    }
}

impl std::error::Error for Exceeds {}
