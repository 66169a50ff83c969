//! The best `k` rows of a query as a set: which rows are in, without their order.
//!
//! A score that exactly `k` rows reach is looked for between the lowest and the highest one, each
//! guess where it would be if the scores between lay evenly. A guess is one vectorised count, and
//! a few of them end in such a score, whatever `k` is. Where equal scores straddle the cut there is
//! none: then the k-th best is selected among the few rows left between the guesses.

use super::definition::Ties;
use super::grades::Grade;
use super::select::{Score, fold};

/// The relevant rows among the best `k`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cut {
    /// Relevant rows that are in by any order of equal scores.
    hits: usize,
    /// Places that the rows of the k-th score share; 0 where no order matters.
    places: usize,
    /// Rows that share them.
    sharing: usize,
    /// The relevant ones of these.
    sharing_hits: usize,
    /// The relevant ones of these if the first rows take the places.
    first_hits: usize,
}

/// Guesses before the k-th best is selected among the rest.
const GUESSES: usize = 8;

impl Cut {
    /// The best `k` rows by their scores, none of which is NaN. A row is relevant from the grade
    /// `least`. Rows that were not retrieved are never in.
    pub(super) fn of<G: Grade, S: Score>(
        scores: &[S],
        grades: &[G],
        least: G,
        k: usize,
        scratch: &mut Vec<S>,
    ) -> Self {
        let in_any_order = |hits| Self {
            hits,
            ..Self::default()
        };
        let (score, reach) = threshold(scores, k, scratch);
        if score == S::NOT_RETRIEVED {
            return in_any_order(count(scores, grades, least, |each| each > score));
        }
        if reach == k {
            return in_any_order(count(scores, grades, least, |each| each >= score));
        }
        let places = k - scores.iter().filter(|&&each| each > score).count();
        let sharing = || scores.iter().zip(grades).filter(|(each, _)| **each == score);
        let relevant = |rows: usize| sharing().take(rows).filter(|(_, grade)| **grade >= least).count();
        Self {
            hits: count(scores, grades, least, |each| each > score),
            places,
            sharing: sharing().count(),
            sharing_hits: relevant(usize::MAX),
            first_hits: relevant(places),
        }
    }

    /// Whether the order of equal scores decides how many hits there are.
    pub(super) fn is_tied(&self) -> bool {
        self.sharing_hits != 0 && self.sharing_hits != self.sharing
    }

    /// The place, from 0, in which the rows that share the last places begin.
    pub(super) fn shared_from(&self, k: usize) -> usize {
        k - self.places
    }

    /// The relevant rows, with equal scores in the order of `ties`; a mean over all orders if averaged.
    pub(super) fn hits(&self, ties: Ties) -> f64 {
        let irrelevant = self.sharing - self.sharing_hits;
        let shared = match ties {
            Ties::Average if self.sharing == 0 => 0.0,
            Ties::Average => self.sharing_hits as f64 / self.sharing as f64 * self.places as f64,
            Ties::Input => self.first_hits as f64,
            Ties::Pessimistic => self.places.saturating_sub(irrelevant) as f64,
            Ties::Optimistic => self.places.min(self.sharing_hits) as f64,
        };
        self.hits as f64 + shared
    }
}

/// A score that exactly `k` rows reach, or the k-th best where there is none; that of the rows that
/// were not retrieved where they are among the best `k`. And how many rows reach it.
fn threshold<S: Score>(scores: &[S], k: usize, scratch: &mut Vec<S>) -> (S, usize) {
    if k >= scores.len() {
        return (S::NOT_RETRIEVED, scores.len());
    }
    let (mut low, mut high) = range(scores);
    let (mut reach_low, mut reach_high) = (scores.len(), 0);
    for _ in 0..GUESSES {
        let share = (reach_low - k) as f64 / (reach_low - reach_high) as f64;
        let guess = low.towards(high, share);
        if !(guess > low && guess < high) {
            break; // equal, next to each other, or infinite
        }
        let reach = reaching(scores, guess);
        if reach == k {
            return (guess, reach);
        }
        if reach > k {
            (low, reach_low) = (guess, reach);
        } else {
            (high, reach_high) = (guess, reach);
        }
    }
    scratch.clear();
    scratch.extend(scores.iter().filter(|&&score| score >= low && score <= high));
    let above = scores.iter().filter(|&&score| score > high).count();
    let descending = |a: &S, b: &S| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal);
    let found = *scratch.select_nth_unstable_by(k - above - 1, descending).1;
    (found, reaching(scores, found))
}

