//! The two-sample Cramer-von Mises statistic.

use super::{Method, PValue, sizes};
use crate::rank::{Sorted, State, Tie, fold};
use crate::special::cramer_von_mises_sf;
use crate::{Error, Result};

/// Samples up to this size get an exact p-value from [`Method::Auto`].
const EXACT_SIZE: usize = 20;
/// The largest `n + m` for which orders can be counted: their number must be exact in an `f64`.
const MOST_EXACT: usize = 50;

/// The mean squared difference between two empirical distribution functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CramerVonMises {
    /// Anderson's `T`, at least about 0; ties by mean ranks.
    pub statistic: f64,
    /// `12 n m (n + m) T`, an integer.
    scaled: i128,
    n: usize,
    m: usize,
}

/// The two-sample Cramer-von Mises statistic (Anderson, 1962, equations 9 and 10):
///
/// `T = U / (n m (n + m)) - (4 n m - 1) / (6 (n + m))`,
/// `U = n sum_i (r_i - i)^2 + m sum_j (s_j - j)^2`
///
/// with `r_i` and `s_j` the ranks in the pooled sample, mean ranks where there are ties. All sums are
/// of integers, so nothing cancels. This is `scipy.stats.cramervonmises_2samp`.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::cramer_von_mises::cramer_von_mises, rank::Sorted};
/// let found = cramer_von_mises(&Sorted::new(&[1.0, 2.0]), &Sorted::new(&[3.0, 4.0]))?;
/// assert!((found.statistic - 0.375).abs() < 1e-15); // U = 2 (0 + 0) + 2 (4 + 4), T = 2 - 15/24 - 1
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn cramer_von_mises(reference: &Sorted, current: &Sorted) -> Result<CramerVonMises> {
    let (n, m) = sizes(reference.len(), current.len())?;
    Ok(fold(reference, current, Shifts::default)
        .unwrap_or_default()
        .finish(n, m))
}

/// The sums of squared differences between pooled and own ranks, times 12.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shifts {
    first: u128,
    second: u128,
}

impl State for Shifts {
    #[inline]
    fn update(&mut self, tie: Tie) {
        // Of the values of one side that tie, each has the same pooled mean rank; its own rank runs
        // through the tie. Twice the difference of the two means is what precedes on the other side.
        let side = |count: usize, other_to: usize, other: usize| {
            let twice = (2 * other_to - other) as u128;
            let count = count as u128;
            if count == 0 {
                0
            } else {
                3 * count * twice * twice + count * (count * count - 1)
            }
        };
        self.first += side(tie.first, tie.second_to, tie.second);
        self.second += side(tie.second, tie.first_to, tie.first);
    }

    fn merge(&mut self, later: Self) {
        self.first += later.first;
        self.second += later.second;
    }
}

impl Shifts {
    pub(super) fn finish(&self, n: usize, m: usize) -> CramerVonMises {
        let (first, second) = (self.first as i128, self.second as i128);
        let (k, total) = ((n * m) as i128, (n + m) as i128);
        let scaled = n as i128 * first + m as i128 * second - 2 * k * (4 * k - 1);
        CramerVonMises {
            statistic: scaled as f64 / (12.0 * k as f64 * total as f64),
            scaled,
            n,
            m,
        }
    }
}

impl CramerVonMises {
    /// The p-value: over all orders while no sample has more than 20 values, else by the limit law of
    /// the statistic with its exact mean and variance (Anderson, 1962, equations 11, 14 and 15).
    ///
    /// # Errors
    /// [`Error::Argument`] where [`Method::Exact`] is asked for more than 50 values.
    pub fn p_value(&self, method: Method) -> Result<PValue> {
        let small = self.n.max(self.m) <= EXACT_SIZE;
        if method == Method::Exact || method == Method::Auto && small {
            if self.n + self.m > MOST_EXACT {
                let message = format!(
                    "the exact p-value takes at most {MOST_EXACT} values, found {}; use \"asymptotic\"",
                    self.n + self.m
                );
                return Err(Error::argument("method", message));
            }
            return Ok(PValue::exact(self.share_of_orders()));
        }
        let (n, m) = (self.n as f64, self.m as f64);
        let (k, total) = (n * m, n + m);
        let mean = (1.0 + 1.0 / total) / 6.0;
        let variance = (total + 1.0) * (4.0 * k * total - 3.0 * (n * n + m * m) - 2.0 * k)
            / (45.0 * total * total * 4.0 * k);
        let standard = 1.0 / 6.0 + (self.statistic - mean) / (45.0 * variance).sqrt();
        Ok(PValue::asymptotic(cramer_von_mises_sf(standard)))
    }

    /// The share of the orders of the pooled sample whose statistic is at least this one: the
    /// frequencies of `sum (i L/n - j L/m)^2` over lattice paths, `L = lcm(n, m)` (Xiao, Gordon and
    /// Yakovlev, Journal of Statistical Software 17(8), 2006).
    fn share_of_orders(&self) -> f64 {
        let (n, m) = (self.n as u64, self.m as u64);
        let (mut a, mut b) = (n, m);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        let (by_n, by_m) = (m / a, n / a);
        let lcm = i128::from(n * by_n);
        let k = i128::from(n * m);
        let least = (lcm * lcm * i128::from(n + m) * self.scaled).div_euclid(12 * k * k);
        let mut row: Vec<Vec<(u64, f64)>> = vec![Vec::new(); self.m + 1];
        row[0].push((0, 1.0));
        for i in 0..=n {
            for j in 0..=m {
                let from_i = std::mem::take(&mut row[j as usize]);
                let mut here = match j.checked_sub(1) {
                    Some(before) => together(&from_i, &row[before as usize]),
                    None => from_i,
                };
                let apart = (i * by_n).abs_diff(j * by_m);
                for (value, _) in &mut here {
                    *value += apart * apart;
                }
                row[j as usize] = here;
            }
        }
        let orders = &row[self.m];
        let all: f64 = orders.iter().map(|(_, count)| count).sum();
        let extreme = orders.iter().filter(|(value, _)| i128::from(*value) >= least);
        extreme.map(|(_, count)| count).sum::<f64>() / all
    }
}

/// The sum of two frequency tables in ascending order of their values.
fn together(a: &[(u64, f64)], b: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let mut sum = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(&(x, p)), Some(&(y, q))) = (a.get(i), b.get(j)) {
        sum.push((
            x.min(y),
            if x <= y { p } else { 0.0 } + if y <= x { q } else { 0.0 },
        ));
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    sum.extend_from_slice(&a[i..]);
    sum.extend_from_slice(&b[j..]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n = m = 2: of the 6 orders, T is largest for the two that separate the samples.
    #[test]
    fn the_exact_p_value_counts_orders() {
        let found = cramer_von_mises(&Sorted::new(&[1.0, 2.0]), &Sorted::new(&[3.0, 4.0])).unwrap();
        let p = found.p_value(Method::Auto).unwrap();
        assert_eq!(p.method, Method::Exact);
        assert!((p.p_value - 2.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn too_many_orders_are_refused() {
        let many: Vec<f64> = (0..40).map(f64::from).collect();
        let found = cramer_von_mises(&Sorted::new(&many), &Sorted::new(&many)).unwrap();
        assert!(found.p_value(Method::Exact).is_err());
        assert!(found.p_value(Method::Asymptotic).unwrap().p_value > 0.99);
    }
}
