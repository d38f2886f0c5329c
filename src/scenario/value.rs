//! Single values with their units: from a node of text to a quantity, or a sentence why not.

use std::path::PathBuf;

use super::keys::{Kind, MAX_SPAN_US, PER_SECOND};
use super::problems::number as number_of;
use super::suggest::did_you_mean;
use super::text::{Node, Value};
use crate::units::{
    Bytes, Money, Span, TIME_HINT, amount, fault, parse_span, shortened, split_unit, time_unit,
    too_large,
};

pub use crate::units::Fault;

/// What a single value turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// Of [`Kind::Boolean`].
    Boolean(bool),
    /// Of [`Kind::Integer`].
    Integer(u64),
    /// Of [`Kind::Number`].
    Number(f64),
    /// Of [`Kind::Span`].
    Span(Span),
    /// Of [`Kind::Bytes`].
    Bytes(Bytes),
    /// Of [`Kind::Bandwidth`].
    Bandwidth(BytesPerSecond),
    /// Of [`Kind::Memory`].
    Memory(Mib),
    /// Of [`Kind::Cpu`].
    Cpu(CpuUnits),
    /// Of [`Kind::Money`].
    Money(Money),
    /// Of [`Kind::Percent`].
    Percent(Percent),
    /// Of [`Kind::Share`].
    Share(Share),
    /// Of [`Kind::Rate`].
    Rate(PerSecond),
    /// Of [`Kind::Distribution`].
    Distribution(Distribution),
    /// Of any kind of text, and of [`Kind::Choice`] and [`Kind::Reference`].
    Text(String),
    /// Of [`Kind::File`]: the path from the folder the program runs in.
    File(PathBuf),
}

/// The most memory that anything may have: 64 TiB, twice the largest EC2 instance.
pub(super) const MAX_MEMORY_MIB: u32 = 64 << 20;

/// The most CPU that anything may have: 4,096 vCPU.
pub(super) const MAX_CPU_UNITS: u32 = 4096 * 1024;

const MOST_MEMORY: &str = "64 TiB";
const MOST_CPU: &str = "4,096 vCPU";

/// The highest price: a million dollars.
const MAX_NANOS: u128 = 1_000_000_000_000_000;

/// Memory in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mib(pub u32);

/// CPU units; 1,024 are one vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuUnits(pub u32);

/// Bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BytesPerSecond(pub u64);

/// Percents: 95 is 95 %.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// How often something happens, per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct PerSecond(pub f64);

/// A length of time that luck may decide, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(Span),
    /// All lengths from `min` to `max` alike.
    Uniform {
        /// The least.
        min: Span,
        /// The most.
        max: Span,
    },
    /// Without memory.
    Exponential {
        /// The mean.
        mean: Span,
    },
    /// The logarithm is normal.
    Lognormal {
        /// Half are shorter.
        median: Span,
        /// Deviation of the natural logarithm.
        sigma: f64,
    },
    /// Weibull's.
    Weibull {
        /// The length that 63.2 % do not reach beyond.
        scale: Span,
        /// 1 is exponential.
        shape: f64,
    },
    /// Gamma.
    Gamma {
        /// The mean.
        mean: Span,
        /// 1 is exponential.
        shape: f64,
    },
    /// Drawn from a column of seconds.
    Empirical {
        /// A CSV file with a header.
        file: PathBuf,
        /// The name of the column.
        column: String,
    },
}

