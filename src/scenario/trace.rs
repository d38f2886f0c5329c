//! Traces in CSV: every row checked, a million of them in well under a second, kept as columns.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::ByteRecord;

use super::codes::Code;
use super::document::View;
use super::keys::MAX_SPAN_US;
use super::load::{Files, unreadable};
use super::problems::{Problem, Where, number, shortened};
use super::suggest::did_you_mean;
use super::value::{CpuUnits, MAX_CPU_UNITS, MAX_MEMORY_MIB, Mib};
use crate::units::{Bytes, Decimal, Fault, Span, fault};

/// How many bad rows are reported one by one; the rest are counted.
///
/// One less than the problems that are printed, so that the count is among them.
const MAX_BAD_ROWS: usize = 99;

/// The most values of an empirical distribution.
const MAX_VALUES: usize = 1_000_000;

/// What a row takes in the model, but for a length of time: arrival, count, requirement.
const MODEL_ROW_BYTES: u64 = 16;

/// The most tasks one row may ask for.
const MAX_COUNT: u64 = 1_000_000;

/// Least memory of a container in MiB. Source: ECS API, ContainerDefinition (Docker 20.10).
pub(super) const LEAST_MEMORY: u32 = 6;

/// Least CPU units of a whole task. Source: ECS API, RegisterTaskDefinition, `cpu`. A column of
/// which no value is so much is more likely in vCPUs, of which the largest instances have 192.
const LEAST_TASK_CPU: u32 = 128;

/// What cells of a column hold: how many of the model's units to one of theirs, and the bounds.
#[derive(Clone, Copy)]
struct Quantity {
    factor: u64,
    least: u64,
    most: u64,
    /// What to do where a value is too small or not whole.
    hint: &'static str,
}

const COUNTS: Quantity = Quantity { factor: 1, least: 1, most: MAX_COUNT, hint: "the least is 1" };
const GPUS: Quantity = Quantity { factor: 1, least: 0, most: 1024, hint: "GPUs are whole" };

/// What the CPU column holds; `unit` is a word of the table of keys.
fn cpu_of(unit: &str) -> Quantity {
    let (factor, hint) = match unit {
        "vCPU" => (1024, ""),
        _ => {
            let hint = "the column is in CPU units, 1,024 to a vCPU; if it is in vCPUs, write \
                        `columns.cpu_unit = \"vCPU\"`";
            (1, hint)
        }
    };
    Quantity { factor, least: 0, most: u64::from(MAX_CPU_UNITS), hint }
}

/// What the memory column holds; `unit` is a word of the table of keys.
fn memory_of(unit: &str) -> Quantity {
    let (factor, hint) = match unit {
        "GiB" => (1024, "a container needs 6 MiB at least"),
        _ => {
            let hint = "the column is in MiB, and a container needs 6 at least; if it is in GiB, \
                        write `columns.memory_unit = \"GiB\"`";
            (1, hint)
        }
    };
    Quantity { factor, least: u64::from(LEAST_MEMORY), most: u64::from(MAX_MEMORY_MIB), hint }
}

/// The rows of a job trace, column by column, by arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTrace {
    /// When each row arrives, in microseconds since the start of the run.
    pub arrivals_us: Vec<u64>,
    /// Tasks of each row.
    pub task_counts: Series,
    /// CPU units of each task; nothing if the task definition says.
    pub cpu_units: Option<Series>,
    /// MiB of each task; nothing if the task definition says.
    pub memory_mib: Option<Series>,
    /// GPUs of each task.
    pub gpus: Series,
    /// Microseconds each task runs; nothing if its behaviour says.
    pub durations_us: Option<DurationSeries>,
    /// Which row of the file each is, from 1; empty: the file is in order of arrival.
    pub file_rows: Vec<u32>,
}

/// A whole number for each row, or the same for all.
#[derive(Clone, Debug, PartialEq)]
pub enum Series {
    /// The same for all rows.
    Same(u32),
    /// One for each row.
    Each(Vec<u32>),
}

/// A length of time in microseconds for each row, or the same for all.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationSeries {
    /// The same for all rows.
    Same(u64),
    /// One for each row.
    Each(Vec<u64>),
}

impl Series {
    /// Returns the number of a row.
    #[inline]
    pub fn at(&self, row: usize) -> u32 {
        match self {
            Series::Same(value) => *value,
            Series::Each(values) => values[row],
        }
    }
}

impl DurationSeries {
    /// Returns the length of time of a row.
    #[inline]
    pub fn at(&self, row: usize) -> Span {
        match self {
            DurationSeries::Same(micros) => Span::micros(*micros),
            DurationSeries::Each(values) => Span::micros(values[row]),
        }
    }
}

