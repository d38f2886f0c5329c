//! Rust source as `tidy` looks at it: code and comments apart, and which lines are tests.

use std::collections::BTreeSet;

/// One file of source.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path in the repository: `src/ecs/task.rs`.
    pub path: String,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The code of all lines; comments and what is in quotes are blank, places are kept.
    pub code: String,
    /// Where in `code` each line begins.
    begins: Vec<usize>,
}

/// One line of source.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// As written.
    pub text: String,
    /// Its code.
    pub code: String,
    /// Its comment.
    pub comment: String,
    /// Whether it is compiled for tests only.
    pub is_test: bool,
}

/// What the scanner is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    BlockComment(usize),
    /// A string, and how many `#` end it if it is raw.
    Text(Option<usize>),
}

impl Source {
    /// Takes a file apart.
    pub fn new(path: &str, text: &str) -> Source {
        let (code, comments) = split(text);
        let mut lines: Vec<Line> = text
            .lines()
            .zip(code.lines().chain(std::iter::repeat("")))
            .zip(comments.lines().chain(std::iter::repeat("")))
            .map(|((text, code), comment)| Line {
                text: text.to_string(),
                code: code.to_string(),
                comment: comment.to_string(),
                is_test: false,
            })
            .collect();
        let is_test = path.starts_with("tests/") || names_tests(path);
        for line in &mut lines {
            line.is_test = is_test;
        }
        for (from, to) in test_items(&code) {
            lines[from..=to].iter_mut().for_each(|line| line.is_test = true);
        }
        let begins = line_begins(&code);
        Source { path: path.to_string(), lines, code, begins }
    }

    /// Returns the ring of a file of `src`; the command itself is part of `cli`.
    pub fn ring(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        match inner.split_once('/') {
            Some((ring, _)) => Some(ring),
            None => (inner == "main.rs").then_some("cli"),
        }
    }

    /// Returns how many modules a file of `src` is deep in the crate: `src/ecs/task.rs` is 2.
    pub fn depth(&self) -> usize {
        let Some(inner) = self.path.strip_prefix("src/") else { return 0 };
        let parts = inner.split('/').count();
        let is_root = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| inner.ends_with(name));
        parts - usize::from(is_root)
    }

    /// Lists the files that `#[cfg(test)] mod name;` makes tests, as `src/ecs/fixture`.
    pub fn test_modules(&self) -> BTreeSet<String> {
        let folder = match self.path.strip_suffix("/mod.rs") {
            Some(folder) => folder.to_string(),
            None => self.path.trim_end_matches(".rs").to_string(),
        };
        let declared = self.lines.iter().filter(|line| line.is_test).filter_map(|line| {
            let (_, rest) = line.code.split_once("mod ")?;
            Some(format!("{folder}/{}", rest.trim().strip_suffix(';')?))
        });
        declared.collect()
    }

    /// Lists names at the start of a path, with their line: `serde` of `serde::de::Error`.
    pub fn path_starts(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("::") {
            let before = &self.code[..at];
            let name = &before[before.rfind(|c: char| !is_word(c)).map_or(0, |it| it + 1)..];
            let outside = &before[..before.len() - name.len()];
            if !name.is_empty() && !outside.ends_with("::") {
                found.push((self.line_at(at), name));
            }
        }
        for (number, line) in self.lines.iter().enumerate() {
            let code = line.code.trim().trim_start_matches("pub ");
            if let Some(name) = code.strip_prefix("use ").and_then(|it| it.strip_suffix(';'))
                && name.chars().all(is_word)
            {
                found.push((number, name));
            }
        }
        found
    }

    /// Lists what stands after `crate::`, or after enough `super::` to mean the same.
    pub fn root_paths(&self) -> Vec<(usize, String)> {
        let up = "super::".repeat(self.depth());
        let mut found = Vec::new();
        for prefix in ["crate::", "ecsim::", up.as_str()] {
            for (at, _) in self.code.match_indices(prefix).filter(|_| !prefix.is_empty()) {
                let before = self.code[..at].chars().next_back();
                if before.is_some_and(|c| is_word(c) || c == ':') {
                    continue;
                }
                let line = self.line_at(at);
                let names = first_names(&self.code[at + prefix.len()..]);
                found.extend(names.into_iter().map(|name| (line, name)));
            }
        }
        found
    }

    /// Returns the line, from 0, of a place in `code`.
    pub fn line_at(&self, at: usize) -> usize {
        self.begins.partition_point(|&begin| begin <= at) - 1
    }
}

