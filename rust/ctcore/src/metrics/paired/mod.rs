//! How much better one model is than another on the same queries, with an interval.
//!
//! With `a_i` the advantage of the candidate on query `i` and `b_i` what it is measured against
//! (the production model's value there, or 1 for an absolute difference), the gain is
//! `sum a / sum b`, and "the gain is g" means that `e_i = a_i - g b_i` has mean 0: no ratio is
//! averaged, and no variance of a ratio is approximated (Fieller, 1954).
//!
//! Queries of one day share its weather and its crowd, so they are not independent; clusters such
//! as days are the unit that is resampled. Four intervals read the same sums: [`sign_flip`],
//! [`cluster_t`], [`bootstrap`], and [`delong`] for the area under the ROC curve.

use crate::num::sum;
use crate::{Error, Result};

pub mod bootstrap;
pub mod cluster_t;
pub mod delong;
pub mod sign_flip;

/// The gain of paired values and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// `sum a / sum b` over all units.
    pub gain: f64,
    /// The one-sided lower bound at the confidence; -inf where nothing can be said.
    pub lower: f64,
    /// The one-sided upper bound at the confidence; +inf where nothing can be said.
    pub upper: f64,
    /// The one-sided p-value of "the gain is at most the margin".
    pub p_value: f64,
    /// The one-sided p-value of "the gain is at most 0".
    pub p_not_better: f64,
    /// The one-sided p-value of "the gain is at least 0".
    pub p_not_worse: f64,
    /// Resampled gains that make the interval; 0 where it comes from a formula.
    pub resamples: usize,
    /// Whether these are all there are.
    pub exact: bool,
}

impl Interval {
    /// Nothing can be said of a gain but itself.
    fn unknown(gain: f64) -> Self {
        Self {
            gain,
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            p_value: 1.0,
            p_not_better: 1.0,
            p_not_worse: 1.0,
            resamples: 0,
            exact: false,
        }
    }
}

/// What is asked of the gain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    margin: f64,
    confidence: f64,
}

impl Question {
    /// A gain to prove and the confidence of each one-sided bound.
    ///
    /// # Errors
    /// [`Error::Argument`] where the margin is not finite or the confidence not in `[0.5, 1)`.
    pub fn new(margin: f64, confidence: f64) -> Result<Self> {
        if !margin.is_finite() {
            return Err(Error::argument(
                "margin",
                format!("must be finite, found {margin}"),
            ));
        }
        if !(0.5..1.0).contains(&confidence) {
            return Err(Error::argument(
                "confidence",
                format!("must be at least 0.5 and below 1, found {confidence}"),
            ));
        }
        Ok(Self { margin, confidence })
    }

    /// Reads the answer off resampled gains: the bounds are their order statistics, and
    /// `p = (1 + b) / (1 + B)` counts the `b` of `B` on the wrong side.
    fn read(&self, gain: f64, mut gains: Vec<f64>, exact: bool) -> Interval {
        gains.sort_unstable_by(f64::total_cmp);
        let of = (gains.len() + 1) as f64;
        // So many of the gaps between them may be cut off on each side.
        let cut = ((1.0 - self.confidence) * of + 1e-9).floor() as usize;
        let (lower, upper) = if cut == 0 {
            (f64::NEG_INFINITY, f64::INFINITY)
        } else {
            (gains[cut - 1], gains[gains.len() - cut])
        };
        let at_most = |value: f64| gains.partition_point(|&gain| gain <= value);
        let at_least = gains.len() - gains.partition_point(|&gain| gain < 0.0);
        Interval {
            gain,
            lower,
            upper,
            p_value: (1 + at_most(self.margin)) as f64 / of,
            p_not_better: (1 + at_most(0.0)) as f64 / of,
            p_not_worse: (1 + at_least) as f64 / of,
            resamples: gains.len(),
            exact,
        }
    }
}

/// Paired values, summed by cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    totals: Vec<Total>,
    advantage: f64,
    against: f64,
    /// Units (queries or rows) that weigh something.
    pub units: usize,
    /// Kish's effective number of units, `(sum w)^2 / sum w^2`: equal weights leave it at `units`.
    pub effective: f64,
    /// How much larger the variance of the gain is than if units were independent; 1 where no unit
    /// differs, or where each is its own cluster.
    pub design_effect: f64,
}

