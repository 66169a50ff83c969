//! Whether a column's values come in order.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};

use crate::Result;
use crate::column::as_f64;
use crate::num::order_key;
use crate::validate::keys::EXAMPLES;
use crate::validate::rule::ticks;

/// The order that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// From the largest to the smallest.
    pub descending: bool,
    /// Whether equal neighbours break it.
    pub strict: bool,
}

/// Where the order is broken. Nulls and NaN are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// The row of the first value, and a number that orders as the values do.
    pub first: Option<(u64, i128)>,
    /// That of the last one.
    pub last: Option<i128>,
    /// Values that do not follow their predecessor.
    pub breaks: u64,
    /// The first rows that do not.
    pub examples: Vec<u64>,
}

impl Order {
    /// Looks at the rows of a chunk that begins at row `start`.
    ///
    /// # Errors
    /// [`crate::Error::Type`] where the column has no order.
    pub fn of_chunk(name: &str, chunk: &ArrayRef, direction: Direction, start: u64) -> Result<Self> {
        let mut order = Self::default();
        each_key(name, chunk, |row, key| {
            order.follow(start + row as u64, key, direction);
        })?;
        Ok(order)
    }

    fn follow(&mut self, row: u64, key: i128, direction: Direction) {
        if let Some(last) = self.last
            && !direction.follows(last, key)
        {
            self.breaks += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(row);
            }
        }
        self.first = self.first.or(Some((row, key)));
        self.last = Some(key);
    }

    /// The same rows where `before` others precede them.
    #[must_use]
    pub fn after(mut self, before: u64) -> Self {
        if let Some((row, _)) = &mut self.first {
            *row = row.saturating_add(before);
        }
        for row in &mut self.examples {
            *row = row.saturating_add(before);
        }
        self
    }

    /// Adds the rows of `later`, which follow the rows of `self`.
    pub fn merge(&mut self, later: Self, direction: Direction) {
        let Some((row, key)) = later.first else {
            return;
        };
        self.follow(row, key, direction);
        self.last = later.last;
        self.breaks += later.breaks;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(later.examples.into_iter().take(room));
    }
}

/// Calls `look` with the place of each value, nulls and NaN excepted, and a number that orders as the values do.
///
/// # Errors
/// [`crate::Error::Type`] where the values have no order.
pub(crate) fn each_key(name: &str, values: &ArrayRef, mut look: impl FnMut(usize, i128)) -> Result<()> {
    let nulls = values.logical_nulls();
    let there = |place: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(place));
    if let Some((_, whole)) = ticks(values) {
        for (place, value) in whole.into_iter().enumerate().filter(|(place, _)| there(*place)) {
            look(place, value.into());
        }
        return Ok(());
    }
    let floats = as_f64(name, values)?;
    for (place, &value) in floats.as_primitive::<Float64Type>().values().iter().enumerate() {
        if !value.is_nan() && there(place) {
            look(place, order_key(value).into());
        }
    }
    Ok(())
}

impl Direction {
    pub(crate) fn follows(self, last: i128, key: i128) -> bool {
        let (low, high) = if self.descending { (key, last) } else { (last, key) };
        low < high || (!self.strict && low == high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Float64Array;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            values in prop::collection::vec(prop::option::of(-3..3_i32), 0..60),
            cut in 0.0..1.0_f64,
            descending: bool,
            strict: bool,
        ) {
            let direction = Direction { descending, strict };
            let floats: Float64Array = values.iter().map(|value| value.map(f64::from)).collect();
            let column: ArrayRef = Arc::new(floats);
            let cut = (cut * values.len() as f64) as usize;
            let of = |from: usize, to: usize| {
                Order::of_chunk("x", &column.slice(from, to - from), direction, from as u64).unwrap()
            };
            let mut parts = of(0, cut);
            parts.merge(of(cut, values.len()), direction);
            let there: Vec<i32> = values.iter().flatten().copied().collect();
            let breaks = there.windows(2).filter(|pair| {
                let (low, high) = if descending { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
                low > high || (strict && low == high)
            });
            prop_assert_eq!(parts.breaks, breaks.count() as u64);
            prop_assert_eq!(parts, of(0, values.len()));
        }
    }
}
