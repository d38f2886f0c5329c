//! The files of a result that are written when the run is over: series, bill, summary, manifest.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::billing::{Bill, CommitmentKind, Holder, Payer};
use crate::catalogue::{
    CHARGES_AS_OF, FARGATE_AS_OF, FARGATE_SPOT_AS_OF, ON_DEMAND_AS_OF, RESERVED_AS_OF, SPOT_AS_OF,
};
use crate::ecs::Model;
use crate::engine::Seed;
use crate::record::{Recording, Series};
use crate::scenario::Scenario;
use crate::study::{Measure, Outcome, Verdict};
use crate::units::{Calendar, Money, SimTime, Span, TimeFormat};

use super::directory::PROGRAM;
use super::rows::Cells;

/// The file of series.
pub(super) const TIMESERIES: &str = "timeseries.csv";
/// The file of bill lines.
pub(super) const COST: &str = "cost.csv";
/// The file of what Savings Plans would cost.
pub(super) const COMMITMENTS: &str = "commitments.csv";
/// The file of measures.
pub(super) const SUMMARY: &str = "summary.json";

/// The version of `summary.json` and `manifest.json`; it changes when a key changes its meaning.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// A run with all that was made of it.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// What was run.
    pub scenario: &'a Scenario,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// Its measures.
    pub measures: &'a [Measure],
    /// Its objectives.
    pub verdicts: &'a [Verdict],
}

/// How a run was asked for, as far as it decides the result.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The scenario's file; only its name is kept, so that results do not depend on where it is.
    pub scenario: &'a Path,
    /// What was changed, as `path=value`, seed and duration among them.
    pub set: &'a [String],
    /// What was changed for a second run on the same luck.
    pub what_if: &'a [String],
}

/// Writes `timeseries.csv`: tidy and long, a row for each bucket of each series.
///
/// A bucket begins at `seconds` since the run began, which is `time` on the scenario's clocks, and
/// lasts until the next row of its series; `mean` is weighted by time. A thing of which all series
/// were always zero, such as a cluster that nothing uses, is left out.
pub(super) fn timeseries(recording: &Recording, model: &Model) -> Vec<u8> {
    let mut cells = Cells::new("seconds,time,scope,name,metric,unit,mean,min,max\n");
    let mut starts = Starts::default();
    let all = recording.series.chunk_by(|a, b| a.scope == b.scope);
    let ever_was = |series: &&[Series]| {
        series.iter().any(|series| series.buckets.iter().any(|bucket| bucket.max > 0))
    };
    for series in all.filter(ever_was).flatten() {
        starts.extend(series.width, series.buckets.len(), &model.calendar);
        let name = series.scope.name(model);
        for (bucket, start) in series.buckets.iter().zip(&starts.texts) {
            cells.bytes.extend_from_slice(start.as_bytes());
            cells.plain(series.scope.kind());
            cells.text(&name);
            cells.plain(series.metric.name());
            cells.plain(series.metric.unit());
            match series.metric.parts() {
                1 => {
                    cells.float(bucket.mean());
                    cells.number(bucket.min);
                    cells.number(bucket.max);
                }
                parts => {
                    let units = |level: f64| level / parts as f64;
                    cells.float(units(bucket.mean()));
                    cells.float(units(bucket.min as f64));
                    cells.float(units(bucket.max as f64));
                }
            }
            cells.end_row();
        }
    }
    cells.bytes
}

/// When buckets of one width begin, as two cells: civil time is slow to write, and series share it.
#[derive(Default)]
struct Starts {
    width: Span,
    texts: Vec<String>,
}

impl Starts {
    fn extend(&mut self, width: Span, count: usize, calendar: &Calendar) {
        if self.width != width {
            *self = Starts { width, texts: Vec::new() };
        }
        for n in self.texts.len()..count {
            let at = SimTime::ZERO + width * n as u64;
            let civil = calendar.format(at, TimeFormat::Iso8601);
            self.texts.push(format!("{},{civil},", at.as_secs_f64()));
        }
    }
}

