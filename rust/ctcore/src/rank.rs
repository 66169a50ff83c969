//! One sort and one walk over two samples: what every rank statistic is made of.

use std::ops::Range;

use crate::num::{CHUNK, from_order_key, order_key};
use crate::par;

pub(crate) mod bins;
use bins::Bins;

/// Keys in a bin of the sort, on average: few enough that the bin is sorted in the first-level cache.
const KEYS_PER_BIN: usize = 256;
/// More bins than this and scattering into them misses the cache.
const MOST_BINS: usize = 1 << 13;
/// Keys that are looked at to place the bins.
const SAMPLE: usize = 1 << 15;

/// A sample in ascending order, as order keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    keys: Vec<u64>,
}

impl Sorted {
    /// Sorts a sample of numbers that are not NaN, in time linear in their number for all but
    /// contrived data: chunks are scattered into bins of about equal mass, then each bin is sorted.
    pub fn new(values: &[f64]) -> Self {
        Self {
            keys: sort(values, order_key),
        }
    }

    /// Sorts order keys.
    pub(crate) fn from_keys(keys: &[u64]) -> Self {
        Self {
            keys: sort(keys, |key| key),
        }
    }

    /// The order keys, ascending.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many values are smaller.
    pub fn below(&self, value: f64) -> usize {
        self.keys.partition_point(|&key| key < order_key(value))
    }

    /// How many values are equal.
    pub fn equal(&self, value: f64) -> usize {
        self.keys.partition_point(|&key| key <= order_key(value)) - self.below(value)
    }

    /// The value at rank `index`, counted from 0, or `None` past the end.
    pub fn get(&self, index: usize) -> Option<f64> {
        self.keys.get(index).map(|&key| from_order_key(key))
    }

    /// The median: the mean of the two middle values where there are two, NaN where there is none.
    pub fn median(&self) -> f64 {
        let middle = |index: usize| self.get(index).unwrap_or(f64::NAN);
        if self.len() % 2 == 1 {
            return middle(self.len() / 2);
        }
        match self.len() {
            0 => f64::NAN,
            n => f64::midpoint(middle(n / 2 - 1), middle(n / 2)),
        }
    }
}

/// Values in ascending order that are asked for by rank.
pub trait Ranked {
    /// The number of values.
    fn rows(&self) -> usize;
    /// How many values are smaller.
    fn below(&self, value: f64) -> usize;
    /// How many values are equal.
    fn equal(&self, value: f64) -> usize;
    /// The value at rank `index`, counted from 0, or `None` past the end.
    fn get(&self, index: usize) -> Option<f64>;
}

impl Ranked for Sorted {
    fn rows(&self) -> usize {
        self.len()
    }

    fn below(&self, value: f64) -> usize {
        Self::below(self, value)
    }

    fn equal(&self, value: f64) -> usize {
        Self::equal(self, value)
    }

    fn get(&self, index: usize) -> Option<f64> {
        Self::get(self, index)
    }
}

/// Different values in ascending order, each with the number of its rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    values: Vec<f64>,
    /// The rows up to and with each value.
    ends: Vec<usize>,
}

impl Counted {
    /// Counts ascending values that are not NaN; equal ones may follow each other.
    pub fn of(ascending: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut counted = Self::default();
        let mut rows = 0;
        for (value, more) in ascending.into_iter().filter(|&(_, rows)| rows > 0) {
            rows += more as usize;
            if counted.values.last() == Some(&value) {
                counted.ends.pop();
            } else {
                counted.values.push(value);
            }
            counted.ends.push(rows);
        }
        counted
    }

    fn end(&self, values: usize) -> usize {
        values.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// The quantile, between two ranks by a straight line; NaN where there is no value.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = share * self.rows().saturating_sub(1) as f64;
        let at = |rank: f64| self.get(rank as usize).unwrap_or(f64::NAN);
        let (low, high) = (at(rank.floor()), at(rank.ceil()));
        low + (high - low) * rank.fract()
    }
}

impl Ranked for Counted {
    fn rows(&self) -> usize {
        self.end(self.ends.len())
    }

    fn below(&self, value: f64) -> usize {
        self.end(self.values.partition_point(|&each| each < value))
    }

    fn equal(&self, value: f64) -> usize {
        self.end(self.values.partition_point(|&each| each <= value)) - self.below(value)
    }

    fn get(&self, index: usize) -> Option<f64> {
        let value = self.ends.partition_point(|&end| end <= index);
        self.values.get(value).copied()
    }
}

