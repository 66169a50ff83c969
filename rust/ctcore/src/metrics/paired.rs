//! The interval of a ratio of paired sums, resampled by cluster: how much better one model is than
//! another on the same queries, as a share.
//!
//! With `a_i` the advantage of the candidate on query `i` and `b_i` what it is measured against
//! (the production model's value there, or 1 for an absolute difference), the gain is
//! `sum a / sum b`, and "the gain is g" means that `e_i = a_i - g b_i` has mean 0: no ratio is
//! averaged, and no variance of a ratio is approximated (Fieller, 1954).
//!
//! Queries of one day share its weather and its crowd, so they are not independent; days are taken
//! as the unit. Under the hypothesis the sum of a day's `e_i` is symmetric around 0, and its sign
//! may be flipped. Inverting that test gives Hartigan's typical values (JASA 64, 1969): with `G`
//! days, each of the `2^G - 1` non-empty subsets of days has a gain of its own, and the true gain
//! is equally likely to fall into any of the `2^G` gaps between them. The interval's ends are
//! order statistics of these gains. No variance is estimated, so it holds its level at the five or
//! seven days of a weekly holdout, where a percentile bootstrap does not.

use crate::num::sum;
use crate::resample::Stream;
use crate::{Error, Result, par};

/// Up to so many clusters every subset is taken; beyond, [`DRAWS`] random ones.
const EXACT_CLUSTERS: usize = 14;

/// Random subsets drawn where there are too many to take all.
const DRAWS: usize = 9_999;

/// The gain of paired values and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// `sum a / sum b` over all units.
    pub gain: f64,
    /// The one-sided lower bound at the confidence; -inf where there are too few clusters.
    pub lower: f64,
    /// The one-sided upper bound at the confidence; +inf where there are too few clusters.
    pub upper: f64,
    /// The one-sided p-value of "the gain is at most the margin".
    pub p_value: f64,
    /// Units (queries or rows).
    pub units: usize,
    /// Clusters that hold at least one unit.
    pub clusters: usize,
    /// Subsets whose gains make the interval.
    pub subsets: usize,
    /// Whether these are all non-empty subsets.
    pub exact: bool,
}

/// The interval of `sum advantage / sum against`, by sign flips of whole clusters. `cluster[i]` is
/// the cluster of unit `i`, from 0.
///
/// # Errors
/// [`Error::Argument`] where there is no unit, a value is not finite, `against` is negative or 0
/// everywhere, the lengths differ or the confidence is not in `[0.5, 1)`.
///
/// ```
/// use ctcore::metrics::paired::sign_flip;
/// // Five days, two queries each, every day 0.02 better or more.
/// let advantage = [0.02, 0.04, 0.03, 0.03, 0.02, 0.02, 0.05, 0.01, 0.04, 0.04];
/// let days = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4];
/// let interval = sign_flip(&advantage, &[1.0; 10], &days, 0.01, 0.95, 1)?;
/// assert_eq!((interval.lower, interval.subsets, interval.exact), (0.02, 31, true));
/// assert_eq!(interval.p_value, 1.0 / 32.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn sign_flip(
    advantage: &[f64],
    against: &[f64],
    cluster: &[usize],
    margin: f64,
    confidence: f64,
    seed: u64,
) -> Result<Interval> {
    if !(0.5..1.0).contains(&confidence) {
        return Err(Error::argument(
            "confidence",
            format!("must be at least 0.5 and below 1, found {confidence}"),
        ));
    }
    let totals = clusters(advantage, against, cluster)?;
    let exact = totals.len() <= EXACT_CLUSTERS;
    let mut gains = if exact {
        all_gains(&totals)
    } else {
        drawn_gains(&totals, seed)
    };
    gains.sort_unstable_by(f64::total_cmp);
    // So many of the gaps may be cut off on each side.
    let cut = ((1.0 - confidence) * (gains.len() + 1) as f64 + 1e-9).floor() as usize;
    let (lower, upper) = if cut == 0 {
        (f64::NEG_INFINITY, f64::INFINITY)
    } else {
        (gains[cut - 1], gains[gains.len() - cut])
    };
    let at_most = gains.partition_point(|&gain| gain <= margin);
    Ok(Interval {
        gain: sum(advantage, |a| a) / sum(against, |b| b),
        lower,
        upper,
        p_value: (at_most + 1) as f64 / (gains.len() + 1) as f64,
        units: advantage.len(),
        clusters: totals.len(),
        subsets: gains.len(),
        exact,
    })
}

/// The sums of one cluster, or of several.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    advantage: f64,
    against: f64,
    units: u64,
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.advantage += other.advantage;
        self.against += other.against;
        self.units += other.units;
    }

    /// The largest gain that these sums do not refute. Where there is nothing to measure against,
    /// an advantage refutes none and no advantage refutes all.
    fn gain(&self) -> f64 {
        if self.against > 0.0 {
            self.advantage / self.against
        } else if self.advantage > 0.0 {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        }
    }
}

fn clusters(advantage: &[f64], against: &[f64], cluster: &[usize]) -> Result<Vec<Total>> {
    let units = advantage.len();
    if units == 0 {
        return Err(Error::argument(
            "advantage",
            "there is nothing to compare: no query is left",
        ));
    }
    if against.len() != units || cluster.len() != units {
        return Err(Error::argument(
            "cluster",
            format!(
                "advantage, against and cluster must have one value a unit, found {units}, {} and {}",
                against.len(),
                cluster.len()
            ),
        ));
    }
    if let Some(value) = advantage.iter().chain(against).find(|value| !value.is_finite()) {
        return Err(Error::argument(
            "advantage",
            format!("must be finite, found {value}"),
        ));
    }
    if against.iter().any(|&value| value < 0.0) || against.iter().all(|&value| value == 0.0) {
        return Err(Error::argument(
            "against",
            "a gain is a share of production's metric, which must not be negative, nor 0 on every query",
        ));
    }
    let count = cluster.iter().max().map_or(0, |last| last.saturating_add(1));
    if count > units {
        return Err(Error::argument(
            "cluster",
            "clusters must be numbered from 0 without gaps",
        ));
    }
    let mut totals = vec![Total::default(); count];
    for ((&advantage, &against), &index) in advantage.iter().zip(against).zip(cluster) {
        totals[index].add(&Total {
            advantage,
            against,
            units: 1,
        });
    }
    totals.retain(|total| total.units > 0);
    Ok(totals)
}