/// Writes `cost.csv`: a row for each line of the bill; `amount_usd` adds up to the total.
///
/// `holder_kind` is `shared` for what several pay together, such as instances; who had how much of
/// those is in `summary.json`, `bill.by_owner`. Prices and amounts are exact, to the nano-dollar.
/// `assumed` says that the price is not known and why is in `note`.
pub(super) fn cost(bill: &Bill, model: &Model) -> Vec<u8> {
    let columns = "holder_kind,holder,category,item,container_instances,instance_type,\
                   availability_zone,quantity,unit,unit_price_usd,amount_usd,assumed,note\n";
    let mut cells = Cells::new(columns);
    for line in &bill.lines {
        let owner = owner(line.holder, model);
        let (kind, name) = owner.split_once('.').unwrap_or((owner.as_str(), ""));
        cells.plain(kind);
        cells.text(name);
        cells.plain(line.category.name());
        cells.text(&line.item);
        match line.class.map(|class| &model.classes[class]) {
            Some(class) => {
                cells.text(&model.fleets[class.fleet].name);
                cells.text(&class.instance_type);
            }
            None => cells.skip(2),
        }
        cells.text(line.zone.map_or("", |zone| &model.zones[zone].name));
        cells.float(line.quantity);
        cells.text(&line.unit);
        cells.plain(&dollars(line.rate.nanos.into()));
        cells.plain(&dollars(line.amount.as_nanos()));
        cells.plain(if line.rate.assumed { "true" } else { "false" });
        cells.text(&line.rate.note);
        cells.end_row();
    }
    cells.bytes
}

/// Writes `commitments.csv`: a row for each plan that could be had and each commitment tried.
///
/// Amounts are exact, to the nano-dollar; `None`: there is nothing that a plan could cover.
pub(super) fn commitments(bill: &Bill) -> Option<Vec<u8>> {
    if bill.curves.is_empty() {
        return None;
    }
    let columns = "type,instance_family,term,commitment_usd_per_hour,cost_usd,fee_usd,covered_usd,\
                   unused_usd,least\n";
    let mut cells = Cells::new(columns);
    for curve in &bill.curves {
        for point in &curve.points {
            cells.plain(match curve.kind {
                CommitmentKind::ComputePlan => "compute",
                CommitmentKind::Ec2InstancePlan => "ec2_instance",
                CommitmentKind::Reservation => "reservation",
            });
            cells.text(curve.instance_family.as_deref().unwrap_or_default());
            cells.plain(&format!("{} y", curve.years));
            cells.plain(&dollars(point.per_hour.as_nanos_per_hour().into()));
            for amount in [point.cost, point.fee, point.covered, point.unused] {
                cells.plain(&dollars(amount.as_nanos()));
            }
            cells.plain(if *point == curve.least { "true" } else { "false" });
            cells.end_row();
        }
    }
    Some(cells.bytes)
}

/// Writes nano-dollars as dollars, exactly.
fn dollars(nanos: i128) -> String {
    const NANOS: u128 = 1_000_000_000;
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let text = format!("{sign}{}.{:09}", nanos / NANOS, nanos % NANOS);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Names who pays: `service.web`, `job.batch`, `idle`, `shared`.
fn owner(holder: Holder, model: &Model) -> String {
    match holder {
        Holder::Payer(Payer::Service(service)) => {
            format!("service.{}", model.services[service].name)
        }
        Holder::Payer(Payer::Submitter(submitter)) => model.submitters[submitter].name.clone(),
        Holder::Idle => "idle".to_string(),
        Holder::Shared => "shared".to_string(),
    }
}

/// Pairs that become an object in their own order.
pub(super) struct Object<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// A run in figures.
#[derive(Serialize)]
pub(super) struct SummaryFile<'a> {
    schema_version: u32,
    name: &'a str,
    region: &'a str,
    seed: SeedEntry,
    window: WindowEntry<'a>,
    /// Why the run is not complete.
    partial: Option<&'a str>,
    objectives: Vec<ObjectiveEntry<'a>>,
    measures: Object<Value>,
    bill: BillEntry<'a>,
}

#[derive(Serialize)]
struct SeedEntry {
    master: u64,
    replication: u64,
}

/// What the measures are about.
#[derive(Serialize)]
struct WindowEntry<'a> {
    from: String,
    to: String,
    time_zone: &'a str,
    from_s: f64,
    to_s: f64,
    warmed_up: bool,
}

#[derive(Serialize)]
struct ObjectiveEntry<'a> {
    measure: &'a str,
    bound: &'a str,
    /// Nothing if it could not be measured.
    met: Option<bool>,
    /// Nothing if the result has no such measure.
    #[serde(flatten)]
    value: Option<Value>,
}

#[derive(Serialize)]
struct Value {
    value: f64,
    unit: &'static str,
}

