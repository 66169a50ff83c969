//! Cramer's V.

use super::against::Against;
use super::between::Counts;
use super::bounds::Bounds;
use super::cells::{Inversion, Smoothing, Statistic, Term, shares, total};
use super::chi2::chi2;
use crate::Result;

/// Cramer's V of two sides over categories, bias-corrected (Bergsma, 2013): with `k` categories,
/// `N` values and `phi^2 = chi^2 / N`,
///
/// `V = sqrt(max(0, phi^2 - (k - 1)/(N - 1)) / min(k' - 1, 1'))`,
/// `k' = k - (k - 1)^2 / (N - 1)`, `1' = 1 - 1 / (N - 1)`
///
/// In `[0, 1]`; near 0 without drift, whatever the number of categories, and 1 where no category is
/// common.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::cramers_v::cramers_v;
/// assert_eq!(cramers_v(&[50, 50], &[50, 50])?, 0.0);
/// assert_eq!(cramers_v(&[100, 0], &[0, 100])?, 1.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn cramers_v(reference: &[u64], current: &[u64]) -> Result<f64> {
    let found = chi2(reference, current, false)?;
    let all: u64 = reference.iter().chain(current).sum();
    let (all, df) = (all as f64, found.df as f64);
    if found.df == 0 || all < 3.0 {
        return Ok(0.0);
    }
    let excess = (found.statistic / all - df / (all - 1.0)).max(0.0);
    let columns = df - df * df / (all - 1.0);
    let rows = 1.0 - 1.0 / (all - 1.0);
    let room = columns.min(rows);
    Ok(if room > 0.0 {
        (excess / room).sqrt().min(1.0)
    } else {
        0.0
    })
}

/// Cramer's V of sides of equal weight against a tolerance.
///
/// V itself falls as the sides become unequal: the same two populations give .10 with as many current
/// rows as in the reference, and .058 with a tenth of them. A tolerance needs a number of the
/// populations alone, so both sides count half here:
///
/// `V = sqrt(phi^2 - (k - 1)/4 (1/n + 1/m))`, `phi^2 = 1/2 sum_i (p_i - q_i)^2 / (p_i + q_i)`
///
/// where the second term is what noise adds when nothing moved; for equal sizes that is
/// [`cramers_v`] without its corrections of the denominator.
///
/// # Errors
/// As [`cramers_v`].
pub fn against(reference: &[u64], current: &[u64], tolerance: f64) -> Result<Against> {
    let (p, q) = shares(reference, current, Smoothing::None)?;
    let filled = p.iter().zip(&q).filter(|&(p, q)| p + q > 0.0).count();
    let noise = noise(filled, total(reference), total(current));
    let phi_squared = (term.of(&p, &q) - noise).max(0.0);
    let found = Inversion::new(reference, current, term)?.against(phi_squared, tolerance * tolerance);
    Ok(found.map(|squared| squared.sqrt().min(1.0)))
}

/// The V of sides of equal weight against a tolerance where the reference's counts are known between bounds, and its own bounds.
///
/// # Errors
/// As [`cramers_v`].
pub fn between(reference: &Counts, current: &[u64], tolerance: f64) -> Result<(Against, Bounds)> {
    let sum = reference.extremes(current, Smoothing::None, |p, q| term(p, q).value);
    let (fewest, most) = reference.filled(current);
    let v = |phi_squared: f64, filled: usize| {
        let noise = noise(filled, reference.whole(), total(current));
        (phi_squared - noise).max(0.0).sqrt().min(1.0)
    };
    sum.against(current, tolerance, against, |sum| Bounds {
        low: v(sum.low, most),
        high: v(sum.high, fewest),
    })
}

/// What noise adds to `phi^2` where nothing moved.
fn noise(filled: usize, n: f64, m: f64) -> f64 {
    (filled as f64 - 1.0) / 4.0 * (1.0 / n + 1.0 / m)
}

/// Of `phi^2` with sides of equal weight.
fn term(p: f64, q: f64) -> Term {
    let (difference, sum) = (p - q, p + q);
    if sum == 0.0 {
        return Term {
            value: 0.0,
            by_p: 0.0,
            by_q: 0.0,
            by_pp: 0.0,
            by_pq: 0.0,
            by_qq: 0.0,
        };
    }
    let ratio = difference / sum;
    let cube = sum.powi(3);
    Term {
        value: 0.5 * difference * ratio,
        by_p: 0.5 * ratio * (2.0 - ratio),
        by_q: -0.5 * ratio * (2.0 + ratio),
        by_pp: 4.0 * q * q / cube,
        by_pq: -4.0 * p * q / cube,
        by_qq: 4.0 * p * p / cube,
    }
}