/// Reads the trace of a job; `limits` is that part of the scenario.
///
/// `used` is the memory that traces take, this one once it is read. Rows out of order are sorted
/// with a warning. Returns nothing after an error.
pub fn read_trace(
    files: &dyn Files,
    job: &View<'_>,
    (limits, used): (&View<'_>, &mut Bytes),
    problems: &mut Vec<Problem>,
) -> Option<JobTrace> {
    let path: PathBuf = job.get("trace");
    let mut rows = match Rows::open(files, &path) {
        Ok(rows) => rows,
        Err(problem) => {
            problems.push(reanchored(&problem, job.error("trace", "")));
            return None;
        }
    };
    let columns = Columns::find(job, &rows, problems)?;
    let lasts = columns.duration.is_some() || job.find::<Span>("duration").is_some();
    let bounds = Bounds {
        wanted: job.find::<u64>("rows").unwrap_or(u64::MAX),
        rows: limits.get("trace_rows"),
        memory: limits.get("trace_memory"),
        used: *used,
        row_bytes: MODEL_ROW_BYTES + if lasts { 8 } else { 0 },
        time_scale: job.get("time_scale"),
    };
    let mut raw = columns.read(&mut rows, &bounds, problems)?;
    problems.extend(columns.few_units(job, &rows, &raw));
    used.0 += raw.arrivals_us.len() as u64 * bounds.row_bytes;
    if raw.arrivals_us.is_empty() {
        let message = format!("`{}` has no rows", path.display());
        problems.push(job.error("trace", message));
        return None;
    }
    if let Some(line) = raw.first_disorder {
        let at = Where::Line { file: rows.name.clone(), line };
        problems.push(
            Problem::warning(
                Code::RowsOutOfOrder,
                at,
                "rows are not in order of arrival; they are sorted",
            )
            .hint("sort the file, if the order matters"),
        );
        raw.sort();
    }
    Some(raw.into_trace(job))
}

/// Reads a column of seconds for an empirical distribution, named at `named`.
///
/// Returns nothing after an error.
pub fn read_durations(
    files: &dyn Files,
    path: &Path,
    column: &str,
    named: &Problem,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Span>> {
    let anchored = |problem: &Problem| reanchored(problem, named.clone());
    let mut rows = match Rows::open(files, path) {
        Ok(rows) => rows,
        Err(problem) => {
            problems.push(anchored(&problem));
            return None;
        }
    };
    let index = match rows.column(column) {
        Ok(index) => index,
        Err(problem) => {
            problems.push(anchored(&problem));
            return None;
        }
    };
    let mut durations = Vec::new();
    let mut bad_count = 0;
    while rows.next(problems, &mut bad_count) {
        if durations.len() == MAX_VALUES {
            let message =
                format!("`{}` has more than {} rows", path.display(), number(MAX_VALUES as u64));
            let hint = "a distribution needs no more: take a sample of them";
            problems.push(anchored(&Problem::error(Where::Run, message).hint(hint)));
            return None;
        }
        let mut bad = Vec::new();
        durations.push(Span::micros(rows.cell(index, micros, &mut bad)));
        if !bad.is_empty() {
            rows.reject(bad, problems, &mut bad_count);
        }
    }
    if durations.is_empty() && bad_count == 0 {
        let message = format!("`{}` has no rows", path.display());
        problems.push(anchored(&Problem::error(Where::Run, message)));
    }
    (bad_count == 0 && !durations.is_empty()).then_some(durations)
}

/// Gives a problem the place and subject of where the file is named.
pub(super) fn reanchored(problem: &Problem, named: Problem) -> Problem {
    Problem { message: problem.message.clone(), hint: problem.hint.clone(), ..named }
}

/// What bounds the reading of a trace.
struct Bounds {
    wanted: u64,
    rows: u64,
    memory: Bytes,
    /// What other traces have taken of it.
    used: Bytes,
    /// What a row takes in the model.
    row_bytes: u64,
    time_scale: f64,
}

/// Which column says what; nothing where a constant does.
struct Columns {
    arrival: usize,
    count: Option<usize>,
    cpu: Option<usize>,
    memory: Option<usize>,
    gpus: Option<usize>,
    duration: Option<usize>,
    cpu_quantity: Quantity,
    memory_quantity: Quantity,
}

impl Columns {
    fn find(job: &View<'_>, rows: &Rows, problems: &mut Vec<Problem>) -> Option<Columns> {
        let names = job.table("columns");
        let before = problems.len();
        let mut index = |key: &str| {
            let name = names.find::<String>(key)?;
            match rows.column(&name) {
                Ok(index) => Some(index),
                Err(problem) => {
                    problems.push(reanchored(&problem, names.error(key, "")));
                    None
                }
            }
        };
        let arrival = index("arrival");
        let columns = Columns {
            arrival: arrival.unwrap_or(0),
            count: index("count"),
            cpu: index("cpu"),
            memory: index("memory"),
            gpus: index("gpus"),
            duration: index("duration"),
            cpu_quantity: cpu_of(&names.get::<String>("cpu_unit")),
            memory_quantity: memory_of(&names.get::<String>("memory_unit")),
        };
        (problems.len() == before).then_some(columns)
    }

    fn read(
        &self,
        rows: &mut Rows,
        bounds: &Bounds,
        problems: &mut Vec<Problem>,
    ) -> Option<RawTrace> {
        let each = |column: Option<usize>| column.map(|_| Vec::new());
        let mut raw = RawTrace {
            arrivals_us: Vec::new(),
            counts: each(self.count),
            cpu: each(self.cpu),
            memory: each(self.memory),
            gpus: each(self.gpus),
            durations: self.duration.map(|_| Vec::new()),
            first_disorder: None,
            file_rows: Vec::new(),
        };
        let left = bounds.memory.0.saturating_sub(bounds.used.0);
        let row_count_max = bounds.rows.min(left / bounds.row_bytes);
        let mut bad_count = 0;
        let mut row_count = 0;
        while row_count < bounds.wanted && rows.next(problems, &mut bad_count) {
            row_count += 1;
            if row_count > row_count_max {
                problems.push(too_many(rows, bounds, row_count_max));
                return None;
            }
            if let Err(found) = self.row(rows, bounds, &mut raw) {
                rows.reject(found, problems, &mut bad_count);
            }
        }
        (bad_count == 0).then_some(raw)
    }

    /// Warns of a CPU column in which nobody asks for as much as a task takes at least.
    fn few_units(&self, job: &View<'_>, rows: &Rows, raw: &RawTrace) -> Option<Problem> {
        let most = *raw.cpu.as_ref()?.iter().max()?;
        if self.cpu_quantity.factor != 1 || most == 0 || most >= LEAST_TASK_CPU {
            return None;
        }
        let heading = &rows.header[self.cpu?];
        let message = format!(
            "the most in the column `{heading}` is {most} CPU units, of which a vCPU has 1,024 and \
             a task {LEAST_TASK_CPU} at least"
        );
        let hint = "if these are vCPUs, write `columns.cpu_unit = \"vCPU\"`";
        Some(job.table("columns").warning(Code::UnlikelyCpuUnit, "cpu", message).hint(hint))
    }

    /// Reads a row; says what is wrong with each of its cells.
    fn row(&self, rows: &Rows, bounds: &Bounds, raw: &mut RawTrace) -> Result<(), Vec<Problem>> {
        let mut bad = Vec::new();
        let mut arrival = rows.cell(self.arrival, seconds_since_start, &mut bad);
        if bounds.time_scale != 1.0 {
            arrival = ((arrival as f64 * bounds.time_scale).round() as u64).min(MAX_SPAN_US);
        }
        let mut put = |column: Option<usize>, values: &mut Option<Vec<u32>>, quantity| {
            if let (Some(column), Some(values)) = (column, values.as_mut()) {
                values.push(rows.cell(column, |cell| whole(cell, quantity), &mut bad));
            }
        };
        put(self.count, &mut raw.counts, COUNTS);
        put(self.cpu, &mut raw.cpu, self.cpu_quantity);
        put(self.memory, &mut raw.memory, self.memory_quantity);
        put(self.gpus, &mut raw.gpus, GPUS);
        if let (Some(column), Some(values)) = (self.duration, raw.durations.as_mut()) {
            values.push(rows.cell(column, micros, &mut bad));
        }
        if !bad.is_empty() {
            return Err(bad);
        }
        let is_late = raw.arrivals_us.last().is_some_and(|&last| arrival < last);
        if is_late && raw.first_disorder.is_none() {
            raw.first_disorder = Some(rows.line());
        }
        raw.arrivals_us.push(arrival);
        Ok(())
    }
}

fn too_many(rows: &Rows, bounds: &Bounds, row_count_max: u64) -> Problem {
    let at = Where::Line { file: rows.name.clone(), line: rows.line() };
    let hint = if row_count_max == bounds.rows {
        "raise `limits.trace_rows`, or read fewer with the job's `rows`".to_string()
    } else {
        let memory = bounds.memory;
        let beside = if bounds.used.0 > 0 { " beside the other traces" } else { "" };
        format!(
            "that is all that fits `limits.trace_memory` ({memory}){beside}: raise it, or set \
             `rows`"
        )
    };
    let message = match row_count_max {
        1 => "more than 1 row".to_string(),
        rows => format!("more than {} rows", number(rows)),
    };
    Problem::error(at, message).hint(hint)
}

/// The columns while they are read.
struct RawTrace {
    arrivals_us: Vec<u64>,
    counts: Option<Vec<u32>>,
    cpu: Option<Vec<u32>>,
    memory: Option<Vec<u32>>,
    gpus: Option<Vec<u32>>,
    durations: Option<Vec<u64>>,
    first_disorder: Option<u64>,
    /// Which row of the file each is, once they are sorted.
    file_rows: Vec<u32>,
}

impl RawTrace {
    /// Sorts the rows by arrival; rows of one instant keep their order.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.arrivals_us.len()).collect();
        order.sort_by_key(|&row| self.arrivals_us[row]);
        self.arrivals_us = order.iter().map(|&row| self.arrivals_us[row]).collect();
        let columns = [&mut self.counts, &mut self.cpu, &mut self.memory, &mut self.gpus];
        for values in columns.into_iter().flatten() {
            *values = order.iter().map(|&row| values[row]).collect();
        }
        if let Some(values) = &mut self.durations {
            *values = order.iter().map(|&row| values[row]).collect();
        }
        self.file_rows = order.iter().map(|&row| row as u32 + 1).collect();
    }

    /// Fills in what the scenario gives for all rows alike.
    fn into_trace(self, job: &View<'_>) -> JobTrace {
        let cpu = job.find::<CpuUnits>("cpu").map(|cpu| Series::Same(cpu.0));
        let memory = job.find::<Mib>("memory").map(|memory| Series::Same(memory.0));
        let duration = job.find::<Span>("duration");
        let duration = duration.map(|span| DurationSeries::Same(span.as_micros()));
        let same = |key: &str| Series::Same(job.get(key));
        JobTrace {
            arrivals_us: self.arrivals_us,
            task_counts: self.counts.map_or_else(|| same("count"), Series::Each),
            cpu_units: self.cpu.map(Series::Each).or(cpu),
            memory_mib: self.memory.map(Series::Each).or(memory),
            gpus: self.gpus.map_or_else(|| same("gpus"), Series::Each),
            durations_us: self.durations.map(DurationSeries::Each).or(duration),
            file_rows: self.file_rows,
        }
    }
}

/// Longest line of a CSV file; what has longer ones is no table, and would fill the memory.
const MAX_LINE: usize = 1 << 20;

/// Lets a file through as long as its lines are not endless.
struct LineGuard {
    file: Box<dyn Read>,
    length: usize,
}

impl Read for LineGuard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        match buffer[..count].iter().rposition(|&byte| byte == b'\n') {
            Some(at) => self.length = count - at,
            None => self.length += count,
        }
        if self.length > MAX_LINE {
            let message = format!("a line is longer than {} MiB", MAX_LINE >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}

/// Reads a file in which no line is longer than memory allows.
pub(super) fn guarded(file: Box<dyn Read>) -> impl Read {
    LineGuard { file, length: 0 }
}

/// A CSV file, row by row.
pub(super) struct Rows {
    reader: csv::Reader<BufReader<LineGuard>>,
    pub(super) name: Arc<str>,
    pub(super) header: Vec<String>,
    record: ByteRecord,
    pub(super) row: u64,
}

impl Rows {
    pub(super) fn open(files: &dyn Files, path: &Path) -> Result<Rows, Box<Problem>> {
        let file = files.open(path).map_err(|error| unreadable(path, Where::Run, &error))?;
        let file = BufReader::with_capacity(1 << 16, LineGuard { file, length: 0 });
        // Rows of another length are found by next(), which can say more than the reader.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let header: Vec<String> = match reader.byte_headers() {
            Ok(header) => header.iter().map(heading).collect(),
            Err(error) => return Err(Box::new(Problem::error(Where::Run, unread(path, &error)))),
        };
        if header.iter().all(String::is_empty) {
            let message = format!("`{}` has no header", path.display());
            let hint = "the first line names the columns, such as `arrival_s,cpu,memory`";
            return Err(Box::new(Problem::error(Where::Run, message).hint(hint)));
        }
        let is_split_by = |sign: char| matches!(header.as_slice(), [one] if one.contains(sign));
        for (sign, shown) in [(';', "`;`"), ('\t', "a tab")] {
            if is_split_by(sign) {
                let message = format!("the separator of `{}` is {shown}, not `,`", path.display());
                let hint = "save it with commas between its columns, and points in its numbers";
                return Err(Box::new(Problem::error(Where::Run, message).hint(hint)));
            }
        }
        let name = path.display().to_string().into();
        Ok(Rows { reader, name, header, record: ByteRecord::new(), row: 0 })
    }

    /// Finds the column with this heading.
    pub(super) fn column(&self, name: &str) -> Result<usize, Box<Problem>> {
        let mut found = (0..self.header.len()).filter(|&index| self.header[index] == name);
        let file = &self.name;
        let shown = shortened(name);
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => {
                let message = format!("`{file}` has the column `{shown}` more than once");
                Err(Box::new(Problem::error(Where::Run, message)))
            }
            (None, _) => {
                let message = format!("`{file}` has no column `{shown}`");
                let headings = self.header.iter().map(String::as_str);
                let hint = match did_you_mean(name, headings) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}", shortened(&self.header.join(", "))),
                };
                Err(Box::new(Problem::error(Where::Run, message).hint(hint)))
            }
        }
    }

    /// Goes to the next row; false at the end, where the bad rows not reported are counted.
    pub(super) fn next(&mut self, problems: &mut Vec<Problem>, bad_count: &mut usize) -> bool {
        loop {
            match self.reader.read_byte_record(&mut self.record) {
                Ok(false) => {
                    if let Some(more) = bad_count.checked_sub(MAX_BAD_ROWS).filter(|&n| n > 0) {
                        let rows = if more == 1 { "row" } else { "rows" };
                        let message = format!("{} more bad {rows}", number(more as u64));
                        problems.push(Problem::error(self.here(), message));
                    }
                    return false;
                }
                Ok(true) => self.row += 1,
                Err(error) => {
                    let at = Where::Line { file: self.name.clone(), line: 0 };
                    problems.push(Problem::error(at, format!("reading failed: {error}")));
                    *bad_count += 1;
                    return false;
                }
            }
            let (is, should) = (self.record.len(), self.header.len());
            if is == should {
                return true;
            }
            let message = format!("row {}: {is} cells, but the header has {should}", self.row);
            let hint = "a cell that holds a comma is written in quotes";
            let problem = Problem::error(self.here(), message).hint(hint);
            self.reject(vec![problem], problems, bad_count);
        }
    }

    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    pub(super) fn here(&self) -> Where {
        Where::Line { file: self.name.clone(), line: self.line() }
    }

    /// Says whether a cell of this row is empty.
    pub(super) fn is_empty(&self, column: usize) -> bool {
        self.record.get(column).unwrap_or(b"").trim_ascii().is_empty()
    }

    /// Reads one cell of this row; if it is wrong that is noted, and anything returned.
    #[inline]
    pub(super) fn cell<T: Default>(
        &self,
        column: usize,
        read: impl Fn(&[u8]) -> Result<T, Fault>,
        bad: &mut Vec<Problem>,
    ) -> T {
        let cell = self.record.get(column).unwrap_or(b"").trim_ascii();
        read(cell).unwrap_or_else(|Fault { fact, hint }| {
            let heading = shortened(&self.header[column]);
            let place = format!("row {}, column {}", self.row, column + 1);
            let (message, hint) = match cell {
                [] => (format!("{place}: `{heading}` is empty"), "each row must say it".into()),
                cell => {
                    let shown = shortened(&String::from_utf8_lossy(cell));
                    (format!("{place}: `{heading}` is {shown}, {fact}"), hint)
                }
            };
            bad.push(Problem::error(self.here(), message).hint(hint));
            T::default()
        })
    }

    /// Reports a bad row, or only counts it.
    pub(super) fn reject(
        &self,
        found: Vec<Problem>,
        problems: &mut Vec<Problem>,
        bad_count: &mut usize,
    ) {
        if *bad_count < MAX_BAD_ROWS {
            problems.extend(found);
        }
        *bad_count += 1;
    }
}

