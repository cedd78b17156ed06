//! Motion vectors and what predicts them (ITU-T H.264, 8.4.1).

use super::inter::Vector;

impl Vector {
    pub(super) const ZERO: Self = Self { x: 0, y: 0 };

    /// The vector by so many whole samples; `None` if that is out of every level's range.
    pub(super) fn whole(x: i64, y: i64) -> Option<Self> {
        Some(Self { x: i16::try_from(x.checked_mul(4)?).ok()?, y: i16::try_from(y.checked_mul(4)?).ok()? })
    }

    /// Whether it points to whole samples of chroma, and so of luma.
    pub(super) fn is_whole_in_chroma(self) -> bool {
        (self.x | self.y) & 7 == 0
    }
}

impl std::ops::Sub for Vector {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { x: self.x.wrapping_sub(other.x), y: self.y.wrapping_sub(other.y) }
    }
}

/// What a neighbouring partition offers: nothing beyond the slice, no vector where it is intra-coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Neighbour {
    Unavailable,
    Intra,
    Inter(Vector),
}

impl Neighbour {
    /// The first of two that is available.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Unavailable { other } else { self }
    }

    fn vector(self) -> Vector {
        match self {
            Self::Inter(vector) => vector,
            Self::Unavailable | Self::Intra => Vector::ZERO,
        }
    }

    fn inter(self) -> Option<Vector> {
        match self {
            Self::Inter(vector) => Some(vector),
            Self::Unavailable | Self::Intra => None,
        }
    }
}

/// The partitions left, above, and above right of another (or above left where that is not available): A, B and C
/// of clause 8.4.1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) left: Neighbour,
    pub(super) above: Neighbour,
    pub(super) diagonal: Neighbour,
}

impl Around {
    /// Predicts by the median (8.4.1.3.1). There is one reference picture, so any neighbour with a vector refers to
    /// the same as the partition does.
    pub(super) fn median(self) -> Vector {
        let Self { left, above, diagonal } = self;
        if above == Neighbour::Unavailable && diagonal == Neighbour::Unavailable {
            return left.vector();
        }
        match (left, above, diagonal) {
            (
                Neighbour::Inter(only),
                Neighbour::Intra | Neighbour::Unavailable,
                Neighbour::Intra | Neighbour::Unavailable,
            )
            | (
                Neighbour::Intra | Neighbour::Unavailable,
                Neighbour::Inter(only),
                Neighbour::Intra | Neighbour::Unavailable,
            )
            | (
                Neighbour::Intra | Neighbour::Unavailable,
                Neighbour::Intra | Neighbour::Unavailable,
                Neighbour::Inter(only),
            ) => only,
            _ => {
                let (a, b, c) = (left.vector(), above.vector(), diagonal.vector());
                Vector { x: middle(a.x, b.x, c.x), y: middle(a.y, b.y, c.y) }
            }
        }
    }

    /// The vector of a skipped macroblock (8.4.1.1).
    pub(super) fn skipped(self) -> Vector {
        let is_still = |neighbour| match neighbour {
            Neighbour::Unavailable => true,
            Neighbour::Intra => false,
            Neighbour::Inter(vector) => vector == Vector::ZERO,
        };
        if is_still(self.left) || is_still(self.above) { Vector::ZERO } else { self.median() }
    }

    /// Predicts by one neighbour where it has a vector (8.4.1.3), as the halves of a macroblock do.
    pub(super) fn directed(self, by: Neighbour) -> Vector {
        by.inter().unwrap_or_else(|| self.median())
    }
}

fn middle(a: i16, b: i16, c: i16) -> i16 {
    a.max(b).min(a.min(b).max(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn inter(x: i16, y: i16) -> Neighbour {
        Neighbour::Inter(Vector { x, y })
    }

    #[test]
    fn the_median_follows_the_rules_for_missing_neighbours() {
        let around = |left, above, diagonal| Around { left, above, diagonal }.median();
        let (none, intra) = (Neighbour::Unavailable, Neighbour::Intra);
        assert_eq!(around(inter(4, 8), none, none), Vector { x: 4, y: 8 });
        assert_eq!(around(none, none, none), Vector::ZERO);
        assert_eq!(around(intra, none, none), Vector::ZERO);
        assert_eq!(around(none, inter(4, 8), none), Vector { x: 4, y: 8 });
        assert_eq!(around(intra, intra, inter(-4, 8)), Vector { x: -4, y: 8 });
        assert_eq!(around(inter(1, 9), intra, inter(3, 7)), Vector { x: 1, y: 7 });
        assert_eq!(around(inter(1, 9), inter(2, -8), inter(3, 7)), Vector { x: 2, y: 7 });
    }

    #[test]
    fn a_skipped_macroblock_stands_still_beside_a_still_one_and_at_the_edge() {
        let around = |left, above, diagonal| Around { left, above, diagonal }.skipped();
        let moving = inter(0, 8);
        assert_eq!(around(inter(0, 0), moving, moving), Vector::ZERO);
        assert_eq!(around(moving, Neighbour::Unavailable, Neighbour::Unavailable), Vector::ZERO);
        assert_eq!(around(moving, Neighbour::Intra, moving), Vector { x: 0, y: 8 });
        assert_eq!(around(Neighbour::Intra, moving, Neighbour::Intra), Vector { x: 0, y: 8 });
    }
}
