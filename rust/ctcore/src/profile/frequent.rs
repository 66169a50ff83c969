//! The frequent categories of a column in bounded memory.

use std::collections::HashMap;

/// A category's count is short by at most a share of 1 / 8,193 of the rows.
const KEPT: usize = 8_192;

/// Counts of the frequent categories, by Misra and Gries ("Finding repeated elements", 1982) in the
/// form of Agarwal and others ("Mergeable summaries", 2012): above twice [`KEPT`] categories the
/// weight of the one after the first [`KEPT`] is taken off all, and those without any left are
/// forgotten. A category that was not there may have had as many rows as were taken off in all, at
/// most `rows / (KEPT + 1)`. One that has been there since its first row is counted exactly.
#[derive(Debug, Default)]
pub(super) struct Frequent {
    seen: HashMap<String, Seen>,
    taken: u64,
}

#[derive(Debug)]
struct Seen {
    /// Rows since it is here.
    rows: u64,
    /// Rows that it may have had before.
    before: u64,
    /// What Misra and Gries have left of it.
    weight: u64,
}

impl Frequent {
    /// Adds rows of a category.
    pub(super) fn add(&mut self, name: &str, rows: u64) {
        if let Some(seen) = self.seen.get_mut(name) {
            seen.rows += rows;
            seen.weight += rows;
        } else {
            let seen = Seen {
                rows,
                before: self.taken,
                weight: rows,
            };
            self.seen.insert(name.to_owned(), seen);
        }
    }

    /// Forgets rare categories where there are too many, after each absolute chunk.
    pub(super) fn thin(&mut self) {
        if self.seen.len() > 2 * KEPT {
            let mut weights: Vec<u64> = self.seen.values().map(|seen| seen.weight).collect();
            let (_, &mut least, _) = weights.select_nth_unstable_by(KEPT, |a, b| b.cmp(a));
            self.taken += least;
            self.seen.retain(|_, seen| {
                seen.weight = seen.weight.saturating_sub(least);
                seen.weight > 0
            });
        }
    }

    /// The `limit` most frequent categories (equal counts in the order of their names), and by how
    /// many rows any of their counts may be short.
    pub(super) fn finish(self, limit: usize) -> (Vec<(String, u64)>, u64) {
        let mut by_count: Vec<(String, Seen)> = self.seen.into_iter().collect();
        by_count.sort_unstable_by(|a, b| b.1.rows.cmp(&a.1.rows).then_with(|| a.0.cmp(&b.0)));
        by_count.truncate(limit);
        let short = by_count.iter().map(|(_, seen)| seen.before).max().unwrap_or(0);
        (
            by_count
                .into_iter()
                .map(|(name, seen)| (name, seen.rows))
                .collect(),
            short,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Stream;

    #[test]
    fn a_million_names_are_bounded_and_the_frequent_ones_exact() {
        let mut frequent = Frequent::default();
        for chunk in 0..50_u64 {
            let ids: Vec<String> = (0..20_000)
                .map(|i| format!("id {}", chunk * 20_000 + i))
                .collect();
            let hostile = ids.iter().map(|id| (id.as_str(), 1));
            for (name, rows) in [("often", 500), ("at times", 20)].into_iter().chain(hostile) {
                frequent.add(name, rows);
            }
            frequent.thin();
            assert!(frequent.seen.len() <= 2 * KEPT);
        }
        let (counts, short) = frequent.finish(2);
        assert_eq!(counts[0], ("often".to_owned(), 25_000));
        assert_eq!(counts[1], ("at times".to_owned(), 1_000));
        assert_eq!(short, 0);
    }

    /// A category's true count lies between what was seen and what may have been before.
    #[test]
    fn counts_are_short_by_no_more_than_is_said() {
        let (rows, chunks) = (10_000, 20);
        let mut frequent = Frequent::default();
        let mut exact: HashMap<String, u64> = HashMap::new();
        for chunk in 0..chunks {
            let mut here: HashMap<String, u64> = HashMap::new();
            for row in 0..rows {
                let tail = 1.0 / (1e-6 + Stream::new(chunk, 3).uniform(row));
                *here.entry(format!("{}", tail as u64 + 7 * chunk)).or_insert(0) += 1;
                *here.entry(format!("{chunk} {row}")).or_insert(0) += 1;
            }
            for (name, rows) in &here {
                *exact.entry(name.clone()).or_insert(0) += rows;
            }
            for (name, &rows) in &here {
                frequent.add(name, rows);
            }
            frequent.thin();
        }
        assert!(frequent.taken > 0 && frequent.taken <= 2 * rows * chunks / (KEPT as u64 + 1));
        let (counts, short) = frequent.finish(1_000);
        assert!(counts.len() > 100);
        assert!(
            counts.iter().any(|(name, rows)| exact[name] > *rows),
            "nothing was ever forgotten"
        );
        for (name, rows) in counts {
            assert!((rows..=rows + short).contains(&exact[&name]), "{name}");
        }
    }
}
