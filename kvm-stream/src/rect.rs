//! A rectangle of pixels.

/// A rectangle of pixels: left, top, width and height, from the picture's upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// First column, in pixels.
    pub x: u32,
    /// First row, in pixels.
    pub y: u32,
    /// Columns, in pixels.
    pub width: u32,
    /// Rows, in pixels.
    pub height: u32,
}

impl Rect {
    /// The rectangle with this corner and size, in pixels.
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// Pixels inside.
    pub const fn area(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Whether the pixel is inside.
    pub const fn contains(self, x: u32, y: u32) -> bool {
        x >= self.x && y >= self.y && x - self.x < self.width && y - self.y < self.height
    }
}
