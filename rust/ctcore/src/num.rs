//! Sums that do not depend on who added them.
//!
//! Floating-point addition is not associative, so an order of summation is part of a result's
//! definition. Here it is: rows are cut into absolute chunks of [`CHUNK`]; inside a chunk, row `i`
//! goes to lane `i % LANES`; lanes fold in a fixed tree; chunk sums are added in row order with
//! Neumaier's compensation. Threads and batch borders move work, never a bit.

use ctcore_simd::widest;

use crate::{Error, Result};

/// Rows in an absolute chunk of a stream.
pub const CHUNK: usize = 65_536;

/// Independent partial sums inside a chunk: enough for the vector units of every target, and
/// fixed, so that the result is the same on all of them.
pub const LANES: usize = 8;

/// The sum of `term(value)` over one chunk, in lanes.
///
/// ```
/// assert_eq!(ctcore::num::lane_sum(&[1.0, 2.0, 3.0], |x| x * x), 14.0);
/// ```
#[inline]
pub fn lane_sum<T: Copy>(values: &[T], term: impl Fn(T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let mut blocks = values.chunks_exact(LANES);
    for block in &mut blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane += term(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(blocks.remainder()) {
        *lane += term(value);
    }
    fold(lanes)
}

#[inline]
fn fold(l: [f64; LANES]) -> f64 {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

/// Whether no value is NaN or infinite: 0 times one that is, is NaN.
///
/// ```
/// assert!(ctcore::num::all_finite(&[0.0, -1.5]));
/// assert!(!ctcore::num::all_finite(&[0.0, f64::NEG_INFINITY]));
/// ```
pub fn all_finite(values: &[f64]) -> bool {
    widest(|| lane_sum(values, |value| value * 0.0)) == 0.0
}

/// 64 bytes, each 0 or 1, as bits, the first one lowest. The product brings the lowest bits of eight
/// bytes into the highest byte.
#[inline]
pub(crate) fn bits(bytes: &[u8; 64]) -> u64 {
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().rev().fold(0, |bits, &eight| {
        let eight = u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << 8 | eight
    })
}

/// A running sum with Neumaier's compensation: the state that chunk sums are merged into.
///
/// ```
/// use ctcore::num::Sum;
/// let mut sum = Sum::default();
/// for value in [1.0, 1e100, 1.0, -1e100] {
///     sum.add(value);
/// }
/// assert_eq!(sum.total(), 2.0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    /// Adds one value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let total = self.total + value;
        self.lost += if self.total.abs() >= value.abs() {
            (self.total - total) + value
        } else {
            (value - total) + self.total
        };
        self.total = total;
    }

    /// Adds the rows of `later`, which follow the rows of `self`.
    pub fn merge(&mut self, later: &Self) {
        self.add(later.total);
        self.lost += later.lost;
    }

    /// The sum. An overflow stays infinite, a NaN stays NaN.
    pub fn total(&self) -> f64 {
        if self.total.is_finite() {
            self.total + self.lost
        } else {
            self.total
        }
    }
}

/// The sum of `term(value)` over any number of rows, in the order that this module defines.
pub fn sum<T: Copy>(values: &[T], term: impl Fn(T) -> f64) -> f64 {
    let mut total = Sum::default();
    for chunk in values.chunks(CHUNK) {
        total.add(lane_sum(chunk, &term));
    }
    total.total()
}

/// The mean of the values that are not NaN, weighted where weights are given; NaN where none is
/// left. Scaling all weights changes nothing.
///
/// # Errors
/// [`Error::Argument`] where a weight is missing, negative or not finite, or all are 0.
///
/// ```
/// use ctcore::num::weighted_mean;
/// assert_eq!(weighted_mean(&[1.0, f64::NAN, 3.0], None)?, 2.0);
/// assert_eq!(weighted_mean(&[1.0, 3.0], Some(&[3.0, 1.0]))?, 1.5);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn weighted_mean(values: &[f64], weight: Option<&[f64]>) -> Result<f64> {
    if let Some(weight) = weight {
        check_weights(values.len(), weight)?;
    }
    let mut mean = WeightedMean::default();
    mean.add(values, weight);
    mean.mean()
}

/// Whether each value has a weight that is finite and not negative.
///
/// # Errors
/// [`Error::Argument`] where one has not.
pub fn check_weights(values: usize, weight: &[f64]) -> Result<()> {
    if weight.len() != values {
        let message = format!("must have one value a query: {values}, found {}", weight.len());
        return Err(Error::argument("weight", message));
    }
    match weight
        .iter()
        .position(|&weight| !(weight.is_finite() && weight >= 0.0))
    {
        None => Ok(()),
        Some(at) => {
            let message = format!("must be finite and at least 0, found {} at {at}", weight[at]);
            Err(Error::argument("weight", message))
        }
    }
}

/// A [`weighted_mean`] that is built up of parts, each with weights or none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WeightedMean {
    /// Values that are not NaN.
    pub count: u64,
    total: Sum,
    weights: Sum,
}

impl WeightedMean {
    /// Adds values, and their weights.
    pub fn add(&mut self, values: &[f64], weight: Option<&[f64]>) {
        let Some(weight) = weight else {
            for chunk in values.chunks(CHUNK) {
                let count = lane_sum(chunk, |x| f64::from(u8::from(!x.is_nan())));
                self.count += count as u64;
                self.weights.add(count);
                self.total
                    .add(lane_sum(chunk, |x| if x.is_nan() { 0.0 } else { x }));
            }
            return;
        };
        for (value, weight) in values.iter().zip(weight).filter(|(value, _)| !value.is_nan()) {
            self.count += 1;
            self.weights.add(*weight);
            self.total.add(value * weight);
        }
    }

