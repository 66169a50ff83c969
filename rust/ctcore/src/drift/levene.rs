//! Levene's test of equal spread.

use crate::num::{CHUNK, Moments};
use crate::rank::Sorted;
use crate::special::f_sf;
use crate::{Error, Result};

/// What Levene's test finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levene {
    /// `W`, at least 0.
    pub statistic: f64,
    /// The upper tail of the F distribution with 1 and `n + m - 2` degrees of freedom.
    pub p_value: f64,
}

/// Levene's test with medians (Brown and Forsythe, 1974): the analysis of variance of the absolute
/// distances of the values from their own side's median, which holds its level also where the
/// values are skewed. This is `scipy.stats.levene(reference, current)`. NaN where all distances are equal.
///
/// # Errors
/// [`Error::Argument`] where a side is empty or both together have fewer than three values.
///
/// ```
/// use ctcore::drift::levene::levene;
/// let found = levene(&[1.0, 2.0, 3.0], &[0.0, 2.0, 4.0])?;
/// assert!((found.statistic - 0.8).abs() < 1e-15);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn levene(reference: &[f64], current: &[f64]) -> Result<Levene> {
    let (n, m) = super::sizes(reference.len(), current.len())?;
    if n + m < 3 {
        return Err(Error::argument(
            "current",
            "Levene's test needs three values, found two",
        ));
    }
    let spread = |values: &[f64]| {
        let median = Sorted::new(values).median();
        let mut moments = Moments::default();
        for chunk in values.chunks(CHUNK) {
            let distances: Vec<f64> = chunk.iter().map(|x| (x - median).abs()).collect();
            moments.merge(&Moments::of_chunk(&distances));
        }
        moments
    };
    let (first, second) = (spread(reference), spread(current));
    let (a, b) = (n as f64, m as f64);
    let between = a / (a + b) * b * (first.mean - second.mean).powi(2);
    let df = a + b - 2.0;
    let statistic = df * between / (first.squares + second.squares);
    Ok(Levene {
        statistic,
        p_value: f_sf(statistic, 1.0, df),
    })
}
