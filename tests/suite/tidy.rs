//! The walls between rings, and the habits of the project that a machine can check.
//!
//! A rule looks at one file and complains with a line. Each has a row in
//! [`every_rule_can_fail`] that shows it complaining.

use std::collections::BTreeSet;

use super::source::{Source, closing_brace, is_word};
use super::{files, read};

/// A line, from 0, and what is wrong with it.
type Complaint = (usize, String);

/// The rings from the inside out; `src/lib.rs` draws the map. Those side by side do not know each
/// other.
const RINGS: &[&[&str]] = &[
    &["units"],
    &["engine"],
    &["ecs"],
    &["billing", "record"],
    &["catalogue"],
    &["scenario"],
    &["study"],
    &["report"],
    &["cli"],
];

/// The rings that are a model of the world: no host, no clock, no order but their own.
const CORE: &[&str] = &["units", "engine", "ecs", "billing", "record"];

/// Where each dependency lives. A new one needs a line here, and so a thought.
const HOMES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["scenario"]),
    ("clap", &["cli"]),
    ("comfy_table", &["report", "cli"]),
    ("csv", &["catalogue", "scenario", "report"]),
    ("ctrlc", &["cli"]),
    ("indicatif", &["cli"]),
    ("jiff", &["units"]),
    ("plotters", &["report"]),
    ("png", &["report"]),
    ("rand", &["engine"]),
    ("rand_distr", &["engine"]),
    ("rand_xoshiro", &["engine"]),
    ("rayon", &["study", "cli"]),
    ("regex", &["src/ecs/placement/query.rs"]),
    ("serde", &["report"]),
    ("serde_json", &["scenario", "study", "report", "cli"]),
    ("smallvec", &["ecs"]),
    // Errors are values in every ring.
    ("thiserror", &["units", "engine", "ecs", "billing", "catalogue", "scenario", "report"]),
    ("toml_parser", &["scenario"]),
    ("winnow", &["src/ecs/placement/query.rs"]),
];

/// Where recorded data is, if it is at hand; users do not have it.
const DATA: &str = concat!("../sha", "red");

/// Tests that may look for it, and say so when they skip.
const MAY_LOOK: [&str; 3] =
    ["tests/suite/main.rs", "src/catalogue/tests.rs", "src/scenario/tests/definitions.rs"];

/// Columns of a line.
const WIDTH: usize = 100;

/// Lines of a function, blank ones and comments apart.
const FUNCTION: usize = 70;

/// Looks at a file of Rust source.
type Rule = fn(&Source) -> Vec<Complaint>;

/// Every rule for Rust source, with its name.
const RULES: &[(&str, Rule)] = &[
    ("rings import to the left only", ring_order),
    ("each dependency has one home", dependency_homes),
    ("order is decided, never inherited", no_hash_containers),
    ("the core has plain data", no_shared_state),
    ("the core has no host", no_host),
    ("errors are values until `cli`", no_printing),
    ("only `scenario` reads, only `report` writes", no_files),
    ("a file says what it is for", begins_with_purpose),
    ("what is left to do names somebody", notes_name_somebody),
    ("lines fit", lines_fit),
    ("functions fit a screen", functions_fit),
    ("nothing is unwrapped outside tests", no_unwrap),
];

