//! Fuzzing of readers: texts and messages of other programs are changed at random and read. No
//! reader may panic or misread what it has written itself. A seed gives the same inputs on every
//! run. `make test` runs it for a few seconds, `make fuzz` for as long as you like.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::panic)]

mod texts;

use std::collections::BTreeSet;
use std::env;

/// Calls of each reader, by default.
const RUNS: u64 = 4000;

/// Limit of the inputs that are added to the corpus because they had a new outcome.
const KEPT: usize = 4000;

/// Maximal length of an input, in bytes.
const LONGEST: usize = 4096;

/// Xorshift, from a seed that is not 0.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }
}

/// Prints the input if the reader has panicked.
struct Witness<'a> {
    reader: &'a str,
    seed: u64,
    input: &'a [u8],
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (reader, seed) = (self.reader, self.seed);
            let text = self.input.escape_ascii();
            eprintln!("fuzz {reader}: seed {seed}, input b\"{text}\"");
        }
    }
}

/// Call a reader with changed inputs: each starts as one of `corpus`, and may get some of `words`.
/// The reader returns its outcome in a few words. An input with a new outcome joins the corpus.
pub(crate) fn fuzz(
    reader: &str,
    corpus: &[&[u8]],
    words: &[&str],
    mut read: impl FnMut(&[u8]) -> String,
) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("NETNS_FUZZ_SEED").filter(|seed| *seed != 0);
    let seed = seed.unwrap_or(0x9e37_79b9_7f4a_7c15);
    let runs = number("NETNS_FUZZ_RUNS").unwrap_or(RUNS);
    let mut random = Random(seed);
    let mut inputs: Vec<Vec<u8>> = corpus.iter().map(|input| input.to_vec()).collect();
    let mut outcomes = BTreeSet::new();
    for run in 0..runs {
        // First each input of the corpus, unchanged
        let at = usize::try_from(run).unwrap_or(usize::MAX);
        let input = match inputs.get(at).filter(|_| at < corpus.len()) {
            Some(input) => input.clone(),
            None => changed(&inputs, words, &mut random),
        };
        let witness = Witness {
            reader,
            seed,
            input: &input,
        };
        let outcome = bare(&read(&input));
        drop(witness);
        if outcomes.len() < KEPT && outcomes.insert(outcome) {
            inputs.push(input);
        }
    }
    let outcomes = outcomes.len();
    eprintln!("fuzz {reader}: seed {seed}, {runs} runs, {outcomes} outcomes told apart");
}

/// The lower-case words of an outcome. Without this, names and numbers would make each outcome a
/// new one.
fn bare(outcome: &str) -> String {
    let mut words: Vec<&str> = outcome.split_ascii_whitespace().collect();
    words.retain(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b','));
    words.truncate(12);
    words.join(" ")
}

fn changed(inputs: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut input = inputs[random.below(inputs.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let some = random.below(16).min(input.len() - at);
        match random.below(9) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap(),
            2 => drop(input.drain(at..at + some)),
            3 => drop(input.drain(at..)),
            4 => {
                let again = input[at..at + some].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let other = &inputs[random.below(inputs.len())];
                let from = random.below(other.len() + 1);
                let piece = other[from..(from + random.below(64)).min(other.len())].to_vec();
                input.splice(at..at, piece);
            }
            6 if at < input.len() => {
                const EDGES: [u8; 7] = [0, 1, 4, 16, 127, 128, 255];
                input[at] = EDGES[random.below(EDGES.len())];
            }
            _ if !words.is_empty() => {
                let word = words[random.below(words.len())].as_bytes().to_vec();
                input.splice(at..at + some * random.below(2), word);
            }
            _ => input.truncate(at),
        }
    }
    input.truncate(LONGEST);
    input
}
