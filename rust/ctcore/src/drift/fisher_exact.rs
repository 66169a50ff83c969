//! Fisher's exact test of a 2 x 2 table.

use crate::{Error, Result};

/// Two probabilities that differ by less than this are taken as equal: rational numbers that are
/// equal come out of different products.
const SAME: f64 = 1e-10;

/// What Fisher's exact test finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fisher {
    /// The sample's odds ratio `a d / (b c)`; infinite or NaN where `b c` is 0.
    pub odds_ratio: f64,
    /// The two-sided p-value: the probability, given the margins, of the tables that are at most as
    /// likely as this one.
    pub p_value: f64,
}

/// Fisher's exact test of `[[a, b], [c, d]]`, two-sided (Fisher, 1935). This is
/// `scipy.stats.fisher_exact`.
///
/// # Errors
/// [`Error::Argument`] unless both sides count two cells.
///
/// ```
/// use ctcore::drift::fisher_exact::fisher_exact;
/// // The lady tasting tea: 2 (1 + 16) / 70.
/// let tea = fisher_exact(&[3, 1], &[1, 3])?;
/// assert!((tea.p_value - 34.0 / 70.0).abs() < 1e-15);
/// assert_eq!(tea.odds_ratio, 9.0);
/// # Ok::<(), ctcore::Error>(())
/// ```
pub fn fisher_exact(reference: &[u64], current: &[u64]) -> Result<Fisher> {
    let (&[a, b], &[c, d]) = (reference, current) else {
        let message = format!(
            "Fisher's exact test takes two cells a side, found {} and {}; use chi2 for more",
            reference.len(),
            current.len()
        );
        return Err(Error::argument("current", message));
    };
    let odds_ratio = (a as f64 * d as f64) / (b as f64 * c as f64);
    let (row, column, all) = (a + b, a + c, a + b + c + d);
    let (least, most) = ((row + column).saturating_sub(all), row.min(column));
    if least == most {
        return Ok(Fisher {
            odds_ratio,
            p_value: 1.0,
        });
    }
    // Probabilities relative to the most likely table: each follows from its neighbour by one factor,
    // and nothing is subtracted.
    let mode = ((row as f64 + 1.0) * (column as f64 + 1.0) / (all as f64 + 2.0)).floor() as u64;
    let mode = mode.clamp(least, most);
    let factor = |x: u64| {
        let (x, row, column, all) = (x as f64, row as f64, column as f64, all as f64);
        (row - x) * (column - x) / ((x + 1.0) * (all - row - column + x + 1.0))
    };
    let up = weights((mode..most).map(factor));
    let down = weights((least..mode).rev().map(|x| 1.0 / factor(x)));
    let here = if a >= mode {
        up.get((a - mode) as usize)
    } else {
        down.get((mode - a) as usize)
    };
    // Further from the mode than the weights go: its probability has underflowed.
    let limit = here.copied().unwrap_or(0.0) * (1.0 + SAME);
    let all_weights = || up.iter().chain(down.iter().skip(1)).rev();
    let extreme: f64 = all_weights().filter(|&&weight| weight <= limit).sum();
    Ok(Fisher {
        odds_ratio,
        p_value: (extreme / all_weights().sum::<f64>()).min(1.0),
    })
}

/// 1, and the products of the factors until they vanish.
fn weights(factors: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut weights = vec![1.0];
    let mut weight = 1.0;
    for factor in factors {
        weight *= factor;
        if weight == 0.0 {
            break;
        }
        weights.push(weight);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_choice_is_no_evidence() {
        assert_eq!(fisher_exact(&[5, 0], &[3, 0]).unwrap().p_value, 1.0);
        assert!(fisher_exact(&[5], &[3]).is_err());
    }

    /// All of 200 on one side, none of 200 on the other: 2 / C(400, 200).
    #[test]
    fn a_small_tail_is_not_lost() {
        let ln_tables: f64 = (1..=200).map(|i| (f64::from(200 + i) / f64::from(i)).ln()).sum();
        let p = fisher_exact(&[200, 0], &[0, 200]).unwrap().p_value;
        assert!(
            (p / (2.0_f64.ln() - ln_tables).exp() - 1.0).abs() < 1e-10,
            "{p:e}"
        );
    }
}
