//! The Mann-Whitney U statistic.

use super::against::{Against, Effect, Z_80, Z_90};
use super::bounds::{self, Bounds, Placement};
use super::{Method, PValue, sizes};
use crate::Result;
use crate::num::sum;
use crate::profile::quantiles::Quantiles;
use crate::rank::{Sorted, State, Tie, fold};
use crate::special::{normal_sf, t_quantile, t_sf};

/// Without ties, a sample of at most this size gets an exact p-value from [`Method::Auto`].
const EXACT_SIZE: usize = 8;
/// The largest table of the exact distribution that [`Method::Auto`] fills.
const EXACT_CELLS: usize = 1 << 22;

/// How often values of the reference are larger than current ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// `U`: the pairs in which the value of the reference is larger, ties counting half.
    pub statistic: f64,
    /// The probability that a current value is larger than one of the reference, ties counting half:
    /// the effect, 0.5 where neither side tends to be larger.
    pub auc: f64,
    twice: u128,
    n: usize,
    m: usize,
    /// The sum of `l^3 - l` over ties of `l` values.
    ties: u128,
}

/// The Mann-Whitney U statistic of the reference (Mann and Whitney, 1947). This is
/// `scipy.stats.mannwhitneyu(reference, current)`.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::mann_whitney::mann_whitney, rank::Sorted};
/// let found = mann_whitney(&Sorted::new(&[1.0, 2.0]), &Sorted::new(&[2.0, 3.0]))?;
/// assert_eq!((found.statistic, found.auc), (0.5, 0.875));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn mann_whitney(reference: &Sorted, current: &Sorted) -> Result<MannWhitney> {
    let (n, m) = sizes(reference.len(), current.len())?;
    Ok(fold(reference, current, Pairs::default)
        .unwrap_or_default()
        .finish(n, m))
}

/// The distance of the AUC from 1/2, in `[0, 1/2]`, against a tolerance.
///
/// The interval is that of Brunner and Munzel (Biometrical Journal 42, 2000): the deviation of the AUC
/// from the placements of each side among the other, and Student's t with Satterthwaite's degrees of
/// freedom. The deviation is at least that of one value of the smaller side, so that samples
/// without any overlap, or of a single value, claim no certainty.
///
/// # Errors
/// As [`super::ks::ks`].
///
/// ```
/// use ctcore::{drift::mann_whitney, rank::Sorted};
/// let found = mann_whitney::against(&Sorted::new(&[1.0, 2.0]), &Sorted::new(&[2.0, 3.0]), 0.05)?;
/// assert_eq!(found.effect.statistic, 0.375);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn against(reference: &Sorted, current: &Sorted, tolerance: f64) -> Result<Against> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let placements = fold(reference, current, || Placements::new(n, m)).unwrap_or(Placements::new(n, m));
    let (n, m) = (n as f64, m as f64);
    let (noise, other_noise) = (placements.variance(0) / n, placements.variance(1) / m);
    let share = noise / (noise + other_noise);
    let df = if share.is_nan() {
        n.min(m)
    } else {
        1.0 / (share * share / (n - 1.0).max(1.0) + (1.0 - share).powi(2) / (m - 1.0).max(1.0))
    };
    let moved = Bounds::exact((placements.auc() - 0.5).abs());
    Ok(judged(moved, [n, m], noise + other_noise, df, tolerance))
}

/// As [`against`], of two profiles on the same cells, with the bounds that they give the statistic
/// ([`bounds::auc`]).
///
/// A placement is known to within half of what the other side holds in its cell. The deviation of
/// placements is at most that of these middles and the root mean square of what is open (Minkowski). The
/// degrees of freedom are those of the smaller side, which Satterthwaite's are never below.
///
/// # Errors
/// As [`bounds::auc`].
pub fn profiled_against(
    reference: &Quantiles,
    current: &Quantiles,
    tolerance: f64,
) -> Result<(Against, Bounds)> {
    let auc = bounds::auc(reference, current)?;
    let (below, above) = (0.5 - auc.high, auc.low - 0.5);
    let moved = Bounds {
        low: below.max(above).max(0.0),
        high: (-below).max(-above),
    };
    let [n, m] = [reference, current].map(|side| side.count() as f64);
    let [noise, other_noise] = bounds::placements(reference, current)?.map(|placed| variance(&placed));
    let df = (n.min(m) - 1.0).max(1.0);
    let found = judged(moved, [n, m], noise / n + other_noise / m, df, tolerance);
    Ok((found, moved))
}

