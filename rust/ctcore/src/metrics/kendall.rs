//! How much two rankings of the same documents agree.

use super::groups::Groups;
use crate::num::{CHUNK, order_key};
use crate::{Error, Result, par};

/// Kendall's tau-b of two rankings, for each query: with `C` pairs of documents that both rank in
/// the same order, `D` in opposite orders, `n0` pairs in all, and `n1`, `n2` of them tied in the
/// first and in the second ranking, `(C - D) / sqrt((n0 - n1) (n0 - n2))` (Kendall, "The treatment
/// of ties in ranking problems", Biometrika 33, 1945). From -1, the opposite order, to 1, the same.
/// NaN where a ranking ties all documents, so that it has no order to agree with; also for fewer
/// than two. In `n log n` steps: Knight, JASA 61 (1966). -infinity is a score like any other.
///
/// # Errors
/// [`Error::Argument`] for a NaN score, and where the rows do not match.
///
/// ```
/// use ctcore::metrics::{groups::Groups, kendall::tau_b};
/// // Of three pairs, two agree, one does not.
/// let found = tau_b(&[3.0, 2.0, 1.0], &[3.0, 1.0, 2.0], &Groups::single(3))?;
/// assert_eq!(found, [1.0 / 3.0]);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn tau_b(first: &[f64], second: &[f64], groups: &Groups) -> Result<Vec<f64>> {
    let rows = groups.ends().last().copied().unwrap_or(0);
    for (name, length) in [("first", first.len()), ("second", second.len())] {
        if length != rows {
            let message = format!("must have one score for each of the {rows} rows, found {length}");
            return Err(Error::argument(name, message));
        }
    }
    for (name, scores) in [("first", first), ("second", second)] {
        if let Some(at) = scores.iter().position(|score| score.is_nan()) {
            let message = format!("NaN in row {} has no place in a ranking", groups.input_row(at));
            return Err(Error::argument(name, message));
        }
    }
    let runs = par::balanced(groups.ends(), CHUNK);
    let parts = par::map(runs.len(), |run| {
        let mut work = Work::default();
        let queries = runs[run].clone().map(|query| groups.rows(query));
        queries
            .map(|rows| work.tau_b(&first[rows.clone()], &second[rows]))
            .collect::<Vec<_>>()
    });
    Ok(parts.concat())
}

/// Scratch memory.
#[derive(Default)]
struct Work {
    pairs: Vec<(u64, u64)>,
    order: Vec<u64>,
    merged: Vec<u64>,
}

impl Work {
    fn tau_b(&mut self, first: &[f64], second: &[f64]) -> f64 {
        let keys = first.iter().zip(second);
        self.pairs.clear();
        self.pairs
            .extend(keys.map(|(&first, &second)| (order_key(first), order_key(second))));
        self.pairs.sort_unstable();
        let all = pairs_of(self.pairs.len());
        let tied_first = tied(&self.pairs, |a, b| a.0 == b.0);
        let tied_both = tied(&self.pairs, |a, b| a == b);
        self.order.clear();
        self.order.extend(self.pairs.iter().map(|pair| pair.1));
        let discordant = self.sort_counting();
        let tied_second = tied(&self.order, |a, b| a == b);
        let (of_first, of_second) = (all - tied_first, all - tied_second);
        let apart = all + tied_both - tied_first - tied_second; // C + D
        if of_first == 0 || of_second == 0 {
            return f64::NAN;
        }
        let difference = apart as f64 - 2.0 * discordant as f64;
        (difference / (of_first as f64 * of_second as f64).sqrt()).clamp(-1.0, 1.0)
    }

    /// Sorts `order` by merging, and counts the pairs that were in the wrong order.
    fn sort_counting(&mut self) -> u64 {
        let count = self.order.len();
        let (mut inversions, mut width) = (0, 1);
        while width < count {
            self.merged.clear();
            for block in self.order.chunks(2 * width) {
                let (mut left, mut right) = block.split_at(width.min(block.len()));
                while let (Some(&a), Some(&b)) = (left.first(), right.first()) {
                    if b < a {
                        inversions += left.len() as u64;
                        self.merged.push(b);
                        right = &right[1..];
                    } else {
                        self.merged.push(a);
                        left = &left[1..];
                    }
                }
                self.merged.extend_from_slice(left);
                self.merged.extend_from_slice(right);
            }
            std::mem::swap(&mut self.order, &mut self.merged);
            width *= 2;
        }
        inversions
    }
}

/// The number of pairs of `count` documents.
fn pairs_of(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

/// The number of pairs within runs of equal values.
fn tied<T>(values: &[T], equal: impl FnMut(&T, &T) -> bool) -> u64 {
    values.chunk_by(equal).map(|run| pairs_of(run.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(first: &[f64], second: &[f64]) -> f64 {
        tau_b(first, second, &Groups::single(first.len())).unwrap()[0]
    }

    /// By hand: of the six pairs of (1,1) (1,2) (2,1) (3,3), three agree and one opposes; one is tied in
    /// the first and one in the second: (3 - 1) / sqrt(5 * 5).
    #[test]
    fn the_golden_vector() {
        assert!((of(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 1.0, 3.0]) - 0.4).abs() < 1e-15);
    }

    #[test]
    fn a_ranking_without_an_order_has_no_value() {
        assert!(of(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        assert!(of(&[1.0, 2.0], &[1.0, 1.0]).is_nan());
        assert!(of(&[1.0], &[1.0]).is_nan());
        assert!(of(&[], &[]).is_nan());
        assert_eq!(of(&[0.0, f64::NEG_INFINITY], &[5.0, 1.0]), 1.0);
    }

    #[test]
    fn nonsense_is_an_error() {
        let groups = Groups::single(2);
        assert!(tau_b(&[1.0, f64::NAN], &[1.0, 2.0], &groups).is_err());
        assert!(tau_b(&[1.0, 2.0], &[f64::NAN, 2.0], &groups).is_err());
        assert!(tau_b(&[1.0, 2.0], &[1.0], &groups).is_err());
    }

    proptest! {
        /// The definition, pair by pair.
        #[test]
        fn it_equals_a_count_of_all_pairs(rows in prop::collection::vec((0..6_i8, 0..6_i8), 2..40)) {
            let (first, second): (Vec<f64>, Vec<f64>) =
                rows.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let (mut difference, mut of_first, mut of_second) = (0.0, 0.0, 0.0);
            for (i, a) in rows.iter().enumerate() {
                for b in &rows[..i] {
                    let (x, y) = (f64::from((a.0 - b.0).signum()), f64::from((a.1 - b.1).signum()));
                    difference += x * y;
                    of_first += x * x;
                    of_second += y * y;
                }
            }
            let expected = difference / f64::sqrt(of_first * of_second);
            let found = of(&first, &second);
            prop_assert!((found - expected).abs() < 1e-13 || (found.is_nan() && expected.is_nan()));
            prop_assert!(found.to_bits() == of(&second, &first).to_bits() || found.is_nan());
        }
    }
}