/// Reads a single value.
///
/// # Errors
/// A [`Fault`] if the node is not what `kind` wants.
///
/// # Panics
/// If `kind` is a list or a table; those are walked, not read.
pub fn read(kind: &Kind, node: &Node) -> Result<Parsed, Fault> {
    match *kind {
        Kind::Boolean => boolean(node).map(Parsed::Boolean),
        Kind::Integer { min, max } => integer(node, min, max).map(Parsed::Integer),
        Kind::Number { min, max } => number(node, min, max).map(Parsed::Number),
        Kind::Span { min_us, max_us } => span(node, min_us, max_us).map(Parsed::Span),
        Kind::Bytes => bytes(node).map(Parsed::Bytes),
        Kind::Bandwidth => bandwidth(node).map(Parsed::Bandwidth),
        Kind::Memory => memory(node).map(Parsed::Memory),
        Kind::Cpu => cpu(node).map(Parsed::Cpu),
        Kind::Money => money(node).map(Parsed::Money),
        Kind::Percent { max } => percent(node, max).map(|it| Parsed::Percent(Percent(it))),
        Kind::Share => share(node).map(Parsed::Share),
        Kind::Rate => rate(node).map(Parsed::Rate),
        Kind::Text(what) => text(node, what).map(Parsed::Text),
        Kind::Name => name(node).map(Parsed::Text),
        Kind::File => text(node, "the path of a file").map(|path| Parsed::File(path.into())),
        Kind::Choice(words) => choice(node, words).map(Parsed::Text),
        Kind::Reference { .. } => text(node, "a name").map(Parsed::Text),
        Kind::Traffic => match node.value {
            Value::Number(_) => read(&PER_SECOND, node),
            Value::Text(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Null => wrong(node, kind),
        },
        Kind::Distribution => {
            let read = span(node, 0, MAX_SPAN_US);
            read.map(|span| Parsed::Distribution(Distribution::Constant(span)))
        }
        Kind::List { .. }
        | Kind::Table(_)
        | Kind::Tagged(_)
        | Kind::Named { .. }
        | Kind::OneOf(_)
        | Kind::WithoutEffect => unreachable!("{kind:?} is walked, not read"),
    }
}

/// Says in words what a value of this kind looks like, with its article.
pub fn expected(kind: &Kind) -> String {
    match *kind {
        Kind::Boolean => "true or false".to_string(),
        Kind::Integer { .. } => "a whole number".to_string(),
        Kind::Number { .. } => "a number".to_string(),
        Kind::Span { .. } => "a length of time such as \"90 s\"".to_string(),
        Kind::Bytes => "a size such as \"180 MB\" or \"2 GiB\"".to_string(),
        Kind::Bandwidth => "a bandwidth such as \"45 MiB/s\"".to_string(),
        Kind::Memory => "memory such as \"512 MiB\" or 512 (MiB)".to_string(),
        Kind::Cpu => "CPU such as \"0.5 vCPU\" or 512 (units)".to_string(),
        Kind::Money => "US dollars such as \"$0.08\"".to_string(),
        Kind::Percent { .. } => "percents such as \"95 %\"".to_string(),
        Kind::Share => "a share such as \"5 %\" or 0.05".to_string(),
        Kind::Rate => "a rate such as \"0.01 per h\"".to_string(),
        Kind::Distribution => "a length of time such as \"90 s\", or a distribution such as \
             { uniform = { min = \"10 s\", max = \"20 s\" } }"
            .to_string(),
        Kind::Traffic => "a number such as 120, a curve such as { daily = { low = 20, high = 200, \
             peak_at = \"14:00\" } }, or { file = \"traffic.csv\" }"
            .to_string(),
        Kind::Text(what) => what.to_string(),
        Kind::Name => "a name".to_string(),
        Kind::File => "the path of a file".to_string(),
        Kind::Choice(words) => match words {
            [only] => format!("\"{only}\""),
            words => format!("one of {}", quoted(words)),
        },
        Kind::Reference { table, .. } => format!("the name of a [{table}.…]"),
        Kind::List { .. } => "a list".to_string(),
        Kind::Table(_) => "a table".to_string(),
        Kind::Tagged(keys) => {
            let keys: Vec<String> =
                keys.iter().map(|it| format!("{{ {} = … }}", it.name)).collect();
            keys.join(" or ")
        }
        Kind::Named { .. } => "a table of names".to_string(),
        Kind::OneOf(kinds) => {
            let mut kinds: Vec<String> = kinds.iter().map(expected).collect();
            kinds.dedup();
            kinds.join(", or ")
        }
        Kind::WithoutEffect => "anything".to_string(),
    }
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}

/// Complains that a node has the wrong shape.
fn wrong<T>(node: &Node, kind: &Kind) -> Result<T, Fault> {
    let shown = match &node.value {
        Value::Text(text) => format!("is \"{}\"", shortened(text)),
        Value::Number(text) | Value::DateTime(text) => format!("is {}", shortened(text)),
        Value::Boolean(value) => format!("is {value}"),
        Value::List(_) | Value::Table(_) | Value::Null => format!("is {}", node.value.what()),
    };
    fault(shown, format!("write {}", expected(kind)))
}

fn boolean(node: &Node) -> Result<bool, Fault> {
    if let Value::Boolean(value) = node.value { Ok(value) } else { wrong(node, &Kind::Boolean) }
}

fn integer(node: &Node, min: u64, max: u64) -> Result<u64, Fault> {
    let Value::Number(text) = &node.value else {
        return wrong(node, &Kind::Integer { min, max });
    };
    let bounds = || match max {
        u64::MAX => format!("the least is {}", number_of(min)),
        max => format!("the least is {}, the most {}", number_of(min), number_of(max)),
    };
    let decimal = amount(text).map_err(|mut fault| {
        fault.hint = bounds();
        fault
    })?;
    let Some((value, is_exact)) = decimal.times(1) else {
        return fault(format!("is {}, which is too large", shortened(text)), bounds());
    };
    if !is_exact {
        return fault(format!("is {}, which is not whole", shortened(text)), bounds());
    }
    match u64::try_from(value) {
        Ok(value) if value < min => fault(format!("is {value}, which is too small"), bounds()),
        Ok(value) if value <= max => Ok(value),
        Ok(_) | Err(_) => fault(format!("is {}, which is too large", shortened(text)), bounds()),
    }
}

fn number(node: &Node, min: f64, max: f64) -> Result<f64, Fault> {
    let Value::Number(text) = &node.value else {
        return wrong(node, &Kind::Number { min, max });
    };
    // Where numbers below zero are allowed, they are what follows their sign.
    amount(text.strip_prefix('-').filter(|_| min < 0.0).unwrap_or(text))?;
    let value: f64 = text.replace('_', "").parse().unwrap_or(f64::INFINITY);
    if value < min || value > max {
        let hint = format!("the least is {min}, the most {max}");
        return fault(format!("is {}, which is out of range", shortened(text)), hint);
    }
    Ok(value)
}

fn span(node: &Node, min_us: u64, max_us: u64) -> Result<Span, Fault> {
    let kind = Kind::Span { min_us, max_us };
    let text = match &node.value {
        Value::Text(text) => text,
        Value::Number(text) => {
            amount(text)?;
            let hint = format!("write \"{} s\"; {TIME_HINT}", shortened(text));
            return fault(format!("is {}, without a unit", shortened(text)), hint);
        }
        Value::Boolean(_) | Value::DateTime(_) | Value::List(_) | Value::Table(_) | Value::Null => {
            return wrong(node, &kind);
        }
    };
    let span = parse_span(text)?;
    let micros = span.as_micros();
    if micros < min_us || micros > max_us {
        let (min, max) = (Span::micros(min_us), Span::micros(max_us));
        let side = if micros < min_us { "short" } else { "long" };
        let hint = format!("the least is {min}, the most {max}");
        return fault(format!("is \"{}\", which is too {side}", shortened(text)), hint);
    }
    Ok(span)
}

const BINARY: &[(&str, u128)] =
    &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
const DECIMAL: &[(&str, u128)] =
    &[("B", 1), ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];
/// What AWS calls MB and GB of memory are MiB and GiB.
const AWS_MEMORY: &[(&str, u128)] = &[("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];

/// Finds a unit of data; where only the case is wrong, the one that is meant.
fn data_unit(unit: &str, tables: &[&[(&str, u128)]]) -> Result<u128, Fault> {
    let units = || tables.iter().flat_map(|table| table.iter());
    let lower = unit.to_ascii_lowercase();
    let found = units().find(|(name, _)| *name == unit);
    let found = found.or_else(|| units().find(|(name, _)| name.to_ascii_lowercase() == lower));
    if let Some(&(_, size)) = found {
        return Ok(size);
    }
    let names: Vec<&str> = units().map(|it| it.0).collect();
    let hint = format!("units of data are {}", names.join(", "));
    fault(format!("has the unit `{}`", shortened(unit)), hint)
}

fn data(node: &Node, kind: &Kind, tables: &[&[(&str, u128)]]) -> Result<(u128, bool), Fault> {
    let text = match &node.value {
        Value::Text(text) => text,
        Value::Number(text) => {
            amount(text)?;
            let hint = format!("write {}", expected(kind));
            return fault(format!("is {}, without a unit", shortened(text)), hint);
        }
        Value::Boolean(_) | Value::DateTime(_) | Value::List(_) | Value::Table(_) | Value::Null => {
            return wrong(node, kind);
        }
    };
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return wrong(node, kind);
    }
    if unit.is_empty() {
        let hint = format!("write {}", expected(kind));
        return fault(format!("is \"{}\", without a unit", shortened(text)), hint);
    }
    let decimal = amount(number)?;
    match decimal.times(data_unit(unit, tables)?) {
        Some(found) if found.0 <= 1 << 60 => Ok(found),
        Some(_) | None => too_large(text, "1,048,576 TiB"),
    }
}

fn bytes(node: &Node) -> Result<Bytes, Fault> {
    let (bytes, _) = data(node, &Kind::Bytes, &[BINARY, DECIMAL])?;
    Ok(Bytes(u64::try_from(bytes).expect("data() bounds it")))
}

fn bandwidth(node: &Node) -> Result<BytesPerSecond, Fault> {
    let Value::Text(text) = &node.value else { return wrong(node, &Kind::Bandwidth) };
    let amount = text.trim().strip_suffix("/s").or_else(|| text.trim().strip_suffix(" per s"));
    let Some(amount) = amount else { return wrong(node, &Kind::Bandwidth) };
    let amount = Node { value: Value::Text(amount.to_string()), place: node.place };
    let (bytes, _) = data(&amount, &Kind::Bandwidth, &[BINARY, DECIMAL])?;
    if bytes == 0 {
        let hint = "write how fast it is, such as \"45 MiB/s\"";
        return fault(format!("is \"{}\", which is nothing", shortened(text)), hint);
    }
    Ok(BytesPerSecond(u64::try_from(bytes).expect("data() bounds it")))
}

fn memory(node: &Node) -> Result<Mib, Fault> {
    // A bare number is MiB, as in AWS's API, where JSON has it as text as well.
    let bare = match &node.value {
        Value::Number(text) => Some(text),
        Value::Text(text) if split_unit(text).1.is_empty() && !split_unit(text).0.is_empty() => {
            Some(text)
        }
        Value::Text(_)
        | Value::Boolean(_)
        | Value::DateTime(_)
        | Value::List(_)
        | Value::Table(_)
        | Value::Null => None,
    };
    let (bytes, is_exact) = match bare {
        Some(text) => match amount(text.trim())?.times(1 << 20) {
            Some(found) => found,
            None => return too_large(text, MOST_MEMORY),
        },
        None => data(node, &Kind::Memory, &[BINARY, AWS_MEMORY])?,
    };
    let shown = node.to_line();
    if !is_exact || bytes % (1 << 20) != 0 {
        let hint = "memory is counted in whole MiB; MB and GB are MiB and GiB, as in AWS's API";
        return fault(format!("is {shown}, which is not whole MiB"), hint);
    }
    match u32::try_from(bytes >> 20) {
        Ok(mib) if mib <= MAX_MEMORY_MIB => Ok(Mib(mib)),
        Ok(_) | Err(_) => too_large(&shown, MOST_MEMORY),
    }
}

fn cpu(node: &Node) -> Result<CpuUnits, Fault> {
    let text = match &node.value {
        Value::Number(text) | Value::Text(text) => text,
        Value::Boolean(_) | Value::DateTime(_) | Value::List(_) | Value::Table(_) | Value::Null => {
            return wrong(node, &Kind::Cpu);
        }
    };
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        amount(text).or_else(|_| wrong(node, &Kind::Cpu))?;
    }
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "unit" | "units" => 1,
        "vcpu" | "vcpus" => 1024,
        _ => {
            let hint = "CPU is in units (1,024 are one vCPU) or \"vCPU\"";
            return fault(format!("has the unit `{}`", shortened(unit)), hint);
        }
    };
    let Some((units, is_exact)) = amount(number)?.times(factor) else {
        return too_large(text, MOST_CPU);
    };
    // A number of vCPU is rounded to whole units, as ECS does.
    if !is_exact && factor == 1 {
        let hint = "CPU is counted in whole units; 1,024 are one vCPU: \"0.5 vCPU\" is 512";
        return fault(format!("is {}, which is not whole CPU units", node.to_line()), hint);
    }
    match u32::try_from(units) {
        Ok(units) if units <= MAX_CPU_UNITS => Ok(CpuUnits(units)),
        Ok(_) | Err(_) => too_large(text, MOST_CPU),
    }
}

