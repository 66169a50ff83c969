//! The total variation distance.

use std::f64::consts::PI;

use super::against::Against;
use super::between::Counts;
use super::bounds::Bounds;
use super::cells::{End, Expected, Inversion, Smoothing, Statistic, shares, smoothed};
use crate::Result;
use crate::special::normal_sf;

/// The total variation distance of two counts of the same cells, `1/2 sum_i |p_i - q_i|`: the share
/// of the rows that would have to change their cell. In `[0, 1]`.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::total_variation::total_variation;
/// assert_eq!(total_variation(&[1, 1], &[3, 1])?, 0.25);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn total_variation(reference: &[u64], current: &[u64]) -> Result<f64> {
    let (p, q) = shares(reference, current, Smoothing::None)?;
    Ok(Folded.of(&p, &q))
}

/// The distance against a tolerance.
///
/// # Errors
/// As [`total_variation`].
pub fn against(reference: &[u64], current: &[u64], tolerance: f64) -> Result<Against> {
    let statistic = total_variation(reference, current)?;
    Ok(Inversion::new(reference, current, Folded)?.against(statistic, tolerance))
}

/// The distance against a tolerance where the reference's counts are known between bounds, and its own bounds.
///
/// # Errors
/// As [`total_variation`].
pub fn between(reference: &Counts, current: &[u64], tolerance: f64) -> Result<(Against, Bounds)> {
    let sum = reference.extremes(current, Smoothing::None, |p, q| Folded.of(&[p], &[q]));
    sum.against(current, tolerance, against, |sum| sum)
}

/// Half a sum of absolute differences, each of them a folded normal.
struct Folded;

impl Statistic for Folded {
    fn of(&self, p: &[f64], q: &[f64]) -> f64 {
        p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
    }

    /// Moments of folded normals (Leone, Nelson and Nottingham, 1961). What two cells have in common
    /// follows from the first two Hermite terms of `|x|`: the sums over pairs of cells are squares of
    /// sums, less the diagonal. The other terms have at least the third power of a correlation in them,
    /// which between `k` cells is `-1 / (k - 1)`: they are all of it between two cells, and soon nothing. Of
    /// `k` cells `k - 1` are free, which scales the third moment. Smoothing draws the noise in as it does
    /// the shares: what it leaves is that of larger samples.
    fn expected(&self, p: &[f64], q: &[f64], sizes: [f64; 2]) -> Expected {
        let cells = p.len() as f64;
        let smooth = sizes.map(|size| size + 0.5 * cells);
        let [n, m] = [0, 1].map(|side| smooth[side].powi(2) / sizes[side]);
        let (mut mean, mut variance, mut third, mut others) = (0.0, 0.0, 0.0, 0.0);
        let mut linear = [0.0; 4];
        let mut square = [0.0; 6];
        for (&p, &q) in p.iter().zip(q) {
            let distance = p - q + smoothed(p, smooth[0], cells) - smoothed(q, smooth[1], cells);
            let noise = p * (1.0 - p) / n + q * (1.0 - q) / m;
            if noise == 0.0 {
                mean += distance.abs();
                continue;
            }
            let deviation = noise.sqrt();
            let ratio = distance / deviation;
            let density = (-0.5 * ratio * ratio).exp() / (2.0 * PI).sqrt();
            let sign = (1.0 - 2.0 * normal_sf(ratio.abs())).copysign(ratio);
            let folded = deviation * (2.0 * density + ratio * sign);
            let spread = distance * distance + noise - folded * folded;
            let cubed = noise
                * deviation
                * (2.0 * density * (ratio * ratio + 2.0) + ratio * (ratio * ratio + 3.0) * sign);
            mean += folded;
            variance += spread;
            third += cubed - 3.0 * folded * spread - folded.powi(3);
            let curve = 2.0 * density / deviation;
            others += (spread - sign * sign * noise - 0.5 * (curve * noise).powi(2)).max(0.0);
            for (sum, term) in
                linear
                    .iter_mut()
                    .zip([sign * p, sign * q, (sign * p).powi(2), (sign * q).powi(2)])
            {
                *sum += term;
            }
            let (pp, pq, qq) = (curve * p * p, curve * p * q, curve * q * q);
            for (sum, term) in square.iter_mut().zip([pp, pq, qq, pp * pp, pq * pq, qq * qq]) {
                *sum += term;
            }
        }
        variance -= (linear[0].powi(2) - linear[2]) / n + (linear[1].powi(2) - linear[3]) / m;
        variance += 0.5
            * ((square[0].powi(2) - square[3]) / (n * n)
                + 2.0 * (square[1].powi(2) - square[4]) / (n * m)
                + (square[2].powi(2) - square[5]) / (m * m));
        let free = if cells > 1.0 { cells / (cells - 1.0) } else { 1.0 };
        variance += others * (free - 1.0).powi(3);
        Expected {
            value: self.of(p, q),
            mean: mean / 2.0,
            variance: variance.max(0.0) / 4.0,
            third: third / 8.0 * free * free,
        }
    }

