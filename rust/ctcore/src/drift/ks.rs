//! The two-sample Kolmogorov-Smirnov statistic.

use super::against::{Against, Effect, Z_80, Z_90};
use super::bounds::{self, Bounds};
use super::{Method, PValue, sizes};
use crate::Result;
use crate::num::{CHUNK, from_order_key, order_key};
use crate::par;
use crate::profile::quantiles::Quantiles;
use crate::rank::bins::Bins;
use crate::rank::{Sorted, State, Tie, fold, sample, walk};
use crate::special::kolmogorov_sf;

/// The largest product of sample sizes for which [`Method::Auto`] counts paths.
const EXACT_CELLS: u128 = 10_000_000;
/// Fewer values than this are sorted: there is nothing to save.
const SEARCHED: usize = 1 << 18;
/// Bins of the search: fine enough that few of them can hold the largest difference, few enough
/// that their counts stay in the second-level cache, and their numbers fit 16 bits, though they
/// may become twice as many and one for each of 1,024 coarse cells.
const BINS: usize = 30 << 10;
/// Values of a side that are looked at to place the bins. Their balance is a matter of speed alone.
const SAMPLE: usize = 1 << 13;
/// Chunks of one task of the search, which has counts of its own.
const TASK: usize = 4 * CHUNK;
/// A bin with more than this share of the values is looked at for a single value before its values
/// are taken out: numbers with few distinct values (flags, ages, prices) have only such bins.
const HEAVY: usize = 512;

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
    steps: u64,
    n: usize,
    m: usize,
}

/// The extremes of `F - G` in steps of `1 / (n m)`: integers, so no rounding can choose another
/// location. What Kolmogorov-Smirnov and Kuiper share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extremes {
    n: usize,
    m: usize,
    /// The largest difference and the smallest value where it is attained.
    pub(super) highest: (i64, f64),
    /// The smallest, likewise.
    pub(super) lowest: (i64, f64),
}

/// `n m (F - G)` behind `i` of `n` values of the reference and `j` of `m` current ones.
#[inline]
fn apart(i: usize, j: usize, n: usize, m: usize) -> i64 {
    i as i64 * m as i64 - j as i64 * n as i64
}

impl Extremes {
    /// Nothing walked through yet.
    pub(super) fn new(n: usize, m: usize) -> Self {
        Self {
            n,
            m,
            highest: (i64::MIN, f64::NAN),
            lowest: (i64::MAX, f64::NAN),
        }
    }

    fn at(&mut self, steps: i64, value: impl Fn() -> f64) {
        if steps > self.highest.0 || steps == self.highest.0 && value() < self.highest.1 {
            self.highest = (steps, value());
        }
        if steps < self.lowest.0 || steps == self.lowest.0 && value() < self.lowest.1 {
            self.lowest = (steps, value());
        }
    }

    /// The larger of the two in size, at the smaller value where they are equal.
    pub(super) fn ks(&self) -> Ks {
        let (high, low) = (self.highest, self.lowest);
        let up = match high.0.abs().cmp(&low.0.abs()) {
            std::cmp::Ordering::Equal => high.1 <= low.1,
            order => order.is_gt(),
        };
        let (steps, location) = if up { high } else { low };
        Ks {
            statistic: steps.unsigned_abs() as f64 / (self.n as f64 * self.m as f64),
            location,
            sign: if steps < 0 { -1 } else { 1 },
            steps: steps.unsigned_abs(),
            n: self.n,
            m: self.m,
        }
    }
}

impl State for Extremes {
    #[inline]
    fn update(&mut self, tie: Tie) {
        self.at(apart(tie.first_to, tie.second_to, self.n, self.m), || tie.value);
    }

    fn merge(&mut self, later: Self) {
        self.at(later.highest.0, || later.highest.1);
        self.at(later.lowest.0, || later.lowest.1);
    }
}

/// The exact two-sample Kolmogorov-Smirnov statistic of sorted samples.
///
/// # Errors
/// [`crate::Error::Argument`] where a sample is empty, or the product of the sizes exceeds 2^63.
///
/// ```
/// use ctcore::{drift::ks::ks, rank::Sorted};
/// let moved = ks(&Sorted::new(&[1.0, 2.0, 3.0, 4.0]), &Sorted::new(&[3.0, 4.0, 5.0, 6.0]))?;
/// assert_eq!((moved.statistic, moved.location, moved.sign), (0.5, 2.0, 1));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn ks(reference: &Sorted, current: &Sorted) -> Result<Ks> {
    let (n, m) = sizes(reference.len(), current.len())?;
    let found = fold(reference, current, || Extremes::new(n, m));
    Ok(found.unwrap_or(Extremes::new(n, m)).ks())
}