    /// Adds the values that follow.
    pub fn merge(&mut self, later: &Self) {
        self.count += later.count;
        self.total.merge(&later.total);
        self.weights.merge(&later.weights);
    }

    /// The sum of the weights.
    pub fn weights(&self) -> f64 {
        self.weights.total()
    }

    /// The mean; NaN where there is no value.
    ///
    /// # Errors
    /// [`Error::Argument`] where all weights are 0, and where finite ones are too large to add up.
    pub fn mean(&self) -> Result<f64> {
        let (total, weights) = (self.total.total(), self.weights());
        if weights == 0.0 && self.count > 0 {
            return Err(Error::argument("weight", "must not be 0 everywhere"));
        }
        if !weights.is_finite() || !total.is_finite() {
            let message = "the values times their weights are too large to add up; scale the weights down, which \
                           changes nothing, or the values";
            return Err(Error::argument("weight", message));
        }
        Ok(total / weights)
    }
}

/// Count, mean and sum of squared deviations, mergeable.
///
/// The merge is that of Chan, Golub and `LeVeque`, "Updating formulae and a pairwise algorithm for
/// computing sample variances" (1979), equation 2.1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Number of values.
    pub count: u64,
    /// Their mean; 0 where there is none.
    pub mean: f64,
    /// The sum of squared deviations from the mean.
    pub squares: f64,
}

impl Moments {
    /// The moments of one chunk of finite values.
    pub fn of_chunk(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let mean = widest(|| lane_sum(values, |x| x)) / values.len() as f64;
        Self {
            count: values.len() as u64,
            mean,
            squares: widest(|| lane_sum(values, |x| (x - mean) * (x - mean))),
        }
    }

    /// The moments of any number of finite values, chunk by chunk.
    pub fn of(values: &[f64]) -> Self {
        values.chunks(CHUNK).fold(Self::default(), |mut whole, chunk| {
            whole.merge(&Self::of_chunk(chunk));
            whole
        })
    }

    /// Adds the rows of `later`, which follow the rows of `self`.
    pub fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        let (a, b) = (self.count as f64, later.count as f64);
        let difference = later.mean - self.mean;
        self.mean += difference * (b / (a + b));
        self.squares += later.squares + difference * difference * (a * b / (a + b));
        self.count += later.count;
    }

    /// The variance with `ddof` degrees of freedom taken off, or `None` where too few values are
    /// left.
    pub fn variance(&self, ddof: u64) -> Option<f64> {
        (self.count > ddof).then(|| self.squares / (self.count - ddof) as f64)
    }
}

/// An unsigned integer that orders as the number does: -inf first, +inf last, -0.0 equal to 0.0.
/// NaN has no place in the order; the caller has counted it away.
///
/// ```
/// use ctcore::num::order_key;
/// assert!(order_key(-1.5) < order_key(-0.0));
/// assert_eq!(order_key(-0.0), order_key(0.0));
/// assert!(order_key(2.0) < order_key(f64::INFINITY));
/// ```
#[inline]
pub fn order_key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits(); // -0.0 + 0.0 is 0.0
    let flip = (bits.cast_signed() >> 63).cast_unsigned() | (1 << 63);
    bits ^ flip
}

/// The number whose [`order_key`] is `key`.
#[inline]
pub fn from_order_key(key: u64) -> f64 {
    let flip = ((!key).cast_signed() >> 63).cast_unsigned() | (1 << 63);
    f64::from_bits(key ^ flip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sum_that_plain_addition_gets_wrong() {
        let values: Vec<f64> = (0..3 * CHUNK)
            .map(|i| if i % 2 == 0 { 1e16 } else { -1e16 + 2.0 })
            .collect();
        assert_eq!(sum(&values, |x| x), 3.0 * CHUNK as f64);
    }

    #[test]
    fn an_empty_side_changes_no_moments() {
        let some = Moments::of_chunk(&[1.0, 4.0]);
        let mut left = some;
        left.merge(&Moments::default());
        let mut right = Moments::default();
        right.merge(&some);
        assert_eq!((left, right), (some, some));
        assert_eq!(some.variance(1), Some(4.5));
        assert_eq!(some.variance(2), None);
    }

    proptest! {
        #[test]
        fn order_keys_order_and_return(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(order_key(a).cmp(&order_key(b)), a.partial_cmp(&b).unwrap());
            prop_assert_eq!(from_order_key(order_key(a)), a);
        }

        #[test]
        fn moments_merge_as_one(values in prop::collection::vec(-1e6..1e6f64, 2..400), cut in 0.0..1.0f64) {
            let cut = (cut * values.len() as f64) as usize;
            let whole = Moments::of_chunk(&values);
            let mut parts = Moments::of_chunk(&values[..cut]);
            parts.merge(&Moments::of_chunk(&values[cut..]));
            prop_assert_eq!(parts.count, whole.count);
            prop_assert!((parts.mean - whole.mean).abs() <= 1e-12 * 1e6);
            prop_assert!((parts.squares - whole.squares).abs() <= 1e-12 * whole.squares.max(1e6));
        }
    }
}
