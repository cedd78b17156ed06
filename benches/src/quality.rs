//! How close a shown picture is to the one that was captured.

/// A picture as a viewer sees it: red, green and blue of each pixel, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Pixels in a row.
    pub width: usize,
    /// Red, green and blue, row by row.
    pub rgb: Vec<u8>,
}

impl Screen {
    /// A black screen.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, rgb: vec![0; width * height * 3] }
    }

    /// A part of it: left, top, width and height.
    ///
    /// # Panics
    ///
    /// The part is not inside.
    #[must_use]
    pub fn part(&self, [left, top, width, height]: [usize; 4]) -> Self {
        let rows = self.rgb.chunks_exact(self.width * 3).skip(top).take(height);
        let rgb: Vec<u8> = rows.flat_map(|row| &row[left * 3..(left + width) * 3]).copied().collect();
        assert_eq!(rgb.len(), width * height * 3, "a part outside the picture");
        Self { width, rgb }
    }

    /// The luma of each pixel: BT.709, full range.
    pub fn luma(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend(self.rgb.chunks_exact(3).map(|pixel| {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            ((r * 13_933 + g * 46_871 + b * 4_732 + 32_768) >> 16).to_le_bytes()[0]
        }));
    }
}

/// Differences of a shown picture from the captured one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Mean squared error of red, green and blue.
    pub rgb_error: f64,
    /// Mean squared error of luma.
    pub luma_error: f64,
    /// Structural similarity of luma, up to 1.
    pub ssim: f64,
}

impl Quality {
    /// A picture that is the same.
    pub const EXACT: Self = Self { rgb_error: 0.0, luma_error: 0.0, ssim: 1.0 };
}

/// Compares screens, keeping its memory.
#[derive(Debug, Default)]
pub struct Judge {
    source_luma: Vec<u8>,
    shown_luma: Vec<u8>,
}

impl Judge {
    /// Takes the picture that the next ones are held against.
    pub fn take_source(&mut self, source: &Screen) {
        source.luma(&mut self.source_luma);
    }

    /// Holds what is shown against the source.
    ///
    /// # Panics
    ///
    /// They are of different sizes.
    pub fn judge(&mut self, source: &Screen, shown: &Screen) -> Quality {
        assert_eq!((source.width, source.rgb.len()), (shown.width, shown.rgb.len()), "different sizes");
        if source.rgb == shown.rgb {
            return Quality::EXACT;
        }
        shown.luma(&mut self.shown_luma);
        Quality {
            rgb_error: mean_squared_error(&source.rgb, &shown.rgb),
            luma_error: mean_squared_error(&self.source_luma, &self.shown_luma),
            ssim: ssim(&self.source_luma, &self.shown_luma, source.width),
        }
    }
}

/// Peak signal to noise ratio in dB of 8-bit samples; infinite without an error.
pub fn psnr(mean_squared_error: f64) -> f64 {
    10.0 * (255.0 * 255.0 / mean_squared_error).log10()
}

/// Mean squared difference of samples.
pub fn mean_squared_error(first: &[u8], second: &[u8]) -> f64 {
    // Sums of a row's length fit a word, which is what makes this fast.
    let sum = |(first, second): (&[u8], &[u8])| {
        let squares = first.iter().zip(second).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2));
        u64::from(squares.sum::<u32>())
    };
    let total: u64 = first.chunks(4096).zip(second.chunks(4096)).map(sum).sum();
    total as f64 / first.len() as f64
}

/// Mean structural similarity of two pictures of 8-bit samples (Wang, Bovik, Sheikh, Simoncelli: "Image quality
/// assessment", 2004): unweighted windows of 8×8 at every fourth sample, and the stabilising constants that ffmpeg's
/// `ssim` filter has, so that the figures are the same. A last row or column of less than four is left out.
pub fn ssim(first: &[u8], second: &[u8], width: usize) -> f64 {
    let columns = width / 4;
    let rows = first.len() / width / 4;
    let mut above = vec![Sums::default(); columns];
    let mut below = above.clone();
    let mut total = 0.0;
    for row in 0..rows {
        let start = row * 4 * width;
        std::mem::swap(&mut above, &mut below);
        block_sums(&first[start..], &second[start..], width, &mut below);
        if row > 0 {
            let windows = above.windows(2).zip(below.windows(2));
            total += windows.map(|(a, b)| a[0].plus(a[1]).plus(b[0]).plus(b[1]).similarity()).sum::<f64>();
        }
    }
    total / ((columns - 1) * (rows - 1)) as f64
}

/// Over some samples of both pictures: their sums, the sum of all squares, and of the products.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    first: u32,
    second: u32,
    squares: u32,
    products: u32,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            first: self.first + other.first,
            second: self.second + other.second,
            squares: self.squares + other.squares,
            products: self.products + other.products,
        }
    }

    /// Of a window of 64 samples.
    fn similarity(self) -> f64 {
        let [first, second, squares, products] =
            [self.first, self.second, self.squares, self.products].map(f64::from);
        // Variances and covariance times 64².
        let variances = squares * 64.0 - first * first - second * second;
        let covariance = products * 64.0 - first * second;
        let (luminance, contrast) = (416.0, 235_963.0);
        (2.0 * first * second + luminance) * (2.0 * covariance + contrast)
            / ((first * first + second * second + luminance) * (variances + contrast))
    }
}

/// The sums of a row of blocks of 4×4.
fn block_sums(first: &[u8], second: &[u8], width: usize, out: &mut [Sums]) {
    out.fill(Sums::default());
    for (first, second) in first.chunks_exact(width).zip(second.chunks_exact(width)).take(4) {
        for ((sums, first), second) in out.iter_mut().zip(first.chunks_exact(4)).zip(second.chunks_exact(4)) {
            for (a, b) in first.iter().zip(second) {
                let (a, b) = (u32::from(*a), u32::from(*b));
                sums.first += a;
                sums.second += b;
                sums.squares += a * a + b * b;
                sums.products += a * b;
            }
        }
    }
}
