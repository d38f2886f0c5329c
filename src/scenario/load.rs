//! From paths and flags to a checked document: `extends`, `--set`, `like`, JSON beside it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use super::check::{Broken, Path as KeyPath, TOP, check, resolved};
use super::codes::Code;
use super::document::Document;
use super::keys::{Kind, find};
use super::problems::{Problem, Problems, Where, number};
use super::task_definition;
use super::text::{Entry, FileId, Key, Node, Place, Table, Value, read_toml, read_toml_assignment};

/// The largest text that is read.
pub const MAX_TEXT: u64 = 16 << 20;

/// All texts of a scenario together; what is read from one more than once counts again.
const MAX_TEXTS: u64 = 2 * MAX_TEXT;

/// How many values `like` may copy, all in all.
const MAX_COPIED: usize = 1_000_000;

/// How many scenarios may extend one another in a row, or things be `like` one another.
const MAX_CHAIN: usize = 16;

/// Where files come from; tests bring their own.
pub trait Files {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>>;
}

/// The files of this computer.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(Box::new(file))
    }
}

/// A value from the command line that replaces one of the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    flag: String,
    path: Option<&'static str>,
    text: String,
}

impl Override {
    /// Makes one of what stands behind `--set`: `service.web.desired_count=8`.
    pub fn set(path_and_value: impl Into<String>) -> Override {
        Override { flag: "--set".to_string(), path: None, text: path_and_value.into() }
    }

    /// Makes one of what stands behind `--what-if`.
    pub fn what_if(path_and_value: impl Into<String>) -> Override {
        Override { flag: "--what-if".to_string(), path: None, text: path_and_value.into() }
    }

    /// Makes one of a flag of its own, such as `--seed 7` for the key `seed`.
    pub fn flag(flag: &str, path: &'static str, value: impl Into<String>) -> Override {
        Override { flag: flag.to_string(), path: Some(path), text: value.into() }
    }
}

/// Reads a scenario with all it extends, applies `overrides`, and checks the form of everything.
///
/// # Errors
/// All [`Problems`] at once, if any of them is an error; warnings are in the document.
pub fn load(files: &dyn Files, path: &Path, overrides: &[Override]) -> Result<Document, Problems> {
    let document = read(files, path, overrides)?;
    if document.problems.has_errors() { Err(document.problems) } else { Ok(document) }
}

/// Reads a scenario like [`load`], and returns what is left of it even if something is wrong.
///
/// # Errors
/// All [`Problems`] at once, if a part could not be read at all: then nobody knows what is meant.
pub(super) fn read(
    files: &dyn Files,
    path: &Path,
    overrides: &[Override],
) -> Result<Document, Problems> {
    let mut problems = Problems::new();
    let mut loader = Loader { files, problems: &mut problems, chain: Vec::new(), is_whole: true };
    let Some((mut root, file)) = loader.scenario(path, Where::Run) else { return Err(problems) };
    let mut is_whole = loader.is_whole;
    for change in overrides {
        is_whole &= apply(change, &mut root, &mut problems);
    }
    let mut broken = Broken::default();
    expand_like(&mut root, &mut broken, &mut problems);
    task_definition::expand(files, &mut root, &mut broken, &mut problems);
    if !check(&mut root, is_whole, &mut broken, &mut problems) {
        return Err(problems);
    }
    Ok(Document::new(root, broken, Place { file, start: 0, end: 0 }, problems))
}

