//! From luma and colour differences to words of red, green and blue.

use kvm_capture::convert::ColourMap;

use crate::simd::Kernel;

/// A [`ColourMap`] to red, green and blue as plain numbers, for loops that become vector instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToRgb {
    luma: [i32; 3],
    cb: [i32; 3],
    cr: [i32; 3],
    offset: [i32; 3],
}

impl ToRgb {
    pub(super) fn new(map: &ColourMap) -> Self {
        let (matrix, offset) = map.coefficients();
        let column = |source: usize| matrix.map(|row| row[source]);
        Self { luma: column(0), cb: column(1), cr: column(2), offset }
    }

    /// What the three colours get of the colour differences that pixels share.
    #[inline(always)]
    fn chroma(&self, cb: u8, cr: u8) -> [i32; 3] {
        let (cb, cr) = (i32::from(cb), i32::from(cr));
        std::array::from_fn(|part| self.cb[part] * cb + self.cr[part] * cr + self.offset[part])
    }

    /// A word of which the lower three bytes are red, green and blue.
    #[inline(always)]
    fn word(&self, luma: u8, chroma: [i32; 3]) -> u32 {
        let mut word = 0;
        for (factor, chroma) in self.luma.into_iter().zip(chroma) {
            let value = ((factor * i32::from(luma) + chroma) >> 16).clamp(0, 255);
            #[expect(clippy::cast_sign_loss, reason = "clamped to what a byte holds")]
            let part = value as u32;
            word = word << 8 | part;
        }
        word
    }
}

/// Pairs of pixels packed in four bytes: the numbers say where the first luma, Cb, the second luma and Cr are.
pub(super) struct Packed<'a, const Y0: usize, const CB: usize, const Y1: usize, const CR: usize> {
    pub(super) map: &'a ToRgb,
    pub(super) row: &'a [u8],
    pub(super) out: &'a mut [u32],
}

impl<const Y0: usize, const CB: usize, const Y1: usize, const CR: usize> Kernel
    for Packed<'_, Y0, CB, Y1, CR>
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (out, four) in self.out.chunks_exact_mut(2).zip(self.row.chunks_exact(4)) {
            let chroma = self.map.chroma(four[CB], four[CR]);
            out[0] = self.map.word(four[Y0], chroma);
            out[1] = self.map.word(four[Y1], chroma);
        }
    }
}

/// Pairs of pixels of a plane of luma and one of Cb and Cr in turns.
pub(super) struct SemiPlanar<'a> {
    pub(super) map: &'a ToRgb,
    pub(super) luma: &'a [u8],
    pub(super) chroma: &'a [u8],
    pub(super) out: &'a mut [u32],
}

impl Kernel for SemiPlanar<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let pairs = self.luma.chunks_exact(2).zip(self.chroma.chunks_exact(2));
        for (out, (luma, chroma)) in self.out.chunks_exact_mut(2).zip(pairs) {
            let chroma = self.map.chroma(chroma[0], chroma[1]);
            out[0] = self.map.word(luma[0], chroma);
            out[1] = self.map.word(luma[1], chroma);
        }
    }
}

/// Pairs of pixels of planes of luma, Cb and Cr.
pub(super) struct Planar<'a> {
    pub(super) map: &'a ToRgb,
    pub(super) luma: &'a [u8],
    pub(super) cb: &'a [u8],
    pub(super) cr: &'a [u8],
    pub(super) out: &'a mut [u32],
}

impl Kernel for Planar<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let pairs = self.luma.chunks_exact(2).zip(self.cb).zip(self.cr);
        for (out, ((luma, cb), cr)) in self.out.chunks_exact_mut(2).zip(pairs) {
            let chroma = self.map.chroma(*cb, *cr);
            out[0] = self.map.word(luma[0], chroma);
            out[1] = self.map.word(luma[1], chroma);
        }
    }
}
