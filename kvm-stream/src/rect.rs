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

    /// Whether there is no pixel inside.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The column right of the last one.
    pub const fn right(self) -> u32 {
        self.x.saturating_add(self.width)
    }

    /// The row below the last one.
    pub const fn bottom(self) -> u32 {
        self.y.saturating_add(self.height)
    }

    /// Whether the pixel is inside.
    pub const fn contains(self, x: u32, y: u32) -> bool {
        x >= self.x && y >= self.y && x - self.x < self.width && y - self.y < self.height
    }

    /// What lies in both; `None` if that is no pixel.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let (right, bottom) = (self.right().min(other.right()), self.bottom().min(other.bottom()));
        (x < right && y < bottom).then(|| Self::new(x, y, right - x, bottom - y))
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) = (self.right().max(other.right()), self.bottom().max(other.bottom()));
        Self::new(x, y, right - x, bottom - y)
    }
}
