//! Losses of single rows: their mean is the metric, their paired differences are its evidence.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array};

use crate::column::as_f64;
use crate::num::{CHUNK, Sum, WeightedMean};
use crate::{Error, Result, par};

/// A loss of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `|target - prediction|`; its mean is the MAE.
    Absolute,
    /// `(target - prediction)^2`; its mean is the MSE.
    Squared,
    /// `(class - probability)^2`; its mean is the Brier score.
    Brier,
    /// `|target - prediction| / |target|`; its mean is the MAPE.
    AbsolutePercentage,
    /// `-ln(probability of the class)`, the probability kept `2^-52` away from 0 and 1.
    Log,
    /// `max(q (target - prediction), (q - 1) (target - prediction))`, for the quantile `q`.
    Quantile(f64),
    /// No loss but a gain: 1 where "positive from the threshold on" is right, else 0; its mean is the accuracy.
    Correct(f64),
}

/// Columns of targets, predictions and perhaps weights, which are read as `f64` a chunk at a time: whatever their
/// type, no whole column is copied.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    target: &'a ArrayRef,
    prediction: &'a ArrayRef,
    weight: Option<&'a ArrayRef>,
}

/// Some rows of [`Rows`].
struct Chunk<'a> {
    /// The number of the first of them.
    first: usize,
    target: &'a [f64],
    prediction: &'a [f64],
    weight: Option<&'a [f64]>,
}

impl<'a> Rows<'a> {
    /// Columns of numbers without nulls.
    ///
    /// # Errors
    /// [`Error::Argument`] where the lengths differ.
    pub fn new(target: &'a ArrayRef, prediction: &'a ArrayRef, weight: Option<&'a ArrayRef>) -> Result<Self> {
        same_length(target.len(), "prediction", prediction.len())?;
        if let Some(weight) = weight {
            same_length(target.len(), "weight", weight.len())?;
        }
        Ok(Self {
            target,
            prediction,
            weight,
        })
    }

