//! The cluster query language: which container instances an expression of `memberOf` selects.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use regex::Regex;
use winnow::Parser;
use winnow::combinator::{alt, not, opt, peek, terminated};
use winnow::error::ParserError;
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{any, one_of, take_while};

use crate::units::parse_utc_micros;

/// An expression of the cluster query language.
///
/// ```text
/// expr      := and { ("or" | "||") and }
/// and       := unary { ("and" | "&&") unary }
/// unary     := ("not" | "!") unary | "(" expr ")" | subject operator [argument]
/// argument  := literal | "[" literal { "," literal } "]"        (a list for in and not_in)
/// ```
///
/// | subject | operators |
/// |---|---|
/// | `attribute:<name>` | `== != > >= < <= exists !exists in !in =~ !~` |
/// | `agentConnected`, `ec2InstanceId` | `== != in !in =~ !~` |
/// | `agentVersion`, `registeredAt`, `runningTasksCount` | `== != > >= < <=` |
/// | `task:group` | `== != in !in` |
///
/// Operators have words, too: `equals not_equals greater_than greater_than_equal less_than
/// less_than_equal not_exists not_in matches not_matches`. Literals may be quoted, `'…'` or `"…"`,
/// and must be if they hold a space, a comma, a quote, a bracket or an operator.
///
/// Attributes compare as strings with `==` and `!=`. A pattern is a regular expression in Java's
/// syntax. Source: ECS Developer Guide, "Create expressions to define container instances for
/// Amazon ECS tasks" (cluster-query-language).
///
/// A missing attribute fulfils `!exists` only: `!=` does not select instances without it (observed,
/// aws/containers-roadmap#486), and `not (attribute:x == y)` does.
///
/// Assumptions, where the guide is silent: `not` binds closer than `and`, and that closer than
/// `or`. `!in` and `!~` treat a missing attribute as `!=` does. `>`, `>=`, `<`, `<=` compare
/// attributes as numbers if both sides are decimal numbers, otherwise as strings, byte by byte.
/// Versions compare number by number, missing ones being 0, with all operators. A date without an
/// offset is UTC. A pattern has to match the whole value. `task:group != g` and `!in` say that the
/// instance hosts no task of that group, of any of those groups; `in` that it hosts one of any.
/// Quoted text has no escapes, and may hold parentheses. An unquoted pattern ends at a space, a
/// parenthesis, `&&` or `||`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    root: Expression,
}

/// A text that is no expression of the cluster query language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Which bytes of the text are wrong; empty where something is missing.
    pub range: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// A container instance as an expression sees it.
pub trait Subject {
    /// Returns the value of an attribute; the empty text if it has a name only, `None` if missing.
    fn attribute(&self, name: &str) -> Option<&str>;
    /// Says whether the container agent is connected.
    fn agent_connected(&self) -> bool;
    /// Returns the id of the EC2 instance, or of the external instance (`mi-…`).
    fn ec2_instance_id(&self) -> String;
    /// Returns the version of the container agent: `1.89.0`.
    fn agent_version(&self) -> &str;
    /// Returns when the instance was registered, in microseconds since 1970-01-01T00:00Z.
    fn registered_at(&self) -> i64;
    /// Counts the tasks in state RUNNING.
    fn running_tasks_count(&self) -> u32;
    /// Says whether the instance hosts a task of a task group.
    fn hosts_task_of_group(&self, group: &str) -> bool;
}

impl Query {
    /// The most characters an expression may have.
    ///
    /// Source: ECS API Reference, PlacementConstraint.
    pub const MAX_CHARS: usize = 2000;

    /// Reads an expression.
    ///
    /// # Errors
    /// If the text is longer than [`Query::MAX_CHARS`], is none, or nests deeper than 64 levels;
    /// if a pattern uses what only Java has: look-around, back-references, atomic groups,
    /// possessive quantifiers.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        if let Some((end, _)) = text.char_indices().nth(Query::MAX_CHARS) {
            let message = format!("the expression is longer than {} characters", Query::MAX_CHARS);
            return Err(wrong(end..text.len(), message, "shorten it, or use several constraints"));
        }
        let input = &mut LocatingSlice::new(text);
        let root = any_of(input, 0)?;
        let next = peek_word(input)?;
        match next.text {
            "" => Ok(Query { root }),
            ")" => Err(wrong(next.range, "this `)` has no `(`".to_string(), JOIN)),
            _ => Err(next.unexpected("`and`, `or` or the end")),
        }
    }

    /// Says whether an instance is selected.
    pub fn matches(&self, instance: &dyn Subject) -> bool {
        self.root.holds(instance)
    }

    /// Says whether the answer can change when tasks come and go on an instance.
    pub fn depends_on_tasks(&self) -> bool {
        self.root.any_predicate(&|predicate| match predicate {
            Predicate::RunningTasksCount(..) | Predicate::TaskGroup { .. } => true,
            Predicate::Text(..) | Predicate::AgentVersion(..) | Predicate::RegisteredAt(..) => {
                false
            }
        })
    }

    /// Says whether the expression asks for this attribute.
    pub fn asks_for(&self, attribute: &str) -> bool {
        self.root.any_predicate(&|predicate| match predicate {
            Predicate::Text(TextSubject::Attribute(name), _) => name == attribute,
            Predicate::Text(TextSubject::AgentConnected | TextSubject::Ec2InstanceId, _)
            | Predicate::AgentVersion(..)
            | Predicate::RegisteredAt(..)
            | Predicate::RunningTasksCount(..)
            | Predicate::TaskGroup { .. } => false,
        })
    }

    /// Says whether instances with the same attributes get the same answer, always.
    pub fn depends_on_attributes_only(&self) -> bool {
        !self.root.any_predicate(&|predicate| match predicate {
            Predicate::Text(TextSubject::Attribute(_), _) => false,
            Predicate::Text(TextSubject::AgentConnected | TextSubject::Ec2InstanceId, _)
            | Predicate::AgentVersion(..)
            | Predicate::RegisteredAt(..)
            | Predicate::RunningTasksCount(..)
            | Predicate::TaskGroup { .. } => true,
        })
    }
}

impl std::error::Error for QueryError {}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Is(Predicate),
}