/// The same statistic of samples as they come, finite or infinite but not NaN, without sorting them.
///
/// Both are counted in fine bins of about equal mass. Inside a bin the difference can rise by no more
/// than the bin's share of the reference and fall by no more than its share of the current data, so
/// only bins that could beat the best border are looked into: their values are taken out, sorted
/// and walked through. The answer, its location included, is that of [`ks`].
///
/// # Errors
/// As [`ks`].
pub fn ks_unsorted(reference: &[f64], current: &[f64]) -> Result<Ks> {
    let (n, m) = sizes(reference.len(), current.len())?;
    if n + m < SEARCHED {
        return ks(&Sorted::new(reference), &Sorted::new(current));
    }
    let mut keys = sample(reference, SAMPLE, order_key);
    keys.extend(sample(current, SAMPLE, order_key));
    keys.sort_unstable();
    let bins = Bins::of(&keys, BINS);
    let sides = [reference, current].map(|values| Placed::of(values, &bins));
    let borders = Borders::of(&sides, n, m);
    let marks = without_atoms(borders.candidates(&sides, borders.best()), &sides);
    Ok(search(&marks, &borders, &bins, &sides).ks())
}

/// The values of one side, and where they lie.
struct Placed<'a> {
    /// How many there are in each bin.
    counts: Vec<usize>,
    /// Runs of values, and the bin of each: it is looked up once.
    tasks: Vec<(&'a [f64], Vec<u16>)>,
}

impl<'a> Placed<'a> {
    fn of(values: &'a [f64], bins: &Bins) -> Self {
        debug_assert!(bins.len() <= 1 << 16, "{}", bins.len());
        let tasks: Vec<&[f64]> = values.chunks(TASK).collect();
        let parts = par::map(tasks.len(), |task| {
            let mut counts = vec![0_u32; bins.len()];
            let place = |&value: &f64| {
                let bin = bins.bin(order_key(value));
                counts[bin] += 1;
                bin as u16
            };
            let places: Vec<u16> = tasks[task].iter().map(place).collect();
            (counts, places)
        });
        let mut counts = vec![0; bins.len()];
        let places = parts.into_iter().map(|(part, places)| {
            for (sum, count) in counts.iter_mut().zip(part) {
                *sum += count as usize;
            }
            places
        });
        let tasks = tasks.iter().copied().zip(places).collect();
        Self { counts, tasks }
    }