    /// What `of_chunk` gives for each chunk of rows, in their order.
    fn chunks<T: Send>(&self, of_chunk: impl Fn(Chunk<'_>) -> Result<T> + Sync + Send) -> Result<Vec<T>> {
        let chunks = par::map(self.target.len().div_ceil(CHUNK), |chunk| {
            let first = chunk * CHUNK;
            let rows = CHUNK.min(self.target.len() - first);
            let read = |name: &str, column: &ArrayRef| -> Result<Float64Array> {
                let floats = as_f64(name, &column.slice(first, rows))?;
                Ok(floats.as_primitive::<Float64Type>().clone())
            };
            let target = read("target", self.target)?;
            let prediction = read("prediction", self.prediction)?;
            let weight = self.weight.map(|weight| read("weight", weight)).transpose()?;
            let weight = weight.as_ref().map(|weight| weight.values().as_ref());
            if let Some(weight) = weight {
                let bad = |weight: f64| !(weight.is_finite() && weight >= 0.0);
                refuse("weight", weight, first, "finite and at least 0", bad)?;
            }
            of_chunk(Chunk {
                first,
                target: target.values(),
                prediction: prediction.values(),
                weight,
            })
        });
        chunks.into_iter().collect()
    }

    /// The mean of a value of each row, weighted where weights are given; NaN without rows.
    fn mean(&self, values: impl Fn(&Chunk<'_>) -> Result<Vec<f64>> + Sync + Send) -> Result<f64> {
        let parts = self.chunks(|chunk| {
            let mut mean = WeightedMean::default();
            mean.add(&values(&chunk)?, chunk.weight);
            Ok(mean)
        })?;
        let mut whole = WeightedMean::default();
        for part in &parts {
            whole.merge(part);
        }
        whole.mean()
    }

    /// The mean of a loss; NaN without rows.
    ///
    /// # Errors
    /// Those of [`losses`]; [`Error::Argument`] where a weight is negative or not finite, or all are 0.
    pub fn mean_loss(&self, loss: Loss) -> Result<f64> {
        self.mean(|chunk| of_rows(loss, chunk.first, chunk.target, chunk.prediction))
    }

    /// The coefficient of determination: 1 minus the squared error over that of the targets' own mean; NaN where all
    /// targets are equal.
    ///
    /// # Errors
    /// As for [`Rows::mean_loss`].
    pub fn r2(&self) -> Result<f64> {
        let error = self.mean_loss(Loss::Squared)?;
        let mean = self.mean(|chunk| Ok(chunk.target.to_vec()))?;
        let own = self.mean(|chunk| Ok(chunk.target.iter().map(|t| (t - mean) * (t - mean)).collect()))?;
        Ok(if own > 0.0 { 1.0 - error / own } else { f64::NAN })
    }

    /// The confusion matrix of the prediction "positive from `threshold` on".
    ///
    /// # Errors
    /// [`Error::Argument`] where a target is not 0 or 1, a prediction is NaN, a weight is negative or not finite.
    pub fn confusion(&self, threshold: f64) -> Result<Confusion> {
        let parts = self.chunks(|chunk| {
            classes(chunk.target, chunk.first)?;
            refuse(
                "prediction",
                chunk.prediction,
                chunk.first,
                "a number",
                f64::is_nan,
            )?;
            let mut cells = [Sum::default(); 4];
            for (row, (&class, &score)) in chunk.target.iter().zip(chunk.prediction).enumerate() {
                let cell = usize::from(class == 1.0) + 2 * usize::from(score >= threshold);
                cells[cell].add(chunk.weight.map_or(1.0, |weight| weight[row]));
            }
            Ok(cells)
        })?;
        let mut cells = [Sum::default(); 4];
        for part in &parts {
            cells
                .iter_mut()
                .zip(part)
                .for_each(|(cell, part)| cell.merge(part));
        }
        if !self.target.is_empty() && cells.iter().all(|cell| cell.total() == 0.0) {
            return Err(Error::argument("weight", "must not be 0 everywhere"));
        }
        let [true_negative, false_negative, false_positive, true_positive] = cells.map(|cell| cell.total());
        Ok(Confusion {
            true_positive,
            false_positive,
            false_negative,
            true_negative,
        })
    }
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

/// The loss of each row.
///
/// # Errors
/// [`Error::Argument`] where the lengths differ or a value is not finite; where a target is 0 for the percentage;
/// where a target is not 0 or 1 for what is measured on classes, or a prediction not in [0, 1] for what is measured
/// on probabilities; where a quantile is not in (0, 1).
///
/// ```
/// use ctcore::metrics::pointwise::{Loss, losses};
/// assert_eq!(losses(Loss::Squared, &[1.0, 2.0], &[1.5, 0.0])?, [0.25, 4.0]);
/// assert_eq!(losses(Loss::Quantile(0.75), &[1.0, 2.0], &[2.0, 1.0])?, [0.25, 0.75]);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn losses(loss: Loss, target: &[f64], prediction: &[f64]) -> Result<Vec<f64>> {
    same_length(target.len(), "prediction", prediction.len())?;
    of_rows(loss, 0, target, prediction)
}

/// The losses of rows that are numbered from `first`.
fn of_rows(loss: Loss, first: usize, target: &[f64], prediction: &[f64]) -> Result<Vec<f64>> {
    for (name, values) in [("target", target), ("prediction", prediction)] {
        refuse(name, values, first, "finite", |value| !value.is_finite())?;
    }
    match loss {
        Loss::AbsolutePercentage => refuse("target", target, first, "other than 0", |value| value == 0.0)?,
        Loss::Log | Loss::Brier => {
            classes(target, first)?;
            probabilities("prediction", prediction, first)?;
        }
        Loss::Correct(_) => classes(target, first)?,
        Loss::Quantile(q) if !(q > 0.0 && q < 1.0) => {
            let message = format!("must be above 0 and below 1, found {q}");
            return Err(Error::argument("quantile", message));
        }
        Loss::Quantile(_) | Loss::Absolute | Loss::Squared => {}
    }
    let rows = target.iter().zip(prediction).map(|(&t, &p)| (t, p));
    Ok(match loss {
        Loss::Absolute => rows.map(|(t, p)| (t - p).abs()).collect(),
        Loss::Squared | Loss::Brier => rows.map(|(t, p)| (t - p) * (t - p)).collect(),
        Loss::AbsolutePercentage => rows.map(|(t, p)| (t - p).abs() / t.abs()).collect(),
        Loss::Log => rows.map(|(t, p)| log_loss(t, p)).collect(),
        Loss::Quantile(q) => rows
            .map(|(t, p)| (q * (t - p)).max((q - 1.0) * (t - p)))
            .collect(),
        Loss::Correct(threshold) => rows
            .map(|(t, p)| f64::from(u8::from((p >= threshold) == (t == 1.0))))
            .collect(),
    })
}

fn log_loss(target: f64, probability: f64) -> f64 {
    let probability = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    if target == 1.0 {
        -probability.ln()
    } else {
        -(1.0 - probability).ln()
    }
}

fn same_length(targets: usize, name: &'static str, found: usize) -> Result<()> {
    if found == targets {
        return Ok(());
    }
    let message = format!("must have a value for each of the {targets} targets, found {found}");
    Err(Error::argument(name, message))
}

fn classes(target: &[f64], first: usize) -> Result<()> {
    refuse("target", target, first, "0 or 1", |value| {
        value != 0.0 && value != 1.0
    })
}

/// # Errors
/// [`Error::Argument`] for a value outside [0, 1], of rows that are numbered from `first`.
fn probabilities(name: &'static str, values: &[f64], first: usize) -> Result<()> {
    refuse(name, values, first, "a probability in [0, 1]", |value| {
        !(0.0..=1.0).contains(&value)
    })
}

fn refuse(
    name: &'static str,
    values: &[f64],
    first: usize,
    must: &str,
    bad: impl Fn(f64) -> bool,
) -> Result<()> {
    match values.iter().position(|&value| bad(value)) {
        None => Ok(()),
        Some(row) => Err(Error::argument(
            name,
            format!("must be {must}, found {} in row {}", values[row], first + row),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::PrimitiveArray;
    use arrow_array::types::{Float32Type, Int32Type, UInt8Type};

    use super::*;
    use crate::num::weighted_mean;

    #[test]
    fn a_value_that_cannot_be_used_is_named() {
        let fails = |loss, target: &[f64], prediction: &[f64], words: &str| {
            let error = losses(loss, target, prediction).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let nan = "prediction: must be finite, found NaN in row 1";
        fails(Loss::Absolute, &[1.0, 2.0], &[1.0, f64::NAN], nan);
        fails(Loss::Absolute, &[1.0], &[], "each of the 1 targets");
        fails(
            Loss::AbsolutePercentage,
            &[0.0],
            &[1.0],
            "target: must be other than 0",
        );
        fails(Loss::Log, &[0.5], &[0.5], "target: must be 0 or 1, found 0.5");
        fails(Loss::Log, &[1.0], &[1.5], "found 1.5 in row 0");
        fails(Loss::Quantile(1.0), &[1.0], &[1.5], "quantile");
        assert_eq!(losses(Loss::Absolute, &[1.0], &[3.5]).unwrap(), [2.5]);
        assert_eq!(losses(Loss::Log, &[1.0], &[0.0]).unwrap(), [-f64::EPSILON.ln()]);
        assert_eq!(
            losses(Loss::Correct(0.5), &[1.0, 0.0], &[0.5, 0.5]).unwrap(),
            [1.0, 0.0]
        );
    }

    fn column<T: arrow_array::ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter_values(values))
    }

    #[test]
    fn columns_of_any_type_are_read_by_chunks_and_rows_are_numbered_through() {
        let rows = CHUNK + 3;
        let target = column::<UInt8Type>((0..rows).map(|row| (row % 2) as u8).collect());
        let prediction = column::<Float32Type>((0..rows).map(|row| (row % 4) as f32 / 4.0).collect());
        let weight = column::<Int32Type>((0..rows).map(|row| (row % 3) as i32).collect());
        let floats = |column: &ArrayRef| {
            as_f64("", column)
                .unwrap()
                .as_primitive::<Float64Type>()
                .values()
                .to_vec()
        };
        let (t, p, w) = (floats(&target), floats(&prediction), floats(&weight));
        let each = losses(Loss::Squared, &t, &p).unwrap();
        let plain = Rows::new(&target, &prediction, None).unwrap();
        let weighted = Rows::new(&target, &prediction, Some(&weight)).unwrap();
        assert_eq!(
            plain.mean_loss(Loss::Squared).unwrap(),
            weighted_mean(&each, None).unwrap()
        );
        let close = |a: f64, b: f64| (a - b).abs() < 1e-15;
        assert!(close(
            weighted.mean_loss(Loss::Brier).unwrap(),
            weighted_mean(&each, Some(&w)).unwrap()
        ));
        let found = plain.confusion(0.5).unwrap();
        let right = found.true_positive + found.true_negative;
        assert!(close(
            right / rows as f64,
            plain.mean_loss(Loss::Correct(0.5)).unwrap()
        ));

        let mut values = p.clone();
        values[CHUNK + 1] = f64::NAN;
        let nan = column::<Float64Type>(values);
        let error = Rows::new(&target, &nan, None)
            .unwrap()
            .mean_loss(Loss::Absolute)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("found NaN in row {}", CHUNK + 1)),
            "{error}"
        );
        assert!(Rows::new(&target, &prediction, Some(&column::<Float64Type>(vec![1.0]))).is_err());
    }

    /// Targets 1 2 3 lie 2 apart (squared, in all) from their mean, predictions 1 2 2 lie 1 from them.
    #[test]
    fn determination_by_hand() {
        let target = column::<Float64Type>(vec![1.0, 2.0, 3.0]);
        let r2 = |prediction, weight: Option<&ArrayRef>| {
            Rows::new(&target, &column::<Float64Type>(prediction), weight)
                .unwrap()
                .r2()
                .unwrap()
        };
        assert_eq!(r2(vec![1.0, 2.0, 2.0], None), 0.5);
        assert_eq!(r2(vec![2.0, 2.0, 2.0], None), 0.0);
        assert!(
            r2(
                vec![1.0, 2.0, 2.0],
                Some(&column::<Float64Type>(vec![0.0, 1.0, 0.0]))
            )
            .is_nan()
        );
    }
}
