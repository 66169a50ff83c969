//! The weighted bootstrap of whole clusters.
//!
//! Each resample takes each cluster a random number of times, independently, with mean 1 and
//! variance 1: what drawing with replacement does but for its fixed total (Praestgaard and Wellner,
//! Annals of Probability 21, 1993; with Poisson counts, Chamandy and others, "Estimating
//! uncertainty for massive data streams", 2012). So a cluster's draw is a pure function of (seed,
//! resample, cluster). The interval's ends are order statistics of the resampled gains (Efron's
//! percentile interval). It estimates no variance of a ratio, but it is too short at few clusters:
//! at seven days its "95%" is about 90%. There [`super::sign_flip`] holds.

use super::{Interval, Pairs, Question, Total};
use crate::num::LANES;
use crate::par;
use crate::resample::Stream;

/// A draw is as often repeated as there are entries at most it: of its 256 values 95 say never, 92
/// once, 49 twice, 15, 4 and 1 more often. Mean 1, variance 1, skewness 0.96 (Poisson's is 1).
const CELLS: [u8; 5] = [95, 187, 236, 251, 255];

/// Clusters drawn from the words of one counter.
pub(super) const BLOCK: usize = 32;

/// The interval of the gain by `resamples` weighted resamples of whole clusters; unbounded with one
/// cluster, of which every resample is the same.
///
/// ```
/// use ctcore::metrics::paired::{Pairs, Question, bootstrap};
/// let advantage: Vec<f64> = (0..400).map(|i| f64::from(i % 5) / 10.0).collect();
/// let clusters: Vec<usize> = (0..400).collect();
/// let pairs = Pairs::new(&advantage, &[1.0; 400], None, &clusters)?;
/// let interval = bootstrap::interval(&pairs, Question::new(0.0, 0.95)?, 2_000, 1);
/// assert!(interval.lower > 0.18 && interval.upper < 0.22 && interval.p_value == 1.0 / 2_001.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn interval(pairs: &Pairs, question: Question, resamples: usize, seed: u64) -> Interval {
    if pairs.clusters() < 2 {
        return Interval::unknown(pairs.gain());
    }
    // Columns, filled up with clusters that weigh nothing, so that blocks are whole.
    let column = |of: fn(&Total) -> f64| {
        let mut column: Vec<f64> = pairs.totals.iter().map(of).collect();
        column.resize(column.len().next_multiple_of(BLOCK), 0.0);
        column
    };
    let (advantage, against) = (column(|total| total.advantage), column(|total| total.against));
    let gains = par::map(resamples, |resample| {
        resampled(&advantage, &against, Stream::new(seed, resample as u64))
    });
    question.read(pairs.gain(), gains, false)
}

/// How often each cluster of a block is taken.
#[inline]
pub(super) fn counts(stream: &Stream, counter: u64) -> [u8; BLOCK] {
    let words = stream.words(counter);
    let bits: [u8; BLOCK] = std::array::from_fn(|lane| words[lane / 8].to_le_bytes()[lane % 8]);
    let mut counts = [0; BLOCK];
    for cell in CELLS {
        for (count, &bits) in counts.iter_mut().zip(&bits) {
            *count += u8::from(bits >= cell);
        }
    }
    counts
}

/// The gain of one resample; one that took nothing to measure against is taken anew.
fn resampled(advantage: &[f64], against: &[f64], stream: Stream) -> f64 {
    let mut counter = 0;
    loop {
        // Fixed lanes, so that the order of addition is fixed.
        let (mut sum_advantage, mut sum_against) = ([0.0; LANES], [0.0; LANES]);
        let blocks = advantage
            .as_chunks::<BLOCK>()
            .0
            .iter()
            .zip(against.as_chunks::<BLOCK>().0);
        for (advantage, against) in blocks {
            let counts = counts(&stream, counter);
            counter += 1;
            for first in (0..BLOCK).step_by(LANES) {
                for lane in 0..LANES {
                    let count = f64::from(counts[first + lane]);
                    sum_advantage[lane] += count * advantage[first + lane];
                    sum_against[lane] += count * against[first + lane];
                }
            }
        }
        let against: f64 = sum_against.iter().sum();
        if against > 0.0 {
            return sum_advantage.iter().sum::<f64>() / against;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_have_mean_and_variance_1() {
        let stream = Stream::new(2, 0);
        let mut seen = [0_u32; 6];
        for counter in 0..20_000 {
            for count in counts(&stream, counter) {
                seen[usize::from(count)] += 1;
            }
        }
        let total = 20_000.0 * BLOCK as f64;
        for (&found, of_256) in seen.iter().zip([95.0, 92.0, 49.0, 15.0, 4.0, 1.0]) {
            let share: f64 = of_256 / 256.0;
            let error = (share * (1.0 - share) / total).sqrt();
            assert!((f64::from(found) / total - share).abs() < 4.0 * error, "{seen:?}");
        }
        let moment = |power: i32| {
            let of = |(count, &n): (usize, &u32)| (count as f64).powi(power) * f64::from(n);
            seen.iter().enumerate().map(of).sum::<f64>() / total
        };
        assert!((moment(1) - 1.0).abs() < 0.005 && (moment(2) - 2.0).abs() < 0.02);
    }

    /// At many clusters the percentile interval is the normal one.
    #[test]
    fn the_bounds_are_those_of_the_normal_theory_at_many_clusters() {
        let stream = Stream::new(6, 0);
        let values: Vec<f64> = (0..4_000).map(|i| stream.uniform(i)).collect();
        let clusters: Vec<usize> = (0..4_000).collect();
        let pairs = Pairs::new(&values, &vec![1.0; 4_000], None, &clusters).unwrap();
        let question = Question::new(0.0, 0.95).unwrap();
        let found = interval(&pairs, question, 4_000, 1);
        let expected = super::super::cluster_t::interval(&pairs, question);
        let width = expected.upper - expected.lower;
        assert!((found.lower - expected.lower).abs() < 0.04 * width);
        assert!((found.upper - expected.upper).abs() < 0.04 * width);
    }

    #[test]
    fn a_resample_is_the_same_for_any_number_of_threads() {
        let values: Vec<f64> = (0..5_000).map(|i| Stream::new(1, 1).uniform(i)).collect();
        let clusters: Vec<usize> = (0..5_000).map(|i| i / 3).collect();
        let pairs = Pairs::new(&values, &vec![1.0; 5_000], None, &clusters).unwrap();
        let question = Question::new(0.0, 0.95).unwrap();
        let of = |threads| {
            par::set_threads(std::num::NonZeroUsize::new(threads));
            interval(&pairs, question, 200, 1)
        };
        let (one, two, seven) = (of(1), of(2), of(7));
        par::set_threads(None);
        assert_eq!(one, two);
        assert_eq!(one, seven);
    }
}
