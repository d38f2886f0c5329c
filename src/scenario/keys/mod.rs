//! The one table of keys: it drives reading, hints, the reference page, the schema and `--set`.

mod capacity;
mod fault;
mod load;
mod network;
mod run;
mod scaling;
mod service_scaling;
mod spot;
mod task;
mod timing;
mod upkeep;
mod work;

pub use crate::catalogue::Evidence;
pub use load::{OF_CURVES, OF_FILES, PER_SECOND, TRAFFIC};
pub use run::ROOT;
pub(super) use task::ON_FARGATE;

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number from `min` to `max`.
    Integer {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A number from `min` to `max`.
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// A length of time with its unit.
    Span {
        /// The least, in microseconds.
        min_us: u64,
        /// The most, in microseconds.
        max_us: u64,
    },
    /// An amount of data; MB are decimal.
    Bytes,
    /// An amount of data per second.
    Bandwidth,
    /// Memory in whole MiB; GB are GiB as in AWS's API, and a bare number is MiB.
    Memory,
    /// CPU units (1,024 = 1 vCPU), or vCPU.
    Cpu,
    /// US dollars.
    Money,
    /// Percents, as a number or with `%`.
    Percent {
        /// The most.
        max: f64,
    },
    /// A part of a whole: a number from 0 to 1, or percents with `%`.
    Share,
    /// How often something happens in a length of time.
    Rate,
    /// A length of time that luck may decide.
    Distribution,
    /// How many requests or messages arrive per second, over time.
    Traffic,
    /// Text that is read closer later; the words say what it is.
    Text(&'static str),
    /// A name that may be part of a path.
    Name,
    /// A file, relative to the one that names it.
    File,
    /// One of AWS's words.
    Choice(&'static [&'static str]),
    /// The name of an entry of the table `table`, or one of `also`.
    Reference {
        /// A table at the top whose entries have names.
        table: &'static str,
        /// Names that exist without being declared.
        also: &'static [&'static str],
    },
    /// A list of `min` to `max` things.
    List {
        /// What each is.
        of: &'static Kind,
        /// The least number.
        min: usize,
        /// The most.
        max: usize,
    },
    /// A table of known keys, in groups.
    Table(Fields),
    /// A table of known keys of which exactly one is written.
    Tagged(&'static [Key]),
    /// A table keyed by names of the user's.
    Named {
        /// What one entry is called.
        thing: &'static str,
        /// What each entry is.
        of: &'static Kind,
    },
    /// One of several, told apart by their shapes.
    OneOf(&'static [Kind]),
    /// Anything: a field of AWS's that the simulation has no use for.
    WithoutEffect,
}

/// The keys of a table, in groups that several tables may share.
pub type Fields = &'static [&'static [Key]];

/// One key: what it takes, what it means, what holds without it, and who says so.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key itself.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be written.
    pub need: Need,
    /// What the default (or the bounds) rest on; nothing for a convention of this program.
    pub evidence: Option<Evidence>,
    /// Who says so.
    pub source: &'static str,
    /// One sentence.
    pub sentence: &'static str,
    /// Whether the simulation has no use for it, although it must be sound.
    pub is_idle: bool,
}

/// What holds when a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must be written.
    Required,
    /// Nothing holds; the sentence says what that means.
    Optional,
    /// This value of TOML holds.
    Default(&'static str),
}

impl Key {
    /// Says that it must be written.
    const fn required(mut self) -> Key {
        self.need = Need::Required;
        self
    }

    /// Gives a default, as TOML, by convention of this program.
    const fn or(mut self, default: &'static str) -> Key {
        self.need = Need::Default(default);
        self
    }

    /// Says that the simulation has no use for it.
    const fn idle(mut self) -> Key {
        self.is_idle = true;
        self
    }

    /// Says that AWS documents the default, or the bounds.
    const fn documented(mut self, source: &'static str) -> Key {
        self.evidence = Some(Evidence::Documented);
        self.source = source;
        self
    }

    /// Says that the default was measured and published.
    const fn measured(mut self, source: &'static str) -> Key {
        self.evidence = Some(Evidence::Measured);
        self.source = source;
        self
    }

    /// Says that the default is an assumption, and what it rests on.
    const fn assumed(mut self, source: &'static str) -> Key {
        self.evidence = Some(Evidence::Assumed);
        self.source = source;
        self
    }
}

/// Makes a key that need not be written.
const fn key(name: &'static str, kind: Kind, sentence: &'static str) -> Key {
    Key { name, kind, need: Need::Optional, evidence: None, source: "", sentence, is_idle: false }
}

/// Makes a key of AWS's that the simulation has no use for.
const fn unused(name: &'static str) -> Key {
    key(name, Kind::WithoutEffect, "Understood, without effect on the simulation.").idle()
}

const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3600 * SECOND_US;
const YEAR_US: u64 = 366 * 24 * HOUR_US;

/// The longest length of time that anything may take: a hundred years.
pub const MAX_SPAN_US: u64 = 100 * YEAR_US;

/// Any length of time up to a hundred years.
const SPAN: Kind = Kind::Span { min_us: 0, max_us: MAX_SPAN_US };
/// A length of time that is not nothing.
const POSITIVE_SPAN: Kind = Kind::Span { min_us: 1, max_us: MAX_SPAN_US };
/// Any number of things.
const COUNT: Kind = Kind::Integer { min: 0, max: 1_000_000_000 };
/// At least one thing.
const POSITIVE_COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000_000 };
/// Any number that is not negative.
const AMOUNT: Kind = Kind::Number { min: 0.0, max: 1e15 };
/// Any number above zero, for practical purposes.
const POSITIVE: Kind = Kind::Number { min: 1e-12, max: 1e15 };