#[test]
fn the_source_is_tidy() {
    let sources = sources();
    assert!(sources.len() > 50, "only {} files were found", sources.len());
    let mut complaints: Vec<String> = sources.iter().flat_map(complaints).collect();
    for path in texts() {
        let found = foreign(&read(&path)).into_iter();
        let found = found.filter(|it| !(MAY_LOOK.contains(&path.as_str()) && it.1.contains(DATA)));
        complaints.extend(found.map(|it| told(&path, "the project stands alone", it)));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_dependency_is_used_and_has_a_home() {
    let manifest = read("Cargo.toml");
    let sources = sources();
    let homes: BTreeSet<&str> = HOMES.iter().map(|(name, _)| *name).collect();
    let normal = dependencies(&manifest, "[dependencies]");
    assert_eq!(normal.iter().map(String::as_str).collect::<BTreeSet<_>>(), homes);
    let mut used = BTreeSet::new();
    for source in &sources {
        let whole = |(line, name): (usize, _)| (name, source.lines[line].is_test);
        used.extend(source.path_starts().into_iter().map(whole));
    }
    for name in &normal {
        assert!(used.contains(&(name.as_str(), false)), "`{name}` is a dependency nobody uses");
    }
    for name in &dependencies(&manifest, "[dev-dependencies]") {
        let is_used = [true, false].iter().any(|test| used.contains(&(name.as_str(), *test)));
        assert!(is_used, "`{name}` is a dev-dependency nobody uses");
    }
}

/// Lists the dependencies of a section of the manifest, as they are named in code.
fn dependencies(manifest: &str, section: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| *line != section).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")))
        .collect()
}

#[test]
fn every_rule_can_fail() {
    let check = |path: &str, text: &str, expected: &str| {
        let text =
            if text.starts_with("//!") { text.to_string() } else { format!("//! A.\n{text}") };
        let found = complaints(&Source::new(path, &text)).join("\n");
        match expected {
            "" => assert_eq!(found, "", "{path}: {text}"),
            expected => assert!(found.contains(expected), "{path}: {text}\ngives: {found}"),
        }
    };
    let long = "x".repeat(WIDTH);
    check(
        "src/engine/a.rs",
        "use crate::ecs::Task;",
        "src/engine/a.rs:2: rings import to the left",
    );
    check("src/engine/a.rs", "use crate::{units::Span, study::run};", "`engine` imports `study`");
    check("src/ecs/a/b.rs", "use super::super::super::cli::Exit;", "`ecs` imports `cli`");
    check("src/ecs/a/b.rs", "use super::super::cli::Exit;", "");
    check("src/record/a.rs", "let it = crate::billing::Bill::new();", "`record` imports `billing`");
    check("src/billing/a.rs", "use crate::record::Series;", "`billing` imports `record`");
    check("src/study/a.rs", "use crate::record::Series; // crate::report", "");
    check("src/ecs/a.rs", "use jiff::Zoned;", "`jiff` lives in units");
    check("src/ecs/a.rs", "use regex;", "`regex` lives in src/ecs/placement/query.rs");
    check("src/ecs/placement/query.rs", "use regex::Regex;", "");
    check("src/ecs/a.rs", "use serde_json::Value;", "`serde_json` lives in");
    check("src/ecs/a.rs", "#[cfg(test)]\nmod tests {\n    use csv::Reader;\n}", "");
    check("src/engine/a.rs", "use std::collections::HashMap;", "`HashMap`");
    check("src/ecs/a.rs", "let it = std::collections::HashSet::new();", "`HashSet`");
    check("src/ecs/a.rs", "type It = Rc<u8>;", "`Rc`");
    check("src/units/a.rs", "struct It(RefCell<u8>);", "`RefCell`");
    check("src/billing/a.rs", "static mut IT: u8 = 0;", "`static mut`");
    check("src/ecs/a.rs", "let now = std::time::Instant::now();", "`std::time`");
    check("src/engine/a.rs", "use std::{thread, fmt};", "`std::thread`");
    check("src/ecs/a.rs", "std::fs::read(\"a\");", "`std::fs`");
    check("src/ecs/a.rs", "println!(\"a\");", "`println!`");
    check("src/scenario/a.rs", "eprintln!(\"a\");", "`eprintln!`");
    check("src/ecs/a.rs", "let it = \"println!\"; // std::time", "");
    check("src/catalogue/a.rs", "use std::fs;", "`std::fs`");
    assert_eq!(begins_with_purpose(&Source::new("a.rs", "use b;")).len(), 1);
    assert_eq!(begins_with_purpose(&Source::new("a.rs", "// Not a purpose.\n//! A.")).len(), 1);
    assert_eq!(begins_with_purpose(&Source::new("a.rs", "//! A.")).len(), 0);
    check("src/ecs/a.rs", concat!("// FIX", "ME later"), "never lands");
    check("src/ecs/a.rs", concat!("// TO", "DO later"), "TODO(name)");
    check("src/ecs/a.rs", concat!("// TO", "DO(#12): later"), "");
    check("src/ecs/a.rs", &format!("// {long}"), "103 columns");
    check("src/ecs/a.rs", "fn f() {\n    g().unwrap();\n}", "src/ecs/a.rs:3: nothing is unwrapped");
    check("src/ecs/a.rs", "fn f() {\n    g().expect(\"it was checked\");\n}", "");
    check("src/ecs/tests.rs", "fn f() {\n    g().unwrap();\n}", "");
    check("src/ecs/a.rs", "#[cfg(test)]\nmod t {\n    f().unwrap();\n}\ng().unwrap();", "a.rs:6:");
    let body = |lines: usize| format!("fn f() {{\n{}}}", "    g(\"{\");\n\n".repeat(lines));
    check("src/ecs/a.rs", &body(FUNCTION - 2), "");
    check("src/ecs/a.rs", &body(FUNCTION), "`f` has 72 lines");
    let foreign_count = |text: &str| foreign(text).len();
    assert_eq!(foreign_count(concat!("see /ho", "me/ann/notes.md")), 1);
    assert_eq!(foreign_count(concat!("include!(\"../sha", "red/data.csv\")")), 1);
    assert_eq!(foreign_count("see docs/home/notes.md"), 0);
}

/// Reads every file of Rust source.
fn sources() -> Vec<Source> {
    let paths = ["src", "tests", "benches"].into_iter().flat_map(|it| files(it, &[".rs"]));
    let mut sources: Vec<Source> = paths.map(|path| Source::new(&path, &read(&path))).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let path = &source.path;
        let is_in = |test: &String| {
            path.strip_prefix(test.as_str()).is_some_and(|it| it == ".rs" || it.starts_with('/'))
        };
        if tests.iter().any(is_in) {
            source.lines.iter_mut().for_each(|line| line.is_test = true);
        }
    }
    sources
}

