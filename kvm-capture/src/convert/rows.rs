//! Rows of luma and colour differences, for encoders that pull rows.

use super::colour_map::{ColourMap, ColourModel};
use super::unpack::unpack_row;
use crate::{Colour, ImageView};

/// Reads a picture row by row as Y, Cb and Cr of a wanted colour, one byte per pixel each.
///
/// Y Cb Cr sources go there in one step, without a detour over RGB.
#[derive(Debug, Clone, Copy)]
pub struct YccRows<'a> {
    image: ImageView<'a>,
    map: ColourMap,
}

impl<'a> YccRows<'a> {
    /// The rows of this picture in that colour.
    pub fn new(image: ImageView<'a>, colour: Colour) -> Self {
        let map = ColourMap::between(ColourModel::of(image.format()), ColourModel::Ycc(colour));
        Self { image, map }
    }

    /// Reads one row into three slices of the picture's width.
    ///
    /// # Panics
    ///
    /// There are fewer rows, or a slice is not as long as the picture is wide.
    pub fn read(&self, row: usize, [luma, cb, cr]: [&mut [u8]; 3]) {
        unpack_row(&self.image, row, [&mut *luma, &mut *cb, &mut *cr]);
        self.map.apply_rows([luma, cb, cr]);
    }
}
