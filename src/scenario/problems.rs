//! What is wrong with the input: collected with its place, sorted, and printed with a hint.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::units::{is_invisible, with_thousands};

pub(super) use crate::units::shortened;

use super::codes::Code;
use super::text::{FileId, Place, Sources, floor_char};

/// How many problems are printed before the rest is only counted.
pub const MAX_PRINTED: usize = 100;

/// How many problems are kept; a trace with a million bad rows must not fill the memory.
pub(super) const MAX_KEPT: usize = 1_000;

/// Longest line of which a part is shown to a terminal.
const MAX_SHOWN_LINE: usize = 4096;

/// Whether a problem stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is run.
    Error,
    /// The run goes on; the reader should know. The code says where to read why.
    Warning(Code),
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// In the request as a whole.
    Run,
    /// In a text, here.
    Text(Place),
    /// In a line of a file that is not kept; 0 means the whole file.
    Line {
        /// The file, named as the user named it.
        file: Arc<str>,
        /// The line, from 1.
        line: u64,
    },
}

impl From<Place> for Where {
    fn from(place: Place) -> Where {
        Where::Text(place)
    }
}

/// One thing that is wrong: place, fact, hint.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Whether it stops the run.
    pub severity: Severity,
    /// Where it is.
    pub at: Where,
    /// What it is about, such as ``service `web` ``; empty if the message says it.
    pub subject: String,
    /// The fact, in lower case, without a full stop, the offending value in backticks.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Other places that belong to it, each with a word.
    pub labels: Vec<(Place, String)>,
    /// Whether it may only follow from a problem that is reported already; then it is not shown.
    pub follows: bool,
}

impl Problem {
    /// Makes a problem that stops the run.
    pub fn error(at: impl Into<Where>, message: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            at: at.into(),
            subject: String::new(),
            message: message.into(),
            hint: None,
            labels: Vec::new(),
            follows: false,
        }
    }

    /// Makes a problem that the reader should know of.
    pub fn warning(code: Code, at: impl Into<Where>, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning(code), ..Problem::error(at, message) }
    }

    /// Says what it is about, such as ``service `web` ``.
    pub fn about(mut self, subject: impl Into<String>) -> Problem {
        self.subject = subject.into();
        self
    }

    /// Says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Points at another place that belongs to it.
    pub fn label(mut self, place: Place, text: impl Into<String>) -> Problem {
        self.labels.push((place, text.into()));
        self
    }

    fn sentence(&self) -> String {
        let text = match self.subject.as_str() {
            "" => self.message.clone(),
            subject => format!("{subject}: {}", self.message),
        };
        visible(&text).into_owned()
    }
}

/// Everything that is wrong with the input, and the texts it is about.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// The texts that places refer to.
    pub sources: Sources,
    list: Vec<Problem>,
    /// Same place, same message: a value copied by `like` is wrong once.
    seen: BTreeSet<(Where, String)>,
    error_count: usize,
    dropped: usize,
}

impl Problems {
    /// Makes an empty collection.
    pub fn new() -> Problems {
        Problems::default()
    }

    /// Adds a problem, unless the same is known of the same place, or it follows from another.
    pub fn push(&mut self, problem: Problem) {
        if problem.follows {
            return;
        }
        if self.is_full() {
            self.dropped += 1;
            self.error_count += usize::from(problem.severity == Severity::Error);
            return;
        }
        if problem.at != Where::Run
            && !self.seen.insert((problem.at.clone(), problem.message.clone()))
        {
            return;
        }
        self.error_count += usize::from(problem.severity == Severity::Error);
        self.list.push(problem);
    }

    /// Adds several problems.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }

    /// Leaves out what others have too, by file, place and message.
    pub fn without(mut self, others: &Problems) -> Problems {
        let line = |all: &Problems, it: &Problem| all.origin(&it.at) + &it.sentence();
        let known: BTreeSet<String> = others.list.iter().map(|it| line(others, it)).collect();
        let list = std::mem::take(&mut self.list);
        let (new, old): (Vec<Problem>, Vec<Problem>) =
            list.into_iter().partition(|it| !known.contains(&line(&self, it)));
        self.error_count -= old.iter().filter(|it| it.severity == Severity::Error).count();
        // What was not kept is counted with the others.
        self.dropped = self.dropped.saturating_sub(others.dropped);
        self.list = new;
        self
    }

    /// Says whether anything stops the run.
    pub fn has_errors(&self) -> bool {
        self.error_count > 0
    }

    /// Returns how many problems stop the run.
    pub fn error_count(&self) -> usize {
        self.error_count
    }

