//! Walks a tree along the table of keys and reports everything that does not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::keys::{self, DISTRIBUTIONS, Key, Kind, Need, ROOT};
use super::problems::{Problem, Problems, listed, shortened};
use super::suggest::did_you_mean;
use super::text::{Entry, Node, Place, Sources, Table, Value, read_toml};
use super::value::{self, Distribution, Fault, Parsed};
use crate::units::is_invisible;

/// What stands at the top of a scenario.
pub(super) static TOP: Kind = Kind::Table(ROOT);

/// The table that a distribution may be, instead of one length of time.
pub(super) static DISTRIBUTION: Kind = Kind::Tagged(DISTRIBUTIONS);

/// The table that a rate over time may be, instead of a number.
static TRAFFIC_TABLE: Kind = Kind::Table(&[keys::TRAFFIC]);

/// The number that it may be.
static TRAFFIC_NUMBER: Kind = keys::PER_SECOND;

/// Longest name of a thing.
const MAX_NAME: usize = 255;

/// How many wrong values are taken out before the rest is not worth looking at.
const MAX_USELESS: usize = 1_000;

/// Checks a whole scenario, and takes out of it what cannot be used.
///
/// `is_whole` is false if a part could not be read: then what is missing may not be missing.
/// `broken` says what is known to be wrong already, and then all that is: whoever goes on with
/// what is left says nothing about that. Returns whether there is something to go on with.
pub(super) fn check(
    root: &mut Table,
    is_whole: bool,
    broken: &mut Broken,
    problems: &mut Problems,
) -> bool {
    let mut useless = walk(root, is_whole, broken, problems);
    // What refers to something that is taken out is taken out too, and so on, without a word.
    while is_whole && !useless.is_empty() && useless.len() < MAX_USELESS {
        for Useless { path, stand_in } in useless {
            mend(root, &path.0, stand_in);
        }
        let mut unsaid = Problems::new();
        unsaid.sources = problems.sources.clone();
        useless = walk(root, true, broken, &mut unsaid);
    }
    is_whole && useless.is_empty()
}

/// Something that cannot stay as it is: it goes, or something stands in its place.
struct Useless {
    path: Path,
    stand_in: Option<Entry>,
}

fn walk(
    root: &Table,
    is_whole: bool,
    broken: &mut Broken,
    problems: &mut Problems,
) -> Vec<Useless> {
    let path = Path::default();
    let mut checker = Checker { root, is_whole, problems, broken, useless: Vec::new(), path };
    checker.table(&TOP, root, None);
    checker.useless
}

/// Takes away what is at a path, or puts something there; of a list without a stand-in for its
/// entry the whole goes, for its other entries have numbers.
fn mend(table: &mut Table, path: &[String], stand_in: Option<Entry>) {
    let [first, rest @ ..] = path else { return };
    match (rest, stand_in) {
        ([], None) => table.remove(first),
        ([], Some(entry)) => table.set(entry),
        ([_], None) if rest[0].starts_with('[') => table.remove(first),
        (rest, stand_in) => {
            if let Some(inner) = table.get_mut(first) {
                mend_inside(&mut inner.node, rest, stand_in);
            }
        }
    }
}

fn mend_inside(node: &mut Node, path: &[String], stand_in: Option<Entry>) {
    match (&mut node.value, path) {
        (Value::Table(inner), path) => mend(inner, path, stand_in),
        (Value::List(items), [index, rest @ ..]) => {
            let index = index.trim_matches(['[', ']']).parse::<usize>().ok();
            let Some(item) = index.and_then(|index| items.get_mut(index)) else { return };
            match (rest, stand_in) {
                ([], Some(entry)) => *item = entry.node,
                (rest, stand_in) => mend_inside(item, rest, stand_in),
            }
        }
        _ => {}
    }
}