#[derive(Clone, Debug, PartialEq)]
enum Predicate {
    Text(TextSubject, TextTest),
    AgentVersion(Comparison, String),
    RegisteredAt(Comparison, Date),
    RunningTasksCount(Comparison, u64),
    /// Whether the instance hosts a task of any of the groups.
    TaskGroup {
        hosted: bool,
        groups: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum TextSubject {
    Attribute(String),
    AgentConnected,
    Ec2InstanceId,
}

#[derive(Clone, Debug, PartialEq)]
enum TextTest {
    Exists(bool),
    Compares(Comparison, String),
    In(bool, Vec<String>),
    Matches(bool, Pattern),
}

#[derive(Clone, Debug, PartialEq)]
struct Date {
    text: String,
    unix_micros: i64,
}

/// A regular expression that has to match a whole value.
#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    anchored: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Compares(Comparison),
    Exists(bool),
    In(bool),
    Matches(bool),
}

const OPERATORS: [(&str, &str, Operator); 12] = [
    ("==", "equals", Operator::Compares(Comparison::Equal)),
    ("!=", "not_equals", Operator::Compares(Comparison::NotEqual)),
    (">", "greater_than", Operator::Compares(Comparison::Greater)),
    (">=", "greater_than_equal", Operator::Compares(Comparison::GreaterEqual)),
    ("<", "less_than", Operator::Compares(Comparison::Less)),
    ("<=", "less_than_equal", Operator::Compares(Comparison::LessEqual)),
    ("exists", "exists", Operator::Exists(true)),
    ("!exists", "not_exists", Operator::Exists(false)),
    ("in", "in", Operator::In(true)),
    ("!in", "not_in", Operator::In(false)),
    ("=~", "matches", Operator::Matches(true)),
    ("!~", "not_matches", Operator::Matches(false)),
];

impl Expression {
    fn holds(&self, instance: &dyn Subject) -> bool {
        match self {
            Expression::Any(terms) => terms.iter().any(|term| term.holds(instance)),
            Expression::All(terms) => terms.iter().all(|term| term.holds(instance)),
            Expression::Not(term) => !term.holds(instance),
            Expression::Is(predicate) => predicate.holds(instance),
        }
    }

    fn any_predicate(&self, wanted: &dyn Fn(&Predicate) -> bool) -> bool {
        match self {
            Expression::Any(terms) | Expression::All(terms) => {
                terms.iter().any(|term| term.any_predicate(wanted))
            }
            Expression::Not(term) => term.any_predicate(wanted),
            Expression::Is(predicate) => wanted(predicate),
        }
    }
}

impl Predicate {
    fn holds(&self, instance: &dyn Subject) -> bool {
        match self {
            Predicate::Text(TextSubject::Attribute(name), test) => {
                test.holds(instance.attribute(name))
            }
            Predicate::Text(TextSubject::AgentConnected, test) => {
                test.holds(Some(if instance.agent_connected() { "true" } else { "false" }))
            }
            Predicate::Text(TextSubject::Ec2InstanceId, test) => {
                test.holds(Some(&instance.ec2_instance_id()))
            }
            Predicate::AgentVersion(comparison, wanted) => {
                comparison.holds(compare_versions(instance.agent_version(), wanted))
            }
            Predicate::RegisteredAt(comparison, date) => {
                comparison.holds(instance.registered_at().cmp(&date.unix_micros))
            }
            Predicate::RunningTasksCount(comparison, count) => {
                comparison.holds(u64::from(instance.running_tasks_count()).cmp(count))
            }
            Predicate::TaskGroup { hosted, groups } => {
                groups.iter().any(|group| instance.hosts_task_of_group(group)) == *hosted
            }
        }
    }
}

impl TextTest {
    fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return *self == TextTest::Exists(false) };
        match self {
            TextTest::Exists(wanted) => *wanted,
            TextTest::Compares(comparison, wanted) => match comparison {
                Comparison::Equal => value == wanted,
                Comparison::NotEqual => value != wanted,
                Comparison::Greater
                | Comparison::GreaterEqual
                | Comparison::Less
                | Comparison::LessEqual => comparison.holds(compare_texts(value, wanted)),
            },
            TextTest::In(wanted, values) => values.iter().any(|other| other == value) == *wanted,
            TextTest::Matches(wanted, pattern) => pattern.anchored.is_match(value) == *wanted,
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterEqual => order.is_ge(),
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
        }
    }
}

/// Compares as numbers if both are decimal numbers, otherwise as strings.
fn compare_texts(one: &str, other: &str) -> Ordering {
    let number = |text: &str| {
        // Not `1e3`, `inf` or `NaN`, which are names here.
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
        if decimal { text.parse::<f64>().ok() } else { None }
    };
    let numbers = number(one).zip(number(other));
    numbers.and_then(|(one, other)| one.partial_cmp(&other)).unwrap_or_else(|| one.cmp(other))
}

/// Compares number by number; what is missing, or no number, counts as 0.
fn compare_versions(one: &str, other: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.split('.').map(|part| whole_number(part).unwrap_or(0)).collect()
    };
    let (mut one, mut other) = (numbers(one), numbers(other));
    let length = one.len().max(other.len());
    one.resize(length, 0);
    other.resize(length, 0);
    one.cmp(&other)
}

/// Reads plain digits: no sign, no point.
fn whole_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

type Input<'i> = LocatingSlice<&'i str>;

/// A part of the text, and where it is.
struct Word<'i> {
    text: &'i str,
    range: Range<usize>,
}

const SUBJECTS: &str = "subjects are attribute:<name>, agentConnected, agentVersion, \
                        ec2InstanceId, registeredAt, runningTasksCount and task:group";
const JOIN: &str = "join conditions with `and` or `or`, and quote a value that has spaces";

/// How deep parentheses and `not` may nest: more than people write, less than a stack holds.
const MAX_DEPTH: usize = 64;

/// Never seen by callers: every parser below that can fail says itself what is wrong.
impl ParserError<Input<'_>> for QueryError {
    type Inner = QueryError;

    fn from_input(input: &Input<'_>) -> QueryError {
        let at = input.current_token_start();
        wrong(at..at, "the expression cannot be read here".to_string(), JOIN)
    }

    fn into_inner(self) -> Result<QueryError, QueryError> {
        Ok(self)
    }
}

fn wrong(range: Range<usize>, message: String, hint: &str) -> QueryError {
    QueryError { range, message, hint: hint.to_string() }
}

fn any_of(input: &mut Input<'_>, depth: usize) -> Result<Expression, QueryError> {
    let mut terms = vec![all_of(input, depth)?];
    while keyword(input, "or", "||")? {
        terms.push(all_of(input, depth)?);
    }
    Ok(if terms.len() == 1 { terms.remove(0) } else { Expression::Any(terms) })
}

fn all_of(input: &mut Input<'_>, depth: usize) -> Result<Expression, QueryError> {
    let mut terms = vec![unary(input, depth)?];
    while keyword(input, "and", "&&")? {
        terms.push(unary(input, depth)?);
    }
    Ok(if terms.len() == 1 { terms.remove(0) } else { Expression::All(terms) })
}

fn unary(input: &mut Input<'_>, depth: usize) -> Result<Expression, QueryError> {
    skip_spaces(input)?;
    let start = input.current_token_start();
    if depth == MAX_DEPTH {
        let message = format!("the expression nests deeper than {MAX_DEPTH} levels");
        return Err(wrong(start..start, message, "leave out parentheses that change nothing"));
    }
    if keyword(input, "not", "!")? {
        return Ok(Expression::Not(Box::new(unary(input, depth + 1)?)));
    }
    if !symbol(input, "(")? {
        return predicate(input).map(Expression::Is);
    }
    let inner = any_of(input, depth + 1)?;
    skip_spaces(input)?;
    if symbol(input, ")")? {
        return Ok(inner);
    }
    let next = peek_word(input)?;
    if next.text.is_empty() {
        let message = "this `(` is never closed".to_string();
        return Err(wrong(start..start + 1, message, "write a `)` after the last condition"));
    }
    Err(next.unexpected("`and`, `or` or `)`"))
}

