//! The two-sample Kuiper statistic.

use super::ks::Extremes;
use super::{PValue, sizes};
use crate::Result;
use crate::rank::{Sorted, fold};
use crate::special::kuiper_sf;

/// The largest rise and the largest fall of one empirical distribution function above another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kuiper {
    /// `V = sup_x (F(x) - G(x)) + sup_x (G(x) - F(x))`, in `[0, 1]`, exact.
    pub statistic: f64,
    n: f64,
    m: f64,
}

/// The two-sample Kuiper statistic (Kuiper, 1960): as sensitive in the tails as at the median, and
/// the same wherever a circle (an hour of the day, a weekday) is cut.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::kuiper::kuiper, rank::Sorted};
/// let wider = kuiper(&Sorted::new(&[2.0, 3.0]), &Sorted::new(&[1.0, 4.0]))?;
/// assert_eq!(wider.statistic, 1.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn kuiper(reference: &Sorted, current: &Sorted) -> Result<Kuiper> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let found = fold(reference, current, || Extremes::new(n, m));
    Ok(Kuiper::of(&found.unwrap_or(Extremes::new(n, m)), n, m))
}

impl Kuiper {
    pub(super) fn of(extremes: &Extremes, n: usize, m: usize) -> Self {
        // Both functions are 0 before the first value, so neither extreme is on the wrong side of 0.
        let steps = extremes.highest.0.max(0) - extremes.lowest.0.min(0);
        let (n, m) = (n as f64, m as f64);
        Self {
            statistic: steps as f64 / (n * m),
            n,
            m,
        }
    }

    /// The p-value by Kuiper's limit law of `sqrt(n m / (n + m)) V`. With ties it is conservative.
    pub fn p_value(&self) -> PValue {
        PValue::asymptotic(kuiper_sf(
            self.statistic * (self.n / (self.n + self.m) * self.m).sqrt(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_does_not_depend_on_where_a_circle_is_cut(
            a in prop::collection::vec(0..24_i32, 1..40),
            b in prop::collection::vec(0..24_i32, 1..40),
            cut in 0..24_i32,
        ) {
            let turned = |hours: &[i32], cut: i32| {
                Sorted::new(&hours.iter().map(|&h| f64::from((h - cut).rem_euclid(24))).collect::<Vec<_>>())
            };
            let here = kuiper(&turned(&a, 0), &turned(&b, 0)).unwrap().statistic;
            let there = kuiper(&turned(&a, cut), &turned(&b, cut)).unwrap().statistic;
            prop_assert!((here - there).abs() < 1e-14, "{here} {there}");
        }
    }
}