/// Returns something that can stand for what is wrong or missing, so that the rest around it can
/// be looked at; nothing where only a name would do, or more than one thing.
///
/// Whatever is said about it follows from what was said already, and is not shown.
fn stand_in(kind: &Kind) -> Option<Value> {
    let text = |text: &str| Some(Value::Text(text.to_string()));
    let number = |number: String| Some(Value::Number(number));
    match *kind {
        Kind::Boolean => Some(Value::Boolean(false)),
        Kind::Integer { min, .. } => number(min.to_string()),
        Kind::Number { min, .. } => number(format!("{min:e}")),
        Kind::Span { min_us, .. } => text(&format!("{} ms", min_us.div_ceil(1000))),
        Kind::Bytes => text("1 B"),
        Kind::Bandwidth => text("1 B/s"),
        // As much as can be, so that nothing else is too much for it.
        Kind::Memory => number(value::MAX_MEMORY_MIB.to_string()),
        Kind::Cpu | Kind::Money | Kind::Percent { .. } | Kind::Share | Kind::Traffic => {
            number("0".to_string())
        }
        Kind::Rate => text("0 per s"),
        Kind::Text(_) | Kind::Name | Kind::File => text("-"),
        Kind::Choice(words) => text(words.first()?),
        Kind::OneOf(kinds) => kinds.iter().find_map(stand_in),
        Kind::Table(_) if kind.fields().all(|key| key.need != Need::Required) => {
            Some(Value::Table(Table::new()))
        }
        Kind::Table(_)
        | Kind::Tagged(_)
        | Kind::Named { .. }
        | Kind::List { .. }
        | Kind::Distribution
        | Kind::Reference { .. }
        | Kind::WithoutEffect => None,
    }
}

/// The parts of a scenario that are wrong in form, or missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken(BTreeSet<Path>);

impl Broken {
    /// Remembers that something is wrong at `path`.
    pub(super) fn add(&mut self, path: Path) {
        self.0.insert(path);
    }

    /// Says whether all names of the table at `path` are known: nothing is wrong with it or with
    /// an entry as a whole.
    pub(super) fn has_names(&self, path: &Path) -> bool {
        let is_near = |it: &Path| {
            let shared = it.0.len().min(path.0.len());
            it.0.len() <= path.0.len() + 1 && it.0[..shared] == path.0[..shared]
        };
        !self.0.iter().any(|it| !it.0.is_empty() && is_near(it))
    }

    /// Says whether anything is wrong at `path`, below it, or with what it is part of.
    pub(super) fn touches(&self, path: &Path) -> bool {
        let above = || (1..path.0.len()).any(|end| self.0.contains(&Path(path.0[..end].to_vec())));
        let below = self.0.range(path..).next();
        !self.0.is_empty() && (below.is_some_and(|it| it.0.starts_with(&path.0)) || above())
    }
}

/// Checks one value by itself.
#[cfg(test)]
pub(super) fn check_value(kind: &'static Kind, node: &Node, problems: &mut Problems) {
    let root = Table::new();
    let mut broken = Broken::default();
    let mut checker = Checker {
        root: &root,
        is_whole: false,
        problems,
        broken: &mut broken,
        useless: Vec::new(),
        path: Path::default(),
    };
    checker.value(kind, node);
}

/// Where in a scenario something is: keys, names and positions in lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn key(&self, key: &str) -> Path {
        let mut path = self.clone();
        path.0.push(key.to_string());
        path
    }

    pub(super) fn item(&self, index: usize) -> Path {
        self.key(&format!("[{index}]"))
    }

    /// Splits into ``service `web` `` and `network_configuration.subnets[0]`.
    pub(super) fn subject(&self) -> (String, String) {
        let top = self.0.first().and_then(|first| TOP.field(first)).map(|key| key.kind);
        let (subject, rest) = match (top, self.0.as_slice()) {
            (Some(Kind::Named { thing, .. }), [_, name, rest @ ..]) => {
                (format!("{thing} `{}`", shortened(name)), rest)
            }
            (Some(Kind::Table(_)), [first, rest @ ..]) if !rest.is_empty() => (first.clone(), rest),
            (_, all) => (String::new(), all),
        };
        (subject, shortened(&joined(rest)))
    }
}