fn predicate(input: &mut Input<'_>) -> Result<Predicate, QueryError> {
    let subject = bare(input)?;
    if subject.text.is_empty() {
        return Err(missing(input, "a condition", "write a condition: `attribute:stack == prod`"));
    }
    if let Some(name) = subject.text.strip_prefix("attribute:") {
        let valid = |c: char| c.is_ascii_alphanumeric() || "-_/\\.".contains(c);
        if name.is_empty() || name.len() > 128 || !name.chars().all(valid) {
            let range = subject.range.end - name.len()..subject.range.end;
            let message = format!("`{name}` is not a name of an attribute");
            let hint = "names have 1 to 128 letters, digits and - _ / \\ .";
            return Err(wrong(range, message, hint));
        }
        return text_predicate(input, &subject, TextSubject::Attribute(name.to_string()));
    }
    match subject.text {
        "agentConnected" => text_predicate(input, &subject, TextSubject::AgentConnected),
        "ec2InstanceId" => text_predicate(input, &subject, TextSubject::Ec2InstanceId),
        "agentVersion" => {
            let comparison = comparison(input, &subject)?;
            let version = literal(input)?;
            if version.text.split('.').any(|part| whole_number(part).is_none()) {
                return Err(version.wrong("a version", "write numbers with points: `1.14.5`"));
            }
            Ok(Predicate::AgentVersion(comparison, version.text.to_string()))
        }
        "registeredAt" => {
            let comparison = comparison(input, &subject)?;
            let date = literal(input)?;
            let text = date.text.to_string();
            match parse_utc_micros(date.text) {
                Ok(unix_micros) => {
                    Ok(Predicate::RegisteredAt(comparison, Date { text, unix_micros }))
                }
                Err(error) => Err(wrong(date.range, error.message, &error.hint)),
            }
        }
        "runningTasksCount" => {
            let comparison = comparison(input, &subject)?;
            let number = literal(input)?;
            let count = whole_number(number.text)
                .ok_or_else(|| number.wrong("a number of tasks", "write a whole number: `1`"))?;
            Ok(Predicate::RunningTasksCount(comparison, count))
        }
        "task:group" => task_group(input, &subject),
        _ => {
            let message = format!("`{}` is not a subject", subject.text);
            Err(wrong(subject.range, message, SUBJECTS))
        }
    }
}

fn text_predicate(
    input: &mut Input<'_>,
    word: &Word<'_>,
    subject: TextSubject,
) -> Result<Predicate, QueryError> {
    let (operator, named) = operator(input, word)?;
    let attribute = matches!(subject, TextSubject::Attribute(_));
    let test = match operator {
        Operator::Compares(comparison @ (Comparison::Equal | Comparison::NotEqual)) => {
            let value = text_value(input, &subject)?;
            TextTest::Compares(comparison, value)
        }
        Operator::Compares(comparison) if attribute => {
            TextTest::Compares(comparison, literal(input)?.text.to_string())
        }
        Operator::Exists(wanted) if attribute => TextTest::Exists(wanted),
        Operator::Compares(_) | Operator::Exists(_) => {
            return Err(invalid(word, &named, "== != in !in =~ !~"));
        }
        Operator::In(wanted) => {
            TextTest::In(wanted, list(input, |input| text_value(input, &subject))?)
        }
        Operator::Matches(wanted) => TextTest::Matches(wanted, pattern(input)?),
    };
    Ok(Predicate::Text(subject, test))
}

/// Reads a literal that a subject can be equal to.
fn text_value(input: &mut Input<'_>, subject: &TextSubject) -> Result<String, QueryError> {
    let value = literal(input)?;
    if *subject == TextSubject::AgentConnected && !["true", "false"].contains(&value.text) {
        return Err(value.wrong("a state of connection", "write `true` or `false`"));
    }
    Ok(value.text.to_string())
}

fn task_group(input: &mut Input<'_>, subject: &Word<'_>) -> Result<Predicate, QueryError> {
    let group = |input: &mut Input<'_>| literal(input).map(|group| group.text.to_string());
    let (operator, named) = operator(input, subject)?;
    match operator {
        Operator::Compares(comparison @ (Comparison::Equal | Comparison::NotEqual)) => {
            let groups = vec![group(input)?];
            Ok(Predicate::TaskGroup { hosted: comparison == Comparison::Equal, groups })
        }
        Operator::In(hosted) => Ok(Predicate::TaskGroup { hosted, groups: list(input, group)? }),
        Operator::Compares(_) | Operator::Exists(_) | Operator::Matches(_) => {
            Err(invalid(subject, &named, "== != in !in"))
        }
    }
}

/// Reads one of the six operators that compare.
fn comparison(input: &mut Input<'_>, subject: &Word<'_>) -> Result<Comparison, QueryError> {
    let (operator, named) = operator(input, subject)?;
    match operator {
        Operator::Compares(comparison) => Ok(comparison),
        Operator::Exists(_) | Operator::In(_) | Operator::Matches(_) => {
            Err(invalid(subject, &named, "== != > >= < <="))
        }
    }
}

fn invalid(subject: &Word<'_>, operator: &Word<'_>, valid: &str) -> QueryError {
    let message = format!("`{}` is not an operator of `{}`", operator.text, subject.text);
    wrong(operator.range.clone(), message, &format!("its operators are {valid}"))
}

fn operator<'i>(
    input: &mut Input<'i>,
    subject: &Word<'_>,
) -> Result<(Operator, Word<'i>), QueryError> {
    skip_spaces(input)?;
    let letters = |c: char| c.is_ascii_alphabetic() || c == '_';
    let signs = |c: char| "=!<>~".contains(c);
    let negated = ("!", alt(("exists", "in")), not(one_of(letters)));
    let (text, range) =
        alt((negated.take(), take_while(1.., signs), take_while(1.., letters), "".take()))
            .with_span()
            .parse_next(input)?;
    let word = Word { text, range };
    let known = OPERATORS.iter().find(|(sign, name, _)| [*sign, *name].contains(&text));
    let hint = "operators are == != > >= < <= exists !exists in !in =~ !~, or their words";
    match known {
        Some((_, _, operator)) => Ok((*operator, word)),
        None if text.is_empty() => {
            Err(missing(input, &format!("an operator after `{}`", subject.text), hint))
        }
        None => Err(wrong(word.range, format!("`{text}` is not an operator"), hint)),
    }
}

