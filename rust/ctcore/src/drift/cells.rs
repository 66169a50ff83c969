//! What the statistics on counted cells share: shares, smoothing, and the interval of a sum of
//! terms over cells.

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

/// One term of a divergence: its value at the shares `(p, q)` of a cell, and its first and second
/// derivatives by `p` and by `q`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) value: f64,
    pub(super) by_p: f64,
    pub(super) by_q: f64,
    pub(super) by_pp: f64,
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

/// The interval of `sum term(p, q)` over cells, from counts.
///
/// The plug-in estimate is biased upwards by the noise of both sides, so it is first moved by its
/// second-order bias; its variance is the delta method's plus the second-order part, which is all
/// there is where the two populations are equal (there the statistic is a chi-square in disguise).
/// The derivatives are taken at Jeffreys' shares, where none is infinite.
pub(super) fn interval(
    statistic: f64,
    reference: &[u64],
    current: &[u64],
    term: impl Fn(f64, f64) -> Term,
) -> Result<Effect> {
    let (p, q) = shares(reference, current, Smoothing::Jeffreys)?;
    let (n, m) = (total(reference), total(current));
    let (mut bias, mut second) = (0.0, 0.0);
    let (mut p_mean, mut p_square, mut q_mean, mut q_square) = (0.0, 0.0, 0.0, 0.0);
    for (&p, &q) in p.iter().zip(&q) {
        let term = term(p, q);
        let noise = term.by_pp * p * (1.0 - p) / n + term.by_qq * q * (1.0 - q) / m;
        bias += noise / 2.0;
        second += noise * noise / 2.0;
        p_mean += p * term.by_p;
        p_square += p * term.by_p * term.by_p;
        q_mean += q * term.by_q;
        q_square += q * term.by_q * term.by_q;
    }
    let first = (p_square - p_mean * p_mean).max(0.0) / n + (q_square - q_mean * q_mean).max(0.0) / m;
    let half = Z_90 * (first + second).sqrt();
    Ok(Effect {
        statistic,
        lower: (statistic - bias - half).max(0.0),
        upper: (statistic - bias + half).max(0.0),
    })
}

fn total(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64
}