impl Path {
    /// Returns the path with `*` for names that the scenario gives, and those names.
    pub(super) fn pattern(&self) -> (String, Vec<String>) {
        let mut kind = Some(&TOP);
        let mut names = Vec::new();
        let mut parts = Vec::new();
        for part in &self.0 {
            let named = match kind {
                Some(Kind::Named { of, .. }) => Some(*of),
                Some(_) | None => None,
            };
            if let Some(of) = named {
                kind = Some(of);
                names.push(joined(std::slice::from_ref(part)));
                parts.push("*".to_string());
                continue;
            }
            kind = match kind {
                Some(Kind::OneOf(kinds)) => {
                    kinds.iter().find_map(|kind| kind.field(part)).map(|key| &key.kind)
                }
                Some(kind) => kind.field(part).map(|key| &key.kind),
                None => None,
            };
            parts.push(joined(std::slice::from_ref(part)));
        }
        (parts.join("."), names)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined(&self.0))
    }
}

fn joined(parts: &[String]) -> String {
    let is_bare = |part: &str| {
        part.starts_with('[')
            || (!part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)))
    };
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() && !part.starts_with('[') {
            text.push('.');
        }
        if is_bare(part) {
            text.push_str(part);
        } else {
            text.push_str(&format!("{part:?}"));
        }
    }
    text
}

struct Checker<'a> {
    root: &'a Table,
    is_whole: bool,
    problems: &'a mut Problems,
    broken: &'a mut Broken,
    /// What cannot stay: wrong values, and tables that lack something they must have.
    useless: Vec<Useless>,
    path: Path,
}