    /// The keys of a run's values whose bins are wanted, each with its bin.
    fn keys(&self, task: usize, wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = (usize, u64)> {
        let (values, places) = &self.tasks[task];
        let each = values
            .iter()
            .zip(places)
            .map(|(&value, &bin)| (usize::from(bin), value));
        each.filter(move |&(bin, _)| wanted(bin))
            .map(|(bin, value)| (bin, order_key(value)))
    }
}

/// How many values of each side lie before each bin; one more entry than there are bins.
struct Borders {
    before: Vec<(usize, usize)>,
    n: usize,
    m: usize,
}

impl Borders {
    fn of(sides: &[Placed<'_>; 2], n: usize, m: usize) -> Self {
        let mut before = Vec::with_capacity(sides[0].counts.len() + 1);
        let (mut i, mut j) = (0, 0);
        before.push((i, j));
        for (&p, &q) in sides[0].counts.iter().zip(&sides[1].counts) {
            (i, j) = (i + p, j + q);
            before.push((i, j));
        }
        Self { before, n, m }
    }

    /// The difference before a bin, in steps.
    fn steps(&self, bin: usize) -> i64 {
        let (i, j) = self.before[bin];
        apart(i, j, self.n, self.m)
    }

    /// The largest difference at a border.
    fn best(&self) -> i64 {
        (0..self.before.len())
            .map(|bin| self.steps(bin).abs())
            .max()
            .unwrap_or(0)
    }

    /// Which bins could hold a difference of at least `best`.
    fn candidates(&self, sides: &[Placed<'_>; 2], best: i64) -> Vec<Mark> {
        let reaches = |bin: usize| {
            let (p, q) = (sides[0].counts[bin], sides[1].counts[bin]);
            let (rise, fall) = (p as i64 * self.m as i64, q as i64 * self.n as i64);
            let start = self.steps(bin);
            (p, q) != (0, 0) && (start + rise).max(fall - start) >= best
        };
        (0..self.before.len() - 1)
            .map(|bin| if reaches(bin) { Mark::Inside } else { Mark::No })
            .collect()
    }
}

/// What the search does with a bin.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mark {
    /// It cannot hold the largest difference.
    No,
    /// Its values are looked at one by one.
    Inside,
    /// It holds this one key and no other.
    Atom(u64),
}

/// Finds the heavy bins that hold a single value: they need no sorting.
fn without_atoms(mut marks: Vec<Mark>, sides: &[Placed<'_>; 2]) -> Vec<Mark> {
    let rows = |bin: usize| sides[0].counts[bin] + sides[1].counts[bin];
    let values: usize = (0..marks.len()).map(rows).sum();
    let heavy: Vec<usize> = (0..marks.len())
        .filter(|&bin| marks[bin] == Mark::Inside && rows(bin) * HEAVY > values)
        .collect();
    if heavy.is_empty() {
        return marks;
    }
    let mut slots = vec![usize::MAX; marks.len()];
    for (slot, &bin) in heavy.iter().enumerate() {
        slots[bin] = slot;
    }
    let mut ranges = vec![(u64::MAX, 0); heavy.len()];
    for side in sides {
        let parts = par::map(side.tasks.len(), |task| {
            let mut ranges = vec![(u64::MAX, 0); heavy.len()];
            for (bin, key) in side.keys(task, |bin| slots[bin] != usize::MAX) {
                let (low, high) = ranges[slots[bin]];
                ranges[slots[bin]] = (key.min(low), key.max(high));
            }
            ranges
        });
        for part in parts {
            for (range, (low, high)) in ranges.iter_mut().zip(part) {
                *range = (low.min(range.0), high.max(range.1));
            }
        }
    }
    for (&bin, (low, high)) in heavy.iter().zip(ranges) {
        if low == high {
            marks[bin] = Mark::Atom(low);
        }
    }
    marks
}

/// The values in the marked bins, ascending.
fn inside(side: &Placed<'_>, marks: &[Mark]) -> Sorted {
    let parts = par::map(side.tasks.len(), |task| {
        let keys = side.keys(task, |bin| marks[bin] == Mark::Inside);
        keys.map(|(_, key)| key).collect::<Vec<u64>>()
    });
    Sorted::from_keys(&parts.concat())
}

fn search(marks: &[Mark], borders: &Borders, bins: &Bins, sides: &[Placed<'_>; 2]) -> Extremes {
    let mut found = Extremes::new(borders.n, borders.m);
    for (bin, mark) in marks.iter().enumerate() {
        if let Mark::Atom(key) = mark {
            found.at(borders.steps(bin + 1), || from_order_key(*key));
        }
    }
    let (first, second) = (inside(&sides[0], marks), inside(&sides[1], marks));
    // Behind a value of a bin lies what lies before the bin, and what the walk met inside it.
    let (mut here, mut missed) = (usize::MAX, (0, 0));
    walk(&first, &second, |tie| {
        let bin = bins.bin(order_key(tie.value));
        if bin != here {
            let (i, j) = borders.before[bin];
            missed = (i - (tie.first_to - tie.first), j - (tie.second_to - tie.second));
            here = bin;
        }
        let (i, j) = (tie.first_to + missed.0, tie.second_to + missed.1);
        found.at(apart(i, j, borders.n, borders.m), || tie.value);
    });
    found
}

/// The Kolmogorov distribution's quantiles at 95% and at 90%.
const KOLMOGOROV_95: f64 = 1.358_098_639_322_550_4;
const KOLMOGOROV_90: f64 = 1.223_847_870_217_082_5;

impl Ks {
    /// The statistic against a tolerance: [`against`].
    pub fn against(&self, tolerance: f64) -> Against {
        against(Bounds::exact(self.statistic), [self.n, self.m], tolerance)
    }

    /// The p-value of the statistic, two-sided: exact while `n m` is at most 10 million, else by the
    /// limit law of Kolmogorov (1933) and Smirnov (1939). With ties it is conservative.
    pub fn p_value(&self, method: Method) -> PValue {
        let (n, m) = (self.n as f64, self.m as f64);
        let cheap = self.n as u128 * self.m as u128 <= EXACT_CELLS;
        if method == Method::Exact || method == Method::Auto && cheap {
            PValue::exact(touching_paths(self.n, self.m, self.steps))
        } else {
            PValue::asymptotic(kolmogorov_sf(self.statistic * (n / (n + m) * m).sqrt()))
        }
    }
}

/// The statistic of two samples of the sizes `[n, m]`, as far as it is known, against a tolerance.
///
/// The lower end takes off what noise adds anywhere, the Kolmogorov distribution's 95%: no smaller
/// difference of the populations explains the statistic. The upper end needs no more than the
/// noise at one place, which is normal with at most the deviation `sqrt(1/n + 1/m) / 2`: the largest
/// difference of the populations is somewhere, and the statistic is at least what was seen there.
/// Both hold for ties and for any two distributions, so each is wrong at most 5% of the time, mostly
/// less.
///
/// ```
/// use ctcore::drift::{bounds::Bounds, ks::against};
/// let found = against(Bounds { low: 0.2, high: 0.21 }, [10_000, 10_000], 0.08);
/// assert!(found.effect.lower > 0.08 && found.effect.upper > 0.21);
/// ```
pub fn against(statistic: Bounds, [n, m]: [usize; 2], tolerance: f64) -> Against {
    let unit = (1.0 / n as f64 + 1.0 / m as f64).sqrt();
    let at_a_place = |z: f64| z * unit / 2.0;
    Against {
        effect: Effect {
            statistic: statistic.middle(),
            lower: (statistic.low - KOLMOGOROV_95 * unit).max(0.0),
            upper: (statistic.high + at_a_place(Z_90)).min(1.0),
        },
        p_above: kolmogorov_sf((statistic.low - tolerance) / unit),
        rows_to_pass: (2.0 * ((KOLMOGOROV_90 + Z_90 / 2.0) / statistic.room(tolerance)).powi(2)).ceil(),
        smallest_found: (tolerance + statistic.width() + KOLMOGOROV_95 * unit + at_a_place(Z_80)).min(1.0),
    }
}

/// As [`against`], of two profiles on the same cells, with the bounds that they give the statistic
/// ([`bounds::ks`]).
///
/// # Errors
/// As [`bounds::ks`].
pub fn profiled_against(
    reference: &Quantiles,
    current: &Quantiles,
    tolerance: f64,
) -> Result<(Against, Bounds)> {
    let statistic = bounds::ks(reference, current)?;
    let sizes = [reference.count() as usize, current.count() as usize];
    Ok((against(statistic, sizes, tolerance), statistic))
}

/// The share of the lattice paths from (0, 0) to (n, m) that touch `|i m - j n| >= steps`.
///
/// The last step of a uniformly random path to (i, j) comes from (i-1, j) with probability
/// `i / (i + j)`, so the share obeys a recursion of convex combinations: nothing is subtracted, and
/// a tail of 1e-200 is as accurate as one of 0.1.
fn touching_paths(n: usize, m: usize, steps: u64) -> f64 {
    let mut row = vec![0.0_f64; m + 1];
    for i in 0..=n {
        par::checkpoint();
        for j in 0..=m {
            let here = apart(i, j, n, m).unsigned_abs();
            row[j] = if here >= steps {
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

    /// Long samples of every sort: smooth, with ties, with an atom, with a far outlier.
    fn long(kind: u8, shift: f64, stream: u64) -> Vec<f64> {
        let stream = crate::resample::Stream::new(11, stream);
        let mut values: Vec<f64> = (0..200_000)
            .map(|i| {
                let u = stream.uniform(i);
                match kind {
                    0 => u + shift,
                    1 => (u * 10.0 + shift).floor(),
                    2 => (u - 0.6 + shift).max(0.0),
                    _ => (20.0 * (u - 0.5 + shift)).exp() - 1.0,
                }
            })
            .collect();
        values[7] = 1e300;
        values
    }

    #[test]
    fn the_search_finds_what_sorting_finds() {
        for kind in 0..4 {
            for shift in [0.0, 0.0005, -0.003, 0.4] {
                let (a, b) = (long(kind, 0.0, 1), long(kind, shift, 2));
                let b = &b[..150_000];
                let sorted = of(&a, b);
                for threads in [1, 2, 7] {
                    par::set_threads(std::num::NonZeroUsize::new(threads));
                    assert_eq!(ks_unsorted(&a, b).unwrap(), sorted, "{kind} {shift} {threads}");
                }
                par::set_threads(None);
            }
        }
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
