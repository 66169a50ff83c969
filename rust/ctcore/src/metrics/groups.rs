//! Queries as runs of rows.

use std::collections::HashMap;
use std::ops::Range;

use crate::{Error, Result};

/// Rows in runs, one run a query: row `ends[i - 1]` to row `ends[i]` (exclusive) is query `i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    ends: Vec<usize>,
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
        Ok(Self { ends })
    }

    /// All rows as one query.
    pub fn single(rows: usize) -> Self {
        Self { ends: vec![rows] }
    }

    /// Groups from one id a row, in any order, with the permutation that brings the rows together:
    /// row `order[i]` of the input comes to place `i`. Queries keep the order in which they first
    /// occur, rows keep theirs inside a query. The permutation is `None` where the rows of each
    /// query lie together already.
    pub fn from_ids(ids: &[i64]) -> (Self, Option<Vec<usize>>) {
        let runs: Vec<&[i64]> = ids.chunk_by(|a, b| a == b).collect();
        let mut seen: HashMap<i64, usize> = HashMap::with_capacity(runs.len());
        let mut sizes: Vec<usize> = Vec::new();
        let mut codes: Vec<usize> = Vec::with_capacity(runs.len());
        for run in &runs {
            let code = *seen.entry(run[0]).or_insert_with(|| {
                sizes.push(0);
                sizes.len() - 1
            });
            sizes[code] += run.len();
            codes.push(code);
        }
        let mut ends = Vec::with_capacity(sizes.len());
        let mut end = 0;
        for size in &sizes {
            end += size;
            ends.push(end);
        }
        if runs.len() == sizes.len() {
            return (Self { ends }, None);
        }
        let mut next: Vec<usize> = ends.iter().zip(&sizes).map(|(end, size)| end - size).collect();
        let mut order = vec![0; ids.len()];
        let mut row = 0;
        for (run, &code) in runs.iter().zip(&codes) {
            for _ in *run {
                order[next[code]] = row;
                next[code] += 1;
                row += 1;
            }
        }
        (Self { ends }, Some(order))
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
        let (groups, order) = Groups::from_ids(&[9, 9, 4, 7, 7]);
        assert_eq!(groups.ends(), [2, 3, 5]);
        assert_eq!(order, None);
        assert!(Groups::from_ids(&[]).0.is_empty());
    }

    proptest! {
        #[test]
        fn the_permutation_brings_queries_together(ids in prop::collection::vec(0..9_i64, 0..80)) {
            let (groups, order) = Groups::from_ids(&ids);
            let order = order.unwrap_or_else(|| (0..ids.len()).collect());
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