fn money(node: &Node) -> Result<Money, Fault> {
    let text = match &node.value {
        Value::Number(text) => text.as_str(),
        Value::Text(text) => {
            let text = text.trim();
            let bare = text.strip_prefix('$').or_else(|| text.strip_suffix("USD"));
            let Some(bare) = bare else { return wrong(node, &Kind::Money) };
            bare.trim()
        }
        Value::Boolean(_) | Value::DateTime(_) | Value::List(_) | Value::Table(_) | Value::Null => {
            return wrong(node, &Kind::Money);
        }
    };
    match amount(text)?.times(1_000_000_000) {
        Some((_, false)) => {
            let fact = format!("is {}, which is finer than a nano-dollar", node.to_line());
            fault(fact, "write nine decimals at most")
        }
        Some((nanos, true)) if nanos <= MAX_NANOS => Ok(Money::nanos(nanos as i128)),
        Some(_) | None => {
            let fact = format!("is {}, which is too large", shortened(text));
            fault(fact, "the most is a million dollars")
        }
    }
}

/// Reads percents and returns the number in front of `%`; without `%` nothing.
fn percents(node: &Node) -> Result<Option<f64>, Fault> {
    let Value::Text(text) = &node.value else { return Ok(None) };
    let Some(number) = text.trim().strip_suffix('%') else { return Ok(None) };
    let number = number.trim();
    amount(number)?;
    Ok(number.replace('_', "").parse().ok())
}

