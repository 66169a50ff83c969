//! Losses of single rows: their mean is the metric, their paired differences are its evidence.

use crate::{Error, Result};

/// A loss of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// `|target - prediction|`; its mean is the MAE.
    Absolute,
    /// `(target - prediction)^2`; its mean is the MSE.
    Squared,
}

/// The loss of each row.
///
/// # Errors
/// [`Error::Argument`] where the lengths differ or a value is not finite.
///
/// ```
/// use ctcore::metrics::pointwise::{Loss, losses};
/// assert_eq!(losses(Loss::Squared, &[1.0, 2.0], &[1.5, 0.0])?, [0.25, 4.0]);
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
        if let Some((row, value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Error::argument(
                name,
                format!("must be finite, found {value} in row {row}"),
            ));
        }
    }
    let apart = target.iter().zip(prediction).map(|(t, p)| t - p);
    Ok(match loss {
        Loss::Absolute => apart.map(f64::abs).collect(),
        Loss::Squared => apart.map(|d| d * d).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_finite_is_named() {
        let error = losses(Loss::Absolute, &[1.0, 2.0], &[1.0, f64::NAN]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("prediction: must be finite, found NaN in row 1")
        );
        assert!(losses(Loss::Absolute, &[1.0], &[]).is_err());
        assert_eq!(losses(Loss::Absolute, &[1.0], &[3.5]).unwrap(), [2.5]);
    }
}
