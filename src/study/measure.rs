//! Measures: every figure of a result by a name, as objectives, files and comparisons use it.

use crate::ecs::Model;
use crate::ecs::model::{Provider, Service};
use crate::engine::Ix;
use crate::record::{
    AutoScalingSummary, PerResource, Quantiles, Range, Ratio, RequestSummary, SingleRequests,
    Summary,
};
use crate::scenario::Objective;
use crate::units::{Money, SimTime, Span};

use super::run::Outcome;

/// One figure of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name: `service.web.availability`, `job.batch.wait_p95`, `cost.total`.
    pub name: String,
    /// Its value, in its unit.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

/// What a measure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share of a whole; 1 is all.
    Share,
    /// Seconds.
    Seconds,
    /// US dollars over the run.
    Dollars,
    /// A plain number.
    Count,
    /// Hours of instances.
    InstanceHours,
}

impl Unit {
    /// Returns its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Share => "share",
            Unit::Seconds => "s",
            Unit::Dollars => "USD",
            Unit::Count => "count",
            Unit::InstanceHours => "instance-h",
        }
    }
}

/// An objective and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The objective.
    pub objective: Objective,
    /// The value with its unit; `None`: the result has no such measure.
    pub value: Option<(f64, Unit)>,
}

impl Verdict {
    /// Says whether the objective is met, or missed; `None`: nothing happened that it could be
    /// measured by, such as a start.
    pub fn is_met(&self) -> Option<bool> {
        self.value.map(|(value, _)| self.objective.is_met_by(value))
    }

    /// Says whether the objective is missed.
    pub fn is_missed(&self) -> bool {
        self.is_met() == Some(false)
    }
}

/// Judges the objectives by the measures of a result.
pub fn verdicts(objectives: &[Objective], measures: &[Measure]) -> Vec<Verdict> {
    let find = |name: &str| {
        measures.iter().find(|measure| measure.name == name).map(|it| (it.value, it.unit))
    };
    objectives
        .iter()
        .map(|objective| Verdict { objective: objective.clone(), value: find(&objective.measure) })
        .collect()
}

/// Returns what a thousand answered requests of a service cost: what it has alone, and its part of
/// instances; `None`: none was answered, or the warm-up leaves some out.
pub fn per_thousand(
    outcome: &Outcome,
    model: &Model,
    (ix, requests): (Ix<Service>, &RequestSummary),
) -> Option<Money> {
    let is_whole = outcome.recording.window.from == SimTime::ZERO;
    let name = &model.services[ix].name;
    let holders = outcome.bill.by_holder();
    let cost = holders.iter().find(|(holder, _)| holder.name(model) == name)?.1;
    (is_whole && requests.served >= 1.0)
        .then(|| Money::from_dollars_f64(cost.as_dollars_f64() * 1000.0 / requests.served))
}

/// Lists every measure of a result, in a fixed order.
pub fn measures(model: &Model, outcome: &Outcome) -> Vec<Measure> {
    let mut list = List(Vec::new());
    list.cost(model, outcome);
    let summary = &outcome.recording.summary;
    list.tasks(summary);
    list.services(model, summary);
    list.requests(model, outcome);
    list.submitters(model, summary);
    list.clusters(model, summary);
    list.fleets(model, summary);
    list.providers(summary);
    list.capacity_providers(model, summary);
    list.0
}

struct List(Vec<Measure>);

impl List {
    fn add(&mut self, name: String, value: f64, unit: Unit) {
        self.0.push(Measure { name, value, unit });
    }

    fn add_if(&mut self, name: String, value: Option<f64>, unit: Unit) {
        if let Some(value) = value {
            self.add(name, value, unit);
        }
    }

    fn range(&mut self, name: &str, range: &Range) {
        self.add(format!("{name}_min"), range.min as f64, Unit::Count);
        self.add(format!("{name}_mean"), range.mean, Unit::Count);
        self.add(format!("{name}_max"), range.max as f64, Unit::Count);
    }

