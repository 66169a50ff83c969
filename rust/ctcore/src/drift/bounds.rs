//! What two profiles on the same edges say of statistics of the values themselves: an interval that
//! holds the exact number whatever the values inside the cells are.

use super::sizes;
use crate::profile::NumberProfile;
use crate::profile::quantiles::Quantiles;
use crate::{Error, Result};

/// An interval that contains a number for certain: no confidence, no chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The number is at least this.
    pub low: f64,
    /// The number is at most this.
    pub high: f64,
}

impl Bounds {
    /// Of a number that is known.
    pub(super) fn exact(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// The same on another, increasing scale.
    pub(super) fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        Self {
            low: scale(self.low),
            high: scale(self.high),
        }
    }

    pub(super) fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    pub(super) fn width(self) -> f64 {
        self.high - self.low
    }

    /// What is left of a tolerance for chance.
    pub(super) fn room(self, tolerance: f64) -> f64 {
        (tolerance - self.width()).max(0.0)
    }
}

/// Bounds of the two-sample Kolmogorov-Smirnov statistic ([`super::ks::ks`]).
///
/// At an edge the distribution functions are known (to the slack of their ranks), so the statistic is
/// at least the largest difference there. Inside a cell both only rise, so no difference is above
/// that of one's end and the other's beginning. Where every value has a cell of its own the two are
/// one number.
///
/// # Errors
/// [`Error::Argument`] where a side has no finite value, or the edges differ.
pub fn ks(reference: &Quantiles, current: &Quantiles) -> Result<Bounds> {
    let sides = Sides::of(reference, current)?;
    let (mut low, mut high) = (0_i128, 0_i128);
    for cell in 0..sides.ends.len() {
        let (start, end) = (sides.start(cell), sides.ends[cell]);
        low = low.max(end.least());
        high = high.max(end.most());
        if !reference.is_point(cell) {
            high = high.max(Between { start, end }.most());
        }
    }
    let share = |steps: i128| steps as f64 / (sides.n as f64 * sides.m as f64);
    Ok(Bounds {
        low: share(low),
        high: share(high),
    })
}

/// Bounds of the Wasserstein distance of order 1 ([`super::wasserstein::wasserstein`]).
///
/// The sum over the cells of their width, between the smallest and the largest value of both sides,
/// times the least and the most that the distribution functions can differ inside. It is also no less
/// than the difference of the means, which are known. Widened by 1e-12 of itself for rounding.
///
/// # Errors
/// As [`ks`].
pub fn wasserstein(reference: &NumberProfile, current: &NumberProfile) -> Result<Bounds> {
    let sides = Sides::of(&reference.quantiles, &current.quantiles)?;
    let ranges = [reference.range, current.range].into_iter().flatten();
    let (first, last) = ranges.fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), range| {
        (range.0.min(first), range.1.max(last))
    });
    let (mut low, mut high, mut from) = (0.0, 0.0, first);
    let edges = reference.quantiles.edges().as_slice();
    for (cell, &end) in sides.ends.iter().enumerate() {
        let to = edges.get(cell).copied().unwrap_or(last).clamp(first, last);
        let start = sides.start(cell);
        let between = Between { start, end };
        low += (to - from) * between.least() as f64;
        high += (to - from) * between.most() as f64;
        from = to;
    }
    let steps = sides.n as f64 * sides.m as f64;
    let means = (reference.moments.mean - current.moments.mean).abs();
    let size = reference.moments.mean.abs().max(current.moments.mean.abs());
    Ok(Bounds {
        low: (low / steps).max(means - 1e-12 * size).max(0.0) * (1.0 - 1e-12),
        high: high / steps * (1.0 + 1e-12),
    })
}

