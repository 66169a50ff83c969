//! Drift statistics: how far a current sample has moved from a reference. One statistic a file.

pub mod cells;
pub mod jensen_shannon;
pub mod ks;
pub mod psi;
