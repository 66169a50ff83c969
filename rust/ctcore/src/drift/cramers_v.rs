//! Cramer's V.

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
