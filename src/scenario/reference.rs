//! The reference page of every key, and the JSON Schema for editors, both from the table of keys.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::check::{TOP, default_node};
use super::keys::{DISTRIBUTIONS, Key, Kind, Need, PER_SECOND, Pattern, all, of_traffic};
use super::text::{Node, Value};
use super::value::expected;
use crate::units::Span;

const INTRODUCTION: &str = "\
# Every key of a scenario

Generated from the program's own table of keys; do not edit.

A scenario is TOML 1.0. `*` stands for a name of your choice, `[]` for each entry of a list.

Values have units: lengths of time are written `\"90 s\"` or `\"1 h 30 min\"` (ms, s, min, h, d, w);
data `\"180 MB\"` or `\"2 GiB\"`; memory `\"512 MiB\"` or a number of MiB, where MB and GB are MiB
and GiB, as in AWS's API; CPU in units, of which 1,024 are one vCPU, or `\"0.5 vCPU\"`; rates
`\"0.01 per h\"`.

What a default rests on: *documented* by AWS, *measured* and published by somebody, *assumed* by us
for want of either. Defaults without such a word are conventions of this program. For a key without
a default the word and the source belong to its bounds or its meaning.
";

const RATES: &str = "
## Rates over time

How many requests or messages arrive per second: a number, or a table with exactly one of `file`,
`cloudwatch`, `daily`, `weekly`, `ramp`, `spike`, `noise`, `sum` and `product`, and what goes with
it. A rate is constant from step to step: a recorded point holds over its step, and a curve has in
each step the value of its middle. A sum of a curve and a spike is
`{ sum = [{ daily = { low = 20, high = 200 } }, { spike = { at = \"14:00\", height = 9 } }] }`;
a week with noise is
`{ product = [{ daily = … }, { weekly = { sunday = 0.5 } }, { noise = { cv = 0.1 } }] }`.

| Key | Takes | Default | Rests on | Meaning |
|---|---|---|---|---|
";

/// Writes the reference page of every key, as Markdown.
pub fn reference_markdown() -> String {
    let mut page = INTRODUCTION.to_string();
    let patterns = all();
    let mut section = String::new();
    let mut unused: Vec<&str> = Vec::new();
    for pattern in patterns.iter().filter(|pattern| !is_repetition(pattern)) {
        let top = pattern.path.split('.').next().unwrap_or("");
        let is_scalar = top == pattern.path && !is_table(&pattern.key.kind);
        let name = if is_scalar { "The run" } else { top };
        if name != section {
            close_section(&mut page, &mut unused);
            section = name.to_string();
            open_section(&mut page, &section, pattern);
            if top == pattern.path && !is_scalar {
                continue;
            }
        }
        if matches!(pattern.key.kind, Kind::WithoutEffect) {
            unused.push(&pattern.path);
        } else {
            page.push_str(&row(pattern));
        }
    }
    close_section(&mut page, &mut unused);
    page.push_str("\n## Distributions\n\nWherever a length of time may be left to luck.\n\n");
    page.push_str("| Form | Meaning |\n|---|---|\n");
    for key in DISTRIBUTIONS {
        let parts: Vec<&str> = key.kind.fields().map(|part| part.name).collect();
        writeln!(page, "| `{{ {} = {{ {} }} }}` | {} |", key.name, parts.join(", "), key.sentence)
            .expect("a string grows");
    }
    page.push_str(RATES);
    of_traffic().iter().for_each(|pattern| page.push_str(&row(pattern)));
    page
}

/// Says whether a key is described elsewhere: a definition in place has the keys of one by name.
fn is_repetition(pattern: &Pattern) -> bool {
    pattern.path.split_once('.').is_some_and(|(_, rest)| rest.contains(".task_definition."))
}

fn is_table(kind: &Kind) -> bool {
    matches!(kind, Kind::Table(_) | Kind::Tagged(_) | Kind::Named { .. })
}

fn open_section(page: &mut String, section: &str, pattern: &Pattern) {
    write!(page, "\n## {section}\n\n").expect("a string grows");
    if is_table(&pattern.key.kind) {
        write!(page, "{}\n\n", pattern.key.sentence).expect("a string grows");
    }
    page.push_str("| Key | Takes | Default | Rests on | Meaning |\n|---|---|---|---|---|\n");
}

fn close_section(page: &mut String, unused: &mut Vec<&str>) {
    if unused.is_empty() {
        return;
    }
    let names: Vec<String> = unused.drain(..).map(|path| format!("`{path}`")).collect();
    write!(page, "\nUnderstood, without effect on the simulation: {}.\n", names.join(", "))
        .expect("a string grows");
}

fn row(pattern: &Pattern) -> String {
    let key = pattern.key;
    let default = match key.need {
        Need::Required => "required".to_string(),
        Need::Optional | Need::Default("{}") => String::new(),
        Need::Default(text) => format!("`{text}`"),
    };
    let rests_on = match (key.evidence, key.source) {
        (None, _) => String::new(),
        (Some(evidence), source) => format!("{evidence}: {source}"),
    };
    let cells = [format!("`{}`", pattern.path), takes(&key.kind), default, rests_on];
    let mut sentence = key.sentence.to_string();
    if key.is_idle {
        sentence.push_str(" Without effect.");
    }
    let mut row = String::new();
    for cell in cells.iter().map(String::as_str).chain([sentence.as_str()]) {
        row.push_str("| ");
        row.push_str(&cell.replace('|', "\\|").replace('<', "&lt;"));
        row.push(' ');
    }
    row + "|\n"
}