fn all_gains(totals: &[Total]) -> Vec<f64> {
    (1_u32..1 << totals.len())
        .map(|subset| {
            let mut pooled = Total::default();
            for (_, total) in totals.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1) {
                pooled.add(total);
            }
            pooled.gain()
        })
        .collect()
}

/// Each draw takes each cluster with probability one half; an empty draw is taken anew.
fn drawn_gains(totals: &[Total], seed: u64) -> Vec<f64> {
    par::map(DRAWS, |draw| {
        let stream = Stream::new(seed, draw as u64);
        let mut counter = 0;
        loop {
            let mut pooled = Total::default();
            for block in totals.chunks(256) {
                let coins = stream.words(counter);
                counter += 1;
                for (i, total) in block.iter().enumerate() {
                    if coins[i / 64] >> (i % 64) & 1 == 1 {
                        pooled.add(total);
                    }
                }
            }
            if pooled.units > 0 {
                return pooled.gain();
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(advantage: &[f64], cluster: &[usize], confidence: f64) -> Result<Interval> {
        sign_flip(
            advantage,
            &vec![1.0; advantage.len()],
            cluster,
            0.0,
            confidence,
            1,
        )
    }

    #[test]
    fn too_few_clusters_prove_nothing() {
        let interval = of(&[1.0, 1.0, 1.0, 1.0], &[0, 1, 2, 3], 0.95).unwrap();
        assert_eq!(
            (interval.lower, interval.upper),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
        assert_eq!(interval.p_value, 1.0 / 16.0);
    }

    #[test]
    fn nonsense_is_an_error() {
        assert!(of(&[], &[], 0.95).is_err());
        assert!(of(&[1.0], &[0, 0], 0.95).is_err());
        assert!(of(&[f64::NAN], &[0], 0.95).is_err());
        assert!(of(&[1.0], &[usize::MAX], 0.95).is_err());
        assert!(of(&[1.0], &[0], 1.0).is_err());
        assert!(sign_flip(&[1.0], &[0.0], &[0], 0.0, 0.95, 1).is_err());
        assert!(sign_flip(&[1.0], &[-1.0], &[0], 0.0, 0.95, 1).is_err());
    }

    /// Symmetric day effects around 0: the lower bound may exceed 0 in at most 5% of the weeks,
    /// and does so in about 4% (it is not merely always below).
    #[test]
    fn the_level_holds_at_seven_days_and_at_forty() {
        for (days, per_day, weeks, allowed) in [(7, 30, 2_000, 0.030..=0.062), (40, 5, 300, 0.015..=0.085)] {
            let mut wrong = 0;
            for week in 0..weeks {
                let stream = Stream::new(11, week);
                let noise = |i: usize| stream.uniform(i as u64) - 0.5;
                let advantage: Vec<f64> = (0..days * per_day)
                    .map(|unit| noise(unit) + 2.0 * noise(100_000 + unit / per_day))
                    .collect();
                let cluster: Vec<usize> = (0..days * per_day).map(|unit| unit / per_day).collect();
                wrong += u32::from(of(&advantage, &cluster, 0.95).unwrap().lower > 0.0);
            }
            let rate = f64::from(wrong) / weeks as f64;
            assert!(allowed.contains(&rate), "{days} days: {rate}");
        }
    }

    #[test]
    fn the_bounds_mirror_when_the_sign_does() {
        let advantage: Vec<f64> = (0..60_u64).map(|i| Stream::new(5, 0).uniform(i) - 0.3).collect();
        let days: Vec<usize> = (0..60).map(|i| i / 10).collect();
        let there = of(&advantage, &days, 0.9).unwrap();
        let mirrored: Vec<f64> = advantage.iter().map(|x| -x).collect();
        let back = of(&mirrored, &days, 0.9).unwrap();
        assert!((there.lower + back.upper).abs() < 1e-15 && (there.upper + back.lower).abs() < 1e-15);
        assert!(there.lower <= there.gain && there.gain <= there.upper);
    }

    /// The bound on the ratio is where the test of `a - g b` turns: at the lower bound itself the
    /// hypothesis is not rejected, just below it is.
    #[test]
    fn the_bound_of_the_ratio_inverts_the_test_of_the_difference() {
        let draw = |stream: u64, i: u64| Stream::new(9, stream).uniform(i);
        let production: Vec<f64> = (0..70).map(|i| 0.5 + 0.4 * draw(0, i)).collect();
        let advantage: Vec<f64> = (0..70).map(|i| 0.05 + 0.2 * (draw(1, i) - 0.5)).collect();
        let days: Vec<usize> = (0..70).map(|i| i / 10).collect();
        let interval = sign_flip(&advantage, &production, &days, 0.0, 0.95, 1).unwrap();
        for (gain, rejected) in [(interval.lower - 1e-9, true), (interval.lower + 1e-9, false)] {
            let e: Vec<f64> = advantage
                .iter()
                .zip(&production)
                .map(|(a, b)| a - gain * b)
                .collect();
            assert_eq!(of(&e, &days, 0.95).unwrap().p_value <= 0.05, rejected);
        }
    }
}
