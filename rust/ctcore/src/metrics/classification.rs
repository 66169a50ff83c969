//! Scores of two classes: areas under curves, calibration, and counts at a threshold.

use crate::num::{Sum, order_key, weighted_mean};
use crate::{Error, Result, par};

/// Rows with a class, 0 or 1, a score and perhaps a weight.
#[derive(Debug, Clone, Copy)]
pub struct Binary<'a> {
    target: &'a [f64],
    score: &'a [f64],
    weight: Option<&'a [f64]>,
}

/// Weights of positives and negatives that share a score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tie {
    positive: f64,
    negative: f64,
}

/// Weights of rows by class and prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Confusion {
    /// Positives at or above the threshold.
    pub true_positive: f64,
    /// Negatives at or above it.
    pub false_positive: f64,
    /// Positives below it.
    pub false_negative: f64,
    /// Negatives below it.
    pub true_negative: f64,
}

impl<'a> Binary<'a> {
    /// Rows that can be measured.
    ///
    /// # Errors
    /// [`Error::Argument`] where lengths differ, a target is not 0 or 1, a score is NaN, a weight is
    /// negative or not finite, or all are 0.
    pub fn new(target: &'a [f64], score: &'a [f64], weight: Option<&'a [f64]>) -> Result<Self> {
        if target.len() != score.len() {
            let message = format!(
                "must have a value for each of the {} targets, found {}",
                target.len(),
                score.len()
            );
            return Err(Error::argument("score", message));
        }
        if let Some(row) = target.iter().position(|&class| class != 0.0 && class != 1.0) {
            let message = format!("must be 0 or 1, found {} in row {row}", target[row]);
            return Err(Error::argument("target", message));
        }
        if let Some(row) = score.iter().position(|score| score.is_nan()) {
            let message = format!("must not be NaN, found it in row {row}");
            return Err(Error::argument("score", message));
        }
        weighted_mean(target, weight)?; // checks the weights, their sum too
        Ok(Self {
            target,
            score,
            weight,
        })
    }

    fn weight(&self, row: usize) -> f64 {
        self.weight.map_or(1.0, |weight| weight[row])
    }

    /// Whether any two scores differ: where none do, nothing is ranked.
    pub fn ranks(&self) -> bool {
        self.score.iter().any(|&score| score != self.score[0])
    }

    /// The rows in descending order of score.
    fn order(&self) -> Vec<u128> {
        let rows = self.score.iter().enumerate();
        let mut keys: Vec<u128> = rows
            .map(|(row, &score)| u128::from(!order_key(score)) << 64 | row as u128)
            .collect();
        par::sort(&mut keys);
        keys
    }

    /// The distinct scores, in descending order, as the weights of their classes.
    fn ties(&self) -> impl Iterator<Item = Tie> {
        let order = self.order();
        let mut row = 0;
        std::iter::from_fn(move || {
            let score = order.get(row)? >> 64;
            let (mut positive, mut negative) = (Sum::default(), Sum::default());
            while let Some(&key) = order.get(row)
                && key >> 64 == score
            {
                let index = key as usize;
                let class = if self.target[index] == 1.0 {
                    &mut positive
                } else {
                    &mut negative
                };
                class.add(self.weight(index));
                row += 1;
            }
            Some(Tie {
                positive: positive.total(),
                negative: negative.total(),
            })
        })
    }

    /// The area under the ROC curve: the probability that a positive has a higher score than a
    /// negative, equal scores counting half. NaN where a class is missing.
    ///
    /// ```
    /// use ctcore::metrics::classification::Binary;
    /// let rows = Binary::new(&[1.0, 0.0, 1.0, 0.0], &[0.9, 0.5, 0.5, 0.1], None)?;
    /// assert_eq!(rows.roc_auc(), 0.875);
    /// # Ok::<(), ctcore::Error>(())
    /// ```
    pub fn roc_auc(&self) -> f64 {
        let (mut positives, mut negatives) = (Sum::default(), Sum::default());
        let mut ordered = Sum::default();
        for tie in self.ties() {
            ordered.add(tie.negative * (positives.total() + tie.positive / 2.0));
            positives.add(tie.positive);
            negatives.add(tie.negative);
        }
        ordered.total() / (positives.total() * negatives.total())
    }

    /// Average precision, the area under the precision-recall curve by steps:
    /// `sum over distinct scores of (recall_n - recall_{n-1}) precision_n`. NaN without positives.
    pub fn pr_auc(&self) -> f64 {
        let (mut positives, mut all) = (Sum::default(), Sum::default());
        let mut area = Sum::default();
        for tie in self.ties() {
            positives.add(tie.positive);
            all.add(tie.positive + tie.negative);
            if tie.positive > 0.0 {
                area.add(tie.positive * positives.total() / all.total());
            }
        }
        area.total() / positives.total()
    }

