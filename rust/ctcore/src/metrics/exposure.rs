//! What was shown, over the whole catalogue: unseen items count.

use crate::num::{Sum, sum};
use crate::{Error, Result};

/// How showings spread over a catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// The share of the catalogue that was shown at all.
    pub coverage: f64,
    /// 0 where every item was shown equally often, near 1 where one item took everything.
    pub gini: f64,
    /// Shannon entropy of the items' shares, in nats; `ln(items)` where they are equal.
    pub entropy: f64,
}

/// Coverage, Gini index and entropy of how often each item of the catalogue was shown.
/// `gini = sum_i (2 i - n - 1) x_i / (n sum x)` over the ascending counts `x_i`, `i = 1..n`.
///
/// # Errors
/// [`Error::Argument`] where the catalogue is empty or nothing was shown.
///
/// ```
/// use ctcore::metrics::exposure::exposure;
/// let found = exposure(&[0, 4])?;
/// assert_eq!((found.coverage, found.gini, found.entropy), (0.5, 0.5, 0.0));
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn exposure(counts: &[u64]) -> Result<Exposure> {
    let shown: u64 = counts.iter().sum();
    if shown == 0 {
        return Err(Error::argument("shown", "nothing of the catalogue was shown"));
    }
    let mut ascending = counts.to_vec();
    ascending.sort_unstable();
    let (items, shown) = (counts.len() as f64, shown as f64);
    let mut spread = Sum::default();
    for (i, &count) in (1..).zip(&ascending) {
        spread.add((2.0 * f64::from(i) - items - 1.0) * count as f64);
    }
    let share = |count: u64| count as f64 / shown;
    Ok(Exposure {
        coverage: counts.iter().filter(|&&count| count > 0).count() as f64 / items,
        gini: spread.total() / (items * shown),
        entropy: sum(&ascending, |count| {
            if count == 0 {
                0.0
            } else {
                -share(count) * share(count).ln()
            }
        }),
    })
}

/// How much more popular what was shown is than what people chose: with `p_i` the share of item
/// `i` in the history, `sum_i shown_i p_i / sum_i p_i p_i - 1` over shares of showings. 0 where
/// showings follow the history, negative where they favour the unpopular (Abdollahpouri et al.,
/// "The unfairness of popularity bias in recommendation", 2019).
///
/// # Errors
/// [`Error::Argument`] where the lengths differ or a log is empty.
pub fn popularity_lift(shown: &[u64], history: &[u64]) -> Result<f64> {
    let (all_shown, all): (u64, u64) = (shown.iter().sum(), history.iter().sum());
    if shown.len() != history.len() || all_shown == 0 || all == 0 {
        return Err(Error::argument(
            "history",
            "must hold choices from the catalogue, as what was shown must",
        ));
    }
    let pairs: Vec<(f64, f64)> = shown
        .iter()
        .zip(history)
        .map(|(&shown, &chosen)| (shown as f64 / all_shown as f64, chosen as f64 / all as f64))
        .collect();
    Ok(sum(&pairs, |(shown, popularity)| shown * popularity)
        / sum(&pairs, |(_, popularity)| popularity * popularity)
        - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Gini's first definition: half the mean absolute difference over the mean.
        #[test]
        fn gini_is_half_the_relative_mean_difference(counts in prop::collection::vec(0..20_u64, 1..30)) {
            prop_assume!(counts.iter().any(|&count| count > 0));
            let n = counts.len() as f64;
            let pairs = counts.iter().flat_map(|a| counts.iter().map(move |b| a.abs_diff(*b) as f64));
            let mean = counts.iter().sum::<u64>() as f64 / n;
            let expected = pairs.sum::<f64>() / (2.0 * n * n * mean);
            let found = exposure(&counts).unwrap();
            prop_assert!((found.gini - expected).abs() < 1e-12);
            prop_assert!((0.0..=n.ln() + 1e-12).contains(&found.entropy));
        }
    }

    #[test]
    fn lift_by_hand() {
        // Popularities 3/4 and 1/4; shown half and half: (3/8 + 1/8) / (9/16 + 1/16) - 1 = -1/5.
        assert!((popularity_lift(&[5, 5], &[3, 1]).unwrap() + 0.2).abs() < 1e-15);
        assert!(popularity_lift(&[6, 2], &[3, 1]).unwrap().abs() < 1e-15);
        assert!(popularity_lift(&[1], &[0]).is_err());
        assert!(exposure(&[0]).is_err());
    }
}
