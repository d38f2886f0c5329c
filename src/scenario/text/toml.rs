//! TOML as a tree of places: every syntax error is reported, and what is sound is kept.

use std::borrow::Cow;

use toml_parser::lexer::Token;
use toml_parser::parser::{Event, EventKind, EventReceiver, RecursionGuard, ValidateWhitespace};
use toml_parser::{ErrorSink, Expected, ParseError, Source};

use super::{Entry, FileId, Form, MAX_DEPTH, Node, Place, Table, Value, place};
use crate::scenario::problems::{Problem, Problems, shortened};

/// Reads the TOML of `file`, reporting every syntax error and keeping what is sound.
pub fn read_toml(file: FileId, problems: &mut Problems) -> Table {
    let text = problems.sources.text(file);
    let source = Source::new(&text);
    let tokens = source.lex().into_vec();
    let mut errors = Vec::new();
    let mut events = Vec::new();
    {
        let mut checked = ValidateWhitespace::new(&mut events, source);
        let mut guarded = RecursionGuard::new(&mut checked, MAX_DEPTH as u32);
        toml_parser::parser::parse_document(&tokens, &mut guarded, &mut errors);
    }
    let mut reader = Reader::new(file, source, events);
    let table = reader.document();
    reader.report(errors, problems);
    table
}

/// Writes the path `a[0].b` as TOML can read it, `a.0 .b`, every character at its place.
fn with_positions_as_keys(path: &str) -> String {
    let mut written = String::with_capacity(path.len());
    let mut left = path;
    while let Some(open) = left.find('[') {
        let (before, after) = left.split_at(open);
        written += before;
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && after.as_bytes().get(digits + 1) == Some(&b']') {
            written += &format!(".{} ", &after[1..=digits]);
            left = &after[digits + 2..];
        } else {
            written.push('[');
            left = &after[1..];
        }
    }
    written + left
}

/// Reads `path=value` as it is written after `--set`: the path as a key of TOML, the value as TOML.
///
/// A value that TOML cannot read and that does not look like a quoted string, list or table is
/// taken as text: `--set duration=2 h`. Returns nothing after reporting what is wrong.
pub fn read_toml_assignment(file: FileId, problems: &mut Problems) -> Option<(Vec<Key>, Node)> {
    let text = problems.sources.text(file);
    let Some(equals) = equals_sign(&text) else {
        let whole = place(file, 0, text.len());
        problems.push(
            Problem::error(whole, "this is no `path=value`")
                .hint("write, for example, `service.web.desired_count=8`"),
        );
        return None;
    };
    let text = with_positions_as_keys(&text[..equals]) + &text[equals..];
    // Blanks around the sign are no part of either.
    let key = text[..equals].trim();
    let key_at = text.len() - text.trim_start().len();
    let value = text[equals + 1..].trim_start();
    let value_at = text.len() - value.len();
    let value = value.trim_end();
    let (keys, errors) = part(file, key, key_at, toml_parser::parser::parse_key, Reader::keys);
    if keys.is_empty() || keys.len() > MAX_DEPTH || !errors.is_empty() {
        let hint =
            "parts are separated by dots; quote a part with other signs: `image.\"web:7\".size`";
        let place = place(file, 0, equals);
        problems.push(Problem::error(place, "the path before `=` cannot be read").hint(hint));
        return None;
    }
    let (value, errors) =
        part(file, value, value_at, toml_parser::parser::parse_value, |it| it.value(0));
    let rest = text[equals + 1..].trim();
    match value {
        Some(node) if errors.is_empty() => Some((keys, node)),
        _ if rest.starts_with(['"', '\'', '[', '{']) => {
            problems.extend(errors);
            None
        }
        _ => {
            let place = place(file, equals + 1, text.len());
            Some((keys, Node { value: Value::Text(rest.to_string()), place }))
        }
    }
}

/// A part of a dotted key and where it is written.
pub type Key = (String, Place);

type Parse = fn(&[Token], &mut dyn EventReceiver, &mut dyn ErrorSink);

/// Reads the key or the value of an assignment; `text` starts at byte `offset` of the whole.
fn part<'t, T>(
    file: FileId,
    text: &'t str,
    offset: usize,
    parse: Parse,
    build: impl Fn(&mut Reader<'t>) -> T,
) -> (T, Vec<Problem>) {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut errors = Vec::new();
    let mut events = Vec::new();
    let mut guarded = RecursionGuard::new(&mut events, MAX_DEPTH as u32);
    parse(&tokens, &mut guarded, &mut errors);
    let mut reader = Reader::new(file, source, events);
    reader.offset = offset;
    let part = build(&mut reader);
    errors.append(&mut reader.errors);
    let mut found: Vec<Problem> = errors.iter().map(|error| reader.problem(error)).collect();
    found.append(&mut reader.problems);
    (part, found)
}

