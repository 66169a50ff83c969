//! What the statistics on counted cells share: shares, smoothing, and the interval of a sum of
//! terms over cells.

use crate::special::normal_sf;
use crate::{Error, Result};

/// The standard normal quantile of a two-sided 90% interval: each side is wrong 5% of the time.
const Z_90: f64 = 1.644_853_626_951_472_7;

/// A statistic with its two-sided 90% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The statistic of the two samples.
    pub statistic: f64,
    /// The lower end of the interval of the statistic of the two populations.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl Effect {
    /// The same effect on another, increasing scale.
    pub(super) fn map(self, scale: impl Fn(f64) -> f64) -> Self {
        Self {
            statistic: scale(self.statistic),
            lower: scale(self.lower),
            upper: scale(self.upper),
        }
    }
}

/// How counts become shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smoothing {
    /// `count / n`: an empty cell has share 0.
    None,
    /// `(count + 1/2) / (n + cells/2)`, the mean of the posterior under Jeffreys' prior: no share
    /// is 0, and the shares still sum to 1.
    Jeffreys,
}

/// One term of a divergence at the shares `(p, q)` of a cell: its value and its derivatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) value: f64,
    pub(super) by_p: f64,
    pub(super) by_q: f64,
    pub(super) by_pp: f64,
    pub(super) by_pq: f64,
    pub(super) by_qq: f64,
}

/// The shares of both sides, which must count the same cells and at least one row each.
pub(super) fn shares(
    reference: &[u64],
    current: &[u64],
    smoothing: Smoothing,
) -> Result<(Vec<f64>, Vec<f64>)> {
    if reference.len() != current.len() {
        return Err(Error::argument(
            "current",
            format!(
                "both sides must count the same cells, found {} of the reference and {} of the current data",
                reference.len(),
                current.len()
            ),
        ));
    }
    let share = |name, counts: &[u64]| {
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return Err(Error::argument(
                name,
                "there is no value to compare: every count is 0",
            ));
        }
        let extra = match smoothing {
            Smoothing::None => 0.0,
            Smoothing::Jeffreys => 0.5,
        };
        let whole = total as f64 + extra * counts.len() as f64;
        Ok(counts
            .iter()
            .map(|&count| (count as f64 + extra) / whole)
            .collect())
    };
    Ok((share("reference", reference)?, share("current", current)?))
}

/// What two counts say of the population value of `sum term(p, q)` over cells, by inverting tests.
///
/// The plug-in estimate `t` is biased by the noise of both sides, and its spread depends on the true
/// value; both are taken where the hypothesis puts it, as a score interval does, not at the estimate.
/// The hypothesis "the value is `v`" is represented by the point of value `v` on the log-linear path
/// from the pooled shares through the observed ones: rare cells keep their place, and no share
/// leaves (0, 1). There mean, variance and skewness of the smoothed estimate follow from its expansion
/// to second order, and its distribution is taken for a gamma of that skewness, as a noncentral
/// chi-square is by Wilson and Hilferty (1931).
pub(super) struct Inversion<F> {
    term: F,
    sizes: [f64; 2],
    pooled: Vec<f64>,
    /// Logarithms of the observed shares over the pooled ones.
    away: [Vec<f64>; 2],
    estimate: f64,
    /// The smallest pooled share of a cell that is not empty on both sides.
    rarest: f64,
}

/// The hypothesis at one point of the path.
struct Point {
    value: f64,
    /// The standardised distance of the estimate above its expectation, and its skewness.
    z: f64,
    skewness: f64,
}

/// Values that the smaller side must expect in a cell for anything to pass.
const FEWEST: f64 = 5.0;
/// The skewness up to which the lower tail of a gamma is that of the estimate: measured, see
/// `docs/drift.md`.
const MOST_SKEWED: f64 = 1.0;
/// Doublings of the path beyond the observed shares.
const FURTHEST: i32 = 12;
/// Halvings of a part of the path.
const HALVINGS: usize = 40;

