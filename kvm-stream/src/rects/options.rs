//! What a client understands and wants.

use super::ClientPixels;

/// What one client understands and wants of its rectangles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RectOptions {
    /// The client's pixels.
    pub pixels: ClientPixels,
    /// Whether it takes CopyRect (RFC 6143, section 7.7.2).
    pub copy_rect: bool,
    /// Whether it takes Tight.
    pub tight: bool,
    /// Whether it takes Tight's gradient filter, which not every viewer that takes Tight does.
    pub tight_gradient: bool,
    /// Whether it takes ZRLE (RFC 6143, section 7.7.6). Tight goes first.
    pub zrle: bool,
    /// Quality of photos, 1 to 100 on the scale of the Independent JPEG Group, where they may be JPEG pictures at
    /// first; `None` if everything is to be exact at once. Needs [`tight`](Self::tight) and pixels of 32 or 16 bits.
    pub jpeg_quality: Option<u8>,
    /// How hard zlib tries, 1 to 9. With 1, the default, text takes a third less time than with 2 and 8 % more bytes.
    pub zlib_level: u8,
    /// Whether it takes Open H.264. Films are JPEG pictures so far, whatever this says.
    pub open_h264: bool,
    /// Whether it takes exact planes of luma and colour differences, an encoding of this crate's own that no other
    /// viewer knows. What has many colours takes about half the bytes so. Needs [`tight`](Self::tight) and
    /// [`ClientPixels::BGRX`].
    pub planes: bool,
    /// Whether the client has read everything since the beginning, so that its zlib streams can go on. Otherwise
    /// each update begins them anew.
    pub keeps_history: bool,
}

impl RectOptions {
    /// What every RFB client takes: Raw rectangles of its pixels, on a connection that loses nothing.
    pub const fn raw(pixels: ClientPixels) -> Self {
        Self {
            pixels,
            copy_rect: false,
            tight: false,
            tight_gradient: false,
            zrle: false,
            jpeg_quality: None,
            zlib_level: 1,
            open_h264: false,
            planes: false,
            keeps_history: true,
        }
    }
}

impl Default for RectOptions {
    fn default() -> Self {
        Self::raw(ClientPixels::BGRX)
    }
}