/// Finds the first `=` outside quotes.
fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match quote {
            Some(open) if open == byte => quote = None,
            Some(_) => {}
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            None if byte == b'=' => return Some(at),
            None => {}
        }
    }
    None
}

/// Walks over the events of the parser and builds tables.
struct Reader<'t> {
    file: FileId,
    source: Source<'t>,
    events: Vec<Event>,
    at: usize,
    /// Where in its text the part that is read starts.
    offset: usize,
    errors: Vec<ParseError>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn new(file: FileId, source: Source<'t>, mut events: Vec<Event>) -> Reader<'t> {
        let blank =
            [EventKind::Whitespace, EventKind::Comment, EventKind::Newline, EventKind::Error];
        events.retain(|event| !blank.contains(&event.kind()));
        Reader { file, source, events, at: 0, offset: 0, errors: vec![], problems: vec![] }
    }

    fn peek(&self) -> Option<EventKind> {
        self.events.get(self.at).map(Event::kind)
    }

    fn next(&mut self) -> Option<Event> {
        let event = self.events.get(self.at).copied();
        self.at += 1;
        event
    }

    fn skip(&mut self, kind: EventKind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn place(&self, span: toml_parser::Span) -> Place {
        place(self.file, self.offset + span.start(), self.offset + span.end())
    }

    fn document(&mut self) -> Table {
        let mut root = Table { form: Form::Header, ..Table::default() };
        let mut header = Vec::new();
        // The lines under a header that is wrong are read, and go nowhere.
        let mut is_lost = false;
        while let Some(kind) = self.peek() {
            if kind == EventKind::SimpleKey {
                let table = if is_lost { None } else { section(&mut root, &header) };
                let mut nowhere = Table { form: Form::Header, ..Table::default() };
                self.assignment(table.unwrap_or(&mut nowhere), header.len());
                continue;
            }
            self.at += 1;
            if kind == EventKind::StdTableOpen || kind == EventKind::ArrayTableOpen {
                header = self.keys();
                let is_list = kind == EventKind::ArrayTableOpen;
                is_lost = self.open(&mut root, &header, is_list).is_none();
            }
        }
        root
    }

    /// Makes the table that `[header]` or `[[header]]` opens.
    fn open(&mut self, root: &mut Table, header: &[Key], is_list: bool) -> Option<()> {
        let (last, path) = header.split_last()?;
        if !self.depth_is_fine(header.len(), last.1) {
            return None;
        }
        let mut table = root;
        for key in path {
            table = self.enter(table, key, Form::Implicit)?;
        }
        let fresh = || {
            let value = Value::Table(Table { form: Form::Header, ..Table::default() });
            Node { value, place: last.1 }
        };
        let Some(entry) = table.get_mut(&last.0) else {
            let node = if is_list {
                Node { value: Value::List(vec![fresh()]), place: last.1 }
            } else {
                fresh()
            };
            table.set(Entry { key: last.0.clone(), key_place: last.1, node });
            return Some(());
        };
        let first = entry.key_place;
        let is_known_list = is_list_of_tables(&entry.node);
        match &mut entry.node.value {
            Value::List(items) if is_list && is_known_list => items.push(fresh()),
            Value::Table(known) if !is_list && known.form == Form::Implicit => {
                known.form = Form::Header;
            }
            Value::List(_)
            | Value::Table(_)
            | Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Null => {
                self.duplicate(last, first);
                return None;
            }
        }
        Some(())
    }

    /// Goes from `table` into the table `key`, making it if there is none.
    fn enter<'a>(&mut self, table: &'a mut Table, key: &Key, form: Form) -> Option<&'a mut Table> {
        if table.get(&key.0).is_none() {
            let value = Value::Table(Table { form, ..Table::default() });
            let node = Node { value, place: key.1 };
            table.set(Entry { key: key.0.clone(), key_place: key.1, node });
        }
        let entry = table.get_mut(&key.0)?;
        let first = entry.key_place;
        let is_known_list = is_list_of_tables(&entry.node);
        let found = match &mut entry.node.value {
            Value::Table(inner) => {
                let is_open = match form {
                    Form::Dotted => inner.form == Form::Dotted,
                    Form::Implicit | Form::Header | Form::Inline => inner.form != Form::Inline,
                };
                is_open.then_some(inner)
            }
            Value::List(items) if is_known_list && form == Form::Implicit => {
                items.last_mut().and_then(table_of)
            }
            Value::List(_)
            | Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Null => None,
        };
        if found.is_none() {
            self.duplicate(key, first);
        }
        found
    }

    fn duplicate(&mut self, key: &Key, first: Place) {
        let problem = Problem::error(key.1, format!("`{}` is already there", key.0))
            .label(first, "first here")
            .hint("a key or table may be written once; put its keys in one place");
        self.problems.push(problem);
    }

    fn depth_is_fine(&mut self, depth: usize, at: Place) -> bool {
        if depth > MAX_DEPTH {
            let problem = Problem::error(at, format!("nested more than {MAX_DEPTH} deep"));
            self.problems.push(problem.hint("no key of a scenario is so deep"));
        }
        depth <= MAX_DEPTH
    }

    /// Reads `key.key = value` into `table`, which is `depth` deep.
    fn assignment(&mut self, table: &mut Table, depth: usize) {
        let keys = self.keys();
        let depth = depth + keys.len();
        if !self.skip(EventKind::KeyValSep) {
            return;
        }
        let value = self.value(depth);
        let (Some((last, path)), Some(node)) = (keys.split_last(), value) else { return };
        if !self.depth_is_fine(depth, last.1) {
            return;
        }
        let mut table = table;
        for key in path {
            let Some(inner) = self.enter(table, key, Form::Dotted) else { return };
            table = inner;
        }
        if let Some(known) = table.get(&last.0) {
            let first = known.key_place;
            self.duplicate(last, first);
            return;
        }
        table.set(Entry { key: last.0.clone(), key_place: last.1, node });
    }

    fn keys(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        while self.peek() == Some(EventKind::SimpleKey) {
            let event = self.next().expect("it was just seen");
            let mut decoded = Cow::Borrowed("");
            if let Some(raw) = self.source.get(event) {
                raw.decode_key(&mut decoded, &mut self.errors);
            }
            keys.push((decoded.into_owned(), self.place(event.span())));
            if !self.skip(EventKind::KeySep) {
                break;
            }
        }
        keys
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        let event = self.next()?;
        let kind = event.kind();
        if kind == EventKind::Scalar {
            return self.scalar(event);
        }
        let is_table = kind == EventKind::InlineTableOpen;
        if !is_table && kind != EventKind::ArrayOpen {
            // The parser has said that the value is missing; the event belongs to what follows.
            self.at -= 1;
            return None;
        }
        let close = if is_table { EventKind::InlineTableClose } else { EventKind::ArrayClose };
        let mut table = Table::default();
        let mut items = Vec::new();
        let mut end = event.span();
        while let Some(next) = self.events.get(self.at).copied() {
            end = next.span();
            if next.kind() == close {
                self.at += 1;
                break;
            }
            if next.kind() == EventKind::StdTableOpen || next.kind() == EventKind::ArrayTableOpen {
                break;
            }
            let before = self.at;
            if is_table && next.kind() == EventKind::SimpleKey {
                self.assignment(&mut table, depth + 1);
            } else if !is_table && self.starts_value() {
                items.extend(self.value(depth + 1));
            }
            self.at = self.at.max(before + 1);
        }
        let value = if is_table { Value::Table(table) } else { Value::List(items) };
        Some(Node { value, place: self.place(event.span().append(end)) })
    }

    fn starts_value(&self) -> bool {
        let starts = [EventKind::Scalar, EventKind::ArrayOpen, EventKind::InlineTableOpen];
        self.peek().is_some_and(|kind| starts.contains(&kind))
    }

    fn scalar(&mut self, event: Event) -> Option<Node> {
        use toml_parser::decoder::ScalarKind;
        let mut text = Cow::Borrowed("");
        let raw = self.source.get(event)?;
        let before = self.errors.len();
        let kind = raw.decode_scalar(&mut text, &mut self.errors);
        let place = self.place(event.span());
        let value = match kind {
            ScalarKind::String => Value::Text(text.into_owned()),
            ScalarKind::Boolean(value) => Value::Boolean(value),
            ScalarKind::DateTime => Value::DateTime(text.into_owned()),
            ScalarKind::Float => Value::Number(text.into_owned()),
            ScalarKind::Integer(radix) if radix.value() == 10 => Value::Number(text.into_owned()),
            ScalarKind::Integer(radix) => match u128::from_str_radix(&text, radix.value()) {
                Ok(number) => Value::Number(number.to_string()),
                Err(_) => Value::Number(raw.as_str().to_string()),
            },
        };
        // A scalar that could not be read is not checked again against what was expected of it.
        (self.errors.len() == before).then_some(Node { value, place })
    }

    fn report(mut self, errors: Vec<ParseError>, problems: &mut Problems) {
        let own = std::mem::take(&mut self.errors);
        let found: Vec<Problem> = errors.iter().chain(&own).map(|it| self.problem(it)).collect();
        problems.extend(found);
        problems.extend(std::mem::take(&mut self.problems));
    }

    fn problem(&self, error: &ParseError) -> Problem {
        let end = self.source.input().len();
        let span = error.unexpected().or(error.context());
        let span = span.unwrap_or(toml_parser::Span::new_unchecked(end, end));
        // The parser's word for whatever is no value, nothing at all included.
        if error.description() == "string values must be quoted" {
            let written = self.source.input().get(span.start()..span.end()).unwrap_or("").trim();
            if written.is_empty() {
                let problem = Problem::error(self.place(span), "a value is missing");
                return problem.hint("write one behind `=`, or leave the key out");
            }
            let message = format!("`{}` is no value", shortened(written));
            let hint = "text goes in quotes: \"…\"";
            return Problem::error(self.place(span), message).hint(hint);
        }
        let problem = Problem::error(self.place(span), error.description());
        let expected: Vec<String> = error.expected().unwrap_or(&[]).iter().map(wanted).collect();
        if expected.is_empty() {
            return problem.hint("this is not TOML: see https://toml.io");
        }
        problem.hint(format!("expected {}", expected.join(", ")))
    }
}