    /// What noise adds to a distance depends on how the distance is spread over the cells, which the data
    /// hardly tells: the observed spread is that of the noise where the differences are small.
    ///
    /// Large estimates come of distances in few cells, and those are taken that are likeliest for what was
    /// observed: of the cells of either sign each is nearer to 0 by the same multiple of its share, and none
    /// beyond it. (The likelihood is that of a normal, `sum_i (observed_i - apart_i)^2 / pooled_i` under the
    /// two sums; Lagrange's multipliers are soft thresholds.) Small estimates come of distances that are
    /// spread evenly, in proportion to the shares of the cells of either sign.
    fn hardest(&self, end: End, observed: &[f64], pooled: &[f64], along: f64) -> Option<Vec<f64>> {
        let [more, fewer] = [1.0, -1.0].map(|sign| {
            let cells = observed.iter().zip(pooled);
            let cells = cells.map(|(apart, &share)| (sign * apart, share));
            let cells: Vec<(f64, f64)> = cells.filter(|cell| cell.0 > 0.0).collect();
            match end {
                End::Lower => threshold(cells, along),
                End::Upper => even(&cells, along),
            }
        });
        let moved = |(&apart, share): (&f64, &f64)| {
            let (sign, multiple) = if apart > 0.0 {
                (1.0, more)
            } else if apart < 0.0 {
                (-1.0, fewer)
            } else {
                return 0.0;
            };
            sign * match end {
                End::Lower => (apart.abs() - multiple * share).max(0.0),
                End::Upper => multiple * share,
            }
        };
        Some(observed.iter().zip(pooled).map(moved).collect())
    }
}

/// The multiple of their shares that has `part` of the sum of some differences `(apart, share)`.
fn even(cells: &[(f64, f64)], part: f64) -> f64 {
    let whole = cells
        .iter()
        .fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    part * whole.0 / whole.1
}

