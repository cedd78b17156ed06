//! Glyphs of 8×16 pixels.

use std::collections::HashMap;
use std::sync::LazyLock;

use spleen_font::FONT_8X16;

/// Width of a glyph in pixels.
pub(crate) const GLYPH_WIDTH_PX: u32 = 8;
/// Height of a glyph in pixels.
pub(crate) const GLYPH_HEIGHT_PX: u32 = 16;

/// The rows of a glyph from the top, leftmost pixel in the highest bit.
pub(crate) type Glyph = [u8; GLYPH_HEIGHT_PX as usize];

/// The glyph of a character; an outlined box for one the font does not have.
pub(crate) fn glyph(character: char) -> Glyph {
    static GLYPHS: LazyLock<HashMap<char, Glyph>> = LazyLock::new(|| read_psf1(FONT_8X16));
    GLYPHS.get(&character).copied().unwrap_or(MISSING)
}

/// Reads a PC Screen Font of version 1; what is none has no glyphs.
///
/// The font's crate has a reader, which mistakes the mode for the size of a glyph. The format: two bytes of
/// magic, the mode, the bytes of a glyph, the glyphs, and for each of them the UTF-16 units that it stands
/// for, ended by 0xFFFF; behind 0xFFFE come sequences, which nothing here writes.
fn read_psf1(font: &[u8]) -> HashMap<char, Glyph> {
    let Some((&[0x36, 0x04, mode, 16], rest)) = font.split_first_chunk() else { return HashMap::new() };
    let glyph_count = if mode & HAS_512_GLYPHS != 0 { 512 } else { 256 };
    let Some((bitmaps, table)) = rest.split_at_checked(glyph_count * size_of::<Glyph>()) else {
        return HashMap::new();
    };
    let mut bitmaps = bitmaps.chunks_exact(size_of::<Glyph>()).filter_map(|rows| Glyph::try_from(rows).ok());
    let mut glyphs = HashMap::new();
    let mut current = bitmaps.next();
    let mut in_sequence = false;
    for unit in table.chunks_exact(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]])) {
        match unit {
            0xFFFF => (current, in_sequence) = (bitmaps.next(), false),
            0xFFFE => in_sequence = true,
            _ if in_sequence => {}
            _ => {
                if let (Some(glyph), Some(character)) = (current, char::from_u32(unit.into())) {
                    glyphs.entry(character).or_insert(glyph);
                }
            }
        }
    }
    glyphs
}

/// A bit of the mode.
const HAS_512_GLYPHS: u8 = 1;
const MISSING: Glyph = [0, 0, 0x7e, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x7e, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_there_and_differ() {
        assert_eq!(glyph(' '), [0; 16]);
        for character in ('!'..='~').chain(['↑', '↓', '█', 'é']) {
            assert_ne!(glyph(character), MISSING, "{character}");
        }
        assert_ne!(glyph('a'), glyph('b'));
        assert_eq!(glyph('\u{10ffff}'), MISSING);
    }

    /// Anybody can read this one.
    #[test]
    fn an_h_looks_like_one() {
        let rows = glyph('H').map(|row| format!("{row:08b}").replace('0', "."));
        assert_eq!(rows[2..12].iter().filter(|row| *row == "11...11.").count(), 9);
        assert_eq!(rows[6], "1111111.");
        assert_eq!((rows[0].as_str(), rows[15].as_str()), ("........", "........"));
    }
}