impl Pairs {
    /// Sums the values of each cluster. `cluster[i]` is the cluster of unit `i`, from 0; all units
    /// weigh the same without `weight`.
    ///
    /// # Errors
    /// [`Error::Argument`] where there is no unit, a value is not finite, `against` is negative or
    /// 0 everywhere, a weight is negative, or the lengths differ.
    ///
    /// ```
    /// use ctcore::metrics::paired::Pairs;
    /// let pairs = Pairs::new(&[0.1, 0.3], &[0.5, 0.5], Some(&[1.0, 3.0]), &[0, 1])?;
    /// assert!((pairs.gain() - 0.5).abs() < 1e-15);
    /// assert_eq!((pairs.clusters(), pairs.effective), (2, 1.6));
    /// # Ok::<(), ctcore::Error>(())
    /// ```
    pub fn new(
        advantage: &[f64],
        against: &[f64],
        weight: Option<&[f64]>,
        cluster: &[usize],
    ) -> Result<Self> {
        let units = check(advantage, against, weight, cluster)?;
        let weight = |unit: usize| weight.map_or(1.0, |weight| weight[unit]);
        let mut totals = vec![Total::default(); cluster.iter().max().map_or(0, |last| last + 1)];
        let mut weighed = Vec::with_capacity(units);
        for unit in (0..units).filter(|&unit| weight(unit) > 0.0) {
            let w = weight(unit);
            let pair = Total {
                advantage: w * advantage[unit],
                against: w * against[unit],
                units: 1,
            };
            totals[cluster[unit]].add(&pair);
            weighed.push((pair, w));
        }
        totals.retain(|total| total.units > 0);
        let (total, squares) = (sum(&weighed, |(_, w)| w), sum(&weighed, |(_, w)| w * w));
        let mut pairs = Self {
            totals,
            advantage: sum(&weighed, |(pair, _)| pair.advantage),
            against: sum(&weighed, |(pair, _)| pair.against),
            units: weighed.len(),
            effective: total * total / squares,
            design_effect: 1.0,
        };
        if pairs.against <= 0.0 {
            return Err(Error::argument(
                "against",
                "a gain is a share of production's metric, which is 0 on every query; ask for an absolute margin",
            ));
        }
        let gain = pairs.gain();
        let alone = sum(&weighed, |(pair, _)| pair.apart(gain).powi(2)) * factor(weighed.len());
        let together = sum(&pairs.totals, |total| total.apart(gain).powi(2)) * factor(pairs.totals.len());
        if alone > 0.0 && together.is_finite() {
            pairs.design_effect = together / alone;
        }
        Ok(pairs)
    }

    /// `sum a / sum b`.
    pub fn gain(&self) -> f64 {
        self.advantage / self.against
    }

    /// Clusters that hold a unit.
    pub fn clusters(&self) -> usize {
        self.totals.len()
    }
}

/// `n / (n - 1)`: for a sum of `n` independent parts, the variance from their squares.
fn factor(n: usize) -> f64 {
    n as f64 / (n as f64 - 1.0)
}

/// The sums of one unit, one cluster, or several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Total {
    advantage: f64,
    against: f64,
    units: u64,
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.advantage += other.advantage;
        self.against += other.against;
        self.units += other.units;
    }

    /// `a - g b`.
    fn apart(&self, gain: f64) -> f64 {
        self.advantage - gain * self.against
    }

    /// The largest gain that these sums do not refute. Where there is nothing to measure against,
    /// an advantage refutes none and no advantage refutes all.
    fn gain(&self) -> f64 {
        if self.against > 0.0 {
            self.advantage / self.against
        } else if self.advantage > 0.0 {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        }
    }
}

