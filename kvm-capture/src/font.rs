//! Glyphs of 8×16 pixels.

use std::collections::HashMap;
use std::sync::LazyLock;

use spleen_font::{FONT_8X16, PSF2Font};

/// Width of a glyph in pixels.
pub(crate) const GLYPH_WIDTH_PX: u32 = 8;
/// Height of a glyph in pixels.
pub(crate) const GLYPH_HEIGHT_PX: u32 = 16;

/// The rows of a glyph from the top, leftmost pixel in the highest bit.
pub(crate) type Glyph = [u8; GLYPH_HEIGHT_PX as usize];

/// The glyph of a character; an outlined box for one the font does not have.
pub(crate) fn glyph(character: char) -> Glyph {
    static GLYPHS: LazyLock<HashMap<char, Glyph>> = LazyLock::new(read_font);
    GLYPHS.get(&character).copied().unwrap_or(MISSING)
}

/// Latin letters, arrows, box drawing and blocks, as far as the font has them.
fn read_font() -> HashMap<char, Glyph> {
    let Ok(mut font) = PSF2Font::new(FONT_8X16) else { return HashMap::new() };
    let wanted = ('\u{20}'..='\u{7e}')
        .chain('\u{a0}'..='\u{ff}')
        .chain('\u{2190}'..='\u{2193}')
        .chain('\u{2500}'..='\u{259f}');
    let mut glyphs = HashMap::new();
    for character in wanted {
        let Some(pixels) = font.glyph_for_utf8(character.encode_utf8(&mut [0; 4]).as_bytes()) else {
            continue;
        };
        let mut glyph = [0; GLYPH_HEIGHT_PX as usize];
        for (bits, row) in glyph.iter_mut().zip(pixels) {
            *bits = row.take(GLYPH_WIDTH_PX as usize).fold(0, |bits, on| bits << 1 | u8::from(on));
        }
        glyphs.insert(character, glyph);
    }
    glyphs
}

const MISSING: Glyph = [0, 0, 0x7e, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x7e, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_there_and_differ() {
        assert_eq!(glyph(' '), [0; 16]);
        for character in '!'..='~' {
            assert_ne!(glyph(character), MISSING, "{character}");
        }
        assert_ne!(glyph('a'), glyph('b'));
        assert_eq!(glyph('\u{10ffff}'), MISSING);
    }
}
