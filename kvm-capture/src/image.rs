//! The pixels of a frame, proven to be there.

use crate::pixel_format::PlaneSize;
use crate::{FrameError, FrameFormat};

/// The pixels of a [`Frame`](crate::Frame): every row of every plane is known to be there.
#[derive(Debug, Clone, Copy)]
pub struct ImageView<'a> {
    format: FrameFormat,
    planes: [PlaneView<'a>; 3],
    count: usize,
}

impl<'a> ImageView<'a> {
    /// The pixels of a raw picture in borrowed memory: for each plane, in the format's order, its bytes and the distance
    /// from one row to the next.
    ///
    /// # Errors
    ///
    /// As for [`Frame::new`](crate::Frame::new); a compressed picture has no planes.
    pub fn of_planes(
        format: FrameFormat,
        planes: impl IntoIterator<Item = (&'a [u8], usize)>,
    ) -> Result<Self, FrameError> {
        let sides = 1..=FrameFormat::MAX_SIDE_PX;
        if !sides.contains(&format.width_px) || !sides.contains(&format.height_px) {
            return Err(FrameError::Size { format });
        }
        let mut given = planes.into_iter();
        let mut views = [PlaneView::EMPTY; 3];
        let mut count = 0;
        for (size, view) in format.pixel.planes(format.width_px, format.height_px).zip(&mut views) {
            let (bytes, stride) = given.next().ok_or(FrameError::PlaneCount { format })?;
            *view = PlaneView::checked(bytes, stride, size).ok_or(FrameError::TooShort {
                format,
                plane: count,
                stride,
                len: bytes.len(),
            })?;
            count += 1;
        }
        if count == 0 || given.next().is_some() {
            return Err(FrameError::PlaneCount { format });
        }
        Ok(Self { format, planes: views, count })
    }

    pub(crate) fn new(format: FrameFormat, planes: [PlaneView<'a>; 3], count: usize) -> Self {
        Self { format, planes, count }
    }

    /// Size, pixel layout and colour.
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// The planes, in the format's order.
    pub fn planes(&self) -> &[PlaneView<'a>] {
        &self.planes[..self.count]
    }

    /// A part of the picture, as a picture of its own.
    ///
    /// `None` if the part is empty, not inside the picture, or begins between pixels that share their colour
    /// differences: its left and top are even where the format has fewer of those.
    pub fn crop(&self, x_px: u32, y_px: u32, width_px: u32, height_px: u32) -> Option<ImageView<'a>> {
        let pixel = self.format.pixel;
        let (shift_x, shift_y) = pixel.chroma_shifts();
        let is_inside = width_px > 0
            && height_px > 0
            && x_px.checked_add(width_px).is_some_and(|right| right <= self.format.width_px)
            && y_px.checked_add(height_px).is_some_and(|bottom| bottom <= self.format.height_px);
        if !is_inside || x_px % (1 << shift_x) != 0 || y_px % (1 << shift_y) != 0 {
            return None;
        }
        let format = FrameFormat { width_px, height_px, ..self.format };
        let mut planes = [PlaneView::EMPTY; 3];
        let sizes = pixel.planes(width_px, height_px);
        // What lies left of the part takes as many bytes in a row as a picture that wide.
        let lefts = pixel.planes(x_px, 1).map(|left| left.row_bytes);
        for (index, (size, left)) in sizes.zip(lefts).enumerate() {
            let top = (y_px >> if index == 0 { 0 } else { shift_y }) as usize;
            planes[index] = self.planes[index].crop(left, top, size);
        }
        Some(ImageView::new(format, planes, self.count))
    }

    /// One plane.
    ///
    /// # Panics
    ///
    /// The format has fewer planes.
    pub fn plane(&self, index: usize) -> PlaneView<'a> {
        self.planes()[index]
    }
}

