//! Queries as runs of rows.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use arrow_buffer::ScalarBuffer;

use crate::{Error, Result};

/// Rows in runs, one run a query: row `ends[i - 1]` to row `ends[i]` (exclusive) is query `i`.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    ends: Vec<usize>,
    /// The row of the input that came to each place, where rows were brought together.
    order: Option<ScalarBuffer<u32>>,
}

impl Groups {
    /// Groups from their sizes, in row order.
    ///
    /// # Errors
    /// [`Error::Argument`] where a size is negative or the sizes do not add up to `rows`.
    pub fn from_sizes(sizes: &[i64], rows: usize) -> Result<Self> {
        let mut end = 0_usize;
        let ends = sizes
            .iter()
            .enumerate()
            .map(|(index, &size)| {
                let size = usize::try_from(size).map_err(|_| {
                    Error::argument("group", format!("size {size} of group {index} is negative"))
                })?;
                end = end
                    .checked_add(size)
                    .ok_or_else(|| Error::argument("group", "the sizes overflow"))?;
                Ok(end)
            })
            .collect::<Result<Vec<_>>>()?;
        if end != rows {
            return Err(Error::argument(
                "group",
                format!("the sizes add up to {end}, but there are {rows} rows"),
            ));
        }
        Ok(Self { ends, order: None })
    }

    /// The same groups, of rows that `order` brought together: errors name the rows of the input.
    #[must_use]
    pub fn ordered(self, order: Option<ScalarBuffer<u32>>) -> Self {
        Self { order, ..self }
    }

    /// The row of the input that lies at `place`.
    pub fn input_row(&self, place: usize) -> usize {
        self.order.as_ref().map_or(place, |order| order[place] as usize)
    }

    /// All rows as one query.
    pub fn single(rows: usize) -> Self {
        Self {
            ends: vec![rows],
            order: None,
        }
    }

    /// Groups from one id a row, in any order, with the [`order`](Self::order) that brings the rows together:
    /// row `order[i]` of the input comes to place `i`. Queries keep the order in which they first
    /// occur, rows keep theirs inside a query. The order is `None` where the rows of each
    /// query lie together already.
    ///
    /// # Errors
    /// [`Error::Argument`] for more than 2^32 rows.
    pub fn from_ids<T: Copy + Eq + Hash>(ids: &[T]) -> Result<Self> {
        if u32::try_from(ids.len()).is_err() {
            let message = format!(
                "at most {} rows can be brought together, found {}",
                u32::MAX,
                ids.len()
            );
            return Err(Error::argument("query", message));
        }
        let runs = || ids.chunk_by(|a, b| a == b);
        let mut seen: HashMap<T, u32> = HashMap::new();
        let mut sizes: Vec<usize> = Vec::new();
        let mut codes: Vec<u32> = Vec::new();
        for run in runs() {
            let code = *seen.entry(run[0]).or_insert_with(|| {
                sizes.push(0);
                sizes.len() as u32 - 1
            });
            sizes[code as usize] += run.len();
            codes.push(code);
        }
        let mut ends = Vec::with_capacity(sizes.len());
        let mut end = 0;
        for size in &sizes {
            end += size;
            ends.push(end);
        }
        if codes.len() == sizes.len() {
            return Ok(Self { ends, order: None });
        }
        let mut next: Vec<u32> = ends
            .iter()
            .zip(&sizes)
            .map(|(end, size)| (end - size) as u32)
            .collect();
        let mut order = vec![0; ids.len()];
        let mut row = 0;
        for (run, &code) in runs().zip(&codes) {
            let next = &mut next[code as usize];
            for _ in run {
                order[*next as usize] = row;
                *next += 1;
                row += 1;
            }
        }
        let order = Some(order.into());
        Ok(Self { ends, order })
    }

    /// The row of the input that comes to each place; `None` where rows lie as they came.
    pub fn order(&self) -> Option<&ScalarBuffer<u32>> {
        self.order.as_ref()
    }

    /// The row at which each query ends.
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// The number of queries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no query.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of rows of the longest query.
    pub fn longest(&self) -> usize {
        let sizes = (0..self.len()).map(|index| self.rows(index).len());
        sizes.max().unwrap_or(0)
    }

    /// The rows of query `index`.
    #[inline]
    pub fn rows(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        start..self.ends[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_must_add_up() {
        assert_eq!(Groups::from_sizes(&[2, 0, 1], 3).unwrap().ends(), [2, 2, 3]);
        assert!(
            Groups::from_sizes(&[2, 2], 3)
                .unwrap_err()
                .to_string()
                .contains("add up to 4")
        );
        assert!(Groups::from_sizes(&[-1, 4], 3).is_err());
    }

    #[test]
    fn ids_that_lie_together_need_no_permutation() {
        let groups = Groups::from_ids(&[9_i64, 9, 4, 7, 7]).unwrap();
        assert_eq!(groups.ends(), [2, 3, 5]);
        assert_eq!(groups.order(), None);
        assert!(Groups::from_ids::<i64>(&[]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn the_permutation_brings_queries_together(ids in prop::collection::vec(0..9_i64, 0..80)) {
            let groups = Groups::from_ids(&ids).unwrap();
            let order: Vec<usize> = (0..ids.len()).map(|place| groups.input_row(place)).collect();
            for index in 0..groups.len() {
                let rows = &order[groups.rows(index)];
                prop_assert!(rows.iter().all(|&row| ids[row] == ids[rows[0]]));
                prop_assert!(rows.is_sorted());
            }
            let mut all = order;
            all.sort_unstable();
            prop_assert_eq!(all, (0..ids.len()).collect::<Vec<_>>());
        }
    }
}
