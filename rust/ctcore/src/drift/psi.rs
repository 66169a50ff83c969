//! The population stability index.

use super::against::{Against, Effect};
use super::between::Counts;
use super::bounds::Bounds;
use super::cells::{Inversion, Smoothing, Term, shares};
use crate::Result;

/// The population stability index of two counts of the same cells, in nats:
///
/// `PSI = sum_i (q_i - p_i) ln(q_i / p_i)`
///
/// with `p` the shares of the reference and `q` those of the current data: the symmetrised
/// Kullback-Leibler divergence (Jeffreys, 1946). It lies in `[0, inf]`, is 0 for equal shares and
/// does not change when the two sides are swapped. Without smoothing, a cell that is empty on one
/// side only makes it infinite, and a cell that is empty on both adds nothing.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::{cells::Smoothing, psi::psi};
/// let effect = psi(&[50, 50], &[80, 20], Smoothing::None)?;
/// assert!((effect.statistic - 0.3 * 4.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn psi(reference: &[u64], current: &[u64], smoothing: Smoothing) -> Result<Effect> {
    let statistic = plug_in(reference, current, smoothing)?;
    Ok(Inversion::new(reference, current, term)?.interval(statistic))
}

/// The index, smoothed, against a tolerance.
///
/// # Errors
/// As [`psi`].
pub fn against(reference: &[u64], current: &[u64], tolerance: f64) -> Result<Against> {
    let statistic = plug_in(reference, current, Smoothing::Jeffreys)?;
    Ok(Inversion::new(reference, current, term)?.against(statistic, tolerance))
}

/// The index, smoothed, against a tolerance where the reference's counts are known between bounds, and its own bounds.
///
/// # Errors
/// As [`psi`].
pub fn between(reference: &Counts, current: &[u64], tolerance: f64) -> Result<(Against, Bounds)> {
    let sum = reference.extremes(current, Smoothing::Jeffreys, |p, q| term(p, q).value);
    sum.against(current, tolerance, against, |sum| sum)
}

fn plug_in(reference: &[u64], current: &[u64], smoothing: Smoothing) -> Result<f64> {
    let (p, q) = shares(reference, current, smoothing)?;
    let each = p.iter().zip(&q).filter(|&(p, q)| p != q);
    // Without any term a sum of floats is -0.
    Ok(each.map(|(p, q)| (q - p) * (q / p).ln()).sum::<f64>() + 0.0)
}

fn term(p: f64, q: f64) -> Term {
    let log = (p / q).ln();
    Term {
        value: (p - q) * log,
        by_p: log + 1.0 - q / p,
        by_q: 1.0 - log - p / q,
        by_pp: 1.0 / p + q / (p * p),
        by_pq: -1.0 / p - 1.0 / q,
        by_qq: 1.0 / q + p / (q * q),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By hand: p = (.5, .3, .2), q = (.4, .4, .2):
    /// -.1 ln(.8) + .1 ln(4/3) + 0 = .02231435513142098 + .02876820724517809.
    #[test]
    fn the_golden_vector() {
        let effect = psi(&[5, 3, 2], &[4, 4, 2], Smoothing::None).unwrap();
        assert!((effect.statistic - 0.051_082_562_376_599_07).abs() < 1e-15);
    }

    #[test]
    fn an_empty_cell_is_infinite_unless_smoothed() {
        assert_eq!(
            psi(&[10, 0], &[5, 5], Smoothing::None).unwrap().statistic,
            f64::INFINITY
        );
        assert!(
            psi(&[10, 0], &[5, 5], Smoothing::Jeffreys)
                .unwrap()
                .statistic
                .is_finite()
        );
        assert_eq!(psi(&[10, 0], &[5, 0], Smoothing::None).unwrap().statistic, 0.0);
    }

    #[test]
    fn nothing_to_compare_is_an_error() {
        assert!(psi(&[0, 0], &[1, 1], Smoothing::Jeffreys).is_err());
        assert!(psi(&[1, 1], &[1], Smoothing::Jeffreys).is_err());
    }

    /// The interval and the p-value are one test: at the lower end p is 5%.
    #[test]
    fn the_lower_end_is_where_p_is_a_twentieth() {
        for (p, q) in [([50, 50, 40], [90, 30, 20]), ([5000, 400, 30], [900, 10, 60])] {
            let lower = psi(&p, &q, Smoothing::Jeffreys).unwrap().lower;
            assert!((against(&p, &q, lower).unwrap().p_above - 0.05).abs() < 1e-6);
        }
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_its_interval_ordered(
            counts in prop::collection::vec((0..500_u64, 0..500_u64), 1..20),
        ) {
            let (p, q): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
            prop_assume!(p.iter().sum::<u64>() > 0 && q.iter().sum::<u64>() > 0);
            let there = psi(&p, &q, Smoothing::Jeffreys).unwrap();
            let back = psi(&q, &p, Smoothing::Jeffreys).unwrap();
            prop_assert!(there.statistic >= 0.0);
            prop_assert!((there.statistic - back.statistic).abs() <= 1e-12 * there.statistic.max(1.0));
            prop_assert!(0.0 <= there.lower && there.lower <= there.upper);
            prop_assert!((0.0..=1.0).contains(&against(&p, &q, 0.04).unwrap().p_above));
        }
    }
}
