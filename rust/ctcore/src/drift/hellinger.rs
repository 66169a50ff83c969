//! The Hellinger distance.

use super::against::Against;
use super::between::Counts;
use super::bounds::Bounds;
use super::cells::{Inversion, Smoothing, Statistic, Term, shares};
use crate::Result;

/// The Hellinger distance of two counts of the same cells:
///
/// `H = sqrt(1/2 sum_i (sqrt(p_i) - sqrt(q_i))^2)`
///
/// It is a metric, lies in `[0, 1]`, is 0 for equal shares and 1 for shares without a common cell. An
/// empty cell is no special case.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::hellinger::hellinger;
/// assert_eq!(hellinger(&[3, 0], &[0, 7])?, 1.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn hellinger(reference: &[u64], current: &[u64]) -> Result<f64> {
    let (p, q) = shares(reference, current, Smoothing::None)?;
    Ok(distance(term.of(&p, &q)))
}

/// The distance against a tolerance.
///
/// # Errors
/// As [`hellinger`].
pub fn against(reference: &[u64], current: &[u64], tolerance: f64) -> Result<Against> {
    let (p, q) = shares(reference, current, Smoothing::None)?;
    let found = Inversion::new(reference, current, term)?.against(term.of(&p, &q), tolerance * tolerance);
    Ok(found.map(distance))
}

/// The distance against a tolerance where the reference's counts are known between bounds, and its own bounds.
///
/// # Errors
/// As [`hellinger`].
pub fn between(reference: &Counts, current: &[u64], tolerance: f64) -> Result<(Against, Bounds)> {
    let sum = reference.extremes(current, Smoothing::None, |p, q| term(p, q).value);
    sum.against(current, tolerance, against, |sum| sum.map(distance))
}

fn distance(squared: f64) -> f64 {
    squared.sqrt().min(1.0)
}

/// Of the squared distance.
fn term(p: f64, q: f64) -> Term {
    let (root_p, root_q) = (p.sqrt(), q.sqrt());
    Term {
        value: 0.5 * (root_p - root_q).powi(2),
        by_p: 0.5 * (1.0 - root_q / root_p),
        by_q: 0.5 * (1.0 - root_p / root_q),
        by_pp: 0.25 * root_q / (p * root_p),
        by_pq: -0.25 / (root_p * root_q),
        by_qq: 0.25 * root_p / (q * root_q),
    }
}