fn heading(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_start_matches('\u{feff}').trim().to_string()
}

fn unread(path: &Path, error: &csv::Error) -> String {
    format!("`{}` cannot be read: {error}", path.display())
}

/// Reads digits in front; nothing if there are none, or too many to be sure.
#[inline]
fn digits(cell: &[u8]) -> Option<(u64, usize)> {
    const SAFE: usize = 18;
    let mut value = 0;
    let mut count = 0;
    while count < cell.len() && cell[count].is_ascii_digit() {
        value = value * 10 + u64::from(cell[count] - b'0');
        count += 1;
        if count > SAFE {
            return None;
        }
    }
    (count > 0).then_some((value, count))
}

/// Reads when a row arrives; dates are not read.
fn seconds_since_start(cell: &[u8]) -> Result<u64, Fault> {
    micros(cell).map_err(|Fault { fact, .. }| Fault {
        fact,
        hint: "arrivals are seconds since the start of the run".to_string(),
    })
}

/// Reads a whole number, `4.0` is one; or any number of larger units, rounded to the model's.
fn whole(cell: &[u8], quantity: Quantity) -> Result<u32, Fault> {
    let Quantity { factor, least, most, hint } = quantity;
    let value = match digits(cell) {
        Some((value, count)) if count == cell.len() => value.saturating_mul(factor),
        Some(_) | None => {
            let (value, is_exact) = decimal(cell, factor)?;
            if !is_exact && factor == 1 {
                return fault("which is not whole", hint);
            }
            value
        }
    };
    if value < least {
        return fault("which is too small", hint);
    }
    match u32::try_from(value) {
        Ok(value) if u64::from(value) <= most => Ok(value),
        Ok(_) | Err(_) => {
            let most = number(most / factor);
            fault("which is too large", format!("the most is {most}"))
        }
    }
}