    fn quantiles(&mut self, name: &str, times: &Quantiles) {
        if times.count == 0 {
            return;
        }
        let parts =
            [("mean", times.mean), ("p50", times.p50), ("p95", times.p95), ("p99", times.p99)];
        for (part, span) in parts {
            self.add(format!("{name}_{part}"), span.as_secs_f64(), Unit::Seconds);
        }
        self.add(format!("{name}_max"), times.max.as_secs_f64(), Unit::Seconds);
    }

    fn resources(&mut self, name: &str, of: &PerResource<Option<Ratio>>) {
        for (resource, ratio) in [("cpu", of.cpu), ("memory", of.memory), ("gpus", of.gpus)] {
            self.add_if(format!("{name}_{resource}"), ratio.map(|it| it.mean), Unit::Share);
        }
    }

    fn cost(&mut self, model: &Model, outcome: &Outcome) {
        let bill = &outcome.bill;
        self.add("cost.total".to_string(), bill.total().as_dollars_f64(), Unit::Dollars);
        let month = bill.over(bill.total(), Span::HOUR * 730);
        self.add("cost.per_month".to_string(), month.as_dollars_f64(), Unit::Dollars);
        for (category, amount) in bill.by_category() {
            let name = category.name().to_lowercase().replace(' ', "_");
            self.add(format!("cost.{name}"), amount.as_dollars_f64(), Unit::Dollars);
        }
        for (holder, amount) in bill.by_holder() {
            let name = match holder.name(model) {
                "(idle)" => "cost.idle".to_string(),
                "(shared)" => "cost.shared".to_string(),
                other => format!("cost.of.{other}"),
            };
            self.add(name, amount.as_dollars_f64(), Unit::Dollars);
        }
    }

    fn tasks(&mut self, summary: &Summary) {
        let tasks = &summary.tasks;
        for (name, value) in [
            ("created", tasks.created),
            ("started", tasks.started),
            ("stopped", tasks.stopped),
            ("alive_at_end", tasks.alive),
            ("container_restarts", tasks.container_restarts),
        ] {
            self.add(format!("tasks.{name}"), value as f64, Unit::Count);
        }
        for (code, count) in &tasks.stopped_by {
            self.add(format!("tasks.stopped.{}", code.word()), *count as f64, Unit::Count);
        }
        let failures: u64 = summary.placement_failures.values().sum();
        self.add("placement_failures.total".to_string(), failures as f64, Unit::Count);
        for (code, count) in &summary.placement_failures {
            self.add(format!("placement_failures.{code}"), *count as f64, Unit::Count);
        }
    }

    fn services(&mut self, model: &Model, summary: &Summary) {
        for (ix, service) in summary.services.iter() {
            let name = format!("service.{}", model.services[ix].name);
            self.add_if(format!("{name}.availability"), service.availability, Unit::Share);
            self.range(&format!("{name}.desired"), &service.desired);
            self.range(&format!("{name}.running"), &service.running);
            self.range(&format!("{name}.healthy"), &service.healthy);
            self.add(format!("{name}.started"), service.started as f64, Unit::Count);
            let unable = service.events.unable_to_place as f64;
            self.add(format!("{name}.unable_to_place"), unable, Unit::Count);
            self.quantiles(&format!("{name}.pending"), &service.pending.total);
            self.quantiles(&format!("{name}.pull"), &service.pending.pull);
            self.quantiles(&format!("{name}.health"), &service.pending.health);
            let (cpu, memory) = (service.cpu_utilization, service.memory_utilization);
            self.add_if(format!("{name}.cpu_utilization"), cpu, Unit::Share);
            self.add_if(format!("{name}.memory_utilization"), memory, Unit::Share);
            if let Some(it) = &summary.auto_scaling[ix] {
                self.auto_scaling(&name, it);
            }
        }
    }