/// The most that the variance of a side's placements may be.
fn variance(placed: &[Placement]) -> f64 {
    let count = sum(placed, |each| each.count as f64);
    if count < 2.0 {
        return 0.25; // one value says nothing of its spread: the most that a share can have
    }
    let mean = sum(placed, |each| each.count as f64 * each.middle) / count;
    let squares = sum(placed, |each| each.count as f64 * (each.middle - mean).powi(2));
    let open = sum(placed, |each| each.count as f64 * each.half.powi(2));
    (squares.sqrt() + open.sqrt()).powi(2) / (count - 1.0)
}

/// The distance of the AUC from 1/2 with the variance of its noise, against a tolerance.
fn judged(moved: Bounds, [n, m]: [f64; 2], variance: f64, df: f64, tolerance: f64) -> Against {
    let deviation = variance.max(1.0 / n.min(m).powi(2)).sqrt();
    let reach = t_quantile(0.95, df) * deviation;
    // Where nothing moved, ties aside, an AUC varies by (1/n + 1/m) / 12.
    let still = (2.0 / 12.0_f64).sqrt();
    Against {
        effect: Effect {
            statistic: moved.middle(),
            lower: (moved.low - reach).max(0.0),
            upper: (moved.high + reach).min(0.5),
        },
        p_above: t_sf((moved.low - tolerance) / deviation, df),
        rows_to_pass: (2.0 * Z_90 * still / moved.room(tolerance)).powi(2).ceil(),
        smallest_found: (tolerance + moved.width() + reach + Z_80 * deviation).min(0.5),
    }
}

/// Sums and squares of placements: of a value of one side, twice the number of the other side's values
/// below it, equal ones counting half. In integers.
#[derive(Debug, Clone, Copy)]
struct Placements {
    sizes: [usize; 2],
    sums: [u128; 2],
    squares: [u128; 2],
}

impl Placements {
    fn new(n: usize, m: usize) -> Self {
        Self {
            sizes: [n, m],
            sums: [0; 2],
            squares: [0; 2],
        }
    }

    fn auc(&self) -> f64 {
        let [n, m] = self.sizes.map(|size| size as f64);
        self.sums[1] as f64 / (2.0 * n * m)
    }

    /// The variance of a side's placements as shares of the other side.
    fn variance(&self, side: usize) -> f64 {
        let (own, other) = (self.sizes[side] as u128, self.sizes[1 - side] as f64);
        if own < 2 {
            return 0.25; // one value says nothing of its spread: the most that a share can have
        }
        let spread = own * self.squares[side] - self.sums[side] * self.sums[side];
        spread as f64 / (own as f64 * (own - 1) as f64 * 4.0 * other * other)
    }
}

impl State for Placements {
    #[inline]
    fn update(&mut self, tie: Tie) {
        let counts = [tie.first, tie.second];
        let below = [2 * tie.second_to - tie.second, 2 * tie.first_to - tie.first];
        for side in 0..2 {
            let placed = below[side] as u128;
            self.sums[side] += counts[side] as u128 * placed;
            self.squares[side] += counts[side] as u128 * placed * placed;
        }
    }

    fn merge(&mut self, later: Self) {
        for side in 0..2 {
            self.sums[side] += later.sums[side];
            self.squares[side] += later.squares[side];
        }
    }
}

/// Pairs counted, in integers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pairs {
    twice: u128,
    ties: u128,
}

impl State for Pairs {
    #[inline]
    fn update(&mut self, tie: Tie) {
        self.twice += tie.first as u128 * (2 * tie.second_to - tie.second) as u128;
        let l = (tie.first + tie.second) as u128;
        if l > 1 {
            self.ties += l * l * l - l;
        }
    }

