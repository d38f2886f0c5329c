//! Metrics of CloudWatch as people have them: JSON of two commands, and the console's CSV.
//!
//! Sources: CloudWatch API, GetMetricData (MetricDataResult) and GetMetricStatistics (Datapoint).
//! The console's CSV is not documented. Assumption: rows whose first cell is no time come first and
//! hold labels; then each row has a time and the values of the metrics, the newest first.

use std::io::Read;

use serde_json::{Map, Value};

use super::super::load::unreadable;
use super::super::problems::{Problem, listed, shortened};
use super::super::trace::guarded;
use super::{Meaning, Point, Points, Request, Stamp, cell};
use crate::units::{Fault, fault};

/// The largest file that is read.
const MAX_FILE: u64 = 64 << 20;

/// How many bad values are reported.
const MAX_BAD: usize = 99;

/// What is wrong with a file as a whole.
type Broken = Box<Problem>;

/// Reads the file that `cloudwatch` names.
pub(super) fn read(request: &Request, problems: &mut Vec<Problem>) -> Option<Points> {
    let named = request.view.error("cloudwatch", "");
    let mut bytes = Vec::new();
    let file = request.files.open(&request.path);
    let opened = file.and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    if let Err(error) = opened {
        problems.push(unreadable(&request.path, named.at, &error));
        return None;
    }
    if bytes.len() as u64 > MAX_FILE {
        let message = format!("`{}` is larger than {} MiB", request.path.display(), MAX_FILE >> 20);
        problems.push(Problem { message, ..named }.hint("ask for fewer points, of one metric"));
        return None;
    }
    let start = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes).trim_ascii_start();
    let mut reader = Reader {
        request,
        named,
        bad: Vec::new(),
        points: Points {
            file: request.path.display().to_string().into(),
            meaning: Meaning::Count,
            is_of_world: true,
            word: "value",
            list: Vec::new(),
        },
    };
    let read = match start.first() {
        Some(b'{' | b'[') => reader.json(start),
        Some(_) | None => reader.csv(start),
    };
    problems.extend(reader.bad.iter().cloned());
    match read {
        Ok(()) => reader.bad.is_empty().then_some(reader.points),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

struct Reader<'r> {
    request: &'r Request<'r>,
    /// An error at the key, without a message.
    named: Problem,
    /// What is wrong with single values.
    bad: Vec<Problem>,
    points: Points,
}

