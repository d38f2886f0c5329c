//! "Did you mean": the names nearest to one that does not exist.

use std::cmp::Reverse;

/// How many names a hint offers.
const OFFERED: usize = 3;

/// Returns up to three candidates nearest to `wanted`, the nearest first.
///
/// Names that share the part before `separator` (an instance family, a geography) come first, then
/// the fewest edits (insert, delete, replace, swap neighbours), then the longest common beginning.
pub fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    separator: char,
) -> Vec<&'a str> {
    let group = wanted.split(separator).next();
    let wanted_letters = letters(wanted);
    let mut ranked: Vec<_> = candidates
        .into_iter()
        .map(|name| {
            let other_group = name.split(separator).next() != group;
            let count = edits(&wanted_letters, &letters(name));
            (other_group, count, Reverse(common_beginning(wanted, name)), name)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(OFFERED).map(|(.., name)| name).collect()
}

fn common_beginning(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count()
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// Counts the edits from `a` to `b` (optimal string alignment), keeping the last three rows only.
pub(crate) fn edits(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_single_changes_and_swaps_of_neighbours() {
        let check = |a: &str, b: &str, count: usize| {
            assert_eq!(edits(&letters(a), &letters(b)), count, "{a} to {b}");
            assert_eq!(edits(&letters(b), &letters(a)), count, "{b} to {a}");
        };
        check("", "", 0);
        check("", "abc", 3);
        check("large", "large", 0);
        check("lrage", "large", 1);
        check("kitten", "sitting", 3);
        check("flaw", "lawn", 2);
        check("m5.larg", "m5.large", 1);
    }

    #[test]
    fn the_same_group_comes_first_and_three_names_are_enough() {
        let names = ["c5.large", "m5.2xlarge", "m5.large", "m5.metal", "m5.xlarge"];
        let check = |wanted: &str, expected: &[&str]| {
            assert_eq!(nearest(wanted, names, '.'), expected, "{wanted}");
        };
        check("m5.lrage", &["m5.large", "m5.xlarge", "m5.2xlarge"]);
        check("c6.large", &["c5.large", "m5.large", "m5.xlarge"]);
        check("c5.metal", &["c5.large", "m5.metal", "m5.large"]);
    }
}