fn list<T>(
    input: &mut Input<'_>,
    mut item: impl FnMut(&mut Input<'_>) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    skip_spaces(input)?;
    let start = input.current_token_start();
    if !symbol(input, "[")? {
        return Err(missing(input, "a list", "write a list: `[us-east-1a, us-east-1b]`"));
    }
    let mut items = Vec::new();
    loop {
        items.push(item(input)?);
        skip_spaces(input)?;
        if symbol(input, "]")? {
            return Ok(items);
        }
        if symbol(input, ",")? {
            continue;
        }
        let next = peek_word(input)?;
        if next.text.is_empty() {
            let message = "this `[` is never closed".to_string();
            return Err(wrong(start..start + 1, message, "write a `]` after the last value"));
        }
        return Err(next.unexpected("`,` or `]`"));
    }
}

/// Reads a value: quoted, or up to a space or a sign that cannot be part of it.
fn literal<'i>(input: &mut Input<'i>) -> Result<Word<'i>, QueryError> {
    skip_spaces(input)?;
    if let Some(word) = quoted(input)? {
        return Ok(word);
    }
    let word = bare(input)?;
    let hint = "write a value; quote it if it is a word or a sign of the language";
    match word.text {
        "" => Err(missing(input, "a value", hint)),
        "and" | "or" | "not" => {
            Err(wrong(word.range, format!("a value is missing before `{}`", word.text), hint))
        }
        _ => Ok(word),
    }
}

fn pattern(input: &mut Input<'_>) -> Result<Pattern, QueryError> {
    skip_spaces(input)?;
    let quote = "quote a pattern that has spaces, parentheses or quotes: `=~ '(m5|c5).*'`";
    if let Some(word) = quoted(input)? {
        return compile(&word);
    }
    let start = input.current_token_start();
    let length = bare_pattern_length(input);
    let word = Word { text: input.next_slice(length), range: start..start + length };
    let end = word.range.end;
    if opt(peek("(")).parse_next(input)?.is_some() {
        let message = "an unquoted pattern cannot have parentheses".to_string();
        return Err(wrong(end..end + 1, message, quote));
    }
    if word.text.is_empty() { Err(missing(input, "a pattern", quote)) } else { compile(&word) }
}

fn bare_pattern_length(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || "()'\"".contains(c);
    let ends = [text.find(ends), text.find("&&"), text.find("||")];
    ends.into_iter().flatten().min().unwrap_or(text.len())
}

fn compile(word: &Word<'_>) -> Result<Pattern, QueryError> {
    if let Some((range, name)) = only_in_java(word.text) {
        let part = &word.text[range.clone()];
        let message = format!("`{part}` is {name} of Java, which is not supported");
        let range = word.range.start + range.start..word.range.start + range.end;
        return Err(wrong(range, message, "use several conditions, with `and` and `not`"));
    }
    // By itself first: `a)|(b` is no pattern, although it becomes one inside the group below.
    let anchored =
        Regex::new(word.text).and_then(|_| Regex::new(&format!(r"\A(?:{})\z", word.text)));
    match anchored {
        Ok(anchored) => Ok(Pattern { text: word.text.to_string(), anchored }),
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            let message = format!("`{}` is not a regular expression: {reason}", word.text);
            let hint = "write a pattern of the whole value: `m5\\..*`";
            Err(wrong(word.range.clone(), message, hint))
        }
    }
}

/// Finds what a pattern has that `regex` lacks, or would read as something else.
fn only_in_java(pattern: &str) -> Option<(Range<usize>, &'static str)> {
    const GROUPS: [(&str, &str); 5] = [
        ("(?=", "look-around"),
        ("(?!", "look-around"),
        ("(?<=", "look-around"),
        ("(?<!", "look-around"),
        ("(?>", "an atomic group"),
    ];
    let bytes = pattern.as_bytes();
    let mut class_depth = 0usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        match byte {
            b'\\' => {
                if class_depth == 0 && next.is_some_and(|c| (b'1'..=b'9').contains(&c) || c == b'k')
                {
                    return Some((at..at + 2, "a back-reference"));
                }
                at += 1;
            }
            b'[' => class_depth += 1,
            b']' => class_depth = class_depth.saturating_sub(1),
            b'(' if class_depth == 0 => {
                let found =
                    GROUPS.iter().find(|(sign, _)| bytes[at..].starts_with(sign.as_bytes()));
                if let Some((sign, name)) = found {
                    return Some((at..at + sign.len(), *name));
                }
                // The `?` of a group is no quantifier.
                at += usize::from(next == Some(b'?'));
            }
            b'*' | b'+' | b'?' | b'}' if class_depth == 0 && next == Some(b'+') => {
                return Some((at..at + 2, "a possessive quantifier"));
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn quoted<'i>(input: &mut Input<'i>) -> Result<Option<Word<'i>>, QueryError> {
    let start = input.current_token_start();
    let Some(quote) = opt(one_of(['\'', '"'])).parse_next(input)? else { return Ok(None) };
    let (text, range) = take_while(0.., move |c| c != quote).with_span().parse_next(input)?;
    if opt(quote).parse_next(input)?.is_none() {
        let message = format!("this {quote} is never closed");
        return Err(wrong(start..start + 1, message, "write the quote once more after the value"));
    }
    Ok(Some(Word { text, range }))
}

/// Says whether a letter can be part of an unquoted value.
fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !"()[],'\"=!<>~&|".contains(c)
}

/// Reads an unquoted value; it may be empty.
fn bare<'i>(input: &mut Input<'i>) -> Result<Word<'i>, QueryError> {
    let (text, range) = take_while(0.., is_bare).with_span().parse_next(input)?;
    Ok(Word { text, range })
}

/// Returns the next value or sign, for a message; empty at the end.
fn peek_word<'i>(input: &mut Input<'i>) -> Result<Word<'i>, QueryError> {
    skip_spaces(input)?;
    let word = alt((take_while(1.., is_bare), any.take(), "".take())).with_span();
    let (text, range) = peek(word).parse_next(input)?;
    Ok(Word { text, range })
}

fn skip_spaces(input: &mut Input<'_>) -> Result<(), QueryError> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn symbol(input: &mut Input<'_>, sign: &'static str) -> Result<bool, QueryError> {
    Ok(opt(sign).parse_next(input)?.is_some())
}

/// Reads a word that joins or negates conditions, or its sign, if there is one.
fn keyword(
    input: &mut Input<'_>,
    word: &'static str,
    sign: &'static str,
) -> Result<bool, QueryError> {
    skip_spaces(input)?;
    let word = terminated(word, not(one_of(is_bare)));
    Ok(opt(alt((sign, word))).parse_next(input)?.is_some())
}

fn missing(input: &mut Input<'_>, what: &str, hint: &str) -> QueryError {
    match peek_word(input) {
        Ok(next) if next.text.is_empty() => {
            wrong(next.range, format!("{what} is missing at the end"), hint)
        }
        Ok(next) => {
            let message = format!("{what} is missing before `{}`", next.text);
            wrong(next.range, message, hint)
        }
        Err(error) => error,
    }
}

impl Word<'_> {
    fn wrong(&self, what: &str, hint: &str) -> QueryError {
        wrong(self.range.clone(), format!("`{}` is not {what}", self.text), hint)
    }

    fn unexpected(self, expected: &str) -> QueryError {
        let message = format!("`{}` stands where {expected} is expected", self.text);
        wrong(self.range, message, JOIN)
    }
}