/// Reads seconds into microseconds, rounded.
fn micros(cell: &[u8]) -> Result<u64, Fault> {
    const MICROS: u64 = Span::SECOND.as_micros();
    let quick = digits(cell).filter(|&(seconds, _)| seconds <= MAX_SPAN_US / MICROS);
    let value = match quick {
        Some((seconds, count)) if count == cell.len() => seconds * MICROS,
        Some((seconds, count)) if cell[count] == b'.' && cell.len() - count <= 7 => {
            let part = &cell[count + 1..];
            match digits(part) {
                Some((value, length)) if length == part.len() => {
                    seconds * MICROS + value * 10u64.pow(6 - length as u32)
                }
                Some(_) | None => decimal(cell, MICROS)?.0,
            }
        }
        Some(_) | None => decimal(cell, MICROS)?.0,
    };
    if value > MAX_SPAN_US {
        return fault("which is more than a hundred years", "the column is in seconds");
    }
    Ok(value)
}

const PLAIN: &str = "write a plain number, such as 300 or 0.5, without a unit";

/// Reads any decimal number, times `factor`; the slow way that knows why not.
fn decimal(cell: &[u8], factor: u64) -> Result<(u64, bool), Fault> {
    let text = std::str::from_utf8(cell).unwrap_or("\u{fffd}");
    let bare = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if bare == "nan" || bare.starts_with("inf") {
        return fault("which is not a finite number", PLAIN);
    }
    let Some(decimal) = Decimal::parse(text) else { return fault("which is no number", PLAIN) };
    if decimal.is_negative() {
        return fault("which is negative", "the least is 0");
    }
    let value = decimal.times(u128::from(factor));
    let value = value.and_then(|(value, is_exact)| Some((u64::try_from(value).ok()?, is_exact)));
    value.map_or_else(|| fault("which is too large", PLAIN), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::InMemory;
    use crate::scenario::{Problems, load};

    fn read(job: &str, csv: &str) -> Result<(JobTrace, String), String> {
        let text = format!("{job}\n");
        let files = InMemory::new(&[("a.toml", &text), ("t.csv", csv)]);
        let document = load(&files, Path::new("a.toml"), &[]);
        let mut document = document.map_err(|problems| problems.to_lines())?;
        let mut found = Vec::new();
        let root = document.root();
        let job = root.entry("job", "j").unwrap();
        let limits = (&root.table("limits"), &mut Bytes(0));
        let trace = read_trace(&files, &job, limits, &mut found);
        document.problems.extend(found);
        let lines = document.problems.to_lines();
        trace.map(|trace| (trace, lines.clone())).ok_or(lines)
    }

    const JOB: &str = "[job.j]\ntrace = \"t.csv\"\n";
    const ALL: &str = "columns = { count = \"n\", cpu = \"c\", memory = \"m\", gpus = \"g\", \
                       duration = \"d\" }";

    #[test]
    fn rows_become_columns_and_constants_fill_in() {
        let csv = "arrival_s,n,c,m,g,d,other\n0,1,256,512,0,1.5,x\n 2.000001 ,3,1024,6.0,1,1e3,\n";
        let (trace, lines) = read(&format!("{JOB}{ALL}"), csv).unwrap();
        assert_eq!(lines, "");
        assert_eq!(
            trace,
            JobTrace {
                arrivals_us: vec![0, 2_000_001],
                task_counts: Series::Each(vec![1, 3]),
                cpu_units: Some(Series::Each(vec![256, 1024])),
                memory_mib: Some(Series::Each(vec![512, 6])),
                gpus: Series::Each(vec![0, 1]),
                durations_us: Some(DurationSeries::Each(vec![1_500_000, 1_000_000_000])),
                file_rows: Vec::new(),
            }
        );
        let constants = "cpu = 512\nmemory = \"1 GB\"\nduration = \"5 min\"\ncount = 2\nrows = 1\n\
                         time_scale = 0.5\n";
        let (trace, _) = read(&format!("{JOB}{constants}"), "arrival_s\n3\n4\n").unwrap();
        assert_eq!(trace.arrivals_us, [1_500_000]);
        assert_eq!((trace.task_counts.at(0), trace.gpus.at(0)), (2, 0));
        assert_eq!(trace.memory_mib, Some(Series::Same(1024)));
        assert_eq!(trace.durations_us.unwrap().at(0), Span::MINUTE * 5);
    }

    #[test]
    fn bad_rows_are_named_by_line_row_and_column() {
        let csv = "arrival_s,n,c,m,g,d\n-1,1,1,6,0,1\n0,0,1,6,0,1\n0,1,1.5,6,0,1\n0,1,1,x,0,1\n\
                   0,1,1,5,0,nan\n0,1,1,1\n,1,1,6,0,1\n1e30,1,1,6,0,1\n\"0\n\",1,1,6,0,inf\n\
                   0,9999999,1,6,0,1\n";
        let lines = read(&format!("{JOB}{ALL}"), csv).unwrap_err();
        let arrivals = "hint: arrivals are seconds since the start of the run\n";
        let plain = "hint: write a plain number, such as 300 or 0.5, without a unit\n";
        assert_eq!(
            lines,
            format!(
                "t.csv:2: row 1, column 1: `arrival_s` is -1, which is negative\n{arrivals}\
                 t.csv:3: row 2, column 2: `n` is 0, which is too small\nhint: the least is 1\n\
                 t.csv:4: row 3, column 3: `c` is 1.5, which is not whole\n\
                 hint: the column is in CPU units, 1,024 to a vCPU; if it is in vCPUs, write \
                 `columns.cpu_unit = \"vCPU\"`\n\
                 t.csv:5: row 4, column 4: `m` is x, which is no number\n{plain}\
                 t.csv:6: row 5, column 4: `m` is 5, which is too small\n\
                 hint: the column is in MiB, and a container needs 6 at least; if it is in GiB, \
                 write `columns.memory_unit = \"GiB\"`\n\
                 t.csv:6: row 5, column 6: `d` is nan, which is not a finite number\n{plain}\
                 t.csv:7: row 6: 4 cells, but the header has 6\n\
                 hint: a cell that holds a comma is written in quotes\n\
                 t.csv:8: row 7, column 1: `arrival_s` is empty\nhint: each row must say it\n\
                 t.csv:9: row 8, column 1: `arrival_s` is 1e30, which is too large\n{arrivals}\
                 t.csv:10: row 9, column 6: `d` is inf, which is not a finite number\n{plain}\
                 t.csv:12: row 10, column 2: `n` is 9999999, which is too large\n\
                 hint: the most is 1,000,000\n"
            )
        );
    }

    #[test]
    fn cpu_and_memory_may_be_in_larger_units_and_small_numbers_of_units_are_doubted() {
        let columns = "columns = { cpu = \"c\", memory = \"m\"";
        let csv = "arrival_s,c,m\n0,0.5,1\n1,2,0.25\n2,0.3,0.0059\n";
        let units = format!("{columns}, cpu_unit = \"vCPU\", memory_unit = \"GiB\" }}");
        let (trace, lines) = read(&format!("{JOB}{units}"), csv).unwrap();
        assert_eq!(lines, "");
        assert_eq!(trace.cpu_units, Some(Series::Each(vec![512, 2048, 307])));
        assert_eq!(trace.memory_mib, Some(Series::Each(vec![1024, 256, 6])));
        let few = |csv: &str| read(&format!("{JOB}{columns} }}"), csv).unwrap().1;
        assert_eq!(
            few("arrival_s,c,m\n0,1,512\n1,127,512\n"),
            "a.toml:3:19: warning[W010]: job `j`: the most in the column `c` is 127 CPU units, \
             of which a vCPU has 1,024 and a task 128 at least\n\
             hint: if these are vCPUs, write `columns.cpu_unit = \"vCPU\"`\n"
        );
        assert_eq!(few("arrival_s,c,m\n0,1,512\n1,128,512\n"), "");
        assert_eq!(few("arrival_s,c,m\n0,0,512\n"), "");
        let lines = read(&format!("{JOB}{units}"), "arrival_s,c,m\n0,9000,0.001\n").unwrap_err();
        assert_eq!(
            lines,
            "t.csv:2: row 1, column 2: `c` is 9000, which is too large\nhint: the most is 4,096\n\
             t.csv:2: row 1, column 3: `m` is 0.001, which is too small\n\
             hint: a container needs 6 MiB at least\n"
        );
    }

    #[test]
    fn every_bad_cell_of_a_row_is_named_and_a_file_without_a_header_is_said_to_have_none() {
        let csv = "arrival_s,n,c,m,g,d\n-1,0,1,x,0,\n";
        let lines = read(&format!("{JOB}{ALL}"), csv).unwrap_err();
        let facts: Vec<&str> = lines.lines().filter(|line| !line.starts_with("hint")).collect();
        assert_eq!(
            facts,
            [
                "t.csv:2: row 1, column 1: `arrival_s` is -1, which is negative",
                "t.csv:2: row 1, column 2: `n` is 0, which is too small",
                "t.csv:2: row 1, column 4: `m` is x, which is no number",
                "t.csv:2: row 1, column 6: `d` is empty",
            ]
        );
        for empty in ["", "\n\n", "\u{feff}"] {
            let lines = read(JOB, empty).unwrap_err();
            assert_eq!(
                lines,
                "a.toml:2:9: job `j`: `t.csv` has no header\nhint: the first line names the \
                 columns, such as `arrival_s,cpu,memory`\n"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said_where_it_is_named() {
        let check = |job: &str, csv: &str, expected: &str| {
            assert_eq!(read(job, csv).unwrap_err(), expected);
        };
        check(
            &format!("{JOB}{ALL}"),
            "arrival,n,n,m,g,d\n1,1,1,1,1,1\n",
            "a.toml:3:1: job `j`: `t.csv` has no column `arrival_s`\n\
             hint: did you mean `arrival`?\n\
             a.toml:3:21: job `j`: `t.csv` has the column `n` more than once\n\
             a.toml:3:32: job `j`: `t.csv` has no column `c`\n\
             hint: it has arrival, n, n, m, g, d\n",
        );
        check(JOB, "arrival_s\n", "a.toml:2:9: job `j`: `t.csv` has no rows\n");
        check(
            "[job.j]\ntrace = \"u.csv\"\n",
            "",
            "a.toml:2:9: job `j`: there is no file `u.csv`\n\
             hint: a relative path starts from the folder of the file that names it\n",
        );
        check(
            &format!("{JOB}[limits]\ntrace_rows = 1\n"),
            "arrival_s\n1\n2\n",
            "t.csv:3: more than 1 row\n\
             hint: raise `limits.trace_rows`, or read fewer with the job's `rows`\n",
        );
        check(
            &format!("{JOB}[limits]\ntrace_memory = \"32 B\"\n"),
            "arrival_s\n1\n2\n3\n",
            "t.csv:4: more than 2 rows\nhint: that is all that fits `limits.trace_memory` (32 B): \
             raise it, or set `rows`\n",
        );
        let bad = "arrival_s\n".to_string() + &"x\n".repeat(1000);
        let lines = read(JOB, &bad).unwrap_err();
        assert!(lines.ends_with("901 more bad rows\n"), "{lines}");
        assert_eq!(lines.lines().filter(|line| !line.starts_with("hint")).count(), 100);
    }

    #[test]
    fn rows_out_of_order_are_sorted_with_a_warning_and_ties_keep_their_order() {
        let job = format!("{JOB}columns.count = \"n\"");
        let (trace, lines) = read(&job, "arrival_s,n\n5,1\n3,2\n5,3\n3,4\n").unwrap();
        assert_eq!(trace.arrivals_us, [3_000_000, 3_000_000, 5_000_000, 5_000_000]);
        assert_eq!(trace.file_rows, [2, 4, 1, 3]);
        assert_eq!(trace.task_counts, Series::Each(vec![2, 4, 1, 3]));
        assert_eq!(
            lines,
            "t.csv:3: warning[W008]: rows are not in order of arrival; they are sorted\n\
             hint: sort the file, if the order matters\n"
        );
    }

    #[test]
    fn quick_reading_of_seconds_agrees_with_the_exact_one() {
        for text in [
            "0",
            "1",
            "000012",
            "86400",
            "3162240000",
            "1.5",
            "0.000001",
            "12.345678",
            "1.0000005",
            "7.",
            "1.2345678",
            "99999999999",
            "999999999999999999",
            "1_0",
            "+3",
            "1.5x",
            ".5",
            "1e3",
        ] {
            let exact = decimal(text.as_bytes(), 1_000_000).map(|(value, _)| value);
            let exact = exact.ok().filter(|value| *value <= MAX_SPAN_US);
            assert_eq!(micros(text.as_bytes()).ok(), exact, "{text}");
        }
    }

    #[test]
    fn durations_of_a_column_are_read_for_a_distribution() {
        let files = InMemory::new(&[("d.csv", "a,duration_s\n1,2.5\n1,3\n"), ("e.csv", "a\n")]);
        let named = Problem::error(Where::Run, "").about("behaviour `web`");
        let mut found = Vec::new();
        let read = read_durations(&files, Path::new("d.csv"), "duration_s", &named, &mut found);
        assert_eq!(read, Some(vec![Span::millis(2500), Span::secs(3)]));
        assert_eq!(read_durations(&files, Path::new("d.csv"), "x", &named, &mut found), None);
        assert_eq!(read_durations(&files, Path::new("e.csv"), "a", &named, &mut found), None);
        let mut problems = Problems::new();
        problems.extend(found);
        assert_eq!(
            problems.to_lines(),
            "behaviour `web`: `d.csv` has no column `x`\nhint: it has a, duration_s\n\
             behaviour `web`: `e.csv` has no rows\n"
        );
    }
}
