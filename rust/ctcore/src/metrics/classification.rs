//! Scores of two classes: areas under curves, and calibration.

use super::select::Score;
use crate::num::{Sum, check_weights};
use crate::{Error, Result, par};

/// Rows with a class, 0 or 1, a score and perhaps a weight.
#[derive(Debug, Clone, Copy)]
pub struct Binary<'a, S> {
    target: &'a [u8],
    score: &'a [S],
    weight: Option<&'a [f64]>,
}

/// Weights of positives and negatives that share a score.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tie {
    score: f64,
    positive: f64,
    negative: f64,
}

/// In which order scores are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Lowest,
    Highest,
}

impl<'a, S: Score> Binary<'a, S> {
    /// Rows that can be measured.
    ///
    /// # Errors
    /// [`Error::Argument`] where lengths differ, a target is not 0 or 1, a score is NaN, a weight is
    /// negative or not finite, or all are 0.
    pub fn new(target: &'a [u8], score: &'a [S], weight: Option<&'a [f64]>) -> Result<Self> {
        if target.len() != score.len() {
            let message = format!(
                "must have a value for each of the {} targets, found {}",
                target.len(),
                score.len()
            );
            return Err(Error::argument("score", message));
        }
        if let Some(row) = target.iter().position(|&class| class > 1) {
            let message = format!("must be 0 or 1, found {} in row {row}", target[row]);
            return Err(Error::argument("target", message));
        }
        if let Some(row) = score.iter().position(|score| score.is_nan()) {
            let message = format!("must not be NaN, found it in row {row}");
            return Err(Error::argument("score", message));
        }
        if let Some(weight) = weight {
            check_weights(target.len(), weight)?;
            if !weight.is_empty() && weight.iter().all(|&weight| weight == 0.0) {
                return Err(Error::argument("weight", "must not be 0 everywhere"));
            }
        }
        Ok(Self {
            target,
            score,
            weight,
        })
    }

    /// Whether any two scores differ: where none do, nothing is ranked.
    pub fn ranks(&self) -> bool {
        self.score.iter().any(|score| *score != self.score[0])
    }

    /// The distinct scores as the weights of their classes. Only the scores are sorted, each class for itself, and
    /// where there are weights, they with them: so the order of the rows means nothing, to the last bit.
    fn ties(&self, from: From, visit: impl FnMut(Tie)) {
        let order = |row: usize| self.score[row].order();
        match self.weight {
            None => {
                let of = |class| self.of_class(class, order);
                walk(
                    of(1),
                    of(0),
                    from,
                    |order| order,
                    |_| 1.0,
                    |order| S::from_order(order),
                    visit,
                );
            }
            Some(weight) => {
                let of = |class| self.of_class(class, |row| (order(row), weight[row].to_bits()));
                let weight = |(_, bits)| f64::from_bits(bits);
                walk(
                    of(1),
                    of(0),
                    from,
                    |(order, _)| order,
                    weight,
                    |order| S::from_order(order),
                    visit,
                );
            }
        }
    }

    /// An entry of each row of a class, in memory for no more than these.
    fn of_class<E>(&self, class: u8, entry: impl Fn(usize) -> E) -> Vec<E> {
        let rows = || (0..self.target.len()).filter(|&row| self.target[row] == class);
        let mut entries = Vec::with_capacity(rows().count());
        entries.extend(rows().map(entry));
        entries
    }

    /// The area under the ROC curve: the probability that a positive has a higher score than a
    /// negative, equal scores counting half. NaN where a class is missing.
    ///
    /// ```
    /// use ctcore::metrics::classification::Binary;
    /// let rows = Binary::new(&[1, 0, 1, 0], &[0.9, 0.5, 0.5, 0.1], None)?;
    /// assert_eq!(rows.roc_auc(), 0.875);
    /// # Ok::<(), ctcore::Error>(())
    /// ```
    pub fn roc_auc(&self) -> f64 {
        let (mut positives, mut negatives) = (Sum::default(), Sum::default());
        let mut ordered = Sum::default();
        self.ties(From::Highest, |tie| {
            ordered.add(tie.negative * (positives.total() + tie.positive / 2.0));
            positives.add(tie.positive);
            negatives.add(tie.negative);
        });
        ordered.total() / (positives.total() * negatives.total())
    }

    /// Average precision, the area under the precision-recall curve by steps:
    /// `sum over distinct scores of (recall_n - recall_{n-1}) precision_n`. NaN without positives.
    pub fn pr_auc(&self) -> f64 {
        let (mut positives, mut all) = (Sum::default(), Sum::default());
        let mut area = Sum::default();
        self.ties(From::Highest, |tie| {
            positives.add(tie.positive);
            all.add(tie.positive + tie.negative);
            if tie.positive > 0.0 {
                area.add(tie.positive * positives.total() / all.total());
            }
        });
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
        let outside = |score: S| !(S::ZERO <= score && score <= S::ONE);
        if let Some(row) = self.score.iter().position(|&score| outside(score)) {
            let found = S::from_order(self.score[row].order());
            let message = format!("must be a probability in [0, 1], found {found} in row {row}");
            return Err(Error::argument("score", message));
        }
        let mut total = Sum::default();
        (0..self.target.len()).for_each(|row| total.add(self.weight.map_or(1.0, |weight| weight[row])));
        let total = total.total();
        let (mut done, mut error) = (Sum::default(), Sum::default());
        let (mut apart, mut bin) = (Sum::default(), 0);
        self.ties(From::Lowest, |tie| {
            // The bin of the mass below this score.
            let next = ((done.total() / total * bins as f64) as usize).min(bins - 1);
            if next > bin {
                error.add(apart.total().abs());
                (apart, bin) = (Sum::default(), next);
            }
            apart.add(tie.negative * tie.score);
            apart.add(tie.positive * (tie.score - 1.0));
            done.add(tie.positive + tie.negative);
        });
        error.add(apart.total().abs());
        Ok(error.total() / total)
    }
}

