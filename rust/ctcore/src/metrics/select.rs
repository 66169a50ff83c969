//! The best documents of a query, without sorting the others.
//!
//! Rows are dealt to lanes; of the lane maxima the k-th largest is a score that at least k rows
//! reach, found by two vectorised scans whatever the order of the rows. Only the rows that reach
//! it, about `1.4 k` of any number, are sorted. All rows equal to the k-th are among them, so that
//! ties across the cutoff are seen whole.

use std::ops::AddAssign;

use crate::num::{bits, from_order_key, order_key};

/// A score: `f32` or `f64`. Ranking happens in the type that the model gave.
pub trait Score: Copy + PartialOrd + AddAssign + Send + Sync {
    /// Score and row in one integer: smaller is better, and of equal scores the earlier row.
    type Key: Copy + Ord + Default + Send;
    /// An unsigned integer that orders as scores do.
    type Order: Copy + Ord + Send;
    /// The score of a document that was not retrieved: it counts among the relevant documents
    /// of its query, but has no rank.
    const NOT_RETRIEVED: Self;
    /// +infinity.
    const INFINITE: Self;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// A whole number below 256 as such: the last bits of its sum with a number whose last bit is 1.
    /// (A cast would check the range first.)
    fn whole(self) -> usize;
    /// A number below 256.
    fn from_count(count: usize) -> Self;
    /// `self * 0 + sum`, which is NaN where a score was NaN or infinite.
    #[must_use]
    fn spoil(self, sum: Self) -> Self;
    /// The point between two scores, a share of the way from the first to the second.
    #[must_use]
    fn towards(self, other: Self, share: f64) -> Self;
    /// Whether it is NaN, which has no rank.
    fn is_nan(self) -> bool;
    /// The score as an unsigned integer that orders as it does.
    fn order(self) -> Self::Order;
    /// The score of such an integer.
    fn from_order(order: Self::Order) -> f64;
    /// The key of the score in row `row`.
    fn key(self, row: usize) -> Self::Key;
    /// The row of a key.
    fn row(key: Self::Key) -> usize;
    /// Whether two keys are of equal score.
    fn same(a: Self::Key, b: Self::Key) -> bool;
}

impl Score for f32 {
    type Key = u64;
    type Order = u32;
    const NOT_RETRIEVED: Self = Self::NEG_INFINITY;
    const INFINITE: Self = Self::INFINITY;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline]
    fn whole(self) -> usize {
        ((self + 8_388_608.0).to_bits() & 0xFF) as usize // 2^23
    }

    #[inline]
    fn from_count(count: usize) -> Self {
        Self::from(count as u8)
    }

    #[inline]
    fn spoil(self, sum: Self) -> Self {
        self * 0.0 + sum
    }

    #[inline]
    fn towards(self, other: Self, share: f64) -> Self {
        self + (other - self) * share as Self
    }

    #[inline]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    #[inline]
    fn order(self) -> u32 {
        let bits = (self + 0.0).to_bits(); // -0.0 + 0.0 is 0.0
        let flip = (bits.cast_signed() >> 31).cast_unsigned() | (1 << 31);
        bits ^ flip
    }

    #[inline]
    fn from_order(order: u32) -> f64 {
        let flip = ((!order).cast_signed() >> 31).cast_unsigned() | (1 << 31);
        Self::from_bits(order ^ flip).into()
    }

    #[inline]
    fn key(self, row: usize) -> u64 {
        u64::from(!self.order()) << 32 | row as u64
    }

    #[inline]
    fn row(key: u64) -> usize {
        key as u32 as usize
    }

    #[inline]
    fn same(a: u64, b: u64) -> bool {
        a >> 32 == b >> 32
    }
}

impl Score for f64 {
    type Key = u128;
    type Order = u64;
    const NOT_RETRIEVED: Self = Self::NEG_INFINITY;
    const INFINITE: Self = Self::INFINITY;
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline]
    fn whole(self) -> usize {
        ((self + 4_503_599_627_370_496.0).to_bits() & 0xFF) as usize // 2^52
    }

    #[inline]
    fn from_count(count: usize) -> Self {
        Self::from(count as u8)
    }

    #[inline]
    fn spoil(self, sum: Self) -> Self {
        self * 0.0 + sum
    }

    #[inline]
    fn towards(self, other: Self, share: f64) -> Self {
        self + (other - self) * share
    }

    #[inline]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    #[inline]
    fn order(self) -> u64 {
        order_key(self)
    }

    #[inline]
    fn from_order(order: u64) -> f64 {
        from_order_key(order)
    }

    #[inline]
    fn key(self, row: usize) -> u128 {
        u128::from(!self.order()) << 64 | row as u128
    }

    #[inline]
    fn row(key: u128) -> usize {
        key as usize
    }

    #[inline]
    fn same(a: u128, b: u128) -> bool {
        a >> 64 == b >> 64
    }
}