    fn merge(&mut self, later: Self) {
        self.twice += later.twice;
        self.ties += later.ties;
    }
}

impl Pairs {
    pub(super) fn finish(&self, n: usize, m: usize) -> MannWhitney {
        let pairs = n as f64 * m as f64;
        MannWhitney {
            statistic: self.twice as f64 / 2.0,
            auc: (2 * (n as u128 * m as u128) - self.twice) as f64 / (2.0 * pairs),
            twice: self.twice,
            n,
            m,
            ties: self.ties,
        }
    }
}

impl MannWhitney {
    /// The p-value, two-sided. [`Method::Auto`] is exact where one sample has at most 8 values,
    /// nothing ties and the larger has at most about a thousand; else it is normal, with corrections
    /// for ties and continuity. The exact distribution is that without ties.
    pub fn p_value(&self, method: Method) -> PValue {
        let (n, m) = (self.n as f64, self.m as f64);
        let (small, large) = (self.n.min(self.m), self.n.max(self.m));
        let most = (self.n as u128 * self.m as u128 * 2).saturating_sub(self.twice);
        let tail = (self.twice.min(most) / 2) as usize;
        let cheap = small <= EXACT_SIZE && self.ties == 0 && large.saturating_mul(tail + 1) <= EXACT_CELLS;
        if method == Method::Exact || method == Method::Auto && cheap {
            return PValue::exact((2.0 * orders_up_to(small, large, tail)).min(1.0));
        }
        let total = n + m;
        let tied = self.ties as f64 / (total * (total - 1.0));
        let deviation = (n * m / 12.0 * ((total + 1.0) - tied)).sqrt();
        let distance = (self.twice.max(most) as f64 - n * m) / 2.0;
        let z = ((distance - 0.5) / deviation).max(-1.0);
        let p = if z.is_nan() { 1.0 } else { 2.0 * normal_sf(z) };
        PValue::asymptotic(p.min(1.0))
    }
}

/// The share of the orders of `n` and `m` values in which at most `most` pairs are inverted.
///
/// The largest value belongs to the first sample with probability `n / (n + m)` and is then larger
/// than all `m`: a recursion of convex combinations, so a small tail loses nothing.
fn orders_up_to(n: usize, m: usize, most: usize) -> f64 {
    let mut row = vec![vec![1.0; most + 1]; m + 1];
    for i in 1..=n {
        for j in 1..=m {
            let (left, right) = row.split_at_mut(j);
            let (before, here) = (&left[j - 1], &mut right[0]);
            let share = i as f64 / (i + j) as f64;
            for u in (0..=most).rev() {
                let from_first = if u >= j { here[u - j] } else { 0.0 };
                here[u] = share * from_first + (1.0 - share) * before[u];
            }
        }
    }
    row[m][most]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reference: &[f64], current: &[f64]) -> MannWhitney {
        mann_whitney(&Sorted::new(reference), &Sorted::new(current)).unwrap()
    }

    /// n = 3, m = 2: of the 10 orders, one has U = 0, one U = 1; two-sided, U <= 1 has 4 of 10.
    #[test]
    fn the_exact_p_value_counts_orders() {
        let found = of(&[1.0, 2.0, 4.0], &[3.0, 5.0]);
        assert_eq!(found.statistic, 1.0);
        let p = found.p_value(Method::Auto);
        assert_eq!(p.method, Method::Exact);
        assert!((p.p_value - 0.4).abs() < 1e-15);
    }

    #[test]
    fn it_looks_both_ways() {
        let (low, high): (Vec<f64>, Vec<f64>) = (0..300).map(|i| (f64::from(i), f64::from(i) + 60.0)).unzip();
        let up = of(&low, &high).p_value(Method::Auto).p_value;
        let down = of(&high, &low).p_value(Method::Auto).p_value;
        assert!(up < 1e-10 && (up / down - 1.0).abs() < 1e-12);
    }

    #[test]
    fn equal_constants_are_no_evidence() {
        assert_eq!(of(&[1.0; 9], &[1.0; 9]).p_value(Method::Auto).p_value, 1.0);
    }
}
