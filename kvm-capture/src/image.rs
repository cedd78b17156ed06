//! The pixels of a frame, proven to be there.

use crate::FrameFormat;
use crate::pixel_format::PlaneSize;

/// The pixels of a [`Frame`](crate::Frame): every row of every plane is known to be there.
#[derive(Debug, Clone, Copy)]
pub struct ImageView<'a> {
    format: FrameFormat,
    planes: [PlaneView<'a>; 3],
    count: usize,
}

impl<'a> ImageView<'a> {
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