/// At most `most` keys of a sample, evenly spaced, ascending: enough to place bins by.
pub(crate) fn sample<T: Copy>(values: &[T], most: usize, key: impl Fn(T) -> u64) -> Vec<u64> {
    let stride = values.len().div_ceil(most).max(1);
    let mut keys: Vec<u64> = values.iter().step_by(stride).map(|&value| key(value)).collect();
    keys.sort_unstable();
    keys
}

/// The keys of some values, ascending.
fn sort<T: Copy + Sync>(values: &[T], key: impl Fn(T) -> u64 + Copy + Sync + Send) -> Vec<u64> {
    if values.len() <= CHUNK {
        let mut keys: Vec<u64> = values.iter().map(|&value| key(value)).collect();
        keys.sort_unstable();
        return keys;
    }
    let bins = Bins::of(
        &sample(values, SAMPLE, key),
        (values.len() / KEYS_PER_BIN).min(MOST_BINS),
    );
    let chunks: Vec<&[T]> = values.chunks(CHUNK).collect();
    let scattered = par::map(chunks.len(), |i| Scattered::of(chunks[i], key, &bins));
    // ends[i] is the number of keys in the bins up to i.
    let mut ends = vec![0; bins.len()];
    for chunk in &scattered {
        for (end, &to) in ends.iter_mut().zip(&chunk.ends) {
            *end += to as usize;
        }
    }
    let mut keys = vec![0; values.len()];
    let mut parts = Vec::new();
    let mut rest = keys.as_mut_slice();
    for run in par::balanced(&ends, CHUNK) {
        let start = run.start.checked_sub(1).map_or(0, |before| ends[before]);
        let (part, later) = std::mem::take(&mut rest).split_at_mut(ends[run.end - 1] - start);
        rest = later;
        parts.push((run, part));
    }
    par::each(parts, |(run, part)| gather(&scattered, run, part));
    keys
}

/// The keys of one chunk, bin after bin.
struct Scattered {
    keys: Vec<u64>,
    /// Where each bin ends.
    ends: Vec<u32>,
}

impl Scattered {
    fn of<T: Copy>(values: &[T], key: impl Fn(T) -> u64, bins: &Bins) -> Self {
        let mut ends = vec![0_u32; bins.len()];
        let places: Vec<u32> = values
            .iter()
            .map(|&value| {
                let bin = bins.bin(key(value));
                ends[bin] += 1;
                bin as u32
            })
            .collect();
        let mut end = 0;
        for next in &mut ends {
            let count = std::mem::replace(next, end);
            end += count;
        }
        let mut keys = vec![0; values.len()];
        for (&value, &bin) in values.iter().zip(&places) {
            let next = &mut ends[bin as usize];
            keys[*next as usize] = key(value);
            *next += 1;
        }
        Self { keys, ends }
    }

    fn bin(&self, bin: usize) -> &[u64] {
        let start = bin.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start as usize..self.ends[bin] as usize]
    }
}

/// Fills `part` with the keys of a run of bins, ascending.
fn gather(scattered: &[Scattered], run: Range<usize>, part: &mut [u64]) {
    let mut filled = 0;
    for bin in run {
        let start = filled;
        for keys in scattered.iter().map(|chunk| chunk.bin(bin)) {
            part[filled..filled + keys.len()].copy_from_slice(keys);
            filled += keys.len();
        }
        part[start..filled].sort_unstable();
    }
}

/// One distinct value of two samples taken together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tie {
    /// The value.
    pub value: f64,
    /// How many values of the first sample are at most it.
    pub first_to: usize,
    /// How many values of the second sample are at most it.
    pub second_to: usize,
    /// How many values of the first sample equal it.
    pub first: usize,
    /// How many values of the second sample equal it.
    pub second: usize,
}

/// Visits the distinct values of two sorted samples in ascending order.
///
/// ```
/// use ctcore::rank::{Sorted, walk};
/// let mut ties = Vec::new();
/// walk(&Sorted::new(&[2.0, 1.0, 2.0]), &Sorted::new(&[2.0]), |tie| ties.push((tie.value, tie.first, tie.second)));
/// assert_eq!(ties, vec![(1.0, 1, 0), (2.0, 2, 1)]);
/// ```
pub fn walk(first: &Sorted, second: &Sorted, visit: impl FnMut(Tie)) {
    walk_between(&first.keys, &second.keys, 0..first.len(), 0..second.len(), visit);
}