fn complaints(source: &Source) -> Vec<String> {
    let of_rule = |(name, rule): &(&str, fn(&Source) -> Vec<Complaint>)| {
        rule(source).into_iter().map(|found| told(&source.path, name, found)).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of_rule).collect()
}

fn told(path: &str, rule: &str, (line, what): Complaint) -> String {
    format!("{path}:{}: {rule}: {what}", line + 1)
}

fn ring_order(source: &Source) -> Vec<Complaint> {
    let Some(ring) = source.ring() else { return Vec::new() };
    let rank = |name: &str| RINGS.iter().position(|rings| rings.contains(&name));
    let Some(own) = rank(ring) else {
        return vec![(0, format!("`{ring}` is no ring; the map is in src/lib.rs"))];
    };
    let is_wrong = |name: &str| name != ring && rank(name).is_some_and(|other| other >= own);
    let wrong = source.root_paths().into_iter().filter(|(_, name)| is_wrong(name));
    wrong.map(|(line, name)| (line, format!("`{ring}` imports `{name}`"))).collect()
}

fn dependency_homes(source: &Source) -> Vec<Complaint> {
    let Some(ring) = source.ring() else { return Vec::new() };
    let mut found = Vec::new();
    for (line, name) in source.path_starts() {
        let Some((_, homes)) = HOMES.iter().find(|(dependency, _)| *dependency == name) else {
            continue;
        };
        let at_home = homes.iter().any(|&home| home == ring || home == source.path);
        if !at_home && !source.lines[line].is_test {
            found.push((line, format!("`{name}` lives in {}", homes.join(", "))));
        }
    }
    found
}

/// Complains about words in the code of lines that `applies` to.
fn words(source: &Source, words: &[&str], applies: impl Fn(bool) -> bool) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (number, line) in source.lines.iter().enumerate().filter(|(_, it)| applies(it.is_test)) {
        for &word in words {
            let stands = |(at, _): (usize, &str)| {
                let before = line.code[..at].chars().next_back();
                let after = line.code[at + word.len()..].chars().next();
                !before.is_some_and(is_word) && !after.is_some_and(is_word)
            };
            if line.code.match_indices(word).any(stands) {
                found.push((number, format!("`{word}`")));
            }
        }
    }
    found
}

/// Complains about modules of the standard library outside tests, whichever way they are named.
fn standard(source: &Source, modules: &[&str]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("std::") {
        let line = source.line_at(at);
        let rest = &source.code[at + "std::".len()..];
        let group = rest.strip_prefix('{').and_then(|it| it.split('}').next()).unwrap_or(rest);
        let is_group = rest.starts_with('{');
        let names = |module: &&&str| match is_group {
            true => group.split(|c| !is_word(c)).any(|word| word == **module),
            false => rest.strip_prefix(**module).is_some_and(|it| !it.starts_with(is_word)),
        };
        if !source.lines[line].is_test {
            found.extend(modules.iter().filter(names).map(|it| (line, format!("`std::{it}`"))));
        }
    }
    found
}

fn is_in(source: &Source, rings: &[&str]) -> bool {
    source.ring().is_some_and(|ring| rings.contains(&ring))
}

/// Tests too: an oracle with another order is no oracle.
fn no_hash_containers(source: &Source) -> Vec<Complaint> {
    match is_in(source, &["ecs", "engine"]) {
        true => words(source, &["HashMap", "HashSet"], |_| true),
        false => Vec::new(),
    }
}

fn no_shared_state(source: &Source) -> Vec<Complaint> {
    const SHARED: &[&str] = &["Rc", "RefCell", "static mut", "thread_local", "Mutex"];
    if is_in(source, CORE) { words(source, SHARED, |test| !test) } else { Vec::new() }
}

