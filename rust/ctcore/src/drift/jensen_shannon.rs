//! The Jensen-Shannon distance.

use std::f64::consts::LN_2;

use super::against::{Against, Effect};
use super::between::Counts;
use super::bounds::Bounds;
use super::cells::{Inversion, Smoothing, Statistic, Term, shares};
use crate::Result;

/// The Jensen-Shannon distance of two counts of the same cells, base 2:
///
/// `JS = sqrt(D)`, `D = 1/2 sum_i p_i log2(2 p_i / (p_i + q_i)) + 1/2 sum_i q_i log2(2 q_i / (p_i + q_i))`
///
/// It is a metric (Endres and Schindelin, 2003), lies in `[0, 1]`, is 0 for equal shares and 1 for
/// shares without a common cell. No smoothing is needed: an empty cell is no special case. This is
/// `scipy.spatial.distance.jensenshannon(p, q, base=2)`.
///
/// # Errors
/// [`crate::Error::Argument`] where the cells differ or a side counts nothing.
///
/// ```
/// use ctcore::drift::jensen_shannon::jensen_shannon;
/// assert_eq!(jensen_shannon(&[3, 0], &[0, 7])?.statistic, 1.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn jensen_shannon(reference: &[u64], current: &[u64]) -> Result<Effect> {
    let divergence = plug_in(reference, current)?;
    Ok(Inversion::new(reference, current, term)?
        .interval(divergence)
        .map(distance))
}

/// The distance against a tolerance.
///
/// # Errors
/// As [`jensen_shannon`].
pub fn against(reference: &[u64], current: &[u64], tolerance: f64) -> Result<Against> {
    let divergence = plug_in(reference, current)?;
    let found = Inversion::new(reference, current, term)?.against(divergence, tolerance * tolerance * LN_2);
    Ok(found.map(distance))
}

/// The distance against a tolerance where the reference's counts are known between bounds, and its own bounds.
///
/// # Errors
/// As [`jensen_shannon`].
pub fn between(reference: &Counts, current: &[u64], tolerance: f64) -> Result<(Against, Bounds)> {
    let sum = reference.extremes(current, Smoothing::None, |p, q| term(p, q).value);
    sum.against(current, tolerance, against, |sum| sum.map(distance))
}

/// The divergence in nats.
fn plug_in(reference: &[u64], current: &[u64]) -> Result<f64> {
    let (p, q) = shares(reference, current, Smoothing::None)?;
    Ok(term.of(&p, &q).max(0.0))
}

/// The distance, base 2, of a divergence in nats.
fn distance(nats: f64) -> f64 {
    (nats.max(0.0) / LN_2).sqrt().min(1.0)
}

/// In nats. The value is that of the cell's two halves, each 0 where its share is 0.
fn term(p: f64, q: f64) -> Term {
    let half = |share: f64| {
        if share > 0.0 {
            (2.0 * share / (p + q)).ln()
        } else {
            0.0
        }
    };
    let (log_p, log_q) = (half(p), half(q));
    Term {
        value: 0.5 * (p * log_p + q * log_q),
        by_p: 0.5 * log_p,
        by_q: 0.5 * log_q,
        by_pp: 0.5 * q / (p * (p + q)),
        by_pq: -0.5 / (p + q),
        by_qq: 0.5 * p / (q * (p + q)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By hand: p = (1, 0), q = (1/2, 1/2): D = 1/2 log2(4/3) + 1/2 (1/2 log2(2/3) + 1/2 log2 2)
    /// = .2075187496394219 + .1037593748197110 = .3112781244591328.
    #[test]
    fn the_golden_vector() {
        let effect = jensen_shannon(&[2, 0], &[3, 3]).unwrap();
        assert!((effect.statistic - 0.311_278_124_459_132_8_f64.sqrt()).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn it_is_a_metric(
            counts in prop::collection::vec((0..50_u64, 0..50_u64, 0..50_u64), 1..12),
        ) {
            let side = |pick: fn(&(u64, u64, u64)) -> u64| counts.iter().map(pick).collect::<Vec<_>>();
            let (p, q, r) = (side(|c| c.0), side(|c| c.1), side(|c| c.2));
            prop_assume!([&p, &q, &r].iter().all(|side| side.iter().sum::<u64>() > 0));
            let distance = |a: &[u64], b: &[u64]| jensen_shannon(a, b).unwrap().statistic;
            prop_assert!(distance(&p, &p) < 1e-7);
            prop_assert!((distance(&p, &q) - distance(&q, &p)).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&distance(&p, &q)));
            prop_assert!(distance(&p, &r) <= distance(&p, &q) + distance(&q, &r) + 1e-12);
            let effect = jensen_shannon(&p, &q).unwrap();
            prop_assert!(effect.lower <= effect.upper && effect.upper <= 1.0);
        }
    }
}
