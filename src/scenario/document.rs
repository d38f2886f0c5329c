//! A checked scenario: typed values by key, each written or a default of the table of keys.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::check::{Broken, Path, TOP, default_node, parse, resolved};
use super::codes::Code;
use super::keys::{Key, Kind, Need, ON_FARGATE};
use super::problems::{Problem, Problems, Severity, Where};
use super::text::{Entry, Node, Place, Sources, Table, Value};
use super::value::{
    BytesPerSecond, CpuUnits, Distribution, Mib, Parsed, PerSecond, Percent, Share,
};
use crate::units::{Bytes, Money, Span};

/// A scenario in which every value is of its kind; what was not is taken out.
#[derive(Clone, Debug)]
pub struct Document {
    root: Node,
    /// What was taken out or is missing.
    broken: Broken,
    /// Paths of `network_mode` that nobody wrote, and that are `awsvpc` because of Fargate.
    pub(super) on_fargate: BTreeSet<String>,
    /// Paths of keys that have no effect in this scenario.
    pub(super) without_effect: BTreeSet<String>,
    /// The warnings so far, and the texts; whoever checks more adds to them.
    pub problems: Problems,
}

impl Document {
    /// Takes a tree that was checked.
    pub(super) fn new(root: Table, broken: Broken, place: Place, problems: Problems) -> Document {
        let root = Node { value: Value::Table(root), place };
        Document {
            root,
            broken,
            on_fargate: BTreeSet::new(),
            without_effect: BTreeSet::new(),
            problems,
        }
    }

    /// Returns the top of the scenario.
    pub fn root(&self) -> View<'_> {
        View { document: self, kind: &TOP, node: &self.root, at: None, path: Path::default() }
    }

    /// Lists every key that has a value, written or by default, in the order of the table of keys.
    pub fn filled_in(&self) -> Vec<Filled> {
        let mut list = Vec::new();
        self.root().fill(&mut list);
        list
    }
}

/// A key with the value that holds, for whoever asks what a run rests on.
#[derive(Clone, Debug)]
pub struct Filled {
    /// Such as `service.web.desired_count`.
    pub path: String,
    /// The path with `*` for each name that the scenario gives, such as `service.*.desired_count`.
    pub pattern: String,
    /// Those names.
    pub names: Vec<String>,
    /// The value, as TOML; of a key without effect nothing.
    pub value: String,
    /// Where it is written; nothing for a default.
    pub place: Option<Place>,
    /// The key, with evidence and source of its default.
    pub key: &'static Key,
    /// Whether it has no effect, in any scenario or in this one.
    pub is_idle: bool,
}

/// A look at one part of a scenario: the whole, a table, an entry of a list, or a single value.
///
/// Asking for a key that is not in the table of keys, or as another type than its kind's, is a
/// mistake of the program and panics.
#[derive(Clone, Debug)]
pub struct View<'d> {
    document: &'d Document,
    kind: &'static Kind,
    node: &'d Node,
    /// Where it is written: its key, or the value; nothing for a default.
    at: Option<Place>,
    path: Path,
}

