//! Suggests the known name that was most likely meant by an unknown one.

/// The entry of `known` with the smallest edit distance to `name`. `None` if the distance is large
/// compared to the length of the name.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated = known.into_iter().map(|k| (distance(name, k), k));
    let (changes, best) = rated.min_by_key(|&(changes, _)| changes)?;
    let most = 1 + name.len().min(best.len()) / 4;
    (changes <= most && changes < name.len()).then_some(best)
}

/// The number of letters to insert, delete, change or swap with their neighbour to get from `a` to
/// `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                least = least.min(rows[i - 1][j - 1] + same);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["netns_links", "netns_dns", "config", "routes"];
        assert_eq!(nearest("netns_link", known), Some("netns_links"));
        assert_eq!(nearest("netns_lniks", known), Some("netns_links"));
        assert_eq!(nearest("confg", known), Some("config"));
        assert_eq!(nearest("address", known), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
