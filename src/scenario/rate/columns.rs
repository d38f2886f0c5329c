//! Rates in CSV files of any make: which column says what, and row by row what it says.

use super::super::document::View;
use super::super::problems::{Problem, listed, shortened};
use super::super::trace::{Rows, reanchored};
use super::{Meaning, Point, Points, Request, Stamp, cell};

/// Usual names of columns of times, without case and punctuation.
const TIMES: &[&str] = &[
    "seconds",
    "second",
    "secs",
    "s",
    "t",
    "time",
    "times",
    "timestamp",
    "timestamps",
    "date",
    "datetime",
    "dateandtime",
    "times",
    "arrivals",
    "epoch",
    "epochms",
    "unixtime",
    "ts",
    "ds",
];

/// Usual names of columns of rates.
const RATES: &[&str] = &[
    "requestspersecond",
    "requestpersecond",
    "reqpersec",
    "requestss",
    "rps",
    "qps",
    "rate",
    "persecond",
    "messagespersecond",
    "messagess",
    "hitspersecond",
];

/// Usual names of columns of counts.
const COUNTS: &[&str] = &[
    "requests",
    "requestcount",
    "count",
    "counts",
    "messages",
    "messagecount",
    "hits",
    "sum",
    "numberofmessagessent",
    "invocations",
    "y",
];

fn plain(heading: &str) -> String {
    let letters = heading.chars().filter(|it| it.is_ascii_alphanumeric());
    letters.collect::<String>().to_ascii_lowercase()
}

struct Columns {
    time: usize,
    value: usize,
    meaning: Meaning,
}

/// Reads the CSV file that `file` names.
pub(super) fn read(request: &Request, problems: &mut Vec<Problem>) -> Option<Points> {
    let view = request.view;
    let mut rows = match Rows::open(request.files, &request.path) {
        Ok(rows) => rows,
        Err(problem) => {
            problems.push(reanchored(&problem, view.error("file", "")));
            return None;
        }
    };
    let columns = columns(view, &rows, problems)?;
    let mut points = Points {
        file: rows.name.clone(),
        meaning: columns.meaning,
        is_of_world: false,
        word: "row",
        list: Vec::new(),
    };
    let refuses = view.get::<String>("missing") == "error";
    let mut bad_count = 0;
    while rows.next(problems, &mut bad_count) {
        if rows.is_empty(columns.value) && !refuses {
            continue;
        }
        let mut bad = Vec::new();
        let stamp = rows.cell(columns.time, |it| cell::stamp(it, &request.calendar), &mut bad);
        let value = if rows.is_empty(columns.value) {
            bad.push(is_empty(&rows, columns.value));
            0.0
        } else {
            rows.cell(columns.value, cell::amount, &mut bad)
        };
        let is_of_world = matches!(stamp, Stamp::OfWorld(_));
        if points.list.is_empty() {
            points.is_of_world = is_of_world;
        } else if bad.is_empty() && is_of_world != points.is_of_world {
            bad.push(other_times(&rows));
        }
        if !bad.is_empty() {
            rows.reject(bad, problems, &mut bad_count);
            continue;
        }
        if points.list.len() as u64 >= request.bounds.most() {
            problems.push(request.bounds.too_many(Problem::error(rows.here(), "")));
            return None;
        }
        let (number, line) = (rows.row, rows.line());
        points.list.push(Point { at_us: stamp.micros(), value, number, line });
    }
    (bad_count == 0).then_some(points)
}

fn is_empty(rows: &Rows, column: usize) -> Problem {
    let heading = shortened(&rows.header[column]);
    let message = format!("row {}, column {}: `{heading}` is empty", rows.row, column + 1);
    let hint = "write `missing = \"zero\"`, `\"interpolate\"` or `\"hold\"` to have it mended";
    Problem::error(rows.here(), message).hint(hint)
}

fn other_times(rows: &Rows) -> Problem {
    let message =
        format!("row {}: its time is a date or seconds of the run, unlike that of row 1", rows.row);
    Problem::error(rows.here(), message).hint("write all times of a file in one way")
}

/// Finds the columns that are named, or have usual names.
fn columns(view: &View, rows: &Rows, problems: &mut Vec<Problem>) -> Option<Columns> {
    let names = view.table("columns");
    let is_written = |key: &str| names.is_written(key);
    if is_written("rate") && is_written("count") {
        let message = "`columns.rate` does not go with `columns.count`";
        problems.push(names.error("count", message).hint("leave one of them out"));
        return None;
    }
    let time = match is_written("time") {
        true => named(&names, "time", rows),
        false => usual(view, rows, ("times", &[TIMES], "write `columns.time = \"…\"`")),
    };
    let way = "write `columns.rate = \"…\"` if it is per second, or `columns.count = \"…\"`";
    let value = match (is_written("rate"), is_written("count")) {
        (true, _) => named(&names, "rate", rows),
        (false, true) => named(&names, "count", rows),
        (false, false) => usual(view, rows, ("rates or counts", &[RATES, COUNTS], way)),
    };
    let mut found = |column: Result<usize, Box<Problem>>| match column {
        Ok(index) => Some(index),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    let (time, value) = (found(time), found(value));
    let (time, value) = (time?, value?);
    let is_usual_rate = RATES.contains(&plain(&rows.header[value]).as_str());
    let is_rate = is_written("rate") || (!is_written("count") && is_usual_rate);
    let meaning = if is_rate { Meaning::PerSecond } else { Meaning::Count };
    Some(Columns { time, value, meaning })
}

/// Finds the column that a key names.
fn named(names: &View, key: &str, rows: &Rows) -> Result<usize, Box<Problem>> {
    let column = rows.column(&names.get::<String>(key));
    column.map_err(|problem| Box::new(reanchored(&problem, names.error(key, ""))))
}

/// Finds the only column with a usual name for what it is; `way` says how to name it.
fn usual(
    view: &View,
    rows: &Rows,
    (what, names, way): (&str, &[&[&str]], &str),
) -> Result<usize, Box<Problem>> {
    let is_usual = |index: &usize| {
        let name = plain(&rows.header[*index]);
        names.iter().any(|names| names.contains(&name.as_str()))
    };
    let found: Vec<usize> = (0..rows.header.len()).filter(is_usual).collect();
    let file = &rows.name;
    let (message, hint) = match found[..] {
        [index] => return Ok(index),
        [] => {
            let has = shortened(&rows.header.join(", "));
            let message = format!("`{file}` has no column with a usual name for its {what}");
            (message, format!("{way}; it has {has}"))
        }
        _ => {
            let found: Vec<&str> = found.iter().map(|it| rows.header[*it].as_str()).collect();
            let message = format!("`{file}` has several columns of {what}: {}", listed(&found));
            (message, way.to_string())
        }
    };
    Err(Box::new(view.error("file", message).hint(hint)))
}