/// [`walk`] over a part of each sample, in which no value may be cut.
fn walk_between(
    a: &[u64],
    b: &[u64],
    mut first: Range<usize>,
    mut second: Range<usize>,
    mut visit: impl FnMut(Tie),
) {
    let (a, b) = (&a[..first.end], &b[..second.end]);
    loop {
        let (i, j) = (first.start, second.start);
        let key = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) | (None, Some(&x)) => x,
            (None, None) => break,
        };
        first.start += usize::from(a.get(i) == Some(&key));
        second.start += usize::from(b.get(j) == Some(&key));
        // Ties are rare in numbers that were measured: these two conditions are well predicted.
        while first.start > i && a.get(first.start) == Some(&key) {
            first.start += 1;
        }
        while second.start > j && b.get(second.start) == Some(&key) {
            second.start += 1;
        }
        visit(Tie {
            value: from_order_key(key),
            first_to: first.start,
            second_to: second.start,
            first: first.start - i,
            second: second.start - j,
        });
    }
}

/// What a rank statistic keeps while two samples are walked through.
pub trait State: Send {
    /// Takes the next distinct value in.
    fn update(&mut self, tie: Tie);
    /// Adds the values of `later`, which follow the values of `self`.
    fn merge(&mut self, later: Self);
}

/// Walks two samples on all threads: in parts that the samples alone decide, merged in order.
/// `None` where both are empty.
pub fn fold<S: State>(first: &Sorted, second: &Sorted, new: impl Fn() -> S + Sync + Send) -> Option<S> {
    let (a, b) = (&first.keys, &second.keys);
    let longer = if a.len() >= b.len() { a } else { b };
    let mut cuts: Vec<(usize, usize)> = longer
        .iter()
        .step_by(CHUNK)
        .skip(1)
        .map(|cut| {
            (
                a.partition_point(|key| key < cut),
                b.partition_point(|key| key < cut),
            )
        })
        .collect();
    cuts.insert(0, (0, 0));
    cuts.push((a.len(), b.len()));
    cuts.dedup();
    let parts = par::map(cuts.len() - 1, |part| {
        let ((i, j), (to_i, to_j)) = (cuts[part], cuts[part + 1]);
        let mut state = new();
        walk_between(a, b, i..to_i, j..to_j, |tie| state.update(tie));
        state
    });
    parts.into_iter().reduce(|mut whole, later| {
        whole.merge(later);
        whole
    })
}

/// The probability that a value of `second` is larger than one of `first`, ties counting half:
/// the area under the ROC curve, and the Mann-Whitney U over `n * m`. NaN where a sample is empty.
///
/// ```
/// use ctcore::rank::{Sorted, auc};
/// assert_eq!(auc(&Sorted::new(&[1.0, 2.0]), &Sorted::new(&[2.0, 3.0])), 0.875);
/// ```
pub fn auc(first: &Sorted, second: &Sorted) -> f64 {
    // Twice the count of ordered pairs, in integers, so that no order of addition exists.
    let mut twice: u128 = 0;
    walk(first, second, |tie| {
        let below = tie.first_to - tie.first;
        twice += tie.second as u128 * (2 * below + tie.first) as u128;
    });
    twice as f64 / (2.0 * first.len() as f64 * second.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn auc_is_the_share_of_ordered_pairs(
            first in prop::collection::vec(0..6_i8, 1..40),
            second in prop::collection::vec(0..6_i8, 1..40),
        ) {
            let as_f64 = |values: &[i8]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let mut share = 0.0;
            for x in &first {
                for y in &second {
                    share += match y.cmp(x) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            share /= (first.len() * second.len()) as f64;
            let (first, second) = (Sorted::new(&as_f64(&first)), Sorted::new(&as_f64(&second)));
            prop_assert!((auc(&first, &second) - share).abs() < 1e-14);
            prop_assert!((auc(&second, &first) - (1.0 - share)).abs() < 1e-14);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]
        #[test]
        fn long_samples_are_sorted_for_any_number_of_threads(
            seed in any::<u64>(),
            spread in prop::sample::select(vec![1e-3, 1.0, 30.0]),
            ties in any::<bool>(),
        ) {
            let stream = crate::resample::Stream::new(seed, 0);
            let mut values: Vec<f64> = (0..3 * CHUNK as u64 + 17)
                .map(|i| ((stream.uniform(i) - 0.5) * spread).exp() - 1.0)
                .map(|value| if ties { (value * 8.0).floor() } else { value })
                .collect();
            values[5] = f64::NEG_INFINITY;
            values[70_000] = 1e300;
            let mut expected: Vec<u64> = values.iter().map(|&value| order_key(value)).collect();
            expected.sort_unstable();
            prop_assert_eq!(Sorted::new(&values).keys, expected);
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Sorted::new(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Sorted::new(&[3.0, 1.0, 2.0, 10.0]).median(), 2.5);
        assert!(Sorted::new(&[]).median().is_nan());
    }

    #[test]
    fn an_empty_sample_has_no_auc() {
        assert!(auc(&Sorted::new(&[]), &Sorted::new(&[1.0])).is_nan());
        assert!(Sorted::new(&[]).is_empty());
    }
}
