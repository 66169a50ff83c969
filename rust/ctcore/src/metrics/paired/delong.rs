//! The difference of two areas under the ROC curve on the same rows.
//!
//! `DeLong`, `DeLong` and Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves"
//! (Biometrics 44, 1988): the placement of a positive is the share of negatives that score below
//! it (ties half), that of a negative the share of positives above it. The AUC is the mean of
//! either, and the variance of a difference is that of the differences of placements.

use super::bootstrap::{BLOCK, counts};
use super::{Interval, Question};
use crate::num::{Moments, order_key};
use crate::rank::{Sorted, auc};
use crate::resample::Stream;
use crate::special::{t_quantile, t_sf};
use crate::{Error, Result, par};

/// The placements of two models on the same rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Placements {
    /// The candidate's AUC.
    pub candidate: f64,
    /// Production's AUC.
    pub production: f64,
    /// The candidate's placement less production's, of each positive.
    positives: Vec<f64>,
    /// And of each negative.
    negatives: Vec<f64>,
    positive: Vec<bool>,
}

impl Placements {
    /// Ranks both models' scores.
    ///
    /// # Errors
    /// [`Error::Argument`] where the lengths differ, a score is NaN, a label is neither 0 nor 1, or
    /// only one class is there.
    ///
    /// ```
    /// use ctcore::metrics::paired::delong::Placements;
    /// let placements = Placements::new(&[0.0, 0.0, 1.0, 1.0], &[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0])?;
    /// assert_eq!((placements.candidate, placements.production), (1.0, 0.75));
    /// # Ok::<(), ctcore::Error>(())
    /// ```
    pub fn new(label: &[f64], candidate: &[f64], production: &[f64]) -> Result<Self> {
        let positive = classes(label, candidate, production)?;
        let [first, second] = [candidate, production].map(|score| {
            let of = |class: bool| {
                let scores = score.iter().zip(&positive).filter(|(_, p)| **p == class);
                scores.map(|(&x, _)| x).collect::<Vec<_>>()
            };
            let (positives, negatives) = (of(true), of(false));
            let (above, below) = (Sorted::new(&positives), Sorted::new(&negatives));
            let at = |sorted: &Sorted, x: f64| {
                (sorted.below(x) as f64 + sorted.equal(x) as f64 / 2.0) / sorted.len() as f64
            };
            let of_positives: Vec<f64> = positives.iter().map(|&x| at(&below, x)).collect();
            let of_negatives: Vec<f64> = negatives.iter().map(|&x| 1.0 - at(&above, x)).collect();
            (auc(&below, &above), of_positives, of_negatives)
        });
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Ok(Self {
            candidate: first.0,
            production: second.0,
            positives: apart(&first.1, &second.1),
            negatives: apart(&first.2, &second.2),
            positive,
        })
    }

    /// The interval of the difference where rows are independent: Student's t, with the degrees of freedom
    /// of Satterthwaite (Biometrics Bulletin 2, 1946), since a handful of positives tells little of their
    /// spread; with many it is the normal of the paper. Unbounded where a class has one row, and where the
    /// placements of the two models differ by the same everywhere: that tells of no spread.
    pub fn interval(&self, question: Question) -> Interval {
        let gain = self.candidate - self.production;
        let part = |values: &[f64]| {
            let variance = Moments::of(values).variance(1)?;
            Some((variance / values.len() as f64, values.len() as f64 - 1.0))
        };
        let unknown = Interval::unknown(gain);
        let Some(((one, one_free), (other, other_free))) = part(&self.positives).zip(part(&self.negatives))
        else {
            return unknown;
        };
        let error = (one + other).sqrt();
        if error <= f64::EPSILON && gain != 0.0 {
            return unknown;
        }
        let free = (one + other).powi(2) / (one * one / one_free + other * other / other_free);
        let free = if free.is_nan() {
            one_free.min(other_free)
        } else {
            free
        };
        let quantile = t_quantile(question.confidence, free);
        let tail = |apart: f64| {
            if apart == 0.0 {
                0.5
            } else {
                t_sf(apart / error, free)
            }
        };
        Interval {
            gain,
            lower: gain - quantile * error,
            upper: gain + quantile * error,
            p_value: tail(gain - question.margin),
            p_not_better: tail(gain),
            p_not_worse: tail(-gain),
            resamples: 0,
            exact: false,
        }
    }

