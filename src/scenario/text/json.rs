//! JSON as a tree of places: a small reader of our own, because serde keeps no positions.

use super::{Entry, FileId, MAX_DEPTH, Node, Place, Table, Value, place};
use crate::scenario::problems::{Problem, Problems};

/// Reads the JSON of `file`; reports the first syntax error and every duplicate key.
///
/// JSON has no line structure to start again from after a syntax error, so there is one such error.
pub fn read_json(file: FileId, problems: &mut Problems) -> Option<Node> {
    let text = problems.sources.text(file);
    let mut reader = Reader { file, text: &text, at: 0, problems };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let read = reader.whole();
    match read {
        Ok(node) => Some(node),
        Err(problem) => {
            reader.problems.push(*problem);
            None
        }
    }
}

type Read<T> = Result<T, Box<Problem>>;

/// What to do about text that ends too early.
const CUT_OFF: &str = "is the file whole?";
const ESCAPES: &str = r#"escapes are \" \\ \/ \b \f \n \r \t and \uXXXX"#;

struct Reader<'t> {
    file: FileId,
    text: &'t str,
    at: usize,
    problems: &'t mut Problems,
}

impl Reader<'_> {
    fn whole(&mut self) -> Read<Node> {
        let node = self.value(1)?;
        self.blank();
        if self.at < self.text.len() {
            return self.fail(self.at, "there is more after the end of the JSON", "take it away");
        }
        Ok(node)
    }

    fn here(&self, start: usize) -> Place {
        place(self.file, start, self.at)
    }

    fn fail<T>(&self, start: usize, message: &str, hint: &str) -> Read<T> {
        let rest = &self.text[start.min(self.text.len())..];
        let end = start + rest.chars().next().map_or(0, char::len_utf8);
        let mut problem = Problem::error(place(self.file, start, end), message);
        if !hint.is_empty() {
            problem = problem.hint(hint);
        }
        Err(Box::new(problem))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    /// Skips blanks, then takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.blank();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        self.blank();
        let start = self.at;
        if depth > MAX_DEPTH {
            return self.fail(
                start,
                &format!("nested more than {MAX_DEPTH} deep"),
                "no field is so deep",
            );
        }
        let value = match self.peek() {
            Some(b'{') => Value::Table(self.table(depth)?),
            Some(b'[') => Value::List(self.list(depth)?),
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
            Some(b'\'') => {
                return self.fail(start, "text in single quotes", "JSON text is in double quotes");
            }
            Some(b'/' | b'#') => {
                return self.fail(start, "a comment", "JSON has no comments");
            }
            Some(_) => return self.fail(start, "this starts no value", "text is in double quotes"),
            None => return self.fail(start, "the text ends where a value should be", CUT_OFF),
        };
        Ok(Node { value, place: self.here(start) })
    }

    fn table(&mut self, depth: usize) -> Read<Table> {
        let mut table = Table::new();
        self.at += 1;
        if self.take(b'}') {
            return Ok(table);
        }
        loop {
            self.blank();
            let start = self.at;
            match self.peek() {
                Some(b'"') => {}
                Some(b'}') => {
                    return self.fail(start, "a comma before `}`", "take the last comma away");
                }
                Some(_) => {
                    return self.fail(
                        start,
                        "a key in double quotes is missing",
                        "write `\"key\": value`",
                    );
                }
                None => return self.fail(start, "the text ends inside `{ … }`", CUT_OFF),
            }
            let key = self.string()?;
            let key_place = self.here(start);
            if !self.take(b':') {
                return self.fail(self.at, &format!("`:` is missing after `{key}`"), "add it");
            }
            let node = self.value(depth + 1)?;
            if let Some(known) = table.get(&key) {
                let problem = Problem::error(key_place, format!("`{key}` is already there"))
                    .label(known.key_place, "first here")
                    .hint("leave one of them out");
                self.problems.push(problem);
            } else {
                table.set(Entry { key, key_place, node });
            }
            if self.take(b'}') {
                return Ok(table);
            }
            self.comma("`,` or `}` is missing")?;
        }
    }

    fn list(&mut self, depth: usize) -> Read<Vec<Node>> {
        let mut items = Vec::new();
        self.at += 1;
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            self.blank();
            if self.peek() == Some(b']') {
                return self.fail(self.at, "a comma before `]`", "take the last comma away");
            }
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(items);
            }
            self.comma("`,` or `]` is missing")?;
        }
    }

    fn comma(&mut self, message: &str) -> Read<()> {
        if self.take(b',') { Ok(()) } else { self.fail(self.at, message, "add it") }
    }

    fn word(&mut self) -> Read<Value> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            "null" => Ok(Value::Null),
            word => {
                let message = format!("`{word}` is not JSON");
                self.fail(start, &message, "text is in double quotes; words are true, false, null")
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Read<String> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let has_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        let mut is_fine = whole > 0 && (whole == 1 || !has_zero);
        if self.peek() == Some(b'.') {
            self.at += 1;
            is_fine &= self.digits() > 0;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            is_fine &= self.digits() > 0;
        }
        if !is_fine {
            let message = format!("`{}` is not a number of JSON", &self.text[start..self.at]);
            return self.fail(start, &message, "write a number as in `1.5e3`");
        }
        Ok(self.text[start..self.at].to_string())
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        let mut string = String::new();
        self.at += 1;
        loop {
            let plain = self.at;
            while self.peek().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            string.push_str(&self.text[plain..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => {
                    let hint = "write a line break in text as \\n";
                    return self.fail(self.at, "a control character in text", hint);
                }
                None => return self.fail(start, "the closing quote is missing", CUT_OFF),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 1;
        let escaped = self.peek();
        self.at += usize::from(escaped.is_some_and(|byte| byte.is_ascii()));
        let plain = match escaped {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'u') => return self.unicode(start),
            Some(_) | None => {
                return self.fail(start, "an escape that JSON does not have", ESCAPES);
            }
        };
        Ok(plain)
    }

    fn unicode(&mut self, start: usize) -> Read<char> {
        let high = self.hex(start)?;
        let is_pair = (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u");
        let mut code = high;
        if is_pair {
            self.at += 2;
            let low = self.hex(start)?;
            if !(0xdc00..0xe000).contains(&low) {
                return self.fail(start, "half of a surrogate pair", ESCAPES);
            }
            code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
        match char::from_u32(code) {
            Some(character) => Ok(character),
            None => self.fail(start, "half of a surrogate pair", ESCAPES),
        }
    }

    fn hex(&mut self, start: usize) -> Read<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let is_hex = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if !is_hex {
            return self.fail(start, "`\\u` without four hexadecimal digits", ESCAPES);
        }
        let code = u32::from_str_radix(&self.text[self.at..self.at + 4], 16);
        self.at += 4;
        Ok(code.expect("four hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut problems = Problems::new();
        let file = problems.sources.add_file(std::path::Path::new("j"), text);
        let node = read_json(file, &mut problems);
        let read = node.map_or(String::new(), |node| node.to_line());
        assert_eq!(problems.to_lines() + &read, expected, "{text}");
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        check(
            r#" {"a": [1, -2.50e+3, true, null], "b": {}} "#,
            "{ a = [1, -2.50e+3, true, null], b = {} }",
        );
        check(r#""\u00e4\n\ud83d\ude00\/""#, r#""ä\n😀/""#);
        check("\u{feff}[]", "[]");
    }

    #[test]
    fn mistakes_are_named_at_their_place() {
        check("", "j:1:1: the text ends where a value should be\nhint: is the file whole?\n");
        check(
            "{\"a\": 1,\n \"a\": 2}",
            "j:2:2: `a` is already there\nhint: leave one of them out\n{ a = 1 }",
        );
        check("[1\n2]", "j:2:1: `,` or `]` is missing\nhint: add it\n");
        check("[1,]", "j:1:4: a comma before `]`\nhint: take the last comma away\n");
        check("{\"a\" 1}", "j:1:6: `:` is missing after `a`\nhint: add it\n");
        check("{a: 1}", "j:1:2: a key in double quotes is missing\nhint: write `\"key\": value`\n");
        check("[01]", "j:1:2: `01` is not a number of JSON\nhint: write a number as in `1.5e3`\n");
        check("[1.]", "j:1:2: `1.` is not a number of JSON\nhint: write a number as in `1.5e3`\n");
        check("[-]", "j:1:2: `-` is not a number of JSON\nhint: write a number as in `1.5e3`\n");
        check("[] x", "j:1:4: there is more after the end of the JSON\nhint: take it away\n");
        check("// x", "j:1:1: a comment\nhint: JSON has no comments\n");
        check("\"ab", "j:1:1: the closing quote is missing\nhint: is the file whole?\n");
        check(
            "\"\\ud800\"",
            "j:1:2: half of a surrogate pair\n\
             hint: escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX\n",
        );
        check(
            "\"\\x\"",
            "j:1:2: an escape that JSON does not have\n\
             hint: escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX\n",
        );
        check(
            "\"\\ü\"",
            "j:1:2: an escape that JSON does not have\n\
             hint: escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX\n",
        );
        check(
            "True",
            "j:1:1: `True` is not JSON\n\
             hint: text is in double quotes; words are true, false, null\n",
        );
        check("{\"a\": 1", "j:1:8: `,` or `}` is missing\nhint: add it\n");
    }
}
