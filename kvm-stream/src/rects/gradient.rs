//! The gradient filter of Tight rectangles: pixels as what their neighbours do not foretell.

use super::ClientPixels;

/// Appends each pixel's difference from what its left, upper and upper left neighbours foretell, as a pixel.
///
/// Left of the first column and above the first row everything is 0.
pub(super) fn differences(pixels: &[u32], width: usize, client: ClientPixels, out: &mut Vec<u8>) {
    let maxima = client.maxima();
    let mut above: &[u32] = &[];
    for row in pixels.chunks(width) {
        let mut left = [0; 3];
        let mut above_left = [0; 3];
        for (column, pixel) in row.iter().enumerate() {
            let here = client.parts_of(*pixel);
            let up = above.get(column).map_or([0; 3], |pixel| client.parts_of(*pixel));
            let difference = std::array::from_fn(|part| {
                let foretold = foretell(left[part], up[part], above_left[part], maxima[part]);
                here[part].wrapping_sub(foretold) & maxima[part]
            });
            client.put_tight(client.pixel_of_parts(difference), out);
            (left, above_left) = (here, up);
        }
        above = row;
    }
}

/// Whether differences are likely shorter than the pixels: where hardly any pixel is as its left neighbour, and the
/// differences from it are small.
pub(super) fn pays(pixels: &[u32], width: usize, client: ClientPixels) -> bool {
    let (mut equal, mut near, mut seen) = (0_u32, 0_u32, 0_u32);
    let maxima = client.maxima();
    // Every fourth row tells enough.
    for row in pixels.chunks(width).step_by(4) {
        for pair in row.windows(2) {
            seen += 1;
            if pair[0] == pair[1] {
                equal += 1;
            } else {
                let [one, other] = [pair[0], pair[1]].map(|pixel| client.parts_of(pixel));
                let is_near = (0..3).all(|part| one[part].abs_diff(other[part]) <= maxima[part] / 8);
                near += u32::from(is_near);
            }
        }
    }
    equal * 3 < seen && near * 2 > seen - equal
}

fn foretell(left: u16, up: u16, above_left: u16, max: u16) -> u16 {
    let sum = (u32::from(left) + u32::from(up)).saturating_sub(u32::from(above_left));
    u16::try_from(sum).map_or(max, |sum| sum.min(max))
}
