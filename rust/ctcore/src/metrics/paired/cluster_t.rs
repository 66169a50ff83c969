//! Student's t on the sums of clusters, inverted into an interval.
//!
//! With `E_c(g)` the sum of `e_i = a_i - g b_i` over cluster `c` of `G`, the statistic is
//! `t(g) = sum E / sqrt(G/(G-1) sum (E_c - mean E)^2)` with `G - 1` degrees of freedom: the
//! cluster-robust variance of Liang and Zeger (Biometrika 73, 1986) for a mean. The bounds are the
//! roots of `t(g) = quantile`, a quadratic in `g` (Fieller, JRSS B 16, 1954).

use super::{Interval, Pairs, Question, Total, factor};
use crate::num::sum;
use crate::special::{t_quantile, t_sf};

/// The interval of the gain by Student's t on clusters; unbounded with one cluster, where the data
/// cannot tell `sum b` from 0, and where clusters differ in nothing: they tell of no spread, and a gain
/// without one is no proof.
///
/// ```
/// use ctcore::metrics::paired::{Pairs, Question, cluster_t};
/// let pairs = Pairs::new(&[1.0, 2.0, 3.0], &[1.0; 3], None, &[0, 1, 2])?;
/// let interval = cluster_t::interval(&pairs, Question::new(0.0, 0.95)?);
/// // scipy.stats.t.interval(0.9, 2, 2, 1 / sqrt(3))
/// assert!((interval.lower - 0.314_145_539_153).abs() < 1e-9);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn interval(pairs: &Pairs, question: Question) -> Interval {
    let unknown = Interval::unknown(pairs.gain());
    let count = pairs.clusters();
    if count < 2 {
        return unknown;
    }
    let df = (count - 1) as f64;
    let (a, b) = (pairs.advantage, pairs.against);
    let (mean_a, mean_b) = (a / count as f64, b / count as f64);
    let spread = |of: fn(f64, f64) -> f64| {
        let apart = |total: &Total| of(total.advantage - mean_a, total.against - mean_b);
        factor(count) * sum(&pairs.totals, |total| apart(&total))
    };
    let (aa, ab, bb) = (spread(|x, _| x * x), spread(|x, y| x * y), spread(|_, y| y * y));
    let gain = pairs.gain();
    let around = aa - 2.0 * gain * ab + gain * gain * bb;
    if a != 0.0 && around <= (f64::EPSILON * a).powi(2) * count as f64 {
        return unknown;
    }
    // The tail of t(g): the p-value of "the gain is at most g".
    let at_most = |gain: f64| {
        let apart = a - gain * b;
        let deviation = (aa - 2.0 * gain * ab + gain * gain * bb).max(0.0).sqrt();
        if apart == 0.0 {
            0.5
        } else {
            t_sf(apart / deviation, df)
        }
    };
    let quantile = t_quantile(question.confidence, df);
    let square = quantile * quantile;
    let (lead, half, last) = (b * b - square * bb, a * b - square * ab, a * a - square * aa);
    let (lower, upper) = if lead > 0.0 {
        let root = (half * half - lead * last).max(0.0).sqrt();
        ((half - root) / lead, (half + root) / lead)
    } else {
        (f64::NEG_INFINITY, f64::INFINITY)
    };
    let not_better = at_most(0.0);
    Interval {
        lower,
        upper,
        p_value: at_most(question.margin),
        p_not_better: not_better,
        p_not_worse: 1.0 - not_better,
        ..unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Stream;

    fn pairs(days: usize) -> Pairs {
        let draw = |stream: u64, i: usize| Stream::new(8, stream).uniform(i as u64);
        let production: Vec<f64> = (0..70).map(|i| 0.5 + 0.4 * draw(0, i)).collect();
        let advantage: Vec<f64> = (0..70).map(|i| 0.03 + 0.3 * (draw(1, i) - 0.5)).collect();
        let cluster: Vec<usize> = (0..70).map(|i| i % days).collect();
        Pairs::new(&advantage, &production, None, &cluster).unwrap()
    }

    #[test]
    fn at_its_bounds_the_p_value_is_what_the_confidence_leaves() {
        let pairs = pairs(7);
        let bounds = interval(&pairs, Question::new(0.0, 0.95).unwrap());
        assert!(bounds.lower < bounds.gain && bounds.gain < bounds.upper);
        let p_at = |margin: f64| interval(&pairs, Question::new(margin, 0.95).unwrap()).p_value;
        assert!((p_at(bounds.lower) - 0.05).abs() < 1e-9);
        assert!((p_at(bounds.upper) - 0.95).abs() < 1e-9);
        assert!((p_at(0.0) - bounds.p_not_better).abs() < 1e-15);
    }

    #[test]
    fn one_cluster_proves_nothing_and_equal_models_are_equal() {
        let one = interval(&pairs(1), Question::new(0.0, 0.95).unwrap());
        assert_eq!(
            (one.lower, one.upper, one.p_value),
            (f64::NEG_INFINITY, f64::INFINITY, 1.0)
        );
        let same = Pairs::new(&[0.0; 4], &[0.5; 4], None, &[0, 1, 2, 3]).unwrap();
        let same = interval(&same, Question::new(0.0, 0.95).unwrap());
        assert_eq!((same.lower, same.upper, same.p_not_better), (0.0, 0.0, 0.5));
        for advantage in [1.0, 0.1] {
            let alike = Pairs::new(&[advantage; 3], &[0.7; 3], None, &[0, 1, 2]).unwrap();
            let alike = interval(&alike, Question::new(0.0, 0.95).unwrap());
            assert_eq!((alike.lower, alike.p_value), (f64::NEG_INFINITY, 1.0));
        }
    }
}
