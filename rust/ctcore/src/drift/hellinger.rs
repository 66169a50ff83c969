//! The Hellinger distance.

use super::cells::{Smoothing, shares};
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
    let squares: f64 = p.iter().zip(&q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
    Ok((squares / 2.0).sqrt().min(1.0))
}
