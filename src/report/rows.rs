//! Rows of tasks, instances and events as CSV, written while a run goes on.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;

use crate::ecs::capacity::group::PurchaseOption;
use crate::ecs::model::{InstanceLaunchType, Model};
use crate::ecs::{Owner, StopReason};
use crate::record::{
    EventRow, InstanceName, InstanceRow, RowSink, Speaker, TaskRow, sentence, task_id,
};
use crate::scenario::Record;
use crate::units::{SimTime, Span, TimeFormat};

/// The file of tasks.
pub(super) const TASKS: &str = "tasks.csv";
/// The file of container instances.
pub(super) const INSTANCES: &str = "instances.csv";
/// The file of events.
pub(super) const EVENTS: &str = "events.csv";

const TASK_COLUMNS: &str = "task,task_id,owner_kind,owner,slot,row,ordinal,task_definition,\
    capacity_provider,container_instance,availability_zone,cpu_units,memory_mib,gpus,last_status,\
    wanted_at,created_at,pull_started_at,pull_stopped_at,started_at,healthy_at,stop_requested_at,\
    stopping_at,execution_stopped_at,stopped_at,stop_code,stopped_reason,exit_code\n";
const INSTANCE_COLUMNS: &str = "container_instance,container_instances,cluster,launch_type,\
    purchase_option,instance_type,availability_zone,registered_cpu_units,registered_memory_mib,\
    registered_gpus,launched_at,registered_at,until,state,tasks,occupied_s,reserved_cpu_share,\
    reserved_memory_share\n";
const EVENT_COLUMNS: &str = "seconds,time,speaker_kind,speaker,message\n";

/// Bytes gathered before they are handed to the file.
const BUFFER_BYTES: usize = 1 << 17;

/// Writes a row for each task, instance and event as it comes.
///
/// Times are in seconds since the run began, to the microsecond; empty: it has not happened. A
/// table ends at the first error, which [`finish`](CsvSink::finish) tells.
///
/// - `tasks.csv`: a row a task, in order of stopping, then those alive at the end. `task` is its
///   number in order of creation; `task_id` is what the events of a service call it, empty for
///   others. Of a service's task there is its `slot`, of another its `row` of the trace (or the
///   number of the firing) and its `ordinal` in that, all counted from 0. `cpu_units`, `memory_mib`
///   and `gpus` are what it reserves, on Fargate its size. `wanted_at` is when its submission
///   arrived or its service first wanted it; the other times are AWS's.
/// - `instances.csv`: a row a container instance; `occupied_s` is how long there was at least one
///   task on it that is not a daemon's, and the shares are means from `registered_at` to `until`.
/// - `events.csv`: what services and submitters said, in ECS's words; `time` is civil time.
#[derive(Debug)]
pub struct CsvSink<W = File> {
    tasks: Option<Rows<W>>,
    instances: Rows<W>,
    events: Option<Rows<W>>,
}

impl<W: Write> CsvSink<W> {
    /// Makes a sink that writes what `record` asks for into files that `create` makes by name.
    ///
    /// # Errors
    /// That of `create`.
    pub fn new<E>(
        record: Record,
        mut create: impl FnMut(&'static str) -> Result<W, E>,
    ) -> Result<CsvSink<W>, E> {
        let mut rows = |name, columns| Ok(Rows::new(name, create(name)?, columns));
        Ok(CsvSink {
            tasks: if record.task_log { Some(rows(TASKS, TASK_COLUMNS)?) } else { None },
            instances: rows(INSTANCES, INSTANCE_COLUMNS)?,
            events: if record.event_log { Some(rows(EVENTS, EVENT_COLUMNS)?) } else { None },
        })
    }

    /// Writes what is left, and returns the names of the files.
    ///
    /// # Errors
    /// The first error of all the run, with the name of the file.
    pub fn finish(self) -> Result<Vec<&'static str>, (&'static str, io::Error)> {
        let all = [self.tasks, Some(self.instances), self.events];
        all.into_iter().flatten().map(Rows::finish).collect()
    }
}

impl<W: Write> RowSink for CsvSink<W> {
    fn task(&mut self, row: &TaskRow, model: &Model) {
        if let Some(rows) = &mut self.tasks {
            rows.row(|cells| task(cells, row, model));
        }
    }

    fn instance(&mut self, row: &InstanceRow, model: &Model) {
        self.instances.row(|cells| instance(cells, row, model));
    }

    fn event(&mut self, row: &EventRow, model: &Model) {
        if let Some(rows) = &mut self.events {
            rows.row(|cells| event(cells, row, model));
        }
    }
}

