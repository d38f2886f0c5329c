//! One screen for one run: objectives, services, jobs, capacity, money, what happened.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::billing::Ec2Split;
use crate::catalogue::Evidence;
use crate::catalogue::{FARGATE_AS_OF, FARGATE_SPOT_AS_OF, ON_DEMAND_AS_OF};
use crate::ecs::model::{Model, Provider};
use crate::record::{CapacitySummary, PerResource, Range, Ratio, UsageGiven};
use crate::scenario::Scenario;
use crate::study::{Outcome, Verdict};
use crate::units::{SimTime, Span, TimeFormat};

use super::happenings::Happenings;

/// Lines about what happened that a screen shows.
const SHOWN: usize = 5;

/// Writes the screen of a run.
pub fn screen(
    scenario: &Scenario,
    outcome: &Outcome,
    (verdicts, happenings): (&[Verdict], &Happenings),
) -> String {
    let mut screen = Screen { text: String::new(), scenario, outcome, model: &scenario.model };
    screen.heading();
    screen.objectives(verdicts);
    screen.services();
    screen.submitters();
    screen.capacity();
    screen.money();
    screen.happened(happenings);
    screen.assumed();
    screen.text
}

struct Screen<'a> {
    text: String,
    scenario: &'a Scenario,
    outcome: &'a Outcome,
    model: &'a Model,
}

/// A table without lines: the first column to the left, the others to the right.
fn table(rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    for mut row in rows {
        row.resize(width, String::new());
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        let side = if column.index == 0 { CellAlignment::Left } else { CellAlignment::Right };
        column.set_cell_alignment(side);
        column.set_padding((if column.index == 0 { 2 } else { 1 }, 1));
    }
    table.trim_fmt() + "\n"
}

fn words(row: &[&str]) -> Vec<String> {
    row.iter().map(ToString::to_string).collect()
}

/// Writes a whole number with its thousands apart.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(share: Option<f64>) -> String {
    match share {
        None => "–".to_string(),
        // Near all, the missing part is what matters.
        Some(share) if share > 0.99 && share < 1.0 => format!("{:.3} %", share * 100.0),
        Some(share) => format!("{:.0} %", share * 100.0),
    }
}

fn availability(share: Option<f64>) -> String {
    share.map_or("–".to_string(), |share| format!("{:.3} %", share * 100.0))
}

/// Writes least, mean and greatest; one number where they are the same.
fn range(range: &Range) -> String {
    if range.min == range.max {
        return number(range.min);
    }
    format!("{}–{} ({:.1})", number(range.min), number(range.max), range.mean)
}

fn short(span: Span) -> String {
    match span.as_secs_f64() {
        secs if secs < 10.0 => format!("{secs:.1} s"),
        secs if secs < 100.0 => format!("{secs:.0} s"),
        _ => Span::secs(span.as_secs_f64().round() as u64).to_string(),
    }
}