/// Rows compared together: the bits of a word.
const BLOCK: usize = 64;

/// Scratch memory of the selection, and its result.
pub(super) struct Selection<S: Score> {
    keys: Vec<S::Key>,
    scratch: Vec<S::Key>,
}

impl<S: Score> Selection<S> {
    /// Memory for queries of at most `longest` rows, which must be below 2^32.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            keys: Vec::with_capacity(longest),
            scratch: Vec::new(),
        }
    }

    /// The keys of the best rows, best first: every row that is among the best `k`, or equal to
    /// the last of them, and perhaps some more. Rows that were not retrieved are left out.
    ///
    /// # Errors
    /// The first row whose score is NaN.
    pub(super) fn best(&mut self, scores: &[S], k: usize) -> Result<&[S::Key], usize> {
        self.keys.clear();
        let least = if k <= 12 && scores.len() >= 32 {
            least::<S, 16>(scores, k)
        } else if k <= 48 && scores.len() >= 192 {
            least::<S, 64>(scores, k)
        } else if k <= 200 && scores.len() >= 768 {
            least::<S, 256>(scores, k)
        } else {
            let sum = scores.iter().fold(S::ZERO, |sum, score| score.spoil(sum));
            (S::NOT_RETRIEVED, sum.is_nan())
        };
        let (least, spoilt) = least;
        if spoilt && let Some(row) = scores.iter().position(|score| score.is_nan()) {
            return Err(row);
        }
        if least > S::NOT_RETRIEVED {
            reaching(scores, least, &mut self.keys);
        } else {
            let rows = scores.iter().enumerate();
            self.keys.extend(rows.map(|(row, score)| score.key(row)));
        }
        match self.keys.len() {
            0..=16 => sort_few::<S, 16>(&mut self.keys, scores, &mut self.scratch),
            17..=24 => sort_few::<S, 24>(&mut self.keys, scores, &mut self.scratch),
            25..=32 => sort_few::<S, 32>(&mut self.keys, scores, &mut self.scratch),
            _ => self.keys.sort_unstable(),
        }
        if spoilt {
            let end = S::NOT_RETRIEVED.key(0);
            let retrieved = self.keys.partition_point(|&key| !S::same(key, end));
            self.keys.truncate(retrieved);
        }
        Ok(&self.keys)
    }
}

/// A score that at least `k < L` of the rows reach, and whether a score is NaN or infinite.
fn least<S: Score, const L: usize>(scores: &[S], k: usize) -> (S, bool) {
    let (mut highest, mut sums) = ([S::NOT_RETRIEVED; L], [S::ZERO; L]);
    scan(scores, &mut highest, &mut sums);
    let spoilt = fold(sums, S::spoil).is_nan();
    (kth_highest(&highest, k), spoilt)
}

// The loops below are functions of their own, with results in memory: so every one of them comes out
// vectorised. Inlined into each other they do not.

/// The highest score and the [`Score::spoil`] of each lane.
#[inline(never)]
fn scan<S: Score, const L: usize>(scores: &[S], highest: &mut [S; L], sums: &mut [S; L]) {
    let (blocks, rest) = scores.as_chunks::<L>();
    let mut raise = |lane: usize, score: S| {
        highest[lane] = if score > highest[lane] {
            score
        } else {
            highest[lane]
        };
        sums[lane] = score.spoil(sums[lane]);
    };
    for block in blocks {
        for (lane, &score) in block.iter().enumerate() {
            raise(lane, score);
        }
    }
    for (lane, &score) in rest.iter().enumerate() {
        raise(lane, score);
    }
}

/// The k-th highest of the lanes. Few lanes are ranked by counting, which has no branch to guess.
#[inline]
fn kth_highest<S: Score, const L: usize>(lanes: &[S; L], k: usize) -> S {
    if L > 16 {
        let mut keys = [S::Key::default(); L];
        for (lane, key) in keys.iter_mut().enumerate() {
            *key = lanes[lane].key(lane);
        }
        keys.sort_unstable();
        return lanes[S::row(keys[k - 1])];
    }
    let mut above = [S::ZERO; L];
    count_above(lanes, L, &mut above);
    let (k, mut among) = (S::from_count(k), [S::INFINITE; L]);
    for lane in 0..L {
        among[lane] = if above[lane] < k { lanes[lane] } else { S::INFINITE };
    }
    fold(among, |a, b| if b < a { b } else { a })
}