fn percent(node: &Node, max: f64) -> Result<f64, Fault> {
    let value = match (&node.value, percents(node)?) {
        (_, Some(value)) => value,
        (Value::Number(text), None) => {
            amount(text)?;
            text.replace('_', "").parse().unwrap_or(f64::INFINITY)
        }
        (_, None) => return wrong(node, &Kind::Percent { max }),
    };
    if value > max {
        let hint = format!("the most is {max} %");
        return fault(format!("is {}, which is too large", node.to_line()), hint);
    }
    Ok(value)
}

fn share(node: &Node) -> Result<Share, Fault> {
    let value = match (&node.value, percents(node)?) {
        (_, Some(value)) => value / 100.0,
        (Value::Number(text), None) => {
            amount(text)?;
            text.replace('_', "").parse().unwrap_or(f64::INFINITY)
        }
        (_, None) => return wrong(node, &Kind::Share),
    };
    if value > 1.0 {
        let hint = "a share is from 0 to 1, or from \"0 %\" to \"100 %\"";
        return fault(format!("is {}, which is more than the whole", node.to_line()), hint);
    }
    Ok(Share(value))
}

fn rate(node: &Node) -> Result<PerSecond, Fault> {
    const HINT: &str = "write how often, then the unit: \"0.01 per h\", \"40 per s\"";
    let text = match &node.value {
        Value::Text(text) => text,
        Value::Number(text) => {
            amount(text)?;
            return fault(format!("is {}, without a unit", shortened(text)), HINT);
        }
        Value::Boolean(_) | Value::DateTime(_) | Value::List(_) | Value::Table(_) | Value::Null => {
            return wrong(node, &Kind::Rate);
        }
    };
    let parts = text.split_once(" per ").or_else(|| text.split_once('/'));
    let Some((number, unit)) = parts else { return wrong(node, &Kind::Rate) };
    let number = number.trim();
    amount(number)?;
    let seconds = time_unit(unit.trim())? as f64 / 1e6;
    let value: f64 = number.replace('_', "").parse().unwrap_or(f64::INFINITY);
    let per_second = value / seconds;
    if per_second > 1e9 {
        return too_large(text, "1,000,000,000 per s");
    }
    Ok(PerSecond(per_second))
}