    fn requests(&mut self, model: &Model, outcome: &Outcome) {
        for (ix, service) in outcome.recording.summary.services.iter() {
            let Some(it) = &service.requests else { continue };
            let name = format!("service.{}", model.services[ix].name);
            for (part, value) in [
                ("requests", it.arrived),
                ("requests_served", it.served),
                ("requests_failed", it.failed()),
                ("requests_rejected", it.rejected),
                ("requests_without_target", it.without_target),
                ("requests_unreachable", it.unreachable),
                ("requests_lost", it.lost),
            ] {
                self.add(format!("{name}.{part}"), value, Unit::Count);
            }
            self.add_if(format!("{name}.request_success"), it.success(), Unit::Share);
            let latency = it.latency_mean;
            self.add_if(format!("{name}.request_latency_mean"), latency, Unit::Seconds);
            let worst = latency.map(|_| it.latency_worst);
            self.add_if(format!("{name}.request_latency_worst"), worst, Unit::Seconds);
            self.single_requests(&name, it.single.as_ref());
            let cost = per_thousand(outcome, model, (ix, it)).map(Money::as_dollars_f64);
            self.add_if(format!("{name}.cost_per_1000_requests"), cost, Unit::Dollars);
        }
    }

    /// What only requests that are simulated one by one tell.
    fn single_requests(&mut self, name: &str, it: Option<&SingleRequests>) {
        let Some(it) = it else { return };
        for (part, time) in ["p50", "p95", "p99", "p99_9"].into_iter().zip(it.latency) {
            let secs = time.map(Span::as_secs_f64);
            self.add_if(format!("{name}.request_latency_{part}"), secs, Unit::Seconds);
        }
        for (part, value) in [
            ("requests_timed_out", it.timed_out),
            ("requests_retried", it.retried),
            ("requests_given_up", it.gave_up),
        ] {
            self.add(format!("{name}.{part}"), value as f64, Unit::Count);
        }
    }

    fn auto_scaling(&mut self, name: &str, it: &AutoScalingSummary) {
        for (part, value) in [
            ("scale_outs", it.scale_outs),
            ("scale_ins", it.scale_ins),
            ("not_scaled", it.not_scaled.values().sum()),
            ("flaps", it.flaps),
            ("overshoot", it.overshoot),
        ] {
            self.add(format!("{name}.{part}"), value as f64, Unit::Count);
        }
        let (least, most) = (it.at_min_capacity.as_secs_f64(), it.at_max_capacity.as_secs_f64());
        self.add(format!("{name}.at_min_capacity"), least, Unit::Seconds);
        self.add(format!("{name}.at_max_capacity"), most, Unit::Seconds);
    }

    fn submitters(&mut self, model: &Model, summary: &Summary) {
        for (ix, it) in summary.submitters.iter() {
            let name = &model.submitters[ix].name;
            for (part, value) in [
                ("submitted", it.submitted),
                ("launched", it.launched),
                ("started", it.started),
                ("failed_calls", it.failed_calls),
                ("given_up", it.given_up),
                ("unfinished", it.unfinished),
                ("lost_tasks", it.lost_tasks),
            ] {
                self.add(format!("{name}.{part}"), value as f64, Unit::Count);
            }
            self.quantiles(&format!("{name}.wait"), &it.waiting);
            self.quantiles(&format!("{name}.pending"), &it.pending.total);
            let makespan = it.makespan.map(Span::as_secs_f64);
            self.add_if(format!("{name}.makespan"), makespan, Unit::Seconds);
            self.add(format!("{name}.lost_work"), it.lost_work.as_secs_f64(), Unit::Seconds);
            self.range(&format!("{name}.waiting_tasks"), &it.waiting_tasks);
            self.range(&format!("{name}.running"), &it.running);
        }
    }

    fn clusters(&mut self, model: &Model, summary: &Summary) {
        for (ix, cluster) in summary.clusters.iter() {
            if cluster.capacity.instances.max == 0 {
                continue;
            }
            self.capacity(&format!("cluster.{}", model.clusters[ix].name), &cluster.capacity);
        }
    }

