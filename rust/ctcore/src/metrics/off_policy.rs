//! What a policy would earn, from a log of another policy with propensities.

use crate::num::sum;
use crate::{Error, Result};

/// Estimates of the mean reward of the target policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OffPolicy {
    /// Inverse propensity score: `mean(w r)`, `w = target / logged`; unbiased, of high variance.
    pub ips: f64,
    /// Self-normalised: `sum(w r) / sum(w)`; within the range of the rewards. NaN where all `w` are 0.
    pub snips: f64,
    /// `mean(min(w, clip) r)`: less variance, biased towards 0 for rewards above 0.
    pub clipped: f64,
    /// Kish's effective sample size of the weights, `sum(w)^2 / sum(w^2)`. NaN where all are 0.
    pub effective_sample_size: f64,
    /// Rows whose weight was clipped.
    pub n_clipped: u64,
}

/// Estimates from rewards and from the probabilities with which each row's action was chosen by the
/// policy that logged it, and would be by the target policy.
///
/// # Errors
/// [`Error::Argument`] where lengths differ or there is no row; for a reward that is not finite, a
/// logged propensity outside (0, 1], a target propensity outside [0, 1], a clip that is not above 0.
///
/// ```
/// use ctcore::metrics::off_policy::off_policy;
/// let found = off_policy(&[1.0, 0.0], &[0.25, 0.5], &[0.5, 0.5], 1.5)?;
/// assert_eq!((found.ips, found.snips, found.clipped), (1.0, 2.0 / 3.0, 0.75));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn off_policy(reward: &[f64], logged: &[f64], target: &[f64], clip: f64) -> Result<OffPolicy> {
    let rows = reward.len();
    if rows == 0 || logged.len() != rows || target.len() != rows {
        let message = format!(
            "reward, propensity and target must have the same number of rows, at least 1; found {rows}, {} and {}",
            logged.len(),
            target.len()
        );
        return Err(Error::argument("propensity", message));
    }
    if clip.is_nan() || clip <= 0.0 {
        return Err(Error::argument("clip", format!("must be above 0, found {clip}")));
    }
    let refuse = |name, values: &[f64], must: &str, bad: fn(f64) -> bool| match values
        .iter()
        .position(|&value| bad(value))
    {
        None => Ok(()),
        Some(row) => {
            let message = format!("must be {must}, found {} in row {row}", values[row]);
            Err(Error::argument(name, message))
        }
    };
    refuse("reward", reward, "finite", |x| !x.is_finite())?;
    refuse("propensity", logged, "above 0 and at most 1", |x| {
        !(x > 0.0 && x <= 1.0)
    })?;
    refuse("target", target, "in [0, 1]", |x| !(0.0..=1.0).contains(&x))?;
    let weighted: Vec<(f64, f64)> = logged
        .iter()
        .zip(target)
        .zip(reward)
        .map(|((logged, target), &reward)| (target / logged, reward))
        .collect();
    let total = sum(&weighted, |(weight, _)| weight);
    let earned = sum(&weighted, |(weight, reward)| weight * reward);
    Ok(OffPolicy {
        ips: earned / rows as f64,
        snips: earned / total,
        clipped: sum(&weighted, |(weight, reward)| weight.min(clip) * reward) / rows as f64,
        effective_sample_size: total * total / sum(&weighted, |(weight, _)| weight * weight),
        n_clipped: weighted.iter().filter(|(weight, _)| *weight > clip).count() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Stream;

    /// A logging policy that shows action 1 in a tenth of the rows, where it earns 1; action 0
    /// earns 0. The target always shows action 1, so it earns 1.
    #[test]
    fn the_truth_is_recovered() {
        let stream = Stream::new(5, 0);
        let chosen: Vec<bool> = (0..200_000).map(|row| stream.uniform(row) < 0.1).collect();
        let pick = |yes: f64, no: f64| {
            chosen
                .iter()
                .map(|&one| if one { yes } else { no })
                .collect::<Vec<_>>()
        };
        let (reward, logged, target) = (pick(1.0, 0.0), pick(0.1, 0.9), pick(1.0, 0.0));
        let found = off_policy(&reward, &logged, &target, 5.0).unwrap();
        assert!((found.ips - 1.0).abs() < 0.03, "{found:?}");
        assert!((found.snips - 1.0).abs() < 1e-12);
        assert!((found.clipped - 0.5).abs() < 0.02);
        let shown = chosen.iter().filter(|&&one| one).count();
        assert!((found.effective_sample_size - shown as f64).abs() < 1e-6);
        assert_eq!(found.n_clipped, shown as u64);
    }

    #[test]
    fn nonsense_names_the_row() {
        let fails = |reward: &[f64], logged: &[f64], target: &[f64], clip: f64, words: &str| {
            let error = off_policy(reward, logged, target, clip).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        fails(
            &[1.0, 1.0],
            &[0.5, 0.0],
            &[0.5, 0.5],
            1.0,
            "propensity: must be above 0 and at most 1, found 0 in row 1",
        );
        fails(&[f64::NAN], &[0.5], &[0.5], 1.0, "reward");
        fails(&[1.0], &[0.5], &[1.5], 1.0, "target: must be in [0, 1]");
        fails(&[1.0], &[0.5], &[0.5], 0.0, "clip");
        fails(&[], &[], &[], 1.0, "at least 1");
    }
}
