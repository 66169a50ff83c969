//! The Kullback-Leibler divergence.

use super::cells::{Smoothing, shares};
use crate::Result;

/// The Kullback-Leibler divergence of the current data from the reference, in nats:
///
/// `KL(p || q) = sum_i p_i ln(p_i / q_i)`
///
/// with `p` the shares of the reference and `q` those of the current data. It lies in `[0, inf]` and
/// changes when the two sides are swapped. Without smoothing, a cell that only the reference fills
/// makes it infinite; this is then `scipy.stats.entropy(p, q)`.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::{cells::Smoothing, kullback_leibler::kullback_leibler};
/// assert_eq!(kullback_leibler(&[1, 0], &[1, 1], Smoothing::None)?, 2.0_f64.ln());
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn kullback_leibler(reference: &[u64], current: &[u64], smoothing: Smoothing) -> Result<f64> {
    let (p, q) = shares(reference, current, smoothing)?;
    let terms = p.iter().zip(&q).filter(|(p, _)| **p > 0.0);
    Ok(terms.map(|(p, q)| p * (p / q).ln()).sum::<f64>().max(0.0))
}