impl<F: Fn(f64, f64) -> Term> Inversion<F> {
    pub(super) fn new(reference: &[u64], current: &[u64], term: F) -> Result<Self> {
        let (p, q) = shares(reference, current, Smoothing::Jeffreys)?;
        let (n, m) = (total(reference), total(current));
        let pooled: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (n * p + m * q) / (n + m)).collect();
        let from_pooled = |shares: &[f64]| -> Vec<f64> {
            shares
                .iter()
                .zip(&pooled)
                .map(|(share, pooled)| (share / pooled).ln())
                .collect()
        };
        let mut away = [from_pooled(&p), from_pooled(&q)];
        if away[0].iter().all(|step| step.abs() < 1e-9) {
            // Nothing moved, so no direction was observed: a shift along the cells stands for all.
            let cells = pooled.len() as f64;
            let slope = |sign: f64| {
                (0..pooled.len())
                    .map(|i| sign * (2.0 * i as f64 / cells - 1.0))
                    .collect()
            };
            away = [slope(-1.0), slope(1.0)];
        }
        let estimate = p.iter().zip(&q).map(|(&p, &q)| term(p, q).value).sum();
        let filled = reference
            .iter()
            .zip(current)
            .map(|(a, b)| a + b)
            .filter(|&both| both > 0);
        let rarest = filled.min().unwrap_or(0) as f64 / (n + m);
        Ok(Self {
            term,
            sizes: [n, m],
            pooled,
            away,
            estimate,
            rarest,
        })
    }

    /// The shares of a side `along` the path: 0 is pooled, 1 is observed.
    fn shares(&self, side: usize, along: f64) -> Vec<f64> {
        let logs = self
            .pooled
            .iter()
            .zip(&self.away[side])
            .map(|(pooled, away)| pooled.ln() + along * away);
        let logs: Vec<f64> = logs.collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
        let whole: f64 = weights.iter().sum();
        weights
            .iter()
            .map(|weight| (weight / whole).max(f64::MIN_POSITIVE))
            .collect()
    }

    fn at(&self, along: f64) -> Point {
        let (p, q) = (self.shares(0, along), self.shares(1, along));
        let [n, m] = self.sizes;
        let cells = p.len() as f64;
        let terms: Vec<Term> = p.iter().zip(&q).map(|(&p, &q)| (self.term)(p, q)).collect();
        let each = || p.iter().zip(&q).zip(&terms).map(|((&p, &q), term)| (p, q, term));
        let slopes = each().fold((0.0, 0.0), |mean, (p, q, term)| {
            (mean.0 + p * term.by_p, mean.1 + q * term.by_q)
        });
        let (mut value, mut bias, mut variance, mut third) = (0.0, 0.0, 0.0, 0.0);
        for (p, q, term) in each() {
            value += term.value;
            let (p_noise, q_noise) = (p * (1.0 - p) / n, q * (1.0 - q) / m);
            // The smoothing draws each share towards 1 / cells.
            bias += term.by_p * (0.5 - 0.5 * cells * p) / n + term.by_q * (0.5 - 0.5 * cells * q) / m;
            let (a, b, c) = (
                term.by_pp * p_noise,
                term.by_pq * (p_noise * q_noise).sqrt(),
                term.by_qq * q_noise,
            );
            bias += 0.5 * (a + c);
            let (p_slope, q_slope) = (term.by_p - slopes.0, term.by_q - slopes.1);
            let (x, y) = (p_slope * (p / n).sqrt(), q_slope * (q / m).sqrt());
            variance += x * x + y * y + 0.5 * (a * a + 2.0 * b * b + c * c);
            third += 3.0 * (x * x * a + 2.0 * x * y * b + y * y * c)
                + (a * a * a + 3.0 * (a + c) * b * b + c * c * c)
                + p * p_slope.powi(3) / (n * n)
                + q * q_slope.powi(3) / (m * m);
        }
        let deviation = variance.sqrt();
        if deviation == 0.0 {
            // A single cell: nothing can move, and nothing speaks for it.
            return Point {
                value,
                z: f64::NEG_INFINITY,
                skewness: 0.0,
            };
        }
        Point {
            value,
            z: (self.estimate - value - bias) / deviation,
            skewness: third / (variance * deviation),
        }
    }

    /// Where on the path `beyond` turns false, which it does once: at most the furthest point.
    fn border(&self, beyond: impl Fn(&Point) -> bool) -> f64 {
        if !beyond(&self.at(0.0)) {
            return 0.0;
        }
        let mut high = 1.0;
        for _ in 0..FURTHEST {
            if !beyond(&self.at(high)) {
                break;
            }
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if beyond(&self.at(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }

    /// The two-sided 90% interval. Its upper end reaches at least to where the estimate no longer leans
    /// as a chi-square of few degrees does: below, a gamma is no measure of the lower tail. Where the
    /// smaller side expects fewer than five values in a cell that is not empty, the expansion says too
    /// little about what was not seen, and the upper end is infinite.
    pub(super) fn interval(&self, statistic: f64) -> Effect {
        let smaller = self.sizes[0].min(self.sizes[1]);
        let few = smaller < FEWEST * self.pooled.len() as f64 || smaller * self.rarest < FEWEST;
        let low = self.border(|point| point.z > quantile(Z_90, point.skewness));
        let high = self.border(|point| point.z > quantile(-Z_90, point.skewness));
        let upright = self.border(|point| point.skewness > MOST_SKEWED);
        let value = |along: f64| if along == 0.0 { 0.0 } else { self.at(along).value };
        Effect {
            statistic,
            lower: value(low),
            upper: if few {
                f64::INFINITY
            } else {
                value(high.max(upright))
            },
        }
    }

    /// The p-value of the hypothesis that the value is at most `tolerance`.
    pub(super) fn p_above(&self, tolerance: f64) -> f64 {
        let at_tolerance = self.at(self.border(|point| point.value < tolerance));
        normal_sf(normal_score(at_tolerance.z, at_tolerance.skewness))
    }
}

/// The quantile of a standardised gamma distribution of some skewness, by that of a normal.
fn quantile(z: f64, skewness: f64) -> f64 {
    if skewness.abs() < 1e-6 {
        return z;
    }
    2.0 / skewness * ((1.0 + skewness * z / 6.0 - skewness * skewness / 36.0).powi(3) - 1.0)
}

/// The inverse of [`quantile`].
fn normal_score(z: f64, skewness: f64) -> f64 {
    if skewness.abs() < 1e-6 {
        return z;
    }
    ((1.0 + skewness * z / 2.0).cbrt() - 1.0 + skewness * skewness / 36.0) * 6.0 / skewness
}

fn total(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_undoes_the_quantile() {
        for skewness in [-0.7, 0.0, 0.3, 2.0] {
            for z in [-1.6, 0.0, 2.5] {
                assert!((normal_score(quantile(z, skewness), skewness) - z).abs() < 1e-12);
            }
        }
    }
}