fn task(cells: &mut Cells, row: &TaskRow, model: &Model) {
    cells.number(row.number);
    match row.owner {
        Owner::Service { service, slot } => {
            cells.plain(&task_id(row.number));
            cells.plain("service");
            cells.text(&model.services[service].name);
            cells.number(slot.into());
            cells.skip(2);
        }
        Owner::Submission { submitter, row, ordinal } => {
            cells.skip(1);
            cells.submitter(&model.submitters[submitter].name);
            cells.skip(1);
            cells.number(model.submitters[submitter].source.row_number(row).into());
            cells.number(ordinal.into());
        }
    }
    cells.text(&model.task_definitions[row.task_definition].name);
    cells.plain(row.provider.word());
    match row.instance {
        Some(name) => cells.instance(name, model),
        None => cells.skip(1),
    }
    cells.text(row.zone.map_or("", |zone| &model.zones[zone].name));
    let reserved = model.requirements[row.requirement].resources;
    let (cpu_units, memory_mib) = match row.fargate {
        Some(size) => (size.cpu_units, size.memory_mib),
        None => (reserved.cpu_units, reserved.memory_mib),
    };
    cells.number(cpu_units.into());
    cells.number(memory_mib.into());
    cells.number(reserved.gpus.into());
    cells.plain(row.last_status.word());
    let times = &row.times;
    cells.time(times.wanted);
    cells.time(times.created);
    for at in [
        times.pull_started,
        times.pull_stopped,
        times.started,
        times.healthy,
        times.stop_requested,
        times.stopping,
        times.execution_stopped,
        row.stopped,
    ] {
        match at {
            Some(at) => cells.time(at),
            None => cells.skip(1),
        }
    }
    cells.plain(row.stop.map_or("", |stop| stop.code().word()));
    cells.text(row.stop.map_or("", StopReason::sentence));
    match row.exit_code {
        Some(code) => cells.plain(&code.to_string()),
        None => cells.skip(1),
    }
}

fn instance(cells: &mut Cells, row: &InstanceRow, model: &Model) {
    let class = &model.classes[row.name.class];
    let registered = class.registered;
    cells.instance(row.name, model);
    cells.text(&model.fleets[class.fleet].name);
    cells.text(&model.clusters[class.cluster].name);
    cells.plain(match class.launch_type {
        InstanceLaunchType::Ec2 => "EC2",
        InstanceLaunchType::External => "EXTERNAL",
    });
    cells.plain(match (class.launch_type, class.purchase_option()) {
        (InstanceLaunchType::External, _) => "",
        (InstanceLaunchType::Ec2, PurchaseOption::OnDemand) => "on_demand",
        (InstanceLaunchType::Ec2, PurchaseOption::Spot) => "spot",
    });
    cells.text(&class.instance_type);
    cells.text(&model.zones[class.zone].name);
    for amount in [registered.cpu_units, registered.memory_mib, registered.gpus] {
        cells.number(amount.into());
    }
    cells.time(row.launched_at);
    match row.registered_at {
        Some(at) => cells.time(at),
        None => cells.skip(1),
    }
    cells.time(row.until);
    cells.plain(if row.is_gone { "terminated" } else { "running" });
    cells.number(row.tasks);
    cells.seconds(row.occupied.as_micros());
    let watched = row.until.since(row.registered_at.unwrap_or(row.until));
    cells.share(row.reserved_cpu_unit_micros, registered.cpu_units, watched);
    cells.share(row.reserved_memory_mib_micros, registered.memory_mib, watched);
}

fn event(cells: &mut Cells, row: &EventRow, model: &Model) {
    cells.time(row.at);
    cells.plain(&model.calendar.format(row.at, TimeFormat::Iso8601));
    match row.speaker {
        Speaker::Service(service) => {
            cells.plain("service");
            cells.text(&model.services[service].name);
        }
        Speaker::Submitter(submitter) => cells.submitter(&model.submitters[submitter].name),
        Speaker::CapacityProvider(ix) => {
            cells.plain("capacity_provider");
            cells.text(&model.capacity_providers[ix].name);
        }
        Speaker::Fault(ix) => {
            cells.plain("fault");
            cells.text(&model.faults[ix].name);
        }
        Speaker::AutoScalingGroup(ix) => {
            cells.plain("auto_scaling_group");
            cells.text(&model.auto_scaling_groups[ix].name);
        }
        Speaker::Fallback(ix) => {
            cells.plain("fallback");
            cells.text(&model.fallbacks[ix].name);
        }
        Speaker::Fleet(ix) => {
            cells.plain(match model.fleets[ix].group {
                Some(_) => "auto_scaling_group",
                None => "container_instances",
            });
            cells.text(&model.fleets[ix].name);
        }
    }
    cells.text(&sentence(row, model));
}