    /// The difference as a mean over rows: the influence of each row on it, plus the difference
    /// itself. Sums of these by cluster are what a clustered interval reads (Obuchowski, Biometrics
    /// 53, 1997).
    pub fn influence(&self) -> Vec<f64> {
        let gain = self.candidate - self.production;
        let rows = self.positive.len() as f64;
        let weight = |class: usize| rows / class as f64;
        let (mut positives, mut negatives) = (self.positives.iter(), self.negatives.iter());
        let (of_positives, of_negatives) = (weight(self.positives.len()), weight(self.negatives.len()));
        self.positive
            .iter()
            .map(|&positive| {
                let (next, weight) = if positive {
                    (positives.next(), of_positives)
                } else {
                    (negatives.next(), of_negatives)
                };
                gain + next.map_or(0.0, |placement| weight * (placement - gain))
            })
            .collect()
    }
}

/// The interval of the difference of two AUCs by `resamples` weighted resamples of whole clusters,
/// both AUCs ranked anew in each; unbounded with one cluster.
///
/// # Errors
/// Those of [`Placements::new`], and [`Error::Argument`] where the clusters are not numbered from 0
/// without gaps.
pub fn bootstrap(
    label: &[f64],
    candidate: &[f64],
    production: &[f64],
    cluster: &[usize],
    question: Question,
    resamples: usize,
    seed: u64,
) -> Result<Interval> {
    let positive = classes(label, candidate, production)?;
    let clusters = cluster.iter().max().map_or(0, |last| last.saturating_add(1));
    if cluster.len() != label.len() || clusters > label.len() {
        return Err(Error::argument(
            "cluster",
            "each row must have one, numbered from 0 without gaps",
        ));
    }
    if clusters < 2 {
        let placements = Placements::new(label, candidate, production)?;
        return Ok(Interval::unknown(placements.candidate - placements.production));
    }
    let [first, second] = [candidate, production].map(|score| ranking(score, &positive, cluster));
    let gains = par::map(resamples, |resample| {
        let stream = Stream::new(seed, resample as u64);
        let mut counter = 0;
        loop {
            let mut taken = Vec::with_capacity(clusters + BLOCK);
            while taken.len() < clusters {
                taken.extend(counts(&stream, counter));
                counter += 1;
            }
            // A resample without one of the classes has no AUC; it is taken anew.
            if let (Some(one), Some(other)) = (resampled(&first, &taken), resampled(&second, &taken)) {
                return one - other;
            }
        }
    });
    let full = vec![1_u8; clusters];
    let gain = resampled(&first, &full).zip(resampled(&second, &full));
    Ok(question.read(gain.map_or(f64::NAN, |(one, other)| one - other), gains, false))
}

/// A row in ascending order of score.
struct Ranked {
    cluster: usize,
    positive: bool,
    /// Whether the next row scores higher.
    last_of_tie: bool,
}

fn ranking(score: &[f64], positive: &[bool], cluster: &[usize]) -> Vec<Ranked> {
    let mut order: Vec<(u64, usize)> = score.iter().map(|&x| order_key(x)).zip(0..).collect();
    par::sort(&mut order);
    (0..order.len())
        .map(|place| Ranked {
            cluster: cluster[order[place].1],
            positive: positive[order[place].1],
            last_of_tie: order.get(place + 1).is_none_or(|next| next.0 != order[place].0),
        })
        .collect()
}