/// Says what a kind takes, with its bounds.
fn takes(kind: &Kind) -> String {
    match *kind {
        Kind::Integer { min, max: u64::MAX } => format!("a whole number from {min}"),
        Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Number { min, max } if max < 1e9 => format!("a number from {min} to {max}"),
        Kind::Span { min_us, max_us } if max_us <= Span::DAY.as_micros() => {
            let (min, max) = (Span::micros(min_us), Span::micros(max_us));
            format!("a length of time from {min} to {max}")
        }
        Kind::Distribution => "a length of time, or a distribution".to_string(),
        Kind::Traffic => "a number, or a rate over time".to_string(),
        Kind::List { of, min: 0, max } => format!("a list of at most {max}: {}", takes(of)),
        Kind::List { of, min, max } => format!("a list of {min} to {max}: {}", takes(of)),
        Kind::Named { of, .. } if !is_table(of) => format!("names, each with {}", takes(of)),
        Kind::Boolean
        | Kind::Number { .. }
        | Kind::Span { .. }
        | Kind::Bytes
        | Kind::Bandwidth
        | Kind::Memory
        | Kind::Cpu
        | Kind::Money
        | Kind::Percent { .. }
        | Kind::Share
        | Kind::Rate
        | Kind::Text(_)
        | Kind::Name
        | Kind::File
        | Kind::Choice(_)
        | Kind::Reference { .. }
        | Kind::Table(_)
        | Kind::Tagged(_)
        | Kind::Named { .. }
        | Kind::OneOf(_)
        | Kind::WithoutEffect => expected(kind),
    }
}

/// Makes the JSON Schema (2020-12) of a scenario, with a description for every key.
///
/// What a base or a copied sibling may bring is not required of a table, so the schema is somewhat
/// wider than `ecsim check`.
pub fn json_schema() -> Json {
    let Json::Object(mut schema) = of_kind(&TOP, true) else {
        unreachable!("a scenario is a table")
    };
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), "ecsim scenario".into());
    let distribution = json!({
        "anyOf": [{ "type": "string" }, of_fields(&Kind::Distribution, false)],
    });
    let rate = json!({
        "anyOf": [of_kind(&PER_SECOND, false), of_fields(&Kind::Traffic, false)],
    });
    let defs = json!({ "distribution": distribution, "rate_over_time": rate });
    schema.insert("$defs".into(), defs);
    Json::Object(schema)
}

/// Describes a kind; `is_merged` says that a base may bring what is missing here.
fn of_kind(kind: &Kind, is_merged: bool) -> Json {
    match *kind {
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Span { .. }
        | Kind::Bytes
        | Kind::Bandwidth
        | Kind::Rate
        | Kind::Text(_)
        | Kind::Name
        | Kind::File
        | Kind::Reference { .. } => json!({ "type": "string", "minLength": 1 }),
        Kind::Memory | Kind::Cpu => json!({ "type": ["string", "number"] }),
        Kind::Money | Kind::Percent { .. } | Kind::Share => json!({ "type": ["string", "number"] }),
        Kind::Distribution => json!({ "$ref": "#/$defs/distribution" }),
        Kind::Traffic => json!({ "$ref": "#/$defs/rate_over_time" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::List { of, min, max } => json!({
            "type": "array", "items": of_kind(of, false), "minItems": min, "maxItems": max,
        }),
        Kind::Table(_) | Kind::Tagged(_) => of_fields(kind, is_merged),
        Kind::Named { of, .. } => {
            json!({ "type": "object", "additionalProperties": of_kind(of, is_merged) })
        }
        Kind::OneOf(kinds) => {
            let kinds: Vec<Json> = kinds.iter().map(|kind| of_kind(kind, is_merged)).collect();
            json!({ "anyOf": kinds })
        }
        Kind::WithoutEffect => json!({}),
    }
}

fn of_fields(kind: &Kind, is_merged: bool) -> Json {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    for key in kind.fields() {
        properties.insert(key.name.to_string(), of_key(key, is_merged));
        if key.need == Need::Required && !is_merged {
            required.push(key.name);
        }
    }
    let mut schema = Map::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), Json::Object(properties));
    schema.insert("additionalProperties".into(), false.into());
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    if matches!(kind, Kind::Tagged(_) | Kind::Distribution) {
        schema.insert("minProperties".into(), 1.into());
        schema.insert("maxProperties".into(), 1.into());
    }
    Json::Object(schema)
}

fn of_key(key: &Key, is_merged: bool) -> Json {
    let Json::Object(mut schema) = of_kind(&key.kind, is_merged) else {
        unreachable!("a schema is a table")
    };
    let mut description = key.sentence.to_string();
    if !is_table(&key.kind) && !matches!(key.kind, Kind::WithoutEffect) {
        write!(description, " Takes {}.", takes(&key.kind)).expect("a string grows");
    }
    if let Some(evidence) = key.evidence {
        write!(description, " ({evidence}: {})", key.source).expect("a string grows");
    }
    schema.insert("description".into(), description.into());
    if let Need::Default(text) = key.need {
        schema.insert("default".into(), as_json(default_node(text)));
    }
    Json::Object(schema)
}

fn as_json(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) | Value::DateTime(text) => text.clone().into(),
        Value::Number(text) => text.replace('_', "").parse().unwrap_or(Json::Null),
        Value::Boolean(value) => (*value).into(),
        Value::List(items) => items.iter().map(as_json).collect(),
        Value::Table(table) => {
            let entry = |entry: &super::text::Entry| (entry.key.clone(), as_json(&entry.node));
            Json::Object(table.entries().map(entry).collect())
        }
        Value::Null => Json::Null,
    }
}