impl Checker<'_> {
    fn complain(&mut self, place: Place, fault: Fault) {
        self.take_out();
        self.say(place, fault);
    }

    /// Remembers that what is here cannot stay.
    fn take_out(&mut self) {
        self.replace(None);
    }

    /// Remembers that what is here cannot stay, and what may stand for it.
    fn replace(&mut self, stand_in: Option<Entry>) {
        if self.useless.len() < MAX_USELESS {
            self.broken.add(self.path.clone());
            self.useless.push(Useless { path: self.path.clone(), stand_in });
        }
    }

    fn say(&mut self, place: Place, fault: Fault) {
        let (subject, rest) = self.path.subject();
        let message = if rest.is_empty() { fault.fact } else { format!("`{rest}` {}", fault.fact) };
        let mut problem = Problem::error(place, message).about(subject);
        if !fault.hint.is_empty() {
            problem = problem.hint(fault.hint);
        }
        self.problems.push(problem);
    }

    fn fault(&mut self, place: Place, fact: impl Into<String>, hint: impl Into<String>) {
        self.complain(place, Fault { fact: fact.into(), hint: hint.into() });
    }

    fn within(&mut self, part: &str, body: impl FnOnce(&mut Self)) {
        self.path.0.push(part.to_string());
        body(self);
        self.path.0.pop();
    }

    fn value(&mut self, kind: &'static Kind, node: &Node) {
        match (kind, &node.value) {
            (Kind::WithoutEffect, _) => {}
            (Kind::OneOf(kinds), _) => match alternative(kinds, node) {
                Some(one) if !is_single(one) || is_text(node) || value::read(one, node).is_ok() => {
                    self.value(one, node);
                }
                Some(_) | None => self.wrong_shape(kind, node),
            },
            (Kind::Table(_) | Kind::Tagged(_), Value::Table(table)) => {
                self.table(kind, table, Some(node.place));
            }
            (Kind::Distribution, Value::Table(table)) => self.distribution(table, node),
            (Kind::Traffic, Value::Table(table)) => {
                self.table(&TRAFFIC_TABLE, table, Some(node.place));
            }
            (Kind::Named { of, .. }, Value::Table(table)) => self.named(of, table),
            (Kind::List { of, min, max }, Value::List(items)) => {
                self.list(of, (*min, *max), items, node.place);
            }
            (
                Kind::Table(_) | Kind::Tagged(_) | Kind::Named { .. } | Kind::List { .. },
                Value::Text(_)
                | Value::Number(_)
                | Value::Boolean(_)
                | Value::DateTime(_)
                | Value::Null
                | Value::List(_)
                | Value::Table(_),
            ) => self.wrong_shape(kind, node),
            _ => self.single(kind, node),
        }
    }

    fn wrong_shape(&mut self, kind: &Kind, node: &Node) {
        let hint = format!("write {}", value::expected(kind));
        let shown = match &node.value {
            Value::Table(_) | Value::List(_) => node.value.what().to_string(),
            Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Null => shortened(&node.to_line()),
        };
        self.fault(node.place, format!("is {shown}"), hint);
    }

    fn single(&mut self, kind: &Kind, node: &Node) {
        let parsed = match value::read(kind, node) {
            Ok(parsed) => parsed,
            Err(fault) => {
                let meant = meant(&self.path, node).map(str::to_string);
                let usual = || format!("write {}", value::expected(kind));
                let hint = meant.unwrap_or(fault.hint);
                let hint = if hint.is_empty() { usual() } else { hint };
                return self.complain(node.place, Fault { fact: fault.fact, hint });
            }
        };
        if let (Kind::Reference { table, also }, Parsed::Text(name)) = (kind, parsed) {
            self.reference(table, also, &name, node.place);
        }
    }

    fn reference(&mut self, table: &str, also: &[&str], name: &str, place: Place) {
        let known = self.root.get(table).and_then(|entry| entry.node.as_table());
        let is_known = also.contains(&name) || known.is_some_and(|it| it.get(name).is_some());
        if is_known || !self.is_whole {
            return;
        }
        // The table is there, but is no table: that is said already.
        if known.is_none() && self.root.get(table).is_some() {
            return self.take_out();
        }
        if self.problems.is_full() {
            return self.fault(place, "is unknown", "");
        }
        let mut names = names_in(known);
        names.extend(also);
        let hint = match did_you_mean(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_none() => format!("write a table [{table}.{name}]"),
            None => format!("known: {}", listed(&names)),
        };
        let shown = shortened(name);
        self.fault(place, format!("is \"{shown}\", but there is no [{table}.{shown}]"), hint);
    }

    fn named(&mut self, of: &'static Kind, table: &Table) {
        for entry in table.entries() {
            self.within(&entry.key, |it| {
                let is_fine = !entry.key.trim().is_empty()
                    && entry.key.len() <= MAX_NAME
                    && !entry.key.chars().any(is_invisible);
                if !is_fine {
                    let hint =
                        format!("names have 1 to {MAX_NAME} letters, none of them invisible");
                    it.fault(entry.key_place, "has a name that cannot be used", hint);
                }
                let is_key = matches!(of, Kind::Table(_)) && of.field(&entry.key).is_some();
                if is_key && !matches!(entry.node.value, Value::Table(_)) {
                    let hint = format!(
                        "write it into a table with a name of your own, such as \
                         `first = {{ {} = … }}`",
                        entry.key
                    );
                    return it.fault(entry.key_place, "is where a name is wanted", hint);
                }
                it.entry(of, entry);
            });
        }
    }

    fn entry(&mut self, kind: &'static Kind, entry: &Entry) {
        if let (Kind::Table(_), Value::Table(table)) = (kind, &entry.node.value) {
            return self.table(kind, table, Some(entry.key_place));
        }
        self.value(kind, &entry.node);
    }

    fn list(&mut self, of: &'static Kind, bounds: (usize, usize), items: &[Node], place: Place) {
        let (min, max) = bounds;
        if items.len() < min || items.len() > max {
            let fact = format!("has {} entries", items.len());
            let hint = match min {
                0 => format!("at most {max}"),
                min => format!("the least is {min}, the most {max}"),
            };
            self.fault(place, fact, hint);
        }
        for (index, item) in items.iter().take(max).enumerate() {
            self.within(&format!("[{index}]"), |it| {
                let before = it.useless.len();
                it.value(of, item);
                // An entry that is wrong as a whole is replaced, so that the others can stay.
                let path = &it.path;
                for useless in it.useless[before..].iter_mut().filter(|its| its.path == *path) {
                    let key = String::new();
                    useless.stand_in = stand_in(of)
                        .map(|value| Node { value, place: item.place })
                        .map(|node| Entry { key, key_place: item.place, node });
                }
            });
        }
    }

    fn table(&mut self, kind: &'static Kind, table: &Table, place: Option<Place>) {
        let mut written: Option<&Entry> = None;
        for entry in table.entries() {
            let Some(key) = kind.field(&entry.key) else {
                self.unknown(kind, entry);
                continue;
            };
            if let (Kind::Tagged(_), Some(first)) = (kind, written) {
                let fact = format!("has both `{}` and `{}`", first.key, entry.key);
                self.fault(entry.key_place, fact, "write only one");
                return;
            }
            written = Some(entry);
            self.within(key.name, |it| it.entry(&key.kind, entry));
        }
        let is_lost = matches!(kind, Kind::Tagged(_)) && written.is_none() && !table.is_empty();
        if is_lost || self.broken.0.contains(&self.path.key("like")) {
            // Which alternative was meant, or what is copied, nobody knows.
            self.take_out();
        }
        let Some(place) = place.filter(|_| self.is_whole) else { return };
        if let (Kind::Tagged(keys), true) = (kind, table.is_empty()) {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            self.fault(place, "is empty", format!("write one of {}", listed(&names)));
        }
        if matches!(kind, Kind::Table(_)) {
            self.required(kind, table, place);
        }
    }

    fn required(&mut self, kind: &'static Kind, table: &Table, place: Place) {
        let missing = |key: &&Key| key.need == Need::Required && table.get(key.name).is_none();
        let missing: Vec<&Key> = kind.fields().filter(missing).collect();
        // What is `like` a sibling lacks what that lacks, or names none: reported there.
        if missing.is_empty() {
            return;
        }
        let is_known = self.broken.0.contains(&self.path);
        let is_misspelt = self.problems.sources.is_flag(place.file) && self.path.0.len() == 2;
        if table.get("like").is_some() || is_known || is_misspelt {
            self.drop_table();
        } else {
            self.stand_in_for(&missing, place);
        }
        if table.get("like").is_some() || is_known {
            return;
        }
        // An entry that only `--set` knows is a misspelt name rather than a new thing.
        if is_misspelt {
            let (table, name) = (self.path.0[0].clone(), self.path.0[1].clone());
            return self.reference_by_flag(&table, &name, place);
        }
        for key in missing {
            let hint = format!("write {} = …, {}", key.name, value::expected(&key.kind));
            self.within(key.name, |it| {
                // A key that was meant for this one is reported already.
                if !it.broken.0.contains(&it.path) {
                    it.broken.add(it.path.clone());
                    it.say(place, Fault { fact: "is missing".to_string(), hint });
                }
            });
        }
    }

    /// Takes this table out, without saying anything about it.
    fn drop_table(&mut self) {
        if self.useless.len() < MAX_USELESS {
            self.useless.push(Useless { path: self.path.clone(), stand_in: None });
        }
    }

    /// Puts something in place of missing keys, so that the rest of the table can be looked at.
    fn stand_in_for(&mut self, missing: &[&'static Key], place: Place) {
        let stand_ins: Option<Vec<Entry>> = missing
            .iter()
            .map(|key| {
                let node = Node { value: stand_in(&key.kind)?, place };
                Some(Entry { key: key.name.to_string(), key_place: place, node })
            })
            .collect();
        let Some(stand_ins) = stand_ins else { return self.drop_table() };
        for entry in stand_ins {
            let path = self.path.key(&entry.key);
            if self.useless.len() < MAX_USELESS {
                self.useless.push(Useless { path, stand_in: Some(entry) });
            }
        }
    }

    fn reference_by_flag(&mut self, table: &str, name: &str, place: Place) {
        let known = self.root.get(table).and_then(|entry| entry.node.as_table());
        let mut names = names_in(known);
        names.retain(|&other| other != name);
        let meant = did_you_mean(name, names.iter().copied());
        let mut problem = Problem::error(place, format!("there is no [{table}.{name}]"));
        problem = match meant {
            Some(meant) => problem.hint(format!("did you mean `{table}.{meant}`?")),
            None if names.is_empty() => {
                problem.hint(format!("write a table [{table}.{name}] in the scenario"))
            }
            None => problem.hint(format!("known: {}", listed(&names))),
        };
        self.problems.push(problem);
    }

    fn unknown(&mut self, kind: &'static Kind, entry: &Entry) {
        if self.problems.is_full() {
            let fact = "has an unknown key".to_string();
            return self.say(entry.key_place, Fault { fact, hint: String::new() });
        }
        let names: Vec<&str> = kind
            .fields()
            .filter(|key| !matches!(key.kind, Kind::WithoutEffect))
            .map(|key| key.name)
            .collect();
        // A provider written where a strategy belongs is a mistake of another kind.
        let strategy = kind.field("capacity_provider_strategy").filter(|_| {
            entry.key.starts_with("capacity_provider") && entry.key != "capacity_providers"
        });
        let is_of_aws = is_not_modelled(&entry.key) && strategy.is_none();
        let meant = did_you_mean(&entry.key, kind.fields().map(|key| key.name));
        let meant = meant.filter(|_| !is_of_aws);
        if let Some(meant) = meant.or(strategy.map(|key| key.name)) {
            self.broken.add(self.path.key(meant));
        }
        let table = self.path.0.first().map_or("", |table| table.as_str());
        let is_of_provider = matches!(table, "auto_scaling_group" | "container_instances")
            && OF_PROVIDERS.iter().any(|known| is_same_name(known, &entry.key));
        let is_of_group = self.path.0.first().is_some_and(|table| table == "container_instances")
            && OF_GROUPS.iter().any(|known| is_same_name(known, &entry.key));
        let otherwise = OTHERWISE.iter().find(|(known, _)| is_same_name(known, &entry.key));
        let hint = match meant {
            _ if otherwise.is_some() => otherwise.map_or("", |it| it.1).to_string(),
            _ if is_of_provider => {
                "a capacity provider has it: write it in `[capacity_provider.…]`".to_string()
            }
            _ if is_of_group => {
                "an Auto Scaling group has it: write these as `[auto_scaling_group.…]`".to_string()
            }
            Some(meant) => format!("did you mean `{meant}`?"),
            None if is_of_aws => "AWS has it, and it is not modelled yet: leave it out".to_string(),
            None if strategy.is_some() => {
                "write `capacity_provider_strategy = [{ capacity_provider = …, weight = 1 }]`"
                    .to_string()
            }
            None => format!("keys here are {}", listed(&names)),
        };
        let (subject, rest) = self.path.key(&entry.key).subject();
        let problem = Problem::error(entry.key_place, format!("unknown key `{rest}`"));
        self.problems.push(problem.about(subject).hint(hint));
    }

    fn distribution(&mut self, table: &Table, node: &Node) {
        let before = self.problems.error_count();
        self.table(&DISTRIBUTION, table, Some(node.place));
        if self.problems.error_count() > before {
            return;
        }
        let read = distribution(node, &self.problems.sources);
        if let Some(Distribution::Uniform { min, max }) = read
            && min > max
        {
            let fact = format!("has `min` {min} above `max` {max}");
            self.fault(node.place, fact, "exchange them");
        }
    }
}

