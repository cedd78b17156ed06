//! Whether a device has a signal, and if not, why.

use rustix::io::Errno;

use super::abi::{DvTimings, ENUMINPUT, Input, QUERY_DV_TIMINGS};
use super::device::Device;
use crate::{CaptureError, SignalLoss};

/// What a device says of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensed {
    /// A digital video signal with these timings.
    Timings(DvTimings),
    /// A signal, or a device that cannot tell: cameras and USB grabbers have no timings to ask for.
    Present,
    /// No signal, and why.
    Lost(SignalLoss),
}

/// Asks a device for its signal.
///
/// Drivers answer from a register; the slowest, behind an I²C bus, in some milliseconds.
pub(super) fn sense(device: &Device) -> Result<Sensed, CaptureError> {
    let mut timings = DvTimings::default();
    match device.call(&QUERY_DV_TIMINGS, &mut timings) {
        // A signal of no size is one the receiver has not measured yet.
        Ok(()) if timings.width == 0 || timings.height == 0 => Ok(Sensed::Lost(SignalLoss::NoLock)),
        Ok(()) => Ok(Sensed::Timings(timings)),
        Err(error) => match (loss(&error), errno(&error)) {
            (Some(reason), _) => Ok(Sensed::Lost(reason)),
            // The driver or this input has no timings.
            (None, Some(Errno::NOTTY | Errno::NODATA | Errno::INVAL)) => Ok(sense_input(device)),
            (None, _) => Err(error),
        },
    }
}

/// Whether an error of any operation says that the device is gone.
pub(super) fn is_gone(error: &CaptureError) -> bool {
    matches!(errno(error), Some(Errno::NODEV | Errno::NXIO))
}

/// Whether the driver says that its stream broke: `EIO` for "temporary problems like signal loss", `EPIPE` for
/// the last buffer of a stream (`VIDIOC_DQBUF`, "Return Value").
pub(super) fn is_broken_stream(error: &CaptureError) -> bool {
    matches!(errno(error), Some(Errno::IO | Errno::PIPE))
}

/// Whether a signal is still the one that was set up. Receivers measure the pixel clock, so it may differ by as
/// much as the kernel's own drivers allow when they compare (250 kHz).
pub(super) fn is_same(set: &DvTimings, measured: &DvTimings) -> bool {
    (set.kind, set.width, set.height, set.interlaced)
        == (measured.kind, measured.width, measured.height, measured.interlaced)
        && set.pixelclock_hz().abs_diff(measured.pixelclock_hz()) <= 250_000
}

/// The loss of signal that asking for timings ended with (`VIDIOC_QUERY_DV_TIMINGS`, "Return Value").
fn loss(error: &CaptureError) -> Option<SignalLoss> {
    match errno(error)? {
        Errno::NOLINK => Some(SignalLoss::NoCable),
        Errno::NOLCK => Some(SignalLoss::NoLock),
        Errno::RANGE => Some(SignalLoss::OutOfRange),
        Errno::NODEV | Errno::NXIO => Some(SignalLoss::DeviceGone),
        _ => None,
    }
}

/// The status flags of the current input, for devices without timings.
fn sense_input(device: &Device) -> Sensed {
    let mut input = Input::at(device.input());
    match device.call(&ENUMINPUT, &mut input) {
        Ok(()) if input.status & Input::NOTHING_THERE != 0 => Sensed::Lost(SignalLoss::NoCable),
        Ok(()) if input.status & Input::NOT_LOCKED != 0 => Sensed::Lost(SignalLoss::NoLock),
        // A device that has no inputs to speak of has its one picture.
        Ok(()) | Err(_) => Sensed::Present,
    }
}

fn errno(error: &CaptureError) -> Option<Errno> {
    match error {
        CaptureError::Driver { source, .. } | CaptureError::Open { source, .. } => {
            Errno::from_io_error(source)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_driver_are_reasons() {
        let reason = |errno: Errno| loss(&CaptureError::Driver { operation: "", source: errno.into() });
        assert_eq!(reason(Errno::NOLINK), Some(SignalLoss::NoCable));
        assert_eq!(reason(Errno::NOLCK), Some(SignalLoss::NoLock));
        assert_eq!(reason(Errno::RANGE), Some(SignalLoss::OutOfRange));
        assert_eq!(reason(Errno::NODEV), Some(SignalLoss::DeviceGone));
        assert_eq!(reason(Errno::INVAL), None);
    }

    #[test]
    fn another_size_is_another_signal() {
        let set = DvTimings { width: 1280, height: 720, ..DvTimings::default() };
        assert!(is_same(&set, &set));
        assert!(!is_same(&set, &DvTimings { height: 721, ..set }));
    }
}
