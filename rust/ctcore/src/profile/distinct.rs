//! How many different values there are: counted while they are few, then estimated.

use std::f64::consts::LN_2;

use ctcore_simd::widest;

use crate::num::order_key;
use crate::{Error, Result};

/// Up to this many different values are counted exactly.
pub const EXACT: usize = 1_024;
/// The size of their table.
const SLOTS: usize = 4 * EXACT;
/// 2^12 registers: a standard error of 1.04 / 64 = 1.6%.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// Hashes that are made together, which is done in vectors.
const BLOCK: usize = 512;
/// From this least register on, few hashes raise one.
const FEW_RAISE: u8 = 4;
/// The largest value of a register: one more than the bits that the index leaves of a hash.
const LARGEST: u8 = (u64::BITS - BITS + 1) as u8;

/// The number of different values, from their hashes: a set of them while they are few, then a
/// `HyperLogLog` (Flajolet, Fusy, Gandouet and Meunier, 2007) with the estimator of Ertl, "New
/// cardinality estimation algorithms for `HyperLogLog` sketches" (2017), algorithm 6. It depends on
/// the set of the values alone, so it merges exactly and in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distinct {
    /// The hashes of all values, ascending.
    Few(Vec<u64>),
    /// For each of the hashes' first bits, the most zeros that followed them, and one.
    Many(Vec<u8>),
}

impl Distinct {
    /// Takes registers that were stored.
    ///
    /// # Errors
    /// [`Error::Argument`] where they are none of this format.
    pub fn many(registers: Vec<u8>) -> Result<Self> {
        if registers.len() != REGISTERS || registers.iter().any(|&register| register > LARGEST) {
            let message = format!("expected {REGISTERS} registers of at most {LARGEST}, found others");
            return Err(Error::argument("distinct", message));
        }
        Ok(Self::Many(registers))
    }

    /// How many different values there are: exact where they are few.
    pub fn estimate(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => estimate(registers).round() as u64,
        }
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: &Self) {
        let mut counting = Counting::default();
        for side in [&*self, other] {
            match side {
                Self::Few(hashes) => counting.extend(hashes.iter().copied()),
                Self::Many(registers) => counting.add_registers(registers),
            }
        }
        *self = counting.finish();
    }
}

fn estimate(registers: &[u8]) -> f64 {
    let mut of = [0_u32; LARGEST as usize + 1];
    for &register in registers {
        of[usize::from(register)] += 1;
    }
    let m = REGISTERS as f64;
    let last = usize::from(LARGEST);
    let mut z = m * tau(1.0 - f64::from(of[last]) / m);
    for &count in of[1..last].iter().rev() {
        z = 0.5 * (z + f64::from(count));
    }
    z += m * sigma(f64::from(of[0]) / m);
    m * m / (2.0 * LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z, mut last) = (1.0, x, f64::NAN);
    while z != last {
        x *= x;
        last = z;
        z += x * y;
        y += y;
    }
    z
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z, mut last) = (1.0, 1.0 - x, f64::NAN);
    while z != last {
        x = x.sqrt();
        last = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
    }
    z / 3.0
}

/// The hash of a number: the finaliser of `SplitMix64` (Steele, Lea and Flood, 2014) over its order
/// key, so that 0 and -0 are one value. Hashes are part of the stored format.
#[inline]
pub(super) fn hash_number(value: f64) -> u64 {
    mix(order_key(value))
}

/// The hash of a name: FNV-1a, finished as a number is.
pub(super) fn hash_name(name: &str) -> u64 {
    let fnv = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    mix(fnv)
}

#[inline]
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Values that are being counted.
pub(super) struct Counting {
    registers: Vec<u8>,
    /// A hash whose later bits are above this raises no register.
    reach: u64,
    /// An open table of the hashes while they are few; 0 is a free slot.
    few: Option<Vec<u64>>,
    used: usize,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            registers: vec![0; REGISTERS],
            reach: u64::MAX,
            few: Some(vec![0; SLOTS]),
            used: 0,
        }
    }
}

impl Counting {
    /// Adds numbers.
    pub(super) fn extend_numbers(&mut self, values: &[f64]) {
        let mut hashes = [0; BLOCK];
        for block in values.chunks(BLOCK) {
            widest(|| {
                for (hash, &value) in hashes.iter_mut().zip(block) {
                    *hash = hash_number(value);
                }
            });
            self.extend(hashes[..block.len()].iter().copied());
        }
        let least = self.registers.iter().min().copied().unwrap_or(0);
        // While one hash in some raises a register, asking costs more than raising.
        self.reach = if least < FEW_RAISE {
            u64::MAX
        } else {
            u64::MAX >> least
        };
    }

