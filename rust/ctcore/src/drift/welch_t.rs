//! Welch's t-test.

use crate::num::{CHUNK, Moments};
use crate::special::t_sf;
use crate::{Error, Result};

/// What Welch's t-test finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelchT {
    /// `t`, positive where the mean of the reference is larger.
    pub statistic: f64,
    /// The degrees of freedom of Welch and Satterthwaite.
    pub df: f64,
    /// The two-sided p-value.
    pub p_value: f64,
}

/// Welch's t-test of equal means without equal variances (Welch, 1947):
///
/// `t = (mean_ref - mean_cur) / sqrt(v_ref / n + v_cur / m)`
///
/// with the variances of `n - 1` and `m - 1`. This is `scipy.stats.ttest_ind(reference, current, equal_var=False)`. NaN
/// where both sides are constant and equal; constant and different, `t` is infinite and p is 0.
///
/// # Errors
/// [`Error::Argument`] where a side has fewer than two values.
///
/// ```
/// use ctcore::drift::welch_t::welch_t;
/// let found = welch_t(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0])?;
/// assert!((found.statistic + 1.5_f64.sqrt()).abs() < 1e-15);
/// assert_eq!(found.df, 4.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn welch_t(reference: &[f64], current: &[f64]) -> Result<WelchT> {
    let side = |name, values: &[f64]| {
        let mut moments = Moments::default();
        for chunk in values.chunks(CHUNK) {
            moments.merge(&Moments::of_chunk(chunk));
        }
        let Some(variance) = moments.variance(1) else {
            let message = format!("a variance needs two finite values, found {}", values.len());
            return Err(Error::argument(name, message));
        };
        let n = values.len() as f64;
        Ok((moments.mean, variance / n, n - 1.0))
    };
    let (mean, noise, df) = side("reference", reference)?;
    let (other_mean, other_noise, other_df) = side("current", current)?;
    let both = noise + other_noise;
    let statistic = (mean - other_mean) / both.sqrt();
    let (share, other_share) = (noise / both, other_noise / both);
    let df = 1.0 / (share * share / df + other_share * other_share / other_df);
    let p_value = if statistic.is_infinite() {
        0.0
    } else {
        2.0 * t_sf(statistic.abs(), df)
    };
    Ok(WelchT {
        statistic,
        df,
        p_value,
    })
}
