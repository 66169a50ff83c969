//! The data-validation scan over a stream of record batches.

use std::collections::HashMap;

use arrow_array::{RecordBatch, RecordBatchReader};
use ctcore::column::Rechunk;
use ctcore::validate::scan::{Bounds, ColumnScan};
use ctcore::{Result, par};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::input::AnyRecordBatch;

use crate::border::run;

/// Chunks that are scanned together: enough work for every thread, little memory.
const CHUNKS: usize = 8;

/// One pass over record batches: for each column what it holds and what breaks its bounds.
#[pyfunction]
#[pyo3(signature = (data, bounds))]
pub(crate) fn scan<'py>(
    py: Python<'py>,
    data: AnyRecordBatch,
    bounds: HashMap<String, (Option<f64>, Option<f64>)>,
) -> PyResult<Bound<'py, PyDict>> {
    let reader = data.into_reader()?;
    let schema = reader.schema();
    let scans = run(py, || scan_stream(reader, &bounds))?;
    let result = PyDict::new(py);
    for (field, scan) in schema.fields().iter().zip(scans) {
        let column = PyDict::new(py);
        column.set_item("type", field.data_type().to_string())?;
        column.set_item("rows", scan.rows.rows)?;
        column.set_item("nulls", scan.rows.nulls)?;
        column.set_item("nans", scan.rows.nans)?;
        column.set_item("positive_infinities", scan.rows.positive_infinities)?;
        column.set_item("negative_infinities", scan.rows.negative_infinities)?;
        column.set_item("minimum", scan.range.map(|range| range.0))?;
        column.set_item("maximum", scan.range.map(|range| range.1))?;
        column.set_item("below", scan.below)?;
        column.set_item("above", scan.above)?;
        let examples: Vec<(u64, f64)> = scan.examples.iter().map(|e| (e.row, e.value)).collect();
        column.set_item("examples", examples)?;
        result.set_item(field.name(), column)?;
    }
    Ok(result)
}

fn scan_stream(
    reader: Box<dyn RecordBatchReader + Send>,
    bounds: &HashMap<String, (Option<f64>, Option<f64>)>,
) -> Result<Vec<ColumnScan>> {
    let schema = reader.schema();
    let columns = schema.fields().len();
    let bounds: Vec<Bounds> = schema
        .fields()
        .iter()
        .map(|field| {
            let (minimum, maximum) = bounds.get(field.name()).copied().unwrap_or_default();
            Bounds { minimum, maximum }
        })
        .collect();
    let mut chunks = Rechunk::new(reader, schema.clone());
    let mut totals = vec![ColumnScan::default(); columns];
    let mut start = 0;
    loop {
        par::checkpoint();
        let held: Vec<RecordBatch> = chunks.by_ref().take(CHUNKS).collect::<Result<_>>()?;
        if held.is_empty() {
            return Ok(totals);
        }
        let starts: Vec<u64> = held
            .iter()
            .scan(start, |row, chunk| {
                let first = *row;
                *row += chunk.num_rows() as u64;
                Some(first)
            })
            .collect();
        let parts: Vec<Result<ColumnScan>> = par::map(held.len() * columns, |task| {
            let (chunk, column) = (task / columns, task % columns);
            let name = schema.field(column).name();
            ColumnScan::of_chunk(name, held[chunk].column(column), bounds[column], starts[chunk])
        });
        for (task, part) in parts.into_iter().enumerate() {
            totals[task % columns].merge(part?);
        }
        start += held.iter().map(|chunk| chunk.num_rows() as u64).sum::<u64>();
    }
}
