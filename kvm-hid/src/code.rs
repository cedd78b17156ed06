//! One key under its three names: the browser's, the USB device's and the Linux kernel's.

use crate::Usage;
use crate::code_table::{CONSUMER, KEYBOARD, NAMES_OF_OLD, SYSTEM};

/// The usage of a physical key as browsers name it in `KeyboardEvent.code`.
///
/// The names are those of the W3C [UI Events `code` values], with the older spellings that browsers still
/// send. A key that two usage pages have (volume, power) gets the page that hosts obey: Windows ignores
/// volume keys of the keyboard page.
///
/// ```
/// use kvm_hid::{Usage, usage_of_code};
///
/// assert_eq!(usage_of_code("KeyA"), Some(Usage::keyboard(0x04)));
/// assert_eq!(usage_of_code("AudioVolumeUp"), Some(Usage::consumer(0xE9)));
/// assert_eq!(usage_of_code("Keya"), None);
/// ```
///
/// [UI Events `code` values]: https://www.w3.org/TR/uievents-code/
pub fn usage_of_code(code: &str) -> Option<Usage> {
    let current = rows().find(|row| row.code == code).map(|row| row.usage);
    current.or_else(|| NAMES_OF_OLD.iter().find(|(old, _)| *old == code).map(|&(_, usage)| usage))
}

/// The `KeyboardEvent.code` of a usage; the current spelling where there are several.
pub fn code_of_usage(usage: Usage) -> Option<&'static str> {
    row_of(usage).map(|row| row.code).filter(|code| !code.is_empty())
}

/// The Linux input event code (`KEY_*` of `linux/input-event-codes.h`) by which the kernel's HID driver
/// reports a usage.
pub fn evdev_of_usage(usage: Usage) -> Option<u16> {
    row_of(usage).map(|row| row.evdev).filter(|&evdev| evdev != 0)
}

/// The usage that the kernel's HID driver reports as this Linux input event code.
///
/// Two keys may share a code (the key left of Enter on ISO keyboards is `KEY_BACKSLASH` too): the one that
/// more keyboards have is given.
pub fn usage_of_evdev(code: u16) -> Option<Usage> {
    rows().find(|row| row.evdev == code && code != 0).map(|row| row.usage)
}

/// Every usage that has a name, in the order of lookup.
pub fn known_usages() -> impl Iterator<Item = Usage> {
    rows().map(|row| row.usage)
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) usage: Usage,
    /// Zero where the kernel's driver has no code for the usage.
    pub(crate) evdev: u16,
    /// Empty where browsers have no name for the usage.
    pub(crate) code: &'static str,
}

/// All rows. The keyboard page comes last, so that the page hosts obey wins where two have a key.
fn rows() -> impl Iterator<Item = &'static Row> {
    SYSTEM.iter().chain(CONSUMER).chain(KEYBOARD)
}

fn row_of(usage: Usage) -> Option<&'static Row> {
    rows().find(|row| row.usage == usage)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn usages_are_unique_and_in_the_order_of_the_standard() {
        let all: Vec<Usage> = known_usages().collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        for table in [SYSTEM, CONSUMER, KEYBOARD] {
            assert!(table.windows(2).all(|pair| pair[0].usage < pair[1].usage));
        }
    }

    #[test]
    fn every_code_leads_to_a_usage_with_that_code() {
        for row in rows().filter(|row| !row.code.is_empty()) {
            let usage = usage_of_code(row.code).unwrap();
            assert_eq!(code_of_usage(usage), Some(row.code));
        }
        for (old, usage) in NAMES_OF_OLD {
            assert_eq!(usage_of_code(old), Some(*usage), "{old}");
            assert!(rows().all(|row| row.code != *old), "{old} is a current name");
            assert!(row_of(*usage).is_some(), "{old} leads nowhere");
        }
    }

    #[test]
    fn every_evdev_code_leads_to_a_usage_with_that_code() {
        for row in rows().filter(|row| row.evdev != 0) {
            assert_eq!(usage_of_evdev(row.evdev).and_then(evdev_of_usage), Some(row.evdev));
        }
        assert_eq!(usage_of_evdev(0), None);
    }

    #[test]
    fn a_name_that_two_pages_have_goes_to_the_page_hosts_obey() {
        for (code, usage) in [
            ("AudioVolumeMute", Usage::consumer(0xE2)),
            ("Power", Usage::desktop(0x81)),
            ("Sleep", Usage::desktop(0x82)),
            ("Backslash", Usage::keyboard(0x31)),
            ("IntlHash", Usage::keyboard(0x32)),
        ] {
            assert_eq!(usage_of_code(code), Some(usage), "{code}");
        }
    }
}
