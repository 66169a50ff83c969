//! Pearson's chi-square of homogeneity.

use crate::special::chi2_sf;
use crate::{Error, Result};

/// A statistic of a table of two rows that is about chi-square where both rows come from one
/// distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// The statistic.
    pub statistic: f64,
    /// Its degrees of freedom: the cells that are not empty on both sides, less one.
    pub df: usize,
}

impl Homogeneity {
    /// The upper tail of the chi-square distribution; 1 without a degree of freedom.
    pub fn p_value(&self) -> f64 {
        if self.df == 0 {
            return 1.0;
        }
        chi2_sf(self.statistic, self.df as f64)
    }
}

/// One cell of a table of two rows, the reference's first.
pub(super) struct Cell {
    pub(super) observed: [f64; 2],
    pub(super) expected: [f64; 2],
}

/// The cells that are not empty on both sides, with what equal shares would have put there.
///
/// With `correction` (Yates, 1934), a table of one degree of freedom is moved by up to 1/2 towards what
/// is expected.
pub(super) fn cells(reference: &[u64], current: &[u64], correction: bool) -> Result<Vec<Cell>> {
    if reference.len() != current.len() {
        let message = format!(
            "both sides must count the same cells, found {} and {}",
            reference.len(),
            current.len()
        );
        return Err(Error::argument("current", message));
    }
    let (n, m): (u64, u64) = (reference.iter().sum(), current.iter().sum());
    for (name, total) in [("reference", n), ("current", m)] {
        if total == 0 {
            return Err(Error::argument(
                name,
                "there is no value to compare: every count is 0",
            ));
        }
    }
    let all = n as f64 + m as f64;
    let filled: Vec<(u64, u64)> = reference
        .iter()
        .zip(current)
        .map(|(&a, &b)| (a, b))
        .filter(|&(a, b)| a + b > 0)
        .collect();
    let correct = correction && filled.len() == 2;
    Ok(filled
        .into_iter()
        .map(|(a, b)| {
            // n m times the difference of the two shares is a whole number: nothing cancels.
            let apart = (i128::from(a) * i128::from(m) - i128::from(b) * i128::from(n)) as f64 / all;
            let both = (a + b) as f64;
            let moved = if correct {
                apart.signum() * apart.abs().min(0.5)
            } else {
                0.0
            };
            Cell {
                observed: [a as f64 - moved, b as f64 + moved],
                expected: [both * (n as f64 / all), both * (m as f64 / all)],
            }
        })
        .collect())
}

/// Pearson's chi-square of homogeneity: whether both sides draw from one distribution.
///
/// `chi^2 = sum (observed - expected)^2 / expected` over both sides, each expected to have the shares of
/// the two together. (A test of fit against the reference's shares would take the reference for
/// exact, and find drift in noise.) This is `scipy.stats.chi2_contingency`; cells that are empty on both
/// sides are left out.
///
/// # Errors
/// [`Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::chi2::chi2;
/// let found = chi2(&[10, 20], &[20, 10], false)?;
/// assert!((found.statistic - 20.0 / 3.0).abs() < 1e-14);
/// assert_eq!(found.df, 1);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn chi2(reference: &[u64], current: &[u64], correction: bool) -> Result<Homogeneity> {
    let cells = cells(reference, current, correction)?;
    let term = |cell: &Cell| {
        let side = |i: usize| (cell.observed[i] - cell.expected[i]).powi(2) / cell.expected[i];
        side(0) + side(1)
    };
    Ok(Homogeneity {
        statistic: cells.iter().map(term).sum(),
        df: cells.len() - 1,
    })
}
