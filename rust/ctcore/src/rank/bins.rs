//! A monotone map from order keys to bins of about equal mass: what sorting in linear time and an
//! exact search without sorting are made of.

/// Cells of the coarse level. Their table stays in the first-level cache.
const CELLS: usize = 1 << 10;

/// Bins over order keys. Equal keys share a bin and a larger key never has a smaller bin, whatever
/// the sample was; only the balance of the bins depends on it.
///
/// Two levels: the range of the sample is cut into equal cells of keys (keys are about logarithmic
/// in the value, so no tail is too long), and each cell is cut again, between its own extremes in
/// the sample, into as many equal bins as its share of the sample asks for.
#[derive(Debug, Clone)]
pub(crate) struct Bins {
    lowest: u64,
    shift: u32,
    cells: Vec<Cell>,
    total: usize,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    lowest: u64,
    shift: u32,
    first_bin: u32,
    last: u64,
}

impl Bins {
    /// About `count` bins (between half and twice as many, and one for each coarse cell) of about
    /// equal mass for data of which `sample` is an ascending sample.
    pub(crate) fn of(sample: &[u64], count: usize) -> Self {
        let lowest = sample.first().copied().unwrap_or(0);
        let range = sample.last().map_or(0, |&highest| highest - lowest);
        let shift = shift_to(range, CELLS);
        let mut bins = Self {
            lowest,
            shift,
            cells: Vec::new(),
            total: 0,
        };
        let mut rest = sample;
        for index in 0..=range >> shift {
            let (here, later) = rest.split_at(rest.partition_point(|key| (key - lowest) >> shift <= index));
            rest = later;
            let share = here.len() * count / sample.len().max(1);
            let range = here.first().zip(here.last()).map_or(0, |(low, high)| high - low);
            let shift = shift_to(range, 2 * share.max(1));
            bins.cells.push(Cell {
                lowest: here.first().copied().unwrap_or(0),
                shift,
                first_bin: bins.total as u32,
                last: range >> shift,
            });
            bins.total += (range >> shift) as usize + 1;
        }
        bins
    }

    /// The number of bins.
    pub(crate) fn len(&self) -> usize {
        self.total
    }

    /// The bin of a key.
    #[inline]
    pub(crate) fn bin(&self, key: u64) -> usize {
        let index = (key.saturating_sub(self.lowest) >> self.shift) as usize;
        let cell = &self.cells[index.min(self.cells.len() - 1)];
        let inside = (key.saturating_sub(cell.lowest) >> cell.shift).min(cell.last);
        cell.first_bin as usize + inside as usize
    }
}

/// A shift that leaves fewer than `count` different values of `0..=range`, and as a rule more than
/// half as many.
fn shift_to(range: u64, count: usize) -> u32 {
    let bits = u64::BITS - range.leading_zeros();
    bits.saturating_sub(count.max(1).ilog2()).min(u64::BITS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bins_never_descend_whatever_the_sample_was(
            mut sample in prop::collection::vec(any::<u64>(), 0..200),
            mut keys in prop::collection::vec(any::<u64>(), 1..200),
            near in prop::collection::vec(0..4000_u64, 0..50),
            count in 1..5000_usize,
        ) {
            sample.extend(near.iter().map(|step| (1 << 62) + step));
            keys.extend(near.iter().map(|step| (1 << 62) + step + 1));
            keys.extend([0, u64::MAX]);
            sample.sort_unstable();
            keys.sort_unstable();
            let bins = Bins::of(&sample, count);
            let found: Vec<usize> = keys.iter().map(|&key| bins.bin(key)).collect();
            prop_assert!(found.is_sorted());
            prop_assert!(found.iter().all(|&bin| bin < bins.len()));
            prop_assert!(bins.len() <= 2 * count + 2 * CELLS);
        }
    }

    #[test]
    fn a_cluster_beside_an_outlier_is_still_cut() {
        let mut sample: Vec<u64> = (0..1000).map(|i| (1 << 60) + i).collect();
        sample.push(u64::MAX);
        let bins = Bins::of(&sample, 500);
        let used: std::collections::BTreeSet<usize> = sample.iter().map(|&key| bins.bin(key)).collect();
        assert!(used.len() > 400, "{}", used.len());
    }
}