/// Reads a whole text, or reports why not.
pub(super) fn read_text(
    files: &dyn Files,
    path: &Path,
    named_at: Where,
    problems: &mut Problems,
) -> Option<FileId> {
    let mut bytes = Vec::new();
    let read = files.open(path).and_then(|file| file.take(MAX_TEXT + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let mut problem = unreadable(path, named_at, &error);
        if problem.at == Where::Run && error.kind() == ErrorKind::NotFound {
            // The path was given to the program, not by another file.
            problem.hint = Some("check the path: it starts from the folder you are in".to_string());
        }
        problems.push(problem);
        return None;
    }
    if bytes.len() as u64 > MAX_TEXT {
        let message = format!("`{}` is larger than {} MiB", path.display(), MAX_TEXT >> 20);
        let hint = "is it the file you meant? scenarios are short";
        problems.push(Problem::error(named_at, message).hint(hint));
        return None;
    }
    if bytes.len() as u64 + problems.sources.bytes() > MAX_TEXTS {
        let shown = path.display();
        let message =
            format!("`{shown}` makes all files together larger than {} MiB", MAX_TEXTS >> 20);
        problems
            .push(Problem::error(named_at, message).hint("let fewer things name so large a file"));
        return None;
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Some(problems.sources.add_file(path, text)),
        Err(error) => {
            let sound = &bytes[..error.valid_up_to()];
            let line = sound.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
            let byte = bytes[error.valid_up_to()];
            let file = path.display().to_string().into();
            problems.push(
                Problem::error(
                    Where::Line { file, line },
                    format!("byte 0x{byte:02x} is not UTF-8"),
                )
                .hint("save the file as UTF-8"),
            );
            None
        }
    }
}

/// Says why a file cannot be read.
pub(super) fn unreadable(path: &Path, named_at: Where, error: &io::Error) -> Problem {
    let shown = path.display();
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        return Problem::error(named_at, format!("there is no file `{shown}`"))
            .hint("a relative path starts from the folder of the file that names it");
    }
    let (message, hint) = if kind == ErrorKind::IsADirectory {
        (format!("`{shown}` is a folder, not a file"), "name a file in it")
    } else if kind == ErrorKind::PermissionDenied {
        let message = format!("`{shown}` may not be read: permission denied");
        (message, "allow yourself to read it, with `chmod` for example")
    } else {
        (format!("`{shown}` cannot be read: {error}"), "name a file that can be read")
    };
    Problem::error(named_at, message).hint(hint)
}

struct Loader<'a> {
    files: &'a dyn Files,
    problems: &'a mut Problems,
    chain: Vec<PathBuf>,
    is_whole: bool,
}

impl Loader<'_> {
    /// Reads one scenario merged over the one it extends.
    fn scenario(&mut self, path: &Path, named_at: Where) -> Option<(Table, FileId)> {
        let normal = normal(path);
        let is_cycle = self.chain.contains(&normal);
        if is_cycle || self.chain.len() >= MAX_CHAIN {
            let message = match is_cycle {
                true => format!("`{}` extends itself in the end", path.display()),
                false => format!("more than {MAX_CHAIN} scenarios extend one another"),
            };
            let problem = Problem::error(named_at, message);
            self.problems.push(problem.hint("take one `extends` away"));
            return None;
        }
        let file = read_text(self.files, path, named_at, self.problems)?;
        if self
            .problems
            .sources
            .text(file)
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('{')
        {
            let message = "this is JSON, not TOML";
            let hint =
                "a task definition in JSON goes into `task_definition.NAME.file` of a scenario";
            let place = Place { file, start: 0, end: 1 };
            self.problems.push(Problem::error(place, message).hint(hint));
            return None;
        }
        let before = self.problems.error_count();
        let own = read_toml(file, self.problems);
        self.is_whole &= self.problems.error_count() == before;
        let Some((base, at)) = self.base(&own) else { return Some((own, file)) };
        self.chain.push(normal);
        let base = self.scenario(&base, at.into());
        self.chain.pop();
        let Some((mut merged, _)) = base else {
            // What the missing base would have brought is not missing here.
            self.is_whole = false;
            return Some((own, file));
        };
        merge(&TOP, &mut merged, own);
        Some((merged, file))
    }

    /// Returns the path that `extends` names; another kind of value is found by the check.
    fn base(&self, own: &Table) -> Option<(PathBuf, Place)> {
        let node = &own.get("extends")?.node;
        let Value::Text(base) = &node.value else { return None };
        if base.trim().is_empty() {
            return None;
        }
        Some((self.problems.sources.folder(node.place.file).join(base), node.place))
    }
}

/// Takes `.` and `..` out of a path, without asking the disk.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        let can_go_up = matches!(normal.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if can_go_up => {
                normal.pop();
            }
            Component::ParentDir
            | Component::Normal(_)
            | Component::RootDir
            | Component::Prefix(_) => normal.push(part),
        }
    }
    normal
}

/// Keys that replace each other: writing one takes the other away from what is merged over.
const EXCLUSIVE: &[(&str, &str)] = &[
    ("launch_type", "capacity_provider_strategy"),
    ("cidr", "free_addresses"),
    ("instance_type", "instance_types"),
    ("auto_scaling_group", "managed_instances"),
];

