//! The numeric core of ctcore: drift statistics, ranking metrics and data-validation scans.
//!
//! No Python, no files, no environment, no clock but for the pace of a question: numbers in,
//! numbers out. Every statistic is a state that is made from a chunk of rows, merged in order, and
//! finished; a batch, a stream, threads and machines are one code path, and the same rows give the
//! same bits in all of them.
//!
//! Modules depend on each other in one direction:
//! `error <- num <- {special, par, resample} <- {column, rank, profile} <- {drift, metrics, validate}`;
//! `lightgbm` stands beside them and reads a model's text.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)
)]

pub mod column;
pub mod drift;
pub mod error;
pub mod lightgbm;
pub mod metrics;
pub mod num;
pub mod par;
pub mod profile;
pub mod rank;
pub mod resample;
pub mod special;
pub mod validate;

pub use error::{Error, Result};
