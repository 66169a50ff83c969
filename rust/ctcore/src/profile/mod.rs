//! The mergeable summary of a column: what a later comparison needs of it, and nothing of its rows.
//!
//! A [`Summary`] takes absolute chunks of a stream in order and holds a bounded state, whatever the
//! number of rows. Edges and dictionaries are frozen on the reference. On frozen cells the counts are
//! integers, so profiles of days, shards and machines merge exactly and in any order.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use arrow_array::ArrayRef;

use crate::column::{Categories, Kind, Numbers, Rows};
use crate::num::Moments;
use crate::{Error, Result};

pub mod cells;
pub mod distinct;
mod edges;
mod frequent;
pub mod quantiles;
mod stream;

use distinct::{Distinct, hash_name};
pub use edges::Edges;
use frequent::Frequent;
use quantiles::Quantiles;
pub use stream::{Columns, profile};

/// The summary of a column of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberProfile {
    /// What the rows hold.
    pub rows: Rows,
    /// The smallest and the largest finite value.
    pub range: Option<(f64, f64)>,
    /// Moments of the finite values.
    pub moments: Moments,
    /// The cells that decisions look at; their borders are among those of `quantiles`.
    pub edges: Edges,
    /// The distribution of the finite values.
    pub quantiles: Quantiles,
    /// How many different finite values there are.
    pub distinct: Distinct,
}

impl NumberProfile {
    /// Finite values per cell.
    pub fn counts(&self) -> Vec<u64> {
        self.quantiles.counts_on(&self.edges)
    }

    fn merge(&mut self, later: &Self) -> Result<()> {
        if self.edges != later.edges || self.quantiles.edges() != later.quantiles.edges() {
            return Err(Error::argument(
                "profile",
                format!(
                    "profiles merge on the same edges only; one has {} cells, the other {}, or their borders differ. \
                     Make both with like= the same reference",
                    self.edges.cells(),
                    later.edges.cells()
                ),
            ));
        }
        self.rows.merge(&later.rows);
        self.range = joined(self.range, later.range);
        self.moments.merge(&later.moments);
        self.quantiles.merge(&later.quantiles);
        self.distinct.merge(&later.distinct);
        Ok(())
    }
}

/// The summary of a column of categories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryProfile {
    /// What the rows hold.
    pub rows: Rows,
    /// Rows per category of the dictionary. A category may count 0.
    pub counts: BTreeMap<String, u64>,
    /// Rows that are not counted for a category of the dictionary.
    pub rest: u64,
    /// By how many rows the count of a category may be short. They are in `rest`.
    pub short: u64,
    /// How many different categories there are.
    pub distinct: Distinct,
}

impl CategoryProfile {
    fn merge(&mut self, later: &Self) -> Result<()> {
        if !self.counts.keys().eq(later.counts.keys()) {
            return Err(Error::argument(
                "profile",
                "profiles merge on the same dictionary only; make both with like= the same reference",
            ));
        }
        self.rows.merge(&later.rows);
        for (sum, count) in self.counts.values_mut().zip(later.counts.values()) {
            *sum += count;
        }
        self.rest += later.rest;
        self.short += later.short;
        self.distinct.merge(&later.distinct);
        Ok(())
    }
}

/// The summary of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnProfile {
    /// Of numbers.
    Number(NumberProfile),
    /// Of categories.
    Category(CategoryProfile),
}

impl ColumnProfile {
    /// Adds the rows of `later`, which was counted on the same cells.
    ///
    /// # Errors
    /// [`Error::Argument`] where the cells or kinds differ: counts on different cells have no sum.
    pub fn merge(&mut self, later: &Self) -> Result<()> {
        match (self, later) {
            (Self::Number(a), Self::Number(b)) => a.merge(b),
            (Self::Category(a), Self::Category(b)) => a.merge(b),
            _ => Err(Error::argument(
                "profile",
                "one profile is of numbers, the other of categories",
            )),
        }
    }
}

/// How a column's cells come about.
#[derive(Debug, Clone, Copy)]
pub enum Freeze<'a> {
    /// From the column itself: `cells` of about equal mass for numbers, the `categories` most frequent
    /// for the rest.
    Here {
        /// Cells of numbers.
        cells: usize,
        /// Categories that are kept one by one.
        categories: usize,
    },
    /// They are those of another profile.
    Like(&'a ColumnProfile),
}

/// The profile of a column, while its chunks come in.
pub struct Summary {
    name: String,
    rows: Rows,
    distinct: distinct::Counting,
    values: Values,
}

enum Values {
    Number {
        range: Option<(f64, f64)>,
        moments: Moments,
        quantiles: Box<quantiles::Counting>,
        cells: Cells,
    },
    /// Categories, and how many are kept.
    Frequent(Frequent, usize),
    Known {
        counts: HashMap<String, u64>,
        rest: u64,
    },
}

enum Cells {
    Choose(usize),
    Frozen(Edges),
}