/// Lays `over` over `base`: tables of keys and names are merged, everything else is replaced.
pub(super) fn merge(kind: &Kind, base: &mut Table, over: Table) {
    for &(one, other) in EXCLUSIVE {
        if kind.field(one).is_some() && kind.field(other).is_some() {
            match (over.get(one).is_some(), over.get(other).is_some()) {
                (true, false) => base.remove(other),
                (false, true) => base.remove(one),
                (true, true) | (false, false) => {}
            }
        }
    }
    for mut entry in over.into_entries() {
        // A rate is replaced as a whole: a file does not go with the curve that was there.
        let child = kind.child(&entry.key).filter(|child| !matches!(child, Kind::Traffic));
        let child = child.map(|child| resolved(child, &entry.node));
        let child = child.filter(|child| matches!(child, Kind::Table(_) | Kind::Named { .. }));
        let known = base.get_mut(&entry.key).map(|known| &mut known.node.value);
        if let (Some(child), Some(Value::Table(below)), Value::Table(above)) =
            (child, known, &mut entry.node.value)
        {
            let mut merged = std::mem::take(below);
            merge(child, &mut merged, std::mem::take(above));
            *above = merged;
        }
        base.set(entry);
    }
}

/// Applies one flag; says whether it could be read.
fn apply(change: &Override, root: &mut Table, problems: &mut Problems) -> bool {
    let file = problems.sources.add_flag(&change.flag, &change.text);
    let read = match change.path {
        None => read_toml_assignment(file, problems),
        Some(path) => {
            let end = u32::try_from(change.text.len()).unwrap_or(u32::MAX);
            let place = Place { file, start: 0, end };
            let text = change.text.trim().to_string();
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let value = if is_number { Value::Number(text) } else { Value::Text(text) };
            Some((vec![(path.to_string(), place)], Node { value, place }))
        }
    };
    let Some((keys, node)) = read else { return false };
    let names: Vec<&str> = keys.iter().map(|key| key.0.as_str()).collect();
    if names == ["extends"] {
        let message = "`extends` is read before any flag, and cannot be changed by one";
        let hint = "write a scenario that extends the other file, and run that";
        problems.push(Problem::error(node.place, message).hint(hint));
        return true;
    }
    let node = match find(&names) {
        Some(kind) => as_kind(kind, node, &change.text),
        None => node,
    };
    let (last, path) = keys.split_last().expect("a path has parts");
    match descend(root, path, problems) {
        None => {}
        Some(Spot::List(items)) => {
            if let Some(item) = item(items, last, problems) {
                *item = node;
            }
        }
        Some(Spot::Table(table)) => {
            for &(one, other) in EXCLUSIVE {
                let gone = match last.0.as_str() {
                    name if name == one => other,
                    name if name == other => one,
                    _ => continue,
                };
                if table.get(gone).is_some() {
                    table.remove(gone);
                    let message = format!("`{}` replaces `{gone}`, which holds no more", last.0);
                    let hint = "the two exclude each other: what a flag sets takes the other away";
                    let code = Code::ReplacedByFlag;
                    problems.push(Problem::warning(code, last.1, message).hint(hint));
                }
            }
            table.set(Entry { key: last.0.clone(), key_place: last.1, node });
        }
    }
    true
}

/// What a key is looked up in.
enum Spot<'a> {
    Table(&'a mut Table),
    List(&'a mut Vec<Node>),
}

/// Goes along `path`, making the tables that are not there; a number is a place in a list.
fn descend<'a>(root: &'a mut Table, path: &[Key], problems: &mut Problems) -> Option<Spot<'a>> {
    let mut spot = Spot::Table(root);
    for part in path {
        let (key, place) = part;
        let node = match spot {
            Spot::List(items) => item(items, part, problems)?,
            Spot::Table(table) => {
                if table.get(key).is_none() {
                    let node = Node { value: Value::Table(Table::new()), place: *place };
                    table.set(Entry { key: key.clone(), key_place: *place, node });
                }
                &mut table.get_mut(key)?.node
            }
        };
        let what = node.value.what();
        spot = match &mut node.value {
            Value::Table(inner) => Spot::Table(inner),
            Value::List(items) => Spot::List(items),
            Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Null => {
                let message = format!("`{key}` is {what}, not a table");
                problems.push(Problem::error(*place, message).hint("set the whole value"));
                return None;
            }
        };
    }
    Some(spot)
}