/// A table under way.
#[derive(Debug)]
struct Rows<W> {
    name: &'static str,
    file: W,
    cells: Cells,
    /// The first that there was; nothing is written after it.
    error: Option<io::Error>,
}

impl<W: Write> Rows<W> {
    fn new(name: &'static str, file: W, columns: &str) -> Rows<W> {
        let mut cells = Cells::new(columns);
        cells.bytes.reserve(BUFFER_BYTES + 1024);
        Rows { name, file, cells, error: None }
    }

    fn row(&mut self, fill: impl FnOnce(&mut Cells)) {
        if self.error.is_some() {
            return;
        }
        fill(&mut self.cells);
        self.cells.end_row();
        if self.cells.bytes.len() >= BUFFER_BYTES {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        self.error = self.file.write_all(&self.cells.bytes).err();
        self.cells.bytes.clear();
    }

    fn finish(mut self) -> Result<&'static str, (&'static str, io::Error)> {
        if self.error.is_none() {
            self.write_out();
        }
        let error = self.error.or_else(|| self.file.flush().err());
        error.map_or(Ok(self.name), |error| Err((self.name, error)))
    }
}

/// Text of rows, cell by cell.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub bytes: Vec<u8>,
    /// The last instant of the row and where it is written: much happens to a task at once.
    last: Option<(SimTime, Range<usize>)>,
}

/// The two digits of each number below a hundred.
const DIGIT_PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

impl Cells {
    /// Makes cells that follow a row of names.
    pub fn new(columns: &str) -> Cells {
        Cells { bytes: columns.into(), last: None }
    }

    /// Leaves cells empty.
    pub fn skip(&mut self, count: usize) {
        self.bytes.extend(std::iter::repeat_n(b',', count));
    }

    /// Writes text that needs no quotes.
    pub fn plain(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b',');
    }

    /// Writes any text.
    pub fn text(&mut self, text: &str) {
        self.raw(text);
        self.bytes.push(b',');
    }

    pub fn number(&mut self, number: u64) {
        self.digits(number);
        self.bytes.push(b',');
    }

    /// Writes a number with as few digits as give the same number when read.
    pub fn float(&mut self, number: f64) {
        // A vector takes anything.
        let _ = write!(self.bytes, "{number},");
    }

    /// Writes an instant in seconds since the run began.
    pub fn time(&mut self, at: SimTime) {
        match &self.last {
            Some((last, place)) if *last == at => self.bytes.extend_from_within(place.clone()),
            Some(_) | None => {
                let begin = self.bytes.len();
                self.seconds(at.as_micros());
                self.last = Some((at, begin..self.bytes.len()));
            }
        }
    }

    /// Writes microseconds as seconds, exactly.
    fn seconds(&mut self, micros: u64) {
        self.digits(micros / 1_000_000);
        let fraction = (micros % 1_000_000) as usize;
        if fraction > 0 {
            self.bytes.push(b'.');
            for pair in [fraction / 10_000, fraction / 100 % 100, fraction % 100] {
                self.bytes.extend_from_slice(&DIGIT_PAIRS[pair]);
            }
            while self.bytes.last() == Some(&b'0') {
                self.bytes.pop();
            }
        }
        self.bytes.push(b',');
    }

    /// Writes which part of `registered` was reserved, of all the time there was.
    fn share(&mut self, unit_micros: u128, registered: u32, watched: Span) {
        let whole = u128::from(registered) * u128::from(watched.as_micros());
        match whole {
            0 => self.skip(1),
            whole => self.float(unit_micros as f64 / whole as f64),
        }
    }

    /// Writes kind and name of a submitter, whose name in the model is `job.batch`.
    fn submitter(&mut self, name: &str) {
        let (kind, name) = name.split_once('.').unwrap_or(("", name));
        self.text(kind);
        self.text(name);
    }

    fn instance(&mut self, name: InstanceName, model: &Model) {
        let fleet = &model.fleets[model.classes[name.class].fleet].name;
        if needs_quotes(fleet) {
            return self.text(&name.text(model));
        }
        self.bytes.extend_from_slice(fleet.as_bytes());
        self.bytes.push(b'-');
        self.number(name.number.into());
    }

    pub fn end_row(&mut self) {
        self.last = None;
        let last = self.bytes.pop();
        assert_eq!(last, Some(b','), "a row has at least one cell");
        self.bytes.push(b'\n');
    }

    fn raw(&mut self, text: &str) {
        if !needs_quotes(text) {
            return self.bytes.extend_from_slice(text.as_bytes());
        }
        self.bytes.push(b'"');
        for &byte in text.as_bytes() {
            if byte == b'"' {
                self.bytes.push(b'"');
            }
            self.bytes.push(byte);
        }
        self.bytes.push(b'"');
    }

    fn digits(&mut self, mut number: u64) {
        let mut digits = [0; 20]; // as many as the largest has
        let mut at = digits.len();
        while number >= 10 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&DIGIT_PAIRS[(number % 100) as usize]);
            number /= 100;
        }
        if number > 0 || at == digits.len() {
            at -= 1;
            digits[at] = b'0' + number as u8;
        }
        self.bytes.extend_from_slice(&digits[at..]);
    }
}