impl fmt::Display for Query {
    /// Writes the expression with signs for operators and words for `and`, `or` and `not`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |term: &Expression| match (self, term) {
            (_, Expression::Any(_)) => format!("({term})"),
            (Expression::All(_) | Expression::Not(_), Expression::All(_)) => format!("({term})"),
            (_, Expression::All(_) | Expression::Not(_) | Expression::Is(_)) => term.to_string(),
        };
        let joined =
            |terms: &[Expression], by: &str| terms.iter().map(term).collect::<Vec<_>>().join(by);
        match self {
            Expression::Any(terms) => write!(f, "{}", joined(terms, " or ")),
            Expression::All(terms) => write!(f, "{}", joined(terms, " and ")),
            Expression::Not(inner) => write!(f, "not {}", term(inner)),
            Expression::Is(predicate) => write!(f, "{predicate}"),
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Predicate::Text(subject, test) => {
                match subject {
                    TextSubject::Attribute(name) => write!(f, "attribute:{name} ")?,
                    TextSubject::AgentConnected => write!(f, "agentConnected ")?,
                    TextSubject::Ec2InstanceId => write!(f, "ec2InstanceId ")?,
                }
                match test {
                    TextTest::Exists(wanted) => write!(f, "{}", sign(Operator::Exists(*wanted))),
                    TextTest::Compares(comparison, value) => {
                        write!(f, "{} {}", sign(Operator::Compares(*comparison)), written(value))
                    }
                    TextTest::In(wanted, values) => {
                        write!(f, "{} {}", sign(Operator::In(*wanted)), written_list(values))
                    }
                    TextTest::Matches(wanted, pattern) => {
                        let text = &pattern.text;
                        let bare = !text.is_empty() && bare_pattern_length(text) == text.len();
                        let text = if bare { text.clone() } else { in_quotes(text) };
                        write!(f, "{} {text}", sign(Operator::Matches(*wanted)))
                    }
                }
            }
            Predicate::AgentVersion(comparison, version) => {
                write!(f, "agentVersion {} {version}", sign(Operator::Compares(*comparison)))
            }
            Predicate::RegisteredAt(comparison, date) => {
                let text = written(&date.text);
                write!(f, "registeredAt {} {text}", sign(Operator::Compares(*comparison)))
            }
            Predicate::RunningTasksCount(comparison, count) => {
                write!(f, "runningTasksCount {} {count}", sign(Operator::Compares(*comparison)))
            }
            Predicate::TaskGroup { hosted, groups } => match &groups[..] {
                [group] => {
                    write!(f, "task:group {} {}", if *hosted { "==" } else { "!=" }, written(group))
                }
                _ => {
                    let groups = written_list(groups);
                    write!(f, "task:group {} {groups}", sign(Operator::In(*hosted)))
                }
            },
        }
    }
}

fn sign(operator: Operator) -> &'static str {
    let known = OPERATORS.iter().find(|(_, _, known)| *known == operator);
    known.map(|(sign, _, _)| *sign).expect("every operator is in the table")
}

fn written(value: &str) -> String {
    let reserved = ["", "and", "or", "not"].contains(&value);
    if !reserved && value.chars().all(is_bare) { value.to_string() } else { in_quotes(value) }
}

fn written_list(values: &[String]) -> String {
    format!("[{}]", values.iter().map(|value| written(value)).collect::<Vec<_>>().join(", "))
}