    /// Adds values by their hashes.
    pub(super) fn extend(&mut self, hashes: impl IntoIterator<Item = u64>) {
        let mut hashes = hashes.into_iter();
        while let Some(slots) = &mut self.few
            && let Some(hash) = hashes.next()
        {
            if insert(slots, hash.max(1)) {
                self.used += 1;
                raise(&mut self.registers, hash);
                if self.used > EXACT {
                    self.few = None;
                }
            }
        }
        let reach = self.reach;
        for hash in hashes {
            if hash << BITS <= reach {
                raise(&mut self.registers, hash);
            }
        }
    }

    fn add_registers(&mut self, registers: &[u8]) {
        self.few = None;
        for (mine, &theirs) in self.registers.iter_mut().zip(registers) {
            *mine = theirs.max(*mine);
        }
    }

    pub(super) fn finish(self) -> Distinct {
        match self.few {
            None => Distinct::Many(self.registers),
            Some(slots) => {
                let mut hashes: Vec<u64> = slots.into_iter().filter(|&hash| hash != 0).collect();
                hashes.sort_unstable();
                Distinct::Few(hashes)
            }
        }
    }
}

/// Puts a hash into an open table; says whether it is new.
fn insert(slots: &mut [u64], hash: u64) -> bool {
    let mut slot = hash as usize % SLOTS;
    loop {
        if slots[slot] == hash {
            return false;
        }
        if slots[slot] == 0 {
            slots[slot] = hash;
            return true;
        }
        slot = (slot + 1) % SLOTS;
    }
}

fn raise(registers: &mut [u8], hash: u64) {
    let register = &mut registers[(hash >> (u64::BITS - BITS)) as usize];
    let zeros = ((hash << BITS) | (1 << (BITS - 1))).leading_zeros() as u8;
    *register = (*register).max(zeros + 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numbers: impl IntoIterator<Item = u64>) -> Distinct {
        let mut counting = Counting::default();
        counting.extend(numbers.into_iter().map(|number| hash_number(number as f64)));
        counting.finish()
    }

    #[test]
    fn few_are_counted_and_many_estimated() {
        for n in [0, 1, 1_000, EXACT as u64] {
            assert_eq!(of((0..n).chain(0..n)).estimate(), n);
        }
        for n in [EXACT as u64 + 1, 5_000, 100_000, 1_000_000] {
            let found = of((0..n).chain(0..n));
            assert!(matches!(found, Distinct::Many(_)));
            let error = found.estimate() as f64 / n as f64 - 1.0;
            assert!(error.abs() < 4.0 * 0.0163, "{n}: {error}");
        }
    }

    /// The relative error over many sets has the spread that is stated, and no bias.
    #[test]
    fn the_standard_error_is_as_stated() {
        let errors: Vec<f64> = (0..200)
            .map(|set: u64| of((0..20_000).map(|i| (set << 24) + i)).estimate() as f64 / 20_000.0 - 1.0)
            .collect();
        let mean = errors.iter().sum::<f64>() / 200.0;
        let spread = (errors.iter().map(|error| error * error).sum::<f64>() / 200.0).sqrt();
        assert!(mean.abs() < 4.0 * 0.0163 / 200.0_f64.sqrt(), "{mean}");
        assert!((0.8..1.2).contains(&(spread / 0.0163)), "{spread}");
    }

    #[test]
    fn names_and_signed_zeros() {
        assert_eq!(hash_number(0.0), hash_number(-0.0));
        assert_ne!(hash_name(""), hash_name("a"));
        let mut counting = Counting::default();
        counting.extend([0, 1, 0, 1]); // 0 marks a free slot, so it is taken for 1
        assert_eq!(counting.finish().estimate(), 1);
    }

    #[test]
    fn foreign_registers_are_refused() {
        assert!(Distinct::many(vec![0; 7]).is_err());
        assert!(Distinct::many(vec![LARGEST + 1; REGISTERS]).is_err());
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole(
            first in prop::collection::vec(0..3_000_u64, 0..2_000),
            second in prop::collection::vec(0..3_000_u64, 0..2_000),
        ) {
            let mut merged = of(first.clone());
            merged.merge(&of(second.clone()));
            prop_assert_eq!(merged, of(first.into_iter().chain(second)));
        }
    }
}
