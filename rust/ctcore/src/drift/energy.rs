//! The energy distance.

use super::sizes;
use super::wasserstein::Between;
use crate::Result;
use crate::rank::{Sorted, fold};

/// The energy distance of two samples on the line:
///
/// `sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|) = sqrt(2 integral (F(x) - G(x))^2 dx)`
///
/// (Szekely and Rizzo, 2013), in the root of the unit of the values. Exact; this is
/// `scipy.stats.energy_distance`.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::energy::energy, rank::Sorted};
/// assert_eq!(energy(&Sorted::new(&[0.0]), &Sorted::new(&[2.0]))?, 2.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn energy(reference: &Sorted, current: &Sorted) -> Result<f64> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let found = fold(reference, current, || Between::new(n, m));
    Ok(of(&found.unwrap_or(Between::new(n, m))))
}

pub(super) fn of(between: &Between) -> f64 {
    (2.0 * between.squares()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_mean_of_distances(
            a in prop::collection::vec(-9..9_i32, 1..20),
            b in prop::collection::vec(-9..9_i32, 1..20),
        ) {
            let mean = |x: &[i32], y: &[i32]| {
                let sum: i32 = x.iter().flat_map(|p| y.iter().map(move |q| (p - q).abs())).sum();
                f64::from(sum) / (x.len() * y.len()) as f64
            };
            let sorted = |x: &[i32]| Sorted::new(&x.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
            let found = energy(&sorted(&a), &sorted(&b)).unwrap();
            let expected = 2.0 * mean(&a, &b) - mean(&a, &a) - mean(&b, &b);
            prop_assert!((found * found - expected).abs() < 1e-12);
        }
    }
}