impl Screen<'_> {
    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn heading(&mut self) {
        let end = self.outcome.recording.end;
        let calendar = &self.model.calendar;
        let when = calendar.heading(SimTime::ZERO, end);
        let (name, region) = (&self.scenario.name, &self.scenario.region);
        let seed = self.outcome.seed.master;
        self.line(&format!("{name}   {region}   {when}   1 run, seed {seed}"));
        if let Some(reason) = &self.outcome.recording.partial {
            let at = calendar.format(end, TimeFormat::DateAndTime);
            self.line(&format!("PARTIAL: the run ends at {at}: {reason}"));
        }
        let launches = || self.model.launches.iter().flat_map(|(_, launch)| &launch.providers);
        let uses = |provider| launches().any(|item| item.provider == provider);
        let mut prices = Vec::new();
        if self
            .model
            .classes
            .iter()
            .any(|(_, class)| class.launch_type == crate::ecs::model::InstanceLaunchType::Ec2)
        {
            prices.push(format!("EC2 on demand {ON_DEMAND_AS_OF}"));
        }
        if uses(Provider::Fargate) {
            prices.push(format!("Fargate {FARGATE_AS_OF}"));
        }
        if uses(Provider::FargateSpot) {
            prices.push(format!("Fargate Spot {FARGATE_SPOT_AS_OF} (old)"));
        }
        let events = match self.outcome.recording.events {
            1 => "1 event".to_string(),
            events => format!("{} events", number(events)),
        };
        self.line(&format!("prices: {}   {events}", prices.join(", ")));
    }

    fn objectives(&mut self, verdicts: &[Verdict]) {
        if verdicts.is_empty() {
            return;
        }
        let missed = verdicts.iter().filter(|verdict| !verdict.is_met()).count();
        let count = if missed == 0 {
            "all met".to_string()
        } else {
            format!("{missed} of {} missed", verdicts.len())
        };
        self.line(&format!("\nOBJECTIVES   {count}"));
        let rows = verdicts
            .iter()
            .map(|verdict| {
                let word = if verdict.is_met() { "ok    " } else { "MISSED" };
                let value = match verdict.value {
                    Some((value, unit)) => unit.write(value),
                    None => "not measured".to_string(),
                };
                let name = &verdict.objective.measure;
                vec![format!("{word}  {name}"), value, verdict.objective.text.clone()]
            })
            .collect();
        self.text += &table(rows);
    }

    fn services(&mut self) {
        let summary = &self.outcome.recording.summary;
        if summary.services.is_empty() {
            return;
        }
        let mut rows = vec![words(&[
            "",
            "desired",
            "running",
            "healthy/",
            "started",
            "pending",
            "",
            "use/reserved",
            "$",
        ])];
        rows.push(words(&["", "", "", "desired", "", "p50", "p99", "cpu  mem", ""]));
        for (ix, service) in summary.services.iter() {
            let pending = &service.pending.total;
            let times = |span| if pending.count == 0 { "–".into() } else { short(span) };
            let cost = self.cost_of(&self.model.services[ix].name);
            let used = match service.usage_given {
                UsageGiven::Nothing => "not given".to_string(),
                UsageGiven::Partly | UsageGiven::Fully => {
                    let partly = service.usage_given == UsageGiven::Partly;
                    format!(
                        "{}{} {}",
                        if partly { "> " } else { "" },
                        percent(service.cpu_utilization),
                        percent(service.memory_utilization)
                    )
                }
            };
            rows.push(vec![
                self.model.services[ix].name.clone(),
                range(&service.desired),
                range(&service.running),
                availability(service.availability),
                number(service.started),
                times(pending.p50),
                times(pending.p99),
                used,
                cost,
            ]);
        }
        self.line("\nSERVICE");
        self.text += &table(rows);
    }

    fn cost_of(&self, name: &str) -> String {
        let holders = self.outcome.bill.by_holder();
        let found = holders.iter().find(|(holder, _)| holder.name(self.model) == name);
        found.map_or("–".to_string(), |(_, amount)| amount.to_string())
    }

    fn submitters(&mut self) {
        let summary = &self.outcome.recording.summary;
        if summary.submitters.is_empty() {
            return;
        }
        let mut rows = vec![words(&[
            "",
            "tasks",
            "launched",
            "waiting",
            "",
            "",
            "failed",
            "given",
            "unfinished",
            "makespan",
            "$",
        ])];
        rows.push(words(&["", "", "", "p50", "p95", "p99", "calls", "up", "", "", ""]));
        for (ix, it) in summary.submitters.iter() {
            let name = &self.model.submitters[ix].name;
            let times = |span| if it.waiting.count == 0 { "–".into() } else { short(span) };
            rows.push(vec![
                name.clone(),
                number(it.submitted),
                number(it.launched),
                times(it.waiting.p50),
                times(it.waiting.p95),
                times(it.waiting.p99),
                number(it.failed_calls),
                number(it.given_up),
                number(it.unfinished),
                it.makespan.map_or("–".to_string(), |span| span.to_string()),
                self.cost_of(name),
            ]);
        }
        self.line("\nRUNTASK");
        self.text += &table(rows);
    }

    fn capacity(&mut self) {
        let summary = &self.outcome.recording.summary;
        if summary.fleets.is_empty() {
            return;
        }
        let mut rows = vec![words(&[
            "",
            "instances",
            "reserved",
            "",
            "used",
            "",
            "stranded",
            "",
            "empty",
            "packing",
        ])];
        rows.push(words(&["", "", "cpu", "mem", "cpu", "mem", "cpu", "mem", "inst-h", ""]));
        for (ix, fleet) in summary.fleets.iter() {
            rows.push(capacity_row(self.model.fleets[ix].name.clone(), fleet));
        }
        let clusters = summary.clusters.iter().filter(|(_, it)| it.capacity.instances.max > 0);
        if summary.fleets.len() > 1 {
            for (ix, cluster) in clusters {
                let name = format!("cluster {}", self.model.clusters[ix].name);
                rows.push(capacity_row(name, &cluster.capacity));
            }
        }
        self.line("\nCAPACITY");
        self.text += &table(rows);
    }

    fn money(&mut self) {
        let bill = &self.outcome.bill;
        let total = bill.total();
        let month = bill.over(total, Span::HOUR * 730);
        let span = bill.span;
        self.line(&format!("\nMONEY   {total} in {span} = {month}/month (730 h)"));
        let by_category: Vec<String> = bill
            .by_category()
            .into_iter()
            .map(|(category, amount)| format!("{} {amount}", category.name()))
            .collect();
        self.wrapped("", &by_category);
        let by_holder: Vec<String> = bill
            .by_holder()
            .into_iter()
            .map(|(holder, amount)| format!("{} {amount}", holder.name(self.model)))
            .collect();
        if by_holder.len() > 1 {
            self.wrapped("by owner: ", &by_holder);
        }
        self.ec2_split(bill.ec2);
        self.wrapped("not modelled: ", &bill.not_modelled);
    }

    fn ec2_split(&mut self, split: Ec2Split) {
        if split.total.as_nanos() == 0 {
            return;
        }
        let used = split.used.map_or(String::new(), |used| format!(" (used {used})"));
        let line = format!(
            "  of EC2 {}: reserved by tasks {}{used}, free {}, stranded {}",
            split.total, split.reserved, split.free, split.stranded
        );
        self.line(&line);
    }

    /// Writes items after a title, at most 100 columns wide.
    fn wrapped(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let indent = " ".repeat(2 + title.chars().count());
        let mut line = format!("  {title}");
        let mut is_first = true;
        for item in items {
            let separator = if is_first { "" } else { ", " };
            if !is_first && line.chars().count() + item.chars().count() + 2 > 100 {
                self.line(&(line + ","));
                line = format!("{indent}{item}");
            } else {
                let _ = write!(line, "{separator}{item}");
            }
            is_first = false;
        }
        self.line(&line);
    }

    fn happened(&mut self, happenings: &Happenings) {
        let worst = happenings.worst();
        let count = worst.len();
        if count == 0 {
            return;
        }
        let shown =
            if count > SHOWN { format!(" ({SHOWN} worst of {count})") } else { String::new() };
        self.line(&format!("\nWHAT HAPPENED{shown}; all: events.csv"));
        for it in worst.take(SHOWN) {
            let calendar = &self.model.calendar;
            let first = calendar.format(it.first, TimeFormat::DayAndTime);
            let last = calendar.format(it.last, TimeFormat::DayAndTime);
            let times = if it.count == 1 {
                first
            } else {
                format!("{first} – {last}, {} times", number(it.count))
            };
            self.line(&format!("  {times}: {}", it.sentence));
        }
    }

    fn assumed(&mut self) {
        let filled = self.scenario.document.filled_in();
        let count = filled
            .iter()
            .filter(|it| it.place.is_none() && it.key.evidence == Some(Evidence::Assumed))
            .count();
        let lines = self.outcome.bill.assumed().count();
        let prices = match lines {
            0 => String::new(),
            1 => " and 1 price".to_string(),
            lines => format!(" and {lines} prices"),
        };
        self.line(&format!(
            "\nASSUMED: {count} defaults{prices}; `ecsim check` lists them with their sources"
        ));
    }
}

fn capacity_row(name: String, it: &CapacitySummary) -> Vec<String> {
    let mean = |of: &PerResource<Option<Ratio>>| {
        (of.cpu.map(|ratio| ratio.mean), of.memory.map(|ratio| ratio.mean))
    };
    let (reserved, used) = (mean(&it.reserved), mean(&it.used));
    vec![
        name,
        range(&it.instances),
        percent(reserved.0),
        percent(reserved.1),
        percent(used.0),
        percent(used.1),
        percent(it.stranded.cpu),
        percent(it.stranded.memory),
        format!("{:.0}", it.empty_instance_hours),
        percent(it.packing_efficiency),
    ]
}