    /// The expected calibration error of probabilities: rows are cut into `bins` of equal mass by
    /// ascending probability (equal ones stay together, in the bin of the first), and the
    /// distances between a bin's mean probability and its share of positives are averaged by mass.
    ///
    /// # Errors
    /// [`Error::Argument`] for 0 bins and for a score outside [0, 1].
    pub fn calibration_error(&self, bins: usize) -> Result<f64> {
        if bins == 0 {
            return Err(Error::argument("bins", "must be at least 1, found 0"));
        }
        probabilities("score", self.score)?;
        let mut total = Sum::default();
        (0..self.target.len()).for_each(|row| total.add(self.weight(row)));
        let total = total.total();
        let (mut done, mut error) = (Sum::default(), Sum::default());
        let (mut apart, mut bin, mut last) = (Sum::default(), 0, None);
        for key in self.order().into_iter().rev() {
            let row = key as usize;
            // The bin of the mass below this row; equal scores follow the first of them.
            let next = ((done.total() / total * bins as f64) as usize).min(bins - 1);
            if last != Some(key >> 64) && next > bin {
                error.add(apart.total().abs());
                (apart, bin) = (Sum::default(), next);
            }
            last = Some(key >> 64);
            apart.add(self.weight(row) * (self.score[row] - self.target[row]));
            done.add(self.weight(row));
        }
        error.add(apart.total().abs());
        Ok(error.total() / total)
    }

    /// The confusion matrix of the prediction "positive from `threshold` on".
    pub fn confusion(&self, threshold: f64) -> Confusion {
        let mut sums = [Sum::default(); 4];
        for (row, (&class, &score)) in self.target.iter().zip(self.score).enumerate() {
            let cell = usize::from(class == 1.0) + 2 * usize::from(score >= threshold);
            sums[cell].add(self.weight(row));
        }
        Confusion {
            true_negative: sums[0].total(),
            false_negative: sums[1].total(),
            false_positive: sums[2].total(),
            true_positive: sums[3].total(),
        }
    }
}

/// # Errors
/// [`Error::Argument`] for a value outside [0, 1].
pub(super) fn probabilities(name: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
        None => Ok(()),
        Some(row) => {
            let message = format!(
                "must be a probability in [0, 1], found {} in row {row}",
                values[row]
            );
            Err(Error::argument(name, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn weights_are_repetitions(rows in prop::collection::vec((0..2_u8, 0..5_u8, 0..4_u8), 1..40)) {
            let column = |f: fn(&(u8, u8, u8)) -> u8| rows.iter().map(|row| f64::from(f(row))).collect::<Vec<_>>();
            let (target, weight) = (column(|row| row.0), column(|row| row.2));
            let score: Vec<f64> = column(|row| row.1).iter().map(|score| score / 4.0).collect();
            prop_assume!(weight.iter().sum::<f64>() > 0.0);
            let repeat = |values: &[f64]| -> Vec<f64> {
                values.iter().zip(&weight).flat_map(|(&value, &times)| vec![value; times as usize]).collect()
            };
            let (many_target, many_score) = (repeat(&target), repeat(&score));
            let weighted = Binary::new(&target, &score, Some(&weight)).unwrap();
            let repeated = Binary::new(&many_target, &many_score, None).unwrap();
            let same = |a: f64, b: f64| (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan());
            prop_assert!(same(weighted.roc_auc(), repeated.roc_auc()));
            prop_assert!(same(weighted.pr_auc(), repeated.pr_auc()));
            prop_assert_eq!(weighted.confusion(0.5), repeated.confusion(0.5));
            let (a, b) = (weighted.calibration_error(1).unwrap(), repeated.calibration_error(1).unwrap());
            prop_assert!(same(a, b));
        }
    }

    /// Probabilities .1 .2 | .6 .8 with classes 0 1 | 1 1: (|.15 - .5| + |.7 - 1|) / 2 = .325.
    #[test]
    fn calibration_by_hand() {
        let (target, score) = ([1.0, 0.0, 1.0, 1.0], [0.8, 0.1, 0.2, 0.6]);
        let rows = Binary::new(&target, &score, None).unwrap();
        assert!((rows.calibration_error(2).unwrap() - 0.325).abs() < 1e-15);
        assert!(rows.calibration_error(0).is_err());
    }

    #[test]
    fn nonsense_names_the_row() {
        let fails = |target: &[f64], score: &[f64], weight: Option<&[f64]>, words: &str| {
            let error = Binary::new(target, score, weight).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        fails(&[0.0, 2.0], &[0.1, 0.2], None, "found 2 in row 1");
        fails(&[0.0, 1.0], &[0.1, f64::NAN], None, "row 1");
        fails(&[0.0], &[0.1, 0.2], None, "each of the 1 targets");
        fails(&[0.0, 1.0], &[0.1, 0.2], Some(&[1.0, -1.0]), "found -1");
        assert!(Binary::new(&[1.0], &[0.3], None).unwrap().roc_auc().is_nan());
    }
}
