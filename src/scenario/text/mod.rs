//! Text as a tree in which every key and value knows its place, whatever the format it came from.

mod json;
mod toml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use json::read_json;
pub use toml::{Key, read_toml, read_toml_assignment};

/// How deep tables and lists may be nested, and how many parts a dotted key may have in all.
pub const MAX_DEPTH: usize = 64;

/// One text among those a scenario is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A stretch of one text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The text.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it is written.
    pub place: Place,
}

/// What can be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A number, as written but for `_` and radix: its text loses nothing.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A bare date or time of TOML, unchecked.
    DateTime(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// JSON's `null`.
    Null,
}

/// A table: keys with their places, in the order written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    entries: Vec<Entry>,
    index: BTreeMap<String, usize>,
    form: Form,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub key_place: Place,
    /// The value.
    pub node: Node,
}

/// How a table of TOML came to be, which decides whether it may be added to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Form {
    /// `{ … }`: closed.
    #[default]
    Inline,
    /// Named on the way to another: `a` in `[a.b]`.
    Implicit,
    /// By a header of its own.
    Header,
    /// By a dotted key: `a` in `a.b = 1`.
    Dotted,
}

impl Value {
    /// Says what kind of thing this is, with its article.
    pub fn what(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Number(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::DateTime(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Null => "null",
        }
    }
}

impl Node {
    /// Returns the table this is, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// Returns how many values this is, itself and all that it holds.
    pub(super) fn size(&self) -> usize {
        1 + match &self.value {
            Value::Table(table) => table.size(),
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Null => 0,
        }
    }

    /// Writes the value on one line, as TOML would.
    pub fn to_line(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("{text:?}"),
            Value::Number(text) | Value::DateTime(text) => text.clone(),
            Value::Boolean(value) => value.to_string(),
            Value::Null => "null".to_string(),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Node::to_line).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(table) => {
                let items: Vec<String> = table
                    .entries()
                    .map(|entry| format!("{} = {}", entry.key, entry.node.to_line()))
                    .collect();
                if items.is_empty() {
                    "{}".to_string()
                } else {
                    format!("{{ {} }}", items.join(", "))
                }
            }
        }
    }
}

impl Table {
    /// Makes a table without entries.
    pub fn new() -> Table {
        Table::default()
    }

    /// Returns the entry of `key`.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).map(|&at| &self.entries[at])
    }

    /// Returns the entry of `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.index.get(key).map(|&at| &mut self.entries[at])
    }

    /// Lists the entries in the order written.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Lists the entries in the order written, to be changed.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// Puts an entry in, in place of the one with the same key if there is one.
    pub fn set(&mut self, entry: Entry) {
        if let Some(&at) = self.index.get(&entry.key) {
            self.entries[at] = entry;
            return;
        }
        self.index.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// Takes an entry away.
    pub fn remove(&mut self, key: &str) {
        self.take(key);
    }

    /// Takes an entry out.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.index.remove(key)?;
        for index in self.index.values_mut().filter(|index| **index > at) {
            *index -= 1;
        }
        Some(self.entries.remove(at))
    }

    /// Returns how many values are in the table and all that it holds.
    pub(super) fn size(&self) -> usize {
        self.entries.iter().map(|entry| entry.node.size()).sum()
    }

    /// Takes the table apart, in the order written.
    pub fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.entries.into_iter()
    }

    /// Says whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The texts a scenario is made of, with the names the user knows them by.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    sources: Vec<Source>,
    bytes: u64,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    folder: PathBuf,
    text: Arc<str>,
    is_flag: bool,
}

impl Sources {
    /// Adds a file, named as the user named it.
    pub fn add_file(&mut self, path: &Path, text: &str) -> FileId {
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let name = path.display().to_string();
        self.add(Source { name, folder, text: text.into(), is_flag: false })
    }

    /// Adds an argument of the command line, such as `--set` with `seed=2`.
    pub fn add_flag(&mut self, flag: &str, text: &str) -> FileId {
        let name = flag.to_string();
        self.add(Source { name, folder: PathBuf::new(), text: text.into(), is_flag: true })
    }

    fn add(&mut self, source: Source) -> FileId {
        self.bytes += source.text.len() as u64;
        self.sources.push(source);
        FileId(u32::try_from(self.sources.len() - 1).expect("the depth of `extends` is bounded"))
    }

    /// Returns how many bytes all texts have together.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn source(&self, file: FileId) -> &Source {
        &self.sources[file.0 as usize]
    }

    /// Returns the name the user knows a text by.
    pub fn name(&self, file: FileId) -> &str {
        &self.source(file).name
    }

    /// Returns the folder that relative paths in this text start from.
    pub fn folder(&self, file: FileId) -> &Path {
        &self.source(file).folder
    }

    /// Returns the text; empty for a file that is not kept.
    pub fn text(&self, file: FileId) -> Arc<str> {
        self.source(file).text.clone()
    }

    /// Says whether this is an argument of the command line.
    pub fn is_flag(&self, file: FileId) -> bool {
        self.source(file).is_flag
    }

    /// Returns line and column of a place, both from 1; columns count characters.
    pub fn line_and_column(&self, place: Place) -> (u64, u64) {
        let text = &self.source(place.file).text;
        let before = &text[..floor_char(text, place.start as usize)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        (line as u64, before[line_start..].chars().count() as u64 + 1)
    }
}

/// Returns the last place at or before `at` where `text` may be cut.
pub(super) fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Makes a place; texts are bounded well below 4 GiB by whoever reads them.
fn place(file: FileId, start: usize, end: usize) -> Place {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Place { file, start: narrow(start), end: narrow(end) }
}