/// The multiple of their shares that leaves `part` of the sum of some differences `(apart, share)`: the
/// largest that any of them demand together.
fn threshold(mut cells: Vec<(f64, f64)>, part: f64) -> f64 {
    cells.sort_unstable_by(|a, b| (b.0 / b.1).total_cmp(&(a.0 / a.1)));
    let left = part * cells.iter().map(|cell| cell.0).sum::<f64>();
    let (mut apart, mut share, mut most) = (0.0, 0.0, f64::NEG_INFINITY);
    for cell in cells {
        apart += cell.0;
        share += cell.1;
        most = f64::max(most, (apart - left) / share);
    }
    most
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn its_interval_is_ordered_and_of_neither_side_nor_order(
            counts in prop::collection::vec((0..500_u64, 0..500_u64), 1..200),
        ) {
            let (p, q): (Vec<_>, Vec<_>) = counts.iter().copied().unzip();
            prop_assume!(p.iter().sum::<u64>() > 0 && q.iter().sum::<u64>() > 0);
            let found = against(&p, &q, 0.08).unwrap();
            let effect = found.effect;
            prop_assert!(0.0 <= effect.lower && effect.lower <= effect.upper);
            prop_assert!(effect.upper <= 1.0 || effect.upper == f64::INFINITY);
            prop_assert!((0.0..=1.0).contains(&found.p_above) && (0.0..=1.0).contains(&found.smallest_found));
            prop_assume!(p != q);
            let (turned_p, turned_q): (Vec<_>, Vec<_>) = counts.into_iter().rev().unzip();
            for other in [against(&q, &p, 0.08).unwrap(), against(&turned_p, &turned_q, 0.08).unwrap()] {
                prop_assert!((other.effect.lower - effect.lower).abs() < 1e-6);
                prop_assert!(other.effect.upper == effect.upper || (other.effect.upper - effect.upper).abs() < 1e-6);
            }
        }
    }

    /// Of .3, .1 and -.4 in cells of .5, .1 and .4, half the distance is .2 on either side: .3 - .5 x is .2 at
    /// x = .2, where .1 - .1 x is .08, so both stay and .4 - .6 x = .2 gives x = 1 / 3.
    #[test]
    fn differences_of_a_lower_end_shrink_by_their_shares() {
        let apart =
            |end, observed: &[f64], along| Folded.hardest(end, observed, &[0.5, 0.1, 0.4], along).unwrap();
        let near = |found: Vec<f64>, expected: [f64; 3]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        };
        let observed = [0.3, 0.1, -0.4];
        near(
            apart(End::Lower, &observed, 0.5),
            [0.3 - 0.5 / 3.0, 0.1 - 0.1 / 3.0, -0.2],
        );
        near(apart(End::Lower, &observed, 0.0), [0.0; 3]);
        near(apart(End::Lower, &observed, 1.0), observed);
        near(
            apart(End::Lower, &observed, 1.5),
            [0.3 + 0.5 / 3.0, 0.1 + 0.1 / 3.0, -0.6],
        );
        near(apart(End::Lower, &[0.39, 0.01, -0.4], 0.5), [0.2, 0.0, -0.2]);
        near(apart(End::Lower, &[0.4, 0.0, -0.4], 2.0), [0.8, 0.0, -0.8]);
        near(apart(End::Upper, &observed, 0.5), [1.0 / 6.0, 1.0 / 30.0, -0.2]);
    }

    /// No other differences of the same distance are likelier.
    #[test]
    fn nothing_near_is_likelier() {
        let (observed, pooled) = ([0.05, 0.02, -0.01, -0.06], [0.4, 0.1, 0.2, 0.3]);
        let off = |apart: &[f64]| -> f64 {
            let each = apart.iter().zip(observed).zip(pooled);
            each.map(|((apart, observed), share)| (observed - apart).powi(2) / share)
                .sum()
        };
        for along in [0.2, 0.6, 1.7] {
            let found = Folded.hardest(End::Lower, &observed, &pooled, along).unwrap();
            for (from, to) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
                let mut other = found.clone();
                let step = 1e-4f64.min(other[from].abs()).copysign(observed[from]);
                other[from] -= step;
                other[to] += step;
                assert!(off(&other) >= off(&found), "{along}: {found:?} {other:?}");
            }
        }
    }

    /// Against 200,000 pairs of multinomial samples, smoothed, drawn with numpy's `default_rng(0)`.
    #[test]
    fn the_moments_are_those_of_drawn_samples() {
        for (p, q, sizes, mean, deviation) in MOMENTS {
            let found = Folded.expected(p, q, sizes);
            assert!((found.mean / mean - 1.0).abs() < 0.003, "{p:?}: {found:?}");
            assert!(
                (found.variance.sqrt() / deviation - 1.0).abs() < 0.014,
                "{p:?}: {found:?}"
            );
        }
    }
    type Case = (&'static [f64], &'static [f64], [f64; 2], f64, f64);
    const MOMENTS: [Case; 5] = [
        (&[0.5, 0.5], &[0.5, 0.5], [200.0, 200.0], 0.039_684, 0.029_964),
        (&[0.5, 0.5], &[0.45, 0.55], [400.0, 100.0], 0.060_802, 0.042_541),
        (&[0.1; 10], &[0.1; 10], [1000.0, 1000.0], 0.053_243, 0.013_305),
        (
            &[0.1; 10],
            &[0.08, 0.08, 0.08, 0.08, 0.08, 0.12, 0.12, 0.12, 0.12, 0.12],
            [1000.0, 300.0],
            0.114_172,
            0.025_632,
        ),
        (
            &[0.1; 10],
            &[0.08, 0.08, 0.08, 0.08, 0.08, 0.12, 0.12, 0.12, 0.12, 0.12],
            [100.0, 60.0],
            0.196_320,
            0.048_393,
        ),
    ];
}
