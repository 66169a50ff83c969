//! Metrics: how good a model's scores are. One family a file.

pub mod classification;
pub mod definition;
mod grades;
pub mod groups;
pub mod paired;
mod places;
pub mod pointwise;
pub mod ranking;
pub mod select;
