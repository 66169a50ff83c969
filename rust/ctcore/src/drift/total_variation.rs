//! The total variation distance.

use super::cells::{Smoothing, shares};
use crate::Result;

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
    Ok(p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0)
}