/// Makes a length of time between whole seconds.
const fn seconds(min: u64, max: u64) -> Kind {
    Kind::Span { min_us: min * SECOND_US, max_us: max * SECOND_US }
}

/// Makes a whole number between bounds.
const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

/// Makes a list of any length up to `max`.
const fn list(of: &'static Kind, max: usize) -> Kind {
    Kind::List { of, min: 0, max }
}

/// Makes the name of an entry of `table`.
const fn reference(table: &'static str) -> Kind {
    Kind::Reference { table, also: &[] }
}

/// The distributions, each a table named after it.
pub const DISTRIBUTIONS: &[Key] = &[
    key(
        "uniform",
        Kind::Table(&[&[
            key("min", SPAN, "The least.").required(),
            key("max", SPAN, "The most.").required(),
        ]]),
        "All lengths between two are equally likely.",
    ),
    key(
        "exponential",
        Kind::Table(&[&[key("mean", POSITIVE_SPAN, "The mean.").required()]]),
        "Without memory: what is left does not depend on what has passed.",
    ),
    key(
        "lognormal",
        Kind::Table(&[&[
            key("median", POSITIVE_SPAN, "Half are shorter.").required(),
            key("sigma", Kind::Number { min: 0.0, max: 10.0 }, "Deviation of the logarithm.")
                .required(),
        ]]),
        "The logarithm is normal; the usual shape of durations.",
    ),
    key(
        "weibull",
        Kind::Table(&[&[
            key("scale", POSITIVE_SPAN, "The length that 63.2 % do not reach beyond.").required(),
            key("shape", Kind::Number { min: 0.01, max: 100.0 }, "1 is exponential.").required(),
        ]]),
        "Times to failure that become likelier (shape above 1) or rarer (below) with age.",
    ),
    key(
        "gamma",
        Kind::Table(&[&[
            key("mean", POSITIVE_SPAN, "The mean.").required(),
            key("shape", Kind::Number { min: 0.01, max: 1e6 }, "1 is exponential.").required(),
        ]]),
        "Sums of exponential lengths.",
    ),
    key(
        "empirical",
        Kind::Table(&[&[
            key("file", Kind::File, "A CSV file with a header.").required(),
            key(
                "column",
                Kind::Text("the name of a column"),
                "The column; its numbers are seconds.",
            )
            .required(),
        ]]),
        "Drawn from the numbers of a column of a CSV file, each equally likely.",
    ),
];

impl Kind {
    /// Finds the key `name` of a table, whichever group it is in.
    pub fn field(&self, name: &str) -> Option<&'static Key> {
        self.fields().find(|key| key.name == name)
    }

    /// Lists the keys of a table; none for anything else.
    pub fn fields(&self) -> Box<dyn Iterator<Item = &'static Key>> {
        match *self {
            Kind::Table(groups) => Box::new(groups.iter().copied().flatten()),
            Kind::Tagged(keys) => Box::new(keys.iter()),
            Kind::OneOf(kinds) => Box::new(kinds.iter().flat_map(Kind::fields)),
            Kind::Distribution => Box::new(DISTRIBUTIONS.iter()),
            Kind::Traffic => Box::new(TRAFFIC.iter()),
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
            | Kind::Text(_)
            | Kind::Name
            | Kind::File
            | Kind::Choice(_)
            | Kind::Reference { .. }
            | Kind::List { .. }
            | Kind::Named { .. }
            | Kind::WithoutEffect => Box::new(std::iter::empty()),
        }
    }
}

/// Finds what the path `parts` takes; the parts below a table keyed by names may be anything.
pub fn find(parts: &[&str]) -> Option<&'static Kind> {
    static TOP: Kind = Kind::Table(ROOT);
    let mut kind = &TOP;
    for part in parts {
        kind = kind.child(part)?;
    }
    Some(kind)
}

impl Kind {
    /// Returns what is behind `part` in a table of this kind, or at that place of a list.
    pub fn child(&self, part: &str) -> Option<&'static Kind> {
        if let Kind::List { of, .. } = *self {
            return part.parse::<usize>().is_ok().then_some(of);
        }
        if let Kind::Named { of, .. } = *self {
            return Some(of);
        }
        self.field(part).map(|key| &key.kind)
    }
}

/// One line of the table: where a key is, and the key.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Such as `service.*.desired_count`; `[]` is behind a list.
    pub path: String,
    /// The key.
    pub key: &'static Key,
}

/// Lists every key with its pattern, in the order of the table.
pub fn all() -> Vec<Pattern> {
    let mut list = Vec::new();
    collect("", &Kind::Table(ROOT), &mut list);
    list
}

/// Lists every key of a rate over time with its pattern, in the order of the table.
pub fn of_traffic() -> Vec<Pattern> {
    let mut list = Vec::new();
    collect("", &Kind::Table(&[TRAFFIC]), &mut list);
    list
}

fn collect(prefix: &str, kind: &Kind, list: &mut Vec<Pattern>) {
    if let Kind::Named { of, .. } = *kind {
        return collect(&format!("{prefix}*."), of, list);
    }
    if let Kind::List { of, .. } = *kind {
        return collect(&format!("{}[].", prefix.trim_end_matches('.')), of, list);
    }
    if matches!(kind, Kind::Distribution | Kind::Traffic) {
        // The same everywhere, and described once.
        return;
    }
    for key in kind.fields() {
        let path = format!("{prefix}{}", key.name);
        list.push(Pattern { path: path.clone(), key });
        collect(&format!("{path}."), &key.kind, list);
    }
}
