//! Losses of single rows: their mean is the metric, their paired differences are its evidence.

use super::classification::probabilities;
use crate::{Error, Result};

/// A loss of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `|target - prediction|`; its mean is the MAE.
    Absolute,
    /// `(target - prediction)^2`; its mean is the MSE, and of probabilities the Brier score.
    Squared,
    /// `|target - prediction| / |target|`; its mean is the MAPE.
    AbsolutePercentage,
    /// `-ln(probability of the class)`, the probability kept `2^-52` away from 0 and 1.
    Log,
    /// `max(q (target - prediction), (q - 1) (target - prediction))`, for the quantile `q`.
    Quantile(f64),
}

/// The loss of each row.
///
/// # Errors
/// [`Error::Argument`] where the lengths differ or a value is not finite; where a target is 0
/// for the percentage; where a target is not 0 or 1, or a prediction not in [0, 1], for the log
/// loss; where a quantile is not in (0, 1).
///
/// ```
/// use ctcore::metrics::pointwise::{Loss, losses};
/// assert_eq!(losses(Loss::Squared, &[1.0, 2.0], &[1.5, 0.0])?, [0.25, 4.0]);
/// assert_eq!(losses(Loss::Quantile(0.75), &[1.0, 2.0], &[2.0, 1.0])?, [0.25, 0.75]);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn losses(loss: Loss, target: &[f64], prediction: &[f64]) -> Result<Vec<f64>> {
    if target.len() != prediction.len() {
        return Err(Error::argument(
            "prediction",
            format!(
                "must have a value for each of the {} targets, found {}",
                target.len(),
                prediction.len()
            ),
        ));
    }
    for (name, values) in [("target", target), ("prediction", prediction)] {
        refuse(name, values, "finite", |value| !value.is_finite())?;
    }
    match loss {
        Loss::AbsolutePercentage => refuse("target", target, "other than 0", |value| value == 0.0)?,
        Loss::Log => {
            refuse("target", target, "0 or 1", |value| value != 0.0 && value != 1.0)?;
            probabilities("prediction", prediction)?;
        }
        Loss::Quantile(q) if !(q > 0.0 && q < 1.0) => {
            let message = format!("must be above 0 and below 1, found {q}");
            return Err(Error::argument("quantile", message));
        }
        _ => {}
    }
    let rows = target.iter().zip(prediction).map(|(&t, &p)| (t, p));
    Ok(match loss {
        Loss::Absolute => rows.map(|(t, p)| (t - p).abs()).collect(),
        Loss::Squared => rows.map(|(t, p)| (t - p) * (t - p)).collect(),
        Loss::AbsolutePercentage => rows.map(|(t, p)| (t - p).abs() / t.abs()).collect(),
        Loss::Log => rows.map(|(t, p)| log_loss(t, p)).collect(),
        Loss::Quantile(q) => rows
            .map(|(t, p)| (q * (t - p)).max((q - 1.0) * (t - p)))
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

fn refuse(name: &'static str, values: &[f64], must: &str, bad: impl Fn(f64) -> bool) -> Result<()> {
    match values.iter().position(|&value| bad(value)) {
        None => Ok(()),
        Some(row) => Err(Error::argument(
            name,
            format!("must be {must}, found {} in row {row}", values[row]),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