fn wanted(expected: &Expected) -> String {
    match expected {
        Expected::Literal("\n") => "the end of the line".to_string(),
        Expected::Literal(text) => format!("`{}`", text.escape_debug()),
        Expected::Description(text) => text.to_string(),
        _ => "something else".to_string(),
    }
}

/// Goes to the table that the lines after `[header]` belong to, which is known to be there.
fn section<'a>(root: &'a mut Table, header: &[Key]) -> Option<&'a mut Table> {
    let mut table = root;
    for (key, _) in header {
        let node = &mut table.get_mut(key)?.node;
        table = match &mut node.value {
            Value::List(items) => items.last_mut().and_then(table_of)?,
            Value::Table(inner) => inner,
            Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Null => return None,
        };
    }
    Some(table)
}

fn table_of(node: &mut Node) -> Option<&mut Table> {
    if let Value::Table(table) = &mut node.value { Some(table) } else { None }
}

/// Says whether this list was written with `[[…]]` and may grow.
fn is_list_of_tables(node: &Node) -> bool {
    let Value::List(items) = &node.value else { return false };
    items.last().and_then(Node::as_table).is_some_and(|table| table.form == Form::Header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut problems = Problems::new();
        let file = problems.sources.add_flag("", text);
        let table = read_toml(file, &mut problems);
        let lines = problems.sorted().into_iter().map(|it| format!("{}; ", it.message));
        let found = lines.collect::<String>();
        let place = place(file, 0, 0);
        let node = Node { value: Value::Table(table), place };
        assert_eq!(format!("{found}{}", node.to_line()), expected, "{text}");
    }

    #[test]
    fn tables_are_put_together_as_toml_says() {
        check(
            "a = 1\n[b]\nc = 'x'\n[b.d]\ne = true\n",
            "{ a = 1, b = { c = \"x\", d = { e = true } } }",
        );
        check("[a.b]\nx = 1\n[a]\ny = 2\n", "{ a = { b = { x = 1 }, y = 2 } }");
        check("a.b.c = 1\na.b.d = 2\n", "{ a = { b = { c = 1, d = 2 } } }");
        check("[a]\nb.c = 1\n[a.b.d]\ne = 1\n", "{ a = { b = { c = 1, d = { e = 1 } } } }");
        check(
            "[[a]]\nx = 1\n[a.b]\ny = 1\n[[a]]\nx = 2\n",
            "{ a = [{ x = 1, b = { y = 1 } }, { x = 2 }] }",
        );
        check("a = [1, [2.50, {b = 0x1f}],]\n", "{ a = [1, [2.50, { b = 31 }]] }");
        check("a = 1979-05-27T07:32:00\nb = inf\n", "{ a = 1979-05-27T07:32:00, b = inf }");
    }

    #[test]
    fn what_toml_forbids_is_reported_and_the_first_stays() {
        check("a = 1\na = 2\n", "`a` is already there; { a = 1 }");
        check("[a]\nx = 1\n[a]\ny = 1\n", "`a` is already there; { a = { x = 1 } }");
        check("a = {x = 1}\n[a.b]\ny = 1\n", "`a` is already there; { a = { x = 1 } }");
        check("a = [{x = 1}]\n[[a]]\ny = 1\n", "`a` is already there; { a = [{ x = 1 }] }");
        check("[a.b]\nx = 1\n[a]\nb.y = 1\n", "`b` is already there; { a = { b = { x = 1 } } }");
        check("[a]\nb.x = 1\n[a.b]\ny = 1\n", "`b` is already there; { a = { b = { x = 1 } } }");
        check("a = 1\n[a.b]\n", "`a` is already there; { a = 1 }");
        check("a = \"\\q\"\nb = 2\n", "missing escaped value; { b = 2 }");
    }
}