/// Says whether a cell must stand in quotes. Source: RFC 4180, section 2.
fn needs_quotes(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, Seed};
    use rand::Rng;

    /// Writes the cells of one row and reads them back with another program's reader.
    fn read_back(fill: impl FnOnce(&mut Cells)) -> Vec<String> {
        let mut cells = Cells::default();
        fill(&mut cells);
        cells.end_row();
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(cells.bytes.as_slice());
        let mut rows = reader.records();
        let row = rows.next().unwrap().unwrap();
        assert!(rows.next().is_none(), "one row was written, not more");
        row.iter().map(str::to_string).collect()
    }

    #[test]
    fn any_name_is_read_back_as_it_was() {
        let names = ["web", "a,b", "say \"hi\"", "\"", "", "two\nlines", "\r", " blanks ", "naïve"];
        let written = read_back(|cells| names.iter().for_each(|name| cells.text(name)));
        assert_eq!(written, names);
        for name in names.iter().filter(|name| !name.is_empty()) {
            // Quotes stand where the csv crate puts them, and nowhere else.
            let mut cells = Cells::default();
            cells.text(name);
            cells.text("x");
            cells.end_row();
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record([name, "x"]).unwrap();
            assert_eq!(cells.bytes, writer.into_inner().unwrap(), "{name:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        let mut stream = Seed { master: 5, replication: 0 }.luck("n").stream(Purpose::new("n"));
        let powers = (0..20).flat_map(|n| [10u64.pow(n) - 1, 10u64.pow(n), 10u64.pow(n) + 1]);
        let random = (0..2000).map(|n| stream.next_u64() >> (n % 64));
        for number in powers.chain(random).chain([u64::MAX - 1]) {
            let at = SimTime::from_micros(number);
            let written = read_back(|cells| {
                cells.number(number);
                [at, at, SimTime::ZERO, at].into_iter().for_each(|at| cells.time(at));
            });
            let exact = format!("{}.{:06}", number / 1_000_000, number % 1_000_000);
            let exact = exact.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(written, [&number.to_string(), exact, exact, "0", exact]);
        }
    }

    #[test]
    fn parts_of_the_time_are_shares() {
        let hour = Span::HOUR.as_micros();
        let share = |of: u32, watched: Span| {
            read_back(|cells| {
                cells.number(1);
                cells.share(u128::from(512 * hour), of, watched);
            })
        };
        assert_eq!(share(1024, Span::HOUR)[1], "0.5");
        assert_eq!(share(2048, Span::HOUR * 2)[1], "0.125");
        assert_eq!(share(0, Span::HOUR)[1], "");
        assert_eq!(share(1024, Span::ZERO)[1], "");
    }

    /// A disk with room for so many bytes.
    struct Small(usize);

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        for (room, is_full) in [(0, true), (BUFFER_BYTES, true), (3 * BUFFER_BYTES, false)] {
            let mut rows = Rows::new(TASKS, Small(room), TASK_COLUMNS);
            for number in 0..2 * BUFFER_BYTES as u64 / 8 {
                rows.row(|cells| cells.number(number + 1_000_000));
            }
            assert!(
                rows.cells.bytes.len() < 2 * BUFFER_BYTES,
                "what cannot be written is not kept"
            );
            match rows.finish() {
                Ok(name) => assert!(!is_full && name == TASKS),
                Err((name, error)) => {
                    assert!(is_full && name == TASKS);
                    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                }
            }
        }
    }
}
