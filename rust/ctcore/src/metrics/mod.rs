//! Metrics: how good a model's scores are. One family a file.

pub mod classification;
mod cut;
pub mod definition;
pub mod exposure;
mod grades;
pub mod groups;
pub mod kendall;
pub mod off_policy;
pub mod paired;
mod places;
mod plan;
pub mod pointwise;
pub mod ranking;
pub mod select;
mod sums;
