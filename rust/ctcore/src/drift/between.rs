//! Statistics of cells of which the reference's counts are known between bounds only, as a profile knows
//! those of a crowd that came late or of a category that was forgotten once.

use super::against::{Against, Effect};
use super::bounds::Bounds;
use super::cells::{Smoothing, total};
use crate::{Error, Result};

/// The counts of a side's cells, each between bounds; their sum is known.
#[derive(Debug, Clone)]
pub struct Counts {
    told: Vec<u64>,
    least: Vec<u64>,
    most: Vec<u64>,
}

impl Counts {
    /// The counts as they were `told`, each between `least` and `most`.
    ///
    /// # Errors
    /// [`Error::Argument`] where the lengths differ, or a count lies outside of its bounds.
    pub fn new(told: Vec<u64>, least: Vec<u64>, most: Vec<u64>) -> Result<Self> {
        let fits = |cell: usize| least[cell] <= told[cell] && told[cell] <= most[cell];
        if least.len() != told.len() || most.len() != told.len() || !(0..told.len()).all(fits) {
            return Err(Error::argument(
                "reference",
                "a count lies outside of its bounds, or their numbers differ",
            ));
        }
        Ok(Self { told, least, most })
    }

    /// A sum over cells of a term that is least where both shares are equal and grows away from there, with
    /// counts near those at which it is least and largest.
    pub(super) fn extremes(
        &self,
        current: &[u64],
        smoothing: Smoothing,
        term: impl Fn(f64, f64) -> f64,
    ) -> Extremes {
        let extra = match smoothing {
            Smoothing::None => 0.0,
            Smoothing::Jeffreys => 0.5,
        };
        let (n, m) = (self.whole(), total(current));
        let cells = extra * current.len() as f64;
        let mut sum = Bounds { low: 0.0, high: 0.0 };
        let mut nearest = Vec::new();
        for ((&least, &most), &count) in self.least.iter().zip(&self.most).zip(current) {
            let equal = ((count as f64 + extra) / (m + cells) * (n + cells) - extra).max(0.0);
            let (below, above) = (equal.floor() as u64, equal.ceil() as u64);
            let of = |reference: u64| {
                let p = (reference as f64 + extra) / (n + cells);
                term(p, (count as f64 + extra) / (m + cells))
            };
            let [below, above] = [below, above].map(|count| count.clamp(least, most));
            nearest.push(if of(below) <= of(above) { below } else { above });
            sum.low += of(below).min(of(above));
            sum.high += of(least).max(of(most));
        }
        // Rounding of the sums.
        sum.low = (sum.low * (1.0 - 1e-12)).max(0.0);
        sum.high *= 1.0 + 1e-12;
        let mut order: Vec<usize> = (0..current.len()).collect();
        order.sort_by(|&a, &b| {
            let ratio = |cell: usize| self.told[cell] as f64 / (current[cell] as f64 + 0.5);
            ratio(a).total_cmp(&ratio(b))
        });
        let one_way = self.filled_up(order.iter());
        let other_way = self.filled_up(order.iter().rev());
        Extremes {
            sum,
            told: self.told.clone(),
            others: [self.fitted(nearest), one_way, other_way],
        }
    }

    /// The number of rows.
    pub(super) fn whole(&self) -> f64 {
        total(&self.told)
    }

    /// The fewest and the most cells in which a side has rows.
    pub(super) fn filled(&self, current: &[u64]) -> (usize, usize) {
        let filled = |counts: &[u64]| counts.iter().zip(current).filter(|&(a, b)| a + b > 0).count();
        (filled(&self.least), filled(&self.most))
    }

    /// The least counts, and the most of the first cells of an order until the known sum is reached.
    fn filled_up<'a>(&self, order: impl Iterator<Item = &'a usize>) -> Vec<u64> {
        let mut counts = self.least.clone();
        let mut left = self.told.iter().sum::<u64>() - self.least.iter().sum::<u64>();
        for &cell in order {
            let step = left.min(self.most[cell] - self.least[cell]);
            counts[cell] += step;
            left -= step;
        }
        counts
    }

    /// Counts within the bounds that have the known sum: what is too much or too little is spread over the
    /// cells that have room for it.
    fn fitted(&self, mut counts: Vec<u64>) -> Vec<u64> {
        let [sum, whole] = [&counts, &self.told].map(|counts| counts.iter().sum::<u64>());
        let is_over = sum > whole;
        let bounds = self.least.iter().zip(&self.most).zip(&counts);
        let rooms: Vec<u64> = bounds
            .map(|((least, most), count)| if is_over { count - least } else { most - count })
            .collect();
        let all: u64 = rooms.iter().sum();
        let moved = sum.abs_diff(whole);
        let (mut passed, mut done) = (0, 0);
        for (count, room) in counts.iter_mut().zip(rooms) {
            passed += room;
            let to = u128::from(moved) * u128::from(passed) / u128::from(all.max(1));
            let step = to as u64 - done;
            done = to as u64;
            *count = if is_over { *count - step } else { *count + step };
        }
        counts
    }
}

/// A sum over cells at the ends of what the counts may be.
#[derive(Debug, Clone)]
pub(super) struct Extremes {
    /// The least and the most that it can be.
    pub(super) sum: Bounds,
    told: Vec<u64>,
    /// Counts that bring both sides together, and those that take them apart one way and the other.
    others: [Vec<u64>; 3],
}

