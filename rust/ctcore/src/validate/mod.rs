//! Scans that judge data: rules over Arrow batches, all in one pass, as states that merge.

pub mod duplicates;
pub mod facts;
pub mod joint;
pub mod keys;
pub mod leakage;
pub mod order;
pub mod rule;
pub mod scan;
pub mod statistics;
pub mod tally;
pub mod view;
