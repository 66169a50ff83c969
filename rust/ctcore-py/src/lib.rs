//! `ctcore._core`: each function converts, calls the core, converts. What the numbers mean is
//! documented in the core and in the Python face; nothing is decided here.

#![allow(
    clippy::elidable_lifetime_names,
    reason = "a name says that the result lives with the interpreter"
)]
#![allow(clippy::needless_pass_by_value, reason = "pyo3 extracts arguments by value")]

use pyo3::prelude::*;

mod border;
mod drift;
mod leakage;
mod lightgbm;
mod metrics;
mod paired;
mod profile;
mod scanned;
mod validate;

/// Sets the number of threads of this process; `None` is one for each core. Results do not depend
/// on it.
#[pyfunction]
#[pyo3(signature = (threads))]
fn set_threads(threads: Option<std::num::NonZeroUsize>) {
    ctcore::par::set_threads(threads);
}

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::drift::{
        anderson_darling, beta_quantile, cells_against, cells_between, chi2, chi2_sf, cramer_von_mises,
        cramers_v, energy, fisher_exact, g_test, hellinger, jensen_shannon, ks, kuiper, kullback_leibler,
        l_infinity, levene, mann_whitney, normal_sf, psi, rank_statistics, ranks_against, t_quantile, t_sf,
        total_variation, wasserstein, welch_t,
    };
    #[pymodule_export]
    use super::leakage::{
        PyJoint, PyLabelled, conflicting_rows, known_rows, predictiveness, repeated_rows, row_hashes, scale,
    };
    #[pymodule_export]
    use super::lightgbm::{lightgbm_model, lightgbm_probes};
    #[pymodule_export]
    use super::metrics::{
        auc, calibration_error, confusion, exposure, group_ids, kendall, losses, mean, mean_loss, off_policy,
        popularity_lift, r2, ranking,
    };
    #[pymodule_export]
    use super::paired::{auc_bootstrap, auc_delong, paired};
    #[pymodule_export]
    use super::profile::{
        check_profile, count_cells, merge_profiles, profile_column, profile_column_like, profile_stream,
        profiles_against, quantile, rank_bounds,
    };
    #[pymodule_export]
    use super::scanned::{key_facts, merge_facts, merge_keys, merge_outcomes};
    #[pymodule_export]
    use super::set_threads;
    #[pymodule_export]
    use super::validate::{PyKeys, broken_rows, check_pattern, keys, needed_columns, scan};
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's spelling")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