/// One plane of a picture: rows one stride apart.
#[derive(Debug, Clone, Copy)]
pub struct PlaneView<'a> {
    // INVARIANT: holds `(rows - 1) * stride + row_bytes` bytes or more, and `stride >= row_bytes`.
    bytes: &'a [u8],
    stride: usize,
    size: PlaneSize,
}

impl<'a> PlaneView<'a> {
    pub(crate) const EMPTY: Self = Self { bytes: &[], stride: 0, size: PlaneSize { row_bytes: 0, rows: 0 } };

    pub(crate) fn new(bytes: &'a [u8], stride: usize, size: PlaneSize) -> Self {
        Self { bytes, stride, size }
    }

    /// The plane, if its rows fit into the stride and into the bytes.
    fn checked(bytes: &'a [u8], stride: usize, size: PlaneSize) -> Option<Self> {
        let needed = (size.rows - 1).checked_mul(stride)?.checked_add(size.row_bytes)?;
        (stride >= size.row_bytes && needed <= bytes.len()).then_some(Self { bytes, stride, size })
    }

    fn crop(&self, left_bytes: usize, top: usize, size: PlaneSize) -> Self {
        Self::new(&self.bytes[top * self.stride + left_bytes..], self.stride, size)
    }

    /// Bytes of a row that hold pixels, and rows.
    pub fn size(&self) -> PlaneSize {
        self.size
    }

    /// Distance from one row to the next, in bytes.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// One row, without the padding behind it.
    ///
    /// # Panics
    ///
    /// There are fewer rows.
    pub fn row(&self, row: usize) -> &'a [u8] {
        assert!(row < self.size.rows, "row {row} of {}", self.size.rows);
        &self.bytes[row * self.stride..][..self.size.row_bytes]
    }

    /// The rows, from the top.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let this = *self;
        (0..this.size.rows).map(move |row| this.row(row))
    }

    /// Everything from the first pixel of one row to the last pixel of another, padding between rows included.
    ///
    /// # Panics
    ///
    /// There are fewer rows than `until`, or none between the two.
    pub fn span(&self, from: usize, until: usize) -> &'a [u8] {
        assert!(from < until && until <= self.size.rows, "rows {from}..{until} of {}", self.size.rows);
        &self.bytes[from * self.stride..(until - 1) * self.stride + self.size.row_bytes]
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use crate::convert::Converter;
    use crate::{Frame, FrameFormat, PixelFormat};

    proptest! {
        /// A part converted is the part of the whole converted.
        #[test]
        fn a_part_is_that_part_of_the_picture(
            index in 0..PixelFormat::ALL.len() - 1,
            (width, height) in (1_u32..40, 1_u32..40),
            (x, y, w, h) in (0_u32..40, 0_u32..40, 0_u32..40, 0_u32..40),
        ) {
            let format = FrameFormat::new(PixelFormat::ALL[index], width, height);
            let bytes: Vec<u8> = (0..=250).cycle().step_by(37).take(format.len_bytes()).collect();
            let frame = Frame::packed(format, Bytes::from(bytes)).unwrap();
            let image = frame.image().unwrap();
            let (shift_x, shift_y) = format.pixel.chroma_shifts();
            let fits = w > 0 && h > 0 && x + w <= width && y + h <= height;
            let is_whole = x % (1 << shift_x) == 0 && y % (1 << shift_y) == 0;
            let part = image.crop(x, y, w, h);
            prop_assert_eq!(part.is_some(), fits && is_whole);
            let Some(part) = part else { return Ok(()) };
            let rgb = |width, height| FrameFormat::new(PixelFormat::Rgb24, width, height);
            let (mut whole, mut out) = (Vec::new(), Vec::new());
            Converter::new().convert(&image, rgb(width, height), &mut whole);
            Converter::new().convert(&part, rgb(w, h), &mut out);
            for row in 0..h {
                let from = (((y + row) * width + x) * 3) as usize;
                let len = (w * 3) as usize;
                prop_assert_eq!(&whole[from..from + len], &out[row as usize * len..][..len]);
            }
        }
    }
}