    fn fleets(&mut self, model: &Model, summary: &Summary) {
        for (ix, capacity) in summary.fleets.iter() {
            let fleet = &model.fleets[ix];
            let table = match fleet.group {
                Some(_) if model.managed_instances_of(ix).is_some() => "capacity_provider",
                Some(_) => "auto_scaling_group",
                None => "container_instances",
            };
            let name = format!("{table}.{}", fleet.name);
            self.capacity(&name, capacity);
            if fleet.group.is_some() {
                let hours = capacity.draining_instance_hours;
                self.add(format!("{name}.draining_instance_hours"), hours, Unit::InstanceHours);
            }
            if let Some(credits) = &summary.cpu_credits[ix] {
                self.credits(&name, credits);
            }
            let buys_spot = fleet.classes.iter().any(|&class| model.classes[class].spot.is_some());
            let counts = &summary.launches[ix];
            if fleet.group.is_some() {
                let failures = counts.failures as f64;
                self.add(format!("{name}.launch_failures"), failures, Unit::Count);
            }
            if buys_spot {
                for (count, value) in [
                    ("spot_recommendations", counts.recommendations),
                    ("spot_notices", counts.notices),
                    ("spot_interruptions", counts.interruptions),
                    ("spot_tasks_moved", counts.moved_tasks),
                    ("spot_tasks_killed", counts.killed_tasks),
                ] {
                    self.add(format!("{name}.{count}"), value as f64, Unit::Count);
                }
            }
        }
    }

    fn capacity(&mut self, name: &str, it: &crate::record::CapacitySummary) {
        self.range(&format!("{name}.instances"), &it.instances);
        self.add(format!("{name}.instance_hours"), it.instance_hours, Unit::InstanceHours);
        let empty = it.empty_instance_hours;
        self.add(format!("{name}.empty_instance_hours"), empty, Unit::InstanceHours);
        self.add_if(format!("{name}.packing_efficiency"), it.packing_efficiency, Unit::Share);
        self.resources(&format!("{name}.reserved"), &it.reserved);
        self.resources(&format!("{name}.used"), &it.used);
        for (resource, share) in
            [("cpu", it.stranded.cpu), ("memory", it.stranded.memory), ("gpus", it.stranded.gpus)]
        {
            self.add_if(format!("{name}.stranded_{resource}"), share, Unit::Share);
        }
    }

    fn credits(&mut self, name: &str, it: &crate::record::CreditSummary) {
        self.range(&format!("{name}.cpu_credit_balance"), &it.balance);
        self.range(&format!("{name}.cpu_surplus_credit_balance"), &it.surplus);
        for (part, value) in [
            ("cpu_credits_earned", it.earned),
            ("cpu_credits_spent", it.spent),
            ("cpu_credits_discarded", it.discarded),
            ("cpu_surplus_credits_charged", it.charged),
            ("cpu_surplus_credits_owed", it.owed),
            ("throttled_vcpu_hours", it.withheld_vcpu_hours),
        ] {
            self.add(format!("{name}.{part}"), value, Unit::Count);
        }
        let throttled = it.throttled_hours;
        self.add(format!("{name}.throttled_instance_hours"), throttled, Unit::InstanceHours);
    }

    fn capacity_providers(&mut self, model: &Model, summary: &Summary) {
        for (ix, it) in summary.capacity_providers.iter() {
            if model.capacity_providers[ix].managed_scaling.is_none() {
                continue;
            }
            let name = format!("capacity_provider.{}", model.capacity_providers[ix].name);
            self.range(&format!("{name}.reservation"), &it.reservation);
            self.range(&format!("{name}.waiting_tasks"), &it.waiting_tasks);
            for (part, value) in [
                ("scale_outs", it.scale_outs),
                ("scale_ins", it.scale_ins),
                ("minutes_at_maximum", it.minutes_at_maximum),
            ] {
                self.add(format!("{name}.{part}"), value as f64, Unit::Count);
            }
            let surplus = it.surplus_instance_hours;
            self.add(format!("{name}.surplus_instance_hours"), surplus, Unit::InstanceHours);
        }
    }

    fn providers(&mut self, summary: &Summary) {
        for (provider, it) in Provider::ALL.into_iter().zip(&summary.providers) {
            if it.tasks.max == 0 {
                continue;
            }
            let name = match provider {
                Provider::Ec2 => "ec2",
                Provider::External => "external",
                Provider::Fargate => "fargate",
                Provider::FargateSpot => "fargate_spot",
            };
            self.range(&format!("provider.{name}.tasks"), &it.tasks);
        }
    }
}
