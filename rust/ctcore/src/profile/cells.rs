//! Counts of a column that lies in memory, on cells frozen by its exact order statistics: what the
//! statistics of cells are computed from.

use std::collections::BTreeMap;

use arrow_array::ArrayRef;

use super::Edges;
use crate::Result;
use crate::column::{Categories, Kind, Numbers};
use crate::num::Moments;
use crate::rank::Sorted;

/// Counts on frozen cells.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Of numbers.
    Number {
        /// The borders.
        edges: Edges,
        /// Finite values in each cell.
        counts: Vec<u64>,
        /// Their moments.
        moments: Moments,
        /// The smallest and the largest of them.
        range: Option<(f64, f64)>,
    },
    /// Of categories: the rows of each, and those of the ones that the dictionary does not have.
    Category(BTreeMap<String, u64>, u64),
}

impl Cells {
    /// Freezes cells on a column and counts it: `cells` of equal mass for numbers, the `limit` most
    /// frequent categories (equal counts in the order of their names) for the rest.
    ///
    /// # Errors
    /// [`crate::Error::Type`] for a column that is neither.
    pub fn of(name: &str, chunks: &[ArrayRef], cells: usize, limit: usize) -> Result<Self> {
        let kind = chunks
            .first()
            .map_or(Ok(Kind::Number), |array| Kind::of(name, array.data_type()))?;
        if kind == Kind::Number {
            let numbers = Numbers::of_column(name, chunks)?;
            let edges = Edges::equal_mass(&Sorted::new(&numbers.finite), cells);
            return Ok(Self::numbers(edges, &numbers));
        }
        let mut by_count: Vec<(String, u64)> =
            Categories::of_column(name, chunks)?.counts.into_iter().collect();
        by_count.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = by_count.iter().skip(limit).map(|(_, count)| count).sum();
        by_count.truncate(limit);
        Ok(Self::Category(by_count.into_iter().collect(), rest))
    }

    fn numbers(edges: Edges, numbers: &Numbers) -> Self {
        Self::Number {
            counts: edges.count(&numbers.finite),
            moments: Moments::of(&numbers.finite),
            range: numbers.range(),
            edges,
        }
    }

    /// Counts a column on the cells of another.
    ///
    /// # Errors
    /// [`crate::Error::Type`] where the column is of another kind.
    pub fn like(&self, name: &str, chunks: &[ArrayRef]) -> Result<Self> {
        match self {
            Self::Number { edges, .. } => {
                Ok(Self::numbers(edges.clone(), &Numbers::of_column(name, chunks)?))
            }
            Self::Category(like, _) => {
                let found = Categories::of_column(name, chunks)?.counts;
                let counts: BTreeMap<String, u64> = like
                    .keys()
                    .map(|name| (name.clone(), found.get(name).copied().unwrap_or(0)))
                    .collect();
                let rest = found.values().sum::<u64>() - counts.values().sum::<u64>();
                Ok(Self::Category(counts, rest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::StringArray;
    use std::sync::Arc;

    #[test]
    fn the_dictionary_keeps_the_most_frequent_and_counts_the_rest() {
        let names = ["a", "a", "c", "b", "a", "c", "a", "c", "a"];
        let column: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names.to_vec()))];
        let frozen = Cells::of("c", &column, 10, 2).unwrap();
        let counts = [("a".to_owned(), 5), ("c".to_owned(), 3)].into();
        assert_eq!(frozen, Cells::Category(counts, 1));
        assert_eq!(frozen.like("c", &column).unwrap(), frozen);
    }
}
