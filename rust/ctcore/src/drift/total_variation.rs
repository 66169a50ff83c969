//! The total variation distance.

use std::f64::consts::PI;

use super::against::Against;
use super::cells::{Expected, Inversion, Smoothing, Statistic, shares, smoothed};
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

/// Half a sum of absolute differences, each of them a folded normal.
struct Folded;

impl Statistic for Folded {
    fn of(&self, p: &[f64], q: &[f64]) -> f64 {
        p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
    }

    /// Moments of folded normals (Leone, Nelson and Nottingham, 1961). What two cells have in common
    /// follows from the first two Hermite terms of `|x|`: the sums over pairs of cells are squares of
    /// sums, less the diagonal. Of `k` cells `k - 1` are free, which scales the third moment.
    fn expected(&self, p: &[f64], q: &[f64], [n, m]: [f64; 2]) -> Expected {
        let cells = p.len() as f64;
        let (mut mean, mut variance, mut third) = (0.0, 0.0, 0.0);
        let mut linear = [0.0; 4];
        let mut square = [0.0; 6];
        for (&p, &q) in p.iter().zip(q) {
            let distance = p - q + smoothed(p, n, cells) - smoothed(q, m, cells);
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
        Expected {
            value: self.of(p, q),
            mean: mean / 2.0,
            variance: variance.max(0.0) / 4.0,
            third: third / 8.0 * free * free,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against 200,000 pairs of multinomial samples, smoothed, drawn with numpy's `default_rng(0)`.
    #[test]
    fn the_moments_are_those_of_drawn_samples() {
        for (p, q, sizes, mean, deviation) in MOMENTS {
            let found = Folded.expected(p, q, sizes);
            assert!((found.mean / mean - 1.0).abs() < 0.01, "{p:?}: {found:?}");
            assert!(
                (found.variance.sqrt() / deviation - 1.0).abs() < 0.03,
                "{p:?}: {found:?}"
            );
        }
    }
    type Case = (&'static [f64], &'static [f64], [f64; 2], f64, f64);
    const MOMENTS: [Case; 4] = [
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
    ];
}