/// Bounds of the probability that a current value is larger than one of the reference, ties counting half
/// ([`super::mann_whitney::MannWhitney::auc`]).
///
/// Two values of different cells have an order. Which of two values of one cell is larger is open, unless
/// the cell is one value, and then they tie.
///
/// # Errors
/// As [`ks`].
pub fn auc(reference: &Quantiles, current: &Quantiles) -> Result<Bounds> {
    let sides = Sides::of(reference, current)?;
    // Twice the pairs, in steps of `1 / (n m)`. The AUC rises with the distribution function of the
    // reference and falls with that of the current data.
    let (mut low, mut high) = (0_i128, 0_i128);
    for (cell, &end) in sides.ends.iter().enumerate() {
        let start = sides.start(cell);
        let (least, most) = if reference.is_point(cell) {
            (
                start.reference.0 + end.reference.0,
                start.reference.1 + end.reference.1,
            )
        } else {
            (2 * start.reference.0, 2 * end.reference.1)
        };
        low += (end.current.1 - start.current.1) * least;
        high += (end.current.0 - start.current.0) * most;
    }
    let pairs = i128::from(sides.n) * i128::from(sides.m);
    let share = |twice: i128| twice as f64 / (2.0 * (sides.n as f64 * sides.m as f64));
    Ok(Bounds {
        low: share(low.div_euclid(pairs)),
        high: share(-(-high).div_euclid(pairs)),
    })
}

/// Where the values of a side lie among those of the other, as far as two profiles tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    /// How many values: those of a cell.
    pub(super) count: u64,
    /// The share of the other side's values below each of them, equal ones counting half: the middle of
    /// what it may be.
    pub(super) middle: f64,
    /// How far from the middle it may be.
    pub(super) half: f64,
}

/// The placements of the reference among current values, and those of current values among the reference.
pub(super) fn placements(reference: &Quantiles, current: &Quantiles) -> Result<[Vec<Placement>; 2]> {
    let sides = Sides::of(reference, current)?;
    let whole = sides.n as f64 * sides.m as f64;
    let of = |counts: &[u64], scale: u64, own: fn(&At) -> (i128, i128), other: fn(&At) -> (i128, i128)| {
        let mut rank = 0;
        let placed = counts.iter().map(|&count| {
            // The cells in which its first and its last value may truly lie.
            let first = sides.ends.partition_point(|end| own(end).1 <= rank);
            rank += i128::from(count) * i128::from(scale);
            let last = sides.ends.partition_point(|end| own(end).0 < rank);
            let (start, end) = (other(&sides.start(first)), other(&sides.ends[last]));
            let (least, most) = if first == last && reference.is_point(first) {
                (start.0 + end.0, start.1 + end.1)
            } else {
                (2 * start.0, 2 * end.1)
            };
            Placement {
                count,
                middle: (least + most) as f64 / (4.0 * whole),
                half: (most - least) as f64 / (4.0 * whole),
            }
        });
        placed.filter(|placed| placed.count > 0).collect()
    };
    Ok([
        of(reference.counts(), sides.m, |at| at.reference, |at| at.current),
        of(current.counts(), sides.n, |at| at.current, |at| at.reference),
    ])
}

/// Bounds of both ranks at each edge.
struct Sides {
    n: u64,
    m: u64,
    ends: Vec<At>,
}

impl Sides {
    fn of(reference: &Quantiles, current: &Quantiles) -> Result<Self> {
        if reference.edges() != current.edges() {
            let message = "its cells are not those of the reference; make it with like= the reference";
            return Err(Error::argument("current", message));
        }
        let (n, m) = (reference.count(), current.count());
        sizes(n as usize, m as usize)?;
        let scaled = |(low, high): (u64, u64), by: u64| {
            (
                i128::from(low) * i128::from(by),
                i128::from(high) * i128::from(by),
            )
        };
        let ranks = rising(reference.ranks()).into_iter().zip(rising(current.ranks()));
        let ends = ranks
            .map(|(first, second)| At {
                reference: scaled(first, m),
                current: scaled(second, n),
            })
            .collect();
        Ok(Self { n, m, ends })
    }

    fn start(&self, cell: usize) -> At {
        cell.checked_sub(1)
            .map_or(At::default(), |before| self.ends[before])
    }
}

/// Ranks rise: what bounds one edge from below bounds all after it, and what bounds it from above all before.
fn rising(mut ranks: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut least = 0;
    for (low, _) in &mut ranks {
        least = least.max(*low);
        *low = least;
    }
    let mut most = u64::MAX;
    for (_, high) in ranks.iter_mut().rev() {
        most = most.min(*high);
        *high = most;
    }
    ranks
}

/// Bounds of both distribution functions at an edge, in steps of `1 / (n m)`.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    reference: (i128, i128),
    current: (i128, i128),
}

