//! The JSON Schema against the scenarios that ship, and against typing mistakes.
//!
//! The judge is a validator of our own for the keywords that the schema uses; one it does not know
//! is a failure, so that nothing is accepted for want of looking.

use ecsim::scenario::text::{Node, Table, Value, read_toml};
use ecsim::scenario::{Problems, json_schema};
use serde_json::{Map, Value as Json};

use super::{files, read};

/// Keywords that say nothing about what is valid.
const ANNOTATIONS: &[&str] = &["description", "default", "title", "$schema", "$defs"];

#[test]
fn every_shipped_scenario_is_accepted() {
    let scenarios = files("scenarios", &[".toml"]);
    assert!(scenarios.len() >= 11);
    for path in scenarios {
        assert_eq!(faults(&read(&path)), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn mistakes_are_rejected_where_they_are() {
    let check = |toml: &str, expected: &[&str]| assert_eq!(faults(toml), expected, "{toml}");
    check("[service.web]\ndesired_count = 3", &[]);
    check("[service.web]\ndesired_cuont = 3", &["/service/web/desired_cuont: unknown"]);
    check("[servcie.web]\ndesired_count = 3", &["/servcie: unknown"]);
    check("seed = -1", &["/seed: minimum"]);
    check("seed = \"one\"", &["/seed: type"]);
    check("initial_state = \"stedy\"", &["/initial_state: enum"]);
    check("[service.web]\nlaunch_type = \"Fargate\"", &["/service/web/launch_type: enum"]);
    check("[at.noon]\ntime = 12", &["/at/noon/time: type"]);
    check("[timing]\neni_attach = { uniform = { min = \"1 s\" } }", &["/timing/eni_attach: anyOf"]);
    check("[timing]\neni_attach = { uniform = { min = \"1 s\", max = \"2 s\" } }", &[]);
    check(
        "[service.web]\ncapacity_provider_strategy = [{ weight = 1 }]",
        &["/service/web/capacity_provider_strategy/0/capacity_provider: required"],
    );
    check(
        "[service.web]\nplacement_strategy = [{ binpack = \"memory\" }, { spread = 3 }]",
        &["/service/web/placement_strategy/1: anyOf"],
    );
}

/// Lists what the schema finds wrong with a scenario.
fn faults(toml: &str) -> Vec<String> {
    let mut problems = Problems::new();
    let file = problems.sources.add_flag("scenario", toml);
    let table = read_toml(file, &mut problems);
    assert!(!problems.has_errors(), "{toml}: {}", problems.to_lines());
    let schema = json_schema();
    let mut faults = Vec::new();
    validate(&schema, (&schema, &of_table(&table)), "", &mut faults);
    faults
}

fn of_table(table: &Table) -> Json {
    table
        .entries()
        .map(|entry| (entry.key.clone(), of_node(&entry.node)))
        .collect::<Map<_, _>>()
        .into()
}

fn of_node(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) | Value::DateTime(text) => text.clone().into(),
        Value::Number(text) => text.replace('_', "").parse().unwrap(),
        Value::Boolean(value) => (*value).into(),
        Value::List(items) => items.iter().map(of_node).collect(),
        Value::Table(table) => of_table(table),
        Value::Null => Json::Null,
    }
}

/// Validates a value by a schema; `root` is where references begin.
fn validate(root: &Json, (schema, value): (&Json, &Json), path: &str, faults: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema is an object");
    for (keyword, rule) in schema {
        let holds = match keyword.as_str() {
            known if ANNOTATIONS.contains(&known) => true,
            "type" => has_type(rule, value),
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|it| it >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|it| it <= rule.as_f64().unwrap()),
            "minLength" => value.as_str().is_none_or(|it| it.len() as u64 >= number(rule)),
            "minItems" => value.as_array().is_none_or(|it| it.len() as u64 >= number(rule)),
            "maxItems" => value.as_array().is_none_or(|it| it.len() as u64 <= number(rule)),
            "minProperties" => value.as_object().is_none_or(|it| it.len() as u64 >= number(rule)),
            "maxProperties" => value.as_object().is_none_or(|it| it.len() as u64 <= number(rule)),
            "anyOf" => rule.as_array().unwrap().iter().any(|one| {
                let mut inner = Vec::new();
                validate(root, (one, value), path, &mut inner);
                inner.is_empty()
            }),
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                let target = root.pointer(pointer).expect("a reference leads somewhere");
                validate(root, (target, value), path, faults);
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, (rule, item), &format!("{path}/{index}"), faults);
                }
                true
            }
            "properties" | "additionalProperties" | "required" => true,
            unknown => panic!("{path}: the schema uses `{unknown}`, which this validator ignores"),
        };
        if !holds {
            faults.push(format!("{path}: {keyword}"));
        }
    }
    if let Some(object) = value.as_object() {
        validate_members(root, (schema, object), path, faults);
    }
}

fn validate_members(
    root: &Json,
    (schema, object): (&Map<String, Json>, &Map<String, Json>),
    path: &str,
    faults: &mut Vec<String>,
) {
    let named = |key: &str| schema.get("properties").and_then(|it| it.get(key));
    for (key, value) in object {
        let path = format!("{path}/{key}");
        match (named(key), schema.get("additionalProperties")) {
            (Some(rule), _) => validate(root, (rule, value), &path, faults),
            (None, Some(Json::Bool(false))) => faults.push(format!("{path}: unknown")),
            (None, Some(rule @ Json::Object(_))) => validate(root, (rule, value), &path, faults),
            (None, None | Some(_)) => {}
        }
    }
    for key in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
        let key = key.as_str().unwrap();
        if !object.contains_key(key) {
            faults.push(format!("{path}/{key}: required"));
        }
    }
}

fn number(rule: &Json) -> u64 {
    rule.as_u64().expect("a length is a whole number")
}

fn has_type(rule: &Json, value: &Json) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("`{other}` is no type of JSON Schema"),
    };
    match rule.as_array() {
        Some(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        None => is(rule.as_str().unwrap()),
    }
}