impl Summary {
    /// The summary of no rows of a column.
    ///
    /// # Errors
    /// [`Error::Type`] where the column is of another kind than the profile that it is to be like.
    pub fn new(name: &str, kind: Kind, freeze: Freeze) -> Result<Self> {
        let values = match (freeze, kind) {
            (Freeze::Here { cells, .. }, Kind::Number) => Values::Number {
                range: None,
                moments: Moments::default(),
                quantiles: Box::new(quantiles::Counting::new()),
                cells: Cells::Choose(cells),
            },
            (Freeze::Here { categories, .. }, Kind::Category) => {
                Values::Frequent(Frequent::default(), categories)
            }
            (Freeze::Like(ColumnProfile::Number(like)), Kind::Number) => Values::Number {
                range: None,
                moments: Moments::default(),
                quantiles: Box::new(quantiles::Counting::like(&like.quantiles)),
                cells: Cells::Frozen(like.edges.clone()),
            },
            (Freeze::Like(ColumnProfile::Category(like)), Kind::Category) => Values::Known {
                counts: like.counts.keys().map(|name| (name.clone(), 0)).collect(),
                rest: 0,
            },
            (Freeze::Like(like), kind) => {
                let was = match like {
                    ColumnProfile::Number(_) => Kind::Number,
                    ColumnProfile::Category(_) => Kind::Category,
                };
                return Err(Error::Type {
                    name: name.to_owned(),
                    message: format!(
                        "the reference holds {}, this column {}",
                        was.plural(),
                        kind.plural()
                    ),
                });
            }
        };
        Ok(Self {
            name: name.to_owned(),
            rows: Rows::default(),
            distinct: distinct::Counting::default(),
            values,
        })
    }

    /// Adds one absolute chunk of rows, as the slices that it lies in.
    ///
    /// # Errors
    /// [`Error::Type`] where a slice cannot be read.
    pub fn add(&mut self, chunk: &[ArrayRef]) -> Result<()> {
        match &mut self.values {
            Values::Number {
                range,
                moments,
                quantiles,
                ..
            } => {
                let numbers = Numbers::of_pieces(&self.name, chunk)?;
                self.rows.merge(&numbers.rows);
                if let Some(here) = numbers.range() {
                    *range = joined(*range, Some(here));
                    moments.merge(&Moments::of_chunk(&numbers.finite));
                    quantiles.add(&numbers.finite, here);
                    self.distinct.extend_numbers(&numbers.finite);
                }
            }
            Values::Frequent(frequent, _) => {
                let found = named(chunk, |name, rows| {
                    self.distinct.extend([hash_name(name)]);
                    frequent.add(name, rows);
                })?;
                self.rows.merge(&found);
                frequent.thin();
            }
            Values::Known { counts, rest } => {
                let found = named(chunk, |name, rows| {
                    self.distinct.extend([hash_name(name)]);
                    *counts.get_mut(name).unwrap_or(&mut *rest) += rows;
                })?;
                self.rows.merge(&found);
            }
        }
        Ok(())
    }

    /// The profile of the rows that were added.
    pub fn finish(self) -> ColumnProfile {
        let rows = self.rows;
        let distinct = self.distinct.finish();
        match self.values {
            Values::Number {
                range,
                moments,
                quantiles,
                cells,
            } => {
                let quantiles = quantiles.finish();
                let edges = match cells {
                    Cells::Choose(cells) => quantiles.equal_mass(cells),
                    Cells::Frozen(edges) => edges,
                };
                ColumnProfile::Number(NumberProfile {
                    rows,
                    range,
                    moments,
                    edges,
                    quantiles,
                    distinct,
                })
            }
            Values::Frequent(frequent, limit) => {
                let (kept, short) = frequent.finish(limit);
                let known: u64 = kept.iter().map(|(_, rows)| rows).sum();
                ColumnProfile::Category(CategoryProfile {
                    rows,
                    counts: kept.into_iter().collect(),
                    rest: rows.rows - rows.nulls - known,
                    short,
                    distinct,
                })
            }
            Values::Known { counts, rest } => ColumnProfile::Category(CategoryProfile {
                rows,
                counts: counts.into_iter().collect(),
                rest,
                short: 0,
                distinct,
            }),
        }
    }
}

/// The range of two samples together.
pub(crate) fn joined(first: Option<(f64, f64)>, second: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (first, second) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (range, None) | (None, range) => range,
    }
}

/// A longer name is known by its beginning, its length and its hash: names are bounded, too.
const LONGEST: usize = 256;

/// Gives `take` the categories of a chunk under names of bounded length, each once or more with its rows.
fn named(chunk: &[ArrayRef], mut take: impl FnMut(&str, u64)) -> Result<Rows> {
    let mut found = Rows::default();
    for slice in chunk {
        found.merge(&Categories::each(slice, |name, rows| take(&bounded(name), rows))?);
    }
    Ok(found)
}

fn bounded(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    let head: String = name.chars().take(LONGEST / 8).collect();
    Cow::Owned(format!(
        "{head}... ({} bytes, {:016x})",
        name.len(),
        hash_name(name)
    ))
}