/// Quotes a text; one that was read never holds both kinds of quotes.
fn in_quotes(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An instance of the tests; `Default` is as bare as can be.
    #[derive(Default)]
    struct Host {
        attributes: Vec<(&'static str, &'static str)>,
        agent_connected: bool,
        ec2_instance_id: &'static str,
        agent_version: &'static str,
        registered_at: i64,
        running_tasks_count: u32,
        groups: Vec<&'static str>,
    }

    impl Subject for Host {
        fn attribute(&self, name: &str) -> Option<&str> {
            self.attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
        }
        fn agent_connected(&self) -> bool {
            self.agent_connected
        }
        fn ec2_instance_id(&self) -> String {
            self.ec2_instance_id.to_string()
        }
        fn agent_version(&self) -> &str {
            self.agent_version
        }
        fn registered_at(&self) -> i64 {
            self.registered_at
        }
        fn running_tasks_count(&self) -> u32 {
            self.running_tasks_count
        }
        fn hosts_task_of_group(&self, group: &str) -> bool {
            self.groups.contains(&group)
        }
    }

    fn host(instance_type: &'static str, zone: &'static str) -> Host {
        let attributes =
            vec![("ecs.instance-type", instance_type), ("ecs.availability-zone", zone)];
        Host { attributes, ..Host::default() }
    }

    fn selects(text: &str, host: &Host) -> bool {
        Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(host)
    }

    #[test]
    fn s_e45_g2_instances_that_are_not_in_zone_d() {
        let text = "attribute:ecs.instance-type =~ g2.* and \
                    attribute:ecs.availability-zone != us-east-1d";
        assert!(selects(text, &host("g2.2xlarge", "us-east-1a")));
        assert!(!selects(text, &host("g2.2xlarge", "us-east-1d")));
        assert!(!selects(text, &host("t2.small", "us-east-1a")));
    }

    #[test]
    fn s_e46_affinity_to_a_group_without_tasks_selects_nothing() {
        let empty = Host::default();
        let busy = Host { groups: vec!["service:production"], ..Host::default() };
        assert!(!selects("task:group == service:production", &empty));
        assert!(selects("task:group == service:production", &busy));
        // The guide's anti-affinity.
        assert!(selects("not(task:group == service:production)", &empty));
        assert!(!selects("not(task:group == service:production)", &busy));
    }

    #[test]
    fn every_operator_of_every_subject() {
        let host = Host {
            attributes: vec![("stack", "prod"), ("rack", "10"), ("gpu", ""), ("room", "a b")],
            agent_connected: true,
            ec2_instance_id: "i-abcd1234",
            agent_version: "1.14.5",
            registered_at: 1_529_360_908_000_000, // 2018-06-18T22:28:28Z
            running_tasks_count: 1,
            groups: vec!["service:web", "database"],
        };
        let check = |text: &str, expected: bool| {
            assert_eq!(selects(text, &host), expected, "{text}");
        };
        for (subject, same, other) in
            [("attribute:stack", "prod", "test"), ("ec2InstanceId", "i-abcd1234", "i-wxyx7890")]
        {
            for [equals, not_equals] in [["==", "!="], ["equals", "not_equals"]] {
                check(&format!("{subject} {equals} {same}"), true);
                check(&format!("{subject} {equals} {other}"), false);
                check(&format!("{subject} {not_equals} {same}"), false);
                check(&format!("{subject} {not_equals} '{other}'"), true);
            }
            for [within, not_within] in [["in", "!in"], ["in", "not_in"]] {
                check(&format!("{subject} {within} [{other}, '{same}']"), true);
                check(&format!("{subject} {within}[{other}]"), false);
                check(&format!("{subject} {not_within} [\"{same}\",{other}]"), false);
                check(&format!("{subject} {not_within} [{other}]"), true);
            }
            let half = &same[..same.len() - 1];
            for [matches, not_matches] in [["=~", "!~"], ["matches", "not_matches"]] {
                check(&format!("{subject} {matches} {half}."), true);
                check(&format!("{subject} {matches} {half}"), false); // Not the whole value.
                check(&format!("{subject} {not_matches} '({half}|x).'"), false);
                check(&format!("{subject} {not_matches} {other}"), true);
            }
        }
        check("attribute:stack exists", true);
        check("attribute:gpu exists", true); // A name without a value.
        check("attribute:stack !exists", false);
        check("attribute:stack not_exists", false);
        check("attribute:room == 'a b'", true);
        check("attribute:room =~ \"a b|c\"", true);
        check("attribute:stack =~ p|prod", true); // Both alternatives are anchored.
        check("attribute:stack =~ p|xprod", false);
        check("attribute:stack =~ [op-r]+d", true);
        check("agentConnected == true", true);
        check("agentConnected != true", false);
        check("agentConnected in [false, true]", true);
        check("agentConnected !in [true]", false);
        check("agentConnected =~ t.*", true);
        check("agentConnected !~ t.*", false);
        check("task:group == service:web", true);
        check("task:group == web", false);
        check("task:group != database", false);
        check("task:group != web", true);
        check("task:group in [web, database]", true);
        check("task:group !in [web, database]", false);
        check("task:group not_in [web]", true);
    }

    #[test]
    fn comparisons_follow_the_order_of_their_subject() {
        let host = Host {
            attributes: vec![("rack", "10"), ("name", "m"), ("load", "-0.5"), ("hex", "1e3")],
            agent_version: "1.14.5",
            registered_at: 1_529_360_908_000_000, // 2018-06-18T22:28:28Z
            running_tasks_count: 3,
            ..Host::default()
        };
        let check = |subject: &str, argument: &str, order: Ordering| {
            let operators = [
                ("==", "equals", order.is_eq()),
                ("!=", "not_equals", order.is_ne()),
                (">", "greater_than", order.is_gt()),
                (">=", "greater_than_equal", order.is_ge()),
                ("<", "less_than", order.is_lt()),
                ("<=", "less_than_equal", order.is_le()),
            ];
            for (sign, word, expected) in operators {
                for text in
                    [format!("{subject}{sign}{argument}"), format!("{subject} {word} {argument}")]
                {
                    assert_eq!(selects(&text, &host), expected, "{text}");
                }
            }
        };
        check("runningTasksCount", "2", Ordering::Greater);
        check("runningTasksCount", "3", Ordering::Equal);
        check("runningTasksCount", "10", Ordering::Less);
        check("agentVersion", "1.9.10", Ordering::Greater); // By number: 14 > 9.
        check("agentVersion", "1.14.5", Ordering::Equal);
        check("agentVersion", "1.14", Ordering::Greater);
        check("agentVersion", "2", Ordering::Less);
        check("registeredAt", "2018-06-18", Ordering::Greater);
        check("registeredAt", "2018-06-18T22:28:28Z", Ordering::Equal);
        check("registeredAt", "2018-06-18T22:28:28+00:00", Ordering::Equal);
        check("registeredAt", "2018-06-18T22:28:28", Ordering::Equal);
        check("registeredAt", "'2018-06-18T23:00:00+01:00'", Ordering::Greater);
        check("registeredAt", "2018-06-19", Ordering::Less);
        check("attribute:rack", "9", Ordering::Greater); // Numbers if both are.
        check("attribute:rack", "10", Ordering::Equal);
        check("attribute:rack", "9a", Ordering::Less); // Otherwise strings.
        check("attribute:load", "-1", Ordering::Greater);
        check("attribute:hex", "2", Ordering::Less);
        check("attribute:name", "l", Ordering::Greater);
        check("attribute:name", "mm", Ordering::Less);
        // Equality of attributes is that of strings.
        assert!(!selects("attribute:rack == 10.0", &host));
        assert!(selects("attribute:rack >= 10.0 and attribute:rack <= 10.0", &host));
    }

    #[test]
    fn a_missing_attribute_fulfils_its_absence_alone() {
        // `!=` does not select instances without the attribute: aws/containers-roadmap#486.
        let check = |text: &str, expected| {
            assert_eq!(
                selects(&format!("attribute:a {text}"), &Host::default()),
                expected,
                "{text}"
            );
        };
        for text in
            ["== b", "!= b", "> b", ">= b", "< b", "<= b", "in [b]", "!in [b]", "=~ b", "!~ b"]
        {
            check(text, false);
        }
        check("exists", false);
        check("!exists", true);
        check("!exists or attribute:a != b", true);
        assert!(selects("not (attribute:a == b)", &Host::default()));
    }

    #[test]
    fn not_binds_closer_than_and_and_that_closer_than_or() {
        let yes = "runningTasksCount == 0";
        let no = "runningTasksCount == 1";
        let check = |text: &str, expected| {
            let text = text.replace("yes", yes).replace("no_", no);
            assert_eq!(selects(&text, &Host::default()), expected, "{text}");
        };
        check("yes or yes and no_", true);
        check("(yes or yes) and no_", false);
        check("no_ and no_ or yes", true);
        check("not no_ and no_", false);
        check("not (no_ and no_)", true);
        check("!no_&&yes||no_", true);
        check("!!yes", true);
        check("not not no_", false);
        check("not(no_)and(yes)or(no_)", true);
        check("\t yes\n and\r\nyes ", true);
    }

    #[test]
    fn what_an_answer_depends_on_is_known() {
        let check = |text: &str, on_tasks, on_attributes_only| {
            let query = Query::parse(text).unwrap();
            assert_eq!(query.depends_on_tasks(), on_tasks, "{text}");
            assert_eq!(query.depends_on_attributes_only(), on_attributes_only, "{text}");
        };
        check("attribute:a == b and not (attribute:b exists or attribute:c =~ d)", false, true);
        check("attribute:a == b or agentConnected == true", false, false);
        check("ec2InstanceId == i-1", false, false);
        check("agentVersion > 1", false, false);
        check("not registeredAt < 2026-01-01", false, false);
        check("attribute:a == b and task:group == web", true, false);
        check("attribute:a == b or not (runningTasksCount < 2)", true, false);
    }

    /// Checks a mistake; the second text marks the range, empty where something is missing.
    fn check_mistake(text: &str, marked: &str, message: &str) {
        let error = Query::parse(text).unwrap_err();
        let found = " ".repeat(error.range.start) + &"^".repeat(error.range.len());
        assert_eq!((found.as_str(), error.message.as_str()), (marked, message), "{text}");
        assert!(!error.hint.is_empty());
    }

    #[test]
    fn a_mistake_in_the_form_is_pointed_at() {
        let check = check_mistake;
        check("", "", "a condition is missing at the end");
        check("  ", "  ", "a condition is missing at the end");
        check("()", " ^", "a condition is missing before `)`");
        check("zone == a", "^^^^", "`zone` is not a subject");
        check("Attribute:a == b", "^^^^^^^^^^^", "`Attribute:a` is not a subject");
        check("attribute: == b", "          ", "`` is not a name of an attribute");
        check("attribute:a:b == c", "          ^^^", "`a:b` is not a name of an attribute");
        check(
            "attribute:a",
            "           ",
            "an operator after `attribute:a` is missing at the end",
        );
        check("attribute:a = b", "            ^", "`=` is not an operator");
        check("attribute:a is b", "            ^^", "`is` is not an operator");
        check("attribute:a !has b", "            ^", "`!` is not an operator");
        check("attribute:a ==", "              ", "a value is missing at the end");
        check("attribute:a == and x", "               ^^^", "a value is missing before `and`");
        check("attribute:a == (b)", "               ^", "a value is missing before `(`");
        check(
            "attribute:a == b c",
            "                 ^",
            "`c` stands where `and`, `or` or the end is expected",
        );
        check(
            "attribute:a == b AND x",
            "                 ^^^",
            "`AND` stands where `and`, `or` or the end is expected",
        );
        check("attribute:a == b and", "                    ", "a condition is missing at the end");
        check("attribute:a == b or or", "                    ^^", "`or` is not a subject");
        check("attribute:a == 'b", "               ^", "this ' is never closed");
        check("(attribute:a == b", "^", "this `(` is never closed");
        check(
            "(attribute:a == b]",
            "                 ^",
            "`]` stands where `and`, `or` or `)` is expected",
        );
        check("attribute:a == b)", "                ^", "this `)` has no `(`");
        check("attribute:a in b", "               ^", "a list is missing before `b`");
        check("attribute:a in [b", "               ^", "this `[` is never closed");
        check(
            "attribute:a in [b c]",
            "                  ^",
            "`c` stands where `,` or `]` is expected",
        );
        check("attribute:a in []", "                ^", "a value is missing before `]`");
        check("attribute:a in [b,]", "                  ^", "a value is missing before `]`");
    }

    #[test]
    fn a_mistake_in_an_operator_or_a_value_is_pointed_at() {
        let check = check_mistake;
        check(
            "agentConnected exists",
            "               ^^^^^^",
            "`exists` is not an operator of `agentConnected`",
        );
        check(
            "agentConnected > true",
            "               ^",
            "`>` is not an operator of `agentConnected`",
        );
        check(
            "agentConnected == yes",
            "                  ^^^",
            "`yes` is not a state of connection",
        );
        check(
            "agentConnected in [true, 'no']",
            "                          ^^",
            "`no` is not a state of connection",
        );
        check(
            "ec2InstanceId less_than i-1",
            "              ^^^^^^^^^",
            "`less_than` is not an operator of `ec2InstanceId`",
        );
        check(
            "agentVersion =~ 1.*",
            "             ^^",
            "`=~` is not an operator of `agentVersion`",
        );
        check("agentVersion < latest", "               ^^^^^^", "`latest` is not a version");
        check("agentVersion < 1.+2", "               ^^^^", "`1.+2` is not a version");
        check(
            "registeredAt !in [a]",
            "             ^^^",
            "`!in` is not an operator of `registeredAt`",
        );
        check(
            "registeredAt < 2018-13-01",
            "               ^^^^^^^^^^",
            "`2018-13-01` is not a date and time",
        );
        check(
            "runningTasksCount exists",
            "                  ^^^^^^",
            "`exists` is not an operator of `runningTasksCount`",
        );
        check(
            "runningTasksCount == -1",
            "                     ^^",
            "`-1` is not a number of tasks",
        );
        check("task:group > a", "           ^", "`>` is not an operator of `task:group`");
        check("task:group =~ a.*", "           ^^", "`=~` is not an operator of `task:group`");
    }

    #[test]
    fn a_mistake_in_a_pattern_is_pointed_at() {
        let check = check_mistake;
        check("attribute:a =~", "              ", "a pattern is missing at the end");
        check(
            "attribute:a =~ (b|c)",
            "               ^",
            "an unquoted pattern cannot have parentheses",
        );
        check(
            "attribute:a =~ b(c)",
            "                ^",
            "an unquoted pattern cannot have parentheses",
        );
        check(
            "attribute:a =~ [b",
            "               ^^",
            "`[b` is not a regular expression: unclosed character class",
        );
        check(
            "attribute:a =~ 'b)|(c'",
            "                ^^^^^",
            "`b)|(c` is not a regular expression: unopened group",
        );
        let look = "is look-around of Java, which is not supported";
        check("attribute:a =~ 'b(?=c)'", "                 ^^^", &format!("`(?=` {look}"));
        check("attribute:a =~ '(?!b).*'", "                ^^^", &format!("`(?!` {look}"));
        check("attribute:a =~ '(?<=b)c'", "                ^^^^", &format!("`(?<=` {look}"));
        check("attribute:a =~ '(?<!b)c'", "                ^^^^", &format!("`(?<!` {look}"));
        check(
            "attribute:a =~ '(b)\\1'",
            "                   ^^",
            "`\\1` is a back-reference of Java, which is not supported",
        );
        check(
            "attribute:a =~ '(?>b)'",
            "                ^^^",
            "`(?>` is an atomic group of Java, which is not supported",
        );
        check(
            "attribute:a =~ b*+",
            "                ^^",
            "`*+` is a possessive quantifier of Java, which is not supported",
        );
    }

    #[test]
    fn what_only_resembles_java_is_read() {
        let host = Host { attributes: vec![("a", "b+1")], ..Host::default() };
        for pattern in
            [r"b\++1", r"'(?:b|c)\+\d'", "b[*+]1", r"'[\]b][(?=+]1'", "'(?<x>b).*'", "'(?i)B.*'"]
        {
            assert!(selects(&format!("attribute:a =~ {pattern}"), &host), "{pattern}");
        }
    }

    #[test]
    fn length_and_depth_have_bounds() {
        let long = |length: usize| format!("attribute:a == {}", "é".repeat(length - 15));
        assert!(Query::parse(&long(2000)).is_ok());
        let error = Query::parse(&long(2001)).unwrap_err();
        assert_eq!(error.message, "the expression is longer than 2000 characters");
        assert_eq!(error.range, long(2000).len()..long(2001).len());
        let nested =
            |depth: usize| "(".repeat(depth) + "runningTasksCount == 0" + &")".repeat(depth);
        assert!(Query::parse(&nested(63)).is_ok());
        let error = Query::parse(&nested(64)).unwrap_err();
        assert_eq!(error.message, "the expression nests deeper than 64 levels");
        assert!(Query::parse(&"!".repeat(2000)).is_err());
        assert!(Query::parse(&"(".repeat(2000)).is_err());
    }

    /// A linear congruential generator: numbers of Knuth's MMIX.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % bound
        }

        fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
            choices[self.below(choices.len())]
        }
    }

    /// Writes a random expression, and says by itself whether it selects the host.
    fn random_any(dice: &mut Dice, host: &Host, depth: usize) -> (String, bool) {
        let (mut text, mut value) = random_all(dice, host, depth);
        while dice.below(3) == 0 {
            let (more, also) = random_all(dice, host, depth);
            text = format!("{text}{}{more}", dice.pick(&[" or ", "||", "  ||\n"]));
            value |= also;
        }
        (text, value)
    }

    fn random_all(dice: &mut Dice, host: &Host, depth: usize) -> (String, bool) {
        let (mut text, mut value) = random_unary(dice, host, depth);
        while dice.below(3) == 0 {
            let (more, also) = random_unary(dice, host, depth);
            text = format!("{text}{}{more}", dice.pick(&[" and ", "&&", " && "]));
            value &= also;
        }
        (text, value)
    }

    fn random_unary(dice: &mut Dice, host: &Host, depth: usize) -> (String, bool) {
        match dice.below(if depth == 0 { 3 } else { 5 }) {
            0 | 1 => random_attribute(dice, host),
            2 => random_other(dice, host),
            3 => {
                let (text, value) = random_unary(dice, host, depth - 1);
                (format!("{}{text}", dice.pick(&["not ", "!", "! "])), !value)
            }
            _ => {
                let (text, value) = random_any(dice, host, depth - 1);
                (format!("({text})"), value)
            }
        }
    }

    fn random_attribute(dice: &mut Dice, host: &Host) -> (String, bool) {
        let name = dice.pick(&["a", "b", "c"]);
        let wanted = dice.pick(&["x", "xy", "y"]);
        let value =
            host.attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        let there = value.is_some();
        let value = value.unwrap_or_default();
        let (test, holds) = match dice.below(9) {
            0 => (format!("== {wanted}"), value == wanted),
            1 => (format!("!= '{wanted}'"), value != wanted),
            2 => (format!("> {wanted}"), value > wanted),
            3 => (format!("less_than_equal {wanted}"), value <= wanted),
            4 => (format!("in [x,\"{wanted}\"]"), value == wanted || value == "x"),
            5 => (format!("not_in [ {wanted} ]"), value != wanted),
            6 => (format!("=~ {wanted}.*"), value.starts_with(wanted)),
            7 => (format!("!~ '.*({wanted})'"), !value.ends_with(wanted)),
            _ => ("exists".to_string(), true),
        };
        (format!("attribute:{name} {test}"), there && holds)
    }

    fn random_other(dice: &mut Dice, host: &Host) -> (String, bool) {
        let count = dice.below(4) as u32;
        match dice.below(5) {
            0 => (format!("runningTasksCount >= {count}"), host.running_tasks_count >= count),
            1 => (format!("runningTasksCount<{count}"), host.running_tasks_count < count),
            2 => (format!("task:group == g{count}"), host.groups.contains(&&*format!("g{count}"))),
            3 => ("agentConnected != false".to_string(), host.agent_connected),
            _ => ("attribute:d not_exists".to_string(), true),
        }
    }

    #[test]
    fn random_expressions_select_what_a_naive_reading_does_and_survive_being_written() {
        let mut dice = Dice(1);
        let mut selected = 0;
        for _ in 0..1500 {
            let names = ["a", "b", "c"];
            let values = ["x", "xy", "y", "yx", "missing", "missing"];
            let attributes = names
                .iter()
                .map(|name| (*name, dice.pick(&values)))
                .filter(|(_, value)| *value != "missing");
            let host = Host {
                attributes: attributes.collect(),
                agent_connected: dice.below(2) == 0,
                running_tasks_count: dice.below(4) as u32,
                groups: if dice.below(2) == 0 { vec!["g0", "g2"] } else { vec![] },
                ..Host::default()
            };
            let (text, expected) = random_any(&mut dice, &host, 4);
            if text.len() > 1500 {
                continue;
            }
            let query = Query::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(query.matches(&host), expected, "{text}");
            let written = query.to_string();
            assert_eq!(Query::parse(&written).as_ref(), Ok(&query), "{text} written as {written}");
            selected += u32::from(expected);
        }
        assert!((250..1250).contains(&selected), "{selected} of 1500 select");
    }

    #[test]
    fn expressions_are_written_with_signs() {
        let check = |text: &str, written: &str| {
            assert_eq!(Query::parse(text).unwrap().to_string(), written);
            assert_eq!(Query::parse(written).unwrap().to_string(), written);
        };
        check("attribute:a equals 'b'", "attribute:a == b");
        check("attribute:a == 'b c'", "attribute:a == 'b c'");
        check("attribute:a == \"it's\"", "attribute:a == \"it's\"");
        check("attribute:a == 'and'", "attribute:a == 'and'");
        check("attribute:a == ''", "attribute:a == ''");
        check("attribute:a not_exists", "attribute:a !exists");
        check("attribute:a not_in ['b', c]", "attribute:a !in [b, c]");
        check("attribute:a matches '[bc]{1,2}'", "attribute:a =~ [bc]{1,2}");
        check("attribute:a =~ '(b|c)'", "attribute:a =~ '(b|c)'");
        check("agentVersion less_than 1.14.5", "agentVersion < 1.14.5");
        check(
            "registeredAt>=2018-06-18T22:28:28+00:00",
            "registeredAt >= 2018-06-18T22:28:28+00:00",
        );
        check("runningTasksCount equals 01", "runningTasksCount == 1");
        check("task:group in [a]", "task:group == a");
        check("task:group not_in [a, 'b c']", "task:group !in [a, 'b c']");
        check(
            "!(attribute:a exists || attribute:b exists) && (not attribute:c exists)",
            "not (attribute:a exists or attribute:b exists) and not attribute:c exists",
        );
    }

    #[test]
    fn no_text_brings_the_parser_down() {
        let signs = "attribute:a task:group registeredAt agentVersion runningTasksCount \
                     agentConnected == != =~ !~ < in !in exists not ! and or && || ( ) [ ] , ' \" \
                     1 2018-06-18 é \\ * + ? { } ^ $ = ~ | a.* \u{0}";
        let mut pieces = vec!["attribute:a exists", "runningTasksCount == 1", " ", "\n", "\u{a0}"];
        pieces.extend(signs.split(' '));
        let mut dice = Dice(2);
        let mut parsed = 0;
        for _ in 0..10_000 {
            let length = dice.below(9);
            let text: String = (0..length)
                .map(|_| format!("{}{}", dice.pick(&pieces), dice.pick(&["", " "])))
                .collect();
            let bytes: Vec<u8> = (0..length * 3).map(|_| dice.below(256) as u8).collect();
            for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
                match Query::parse(&text) {
                    Ok(query) => {
                        parsed += 1;
                        assert_eq!(Query::parse(&query.to_string()).as_ref(), Ok(&query), "{text}");
                    }
                    Err(error) => {
                        assert!(text.get(error.range.clone()).is_some(), "{text:?} {error:?}");
                        assert!(!error.message.contains("cannot be read here"), "{text:?}");
                    }
                }
            }
        }
        assert!(parsed > 10, "only {parsed} texts were expressions");
    }
}