/// The lanes as one, in halves: their number is a power of 2.
#[inline]
pub(super) fn fold<S: Score, const L: usize>(mut lanes: [S; L], join: impl Fn(S, S) -> S) -> S {
    let mut half = L / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// How many of the first `count` scores are above each score. Counted in the type of the scores,
/// because whole numbers beside them leave the registers.
#[inline(never)]
fn count_above<S: Score, const L: usize>(scores: &[S; L], count: usize, above: &mut [S; L]) {
    for &other in &scores[..count] {
        for lane in 0..L {
            above[lane] += if other > scores[lane] { S::ONE } else { S::ZERO };
        }
    }
}

/// Sorts at most `L` keys that stand in the order of their rows, by counting: a sort's branches on
/// random keys are guessed wrong half of the time.
#[inline]
fn sort_few<S: Score, const L: usize>(keys: &mut [S::Key], scores: &[S], scratch: &mut Vec<S::Key>) {
    let mut few = [S::NOT_RETRIEVED; L];
    for (score, &key) in few.iter_mut().zip(keys.iter()) {
        *score = scores[S::row(key)];
    }
    let mut above = [S::ZERO; L];
    count_above(&few, keys.len(), &mut above);
    scratch.clear();
    scratch.extend_from_slice(keys);
    let mut equal_before = [0; L];
    for (&key, &above) in scratch.iter().zip(&above) {
        let above = above.whole();
        let equal_before = &mut equal_before[above];
        keys[above + *equal_before] = key;
        *equal_before += 1;
    }
}

/// Adds the keys of the rows whose score reaches `least`, in row order.
fn reaching<S: Score>(scores: &[S], least: S, keys: &mut Vec<S::Key>) {
    let mut reached = [0; BLOCK];
    for (start, block) in (0..).step_by(BLOCK).zip(scores.chunks(BLOCK)) {
        compare(block, least, &mut reached);
        let mut bits = bits(&reached) & (u64::MAX >> (BLOCK - block.len()));
        while bits != 0 {
            let row = start + bits.trailing_zeros() as usize;
            keys.push(scores[row].key(row));
            bits &= bits - 1;
        }
    }
}

/// 1 for each score of the block that reaches `least`, else 0.
#[inline(never)]
fn compare<S: Score>(block: &[S], least: S, reached: &mut [u8; BLOCK]) {
    for (reached, &score) in reached.iter_mut().zip(block) {
        *reached = u8::from(score >= least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every row of rank at most `k`, and all that equal the last of them, by a sort.
    fn slow(scores: &[f32], k: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..scores.len())
            .filter(|&row| scores[row] > f32::NEG_INFINITY)
            .collect();
        order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).unwrap());
        let cut = order
            .get(k.min(order.len()).wrapping_sub(1))
            .map(|&row| scores[row]);
        order.retain(|&row| Some(scores[row]) >= cut);
        order
    }

    proptest! {
        #[test]
        fn it_equals_a_sort(
            seed in any::<u64>(), rows in 0..2_000_usize, k in 1..300_usize, levels in 1..2_000_u32,
        ) {
            let stream = crate::resample::Stream::new(seed, 0);
            let scores: Vec<f32> = (0..rows as u64).map(|i| match (stream.uniform(i) * f64::from(levels + 2)) as u32 {
                0 => f32::NEG_INFINITY,
                1 => -0.0,
                level => (level - 2) as f32,
            }).collect();
            let expected = slow(&scores, k);
            let mut selection = Selection::new(rows);
            let found: Vec<usize> = selection.best(&scores, k).unwrap().iter().map(|&key| f32::row(key)).collect();
            prop_assert_eq!(&found[..expected.len()], &expected[..]);
            let wide: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
            let mut selection = Selection::new(rows);
            let wide: Vec<usize> = selection.best(&wide, k).unwrap().iter().map(|&key| f64::row(key)).collect();
            prop_assert_eq!(wide, found);
        }
    }

    #[test]
    fn nan_is_found_in_every_path() {
        for rows in [1, 31, 40, 300, 1_000] {
            for k in [1, 40, 200, usize::MAX] {
                let mut scores = vec![f32::INFINITY; rows];
                assert_eq!(Selection::new(rows).best(&scores, k).unwrap().len(), rows);
                scores[rows - 1] = f32::NAN;
                assert_eq!(Selection::new(rows).best(&scores, k), Err(rows - 1));
            }
        }
    }

    #[test]
    fn few_rows_are_sorted() {
        let stream = crate::resample::Stream::new(1, 0);
        let scores: Vec<f32> = (0..10_000).map(|i| stream.uniform(i) as f32).collect();
        let mut selection = Selection::new(scores.len());
        let found = selection.best(&scores, 10).unwrap().len();
        assert!((10..40).contains(&found), "{found}");
    }
}
