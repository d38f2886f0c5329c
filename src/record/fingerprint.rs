//! A fingerprint of a run: every fact and its time, mixed into 128 bits.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::ecs::model::Model;
use crate::ecs::{Fact, Observer, World};
use crate::units::SimTime;

/// Mixes every fact and its time into 128 bits.
///
/// Equal runs have equal fingerprints, whatever else watches them. It is stable for one version
/// of the program and one kind of machine; it is not a cryptographic digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    lanes: [u64; 2],
}

/// Odd numbers without pattern: the fractions of the golden ratio and of √2.
const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x6a09_e667_f3bc_c909];

impl Fingerprint {
    /// Makes the fingerprint of nothing.
    pub fn new() -> Fingerprint {
        Fingerprint { lanes: FACTORS }
    }

    /// Returns the 128 bits.
    pub fn value(self) -> u128 {
        let [high, low] = self.lanes.map(finish);
        u128::from(high) << 64 | u128::from(low)
    }

    /// Takes a word in: for a given word each step is a bijection, so nothing is ever forgotten.
    #[inline]
    fn mix(&mut self, word: u64) {
        let [a, b] = self.lanes;
        self.lanes = [
            (a.rotate_left(5) ^ word).wrapping_mul(FACTORS[0]),
            (b ^ word).wrapping_mul(FACTORS[1]).rotate_left(29),
        ];
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Fingerprint::new()
    }
}

impl Observer for Fingerprint {
    fn observe(&mut self, at: SimTime, fact: &Fact, _: &World, _: &Model) {
        self.mix(at.as_micros());
        fact.hash(self);
    }
}

impl fmt::Display for Fingerprint {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.value())
    }
}

/// Takes in what `derive(Hash)` gives; the fixed widths make it fast, not different.
impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.value() as u64
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.mix(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    fn write_i32(&mut self, value: i32) {
        self.mix(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.mix(value as u64);
    }
}

/// Spreads every bit over the whole word (the finisher of SplitMix64).
fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_every_word_matter() {
        let of = |words: &[u64]| {
            let mut fingerprint = Fingerprint::new();
            words.iter().for_each(|&word| fingerprint.mix(word));
            fingerprint.value()
        };
        let all =
            [of(&[]), of(&[0]), of(&[1]), of(&[0, 1]), of(&[1, 0]), of(&[0, 0]), of(&[1 << 63])];
        for (n, a) in all.iter().enumerate() {
            assert!(!all[n + 1..].contains(a), "two of {all:x?} are equal");
        }
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3]));
    }
}
