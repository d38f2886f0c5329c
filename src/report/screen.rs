//! One screen for one run: objectives, services, jobs, capacity, money, what happened.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::billing::{CommitmentKind, Ec2Split};
use crate::catalogue::Evidence;
use crate::catalogue::{FARGATE_AS_OF, FARGATE_SPOT_AS_OF, ON_DEMAND_AS_OF, SPOT_AS_OF};
use crate::ecs::StopCode;
use crate::ecs::model::{Model, Provider};
use crate::record::{CapacitySummary, Metric, PerResource, Range, Ratio, UsageGiven};
use crate::scenario::{Scenario, WarmUp};
use crate::study::{Outcome, Unit, Verdict, per_thousand};
use crate::units::{Money, SimTime, Span, TimeFormat};

use super::happenings::{Gathered, Happenings};
use super::words::{Dollars, alike, decimals, lines, measure, number, per_hour, percent, saved};

/// Lines about what happened that a screen shows.
const SHOWN: usize = 8;
/// Marks amounts that rest on prices which are not known.
const ASSUMED: &str = "†";
/// Columns of a screen, tables apart.
const WIDTH: usize = 100;

/// Writes the screen of a run.
pub fn screen(
    scenario: &Scenario,
    outcome: &Outcome,
    (verdicts, happenings): (&[Verdict], &Happenings),
) -> String {
    let amounts = Dollars::by(outcome.bill.total());
    let text = String::new();
    let mut screen = Screen { text, scenario, outcome, model: &scenario.model, amounts };
    screen.heading();
    screen.objectives(verdicts);
    screen.services();
    screen.requests();
    screen.submitters();
    screen.capacity();
    screen.cpu_credits();
    screen.managed_scaling();
    screen.group_scaling();
    screen.auto_scaling();
    screen.spot();
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
    /// All of its amounts are parts of one.
    amounts: Dollars,
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

/// Writes a share, if there is one.
fn share(share: Option<f64>) -> String {
    share.map_or("–".to_string(), |share| percent(share, 0))
}

/// Writes times of one kind alike; dashes if nobody had them.
fn times(count: u64, times: &[Span]) -> Vec<String> {
    let there = |time: &Span| (count > 0).then(|| time.as_secs_f64());
    alike(Unit::Seconds, &times.iter().map(there).collect::<Vec<_>>())
}

/// Writes the latency of requests, to three digits: `52.3 ms`, `1.25 s`, `2 min 30 s`.
fn latency(seconds: f64) -> String {
    let digits = |value: f64| match value {
        100.0.. => decimals(value, 0),
        10.0.. => decimals(value, 1),
        _ => decimals(value, 2),
    };
    match seconds {
        60.0.. => Span::secs(seconds.round() as u64).to_string(),
        1.0.. => format!("{} s", digits(seconds)),
        _ => format!("{} ms", digits(seconds * 1e3)),
    }
}

/// Writes least, mean and greatest; one number where they are the same.
fn range(range: &Range) -> String {
    if range.min == range.max {
        return number(range.min);
    }
    format!("{}–{} ({})", number(range.min), number(range.max), decimals(range.mean, 1))
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
        if let Some(left_out) = self.warm_up() {
            self.line(&left_out);
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
        if !self.model.spot_pools.is_empty() {
            prices.push(format!("EC2 Spot {SPOT_AS_OF} (old)"));
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

    /// Says what the warm-up leaves out, if there is one.
    fn warm_up(&self) -> Option<String> {
        let window = self.outcome.recording.window;
        match self.scenario.warm_up {
            WarmUp::For(span) if span.is_zero() => None,
            WarmUp::For(_) | WarmUp::Steady if window.warmed_up => {
                let at = self.model.calendar.format(window.from, TimeFormat::DateAndTime);
                Some(format!(
                    "warm-up until {at}: SERVICE, RUNTASK (makespan apart) and CAPACITY leave it \
                     out"
                ))
            }
            WarmUp::For(_) | WarmUp::Steady => {
                Some("warm-up: it did not end, and nothing is left out".to_string())
            }
        }
    }

    fn objectives(&mut self, verdicts: &[Verdict]) {
        if verdicts.is_empty() {
            return;
        }
        let missed = verdicts.iter().filter(|verdict| verdict.is_missed()).count();
        let met = verdicts.iter().filter(|verdict| verdict.is_met() == Some(true)).count();
        let count = match missed {
            0 if met == verdicts.len() => "all met".to_string(),
            0 => format!("{met} of {} met, none missed", verdicts.len()),
            missed => format!("{missed} of {} missed", verdicts.len()),
        };
        self.line(&format!("\nOBJECTIVES   {count}"));
        let rows = verdicts
            .iter()
            .map(|verdict| {
                let word = match verdict.is_met() {
                    Some(true) => "ok    ",
                    Some(false) => "MISSED",
                    None => "–     ",
                };
                let value = match verdict.value {
                    Some((value, Unit::Dollars)) => {
                        self.amounts.write(Money::from_dollars_f64(value))
                    }
                    Some((value, unit)) => measure(unit, value),
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
            "", "desired", "running", "healthy/", "started", "pending", "", "used/", "reserved",
            "$",
        ])];
        rows.push(words(&["", "", "", "desired", "", "p50", "p99", "cpu", "mem", ""]));
        for (ix, service) in summary.services.iter() {
            let pending = &service.pending.total;
            let times = times(pending.count, &[pending.p50, pending.p99]);
            let at_least = if service.usage_given == UsageGiven::Partly { ">" } else { "" };
            let used = |it: Option<f64>| match it {
                Some(it) => format!("{at_least}{}", percent(it, 0)),
                None => share(None),
            };
            let name = &self.model.services[ix].name;
            rows.push(vec![
                name.clone(),
                range(&service.desired),
                range(&service.running),
                service.availability.map_or(share(None), |it| percent(it, 3)),
                number(service.started),
                times[0].clone(),
                times[1].clone(),
                used(service.cpu_utilization),
                used(service.memory_utilization),
                self.cost_of(name),
            ]);
        }
        self.line("\nSERVICE");
        self.text += &table(rows);
    }

    /// What became of requests.
    fn requests(&mut self) {
        let summary = &self.outcome.recording.summary;
        let with = || summary.services.iter().filter_map(|(ix, it)| Some((ix, it.requests?)));
        if with().next().is_none() {
            return;
        }
        let heads = ["", "requests", "per second", "", "failed", "success", "latency", "", "$ per"];
        let mut rows = vec![words(&heads)];
        rows.push(words(&["", "", "mean", "most", "", "", "mean", "worst", "1,000"]));
        for (ix, it) in with() {
            let name = &self.model.services[ix].name;
            let worst = it.latency_mean.map(|_| it.latency_worst);
            let per_thousand = per_thousand(self.outcome, self.model, (ix, &it));
            let parts = Metric::RequestArrivals.parts() as f64;
            rows.push(vec![
                name.clone(),
                number(it.arrived.round() as u64),
                decimals(it.arrivals.mean / parts, 1),
                decimals(it.arrivals.max as f64 / parts, 1),
                number(it.failed().round() as u64),
                it.success().map_or(share(None), |it| percent(it, 3)),
                it.latency_mean.map_or(share(None), latency),
                worst.map_or(share(None), latency),
                per_thousand.map_or(share(None), |it| Dollars::by(it).write(it)),
            ]);
        }
        self.line("\nREQUESTS");
        self.text += &table(rows);
        let single = || with().filter_map(|(ix, it)| Some((ix, it.single?)));
        if single().next().is_none() {
            return;
        }
        let heads = ["", "latency", "", "", "", "timed", "tried", "given"];
        let mut rows = vec![words(&heads)];
        rows.push(words(&["", "p50", "p95", "p99", "p99.9", "out", "again", "up"]));
        for (ix, it) in single() {
            let mut row = vec![self.model.services[ix].name.clone()];
            let time = |it: Option<Span>| it.map(Span::as_secs_f64);
            row.extend(it.latency.map(|it| time(it).map_or(share(None), latency)));
            row.extend([it.timed_out, it.retried, it.gave_up].map(number));
            rows.push(row);
        }
        self.line("\nSINGLE REQUESTS");
        self.text += &table(rows);
    }

    fn cost_of(&self, name: &str) -> String {
        let holders = self.outcome.bill.by_holder();
        let found = holders.iter().find(|(holder, _)| holder.name(self.model) == name);
        found.map_or("–".to_string(), |(_, amount)| self.amounts.write(*amount))
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
            let waiting = &it.waiting;
            let times = times(waiting.count, &[waiting.p50, waiting.p95, waiting.p99]);
            rows.push(vec![
                name.clone(),
                number(it.submitted),
                number(it.launched),
                times[0].clone(),
                times[1].clone(),
                times[2].clone(),
                number(it.failed_calls),
                number(it.given_up),
                number(it.unfinished),
                alike(Unit::Seconds, &[it.makespan.map(Span::as_secs_f64)]).remove(0),
                self.cost_of(name),
            ]);
        }
        self.line("\nRUNTASK");
        self.text += &table(rows);
        let lost = summary.submitters.iter().filter(|(_, it)| it.lost_tasks > 0).map(|(ix, it)| {
            let (name, tasks) = (&self.model.submitters[ix].name, number(it.lost_tasks));
            let work = alike(Unit::Seconds, &[Some(it.lost_work.as_secs_f64())]).remove(0);
            format!("{name} {tasks} tasks that had run for {work} in all")
        });
        self.wrapped("lost with their capacity: ", &lost.collect::<Vec<_>>());
    }

    /// What became of interruptions, of groups that buy Spot capacity and of Fargate Spot.
    fn spot(&mut self) {
        let summary = &self.outcome.recording.summary;
        let mut rows = vec![words(&["", "recommended", "notices", "reclaimed", "tasks", ""])];
        rows.push(words(&["", "", "", "", "moved", "killed"]));
        for (ix, fleet) in self.model.fleets.iter() {
            let buys_spot = fleet.classes.iter().any(|&it| self.model.classes[it].spot.is_some());
            let it = &summary.launches[ix];
            if buys_spot {
                let counts = [it.recommendations, it.notices, it.interruptions];
                let counts = counts.into_iter().chain([it.moved_tasks, it.killed_tasks]);
                rows.push([fleet.name.clone()].into_iter().chain(counts.map(number)).collect());
            }
        }
        let interrupted = summary.tasks.stopped_by.get(&StopCode::SpotInterruption);
        if summary.providers[Provider::FargateSpot as usize].tasks.max > 0 {
            let interrupted = number(interrupted.copied().unwrap_or_default());
            let name = Provider::FargateSpot.word().to_string();
            rows.push([&[name], &words(&["–", &interrupted, "–", "–", &interrupted])[..]].concat());
        }
        if rows.len() > 2 {
            self.line("\nSPOT");
            self.text += &table(rows);
        }
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

    /// What came of CPU credits, where somebody was slowed or owes something.
    fn cpu_credits(&mut self) {
        let summary = &self.outcome.recording.summary.cpu_credits;
        let mut rows =
            vec![words(&["", "balance", "surplus", "charged", "owed at", "throttled", "not got"])];
        rows.push(words(&["", "", "", "", "the end", "inst-h", "vCPU-h"]));
        for (ix, it) in summary.iter() {
            let Some(it) = it.filter(|it| it.throttled_hours > 0.0 || it.surplus.max > 0) else {
                continue;
            };
            rows.push(vec![
                self.model.fleets[ix].name.clone(),
                range(&it.balance),
                range(&it.surplus),
                decimals(it.charged, 1),
                decimals(it.owed, 1),
                decimals(it.throttled_hours, 1),
                decimals(it.withheld_vcpu_hours, 1),
            ]);
        }
        if rows.len() > 2 {
            self.line("\nCPU CREDITS");
            self.text += &table(rows);
        }
    }

    fn managed_scaling(&mut self) {
        let summary = &self.outcome.recording.summary.capacity_providers;
        let scaled = |ix| self.model.capacity_providers[ix].managed_scaling.is_some();
        let heads = ["", "steps", "", "reservation", "", "waiting", "minutes at", "surplus"];
        let mut rows = vec![words(&[&heads[..], &["draining"]].concat())];
        let heads = ["", "out", "in", "mean", "max", "tasks", "maximum size", "inst-h", "inst-h"];
        rows.push(words(&heads));
        for (ix, it) in summary.iter().filter(|(ix, _)| scaled(*ix)) {
            let group = self.model.capacity_providers[ix].group;
            let fleet = self.model.auto_scaling_groups[group].fleet;
            let capacity = &self.outcome.recording.summary.fleets[fleet];
            rows.push(vec![
                self.model.capacity_providers[ix].name.clone(),
                number(it.scale_outs),
                number(it.scale_ins),
                percent(it.reservation.mean / 100.0, 0),
                percent(it.reservation.max as f64 / 100.0, 0),
                range(&it.waiting_tasks),
                number(it.minutes_at_maximum),
                decimals(it.surplus_instance_hours, 0),
                decimals(capacity.draining_instance_hours, 0),
            ]);
        }
        if rows.len() > 2 {
            self.line("\nMANAGED SCALING");
            self.text += &table(rows);
        }
    }

    /// What scaling policies of groups did, and what they did not.
    fn group_scaling(&mut self) {
        let summary = &self.outcome.recording.summary.group_scaling;
        let mut rows = vec![words(&["", "scaled", "", "held", "metric", "last"])];
        rows.push(words(&["", "out", "in", "", "", "value"]));
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for (ix, policies) in summary.iter() {
            let group = &self.model.auto_scaling_groups[ix];
            for (policy, it) in group.policies.iter().zip(policies) {
                rows.push(vec![
                    format!("{}.{}", group.name, policy.name),
                    number(it.scale_outs),
                    number(it.scale_ins),
                    number(it.held.values().sum::<u64>()),
                    policy.metric.name().to_string(),
                    it.last.map_or(share(None), |last| format!("{last} %")),
                ]);
                for (&why, count) in &it.held {
                    *reasons.entry(why).or_default() += count;
                }
            }
        }
        if rows.len() > 2 {
            self.line("\nGROUP SCALING");
            self.text += &table(rows);
            let reasons: Vec<String> =
                reasons.iter().map(|(why, count)| format!("{why} {}", number(*count))).collect();
            self.wrapped("held: ", &reasons);
        }
    }

    /// What Application Auto Scaling did with services, and what it did not.
    fn auto_scaling(&mut self) {
        let summary = &self.outcome.recording.summary.auto_scaling;
        let heads = ["", "scaled", "", "not", "time at", "", "flaps", "over-"];
        let mut rows = vec![words(&heads)];
        rows.push(words(&["", "out", "in", "scaled", "min", "max", "", "shoot"]));
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        let whole = self.outcome.recording.window;
        let whole = whole.to.since(whole.from).as_secs_f64();
        for (ix, it) in summary.iter() {
            let Some(it) = it else { continue };
            let part = |span: Span| match whole > 0.0 {
                true => percent(span.as_secs_f64() / whole, 0),
                false => share(None),
            };
            rows.push(vec![
                self.model.services[ix].name.clone(),
                number(it.scale_outs),
                number(it.scale_ins),
                number(it.not_scaled.values().sum::<u64>()),
                part(it.at_min_capacity),
                part(it.at_max_capacity),
                number(it.flaps),
                number(it.overshoot),
            ]);
            for (&code, count) in &it.not_scaled {
                *reasons.entry(code).or_default() += count;
            }
        }
        if rows.len() > 2 {
            self.line("\nSCALING");
            self.text += &table(rows);
            let reasons: Vec<String> =
                reasons.iter().map(|(code, count)| format!("{code} {}", number(*count))).collect();
            self.wrapped("not scaled: ", &reasons);
        }
    }

    fn money(&mut self) {
        let bill = &self.outcome.bill;
        let total = bill.total();
        let (amounts, length) = (self.amounts, bill.span);
        let month = amounts.write(bill.over(total, Span::HOUR * 730));
        let total = amounts.write(total);
        self.line(&format!("\nMONEY   {total} in {length} = {month}/month (730 h)"));
        let item = |name: &str, amount| format!("{name} {}", amounts.write(amount));
        let is_assumed = |category| {
            bill.assumed().any(|line| line.category == category && line.amount > Money::ZERO)
        };
        let by_category = bill.by_category().into_iter().map(|(category, amount)| {
            let mark = if is_assumed(category) { ASSUMED } else { "" };
            item(category.name(), amount) + mark
        });
        let by_category: Vec<String> = by_category.collect();
        self.wrapped("", &by_category);
        let by_holder = bill.by_holder().into_iter();
        let by_holder: Vec<String> =
            by_holder.map(|(holder, amount)| item(holder.name(self.model), amount)).collect();
        if by_holder.len() > 1 {
            self.wrapped("by owner: ", &by_holder);
        }
        if bill.ec2.total > Money::ZERO {
            self.text += &ec2_split(&bill.ec2, amounts);
        }
        self.commitments();
        self.wrapped("not modelled: ", &bill.not_modelled);
    }

    /// Says what became of commitments, and what one more would save.
    fn commitments(&mut self) {
        let (bill, amounts) = (&self.outcome.bill, self.amounts);
        let write = |amount| amounts.write(amount);
        let used = bill.commitments.iter().map(|it| {
            let (fee, covered) = (write(it.fee), write(it.covered));
            let unused = match it.unused {
                Money::ZERO => String::new(),
                unused => format!(", {} of it unused", write(unused)),
            };
            format!("{} {fee} for {covered} on demand{unused}", it.name)
        });
        self.wrapped("committed: ", &used.collect::<Vec<_>>());
        let compute = bill.curves.iter().filter(|it| it.kind == CommitmentKind::ComputePlan);
        let least = compute.filter(|it| it.least.cost < bill.total()).map(|it| {
            let (rate, cost) = (per_hour(it.least.per_hour), it.least.cost);
            let saved = saved(bill.total(), cost);
            format!("{} ({saved}) at {rate} for {} y", write(cost), it.years)
        });
        let least: Vec<String> = least.collect();
        let more = if bill.commitments.is_empty() { "a" } else { "one more" };
        self.wrapped(&format!("with {more} Compute Savings Plan: "), &least);
    }

    /// Writes items after a title, in lines that fit.
    fn wrapped(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let indent = " ".repeat(2 + title.chars().count());
        let mut line = format!("  {title}");
        let mut is_first = true;
        for item in items {
            let separator = if is_first { "" } else { ", " };
            if !is_first && line.chars().count() + item.chars().count() + 2 > WIDTH {
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
        self.line(&format!("\nWHAT HAPPENED{shown}"));
        for it in worst.take(SHOWN) {
            let text = happening(it, self.model);
            for (n, line) in lines(&text, WIDTH - 6).into_iter().enumerate() {
                let indent = if n == 0 { "  " } else { "      " };
                self.line(&format!("{indent}{line}"));
            }
        }
    }

    fn assumed(&mut self) {
        let filled = self.scenario.in_use();
        let count = filled
            .iter()
            .filter(|it| it.place.is_none() && it.key.evidence == Some(Evidence::Assumed))
            .count();
        let lines = self.outcome.bill.assumed().count();
        let is_marked = self.outcome.bill.assumed().any(|line| line.amount > Money::ZERO);
        let mark = if is_marked { format!(" ({ASSUMED})") } else { String::new() };
        let prices = match lines {
            0 => String::new(),
            1 => format!(" and 1 price{mark}"),
            lines => format!(" and {lines} prices{mark}"),
        };
        self.line(&format!(
            "\nASSUMED: {count} defaults{prices}; `ecsim check` lists them with their sources"
        ));
    }
}

/// Says what became of the money for EC2: parts of one whole, then parts of what is reserved.
fn ec2_split(split: &Ec2Split, amounts: Dollars) -> String {
    let write = |amount| amounts.write(amount);
    let mut text = format!(
        "  of EC2 {}: reserved by tasks {}, (idle) {}: free {}, stranded {}\n",
        write(split.total),
        write(split.reserved),
        write(split.free + split.stranded),
        write(split.free),
        write(split.stranded)
    );
    let Some(used) = split.used else { return text };
    let given = split.reserved_usage_given;
    if used > given {
        let (used, given) = (write(used), write(given));
        let _ = writeln!(text, "    tasks that say what they use reserve {given} and use {used}");
        return text;
    }
    let (reserved, rest) = (write(split.reserved), write(given - used));
    let _ = write!(text, "    of the {reserved} reserved: used {}, not used {rest}", write(used));
    let silent = split.reserved - given;
    if silent > Money::ZERO {
        let _ = write!(text, ", usage not given {}", write(silent));
    }
    text + "\n"
}

/// Tells of what happened once, or of the first of several times.
fn happening(it: &Gathered, model: &Model) -> String {
    let at = |time| model.calendar.format(time, TimeFormat::DayAndTime);
    if it.count == 1 {
        return format!("{}: {}", at(it.first), it.sentence);
    }
    let (first, last, times) = (at(it.first), at(it.last), number(it.count));
    let when = if first == last { first } else { format!("{first} – {last}") };
    let of = if it.is_of_first { "; the first" } else { "" };
    format!("{when}, {times} times{of}: {}", it.sentence)
}

fn capacity_row(name: String, it: &CapacitySummary) -> Vec<String> {
    let mean = |of: &PerResource<Option<Ratio>>| {
        (of.cpu.map(|ratio| ratio.mean), of.memory.map(|ratio| ratio.mean))
    };
    let (reserved, used) = (mean(&it.reserved), mean(&it.used));
    vec![
        name,
        range(&it.instances),
        share(reserved.0),
        share(reserved.1),
        share(used.0),
        share(used.1),
        share(it.stranded.cpu),
        share(it.stranded.memory),
        decimals(it.empty_instance_hours, 0),
        share(it.packing_efficiency),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_money_for_instances_is_split_into_parts_of_one_whole() {
        let cents = |cents: i128| Money::nanos(cents * 10_000_000);
        let split = |given, used| Ec2Split {
            total: cents(10_000),
            reserved: cents(6_000),
            reserved_usage_given: cents(given),
            used: Some(cents(used)),
            free: cents(3_000),
            stranded: cents(1_000),
        };
        let told = |split| ec2_split(&split, Dollars::by(cents(10_000)));
        let whole = "  of EC2 $100.00: reserved by tasks $60.00, (idle) $40.00: \
                     free $30.00, stranded $10.00\n";
        let silent = Ec2Split { used: None, ..split(0, 0) };
        assert_eq!(told(silent), whole);
        let all = "    of the $60.00 reserved: used $25.00, not used $35.00\n";
        assert_eq!(told(split(6_000, 2_500)), format!("{whole}{all}"));
        let some = "    of the $60.00 reserved: used $25.00, not used $15.00, \
                    usage not given $20.00\n";
        assert_eq!(told(split(4_000, 2_500)), format!("{whole}{some}"));
        let more = "    tasks that say what they use reserve $40.00 and use $45.00\n";
        assert_eq!(told(split(4_000, 4_500)), format!("{whole}{more}"));
    }
}
