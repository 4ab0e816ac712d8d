//! Random numbers that are the same at every run, because they come from a seed. Each
//! test chooses what it does with them.

/// Xorshift, from a seed that is not 0.
pub struct Random(pub u64);

impl Random {
    /// A number from 0 to `end` - 1.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}