/// What AWS has beside the keys of this program; the nearest key is not what is meant.
const NOT_MODELLED: &[&str] = &[
    "capacity_provider",
    "deployment_circuit_breaker",
    "deployment_controller",
    "health_check_grace_period",
    "health_check_grace_period_seconds",
    "service_connect_configuration",
    "service_registries",
    "volume_configurations",
];

/// Source: ECS Developer Guide, "Amazon ECS capacity providers for EC2 workloads": instance weights
/// are not supported.
const NO_WEIGHTS: &str = "leave it out: groups with instance weights cannot have an ECS capacity \
                          provider; each instance counts as one";

const NO_OVERRIDES: &str = "write `instance_types = [\"…\"]` in the group, the preferred first, \
                            without weights (`weighted_capacity`), which do not go with ECS \
                            capacity providers";

/// What AWS writes in another way, and how it is written here.
const OTHERWISE: [(&str, &str); 10] = [
    ("max_capacity", "of a service it is in `auto_scaling = {…}`"),
    ("min_capacity", "of a service it is in `auto_scaling = {…}`"),
    (
        "auto_scaling_group_provider",
        "write what is in it into `[capacity_provider.…]`: `auto_scaling_group = \"…\"`, \
         `managed_scaling = {…}`",
    ),
    (
        "scaling_policy",
        "policies of groups are tables by kind and name, such as \
         `[auto_scaling_group.….target_tracking.…]`; the others are `step_scaling` and \
         `simple_scaling`",
    ),
    ("weighted_capacity", NO_WEIGHTS),
    ("launch_template", NO_OVERRIDES),
    ("overrides", NO_OVERRIDES),
    (
        "deployment_configuration",
        "write `minimum_healthy_percent` and `maximum_percent` into the service itself",
    ),
    ("managed_instances_provider", "write `managed_instances = {…}` in `[capacity_provider.…]`"),
    (
        "capacity_providers",
        "leave it out: a cluster has those that say so, and those of its services; the default is \
         `default_capacity_provider_strategy`",
    ),
];

