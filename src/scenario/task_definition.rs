//! Task definitions in AWS's JSON, turned into the keys that a scenario itself would use.

use super::check::{Broken, Path};
use super::keys::{Kind, find};
use super::load::{Files, merge, read_text};
use super::problems::{Problem, Problems, Where};
use super::suggest::did_you_mean;
use super::text::{Entry, Node, Table, Value, read_json};

/// Puts what `file` says under every task definition that names one.
///
/// Definitions whose file cannot be read are added to `broken`.
pub(super) fn expand(
    files: &dyn Files,
    root: &mut Table,
    broken: &mut Broken,
    problems: &mut Problems,
) {
    let kind = find(&["task_definition", "*"]).expect("it is in the table of keys");
    for table in ["task_definition", "service", "task", "job"] {
        let Some(things) = root.get_mut(table).and_then(table_of) else { continue };
        for thing in things.entries_mut() {
            let path = Path::default().key(table).key(&thing.key);
            let definition = match table {
                "task_definition" => table_of(thing),
                _ => {
                    table_of(thing).and_then(|it| it.get_mut("task_definition")).and_then(table_of)
                }
            };
            let is_read = definition.map(|it| expand_one(files, kind, it, problems).is_some());
            match is_read {
                Some(false) if table == "task_definition" => broken.add(path),
                Some(false) => broken.add(path.key("task_definition")),
                Some(true) | None => {}
            }
        }
    }
}

fn table_of(entry: &mut Entry) -> Option<&mut Table> {
    if let Value::Table(table) = &mut entry.node.value { Some(table) } else { None }
}

/// Expands one definition; nothing if its file cannot be read.
fn expand_one(
    files: &dyn Files,
    kind: &'static Kind,
    definition: &mut Table,
    problems: &mut Problems,
) -> Option<()> {
    let Some(entry) = definition.get("file") else { return Some(()) };
    let Value::Text(path) = &entry.node.value else { return None };
    let place = entry.node.place;
    let path = problems.sources.folder(place.file).join(path);
    let file = read_text(files, &path, Where::Text(place), problems)?;
    let node = read_json(file, problems)?;
    let mut table = table_from(kind, unwrapped(node), problems)?;
    // What is written beside `file` wins over what is in it.
    let own = std::mem::take(definition);
    merge(kind, &mut table, own);
    *definition = table;
    Some(())
}

/// Takes the definition out of what `describe-task-definition` prints around it.
fn unwrapped(node: Node) -> Node {
    let inner = node.as_table().and_then(|table| table.get("taskDefinition"));
    match inner {
        Some(entry) if entry.node.as_table().is_some() => entry.node.clone(),
        Some(_) | None => node,
    }
}

fn table_from(kind: &'static Kind, node: Node, problems: &mut Problems) -> Option<Table> {
    let place = node.place;
    if let Value::Table(table) = node.value {
        if table.get("containerDefinitions").is_none() {
            let problem = Problem::error(place, "`containerDefinitions` is missing");
            problems.push(problem.hint("a task definition has one to ten containers"));
            return None;
        }
        return Some(converted(kind, table, problems));
    }
    let message = format!("a task definition is {}, not a table", node.value.what());
    let hint = "write it as `aws ecs register-task-definition` takes it";
    problems.push(Problem::error(place, message).hint(hint));
    None
}

/// Renames `camelCase` keys to those of the table of keys; unknown ones are reported and dropped.
fn converted(kind: &'static Kind, table: Table, problems: &mut Problems) -> Table {
    let mut result = Table::new();
    for entry in table.into_entries() {
        // `null` is what AWS's skeletons have for what is not given.
        if entry.node.value == Value::Null {
            continue;
        }
        let Some(key) = kind.fields().find(|key| camel(key.name) == entry.key) else {
            unknown(kind, &entry, problems);
            continue;
        };
        let node = value(&key.kind, entry.node, problems);
        result.set(Entry { key: key.name.to_string(), key_place: entry.key_place, node });
    }
    result
}

fn unknown(kind: &'static Kind, entry: &Entry, problems: &mut Problems) {
    if problems.is_full() {
        return problems.push(Problem::error(entry.key_place, "unknown field"));
    }
    // Keys of ours that AWS does not have are no suggestions here.
    let known: Vec<String> = kind
        .fields()
        .filter(|key| !matches!(key.name, "file" | "like"))
        .map(|key| camel(key.name))
        .collect();
    let problem = Problem::error(entry.key_place, format!("unknown field `{}`", entry.key));
    let meant = did_you_mean(&entry.key, known.iter().map(String::as_str));
    problems.push(match meant {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint("fields are those of RegisterTaskDefinition"),
    });
}

fn value(kind: &'static Kind, mut node: Node, problems: &mut Problems) -> Node {
    node.value = match (kind, node.value) {
        // AWS's JSON counts seconds where a scenario writes units.
        (Kind::Span { .. }, Value::Number(seconds)) => Value::Text(format!("{seconds} s")),
        (Kind::Named { of, .. }, Value::List(items)) => Value::Table(by_name(of, items, problems)),
        (Kind::Table(_), Value::Table(table)) => Value::Table(converted(kind, table, problems)),
        (Kind::List { of, .. }, Value::List(items)) => {
            Value::List(items.into_iter().map(|item| value(of, item, problems)).collect())
        }
        (Kind::OneOf(kinds), Value::Table(table)) => {
            let table_kind = kinds.iter().find(|kind| matches!(kind, Kind::Table(_)));
            Value::Table(match table_kind {
                Some(kind) => converted(kind, table, problems),
                None => table,
            })
        }
        (_, value) => value,
    };
    node
}

/// Makes a table keyed by name of a list of tables with a name each.
fn by_name(kind: &'static Kind, items: Vec<Node>, problems: &mut Problems) -> Table {
    let mut result = Table::new();
    for item in items {
        let place = item.place;
        let Value::Table(mut table) = item.value else {
            let message = format!("a container definition is {}", item.value.what());
            problems.push(Problem::error(place, message).hint("write a table: { … }"));
            continue;
        };
        let Some(name) = table.take("name") else {
            let problem = Problem::error(place, "a container definition without `name`");
            problems.push(problem.hint("add `\"name\": \"app\"`"));
            continue;
        };
        let Value::Text(text) = name.node.value else {
            let message = format!("`name` is {}", name.node.value.what());
            problems.push(Problem::error(name.node.place, message).hint("write text"));
            continue;
        };
        if let Some(first) = result.get(&text) {
            let problem = Problem::error(name.node.place, format!("a second container `{text}`"))
                .label(first.key_place, "first here")
                .hint("give one of them another `name`");
            problems.push(problem);
            continue;
        }
        let node = Node { value: Value::Table(converted(kind, table, problems)), place };
        result.set(Entry { key: text, key_place: name.node.place, node });
    }
    result
}

/// Turns `size_in_gib` into `sizeInGiB`, as AWS writes it.
fn camel(name: &str) -> String {
    if name == "size_in_gib" {
        return "sizeInGiB".to_string();
    }
    let mut text = String::with_capacity(name.len());
    let mut is_start = false;
    for character in name.chars() {
        match character {
            '_' => is_start = true,
            _ if is_start => {
                text.extend(character.to_uppercase());
                is_start = false;
            }
            _ => text.push(character),
        }
    }
    text
}