impl Reader<'_> {
    fn broken<T>(&self, message: &str, hint: &str) -> Result<T, Broken> {
        let message = format!("`{}` {message}", self.points.file);
        Err(Box::new(Problem { message, ..self.named.clone() }.hint(hint)))
    }

    /// Notes a point, or what is wrong with it.
    fn add(
        &mut self,
        (number, line): (u64, u64),
        (stamp, value): (Result<Stamp, Fault>, Result<f64, Fault>),
        shown: (&str, &str),
    ) -> Result<(), Broken> {
        let mut point = Point { at_us: 0, value: 0.0, number, line };
        let mut wrong = Vec::new();
        match stamp {
            Ok(Stamp::OfWorld(micros)) => point.at_us = micros,
            Ok(Stamp::OfRun(_)) => {
                let hint = "CloudWatch has dates, or seconds since 1970";
                wrong.push(("time", shown.0, "which is no date".to_string(), hint.to_string()));
            }
            Err(Fault { fact, hint }) => wrong.push(("time", shown.0, fact, hint)),
        }
        match value {
            Ok(value) => point.value = value,
            Err(Fault { fact, hint }) => wrong.push(("value", shown.1, fact, hint)),
        }
        for (what, shown, fact, hint) in wrong {
            if self.bad.len() < MAX_BAD {
                let message = format!("its {what} is {}, {fact}", shortened(shown));
                let named = self.named.clone();
                self.bad.push(self.points.error(&point, named, &message).hint(hint));
            }
        }
        if self.points.list.len() as u64 >= self.request.bounds.most() {
            return Err(Box::new(self.request.bounds.too_many(self.named.clone())));
        }
        self.points.list.push(point);
        Ok(())
    }

    fn json(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let value: Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) => {
                return self.broken(&format!("is no sound JSON: {error}"), "is the file whole?");
            }
        };
        match (value.get("MetricDataResults"), value.get("Datapoints")) {
            (Some(Value::Array(results)), _) => self.results(results),
            (None, Some(Value::Array(points))) => self.datapoints(points),
            (_, _) => {
                let message = "has neither `MetricDataResults` nor `Datapoints`";
                let hint = "save what `aws cloudwatch get-metric-data` or `get-metric-statistics` \
                            prints, with `--output json`";
                self.broken(message, hint)
            }
        }
    }

    /// Reads what GetMetricData returns; results of several pages have one id.
    fn results(&mut self, results: &[Value]) -> Result<(), Broken> {
        let text = |it: &Value, key: &str| {
            it.get(key).and_then(Value::as_str).unwrap_or_default().to_string()
        };
        let name = |it: &Value| (text(it, "Id"), text(it, "Label"));
        let mut names: Vec<(String, String)> = results.iter().map(name).collect();
        names.dedup();
        names.sort();
        names.dedup();
        let wanted = self.wanted(&names)?;
        let chosen = results.iter().filter(|it| {
            wanted.as_ref().is_none_or(|name| {
                let (id, label) = (text(it, "Id"), text(it, "Label"));
                id == *name || label == *name
            })
        });
        let mut number = 0;
        for result in chosen {
            let list = |key: &str| result.get(key).and_then(Value::as_array);
            let (Some(times), Some(values)) = (list("Timestamps"), list("Values")) else {
                let message = "has a result without `Timestamps` or `Values`";
                return self.broken(message, "is the file whole?");
            };
            if times.len() != values.len() {
                let (times, values) = (times.len(), values.len());
                let message = format!("has {times} `Timestamps` and {values} `Values`");
                return self.broken(&message, "is the file whole?");
            }
            for (time, value) in times.iter().zip(values) {
                number += 1;
                let point = (self.stamp(time), amount(value));
                self.add((number, 0), point, (&time.to_string(), &value.to_string()))?;
            }
        }
        self.choose_meaning("");
        Ok(())
    }

    /// Returns the name of the metric to take; nothing if there is only one.
    fn wanted(&self, names: &[(String, String)]) -> Result<Option<String>, Broken> {
        let wanted = self.request.view.find::<String>("metric");
        let known: Vec<&str> = names
            .iter()
            .map(|(id, label)| if id.is_empty() { label.as_str() } else { id.as_str() })
            .collect();
        let has = format!("it has {}", shortened(&listed(&known)));
        match wanted {
            Some(name) if names.iter().any(|(id, label)| *id == name || *label == name) => {
                Ok(Some(name))
            }
            Some(name) => {
                let message = format!("has no metric `{}`", shortened(&name));
                let message = format!("`{}` {message}", self.points.file);
                Err(Box::new(self.request.view.error("metric", message).hint(has)))
            }
            None if names.len() > 1 => {
                let message = format!("has {} metrics", names.len());
                self.broken(&message, &format!("write `metric = \"…\"`; {has}"))
            }
            None => Ok(None),
        }
    }

    /// Reads what GetMetricStatistics returns, in any order.
    fn datapoints(&mut self, list: &[Value]) -> Result<(), Broken> {
        let has = |key: &str| list.iter().any(|it| it.get(key).is_some());
        let is_rate = self.request.view.find::<String>("values").as_deref() == Some("per_second");
        let unit = list.first().and_then(|it| it.get("Unit")).and_then(Value::as_str);
        let unit = unit.unwrap_or_default().to_string();
        let is_rate = is_rate || unit.ends_with("/Second");
        let statistic = match is_rate {
            true => ["Average", "Sum", "Maximum"].into_iter().find(|it| has(it)),
            false => Some("Sum").filter(|it| has(it)),
        };
        let Some(statistic) = statistic.or_else(|| list.is_empty().then_some("Sum")) else {
            let message = "has no `Sum`, and nothing else says how many requests there were";
            let hint = "ask for `--statistics Sum`, or write `values = \"per_second\"` if its \
                        `Average` is a rate";
            return self.broken(message, hint);
        };
        for (number, it) in (1..).zip(list) {
            let empty = Map::new();
            let fields = it.as_object().unwrap_or(&empty);
            let null = Value::Null;
            let time = fields.get("Timestamp").unwrap_or(&null);
            let value = fields.get(statistic).unwrap_or(&null);
            let point = (self.stamp(time), amount(value));
            self.add((number, 0), point, (&time.to_string(), &value.to_string()))?;
        }
        self.choose_meaning(&unit);
        Ok(())
    }

    fn choose_meaning(&mut self, unit: &str) {
        self.points.meaning = match self.request.view.find::<String>("values").as_deref() {
            Some("per_second") => Meaning::PerSecond,
            None if unit.ends_with("/Second") => Meaning::PerSecond,
            Some(_) | None => Meaning::Count,
        };
    }

    fn stamp(&self, value: &Value) -> Result<Stamp, Fault> {
        match value {
            Value::String(text) => cell::stamp(text.as_bytes(), &self.request.calendar),
            Value::Number(number) => cell::epoch(number.as_f64().unwrap_or(f64::NAN)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                fault("which is no time", "times are texts, or seconds since 1970")
            }
        }
    }

    /// Reads what the console saves.
    fn csv(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.points.word = "row";
        let source = guarded(Box::new(std::io::Cursor::new(bytes.to_vec())));
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
        let mut record = csv::ByteRecord::new();
        let mut labels: Vec<Vec<String>> = Vec::new();
        let mut column = None;
        let mut number = 0;
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => number += 1,
                Err(error) => {
                    return self.broken(&format!("cannot be read: {error}"), "is it CSV?");
                }
            }
            let cell_at = |index: usize| record.get(index).unwrap_or_default().trim_ascii();
            let stamp = cell::stamp(cell_at(0), &self.request.calendar);
            let index = match column {
                Some(index) => index,
                None if stamp.is_err() && labels.len() < MAX_LABELS => {
                    labels.push(record.iter().map(heading).collect());
                    continue;
                }
                None => *column.insert(self.column(&labels, record.len())?),
            };
            if cell_at(index).is_empty() {
                continue;
            }
            let line = record.position().map_or(0, csv::Position::line);
            let shown = [0, index].map(|it| String::from_utf8_lossy(cell_at(it)).into_owned());
            let point = (stamp, cell::amount(cell_at(index)));
            self.add((number, line), point, (&shown[0], &shown[1]))?;
        }
        self.choose_meaning("");
        Ok(())
    }

    /// Finds the column of the metric among so many.
    fn column(&self, labels: &[Vec<String>], width: usize) -> Result<usize, Broken> {
        if width < 2 {
            return self.broken("has rows without a value", "each row has a time and values");
        }
        let names: Vec<(String, String)> = (1..width)
            .map(|index| {
                let of_column = || labels.iter().filter_map(|row| row.get(index));
                let label = |it: Option<&String>| it.cloned().unwrap_or_default();
                (label(of_column().next()), label(of_column().next_back()))
            })
            .collect();
        let Some(wanted) = self.wanted(&names)? else { return Ok(1) };
        let is_wanted = |index: &usize| labels.iter().any(|row| row.get(*index) == Some(&wanted));
        Ok((1..width).find(is_wanted).unwrap_or(1))
    }
}

/// How many rows of labels there may be.
const MAX_LABELS: usize = 20;

fn heading(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_string()
}

fn amount(value: &Value) -> Result<f64, Fault> {
    match value.as_f64() {
        Some(value) => cell::checked(value),
        None => fault("which is no number", "values are numbers"),
    }
}
