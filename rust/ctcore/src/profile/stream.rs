//! One pass over record batches.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};

use super::{ColumnProfile, Freeze, Summary};
use crate::column::{Kind, Rechunk};
use crate::{Error, Result, par};

/// Chunks that are summarised together: enough work for every thread, little memory.
const CHUNKS: usize = 4;

/// What a pass over a stream found.
#[derive(Debug)]
pub struct Columns {
    /// For each column that was asked for its profile, or why there is none.
    pub profiles: Vec<Result<ColumnProfile>>,
    /// The rows of the stream.
    pub rows: u64,
}

/// Profiles columns of a stream, each named by its index in `schema`, in one pass and bounded memory.
/// A column that cannot be read ends no other.
///
/// # Errors
/// Those of the stream itself.
pub fn profile(
    batches: impl Iterator<Item = std::result::Result<RecordBatch, ArrowError>> + Send,
    schema: &SchemaRef,
    asked: &[(usize, Freeze)],
) -> Result<Columns> {
    let mut summaries: Vec<Result<Summary>> = asked
        .iter()
        .map(|&(index, freeze)| {
            let field = schema.field(index);
            Summary::new(field.name(), Kind::of(field.name(), field.data_type())?, freeze)
        })
        .collect();
    let mut chunks = Rechunk::new(batches, schema.clone());
    let slices = std::iter::from_fn(|| chunks.next_slices());
    let rows = par::ahead(slices, CHUNKS, |groups| {
        let mut rows = 0;
        for chunks in groups {
            par::checkpoint();
            let chunks = chunks?;
            let slices = chunks.iter().flatten();
            rows += slices.map(|slice| slice.num_rows() as u64).sum::<u64>();
            let work = summaries.iter_mut().zip(asked).collect();
            par::each(work, |(summary, &(index, _))| add(summary, index, &chunks));
        }
        Ok::<_, Error>(rows)
    })?;
    let profiles = summaries
        .into_iter()
        .map(|summary| summary.map(Summary::finish))
        .collect();
    Ok(Columns { profiles, rows })
}

