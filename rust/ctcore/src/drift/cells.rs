//! What the statistics on counted cells share: shares, smoothing, and the interval of a sum of
//! terms over cells.

use super::against::{Against, Effect, Z_80, Z_90};
use crate::special::normal_sf;
use crate::{Error, Result};

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

/// What the smoothed estimate of a statistic is where the population's shares are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The population's value.
    pub(super) value: f64,
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// The third central moment.
    pub(super) third: f64,
}

/// The end of an interval that a hypothesis bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Refused where the estimate is too large for it.
    Lower,
    /// Refused where the estimate is too small for it.
    Upper,
}

/// A statistic of shares whose estimate has known moments.
pub(super) trait Statistic {
    /// Its value at the shares.
    fn of(&self, p: &[f64], q: &[f64]) -> f64;
    /// The estimate from samples of the sizes `[n, m]`.
    fn expected(&self, p: &[f64], q: &[f64], sizes: [f64; 2]) -> Expected;
    /// The differences of the shares `along` a path from none (0) to a distance as `observed` (1), around the
    /// `pooled` shares, with which a hypothesis is hardest to refuse at an end. None where it is the
    /// log-linear path.
    fn hardest(&self, _end: End, _observed: &[f64], _pooled: &[f64], _along: f64) -> Option<Vec<f64>> {
        None
    }
}

/// A sum of smooth terms over cells: moments from its expansion to second order.
impl<F: Fn(f64, f64) -> Term> Statistic for F {
    fn of(&self, p: &[f64], q: &[f64]) -> f64 {
        p.iter().zip(q).map(|(&p, &q)| self(p, q).value).sum()
    }

    fn expected(&self, p: &[f64], q: &[f64], [n, m]: [f64; 2]) -> Expected {
        let cells = p.len() as f64;
        let terms: Vec<Term> = p.iter().zip(q).map(|(&p, &q)| self(p, q)).collect();
        let each = || p.iter().zip(q).zip(&terms).map(|((&p, &q), term)| (p, q, term));
        let slopes = each().fold((0.0, 0.0), |mean, (p, q, term)| {
            (mean.0 + p * term.by_p, mean.1 + q * term.by_q)
        });
        let (mut value, mut bias, mut variance, mut third) = (0.0, 0.0, 0.0, 0.0);
        for (p, q, term) in each() {
            value += term.value;
            let (p_noise, q_noise) = (p * (1.0 - p) / n, q * (1.0 - q) / m);
            bias += term.by_p * smoothed(p, n, cells) + term.by_q * smoothed(q, m, cells);
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
        Expected {
            value,
            mean: value + bias,
            variance,
            third,
        }
    }
}

/// How far smoothing draws a share towards `1 / cells`.
pub(super) fn smoothed(share: f64, size: f64, cells: f64) -> f64 {
    (0.5 - 0.5 * cells * share) / size
}

/// What two counts say of the population value of a statistic of shares, by inverting tests.
///
/// The plug-in estimate is biased by the noise of both sides, and its spread depends on the true
/// value; both are taken where the hypothesis puts it, as a score interval does, not at the estimate.
/// The hypothesis "the value is `v`" is represented by the point of value `v` on the log-linear path
/// from the pooled shares through the observed ones: rare cells keep their place, and no share
/// leaves (0, 1). A statistic may know a harder path for an end ([`Statistic::hardest`]). There mean, variance
/// and skewness of the smoothed estimate are known, and its distribution is taken for a gamma of that
/// skewness, as a noncentral chi-square is by Wilson and Hilferty (1931). No share falls below two rows of
/// its sample: what is rarer cannot be told apart, and terms such as PSI's weigh it without bound.
pub(super) struct Inversion<S> {
    statistic: S,
    sizes: [f64; 2],
    pooled: Vec<f64>,
    /// Logarithms of the observed shares over the pooled ones.
    away: [Vec<f64>; 2],
    /// The differences of the observed shares.
    observed: Vec<f64>,
    estimate: f64,
    /// The smallest pooled share of a cell that is not empty on both sides.
    rarest: f64,
}

/// The hypothesis at one point of the path.
struct Point {
    value: f64,
    mean: f64,
    deviation: f64,
    skewness: f64,
}

impl Point {
    /// The estimate below which it falls as often as a standard normal below `z`.
    fn quantile(&self, z: f64) -> f64 {
        self.mean + self.deviation * quantile(z, self.skewness)
    }

