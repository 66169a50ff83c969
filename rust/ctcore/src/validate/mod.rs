//! Scans that judge data: one pass over Arrow batches, mergeable counts per column.

pub mod duplicates;
pub mod leakage;
pub mod scan;
