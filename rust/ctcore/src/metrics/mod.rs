//! Metrics: how good a model's scores are. One family a file.

pub mod groups;
pub mod ndcg;
pub mod paired;
pub mod pointwise;
