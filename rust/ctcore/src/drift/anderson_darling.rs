//! The two-sample Anderson-Darling statistic.

use super::{PValue, sizes};
use crate::num::Sum;
use crate::rank::{Sorted, State, Tie, fold};
use crate::special::anderson_darling_sf;
use crate::{Error, Result};

/// The variance of the limit law: `2 sum 1 / (j (j + 1))^2 = 2 (pi^2 / 3 - 3)`.
const LIMIT_VARIANCE: f64 = 0.579_736_267_392_905_7;
/// From here on the second harmonic number comes from its asymptotic series.
const LONG: usize = 100;

/// The squared difference between two empirical distribution functions, weighted to the tails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AndersonDarling {
    /// `(A^2 - 1) / sd(A^2)`, standardised as Scholz and Stephens do.
    pub statistic: f64,
    /// `A^2` itself, at least 0.
    pub squared: f64,
}

/// The two-sample Anderson-Darling statistic with mean ranks (Scholz and Stephens, 1987, equation
/// 7): with `l` of the `N` pooled values at the distinct value `z`, and `F`, `G`, `H` the distribution
/// functions of the reference, the current and the pooled sample, taken in the middle of their
/// steps,
///
/// `A^2 = (N - 1) / N * n m / N * sum_z l/N (F - G)^2 / (H (1 - H) - l / (4 N))`
///
/// standardised by its mean and variance when both samples come from one continuous distribution.
/// This is `scipy.stats.anderson_ksamp([reference, current])`.
///
/// # Errors
/// As [`super::ks::ks`]; and where fewer than four values, or a single distinct one, are there.
///
/// ```
/// use ctcore::{drift::anderson_darling::anderson_darling, rank::Sorted};
/// let far = anderson_darling(&Sorted::new(&[1.0, 2.0, 3.0]), &Sorted::new(&[4.0, 5.0, 6.0]))?;
/// assert!(far.statistic > 2.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn anderson_darling(reference: &Sorted, current: &Sorted) -> Result<AndersonDarling> {
    let (n, m) = sizes(reference.len(), current.len())?;
    fold(reference, current, || Weighted::new(n, m))
        .unwrap_or(Weighted::new(n, m))
        .finish()
}

/// The sum over distinct values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighted {
    n: usize,
    m: usize,
    values: usize,
    part: f64,
    whole: Sum,
}

impl Weighted {
    pub(super) fn new(n: usize, m: usize) -> Self {
        Self {
            n,
            m,
            values: 0,
            part: 0.0,
            whole: Sum::default(),
        }
    }

    pub(super) fn finish(mut self) -> Result<AndersonDarling> {
        self.whole.add(std::mem::take(&mut self.part));
        let total = self.n + self.m;
        if total < 4 || self.values < 2 {
            let message = format!(
                "Anderson-Darling needs four values of which two differ, found {total} with {} distinct",
                self.values
            );
            return Err(Error::argument("current", message));
        }
        let (n, m, all) = (self.n as f64, self.m as f64, total as f64);
        let squared = (all - 1.0) / (all * all) * (1.0 / n + 1.0 / m) * self.whole.total();
        Ok(AndersonDarling {
            statistic: (squared - 1.0) / variance(self.n, self.m).sqrt(),
            squared,
        })
    }
}

impl State for Weighted {
    #[inline]
    fn update(&mut self, tie: Tie) {
        let (n, m) = (self.n as i64, self.m as i64);
        let (l, all) = ((tie.first + tie.second) as f64, (self.n + self.m) as f64);
        // Twice the middles of the steps.
        let first = (2 * tie.first_to - tie.first) as i64;
        let second = (2 * tie.second_to - tie.second) as i64;
        let pooled = (first + second) as f64;
        let apart = (m * first - n * second) as f64;
        let room = pooled * (2.0 * all - pooled) - all * l;
        self.values += 1;
        if room > 0.0 {
            self.part += l * (apart * apart) / room;
        }
    }

    fn merge(&mut self, later: Self) {
        self.whole.add(std::mem::take(&mut self.part));
        self.whole.merge(&later.whole);
        self.whole.add(later.part);
        self.values += later.values;
    }
}

/// The variance of `A^2` (Scholz and Stephens, 1987, equation 4, for two samples).
fn variance(n: usize, m: usize) -> f64 {
    let total = (n + m) as f64;
    let inverse = 1.0 / n as f64 + 1.0 / m as f64;
    let (first, second) = harmonic(n + m - 1);
    // sum over i < j < N of 1 / ((N - i) j), in closed form.
    let (h, g) = (first, second - 2.0 * first / total);
    let a = (4.0 * g - 6.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * 4.0 + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * 4.0
        + (4.0 * h - 4.0 * g + 6.0) * 2.0
        + (2.0 * h - 6.0) * inverse
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * 4.0 - 8.0 * h;
    (((a * total + b) * total + c) * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
}

/// `sum 1/i` and `sum 1/i^2` for `i` up to `count` (DLMF 5.11.2 and 5.15.8 for many).
fn harmonic(count: usize) -> (f64, f64) {
    /// Euler's constant.
    const EULER: f64 = 0.577_215_664_901_532_9;
    if count < LONG {
        let terms = (1..=count).rev().map(|i| 1.0 / i as f64);
        return terms.fold((0.0, 0.0), |(first, second), x| (first + x, second + x * x));
    }
    let x = count as f64;
    let r = 1.0 / (x * x);
    let first = x.ln() + EULER + 0.5 / x - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r / 252.0));
    let tail = (1.0 - 0.5 / x + r * (1.0 / 6.0 - r * (1.0 / 30.0 - r / 42.0))) / x;
    (first, std::f64::consts::PI * std::f64::consts::PI / 6.0 - tail)
}

impl AndersonDarling {
    /// The p-value by the limit law of the statistic: that of one sample against a known
    /// distribution, since two samples have one degree of freedom.
    pub fn p_value(&self) -> PValue {
        PValue::asymptotic(anderson_darling_sf(1.0 + self.statistic * LIMIT_VARIANCE.sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harmonic_series_meet() {
        let slow = (1..=LONG).fold((0.0, 0.0), |(first, second), i| {
            let x = 1.0 / i as f64;
            (first + x, second + x * x)
        });
        let (first, second) = harmonic(LONG);
        assert!((first - slow.0).abs() < 1e-14 && (second - slow.1).abs() < 1e-14);
    }

    #[test]
    fn one_distinct_value_is_an_error() {
        assert!(anderson_darling(&Sorted::new(&[1.0, 1.0]), &Sorted::new(&[1.0, 1.0])).is_err());
        assert!(anderson_darling(&Sorted::new(&[1.0]), &Sorted::new(&[2.0])).is_err());
    }
}