/// What the whole run cost, in US dollars.
#[derive(Serialize)]
struct BillEntry<'a> {
    currency: &'static str,
    span_s: f64,
    total: f64,
    per_month_of_730_h: f64,
    /// Of the total, what rests on prices that are assumed.
    assumed: f64,
    by_category: Object<f64>,
    by_owner: Object<f64>,
    by_instance_type: Object<f64>,
    by_availability_zone: Object<f64>,
    ec2: Ec2Entry,
    not_modelled: &'a [String],
}

/// What became of the money for EC2 instances, their volumes and addresses.
#[derive(Serialize)]
struct Ec2Entry {
    total: f64,
    reserved: f64,
    /// Of `reserved`, by tasks that say what they use.
    reserved_usage_given: f64,
    /// What those really used; it may exceed what they reserved.
    used: Option<f64>,
    free: f64,
    stranded: f64,
}

impl From<Seed> for SeedEntry {
    fn from(seed: Seed) -> SeedEntry {
        SeedEntry { master: seed.master, replication: seed.replication }
    }
}

fn sums<K>(sums: Vec<(K, Money)>, name: impl Fn(K) -> String) -> Object<f64> {
    Object(sums.into_iter().map(|(key, sum)| (name(key), sum.as_dollars_f64())).collect())
}

impl BillEntry<'_> {
    fn new<'a>(bill: &'a Bill, model: &Model) -> BillEntry<'a> {
        let mut by_type: BTreeMap<&str, Money> = BTreeMap::new();
        for (class, sum) in bill.by_class() {
            let name = class.map_or("(none)", |class| &model.classes[class].instance_type);
            *by_type.entry(name).or_default() += sum;
        }
        let zone = |zone: Option<_>| {
            zone.map_or("(none)".to_string(), |zone| model.zones[zone].name.clone())
        };
        let ec2 = &bill.ec2;
        BillEntry {
            currency: "USD",
            span_s: bill.span.as_secs_f64(),
            total: bill.total().as_dollars_f64(),
            per_month_of_730_h: bill.over(bill.total(), Span::HOUR * 730).as_dollars_f64(),
            assumed: bill.assumed().map(|line| line.amount).sum::<Money>().as_dollars_f64(),
            by_category: sums(bill.by_category(), |category| category.name().to_string()),
            by_owner: sums(bill.by_holder(), |holder| owner(holder, model)),
            by_instance_type: sums(by_type.into_iter().collect(), str::to_string),
            by_availability_zone: sums(bill.by_zone(), zone),
            ec2: Ec2Entry {
                total: ec2.total.as_dollars_f64(),
                reserved: ec2.reserved.as_dollars_f64(),
                reserved_usage_given: ec2.reserved_usage_given.as_dollars_f64(),
                used: ec2.used.map(Money::as_dollars_f64),
                free: ec2.free.as_dollars_f64(),
                stranded: ec2.stranded.as_dollars_f64(),
            },
            not_modelled: &bill.not_modelled,
        }
    }
}

impl<'a> SummaryFile<'a> {
    pub fn new(finished: &Finished<'a>) -> SummaryFile<'a> {
        let Finished { scenario, outcome, measures, verdicts } = *finished;
        let (model, recording) = (&*scenario.model, &outcome.recording);
        let value = |(value, unit): (f64, crate::study::Unit)| Value { value, unit: unit.name() };
        let civil = |at| model.calendar.format(at, TimeFormat::Iso8601);
        let window = recording.window;
        SummaryFile {
            schema_version: SCHEMA_VERSION,
            name: &scenario.name,
            region: &scenario.region,
            seed: outcome.seed.into(),
            window: WindowEntry {
                from: civil(window.from),
                to: civil(window.to),
                time_zone: model.calendar.time_zone(),
                from_s: window.from.as_secs_f64(),
                to_s: window.to.as_secs_f64(),
                warmed_up: window.warmed_up,
            },
            partial: recording.partial.as_deref(),
            objectives: verdicts
                .iter()
                .map(|verdict| ObjectiveEntry {
                    measure: &verdict.objective.measure,
                    bound: &verdict.objective.text,
                    met: verdict.is_met(),
                    value: verdict.value.map(value),
                })
                .collect(),
            measures: Object(
                measures
                    .iter()
                    .map(|measure| (measure.name.clone(), value((measure.value, measure.unit))))
                    .collect(),
            ),
            bill: BillEntry::new(&outcome.bill, model),
        }
    }
}

/// Writes the summary as one line of JSON, without the end of the line.
pub fn summary_line(finished: &Finished) -> String {
    serde_json::to_string(&SummaryFile::new(finished)).expect("text and numbers become JSON")
}

/// Writes `summary.json`.
pub(super) fn summary(finished: &Finished) -> String {
    pretty(&SummaryFile::new(finished))
}

/// Writes JSON for people, too.
pub(super) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("text and numbers become JSON") + "\n"
}

