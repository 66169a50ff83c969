//! The L-infinity distance of shares.

use super::cells::{Smoothing, shares};
use crate::Result;

/// The largest change of a share, `max_i |p_i - q_i|`, and the first cell that has it. In `[0, 1]`.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::l_infinity::l_infinity;
/// assert_eq!(l_infinity(&[2, 2, 0], &[2, 1, 1])?, (0.25, 1));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn l_infinity(reference: &[u64], current: &[u64]) -> Result<(f64, usize)> {
    let (p, q) = shares(reference, current, Smoothing::None)?;
    let changes = p.iter().zip(&q).map(|(p, q)| (p - q).abs()).enumerate();
    Ok(changes.fold(
        (0.0, 0),
        |best, (cell, change)| {
            if change > best.0 { (change, cell) } else { best }
        },
    ))
}
