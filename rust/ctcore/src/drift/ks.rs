//! The two-sample Kolmogorov-Smirnov statistic.

use crate::rank::{Sorted, walk};
use crate::special::kolmogorov_sf;
use crate::{Error, Result};

/// The largest product of sample sizes for which [`Method::Auto`] counts paths.
const EXACT_CELLS: u128 = 10_000_000;

/// The largest difference between two empirical distribution functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ks {
    /// `D = sup_x |F(x) - G(x)|`, in `[0, 1]`, exact.
    pub statistic: f64,
    /// The smallest value at which the difference is attained.
    pub location: f64,
    /// 1 where the reference's distribution function lies above the current one at `location`
    /// (the current values are larger there), -1 where it lies below.
    pub sign: i8,
    steps: u128,
    n: usize,
    m: usize,
}

/// How a p-value is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exact while `n * m` is at most 10 million, else asymptotic.
    Auto,
    /// Over all orders of the pooled sample, by counting lattice paths.
    Exact,
    /// By the limit law of Kolmogorov (1933) and Smirnov (1939).
    Asymptotic,
}

/// A p-value and how it was computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValue {
    /// The probability of a statistic at least this large when both samples come from one
    /// continuous distribution. With ties it is conservative.
    pub p_value: f64,
    /// [`Method::Exact`] or [`Method::Asymptotic`].
    pub method: Method,
}

/// The exact two-sample Kolmogorov-Smirnov statistic.
///
/// # Errors
/// [`Error::Argument`] where a sample is empty.
///
/// ```
/// use ctcore::{drift::ks::ks, rank::Sorted};
/// let moved = ks(&Sorted::new(&[1.0, 2.0, 3.0, 4.0]), &Sorted::new(&[3.0, 4.0, 5.0, 6.0]))?;
/// assert_eq!((moved.statistic, moved.location, moved.sign), (0.5, 2.0, 1));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn ks(reference: &Sorted, current: &Sorted) -> Result<Ks> {
    let (n, m) = (reference.len(), current.len());
    for (name, count) in [("reference", n), ("current", m)] {
        if count == 0 {
            return Err(Error::argument(name, "there is no finite value to compare"));
        }
    }
    // The difference of the two functions in steps of 1 / (n m): an integer, so no rounding can
    // choose another location.
    let mut best = (0_i128, f64::NAN);
    walk(reference, current, |tie| {
        let steps = tie.first_to as i128 * m as i128 - tie.second_to as i128 * n as i128;
        if steps.abs() > best.0.abs() || best.1.is_nan() {
            best = (steps, tie.value);
        }
    });
    Ok(Ks {
        statistic: best.0.unsigned_abs() as f64 / (n as f64 * m as f64),
        location: best.1,
        sign: if best.0 < 0 { -1 } else { 1 },
        steps: best.0.unsigned_abs(),
        n,
        m,
    })
}

impl Ks {
    /// The p-value of the statistic.
    pub fn p_value(&self, method: Method) -> PValue {
        let exact = match method {
            Method::Auto => self.n as u128 * self.m as u128 <= EXACT_CELLS,
            Method::Exact => true,
            Method::Asymptotic => false,
        };
        let (n, m) = (self.n as f64, self.m as f64);
        if exact {
            PValue {
                p_value: touching_paths(self.n, self.m, self.steps),
                method: Method::Exact,
            }
        } else {
            PValue {
                p_value: kolmogorov_sf(self.statistic * (n / (n + m) * m).sqrt()),
                method: Method::Asymptotic,
            }
        }
    }
}

/// The share of the lattice paths from (0, 0) to (n, m) that touch `|i m - j n| >= steps`.
///
/// The last step of a uniformly random path to (i, j) comes from (i-1, j) with probability
/// `i / (i + j)`, so the share obeys a recursion of convex combinations: nothing is subtracted, and
/// a tail of 1e-200 is as accurate as one of 0.1.
fn touching_paths(n: usize, m: usize, steps: u128) -> f64 {
    let mut row = vec![0.0_f64; m + 1];
    for i in 0..=n {
        crate::par::checkpoint();
        for j in 0..=m {
            let apart = (i as i128 * m as i128 - j as i128 * n as i128).unsigned_abs();
            row[j] = if apart >= steps {
                1.0
            } else if i + j == 0 {
                0.0
            } else {
                let (from_i, from_j) = (row[j], if j > 0 { row[j - 1] } else { 0.0 });
                (i as f64 * from_i + j as f64 * from_j) / (i + j) as f64
            };
        }
    }
    row[m]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(reference: &[f64], current: &[f64]) -> Ks {
        ks(&Sorted::new(reference), &Sorted::new(current)).unwrap()
    }

    /// n = m = 2, samples apart: of the C(4, 2) = 6 orders, 2 separate them completely.
    #[test]
    fn the_exact_p_value_counts_orders() {
        let apart = of(&[1.0, 2.0], &[3.0, 4.0]);
        assert_eq!(apart.statistic, 1.0);
        assert!((apart.p_value(Method::Exact).p_value - 2.0 / 6.0).abs() < 1e-15);
        assert_eq!(of(&[1.0], &[1.0]).p_value(Method::Exact).p_value, 1.0);
    }

    /// n = m = 300, samples apart: 2 / C(600, 300), from the sum of logarithms.
    #[test]
    fn the_exact_tail_is_not_lost() {
        let low: Vec<f64> = (0..300).map(f64::from).collect();
        let high: Vec<f64> = (300..600).map(f64::from).collect();
        let p = of(&low, &high).p_value(Method::Auto);
        let ln_paths: f64 = (1..=300).map(|i| (f64::from(300 + i) / f64::from(i)).ln()).sum();
        assert_eq!(p.method, Method::Exact);
        assert!((p.p_value / (2.0_f64.ln() - ln_paths).exp() - 1.0).abs() < 1e-11);
    }

    #[test]
    fn the_sign_says_which_way() {
        assert_eq!(of(&[1.0, 2.0], &[3.0, 4.0]).sign, 1);
        assert_eq!(of(&[3.0, 4.0], &[1.0, 2.0]).sign, -1);
    }

    #[test]
    fn an_empty_sample_is_an_error() {
        assert!(ks(&Sorted::new(&[]), &Sorted::new(&[1.0])).is_err());
    }

    proptest! {
        #[test]
        fn it_is_the_largest_difference_and_invariant(
            a in prop::collection::vec(-20..20_i32, 1..60),
            b in prop::collection::vec(-20..20_i32, 1..60),
        ) {
            let as_f64 = |values: &[i32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let below = |values: &[i32], x: i32| values.iter().filter(|&&v| v <= x).count() as f64 / values.len() as f64;
            let slow = (-20..20).map(|x| (below(&a, x) - below(&b, x)).abs()).fold(0.0, f64::max);
            let result = of(&as_f64(&a), &as_f64(&b));
            prop_assert!((result.statistic - slow).abs() < 1e-14);
            let monotone = |values: &[i32]| values.iter().map(|&v| (f64::from(v) / 7.0).exp()).collect::<Vec<_>>();
            prop_assert_eq!(of(&monotone(&a), &monotone(&b)).statistic, result.statistic);
            prop_assert_eq!(of(&as_f64(&b), &as_f64(&a)).statistic, result.statistic);
            let p = result.p_value(Method::Exact).p_value;
            prop_assert!((0.0..=1.0).contains(&p));
        }
    }
}