impl Extremes {
    /// The statistic against a tolerance, with its own bounds. The interval takes in those where the counts
    /// bring both sides together and where they take them apart, and that of what is told, moved to either
    /// bound.
    pub(super) fn against(
        &self,
        current: &[u64],
        tolerance: f64,
        against: impl Fn(&[u64], &[u64], f64) -> Result<Against>,
        scale: impl Fn(Bounds) -> Bounds,
    ) -> Result<(Against, Bounds)> {
        let at = |reference: &[u64]| against(reference, current, tolerance);
        let [near, one_way, other_way] = &self.others;
        let told = at(&self.told)?;
        let all = [told, at(near)?, at(one_way)?, at(other_way)?];
        let widest = |of: fn(&Against) -> f64, pick: fn(f64, f64) -> f64| {
            all.iter().map(of).reduce(pick).unwrap_or(f64::NAN)
        };
        let (bounds, effect) = (scale(self.sum), told.effect);
        let below = effect.lower - (effect.statistic - bounds.low);
        let above = effect.upper + (bounds.high - effect.statistic);
        let found = Against {
            effect: Effect {
                statistic: effect.statistic,
                lower: widest(|each| each.effect.lower, f64::min).min(below).max(0.0),
                upper: widest(|each| each.effect.upper, f64::max).max(above),
            },
            p_above: widest(|each| each.p_above, f64::max),
            rows_to_pass: widest(|each| each.rows_to_pass, f64::max),
            smallest_found: widest(|each| each.smallest_found, f64::max),
        };
        Ok((found, bounds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{cramers_v, hellinger, jensen_shannon, psi, total_variation};
    use proptest::prelude::*;

    type Against = fn(&[u64], &[u64], f64) -> Result<super::Against>;
    type Between = fn(&Counts, &[u64], f64) -> Result<(super::Against, Bounds)>;
    const ALL: [(Against, Between); 5] = [
        (psi::against, psi::between),
        (jensen_shannon::against, jensen_shannon::between),
        (hellinger::against, hellinger::between),
        (total_variation::against, total_variation::between),
        (cramers_v::against, cramers_v::between),
    ];

    proptest! {
        /// Whatever the counts truly are, the statistic is within its bounds.
        #[test]
        fn what_is_true_is_inside(
            cells in prop::collection::vec((0..400_u64, 0..30_u64, 0..30_u64, 0..60_u64, 0..400_u64), 2..12),
        ) {
            let current: Vec<u64> = cells.iter().map(|cell| cell.4).collect();
            let exact: Vec<u64> = cells.iter().map(|cell| cell.0).collect();
            prop_assume!(exact.iter().sum::<u64>() > 0 && current.iter().sum::<u64>() > 0);
            let reference = told(&cells);
            for (against, between) in ALL {
                let truth = against(&exact, &current, 0.1).unwrap();
                let (_, bounds) = between(&reference, &current, 0.1).unwrap();
                let value = truth.effect.statistic;
                prop_assert!(bounds.low <= value && value <= bounds.high, "{value} in {bounds:?}");
            }
        }
    }

    proptest! {
        /// Where cells hold what pooling leaves in them, the interval of the rows is within that of what is
        /// told, to a twentieth of what the counts leave open.
        #[test]
        fn the_interval_of_the_rows_is_inside(
            cells in prop::collection::vec((30..400_u64, 0..20_u64, 0..20_u64, 0..40_u64, 20..400_u64), 2..12),
        ) {
            let current: Vec<u64> = cells.iter().map(|cell| cell.4).collect();
            let exact: Vec<u64> = cells.iter().map(|cell| cell.0).collect();
            for (against, between) in ALL {
                let truth = against(&exact, &current, 0.1).unwrap().effect;
                let (found, bounds) = between(&told(&cells), &current, 0.1).unwrap();
                let slack = 1e-3 + 0.05 * (bounds.high - bounds.low);
                prop_assert!(found.effect.lower <= truth.lower + slack, "{found:?} {truth:?}");
                prop_assert!(found.effect.upper >= truth.upper - slack, "{found:?} {truth:?}");
            }
        }
    }

    /// Other counts of the same sum, from cells of the exact count, how far it may be below and above what is
    /// told, a step, and the current count.
    fn told(cells: &[(u64, u64, u64, u64, u64)]) -> Counts {
        let exact = cells.iter().map(|cell| cell.0).collect();
        let least: Vec<u64> = cells.iter().map(|cell| cell.0.saturating_sub(cell.1)).collect();
        let most: Vec<u64> = cells.iter().map(|cell| cell.0 + cell.2).collect();
        let bounds = least.iter().zip(&most).zip(cells);
        let other = bounds
            .map(|((&least, &most), cell)| (least + cell.3).min(most))
            .collect();
        let told = Counts::new(exact, least.clone(), most.clone())
            .unwrap()
            .fitted(other);
        Counts::new(told, least, most).unwrap()
    }

    /// Of 50 and 50 against 50 and 50 nothing moved; where either may have ten more or fewer, a tenth may have.
    #[test]
    fn the_ends_are_reached() {
        let reference = Counts::new(vec![50, 50], vec![40, 40], vec![60, 60]).unwrap();
        let (found, bounds) = total_variation::between(&reference, &[50, 50], 0.1).unwrap();
        assert_eq!((found.effect.statistic, bounds.low), (0.0, 0.0));
        assert!((bounds.high - 0.1).abs() < 1e-9);
        let exact = Counts::new(vec![50, 50], vec![50, 50], vec![50, 50]).unwrap();
        let (_, bounds) = hellinger::between(&exact, &[60, 40], 0.1).unwrap();
        let value = hellinger::hellinger(&[50, 50], &[60, 40]).unwrap();
        assert!(bounds.low <= value && value <= bounds.high && bounds.high - bounds.low < 1e-9);
    }

    #[test]
    fn counts_outside_of_their_bounds_are_refused() {
        assert!(Counts::new(vec![5], vec![6], vec![7]).is_err());
        assert!(Counts::new(vec![5], vec![5, 5], vec![7]).is_err());
    }
}