/// Visits the distinct scores of two classes, each a list of entries with a score and a weight.
fn walk<E: Copy + Ord + Send, O: Ord + Copy>(
    mut positive: Vec<E>,
    mut negative: Vec<E>,
    from: From,
    order: impl Fn(E) -> O,
    weight: impl Fn(E) -> f64,
    score: impl Fn(O) -> f64,
    mut visit: impl FnMut(Tie),
) {
    for class in [&mut positive, &mut negative] {
        par::sort(class);
        if from == From::Highest {
            class.reverse();
        }
    }
    let first = |a: O, b: O| match from {
        From::Lowest => a.min(b),
        From::Highest => a.max(b),
    };
    let (mut positive, mut negative) = (positive.as_slice(), negative.as_slice());
    let take = |class: &mut &[E], at: O| {
        let count = class.iter().take_while(|&&entry| order(entry) == at).count();
        let (tied, rest) = class.split_at(count);
        *class = rest;
        let mut sum = Sum::default();
        for &entry in tied {
            sum.add(weight(entry));
        }
        sum.total()
    };
    loop {
        let at = match (positive.first(), negative.first()) {
            (Some(&a), Some(&b)) => first(order(a), order(b)),
            (Some(&only), None) | (None, Some(&only)) => order(only),
            (None, None) => break,
        };
        visit(Tie {
            score: score(at),
            positive: take(&mut positive, at),
            negative: take(&mut negative, at),
        });
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
            let weight = column(|row| row.2);
            let target: Vec<u8> = rows.iter().map(|row| row.0).collect();
            let score: Vec<f64> = column(|row| row.1).iter().map(|score| score / 4.0).collect();
            prop_assume!(weight.iter().sum::<f64>() > 0.0);
            let times = || weight.iter().map(|&times| times as usize);
            let many_target: Vec<u8> = target.iter().zip(times()).flat_map(|(&value, n)| vec![value; n]).collect();
            let many_score: Vec<f64> = score.iter().zip(times()).flat_map(|(&value, n)| vec![value; n]).collect();
            let weighted = Binary::new(&target, &score, Some(&weight)).unwrap();
            let repeated = Binary::new(&many_target, &many_score, None).unwrap();
            let same = |a: f64, b: f64| (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan());
            prop_assert!(same(weighted.roc_auc(), repeated.roc_auc()));
            prop_assert!(same(weighted.pr_auc(), repeated.pr_auc()));
            for bins in 1..4 {
                let (a, b) = (weighted.calibration_error(bins).unwrap(), repeated.calibration_error(bins).unwrap());
                prop_assert!(same(a, b));
            }
            let single: Vec<f32> = score.iter().map(|&score| score as f32).collect();
            let single = Binary::new(&target, &single, Some(&weight)).unwrap();
            prop_assert!(same(single.roc_auc(), weighted.roc_auc()));
            prop_assert!(same(single.calibration_error(3).unwrap(), weighted.calibration_error(3).unwrap()));
        }

        #[test]
        fn areas_do_not_depend_on_the_order_of_the_rows(
            rows in prop::collection::vec((0..2_u8, 0..5_u8, 0.1..4.0_f64), 1..40)
        ) {
            let found = |rows: &[(u8, u8, f64)]| {
                let target: Vec<u8> = rows.iter().map(|row| row.0).collect();
                let score: Vec<f32> = rows.iter().map(|row| f32::from(row.1)).collect();
                let weight: Vec<f64> = rows.iter().map(|row| row.2).collect();
                let rows = Binary::new(&target, &score, Some(&weight)).unwrap();
                (rows.roc_auc().to_bits(), rows.pr_auc().to_bits())
            };
            let reversed: Vec<_> = rows.iter().rev().copied().collect();
            prop_assert_eq!(found(&rows), found(&reversed));
        }
    }

    /// Probabilities .1 .2 | .6 .8 with classes 0 1 | 1 1: (|.15 - .5| + |.7 - 1|) / 2 = .325.
    #[test]
    fn calibration_by_hand() {
        let (target, score) = ([1, 0, 1, 1], [0.8, 0.1, 0.2, 0.6]);
        let rows = Binary::new(&target, &score, None).unwrap();
        assert!((rows.calibration_error(2).unwrap() - 0.325).abs() < 1e-15);
        assert!(rows.calibration_error(0).is_err());
    }

    #[test]
    fn nonsense_names_the_row() {
        let fails = |target: &[u8], score: &[f64], weight: Option<&[f64]>, words: &str| {
            let error = Binary::new(target, score, weight).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        fails(&[0, 2], &[0.1, 0.2], None, "found 2 in row 1");
        fails(&[0, 1], &[0.1, f64::NAN], None, "row 1");
        fails(&[0], &[0.1, 0.2], None, "each of the 1 targets");
        fails(&[0, 1], &[0.1, 0.2], Some(&[1.0, -1.0]), "found -1");
        fails(&[0, 1], &[0.1, 0.2], Some(&[0.0, 0.0]), "0 everywhere");
        assert!(Binary::new(&[1], &[0.3], None).unwrap().roc_auc().is_nan());
        let error = Binary::new(&[1], &[1.5_f32], None)
            .unwrap()
            .calibration_error(1)
            .unwrap_err();
        assert!(error.to_string().contains("found 1.5 in row 0"), "{error}");
    }
}
