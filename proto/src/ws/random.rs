//! Seeded randomness: a failing test prints the seed, and `SEED=` replays it.

use std::hash::{BuildHasher, RandomState};

/// A splitmix64 generator.
pub(in crate::ws) struct Random(u64);

impl Random {
    /// From `SEED`, or a new seed each run; printed either way, and shown when the test fails.
    pub(in crate::ws) fn from_environment() -> Self {
        let seed = match std::env::var("SEED") {
            Ok(seed) => seed.parse().expect("SEED is a decimal number"),
            Err(_) => RandomState::new().hash_one(0),
        };
        println!("SEED={seed}");
        Self(seed)
    }

    pub(in crate::ws) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `max`, both included.
    pub(in crate::ws) fn up_to(&mut self, max: usize) -> usize {
        (self.next() % (max as u64 + 1)) as usize
    }

    pub(in crate::ws) fn one_in(&mut self, chances: usize) -> bool {
        self.up_to(chances - 1) == 0
    }

    pub(in crate::ws) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// About `len` bytes of text, one to four bytes a character.
    pub(in crate::ws) fn text(&mut self, len: usize) -> String {
        let mut text = String::new();
        while text.len() < len {
            let bits = 32 - self.up_to(25);
            let code = self.next() as u32 >> (32 - bits.min(21));
            text.extend(char::from_u32(code));
        }
        text
    }
}