fn check(advantage: &[f64], against: &[f64], weight: Option<&[f64]>, cluster: &[usize]) -> Result<usize> {
    let units = advantage.len();
    let wrong = |name, message: String| Err(Error::argument(name, message));
    if units == 0 {
        return wrong(
            "advantage",
            "there is nothing to compare: no query is left".to_owned(),
        );
    }
    for (name, length) in [
        ("against", against.len()),
        ("cluster", cluster.len()),
        ("weight", weight.map_or(units, <[f64]>::len)),
    ] {
        if length != units {
            return wrong(
                name,
                format!("must have a value for each of the {units} units, found {length}"),
            );
        }
    }
    if let Some(value) = advantage.iter().find(|value| !value.is_finite()) {
        return wrong("advantage", format!("must be finite, found {value}"));
    }
    if let Some(value) = against
        .iter()
        .find(|value| !(value.is_finite() && **value >= 0.0))
    {
        let message =
            format!("a gain is a share of production's metric, which must not be negative, found {value}");
        return wrong("against", message);
    }
    if let Some(value) = weight
        .unwrap_or_default()
        .iter()
        .find(|w| !(w.is_finite() && **w >= 0.0))
    {
        return wrong("weight", format!("must be finite and at least 0, found {value}"));
    }
    if weight.is_some_and(|weight| weight.iter().all(|&w| w == 0.0)) {
        return wrong("weight", "must not be 0 everywhere".to_owned());
    }
    if cluster.iter().any(|&index| index >= units) {
        return wrong(
            "cluster",
            "clusters must be numbered from 0 without gaps".to_owned(),
        );
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Stream;

    #[test]
    fn nonsense_is_an_error() {
        let of = |a: &[f64], b: &[f64], w: Option<&[f64]>, c: &[usize]| Pairs::new(a, b, w, c).is_err();
        assert!(of(&[], &[], None, &[]));
        assert!(of(&[1.0], &[1.0], None, &[0, 0]));
        assert!(of(&[1.0], &[1.0, 1.0], None, &[0]));
        assert!(of(&[f64::NAN], &[1.0], None, &[0]));
        assert!(of(&[1.0], &[1.0], None, &[usize::MAX]));
        assert!(of(&[1.0], &[0.0], None, &[0]));
        assert!(of(&[1.0], &[-1.0], None, &[0]));
        assert!(of(&[1.0], &[1.0], Some(&[0.0]), &[0]));
        assert!(of(&[1.0], &[1.0], Some(&[-1.0]), &[0]));
        assert!(of(&[1.0], &[1.0], Some(&[1.0, 1.0]), &[0]));
        assert!(!of(&[1.0], &[1.0], Some(&[1.0]), &[0]));
        assert!(Question::new(0.0, 1.0).is_err() && Question::new(f64::NAN, 0.9).is_err());
    }

    /// Weights are frequencies here: a unit of weight 2 is the unit twice, and scaling is nothing.
    #[test]
    fn weights_count_units_and_scale_away() {
        let draw = |stream: u64| {
            (0..40)
                .map(move |i| Stream::new(3, stream).uniform(i))
                .collect::<Vec<_>>()
        };
        let (a, b) = (draw(0), draw(1));
        let days: Vec<usize> = (0..40).map(|i| i / 5).collect();
        let weight: Vec<f64> = (0..40).map(|i| f64::from(i % 3)).collect();
        let weighed = Pairs::new(&a, &b, Some(&weight), &days).unwrap();
        let rows: Vec<usize> = (0..40).flat_map(|i| vec![i; weight[i] as usize]).collect();
        let pick = |values: &[f64]| rows.iter().map(|&i| values[i]).collect::<Vec<_>>();
        let repeated_days: Vec<usize> = rows.iter().map(|&i| days[i]).collect();
        let repeated = Pairs::new(&pick(&a), &pick(&b), None, &repeated_days).unwrap();
        let halved: Vec<f64> = weight.iter().map(|w| w / 2.0).collect();
        let scaled = Pairs::new(&a, &b, Some(&halved), &days).unwrap();
        let question = Question::new(0.0, 0.9).unwrap();
        let [one, two, three] =
            [&weighed, &repeated, &scaled].map(|pairs| cluster_t::interval(pairs, question));
        assert!((one.lower - two.lower).abs() < 1e-12 && (one.lower - three.lower).abs() < 1e-12);
        assert!(weighed.units == 26 && weighed.effective < 26.0 && scaled.effective == weighed.effective);
    }

    #[test]
    fn the_design_effect_is_that_of_repeated_units() {
        let alone: Vec<f64> = (0..50).map(|i| Stream::new(4, 0).uniform(i)).collect();
        let fourfold: Vec<f64> = alone.iter().flat_map(|&x| [x; 4]).collect();
        let cluster: Vec<usize> = (0..200).map(|i| i / 4).collect();
        let pairs = Pairs::new(&fourfold, &[1.0; 200], None, &cluster).unwrap();
        let expected = 4.0 * factor(50) / factor(200);
        assert!(
            (pairs.design_effect - expected).abs() < 1e-12,
            "{}",
            pairs.design_effect
        );
    }
}