    /// Says whether further problems are only counted, so that no hint need be sought for them.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MAX_KEPT
    }

    /// Says whether nothing is wrong at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Lists the problems by file and position, as they are printed.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.list.iter().collect();
        sorted.sort_by(|one, other| one.at.cmp(&other.at));
        sorted
    }

    /// Writes each problem as one line, and a second for its hint.
    ///
    /// ```text
    /// shop.toml:41:7: service `web`: `cpu` is -1, which is negative
    /// hint: the least is 0
    /// ```
    pub fn to_lines(&self) -> String {
        let mut text = String::new();
        for problem in self.sorted().into_iter().take(MAX_PRINTED) {
            let origin = self.origin(&problem.at);
            let severity = match problem.severity {
                Severity::Error => String::new(),
                Severity::Warning(code) => format!("warning[{}]: ", code.page().id),
            };
            writeln!(text, "{origin}{severity}{}", problem.sentence()).expect("a string grows");
            if let Some(hint) = &problem.hint {
                writeln!(text, "hint: {}", visible(hint)).expect("a string grows");
            }
        }
        text + &self.rest()
    }

    /// Writes each problem with the lines it is about, as a terminal shows them.
    pub fn to_terminal(&self, is_coloured: bool) -> String {
        let renderer = if is_coloured { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).hyperlink(false);
        let mut text = String::new();
        for problem in self.sorted().into_iter().take(MAX_PRINTED) {
            let title = match problem.severity {
                Severity::Error => Level::ERROR.primary_title(problem.sentence()),
                Severity::Warning(code) => {
                    Level::WARNING.primary_title(problem.sentence()).id(code.page().id)
                }
            };
            let mut group = Group::with_title(title);
            for snippet in self.snippets(problem) {
                group = snippet.into_group(group);
            }
            if let Some(hint) = &problem.hint {
                group = group.element(Level::HELP.with_name("hint").message(visible(hint)));
            }
            text += &renderer.render(&[group]);
            text += "\n\n";
        }
        text + &self.rest()
    }

    fn rest(&self) -> String {
        let count = self.list.len() + self.dropped;
        if count <= MAX_PRINTED {
            return String::new();
        }
        match count - MAX_PRINTED {
            1 => "… and 1 more problem\n".to_string(),
            more => format!("… and {} more problems\n", number(more as u64)),
        }
    }

    /// Writes where a problem is, with a colon and a blank behind.
    fn origin(&self, at: &Where) -> String {
        let origin = match at {
            Where::Run => return String::new(),
            Where::Line { file, line: 0 } => format!("{file}: "),
            Where::Line { file, line } => format!("{file}:{line}: "),
            Where::Text(place) if self.sources.is_flag(place.file) => {
                let text = self.sources.text(place.file);
                format!("{} {}: ", self.sources.name(place.file), shortened(&text))
            }
            Where::Text(place) => {
                let (line, column) = self.sources.line_and_column(*place);
                format!("{}:{line}:{column}: ", self.sources.name(place.file))
            }
        };
        visible(&origin).into_owned()
    }

    /// Cuts the lines a problem is about out of their texts, one piece a file.
    fn snippets(&self, problem: &Problem) -> Vec<Piece> {
        let first = match &problem.at {
            Where::Run => return Vec::new(),
            Where::Line { file, line } => return vec![Piece::Origin(file.to_string(), *line)],
            Where::Text(place) => (*place, None),
        };
        let others = problem.labels.iter().map(|(place, text)| (*place, Some(text.as_str())));
        let mut marks: Vec<Mark> = std::iter::once(first).chain(others).collect();
        let mut pieces = Vec::new();
        while let Some((place, _)) = marks.first() {
            let file = place.file;
            let (here, elsewhere) = marks.into_iter().partition(|(place, _)| place.file == file);
            marks = elsewhere;
            pieces.push(self.piece(file, here, first.0));
        }
        pieces
    }

    fn piece(&self, file: FileId, marks: Vec<Mark>, primary: Place) -> Piece {
        let text = self.sources.text(file);
        let name = self.sources.name(file).to_string();
        let cut = |at: u32| floor_char(&text, at as usize);
        let first = marks.iter().map(|mark| cut(mark.0.start)).min().unwrap_or(0);
        let last = marks.iter().map(|mark| cut(mark.0.end)).max().unwrap_or(0).max(first);
        let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
        let line = text[..start].matches('\n').count() + 1;
        if text[start..end].lines().any(|line| line.len() > MAX_SHOWN_LINE) {
            return Piece::Origin(name, line as u64);
        }
        let annotation = |(place, label): Mark<'_>| {
            let kind =
                if place == primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let span = cut(place.start) - start..cut(place.end).max(cut(place.start)) - start;
            kind.span(span).label(label.map(|label| visible(label).into_owned()))
        };
        let annotations: Vec<_> = marks.into_iter().map(annotation).collect();
        let snippet = Snippet::source(text[start..end].to_string())
            .line_start(line)
            .path(name)
            .annotations(annotations);
        Piece::Lines(snippet)
    }
}

/// A place to point at, and a word for it.
type Mark<'a> = (Place, Option<&'a str>);

enum Piece {
    Lines(Snippet<'static, annotate_snippets::Annotation<'static>>),
    Origin(String, u64),
}

impl Piece {
    fn into_group(self, group: Group<'_>) -> Group<'_> {
        match self {
            Piece::Lines(snippet) => group.element(snippet),
            Piece::Origin(name, line) => {
                let origin = Origin::path(visible(&name).into_owned());
                group.element(if line > 0 { origin.line(line as usize) } else { origin })
            }
        }
    }
}

/// Writes a whole number with its thousands apart, for messages.
pub(super) fn number(number: impl Into<u128>) -> String {
    with_thousands(number.into())
}

/// Lists names for a hint, not too many.
pub(super) fn listed(names: &[&str]) -> String {
    const MOST: usize = 20;
    if names.is_empty() {
        return "none".to_string();
    }
    let shown: Vec<String> =
        names.iter().take(MOST).map(|name| format!("`{}`", shortened(name))).collect();
    let more = if names.len() > MOST { ", …" } else { "" };
    shown.join(", ") + more
}

/// Writes control characters, and those that turn text around, as escapes.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_invisible(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}