fn line_begins(code: &str) -> Vec<usize> {
    std::iter::once(0).chain(code.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// Says whether a character can be part of a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn names_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Returns the names a `use` goes on with: one, or those in braces.
fn first_names(rest: &str) -> Vec<String> {
    let word = |text: &str| text.trim().chars().take_while(|&c| is_word(c)).collect::<String>();
    let Some(inner) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            c => names.last_mut().expect("there is one").push(c),
        }
    }
    names.iter().map(|name| word(name)).filter(|name| !name.is_empty()).collect()
}

/// Splits a text into code and comments, each as long as the text, line by line.
fn split(text: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    let chars: Vec<char> = text.chars().collect();
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let (length, next) = match state {
            State::Code => opening(rest, at.checked_sub(1).map(|it| chars[it])),
            State::LineComment if rest[0] == '\n' => (1, State::Code),
            State::BlockComment(depth) if matches!(rest, ['*', '/', ..]) => {
                (2, if depth == 1 { State::Code } else { State::BlockComment(depth - 1) })
            }
            State::BlockComment(depth) if matches!(rest, ['/', '*', ..]) => {
                (2, State::BlockComment(depth + 1))
            }
            State::Text(None) if rest[0] == '\\' => (2, state),
            State::Text(None) if rest[0] == '"' => (1, State::Code),
            State::Text(Some(hashes)) if closes(rest, hashes) => (1 + hashes, State::Code),
            State::LineComment | State::BlockComment(_) | State::Text(_) => (1, state),
        };
        let is_code = state == State::Code && next == State::Code && length == 1;
        let is_comment = matches!(next, State::LineComment | State::BlockComment(_));
        for &c in rest.iter().take(length) {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if is_code { c } else { blank });
            comments.push(if is_comment { c } else { blank });
        }
        at += length;
        state = next;
    }
    (code, comments)
}

/// Looks at what begins here in code: how many characters it takes, and what comes after.
fn opening(rest: &[char], before: Option<char>) -> (usize, State) {
    match rest {
        ['/', '/', ..] => (2, State::LineComment),
        ['/', '*', ..] => (2, State::BlockComment(1)),
        ['"', ..] => (1, State::Text(None)),
        ['r', ..] if !before.is_some_and(|c| is_word(c) && c != 'b') => {
            let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
            match rest.get(1 + hashes) {
                Some('"') => (2 + hashes, State::Text(Some(hashes))),
                Some(_) | None => (1, State::Code),
            }
        }
        // A character, not a lifetime; two steps so that it is left out of the code.
        ['\'', '\\', _, tail @ ..] => {
            (4 + tail.iter().take_while(|&&c| c != '\'').count(), State::Code)
        }
        ['\'', _, '\'', ..] => (3, State::Code),
        _ => (1, State::Code),
    }
}

fn closes(rest: &[char], hashes: usize) -> bool {
    rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|&c| c == '#')
}

/// Finds the first and last line of every item that only tests have.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    const MARK: &str = "#[cfg(test)]";
    let line = |at: usize| code[..at].matches('\n').count();
    let end = |from: usize| match code[from..].find(['{', ';']) {
        Some(at) if code.as_bytes()[from + at] == b'{' => closing_brace(code, from + at),
        Some(at) => from + at,
        None => code.len() - 1,
    };
    code.match_indices(MARK).map(|(at, _)| (line(at), line(end(at + MARK.len())))).collect()
}

/// Returns where the brace that opens at `from` closes.
pub fn closing_brace(code: &str, from: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return from + at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}
