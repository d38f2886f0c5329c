//! "Did you mean": the known word nearest to what was written.

/// Longest words that are compared; nobody means anything by more.
const LONGEST: usize = 64;

/// Finds the candidate that `word` was probably meant to be.
///
/// Case, `-` and `_` do not count; beyond that about a third of the letters may differ.
pub fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = plain(word);
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let most = (word.len() + 1) / 3;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|&(distance, _)| distance <= most)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|it| !matches!(it, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Counts the insertions, deletions, changes and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_if_it_is_near() {
        let words = ["desired_count", "cluster", "launch_type", "FARGATE", "EC2"];
        let check = |word: &str, meant: Option<&str>| {
            assert_eq!(did_you_mean(word, words), meant, "{word}");
        };
        check("desired_cont", Some("desired_count"));
        check("desiredCount", Some("desired_count"));
        check("clsuter", Some("cluster"));
        check("fargate", Some("FARGATE"));
        check("lauch-type", Some("launch_type"));
        check("memory", None);
        check("", None);
        check(&"x".repeat(1000), None);
    }

    #[test]
    fn distances_are_those_of_the_textbook() {
        let check = |a: &str, b: &str, expected: usize| {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            assert_eq!(distance(&a, &b), expected);
            assert_eq!(distance(&b, &a), expected);
        };
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("ca", "ac", 1);
        check("flaw", "lawn", 2);
    }
}
