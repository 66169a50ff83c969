//! Sign flips of whole clusters, inverted into an interval.
//!
//! Under the hypothesis "the gain is g" the sum of a cluster's `e_i = a_i - g b_i` is symmetric
//! around 0, and its sign may be flipped. Inverting that test gives Hartigan's typical values
//! (JASA 64, 1969): with `G` clusters, each of the `2^G - 1` non-empty subsets has a gain of its
//! own, and the true gain is equally likely to fall into any of the `2^G` gaps between them. The
//! interval's ends are order statistics of these gains. No variance is estimated, so it holds its
//! level at the five or seven days of a weekly holdout, where a percentile bootstrap does not.

use super::{Interval, Pairs, Question, Total};
use crate::par;
use crate::resample::Stream;

/// Up to so many clusters every subset is taken; beyond, [`DRAWS`] random ones.
const EXACT_CLUSTERS: usize = 14;

/// Random subsets drawn where there are too many to take all.
const DRAWS: usize = 9_999;

/// Draws that share the tables of a block.
const DRAWS_AT_ONCE: usize = 2_500;

/// The interval of the gain by sign flips of whole clusters.
///
/// ```
/// use ctcore::metrics::paired::{Pairs, Question, sign_flip};
/// // Five days, two queries each, every day 0.02 better or more.
/// let advantage = [0.02, 0.04, 0.03, 0.03, 0.02, 0.02, 0.05, 0.01, 0.04, 0.04];
/// let days = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4];
/// let pairs = Pairs::new(&advantage, &[1.0; 10], None, &days)?;
/// let interval = sign_flip::interval(&pairs, Question::new(0.01, 0.95)?, 1);
/// assert_eq!((interval.lower, interval.resamples, interval.exact), (0.02, 31, true));
/// assert_eq!(interval.p_value, 1.0 / 32.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn interval(pairs: &Pairs, question: Question, seed: u64) -> Interval {
    let exact = pairs.clusters() <= EXACT_CLUSTERS;
    let gains = if exact {
        all_gains(&pairs.totals)
    } else {
        drawn_gains(&pairs.totals, seed)
    };
    question.read(pairs.gain(), gains, exact)
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
///
/// The sums of all subsets of eight clusters are tabled, and each draw looks eight coins up at
/// once: an eighth of the additions.
fn drawn_gains(totals: &[Total], seed: u64) -> Vec<f64> {
    let tasks = DRAWS.div_ceil(DRAWS_AT_ONCE);
    let of_task = |task: usize| {
        let draws = task * DRAWS_AT_ONCE..DRAWS.min((task + 1) * DRAWS_AT_ONCE);
        let mut pooled = vec![Total::default(); draws.len()];
        for (counter, block) in totals.chunks(256).enumerate() {
            let tables: Vec<[Total; 256]> = block.chunks(8).map(subset_totals).collect();
            for (sums, draw) in pooled.iter_mut().zip(draws.clone()) {
                let coins = Stream::new(seed, draw as u64).words(counter as u64);
                for (place, table) in tables.iter().enumerate() {
                    sums.add(&table[(coins[place / 8] >> (place % 8 * 8)) as usize & 255]);
                }
            }
        }
        let gain = |(sums, draw): (&Total, usize)| {
            if sums.units > 0 {
                sums.gain()
            } else {
                drawn_anew(totals, Stream::new(seed, draw as u64)).gain()
            }
        };
        pooled.iter().zip(draws).map(gain).collect::<Vec<_>>()
    };
    par::map(tasks, of_task).concat()
}

/// The totals of all subsets of up to eight clusters, by the bits of their index.
fn subset_totals(clusters: &[Total]) -> [Total; 256] {
    let mut totals = [Total::default(); 256];
    for subset in 1..256_usize {
        let lowest = subset.trailing_zeros() as usize;
        totals[subset] = totals[subset & (subset - 1)];
        if let Some(total) = clusters.get(lowest) {
            totals[subset].add(total);
        }
    }
    totals
}

/// The first subset of the stream's later words that is not empty.
fn drawn_anew(totals: &[Total], stream: Stream) -> Total {
    let mut counter = totals.len().div_ceil(256) as u64;
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
            return pooled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(advantage: &[f64], cluster: &[usize], confidence: f64) -> Interval {
        let pairs = Pairs::new(advantage, &vec![1.0; advantage.len()], None, cluster).unwrap();
        interval(&pairs, Question::new(0.0, confidence).unwrap(), 1)
    }

    #[test]
    fn too_few_clusters_prove_nothing() {
        let interval = of(&[1.0, 1.0, 1.0, 1.0], &[0, 1, 2, 3], 0.95);
        assert_eq!(
            (interval.lower, interval.upper),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
        assert_eq!((interval.p_value, interval.p_not_worse), (1.0 / 16.0, 1.0));
    }

    /// The tables give the sums that the coins alone would give.
    #[test]
    fn tabled_draws_are_the_drawn_subsets() {
        let totals: Vec<Total> = (0..300)
            .map(|i| Total {
                advantage: f64::from(i % 7), // whole, so that sums are exact in any order
                against: 1.0 + f64::from(i % 3),
                units: 1,
            })
            .collect();
        let gains = drawn_gains(&totals, 5);
        for draw in [0, 1, 2_499, 2_500, DRAWS - 1] {
            let stream = Stream::new(5, draw as u64);
            let mut pooled = Total::default();
            for (i, total) in totals.iter().enumerate() {
                if stream.words(i as u64 / 256)[i % 256 / 64] >> (i % 64) & 1 == 1 {
                    pooled.add(total);
                }
            }
            assert_eq!(gains[draw], pooled.gain());
        }
        assert!(drawn_anew(&totals[..1], Stream::new(5, 0)).units == 1);
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
                wrong += u32::from(of(&advantage, &cluster, 0.95).lower > 0.0);
            }
            let rate = f64::from(wrong) / weeks as f64;
            assert!(allowed.contains(&rate), "{days} days: {rate}");
        }
    }

    #[test]
    fn the_bounds_mirror_when_the_sign_does() {
        let advantage: Vec<f64> = (0..60_u64).map(|i| Stream::new(5, 0).uniform(i) - 0.3).collect();
        let days: Vec<usize> = (0..60).map(|i| i / 10).collect();
        let there = of(&advantage, &days, 0.9);
        let mirrored: Vec<f64> = advantage.iter().map(|x| -x).collect();
        let back = of(&mirrored, &days, 0.9);
        assert!((there.lower + back.upper).abs() < 1e-15 && (there.upper + back.lower).abs() < 1e-15);
        assert_eq!(there.p_not_worse, back.p_not_better);
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
        let pairs = Pairs::new(&advantage, &production, None, &days).unwrap();
        let found = interval(&pairs, Question::new(0.0, 0.95).unwrap(), 1);
        for (gain, rejected) in [(found.lower - 1e-9, true), (found.lower + 1e-9, false)] {
            let e: Vec<f64> = advantage
                .iter()
                .zip(&production)
                .map(|(a, b)| a - gain * b)
                .collect();
            assert_eq!(of(&e, &days, 0.95).p_value <= 0.05, rejected);
        }
    }
}