impl<'d> View<'d> {
    #[track_caller]
    fn key(&self, key: &str) -> &'static Key {
        let found = self.kind.field(key);
        found.unwrap_or_else(|| panic!("`{key}` is not in the table of keys at `{}`", self.path))
    }

    fn written(&self, key: &str) -> Option<&'d Entry> {
        self.node.as_table().and_then(|table| table.get(key))
    }

    /// Says whether `key` is written.
    #[track_caller]
    pub fn is_written(&self, key: &str) -> bool {
        self.key(key);
        self.written(key).is_some()
    }

    /// Returns the part at `key`: what is written, else the default, else nothing.
    #[track_caller]
    pub fn child(&self, key: &str) -> Option<View<'d>> {
        let key = self.key(key);
        let written = self.written(key.name);
        let node = match (written, key.need) {
            (Some(entry), _) => &entry.node,
            (None, Need::Default(text)) => default_node(text),
            (None, Need::Required | Need::Optional) => return None,
        };
        let is_table = matches!(key.kind, Kind::Table(_) | Kind::Named { .. });
        let place = match written {
            Some(entry) if is_table => Some(entry.key_place),
            Some(entry) => Some(entry.node.place),
            // A table of defaults is part of the thing that could have written it.
            None if is_table => self.at,
            None => None,
        };
        Some(self.part(&key.kind, node, place, self.path.key(key.name)))
    }

    fn part(&self, kind: &'static Kind, node: &'d Node, at: Option<Place>, path: Path) -> View<'d> {
        View { document: self.document, kind: resolved(kind, node), node, at, path }
    }

    /// Returns the value of a key that is required or has a default.
    #[track_caller]
    pub fn get<T: Typed>(&self, key: &str) -> T {
        let found = self.find(key);
        found.unwrap_or_else(|| panic!("`{}.{key}` has no default: use find()", self.path))
    }

    /// Returns the value of a key, if it is written or has a default.
    #[track_caller]
    pub fn find<T: Typed>(&self, key: &str) -> Option<T> {
        self.child(key).map(|view| view.value())
    }

    /// Returns this single value, such as an entry of a list.
    #[track_caller]
    pub fn value<T: Typed>(&self) -> T {
        let parsed = parse(self.kind, self.node, &self.document.problems.sources);
        parsed
            .and_then(T::from_parsed)
            .unwrap_or_else(|| panic!("`{}` is {:?}, asked for otherwise", self.path, self.kind))
    }

    /// Returns the table at `key`; only for tables that are there even when nothing is written.
    #[track_caller]
    pub fn table(&self, key: &str) -> View<'d> {
        let found = self.child(key);
        found.unwrap_or_else(|| panic!("`{}.{key}` may be missing: use child()", self.path))
    }

    /// Lists the entries of a table of names, in the order written; none if it is not written.
    #[track_caller]
    pub fn entries(&self, key: &str) -> Vec<(&'d str, View<'d>)> {
        let Kind::Named { of, .. } = self.key(key).kind else {
            panic!("`{key}` is no table of names")
        };
        let path = self.path.key(key);
        let Some(table) = self.written(key).and_then(|entry| entry.node.as_table()) else {
            return Vec::new();
        };
        let view = |entry: &'d Entry| {
            let at = Some(entry.key_place);
            (entry.key.as_str(), self.part(of, &entry.node, at, path.key(&entry.key)))
        };
        table.entries().map(view).collect()
    }

    /// Finds one entry of a table of names.
    #[track_caller]
    pub fn entry(&self, key: &str, name: &str) -> Option<View<'d>> {
        let Kind::Named { of, .. } = self.key(key).kind else {
            panic!("`{key}` is no table of names")
        };
        let entry = self.written(key)?.node.as_table()?.get(name)?;
        let path = self.path.key(key).key(name);
        Some(self.part(of, &entry.node, Some(entry.key_place), path))
    }

    /// Lists the entries of a list, written or by default; none if there is neither.
    #[track_caller]
    pub fn items(&self, key: &str) -> Vec<View<'d>> {
        let Kind::List { of, .. } = self.key(key).kind else { panic!("`{key}` is no list") };
        let Some(list) = self.child(key) else { return Vec::new() };
        let Value::List(items) = &list.node.value else { return Vec::new() };
        let view = |(index, item): (usize, &'d Node)| {
            let at = list.at.map(|_| item.place);
            self.part(of, item, at, list.path.item(index))
        };
        items.iter().enumerate().map(view).collect()
    }

    /// Returns which key of a table with alternatives is written, and the part there.
    pub fn alternative(&self) -> Option<(&'static str, View<'d>)> {
        let Kind::Tagged(_) = self.kind else { return None };
        let entry = self.node.as_table()?.entries().next()?;
        let key = self.kind.field(&entry.key)?;
        Some((key.name, self.child(key.name)?))
    }

    /// Returns the path of `key`, as [`Filled`] has it.
    #[track_caller]
    pub fn path_of(&self, key: &str) -> String {
        self.path.key(self.key(key).name).to_string()
    }

    /// Returns the paths of all that has a value in this part, as [`Filled`] has them.
    pub(super) fn paths(&self) -> Vec<String> {
        if !matches!(self.kind, Kind::Table(_)) {
            return vec![self.path.to_string()];
        }
        let mut list = Vec::new();
        self.fill(&mut list);
        list.into_iter().map(|it| it.path).collect()
    }

    /// Returns what this part is, alternatives resolved: a reference, a table, a single value.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// Returns where this is written; for a default, the run as a whole.
    pub fn place(&self) -> Where {
        self.at.map_or(Where::Run, Where::Text)
    }

    /// Makes an error about the value of `key`, at its place if it is written, else at this part's.
    #[track_caller]
    pub fn error(&self, key: &str, message: impl Into<String>) -> Problem {
        let place = self.child(key).and_then(|child| child.at).or(self.at);
        let path = self.path.key(key);
        let (subject, _) = path.subject();
        let problem = Problem::error(place.map_or(Where::Run, Where::Text), message);
        Problem { follows: self.document.broken.touches(&path), ..problem.about(subject) }
    }

    /// Makes an error about this part as a whole.
    pub fn error_here(&self, message: impl Into<String>) -> Problem {
        let (subject, _) = self.path.subject();
        let problem = Problem::error(self.place(), message).about(subject);
        Problem { follows: !self.is_sound(), ..problem }
    }

    /// Returns how many bytes this part has, written on one line.
    pub(super) fn text_size(&self) -> usize {
        self.node.to_line().len()
    }

    /// Says whether nothing in this part is wrong in form, or missing.
    pub fn is_sound(&self) -> bool {
        !self.document.broken.touches(&self.path)
    }

    /// Says whether nothing at any of these keys is wrong in form, or missing.
    #[track_caller]
    pub fn is_sound_at(&self, keys: &[&str]) -> bool {
        let is_broken =
            |key: &&str| self.document.broken.touches(&self.path.key(self.key(key).name));
        !keys.iter().any(is_broken)
    }

    /// Says whether all names in these tables are known, whatever is wrong with what they name.
    #[track_caller]
    pub fn has_names(&self, tables: &[&str]) -> bool {
        let known = |key: &&str| self.document.broken.has_names(&self.path.key(self.key(key).name));
        tables.iter().all(known)
    }

    /// Makes a warning about the value of `key`.
    #[track_caller]
    pub fn warning(&self, code: Code, key: &str, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning(code), ..self.error(key, message) }
    }

    /// Makes a warning about this part as a whole.
    pub fn warning_here(&self, code: Code, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning(code), ..self.error_here(message) }
    }

    /// Tells every value that can decide a result, written or default, in a form that does not
    /// depend on how it is spelled.
    ///
    /// Left out are fields without effect, what is only said to save words (`like`), and the names
    /// of files: what is in them counts.
    pub(super) fn values(&self, tell: &mut dyn FnMut(&str)) {
        match self.kind {
            Kind::WithoutEffect | Kind::File => {}
            Kind::Table(_) | Kind::Tagged(_) => self.values_of_keys(tell),
            Kind::List { of, .. } => {
                let Value::List(items) = &self.node.value else { return };
                for (index, item) in items.iter().enumerate() {
                    self.part(of, item, None, self.path.item(index)).values(tell);
                }
            }
            Kind::Boolean
            | Kind::Integer { .. }
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
            | Kind::Distribution
            | Kind::Traffic
            | Kind::Text(_)
            | Kind::Name
            | Kind::Choice(_)
            | Kind::Reference { .. }
            | Kind::Named { .. }
            | Kind::OneOf(_) => {
                let parsed = parse(self.kind, self.node, &self.document.problems.sources);
                let is_file =
                    matches!(&parsed, Some(Parsed::Distribution(Distribution::Empirical { .. })));
                tell(&self.path.to_string());
                if !is_file {
                    tell(&format!("{parsed:?}"));
                }
            }
        }
    }

    fn values_of_keys(&self, tell: &mut dyn FnMut(&str)) {
        for key in self.kind.fields().filter(|key| key.name != "like") {
            if matches!(key.kind, Kind::Named { .. }) {
                for (_, entry) in self.entries(key.name) {
                    tell(&entry.path.to_string());
                    entry.values(tell);
                }
            } else if let Some(child) = self.child(key.name) {
                child.values(tell);
            }
        }
    }

    fn fill(&self, list: &mut Vec<Filled>) {
        for key in self.kind.fields() {
            let views: Vec<View> = if matches!(key.kind, Kind::Named { .. }) {
                self.entries(key.name).into_iter().map(|it| it.1).collect()
            } else {
                self.child(key.name).into_iter().collect()
            };
            views.iter().for_each(|view| view.fill_one(key, list));
            if matches!(key.kind, Kind::List { .. }) && self.is_written(key.name) {
                self.items(key.name).iter().for_each(|item| item.fill_idle(list));
            }
        }
    }

    /// Lists what is written in an entry of a list and has no effect; the rest is in the list.
    fn fill_idle(&self, list: &mut Vec<Filled>) {
        if !matches!(self.kind, Kind::Table(_)) {
            return;
        }
        for key in self.kind.fields().filter(|key| key.is_idle && self.is_written(key.name)) {
            list.extend(self.child(key.name).map(|view| view.filled(key)));
        }
    }

    fn fill_one(&self, key: &'static Key, list: &mut Vec<Filled>) {
        if matches!(self.kind, Kind::Table(_)) {
            return self.fill(list);
        }
        list.push(self.filled(key));
    }

    fn filled(&self, key: &'static Key) -> Filled {
        let has_effect = !matches!(self.kind, Kind::WithoutEffect);
        let value = if has_effect { self.node.to_line() } else { String::new() };
        let path = self.path.to_string();
        let is_idle = key.is_idle || self.document.without_effect.contains(&path);
        let (pattern, names) = self.path.pattern();
        let (value, place, key) = match self.document.on_fargate.contains(&path) {
            true => ("\"awsvpc\"".to_string(), None, &ON_FARGATE),
            false => (value, self.at, key),
        };
        Filled { path, pattern, names, value, place, key, is_idle }
    }
}