    /// Whether the lower tail of a gamma is that of the estimate.
    fn upright(&self) -> bool {
        self.skewness <= MOST_SKEWED
    }
}

/// Values that the smaller side must expect in a cell for anything to pass.
const FEWEST: f64 = 5.0;
/// The skewness up to which the lower tail of a gamma is that of the estimate: measured, see
/// `docs/drift.md`.
const MOST_SKEWED: f64 = 1.0;
/// Deviations below its mean that no variable exceeds more than 5% of the time: the root of 19.
const CANTELLI: f64 = 4.358_898_943_540_674;
/// Rows to which every share amounts at least.
const LEAST: f64 = 2.0;
/// Doublings of the path beyond the observed shares.
const FURTHEST: i32 = 12;
/// Halvings of a part of the path.
const HALVINGS: usize = 40;
/// Rows that nobody has.
const MOST_ROWS: f64 = 1e12;

impl<S: Statistic> Inversion<S> {
    pub(super) fn new(reference: &[u64], current: &[u64], statistic: S) -> Result<Self> {
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
                    .map(|i| sign * ((2.0 * i as f64 + 1.0) / cells - 1.0))
                    .collect()
            };
            away = [slope(-1.0), slope(1.0)];
        }
        let both = away[0].iter().zip(&away[1]).zip(&pooled);
        let observed = both
            .map(|((p, q), pooled)| pooled * (p.exp() - q.exp()))
            .collect();
        let filled = reference
            .iter()
            .zip(current)
            .map(|(a, b)| a + b)
            .filter(|&both| both > 0);
        let rarest = filled.min().unwrap_or(0) as f64 / (n + m);
        Ok(Self {
            estimate: statistic.of(&p, &q),
            statistic,
            sizes: [n, m],
            pooled,
            away,
            observed,
            rarest,
        })
    }

    /// The shares of both sides `along` the path of an end, up to their sum: 0 is pooled, 1 is as far as
    /// observed.
    fn shares(&self, end: End, along: f64) -> [Vec<f64>; 2] {
        let Some(apart) = self.statistic.hardest(end, &self.observed, &self.pooled, along) else {
            return self.log_linear(along);
        };
        // The shares of both sides together stay the pooled ones.
        let [n, m] = self.sizes;
        [m / (n + m), -n / (n + m)].map(|part| {
            let both = self.pooled.iter().zip(&apart);
            both.map(|(pooled, apart)| (pooled + part * apart).max(0.0))
                .collect()
        })
    }

    fn log_linear(&self, along: f64) -> [Vec<f64>; 2] {
        [&self.away[0], &self.away[1]].map(|away| {
            let both = self.pooled.iter().zip(away);
            let logs: Vec<f64> = both.map(|(pooled, away)| pooled.ln() + along * away).collect();
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            logs.iter().map(|log| (log - largest).exp()).collect()
        })
    }

    fn at(&self, end: End, along: f64) -> Point {
        self.with(end, along, self.sizes)
    }

    /// The hypothesis at a point of a path, for samples of other sizes.
    fn with(&self, end: End, along: f64, sizes: [f64; 2]) -> Point {
        let mut sides = self.shares(end, along);
        for (side, size) in sides.iter_mut().zip(self.sizes) {
            let whole: f64 = side.iter().sum();
            for (share, pooled) in side.iter_mut().zip(&self.pooled) {
                *share = (*share / whole).max((LEAST / size).min(*pooled));
            }
        }
        let found = self.statistic.expected(&sides[0], &sides[1], sizes);
        let deviation = found.variance.sqrt();
        Point {
            value: if along == 0.0 { 0.0 } else { found.value },
            mean: found.mean,
            deviation,
            skewness: if deviation > 0.0 {
                found.third / (found.variance * deviation)
            } else {
                0.0
            },
        }
    }

    /// The standardised distance of the estimate above what a point expects. A single cell has no
    /// spread: nothing can move, and nothing speaks for it.
    fn z(&self, point: &Point) -> f64 {
        if point.deviation == 0.0 {
            return f64::NEG_INFINITY;
        }
        (self.estimate - point.mean) / point.deviation
    }

    /// Where on the path of an end `beyond` turns false, which it does once: at most the furthest point.
    fn border(&self, end: End, beyond: impl Fn(&Point) -> bool) -> f64 {
        let beyond = |along| beyond(&self.at(end, along));
        if !beyond(0.0) {
            return 0.0;
        }
        let mut high = 1.0;
        for _ in 0..FURTHEST {
            if !beyond(high) {
                break;
            }
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if beyond(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }

    /// Whether the smaller of two samples expects fewer than five values in a cell that is not empty.
    fn few(&self, [n, m]: [f64; 2]) -> bool {
        let smaller = n.min(m);
        smaller < FEWEST * self.pooled.len() as f64 || smaller * self.rarest < FEWEST
    }

    /// The two-sided 90% interval. Its upper end reaches at least to where the estimate no longer leans
    /// as a chi-square of few degrees does, since a gamma is no measure of the lower tail below; or to
    /// where Cantelli's inequality, which holds for any distribution, excludes the estimate. With few
    /// values in a cell the expansion says too little about what was not seen, and the upper end is
    /// infinite.
    pub(super) fn interval(&self, statistic: f64) -> Effect {
        let low = self.border(End::Lower, |point| self.z(point) > quantile(Z_90, point.skewness));
        let high = self.border(End::Upper, |point| {
            self.z(point) > quantile(-Z_90, point.skewness)
        });
        let upright = self.border(End::Upper, |point| !point.upright() && self.z(point) > -CANTELLI);
        Effect {
            statistic,
            lower: self.at(End::Lower, low).value,
            upper: if self.few(self.sizes) {
                f64::INFINITY
            } else {
                self.at(End::Upper, high.max(upright)).value
            },
        }
    }

    /// The statistic held against a tolerance. `statistic` is the plug-in value that is shown.
    pub(super) fn against(&self, statistic: f64, tolerance: f64) -> Against {
        let there = self.border(End::Lower, |point| point.value < tolerance);
        let at = self.at(End::Lower, there);
        let critical = at.quantile(Z_90);
        let found = self.border(End::Lower, |point| {
            point.value < tolerance || point.quantile(-Z_80) < critical
        });
        Against {
            effect: self.interval(statistic),
            p_above: normal_sf(normal_score(self.z(&at), at.skewness)),
            rows_to_pass: self.rows_to_pass(tolerance),
            smallest_found: self.at(End::Lower, found).value,
        }
    }

    /// The rows a side with which nine of ten samples pass where nothing moved.
    fn rows_to_pass(&self, tolerance: f64) -> f64 {
        let there = self.border(End::Upper, |point| point.value < tolerance);
        let passes = |rows: f64| {
            let sizes = [rows, rows];
            let at = self.with(End::Upper, there, sizes);
            let lowest = if at.upright() {
                at.quantile(-Z_90)
            } else {
                at.mean - CANTELLI * at.deviation
            };
            !self.few(sizes) && self.with(End::Upper, 0.0, sizes).quantile(Z_80) < lowest
        };
        if self.pooled.len() < 2 || !passes(MOST_ROWS) {
            return f64::INFINITY;
        }
        let (mut low, mut high) = (0.0, MOST_ROWS.ln());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if passes(middle.exp()) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high.exp().ceil()
    }
}

/// The quantile of a standardised gamma distribution of some skewness, by that of a normal.
pub(super) fn quantile(z: f64, skewness: f64) -> f64 {
    if skewness.abs() < 1e-6 {
        return z;
    }
    2.0 / skewness * ((1.0 + skewness * z / 6.0 - skewness * skewness / 36.0).powi(3) - 1.0)
}

/// The inverse of [`quantile`].
pub(super) fn normal_score(z: f64, skewness: f64) -> f64 {
    if skewness.abs() < 1e-6 {
        return z;
    }
    ((1.0 + skewness * z / 2.0).cbrt() - 1.0 + skewness * skewness / 36.0) * 6.0 / skewness
}

/// The number of rows.
pub(super) fn total(counts: &[u64]) -> f64 {
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