fn text(node: &Node, what: &'static str) -> Result<String, Fault> {
    match &node.value {
        Value::Text(text) if text.trim().is_empty() => fault("is empty", format!("write {what}")),
        Value::Text(text) | Value::DateTime(text) => Ok(text.clone()),
        Value::Number(_) | Value::Boolean(_) | Value::List(_) | Value::Table(_) | Value::Null => {
            wrong(node, &Kind::Text(what))
        }
    }
}

fn name(node: &Node) -> Result<String, Fault> {
    const MOST: usize = 100;
    let name = text(node, "a name")?;
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    if name.starts_with('.') || !name.chars().all(is_plain) || name.len() > MOST {
        let hint = "use letters, digits, `_`, `-` and `.`, at most 100, no `.` in front";
        return fault(format!("is \"{}\", which cannot name a folder", shortened(&name)), hint);
    }
    Ok(name)
}

fn choice(node: &Node, words: &'static [&'static str]) -> Result<String, Fault> {
    let kind = Kind::Choice(words);
    let Value::Text(text) = &node.value else { return wrong(node, &kind) };
    if words.contains(&text.as_str()) {
        return Ok(text.clone());
    }
    let hint = match did_you_mean(text, words.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"? it is {}", expected(&kind)),
        None => format!("it is {}", expected(&kind)),
    };
    fault(format!("is \"{}\"", shortened(text)), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::problems::Problems;
    use crate::scenario::text::read_toml;

    fn node(text: &str) -> Node {
        let mut problems = Problems::new();
        let file = problems.sources.add_flag("", &format!("it = {text}"));
        let table = read_toml(file, &mut problems);
        assert!(problems.is_empty(), "{text}: {}", problems.to_lines());
        table.get("it").unwrap().node.clone()
    }

    #[track_caller]
    fn check(kind: &Kind, text: &str, expected: Parsed) {
        assert_eq!(read(kind, &node(text)), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_fault(kind: &Kind, text: &str, fact: &str) {
        assert_eq!(read(kind, &node(text)).unwrap_err().fact, fact, "{text}");
    }

    const ANY_SPAN: Kind = Kind::Span { min_us: 0, max_us: u64::MAX };

    #[test]
    fn lengths_of_time_add_up_to_the_microsecond() {
        let check = |text: &str, micros: u64| {
            check(&ANY_SPAN, &format!("{text:?}"), Parsed::Span(Span::micros(micros)));
        };
        check("90 s", 90_000_000);
        check("1 h 30 min", 5_400_000_000);
        check("1h30min", 5_400_000_000);
        check("1.5 h", 5_400_000_000);
        check("250ms", 250_000);
        check("0.0000015 s", 2); // rounded
        check("1 w", 7 * 86_400_000_000);
        check("1_000 s", 1_000_000_000);
        check("1e3 s", 1_000_000_000);
        check("0 s", 0);
    }

    #[test]
    fn lengths_of_time_without_sense_are_faults() {
        let check = |text: &str, fact: &str| check_fault(&ANY_SPAN, text, fact);
        check("90", "is 90, without a unit");
        check("\"90\"", "is \"90\", without a unit");
        check("\"1 h 5\"", "is \"1 h 5\", without a unit");
        check("\"-1 s\"", "is -1, which is negative");
        check("\"soon\"", "is \"soon\"");
        check("\"nan s\"", "is \"nan s\"");
        check("\"\"", "is empty");
        check("\"1e300 s\"", "is 1e300 s, which is too large");
        check(
            "\"99999999999999999999999999999999999999999999 s\"",
            &format!("is {}, which is too large or no number", "9".repeat(44)),
        );
        check("\"1.2.3 s\"", "is 1.2.3, which is too large or no number");
        check("\"1 month\"", "has the unit `month`");
        check("\"1 H\"", "has the unit `H`");
        check("true", "is true");
        check("[1]", "is a list");
    }

    #[test]
    fn data_is_decimal_and_memory_is_as_aws_counts_it() {
        let bytes = |text: &str, bytes: u64| check(&Kind::Bytes, text, Parsed::Bytes(Bytes(bytes)));
        bytes("\"180 MB\"", 180_000_000);
        bytes("\"1.5 GiB\"", 3 << 29);
        bytes("\"7 B\"", 7);
        bytes("\"1 kb\"", 1000);
        check_fault(&Kind::Bytes, "180", "is 180, without a unit");
        check_fault(&Kind::Bytes, "\"180 Mo\"", "has the unit `Mo`");
        check_fault(&Kind::Bytes, "\"99999999 TiB\"", "is 99999999 TiB, which is too large");
        let memory = |text: &str, mib: u32| check(&Kind::Memory, text, Parsed::Memory(Mib(mib)));
        memory("512", 512);
        memory("\"512\"", 512);
        memory("\"512 MiB\"", 512);
        memory("\"0.5 GB\"", 512);
        memory("\"1GB\"", 1024);
        memory("\"2 GiB\"", 2048);
        check_fault(&Kind::Memory, "512.5", "is 512.5, which is not whole MiB");
        check_fault(&Kind::Memory, "\"1 KiB\"", "is \"1 KiB\", which is not whole MiB");
        check_fault(&Kind::Memory, "-1", "is -1, which is negative");
        check_fault(&Kind::Memory, "5000000000", "is 5000000000, which is too large");
        let rate = Parsed::Bandwidth(BytesPerSecond(45 << 20));
        check(&Kind::Bandwidth, "\"45 MiB/s\"", rate.clone());
        check(&Kind::Bandwidth, "\"45 MiB per s\"", rate);
        check_fault(&Kind::Bandwidth, "\"45 MiB\"", "is \"45 MiB\"");
        check_fault(&Kind::Bandwidth, "\"0 B/s\"", "is \"0 B/s\", which is nothing");
    }

    #[test]
    fn cpu_is_in_units_or_vcpu() {
        let cpu = |text: &str, units: u32| check(&Kind::Cpu, text, Parsed::Cpu(CpuUnits(units)));
        cpu("256", 256);
        cpu("\"256\"", 256);
        cpu("\"0.5 vCPU\"", 512);
        cpu("\".25 vcpu\"", 256);
        cpu("\"0.3 vCPU\"", 307);
        cpu("0", 0);
        check_fault(&Kind::Cpu, "\"1 core\"", "has the unit `core`");
        check_fault(&Kind::Cpu, "0.5", "is 0.5, which is not whole CPU units");
        check_fault(&Kind::Cpu, "\"much\"", "is \"much\"");
    }

    #[test]
    fn money_shares_percents_and_rates_have_their_units() {
        let nanos =
            |text: &str, nanos| check(&Kind::Money, text, Parsed::Money(Money::nanos(nanos)));
        nanos("\"$0.08\"", 80_000_000);
        nanos("0.00138835", 1_388_350);
        nanos("\"2 USD\"", 2_000_000_000);
        check_fault(&Kind::Money, "\"2 EUR\"", "is \"2 EUR\"");
        check_fault(
            &Kind::Money,
            "0.0000000001",
            "is 0.0000000001, which is finer than a nano-dollar",
        );
        check_fault(&Kind::Money, "-1", "is -1, which is negative");
        check(&Kind::Share, "\"5 %\"", Parsed::Share(Share(0.05)));
        check(&Kind::Share, "0.25", Parsed::Share(Share(0.25)));
        check_fault(&Kind::Share, "5", "is 5, which is more than the whole");
        check_fault(&Kind::Share, "\"101%\"", "is \"101%\", which is more than the whole");
        check(&Kind::Percent { max: 100.0 }, "95", Parsed::Percent(Percent(95.0)));
        check(&Kind::Percent { max: 100.0 }, "\"95 %\"", Parsed::Percent(Percent(95.0)));
        check_fault(&Kind::Percent { max: 100.0 }, "200", "is 200, which is too large");
        check(&Kind::Rate, "\"36 per h\"", Parsed::Rate(PerSecond(0.01)));
        check(&Kind::Rate, "\"40/s\"", Parsed::Rate(PerSecond(40.0)));
        check_fault(&Kind::Rate, "40", "is 40, without a unit");
        check_fault(&Kind::Rate, "\"40 per year\"", "has the unit `year`");
    }

    #[test]
    fn names_and_choices_are_taken_as_written() {
        check(&Kind::Name, "\"shop-2\"", Parsed::Text("shop-2".to_string()));
        for bad in ["../x", ".x", "a/b", "a b", "ä"] {
            let fact = format!("is \"{bad}\", which cannot name a folder");
            check_fault(&Kind::Name, &format!("{bad:?}"), &fact);
        }
        let kind = Kind::Choice(&["FARGATE", "EC2"]);
        check(&kind, "\"EC2\"", Parsed::Text("EC2".to_string()));
        let fault = read(&kind, &node("\"fargate\"")).unwrap_err();
        assert_eq!(fault.hint, "did you mean \"FARGATE\"? it is one of \"FARGATE\", \"EC2\"");
    }

    #[test]
    fn whole_numbers_reach_to_the_end_of_their_type() {
        let kind = Kind::Integer { min: 0, max: u64::MAX };
        check(&kind, "18446744073709551615", Parsed::Integer(u64::MAX));
        check_fault(&kind, "18446744073709551616", "is 18446744073709551616, which is too large");
        check(&kind, "0x10", Parsed::Integer(16));
        check(&kind, "1_000", Parsed::Integer(1000));
        check(&kind, "2e3", Parsed::Integer(2000));
        check_fault(&kind, "\"8\"", "is \"8\"");
        check_fault(&Kind::Number { min: 0.0, max: 2.0 }, "2.5", "is 2.5, which is out of range");
        check_fault(
            &Kind::Number { min: 0.0, max: 2.0 },
            "inf",
            "is inf, which is not a finite number",
        );
    }
}