// The loops below are functions of their own, as in the selection: so they come out vectorised.

/// The lowest and the highest score.
fn range<S: Score>(scores: &[S]) -> (S, S) {
    let lowest = joined(scores, S::INFINITE, |a, b| if b < a { b } else { a });
    let highest = joined(scores, S::NOT_RETRIEVED, |a, b| if b > a { b } else { a });
    (lowest, highest)
}

/// The scores as one.
#[inline(never)]
fn joined<S: Score>(scores: &[S], from: S, join: impl Fn(S, S) -> S) -> S {
    let mut lanes = [from; 16];
    let (blocks, rest) = scores.as_chunks::<16>();
    for block in blocks {
        for (lane, &score) in lanes.iter_mut().zip(block) {
            *lane = join(*lane, score);
        }
    }
    for (lane, &score) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, score);
    }
    fold(lanes, join)
}

/// How many scores are at least `least`.
#[inline(never)]
fn reaching<S: Score>(scores: &[S], least: S) -> usize {
    let count: u32 = scores.iter().map(|&score| u32::from(score >= least)).sum();
    count as usize
}

/// How many of the rows whose score is so are relevant.
#[inline]
fn count<G: Grade, S: Score>(scores: &[S], grades: &[G], least: G, is_in: impl Fn(S) -> bool) -> usize {
    let rows = scores.iter().zip(grades);
    let hits = rows.map(|(&score, &grade)| u32::from(is_in(score)) & u32::from(grade >= least));
    hits.sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a sort that keeps the order of the rows, with many and with few equal scores.
        #[test]
        fn it_equals_a_sort(
            seed in any::<u64>(), rows in 1..700_usize, share in 0.0..1.1, levels in 1..3_000_u32, power in 1..30_i32,
        ) {
            let stream = crate::resample::Stream::new(seed, 0);
            let level = |i: u64| (stream.uniform(i).powi(power) * f64::from(levels + 1)) as u32;
            let scores: Vec<f32> = (0..rows as u64).map(|i| match level(i) {
                0 => f32::NEG_INFINITY,
                1 => -0.0,
                level => (level - 2) as f32,
            }).collect();
            let grades: Vec<u8> = (0..rows as u64).map(|i| (stream.uniform(i + 10_000) * 3.0) as u8).collect();
            let k = 1 + (share * rows as f64) as usize;
            let mut order: Vec<usize> = (0..rows).filter(|&row| scores[row] > f32::NEG_INFINITY).collect();
            let retrieved = order.len();
            for (ties, worst_first) in [(Ties::Input, None), (Ties::Pessimistic, Some(true)), (Ties::Optimistic, Some(false))] {
                order.sort_unstable();
                if let Some(worst_first) = worst_first {
                    order.sort_by_key(|&row| (grades[row] >= 2) == worst_first);
                }
                order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).unwrap());
                let expected = order.iter().take(k).filter(|&&row| grades[row] >= 2).count();
                let cut = Cut::of(&scores, &grades, 2, k, &mut Vec::new());
                prop_assert_eq!(cut.hits(ties), expected as f64);
                let wide: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
                let real: Vec<f64> = grades.iter().map(|&grade| f64::from(grade)).collect();
                prop_assert_eq!(Cut::of(&wide, &real, 2.0, k, &mut Vec::new()), cut);
                let free = cut.hits(Ties::Pessimistic) != cut.hits(Ties::Optimistic);
                prop_assert_eq!(free, cut.is_tied());
                prop_assert!(retrieved > k || !free);
            }
        }
    }

    #[test]
    fn the_ends_of_the_numbers() {
        let grades = [1, 0, 1, 0];
        for (scores, k, expected) in [
            ([f32::INFINITY, f32::INFINITY, 0.0, -1.0], 1, 0.5),
            ([f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY], 2, 2.0),
            ([f32::MAX, -f32::MAX, -f32::MAX, -f32::MAX], 2, 1.0 + 1.0 / 3.0),
            ([f32::NEG_INFINITY; 4], 2, 0.0),
            ([1e-45, 0.0, -0.0, 0.0], 2, 1.0 + 1.0 / 3.0),
        ] {
            let cut = Cut::of(&scores, &grades, 1, k, &mut Vec::new());
            assert!(
                (cut.hits(Ties::Average) - expected).abs() < 1e-15,
                "{scores:?} {cut:?}"
            );
        }
    }
}
