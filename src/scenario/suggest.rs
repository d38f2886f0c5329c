//! "Did you mean": the known word nearest to what was written.

use crate::catalogue::edits;

/// Longest words that are compared; nobody means anything by more.
const LONGEST: usize = 64;

/// The most candidates that are compared; a suggestion is not worth more.
const MOST: usize = 1000;

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
        .take(MOST)
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (edits(&word, &plain(candidate)), candidate))
        .filter(|&(edits, _)| edits <= most)
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|it| !matches!(it, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
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
}