#[derive(Serialize)]
struct ManifestFile<'a> {
    schema_version: u32,
    program: &'static str,
    version: &'static str,
    scenario: &'a str,
    /// Of everything that decides the result, the seed apart.
    scenario_digest: String,
    seed: SeedEntry,
    /// What repeats the run, in the folder of the scenario.
    command: String,
    region: &'a str,
    start: String,
    time_zone: &'a str,
    duration_s: f64,
    /// Where it ended; before `duration_s` if it is partial.
    end_s: f64,
    partial: Option<&'a str>,
    events: u64,
    /// Of all facts and their times: equal for equal runs.
    fingerprint: Option<String>,
    prices_as_of: PriceDates,
    files: Vec<&'a str>,
}

#[derive(Serialize)]
struct PriceDates {
    ec2_on_demand: &'static str,
    ec2_spot: &'static str,
    reserved_instances: &'static str,
    fargate: &'static str,
    fargate_spot: &'static str,
    other_charges: &'static str,
}

/// Writes `manifest.json`: what the result is, and how to have it again.
pub(super) fn manifest(finished: &Finished, asked: &Asked, files: Vec<&str>) -> String {
    let Finished { scenario, outcome, .. } = *finished;
    let (calendar, recording) = (&scenario.model.calendar, &outcome.recording);
    pretty(&ManifestFile {
        schema_version: SCHEMA_VERSION,
        program: PROGRAM,
        version: env!("CARGO_PKG_VERSION"),
        scenario: &scenario.name,
        scenario_digest: format!("{:032x}", scenario.digest),
        seed: outcome.seed.into(),
        command: command(asked),
        region: &scenario.region,
        start: calendar.format(SimTime::ZERO, TimeFormat::Iso8601),
        time_zone: calendar.time_zone(),
        duration_s: scenario.model.duration.as_secs_f64(),
        end_s: recording.end.as_secs_f64(),
        partial: recording.partial.as_deref(),
        events: recording.events,
        fingerprint: recording.fingerprint.map(|it| it.to_string()),
        prices_as_of: PriceDates {
            ec2_on_demand: ON_DEMAND_AS_OF,
            ec2_spot: SPOT_AS_OF,
            reserved_instances: RESERVED_AS_OF,
            fargate: FARGATE_AS_OF,
            fargate_spot: FARGATE_SPOT_AS_OF,
            other_charges: CHARGES_AS_OF,
        },
        files,
    })
}

/// Returns the command that repeats a run.
fn command(asked: &Asked) -> String {
    let file = asked.scenario.file_name().unwrap_or_default().to_string_lossy();
    let mut command = format!("{PROGRAM} run {}", quoted(&file));
    for set in asked.set {
        command += &format!(" --set {}", quoted(set));
    }
    for change in asked.what_if {
        command += &format!(" --what-if {}", quoted(change));
    }
    command
}

/// Writes an argument as a shell reads it.
fn quoted(argument: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "._-+=/,:@%".contains(it);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        return argument.to_string();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nano_dollars_are_written_exactly() {
        let check = |nanos: i128, text: &str| assert_eq!(dollars(nanos), text);
        check(0, "0");
        check(1, "0.000000001");
        check(-1_500_000_000, "-1.5");
        check(96_000_000, "0.096");
        check(1_000_000_000_000_000_000_001, "1000000000000.000000001");
    }

    #[test]
    fn a_command_is_read_by_a_shell_as_it_was_given() {
        let set = ["seed=7".to_string(), "duration=7 d".to_string(), "name='it'".to_string()];
        let asked =
            Asked { scenario: Path::new("/some/me/my shop.toml"), set: &set, what_if: &set[..1] };
        let expected = [
            "ecsim run 'my shop.toml' --set seed=7 --set 'duration=7 d'",
            r" --set 'name='\''it'\''' --what-if seed=7",
        ]
        .concat();
        assert_eq!(command(&asked), expected);
    }
}