/// Adds the chunks of column `index`, each of which lies in slices. A column that has failed takes no more.
fn add(summary: &mut Result<Summary>, index: usize, chunks: &[Vec<RecordBatch>]) {
    for chunk in chunks {
        let slices: Vec<ArrayRef> = chunk.iter().map(|slice| slice.column(index).clone()).collect();
        if let Ok(open) = summary
            && let Err(error) = open.add(&slices)
        {
            *summary = Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::CHUNK;
    use crate::resample::Stream;
    use arrow_array::{
        DictionaryArray, Float64Array, ListArray, StringArray, types::Int8Type, types::Int32Type,
    };
    use arrow_schema::{DataType, Field, Schema};
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    const FREEZE: Freeze = Freeze::Here {
        cells: 10,
        categories: 3,
    };

    fn table(rows: usize) -> RecordBatch {
        let uniform = |i: usize| Stream::new(1, 0).uniform(i as u64);
        let x: Float64Array = (0..rows)
            .map(|i| match i % 50 {
                0 => None,
                1 => Some(f64::NAN),
                2 => Some(f64::NEG_INFINITY),
                _ => Some(uniform(i).ln()),
            })
            .collect();
        let words: Vec<String> = (0..rows)
            .map(|i| format!("w{}", (uniform(i) * 7.0) as u8))
            .collect();
        let plain = StringArray::from_iter_values(&words);
        let encoded: DictionaryArray<Int8Type> = words.iter().map(String::as_str).collect();
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>((0..rows).map(|_| Some([Some(1)])));
        let columns: Vec<ArrayRef> = vec![Arc::new(x), Arc::new(plain), Arc::new(encoded), Arc::new(lists)];
        let fields: Vec<Field> = ["x", "plain", "encoded", "lists"]
            .iter()
            .zip(&columns)
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn profiled(table: &RecordBatch, size: usize, asked: &[(usize, Freeze)]) -> Columns {
        let batches = (0..table.num_rows())
            .step_by(size)
            .map(|start| Ok(table.slice(start, size.min(table.num_rows() - start))));
        profile(batches, &table.schema(), asked).unwrap()
    }

    #[test]
    fn the_same_bits_for_any_threads_and_batches() {
        let table = table(10 * CHUNK + 17);
        let asked: Vec<_> = (0..4).map(|index| (index, FREEZE)).collect();
        let whole = profiled(&table, table.num_rows(), &asked);
        assert_eq!(whole.rows, table.num_rows() as u64);
        assert_eq!(whole.profiles[1], whole.profiles[2]);
        assert!(
            whole.profiles[3]
                .as_ref()
                .is_err_and(|error| error.to_string().contains("List"))
        );
        for (threads, size) in [(1, 999), (2, CHUNK - 1), (7, CHUNK + 1), (2, 3 * CHUNK)] {
            par::set_threads(NonZeroUsize::new(threads));
            let found = profiled(&table, size, &asked);
            assert_eq!(
                found.profiles, whole.profiles,
                "{threads} threads, batches of {size}"
            );
        }
        par::set_threads(None);
    }

    #[test]
    fn days_on_the_cells_of_a_reference_merge_to_the_whole() {
        let table = table(3 * CHUNK);
        let frozen: Vec<ColumnProfile> = profiled(&table, CHUNK, &[(0, FREEZE), (1, FREEZE)])
            .profiles
            .into_iter()
            .collect::<Result<_>>()
            .unwrap();
        let asked = [(0, Freeze::Like(&frozen[0])), (1, Freeze::Like(&frozen[1]))];
        let mut merged: Option<Vec<ColumnProfile>> = None;
        for (start, rows) in [(0, 70_000), (70_000, 1), (70_001, 3 * CHUNK - 70_001)] {
            let day = profiled(&table.slice(start, rows), 10_000, &asked).profiles;
            let day: Vec<_> = day.into_iter().collect::<Result<_>>().unwrap();
            match &mut merged {
                None => merged = Some(day),
                Some(merged) => merged
                    .iter_mut()
                    .zip(&day)
                    .for_each(|(merged, day)| merged.merge(day).unwrap()),
            }
        }
        let merged = merged.unwrap();
        let (ColumnProfile::Number(all), ColumnProfile::Number(days)) = (&frozen[0], &merged[0]) else {
            unreachable!()
        };
        assert_eq!(days.quantiles.counts(), all.quantiles.counts());
        assert_eq!(
            (days.rows, days.range, &days.distinct),
            (all.rows, all.range, &all.distinct)
        );
        assert!((days.moments.mean - all.moments.mean).abs() < 1e-12);
        assert!((days.moments.squares / all.moments.squares - 1.0).abs() < 1e-12);
        assert_eq!(merged[1], frozen[1]);
        let other = profiled(&table.slice(0, 100), 100, &[(0, FREEZE)])
            .profiles
            .remove(0)
            .unwrap();
        assert!(
            merged[0]
                .clone()
                .merge(&other)
                .unwrap_err()
                .to_string()
                .contains("same edges")
        );
    }

    #[test]
    fn a_column_of_another_kind_is_said() {
        let table = table(100);
        let mut frozen = profiled(&table, 100, &[(0, FREEZE)]);
        let numbers = frozen.profiles.remove(0).unwrap();
        let found = profiled(&table, 100, &[(1, Freeze::Like(&numbers))]);
        let error = found.profiles[0].as_ref().unwrap_err().to_string();
        assert_eq!(
            error,
            "plain: the reference holds numbers, this column categories"
        );
    }

    #[test]
    fn a_name_of_any_length_is_bounded() {
        let long = "é".repeat(100_000);
        let column: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(), "a", long.as_str()]));
        let schema = Arc::new(Schema::new(vec![Field::new("c", DataType::Utf8, false)]));
        let batch = RecordBatch::try_new(schema, vec![column]).unwrap();
        let ColumnProfile::Category(found) = profiled(&batch, 2, &[(0, FREEZE)]).profiles.remove(0).unwrap()
        else {
            unreachable!()
        };
        assert!(found.counts.keys().all(|name| name.len() < 200));
        assert_eq!(found.counts.values().copied().collect::<Vec<_>>(), [1, 2]);
    }
}
