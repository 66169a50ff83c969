//! The Wasserstein distance of order 1.

use super::sizes;
use crate::Result;
use crate::num::Sum;
use crate::rank::{Sorted, State, Tie, fold};

/// The Wasserstein distance of order 1, or earth mover's distance, of two samples on the line:
///
/// `W1 = integral |F(x) - G(x)| dx`
///
/// in the unit of the values: how far the average value has to move. Exact, in `[0, inf]`; this is
/// `scipy.stats.wasserstein_distance`.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::wasserstein::wasserstein, rank::Sorted};
/// assert_eq!(wasserstein(&Sorted::new(&[0.0, 1.0]), &Sorted::new(&[5.0, 6.0]))?, 5.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn wasserstein(reference: &Sorted, current: &Sorted) -> Result<f64> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let found = fold(reference, current, || Between::new(n, m));
    Ok(found.unwrap_or(Between::new(n, m)).wasserstein())
}

/// What lies between the two distribution functions: its area and its second moment. What
/// Wasserstein and energy share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    n: usize,
    m: usize,
    part: [f64; 2],
    area: Sum,
    squares: Sum,
    first: Option<f64>,
    /// The last value and the steps behind it, in units of `1 / (n m)`.
    last: (f64, f64),
}

impl Between {
    pub(super) fn new(n: usize, m: usize) -> Self {
        Self {
            n,
            m,
            part: [0.0; 2],
            area: Sum::default(),
            squares: Sum::default(),
            first: None,
            last: (f64::NAN, 0.0),
        }
    }

    #[inline]
    fn reach(&mut self, value: f64) {
        let (from, steps) = self.last;
        let width = value - from;
        self.part[0] += steps.abs() * width;
        self.part[1] += steps * steps * width;
    }

    fn close(&mut self) {
        let [area, squares] = std::mem::take(&mut self.part);
        self.area.add(area);
        self.squares.add(squares);
    }

    pub(super) fn wasserstein(mut self) -> f64 {
        self.close();
        self.area.total() / (self.n as f64 * self.m as f64)
    }

    /// `integral (F - G)^2 dx`.
    pub(super) fn squares(mut self) -> f64 {
        self.close();
        self.squares.total() / (self.n as f64 * self.m as f64).powi(2)
    }
}

impl State for Between {
    #[inline]
    fn update(&mut self, tie: Tie) {
        if self.first.is_some() {
            self.reach(tie.value);
        } else {
            self.first = Some(tie.value);
        }
        let steps = tie.first_to as i64 * self.m as i64 - tie.second_to as i64 * self.n as i64;
        self.last = (tie.value, steps as f64);
    }

    fn merge(&mut self, later: Self) {
        if let (Some(_), Some(first)) = (self.first, later.first) {
            self.reach(first);
        }
        self.close();
        self.area.merge(&later.area);
        self.squares.merge(&later.squares);
        self.area.add(later.part[0]);
        self.squares.add(later.part[1]);
        if later.first.is_some() {
            self.first = self.first.or(later.first);
            self.last = later.last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_moves_with_its_unit_and_is_a_mean_of_sorted_differences(
            pairs in prop::collection::vec((-50..50_i32, -50..50_i32), 1..60),
            scale in 0.1..10.0f64,
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            let (sorted_a, sorted_b) = (Sorted::new(&a), Sorted::new(&b));
            let expected: f64 = (0..a.len())
                .map(|i| (sorted_a.get(i).unwrap() - sorted_b.get(i).unwrap()).abs())
                .sum::<f64>() / a.len() as f64;
            let found = wasserstein(&sorted_a, &sorted_b).unwrap();
            prop_assert!((found - expected).abs() < 1e-11);
            let scaled = |values: &[f64]| Sorted::new(&values.iter().map(|x| 3.0 + scale * x).collect::<Vec<_>>());
            let found_scaled = wasserstein(&scaled(&a), &scaled(&b)).unwrap();
            prop_assert!((found_scaled - scale * found).abs() < 1e-9);
        }
    }
}