fn no_host(source: &Source) -> Vec<Complaint> {
    const HOST: &[&str] = &["time", "thread", "env", "net", "process"];
    if is_in(source, CORE) { standard(source, HOST) } else { Vec::new() }
}

fn no_printing(source: &Source) -> Vec<Complaint> {
    const PRINTS: &[&str] = &["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let Some(ring) = source.ring() else { return Vec::new() };
    match ring {
        "cli" => words(source, &["dbg!"], |_| true),
        _ => words(source, PRINTS, |test| !test),
    }
}

fn no_files(source: &Source) -> Vec<Complaint> {
    match is_in(source, CORE) || is_in(source, &["catalogue"]) {
        true => standard(source, &["fs"]),
        false => Vec::new(),
    }
}

fn begins_with_purpose(source: &Source) -> Vec<Complaint> {
    match source.lines.first() {
        Some(line) if line.text.starts_with("//! ") => Vec::new(),
        Some(_) | None => vec![(0, "no `//!` sentence in the first line".to_string())],
    }
}

fn notes_name_somebody(source: &Source) -> Vec<Complaint> {
    let (todo, fixme) = (concat!("TO", "DO"), concat!("FIX", "ME"));
    let mut found = Vec::new();
    for (number, line) in source.lines.iter().enumerate() {
        if line.comment.contains(fixme) {
            found.push((number, format!("`{fixme}` never lands")));
        }
        let unnamed = |(at, _)| !line.comment[at + todo.len()..].starts_with('(');
        if line.comment.match_indices(todo).any(unnamed) {
            found.push((number, format!("write {todo}(name) or {todo}(#issue)")));
        }
    }
    found
}

fn lines_fit(source: &Source) -> Vec<Complaint> {
    let width = |text: &str| text.chars().count();
    let long = source.lines.iter().enumerate().filter(|(_, line)| width(&line.text) > WIDTH);
    long.map(|(number, line)| (number, format!("{} columns", width(&line.text)))).collect()
}

fn functions_fit(source: &Source) -> Vec<Complaint> {
    let code = &source.code;
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|&c| is_word(c)).collect();
        let is_type = name.is_empty() || code[..at].chars().next_back().is_some_and(is_word);
        let body = rest.find(['{', ';']).map(|it| at + 3 + it);
        let Some(from) = body.filter(|&it| !is_type && code.as_bytes()[it] == b'{') else {
            continue;
        };
        let (first, last) = (source.line_at(at), source.line_at(closing_brace(code, from)));
        let lines = source.lines[first..=last].iter();
        let count = lines.filter(|line| !line.code.trim().is_empty()).count();
        if count > FUNCTION {
            found.push((first, format!("`{name}` has {count} lines, the most is {FUNCTION}")));
        }
    }
    found
}

fn no_unwrap(source: &Source) -> Vec<Complaint> {
    let lines = source.lines.iter().enumerate();
    let bare = lines.filter(|(_, it)| !it.is_test && it.code.contains(".unwrap()"));
    let is_ours = source.ring().is_some();
    bare.filter(|_| is_ours).map(|(line, _)| (line, "say why in `expect`".to_string())).collect()
}

/// Lists every text file of the project, Rust source included.
fn texts() -> Vec<String> {
    const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".json", ".csv", "/run"];
    const TOP: &[&str] = &["Cargo.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"];
    let folders = ["src", "tests", "benches", "docs", "scenarios", ".ci"];
    let inside = folders.into_iter().flat_map(|folder| files(folder, ENDINGS));
    TOP.iter().map(|path| path.to_string()).chain(inside).collect()
}

/// Complains about paths of one machine, and about what does not ship.
fn foreign(text: &str) -> Vec<Complaint> {
    // In parts, so that this file may be looked at too.
    let roots = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/tm", "p/"),
    ];
    let absent = [
        DATA,
        concat!("/far", "m/"),
        concat!("design", ".md"),
        concat!("style", "-guide"),
        concat!("corrections", ".md"),
        concat!("exam", "-themes"),
        concat!("work", "tree"),
    ];
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let begins_path = |(at, _): (usize, &str)| {
            !line[..at].chars().next_back().is_some_and(|c| is_word(c) || "./-:".contains(c))
        };
        for root in roots {
            if line.match_indices(root).any(begins_path) {
                found.push((number, format!("`{root}` is a path of one machine")));
            }
        }
        let missing = absent.iter().filter(|word| line.contains(**word));
        found.extend(missing.map(|word| (number, format!("`{word}` does not ship"))));
    }
    found
}