/// The AUC with each row taken as often as its cluster; `None` without one of the classes.
fn resampled(ranking: &[Ranked], taken: &[u8]) -> Option<f64> {
    let (mut below, mut positives, mut twice) = (0_u64, 0_u64, 0_u128);
    let (mut tied, mut tied_positives) = (0_u64, 0_u64);
    for row in ranking {
        let count = u64::from(taken[row.cluster]);
        if row.positive {
            tied_positives += count;
        } else {
            tied += count;
        }
        if row.last_of_tie {
            twice += u128::from(tied_positives) * u128::from(2 * below + tied);
            below += tied;
            positives += tied_positives;
            (tied, tied_positives) = (0, 0);
        }
    }
    (below > 0 && positives > 0).then(|| twice as f64 / (2.0 * below as f64 * positives as f64))
}

fn classes(label: &[f64], candidate: &[f64], production: &[f64]) -> Result<Vec<bool>> {
    for (name, score) in [("candidate", candidate), ("production", production)] {
        if score.len() != label.len() {
            let message = format!(
                "must have a score for each of the {} labels, found {}",
                label.len(),
                score.len()
            );
            return Err(Error::argument(name, message));
        }
        if let Some(row) = score.iter().position(|x| x.is_nan()) {
            return Err(Error::argument(name, format!("the score of row {row} is NaN")));
        }
    }
    if let Some(value) = label.iter().find(|&&value| value != 0.0 && value != 1.0) {
        return Err(Error::argument("label", format!("must be 0 or 1, found {value}")));
    }
    let positive: Vec<bool> = label.iter().map(|&value| value == 1.0).collect();
    let count = positive.iter().filter(|&&p| p).count();
    if count == 0 || count == positive.len() {
        let message = format!(
            "both classes are needed, found {count} positives in {} rows",
            positive.len()
        );
        return Err(Error::argument("label", message));
    }
    Ok(positive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::paired::{Pairs, cluster_t};

    fn rows(count: u64, lift: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let draw = |stream: u64, i: u64| Stream::new(12, stream).uniform(i);
        let label: Vec<f64> = (0..count)
            .map(|i| f64::from(u8::from(draw(0, i) < 0.4)))
            .collect();
        let round = |x: f64| (x * 20.0).round(); // ties
        let score = |stream: u64, lift: f64| {
            (0..count)
                .map(|i| round(lift * label[i as usize] + draw(3, i) + draw(stream, i)))
                .collect::<Vec<_>>()
        };
        (label.clone(), score(1, lift), score(2, 0.3))
    }

    /// The definition, pair by pair: both placements and the variance from the double sum.
    #[test]
    fn delong_is_what_the_paper_writes() {
        let (label, candidate, production) = rows(60, 0.5);
        let split = |score: &[f64], class: f64| -> Vec<f64> {
            score
                .iter()
                .zip(&label)
                .filter(|(_, l)| **l == class)
                .map(|(&x, _)| x)
                .collect()
        };
        let kernel = |x: f64, y: f64| match x.total_cmp(&y) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        let (cx, cy) = (split(&candidate, 1.0), split(&candidate, 0.0));
        let (px, py) = (split(&production, 1.0), split(&production, 0.0));
        let (m, n) = (cx.len(), cy.len());
        let apart = |i: usize, j: usize| kernel(cx[i], cy[j]) - kernel(px[i], py[j]);
        let v10: Vec<f64> = (0..m)
            .map(|i| (0..n).map(|j| apart(i, j)).sum::<f64>() / n as f64)
            .collect();
        let v01: Vec<f64> = (0..n)
            .map(|j| (0..m).map(|i| apart(i, j)).sum::<f64>() / m as f64)
            .collect();
        let gain = v10.iter().sum::<f64>() / m as f64;
        let spread = |v: &[f64]| v.iter().map(|x| (x - gain).powi(2)).sum::<f64>() / (v.len() - 1) as f64;
        let (one, other) = (spread(&v10) / m as f64, spread(&v01) / n as f64);
        let error = (one + other).sqrt();
        let free = (one + other).powi(2) / (one.powi(2) / (m - 1) as f64 + other.powi(2) / (n - 1) as f64);
        let placements = Placements::new(&label, &candidate, &production).unwrap();
        let found = placements.interval(Question::new(0.01, 0.975).unwrap());
        assert!((found.gain - gain).abs() < 1e-14);
        assert!((found.lower - (gain - t_quantile(0.975, free) * error)).abs() < 1e-13);
        assert!((found.p_value - t_sf((gain - 0.01) / error, free)).abs() < 1e-13);
        assert!(50.0 < free && free < 60.0); // so the normal of the paper is near
        assert!((found.lower - (gain - 1.959_963_984_540_054 * error)).abs() < 0.03 * error.max(1.0));
    }

    /// The influence values carry the same difference and, row by row, nearly the same variance.
    #[test]
    fn the_influence_of_rows_is_delong_again() {
        let (label, candidate, production) = rows(3_000, 0.5);
        let placements = Placements::new(&label, &candidate, &production).unwrap();
        let question = Question::new(0.0, 0.95).unwrap();
        let exact = placements.interval(question);
        let each: Vec<usize> = (0..3_000).collect();
        let pairs = Pairs::new(&placements.influence(), &vec![1.0; 3_000], None, &each).unwrap();
        let found = cluster_t::interval(&pairs, question);
        assert!((found.gain - exact.gain).abs() < 1e-14);
        assert!((found.lower - exact.lower).abs() < 0.01 * (exact.gain - exact.lower));
    }

    #[test]
    fn the_bootstrap_of_rows_is_delong_again() {
        let (label, candidate, production) = rows(1_500, 0.5);
        let question = Question::new(0.0, 0.95).unwrap();
        let placements = Placements::new(&label, &candidate, &production).unwrap();
        let exact = placements.interval(question);
        let each: Vec<usize> = (0..1_500).collect();
        let found = bootstrap(&label, &candidate, &production, &each, question, 4_000, 1).unwrap();
        let width = exact.upper - exact.lower;
        assert!((found.gain - exact.gain).abs() < 1e-14);
        assert!((found.lower - exact.lower).abs() < 0.06 * width);
        assert!((found.upper - exact.upper).abs() < 0.06 * width);
    }

    #[test]
    fn without_any_spread_nothing_is_proven() {
        let question = Question::new(0.005, 0.95).unwrap();
        let (label, perfect, flat) = ([1.0, 1.0, 0.0, 0.0], [3.0, 4.0, 1.0, 2.0], [1.0; 4]);
        let found = Placements::new(&label, &perfect, &flat)
            .unwrap()
            .interval(question);
        assert_eq!(
            (found.gain, found.lower, found.p_value),
            (0.5, f64::NEG_INFINITY, 1.0)
        );
        let same = Placements::new(&label, &perfect, &perfect)
            .unwrap()
            .interval(question);
        assert_eq!((same.lower, same.upper, same.p_value), (0.0, 0.0, 1.0));
        let one = bootstrap(&label, &perfect, &flat, &[0; 4], question, 99, 1).unwrap();
        assert_eq!((one.gain, one.lower, one.p_value), (0.5, f64::NEG_INFINITY, 1.0));
    }

    #[test]
    fn nonsense_is_an_error() {
        let of = |label: &[f64], a: &[f64], b: &[f64]| Placements::new(label, a, b).is_err();
        assert!(of(&[0.0, 1.0], &[1.0], &[1.0, 2.0]));
        assert!(of(&[0.0, 1.0], &[1.0, f64::NAN], &[1.0, 2.0]));
        assert!(of(&[0.0, 2.0], &[1.0, 2.0], &[1.0, 2.0]));
        assert!(of(&[1.0, 1.0], &[1.0, 2.0], &[1.0, 2.0]));
        let question = Question::new(0.0, 0.95).unwrap();
        assert!(bootstrap(&[0.0, 1.0], &[1.0, 2.0], &[1.0, 2.0], &[0, 9], question, 9, 1).is_err());
    }
}