/// Returns the entry of a list at a place, counted from 0.
fn item<'a>(
    items: &'a mut [Node],
    (key, place): &Key,
    problems: &mut Problems,
) -> Option<&'a mut Node> {
    let count = items.len();
    let found = key.parse::<usize>().ok().and_then(|at| items.get_mut(at));
    if found.is_none() {
        let message = format!("there is no entry `{key}` in a list of {count}");
        let hint = match count {
            0 => "set the whole list".to_string(),
            _ => format!("entries are counted from 0: 0 to {}; or set the whole list", count - 1),
        };
        problems.push(Problem::error(*place, message).hint(hint));
    }
    found
}

/// Takes a bare value as text where text is wanted: `--set name=2026`.
fn as_kind(kind: &Kind, node: Node, text: &str) -> Node {
    let wants_text = matches!(
        kind,
        Kind::Text(_) | Kind::Name | Kind::File | Kind::Choice(_) | Kind::Reference { .. }
    );
    let is_bare = matches!(node.value, Value::Number(_) | Value::Boolean(_) | Value::DateTime(_));
    if !wants_text || !is_bare {
        return node;
    }
    let start = node.place.start as usize;
    let written = text.get(start..node.place.end as usize).unwrap_or(text);
    Node { value: Value::Text(written.to_string()), ..node }
}

/// Lays every entry that is `like` a sibling over a copy of it.
fn expand_like(root: &mut Table, broken: &mut Broken, problems: &mut Problems) {
    let mut left = MAX_COPIED;
    for entry in root.entries_mut() {
        let Some(key) = TOP.field(&entry.key) else { continue };
        let Kind::Named { of, thing } = key.kind else { continue };
        if of.field("like").is_none() {
            continue;
        }
        let Value::Table(siblings) = &mut entry.node.value else { continue };
        let original = siblings.clone();
        let likes = original.entries().filter(|it| like(&it.node).is_some());
        for like in likes {
            let mut chain = Vec::new();
            let mut copier = Copier { of, thing, siblings: &original, left: &mut left, problems };
            let Some(copy) = copier.copy(&like.key, &mut chain) else {
                broken.add(KeyPath::default().key(&entry.key).key(&like.key));
                continue;
            };
            if let Some(mine) = siblings.get_mut(&like.key) {
                mine.node.value = Value::Table(copy);
            }
        }
    }
}

/// Returns the sibling a thing is like, and where that is said.
fn like(node: &Node) -> Option<(&str, Place)> {
    let node = &node.as_table()?.get("like")?.node;
    if let Value::Text(name) = &node.value { Some((name, node.place)) } else { None }
}

struct Copier<'a> {
    of: &'static Kind,
    thing: &'static str,
    siblings: &'a Table,
    /// Values that may still be copied.
    left: &'a mut usize,
    problems: &'a mut Problems,
}

impl<'a> Copier<'a> {
    /// Builds the entry `name` over whatever it is like; an unknown name is found by the check.
    fn copy(&mut self, name: &'a str, chain: &mut Vec<&'a str>) -> Option<Table> {
        let node = &self.siblings.get(name)?.node;
        let own = node.as_table()?.clone();
        let Some((base, place)) = like(node) else { return Some(own) };
        chain.push(name);
        let is_cycle = chain.contains(&base);
        if is_cycle || chain.len() > MAX_CHAIN {
            let message = match is_cycle {
                true => format!("`like` leads back to `{base}`"),
                false => format!("more than {MAX_CHAIN} are `like` one another"),
            };
            let subject = format!("{} `{name}`", self.thing);
            let problem = Problem::error(place, message).about(subject);
            self.problems.push(problem.hint("take one `like` away"));
            return None;
        }
        if *self.left == 0 {
            return None;
        }
        *self.left = self.left.saturating_sub(self.siblings.get(base)?.node.size());
        if *self.left == 0 {
            let most = number(MAX_COPIED as u64);
            let message = format!("`like` copies {most} values or more, all in all");
            self.problems.push(Problem::error(place, message).hint("copy less, or less often"));
            return None;
        }
        let mut copy = self.copy(base, chain)?;
        merge(self.of, &mut copy, own);
        Some(copy)
    }
}