/// Says whether AWS has a key of this name that is not modelled, however it is spelled.
fn is_not_modelled(name: &str) -> bool {
    NOT_MODELLED.iter().any(|known| is_same_name(known, name))
}

/// What capacity providers have and their groups do not.
const OF_PROVIDERS: [&str; 3] =
    ["managed_draining", "managed_scaling", "managed_termination_protection"];

/// What Auto Scaling groups have and fixed fleets do not.
const OF_GROUPS: [&str; 4] = ["desired_capacity", "max_size", "min_size", "mixed_instances_policy"];

/// Says whether two names are one, in snake_case, kebab-case or camelCase.
fn is_same_name(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    plain(a) == plain(b)
}

/// Returns what is meant by words of AWS's that are written where they do not belong.
fn meant(path: &Path, node: &Node) -> Option<&'static str> {
    let Value::Text(text) = &node.value else { return None };
    let is_fleet = path.0.first().is_some_and(|table| table == "container_instances");
    let key = path.0.iter().rev().find(|part| !part.starts_with('['))?;
    Some(match (key.as_str(), text.to_ascii_lowercase().as_str()) {
        ("launch_type", "fargate_spot") if !is_fleet => {
            "write, in place of it, `capacity_provider_strategy = [{ capacity_provider = \
             \"FARGATE_SPOT\", weight = 1 }]`"
        }
        ("placement_strategy", "binpack") => {
            "write `{ binpack = \"memory\" }` or `{ binpack = \"cpu\" }`"
        }
        ("placement_strategy", "spread") => {
            "write `{ spread = \"attribute:ecs.availability-zone\" }` or `{ spread = \
             \"instanceId\" }`"
        }
        ("placement_constraints", "memberof" | "member_of") => {
            "write `{ member_of = \"attribute:ecs.instance-type =~ m5.*\" }`"
        }
        ("capacity_provider", text)
            if did_you_mean(text, ["FARGATE", "FARGATE_SPOT"]).is_none() =>
        {
            "it is \"FARGATE\", \"FARGATE_SPOT\" or the name of a `[capacity_provider.…]`, which \
             has an Auto Scaling group or Managed Instances"
        }
        _ => return None,
    })
}

