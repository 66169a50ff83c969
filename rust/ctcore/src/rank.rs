//! One sort and one walk over two samples: what every rank statistic is made of.

use crate::num::{from_order_key, order_key};
use crate::par;

/// A sample in ascending order, as order keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    keys: Vec<u64>,
}

impl Sorted {
    /// Sorts a sample of numbers that are not NaN.
    pub fn new(values: &[f64]) -> Self {
        let mut keys: Vec<u64> = values.iter().map(|&value| order_key(value)).collect();
        par::sort(&mut keys);
        Self { keys }
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
pub fn walk(first: &Sorted, second: &Sorted, mut visit: impl FnMut(Tie)) {
    let (a, b) = (&first.keys, &second.keys);
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let key = match (a.get(i), b.get(j)) {
            (Some(&x), Some(&y)) => x.min(y),
            (Some(&x), None) | (None, Some(&x)) => x,
            (None, None) => break,
        };
        let (from_i, from_j) = (i, j);
        while a.get(i) == Some(&key) {
            i += 1;
        }
        while b.get(j) == Some(&key) {
            j += 1;
        }
        visit(Tie {
            value: from_order_key(key),
            first_to: i,
            second_to: j,
            first: i - from_i,
            second: j - from_j,
        });
    }
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

    #[test]
    fn an_empty_sample_has_no_auc() {
        assert!(auc(&Sorted::new(&[]), &Sorted::new(&[1.0])).is_nan());
        assert!(Sorted::new(&[]).is_empty());
    }
}
