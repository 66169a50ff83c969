//! Drift statistics: how far a current sample has moved from a reference. One statistic a file.
//!
//! Statistics of ranks are a [`crate::rank::State`] each, so that one sort and one walk serve them
//! all ([`rank_statistics`]). Statistics of cells take two counts of the same cells.

pub mod against;
pub mod anderson_darling;
pub mod between;
pub mod bounds;
pub mod cells;
pub mod chi2;
pub mod cramer_von_mises;
pub mod cramers_v;
pub mod energy;
pub mod fisher_exact;
pub mod g_test;
pub mod hellinger;
pub mod jensen_shannon;
pub mod ks;
pub mod kuiper;
pub mod kullback_leibler;
pub mod l_infinity;
pub mod levene;
pub mod mann_whitney;
pub mod psi;
pub mod rank_statistics;
pub mod total_variation;
pub mod wasserstein;
pub mod welch_t;

use crate::{Error, Result};

/// How a p-value is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exact where that is cheap, else asymptotic; each statistic says where.
    Auto,
    /// Over all orders of the pooled sample, or all tables of the same margins.
    Exact,
    /// By a limit law.
    Asymptotic,
}

/// A p-value and how it was computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValue {
    /// The probability of a statistic at least as extreme when both samples come from one
    /// distribution.
    pub p_value: f64,
    /// [`Method::Exact`] or [`Method::Asymptotic`].
    pub method: Method,
}

impl PValue {
    fn exact(p_value: f64) -> Self {
        Self {
            p_value,
            method: Method::Exact,
        }
    }

    fn asymptotic(p_value: f64) -> Self {
        Self {
            p_value,
            method: Method::Asymptotic,
        }
    }
}

/// The sizes of two samples, which must not be empty and whose product must fit an `i64`: the
/// difference of two distribution functions is counted in steps of `1 / (n m)`.
fn sizes(n: usize, m: usize) -> Result<(usize, usize)> {
    for (name, count) in [("reference", n), ("current", m)] {
        if count == 0 {
            return Err(Error::argument(name, "there is no finite value to compare"));
        }
    }
    if (n as u128) * (m as u128) > i64::MAX as u128 / 2 {
        let message =
            format!("{n} against {m} values are too many to compare exactly; compare profiles instead");
        return Err(Error::argument("current", message));
    }
    Ok((n, m))
}