/// Returns the default of a key, if it has one and is a single value of this type.
pub(super) fn default_of<T: Typed>(key: &'static Key) -> Option<T> {
    let Need::Default(text) = key.need else { return None };
    parse(&key.kind, default_node(text), &Sources::default()).and_then(T::from_parsed)
}

/// A type that a single value can be asked for as.
pub trait Typed: Sized {
    /// Takes the value out, if it is of this type.
    fn from_parsed(parsed: Parsed) -> Option<Self>;
}

impl Typed for bool {
    fn from_parsed(parsed: Parsed) -> Option<bool> {
        if let Parsed::Boolean(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for u64 {
    fn from_parsed(parsed: Parsed) -> Option<u64> {
        if let Parsed::Integer(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for u32 {
    fn from_parsed(parsed: Parsed) -> Option<u32> {
        if let Parsed::Integer(value) = parsed { u32::try_from(value).ok() } else { None }
    }
}

impl Typed for f64 {
    fn from_parsed(parsed: Parsed) -> Option<f64> {
        if let Parsed::Number(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Span {
    fn from_parsed(parsed: Parsed) -> Option<Span> {
        if let Parsed::Span(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Bytes {
    fn from_parsed(parsed: Parsed) -> Option<Bytes> {
        if let Parsed::Bytes(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for BytesPerSecond {
    fn from_parsed(parsed: Parsed) -> Option<BytesPerSecond> {
        if let Parsed::Bandwidth(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Mib {
    fn from_parsed(parsed: Parsed) -> Option<Mib> {
        if let Parsed::Memory(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for CpuUnits {
    fn from_parsed(parsed: Parsed) -> Option<CpuUnits> {
        if let Parsed::Cpu(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Money {
    fn from_parsed(parsed: Parsed) -> Option<Money> {
        if let Parsed::Money(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Percent {
    fn from_parsed(parsed: Parsed) -> Option<Percent> {
        if let Parsed::Percent(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Share {
    fn from_parsed(parsed: Parsed) -> Option<Share> {
        if let Parsed::Share(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for PerSecond {
    fn from_parsed(parsed: Parsed) -> Option<PerSecond> {
        if let Parsed::Rate(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for Distribution {
    fn from_parsed(parsed: Parsed) -> Option<Distribution> {
        if let Parsed::Distribution(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for String {
    fn from_parsed(parsed: Parsed) -> Option<String> {
        if let Parsed::Text(value) = parsed { Some(value) } else { None }
    }
}

impl Typed for PathBuf {
    fn from_parsed(parsed: Parsed) -> Option<PathBuf> {
        if let Parsed::File(value) = parsed { Some(value) } else { None }
    }
}
