//! The likelihood-ratio test of homogeneity.

use super::chi2::{Homogeneity, cells};
use crate::Result;

/// The G statistic of homogeneity (Woolf, 1957): `G = 2 sum observed ln(observed / expected)`, expected as in
/// [`super::chi2::chi2`]. This is `scipy.stats.chi2_contingency(..., lambda_="log-likelihood")`.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::g_test::g_test;
/// let found = g_test(&[10, 20], &[20, 10], false)?;
/// assert!((found.statistic - 6.795_961_471_815_897).abs() < 1e-13);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn g_test(reference: &[u64], current: &[u64], correction: bool) -> Result<Homogeneity> {
    let cells = cells(reference, current, correction)?;
    // The differences sum to 0; with them every term is positive, and small terms stay exact.
    let term = |observed: f64, expected: f64| {
        let apart = observed - expected;
        if observed > 0.0 {
            observed * (apart / expected).ln_1p() - apart
        } else {
            expected
        }
    };
    let terms = cells
        .iter()
        .map(|cell| term(cell.observed[0], cell.expected[0]) + term(cell.observed[1], cell.expected[1]));
    Ok(Homogeneity {
        statistic: 2.0 * terms.sum::<f64>(),
        df: cells.len() - 1,
    })
}
