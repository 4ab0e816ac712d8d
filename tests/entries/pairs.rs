//! Chooses few of many cells, so that each two parts that occur together in any cell
//! occur together in a chosen one. The choice is the same each time.

use std::collections::BTreeSet;

use super::cells::Cell;

/// Two parts of a cell: which ones, and their indexes.
pub type Pair = (usize, usize, usize, usize);

/// All pairs of a cell.
pub fn pairs(cell: Cell) -> impl Iterator<Item = Pair> {
    (0..4).flat_map(move |a| (a + 1..4).map(move |b| (a, b, cell.0[a], cell.0[b])))
}

/// A choice of `cells` that contains all their pairs.
pub fn pairwise(cells: &[Cell]) -> Vec<Cell> {
    let mut open: BTreeSet<Pair> = cells.iter().copied().flat_map(pairs).collect();
    let mut chosen = Vec::new();
    // The two longest parts first: each of their pairs needs a cell of its own anyway, and that
    // cell covers other pairs.
    let longest = |pair: &&Pair| std::cmp::Reverse(Cell::SIZES[pair.0] * Cell::SIZES[pair.1]);
    while let Some(&pair) = open.iter().min_by_key(longest) {
        let with = cells
            .iter()
            .filter(|cell| (cell.0[pair.0], cell.0[pair.1]) == (pair.2, pair.3));
        // Choose another one of equals each time: otherwise most would be of one init system.
        let turn = chosen.len();
        let gain = |cell: &&Cell| {
            let new = pairs(**cell).filter(|pair| open.contains(pair)).count();
            let mixed = cell.0.iter().fold(turn + 1, |n, part| {
                (n + part).wrapping_mul(0x9e37_79b9) ^ (n >> 7)
            });
            (new, mixed % 1009)
        };
        let Some(best) = with.max_by_key(gain) else {
            break;
        };
        for pair in pairs(*best) {
            open.remove(&pair);
        }
        chosen.push(*best);
    }
    chosen
}