fn is_text(node: &Node) -> bool {
    matches!(node.value, Value::Text(_))
}

fn is_single(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Table(_) | Kind::Tagged(_) | Kind::Named { .. } | Kind::List { .. } | Kind::OneOf(_)
    )
}

/// Lists the names in a table, not more than a suggestion is worth.
fn names_in(table: Option<&Table>) -> Vec<&str> {
    const MOST: usize = 1000;
    table.iter().flat_map(|it| it.entries()).map(|it| it.key.as_str()).take(MOST).collect()
}

/// Finds which of several kinds a node is meant to be, by its shape.
fn alternative(kinds: &'static [Kind], node: &Node) -> Option<&'static Kind> {
    let is_table = |kind: &&Kind| matches!(kind, Kind::Table(_) | Kind::Tagged(_));
    match &node.value {
        Value::Table(table) => {
            let knows = |kind: &&Kind| table.entries().any(|it| kind.field(&it.key).is_some());
            let tables = || kinds.iter().filter(is_table);
            tables().find(knows).or_else(|| tables().next())
        }
        Value::List(_) => kinds.iter().find(|kind| matches!(kind, Kind::List { .. })),
        Value::Text(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::DateTime(_)
        | Value::Null => {
            let singles = || kinds.iter().filter(|kind| is_single(kind));
            singles().find(|kind| value::read(kind, node).is_ok()).or_else(|| singles().next())
        }
    }
}

/// Returns what a node is meant to be: one of several, or the only one.
pub(super) fn resolved(kind: &'static Kind, node: &Node) -> &'static Kind {
    if matches!(kind, Kind::Traffic) {
        let is_table = matches!(node.value, Value::Table(_));
        return if is_table { &TRAFFIC_TABLE } else { &TRAFFIC_NUMBER };
    }
    let Kind::OneOf(kinds) = kind else { return kind };
    alternative(kinds, node).unwrap_or(kind)
}

/// Reads a value that was checked; files are resolved from the text that names them.
pub(super) fn parse(kind: &'static Kind, node: &Node, sources: &Sources) -> Option<Parsed> {
    match (kind, &node.value) {
        (Kind::OneOf(kinds), _) => parse(alternative(kinds, node)?, node, sources),
        (Kind::Distribution, Value::Table(_)) => {
            distribution(node, sources).map(Parsed::Distribution)
        }
        (
            Kind::Table(_)
            | Kind::Tagged(_)
            | Kind::Named { .. }
            | Kind::List { .. }
            | Kind::WithoutEffect,
            _,
        ) => None,
        _ => {
            let parsed = value::read(kind, node).ok()?;
            let Parsed::File(path) = &parsed else { return Some(parsed) };
            Some(Parsed::File(sources.folder(node.place.file).join(path)))
        }
    }
}

fn distribution(node: &Node, sources: &Sources) -> Option<Distribution> {
    let entry = node.as_table()?.entries().next()?;
    let inner = entry.node.as_table()?;
    let kind = &DISTRIBUTION.field(&entry.key)?.kind;
    let part = |name: &str| parse(&kind.field(name)?.kind, &inner.get(name)?.node, sources);
    let span = |name: &str| match part(name) {
        Some(Parsed::Span(span)) => Some(span),
        _ => None,
    };
    let number = |name: &str| match part(name) {
        Some(Parsed::Number(number)) => Some(number),
        _ => None,
    };
    Some(match entry.key.as_str() {
        "uniform" => Distribution::Uniform { min: span("min")?, max: span("max")? },
        "exponential" => Distribution::Exponential { mean: span("mean")? },
        "lognormal" => Distribution::Lognormal { median: span("median")?, sigma: number("sigma")? },
        "weibull" => Distribution::Weibull { scale: span("scale")?, shape: number("shape")? },
        "gamma" => Distribution::Gamma { mean: span("mean")?, shape: number("shape")? },
        "empirical" => match (part("file")?, part("column")?) {
            (Parsed::File(file), Parsed::Text(column)) => Distribution::Empirical { file, column },
            _ => return None,
        },
        _ => return None,
    })
}

/// Returns the tree of a default, read once for all.
///
/// # Panics
/// If `text` is no default of the table of keys.
pub(super) fn default_node(text: &'static str) -> &'static Node {
    static DEFAULTS: OnceLock<BTreeMap<&'static str, Node>> = OnceLock::new();
    let defaults = DEFAULTS.get_or_init(|| {
        let mut defaults = BTreeMap::new();
        for pattern in keys::all().into_iter().chain(keys::of_traffic()) {
            if let Need::Default(text) = pattern.key.need {
                defaults.entry(text).or_insert_with(|| read_default(text));
            }
        }
        defaults
    });
    defaults.get(text).unwrap_or_else(|| panic!("`{text}` is no default of the table of keys"))
}

fn read_default(text: &'static str) -> Node {
    let mut problems = Problems::new();
    let file = problems.sources.add_flag("default", &format!("it = {text}"));
    let table = read_toml(file, &mut problems);
    assert!(!problems.has_errors(), "the default `{text}` is not TOML: {}", problems.to_lines());
    table.get("it").expect("`it` was just read").node.clone()
}