impl At {
    fn least(self) -> i128 {
        Between {
            start: self,
            end: self,
        }
        .least()
    }

    fn most(self) -> i128 {
        Between {
            start: self,
            end: self,
        }
        .most()
    }
}

/// A cell: both functions rise from its start to its end.
struct Between {
    start: At,
    end: At,
}

impl Between {
    /// The least that they may differ by everywhere in the cell.
    fn least(&self) -> i128 {
        let above = self.start.reference.0 - self.end.current.1;
        let below = self.start.current.0 - self.end.reference.1;
        above.max(below).max(0)
    }

    /// The most that they may differ by anywhere in the cell.
    fn most(&self) -> i128 {
        let above = self.end.reference.1 - self.start.current.0;
        let below = self.end.current.1 - self.start.reference.0;
        above.max(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Kind;
    use crate::drift;
    use crate::profile::quantiles::Slack;
    use crate::profile::{ColumnProfile, Freeze, Summary};
    use crate::rank::Sorted;
    use arrow_array::{ArrayRef, Float64Array};
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A profile of chunks that are smaller than those of a stream.
    fn profile(chunks: &[Vec<f64>], freeze: Freeze) -> ColumnProfile {
        let mut summary = Summary::new("x", Kind::Number, freeze).unwrap();
        for chunk in chunks {
            let chunk: ArrayRef = Arc::new(Float64Array::from(chunk.clone()));
            summary.add(&[chunk]).unwrap();
        }
        summary.finish()
    }

    fn both(first: &[Vec<f64>], second: &[Vec<f64>]) -> (NumberProfile, NumberProfile) {
        let freeze = Freeze::Here {
            cells: 10,
            categories: 1,
        };
        let reference = profile(first, freeze);
        let current = profile(second, Freeze::Like(&reference));
        let (ColumnProfile::Number(reference), ColumnProfile::Number(current)) = (reference, current) else {
            unreachable!()
        };
        (reference, current)
    }

    fn values() -> impl Strategy<Value = Vec<Vec<f64>>> {
        let value = prop_oneof![
            -10.0..10.0f64,
            (0..6_i8).prop_map(f64::from),
            0.5..0.500_01f64,
            (0.0..20.0f64).prop_map(f64::exp),
        ];
        prop::collection::vec(prop::collection::vec(value, 1..900), 1..8)
    }

    proptest! {
        #[test]
        fn the_exact_number_is_inside(first in values(), second in values()) {
            let (reference, current) = both(&first, &second);
            let (first, second) = (first.concat(), second.concat());
            let exact = drift::ks::ks_unsorted(&first, &second).unwrap().statistic;
            let found = ks(&reference.quantiles, &current.quantiles).unwrap();
            prop_assert!(found.low <= exact && exact <= found.high, "{exact} in {found:?}");
            let exact = drift::wasserstein::wasserstein(&Sorted::new(&first), &Sorted::new(&second)).unwrap();
            let found = wasserstein(&reference, &current).unwrap();
            prop_assert!(found.low <= exact && exact <= found.high, "{exact} in {found:?}");
            let exact = drift::mann_whitney::mann_whitney(&Sorted::new(&first), &Sorted::new(&second)).unwrap().auc;
            let found = auc(&reference.quantiles, &current.quantiles).unwrap();
            prop_assert!(found.low <= exact && exact <= found.high, "{exact} in {found:?}");
        }

        /// What is decided by profiles is as wide as what rows say, and by no more than the cells leave open.
        #[test]
        fn intervals_take_in_those_of_rows(first in values(), second in values()) {
            let (reference, current) = both(&first, &second);
            let (first, second) = (Sorted::new(&first.concat()), Sorted::new(&second.concat()));
            let rows = [
                drift::ks::ks(&first, &second).unwrap().against(0.08),
                drift::mann_whitney::against(&first, &second, 0.056).unwrap(),
                drift::wasserstein::against(&first, &second, 0.2).unwrap(),
            ];
            let profiles = [
                drift::ks::profiled_against(&reference.quantiles, &current.quantiles, 0.08).unwrap(),
                drift::mann_whitney::profiled_against(&reference.quantiles, &current.quantiles, 0.056).unwrap(),
                drift::wasserstein::profiled_against(&reference, &current, 0.2).unwrap(),
            ];
            for (name, (rows, (found, bounds))) in ["ks", "auc", "w1"].iter().zip(rows.iter().zip(profiles)) {
                prop_assert!(bounds.low <= rows.effect.statistic && rows.effect.statistic <= bounds.high, "{name}");
                if *name != "w1" {
                    prop_assert!(found.effect.lower <= rows.effect.lower + 1e-12, "{name} {found:?} {rows:?}");
                    prop_assert!(found.effect.upper >= rows.effect.upper - 1e-12, "{name} {found:?} {rows:?}");
                }
                prop_assert!(found.effect.lower <= bounds.low && bounds.high <= found.effect.upper, "{name}");
            }
        }

        /// Values with cells of their own leave nothing open.
        #[test]
        fn few_distinct_values_are_exact(
            first in prop::collection::vec((0..20_u8).prop_map(f64::from), 1..500),
            second in prop::collection::vec((0..20_u8).prop_map(f64::from), 1..500),
        ) {
            let present = |values: &[f64]| (0..20_u8).all(|value| values.contains(&f64::from(value)));
            let first = if present(&first) { first } else { (0..20_u8).map(f64::from).chain(first).collect() };
            let (reference, current) = both(std::slice::from_ref(&first), std::slice::from_ref(&second));
            let found = ks(&reference.quantiles, &current.quantiles).unwrap();
            prop_assert_eq!(found.low, found.high);
            let found = auc(&reference.quantiles, &current.quantiles).unwrap();
            prop_assert_eq!(found.low, found.high);
        }
    }

    #[test]
    fn the_bounds_are_narrow() {
        let stream = crate::resample::Stream::new(5, 0);
        let uniform = |shift: u64| (0..60_000).map(|i| stream.uniform(i + shift)).collect::<Vec<_>>();
        let moved = uniform(100_000).iter().map(|x| x + 0.1).collect();
        let (reference, current) = both(&[uniform(0)], &[moved]);
        let found = ks(&reference.quantiles, &current.quantiles).unwrap();
        assert!(found.high - found.low < 0.003 && found.low > 0.09, "{found:?}");
        let found = wasserstein(&reference, &current).unwrap();
        assert!((found.low - 0.1).abs() < 0.002 && found.high < 0.106, "{found:?}");
        let found = auc(&reference.quantiles, &current.quantiles).unwrap();
        // Of uniforms 0.1 apart: 1/2 + 0.1 - 0.1^2 / 2.
        assert!(
            (found.middle() - 0.595).abs() < 0.005 && found.width() < 0.0015,
            "{found:?}"
        );
    }

    /// Reference 1, 2 | 3 and current 2 | 3, 4 in two cells up to 2 and above: of the 9 pairs, 2 x 2 have
    /// the current value in the higher cell, 1 x 1 in the lower one, and the other 4 are open.
    #[test]
    fn pairs_of_one_cell_are_open() {
        let edges = || crate::profile::Edges::new(vec![2.0]).unwrap();
        let of = |counts: Vec<u64>| Quantiles::new(edges(), counts, vec![Slack::default()]).unwrap();
        let found = auc(&of(vec![2, 1]), &of(vec![1, 2])).unwrap();
        assert_eq!(
            found,
            Bounds {
                low: 4.0 / 9.0,
                high: 8.0 / 9.0
            }
        );
        let unsure = Quantiles::new(edges(), vec![2, 1], vec![Slack { under: 1, over: 1 }]).unwrap();
        let found = auc(&unsure, &of(vec![1, 2])).unwrap();
        assert_eq!(
            found,
            Bounds {
                low: 2.0 / 9.0,
                high: 1.0
            }
        );
    }

    #[test]
    fn other_edges_and_no_values_are_refused() {
        let (reference, _) = both(&[vec![1.0, 2.0]], &[vec![1.0]]);
        let (other, _) = both(&[vec![5.0, 7.0]], &[vec![1.0]]);
        let error = ks(&reference.quantiles, &other.quantiles)
            .unwrap_err()
            .to_string();
        assert!(error.contains("like= the reference"), "{error}");
        let (reference, none) = both(&[vec![1.0, 2.0]], &[]);
        assert!(ks(&reference.quantiles, &none.quantiles).is_err());
    }
}
