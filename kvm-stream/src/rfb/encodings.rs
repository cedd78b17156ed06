//! What a client says it understands.

/// What a client's SetEncodings message lists, as far as it matters here (RFC 6143, section 7.5.2, and the
/// community's description).
///
/// Pointers that the client draws (−239, −240, −314) are understood by nearly every client and never sent: the pointer
/// is part of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one encoding that is listed or is not")]
pub(super) struct Encodings {
    /// Raw was listed, before which stands what the client would rather have.
    raw: bool,
    pub(super) copy_rect: bool,
    pub(super) tight: bool,
    pub(super) zrle: bool,
    pub(super) open_h264: bool,
    pub(super) desktop_size: bool,
    pub(super) extended_desktop_size: bool,
    pub(super) desktop_name: bool,
    pub(super) qemu_keys: bool,
    pub(super) qemu_lights: bool,
    pub(super) vmware_lights: bool,
    pub(super) fence: bool,
    pub(super) continuous_updates: bool,
    pub(super) extended_buttons: bool,
    /// Quality of JPEG from 1 to 100; without it JPEG is not to be used.
    pub(super) quality: Option<u8>,
    /// Compression from 0 to 9.
    pub(super) compression: Option<u8>,
}

impl Encodings {
    /// Notes one number of the list, which is in the order of what the client would rather have.
    ///
    /// The order of the three ways to send anything exactly is obeyed: Tight, which can do all that ZRLE can, is not
    /// used for a client that would rather have ZRLE, and neither for one that would rather have Raw.
    pub(super) fn insert(&mut self, number: i32) {
        match number {
            RAW => self.raw = true,
            COPY_RECT => self.copy_rect = true,
            TIGHT => self.tight |= !self.raw && !self.zrle,
            ZRLE => self.zrle |= !self.raw,
            OPEN_H264 => self.open_h264 = true,
            DESKTOP_SIZE => self.desktop_size = true,
            EXTENDED_DESKTOP_SIZE => self.extended_desktop_size = true,
            DESKTOP_NAME => self.desktop_name = true,
            QEMU_KEYS => self.qemu_keys = true,
            QEMU_LIGHTS => self.qemu_lights = true,
            VMWARE_LIGHTS => self.vmware_lights = true,
            FENCE => self.fence = true,
            CONTINUOUS_UPDATES => self.continuous_updates = true,
            EXTENDED_BUTTONS => self.extended_buttons = true,
            // Ten levels, from 10 to 100; the finer scale wins where a client gives both.
            -32..=-23 => self.quality = self.quality.or(small((number + 33) * 10)),
            -512..=-412 => self.quality = small((number + 512).max(1)),
            -256..=-247 => self.compression = small(number + 256),
            _ => {}
        }
    }
}

fn small(number: i32) -> Option<u8> {
    u8::try_from(number).ok()
}

const RAW: i32 = 0;
const COPY_RECT: i32 = 1;
const TIGHT: i32 = 7;
const ZRLE: i32 = 16;
const OPEN_H264: i32 = 50;
pub(super) const DESKTOP_SIZE: i32 = -223;
pub(super) const QEMU_KEYS: i32 = -258;
pub(super) const QEMU_LIGHTS: i32 = -261;
pub(super) const DESKTOP_NAME: i32 = -307;
pub(super) const EXTENDED_DESKTOP_SIZE: i32 = -308;
const FENCE: i32 = -312;
const CONTINUOUS_UPDATES: i32 = -313;
pub(super) const EXTENDED_BUTTONS: i32 = -316;
/// 0x574D5668, after the letters WMVh.
pub(super) const VMWARE_LIGHTS: i32 = 0x574D_5668;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[i32]) -> Encodings {
        let mut encodings = Encodings::default();
        for number in numbers {
            encodings.insert(*number);
        }
        encodings
    }

    #[test]
    fn qualities_are_percents() {
        assert_eq!(of(&[7]).quality, None);
        assert_eq!(of(&[-32]).quality, Some(10));
        assert_eq!(of(&[-23]).quality, Some(100));
        assert_eq!(of(&[-512]).quality, Some(1));
        assert_eq!(of(&[-412, -32]).quality, Some(100));
        assert_eq!(of(&[-32, -450]).quality, Some(62));
        assert_eq!(of(&[-256]).compression, Some(0));
        assert_eq!(of(&[-247]).compression, Some(9));
    }

    #[test]
    fn the_order_counts() {
        let ways = |numbers: &[i32]| (of(numbers).tight, of(numbers).zrle);
        assert_eq!(ways(&[7, 16, 0]), (true, true));
        assert_eq!(ways(&[16, 7, 1, 0]), (false, true));
        assert_eq!(ways(&[1, 0, 7, 16]), (false, false));
        assert_eq!(ways(&[7, 0, 16]), (true, false));
    }

    #[test]
    fn pointers_and_what_is_unknown_change_nothing() {
        assert_eq!(of(&[-239, -240, -314, i32::MIN, i32::MAX]), Encodings::default());
    }
}
