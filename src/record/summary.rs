//! From what a recorder has kept to a recording: series end, figures are worked out.

use crate::ecs::model::{
    AutoScalingGroup, CapacityProvider, ClusterSpec, Fleet, InstanceClass, Model, Provider,
    Service, Submitter,
};
use crate::ecs::{Sim, World};
use crate::engine::{Ix, Table, Tally};
use crate::units::{Resources, SimTime, Span};

use super::gauges::{Capacity, Extremes, Group};
use super::group_scaling::{GroupPolicyGauges, GroupPolicySummary};
use super::recorder::{Ending, Recorder};
use super::recording::{
    CapacitySummary, ClusterSummary, CreditSummary, ManagedScalingSummary, Metric, PerResource,
    ProviderSummary, Range, Ratio, Recording, RequestSummary, Scope, Series, ServiceSummary,
    SubmitterSummary, Summary, TaskTotals, UsageGiven, Window,
};
use super::scaling::AutoScalingSummary;
use super::traffic;

/// The series of one thing, ended.
struct Ended(Vec<Series>);

impl Ended {
    fn new(scope: Scope, group: &mut dyn Group, end: SimTime) -> Ended {
        let mut series = Vec::new();
        group.each(&mut |metric, gauge| {
            let history = gauge.finish(end);
            series.push(Series {
                scope,
                metric,
                width: history.width,
                buckets: history.buckets,
                window: history.window,
            });
        });
        Ended(series)
    }

    fn window(&self, metric: Metric) -> Tally {
        let series = self.0.iter().find(|series| series.metric == metric);
        series.expect("a group has the metrics that its summary names").window
    }

    fn integral(&self, metric: Metric) -> f64 {
        self.window(metric).integral as f64
    }

    fn range(&self, metric: Metric) -> Range {
        self.window(metric).into()
    }

    /// ∫ part ÷ ∫ whole; `None` if there is no whole.
    fn share(&self, part: Metric, whole: Metric) -> Option<f64> {
        share(self.integral(part), self.integral(whole))
    }

    fn into_series(self) -> impl Iterator<Item = Series> {
        self.0.into_iter().filter(|series| {
            !series.metric.is_optional() || series.buckets.iter().any(|bucket| bucket.max > 0)
        })
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn hours(tally: Tally) -> f64 {
    tally.integral as f64 / Span::HOUR.as_micros() as f64
}

impl Recorder {
    /// Ends the recording.
    pub fn finish(mut self, sim: &Sim, ending: Ending) -> Recording {
        let (world, model, end) = (sim.world(), &**sim.model(), ending.at);
        self.catch_up_at_end(end, world, model);
        let (mut series, mut policies, mut scaling) = (Vec::new(), Vec::new(), Vec::new());
        let clusters = self.clusters.indices();
        let clusters = clusters.map(|ix| self.finish_cluster(ix, sim, end, &mut series)).collect();
        let (mut fleets, mut cpu_credits) = (Table::new(), Table::new());
        for ix in self.fleets.indices() {
            fleets.push(self.finish_fleet(ix, sim, end, &mut series));
            cpu_credits.push(self.finish_credits(ix, end, &mut series));
        }
        let summary = Summary {
            clusters,
            fleets,
            services: self
                .services
                .indices()
                .map(|ix| self.finish_service(ix, model, end, &mut series))
                .collect(),
            auto_scaling: self.finish_targets(end, &mut scaling),
            submitters: self
                .submitters
                .indices()
                .map(|ix| self.finish_submitter(ix, world, end, &mut series))
                .collect(),
            providers: Provider::ALL.map(|it| self.finish_provider(it, end, &mut series)),
            capacity_providers: self
                .managed_scaling
                .indices()
                .map(|ix| self.finish_scaling(ix, end, &mut series))
                .collect(),
            group_scaling: self
                .group_scaling
                .indices()
                .map(|ix| self.finish_policies(ix, model, end, &mut policies))
                .collect(),
            tasks: TaskTotals {
                created: self.whole_run.created,
                stopped: self.whole_run.stopped,
                alive: world.tasks.len() as u64,
                started: self.counts.started,
                stopped_by: self.counts.stopped_by.clone(),
                container_restarts: self.counts.container_restarts,
            },
            placement_failures: self.counts.placement_failures.clone(),
            launches: self.counts.fleets.clone(),
            cpu_credits,
        };
        series.extend(policies);
        series.extend(scaling);
        Recording {
            end,
            window: Window {
                from: self.window_from.unwrap_or(SimTime::ZERO),
                to: end,
                warmed_up: self.window_from.is_some(),
            },
            events: sim.events(),
            partial: ending.partial,
            fingerprint: ending.fingerprint,
            series,
            summary,
        }
    }

    fn finish_targets(
        &mut self,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> Table<Option<AutoScalingSummary>, Service> {
        self.targets.indices().map(|ix| self.finish_target(ix, end, series)).collect()
    }

    fn finish_provider(
        &mut self,
        provider: Provider,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> ProviderSummary {
        let group = &mut self.providers[provider as usize];
        let ended = Ended::new(Scope::Provider(provider), group, end);
        let summary = ProviderSummary {
            tasks: ended.range(Metric::AliveTasks),
            cpu_units: ended.range(Metric::AliveCpu),
        };
        series.extend(ended.into_series());
        summary
    }

    fn finish_target(
        &mut self,
        ix: Ix<Service>,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> Option<AutoScalingSummary> {
        let target = self.targets[ix].as_mut()?;
        let ended = Ended::new(Scope::ScalableTarget(ix), target, end);
        let at = |metric| ended.window(metric).integral;
        let summary = target.summary((at(Metric::AtMinCapacity), at(Metric::AtMaxCapacity)));
        series.extend(ended.into_series());
        for (position, gauges) in (0..).zip(&mut target.policies) {
            let ended = Ended::new(Scope::ServicePolicy(ix, position), gauges, end);
            series.extend(ended.into_series());
        }
        Some(summary)
    }

    fn finish_policies(
        &mut self,
        ix: Ix<AutoScalingGroup>,
        model: &Model,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> Vec<GroupPolicySummary> {
        let Some(gauges) = self.group_scaling[ix].as_deref_mut() else { return Vec::new() };
        let scope = Scope::Fleet(model.auto_scaling_groups[ix].fleet);
        series.extend(Ended::new(scope, gauges, end).into_series());
        for (position, gauges) in (0..).zip(&mut gauges.policies) {
            let scope = Scope::ScalingPolicy(ix, position);
            series.extend(Ended::new(scope, gauges, end).into_series());
        }
        gauges.policies.iter().map(GroupPolicyGauges::summary).collect()
    }

    fn finish_scaling(
        &mut self,
        ix: Ix<CapacityProvider>,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> ManagedScalingSummary {
        let gauges = &mut self.managed_scaling[ix];
        let ended = Ended::new(Scope::CapacityProvider(ix), gauges, end);
        let counts = self.counts.managed_scaling[ix];
        let summary = ManagedScalingSummary {
            reservation: ended.range(Metric::CapacityProviderReservation),
            waiting_tasks: ended.range(Metric::WaitingTasks),
            scale_outs: counts.outs,
            scale_ins: counts.ins,
            minutes_at_maximum: counts.minutes_at_maximum,
            surplus_instance_hours: hours(ended.window(Metric::SurplusInstances)),
        };
        series.extend(ended.into_series());
        summary
    }

    fn finish_cluster(
        &mut self,
        ix: Ix<ClusterSpec>,
        sim: &Sim,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> ClusterSummary {
        let gauges = &mut self.clusters[ix];
        let ended = Ended::new(Scope::Cluster(ix), gauges, end);
        let classes = &sim.model().classes;
        let largest = largest_free(sim.world(), |class| classes[class].cluster == ix);
        let summary = ClusterSummary {
            capacity: capacity_summary(&ended, &gauges.capacity, largest),
            waiting_tasks: ended.range(Metric::WaitingTasks),
        };
        series.extend(ended.into_series());
        summary
    }

    fn finish_fleet(
        &mut self,
        ix: Ix<Fleet>,
        sim: &Sim,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> CapacitySummary {
        let capacity = &mut self.fleets[ix].capacity;
        let ended = Ended::new(Scope::Fleet(ix), capacity, end);
        let classes = &sim.model().classes;
        let largest = largest_free(sim.world(), |class| classes[class].fleet == ix);
        let summary = capacity_summary(&ended, capacity, largest);
        series.extend(ended.into_series());
        let fleet = &mut self.fleets[ix];
        if let Some(spot) = &mut fleet.spot {
            series.extend(Ended::new(Scope::Fleet(ix), &mut **spot, end).into_series());
        }
        if let Some(warm_pool) = &mut fleet.warm_pool {
            series.extend(Ended::new(Scope::Fleet(ix), &mut **warm_pool, end).into_series());
        }
        summary
    }

    fn finish_credits(
        &mut self,
        ix: Ix<Fleet>,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> Option<CreditSummary> {
        let owed = self.owed_credits(ix).as_f64();
        let gauges = self.credits[ix].as_mut()?;
        let ended = Ended::new(Scope::Fleet(ix), gauges, end);
        let totals = gauges.totals;
        let summary = CreditSummary {
            balance: ended.range(Metric::CpuCreditBalance),
            surplus: ended.range(Metric::CpuSurplusCreditBalance),
            earned: totals.earned.as_f64(),
            spent: totals.spent.as_f64(),
            discarded: totals.discarded.as_f64(),
            charged: totals.charged.as_f64(),
            owed,
            throttled_hours: totals.throttled.as_secs_f64() / Span::HOUR.as_secs_f64(),
            withheld_vcpu_hours: totals.withheld.as_f64() / 60.0,
        };
        series.extend(ended.into_series());
        Some(summary)
    }

    fn finish_service(
        &mut self,
        ix: Ix<Service>,
        model: &Model,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> ServiceSummary {
        let gauges = &mut self.services[ix];
        let ended = Ended::new(Scope::Service(ix), gauges, end);
        let counts = &self.counts.services[ix];
        let definition = &model.task_definitions[model.services[ix].task_definition];
        let each = &model.requirements[definition.requirement].resources;
        let given = gauges.usage.given();
        let utilization = |used, of_each: u32| {
            let reserved = ended.integral(Metric::RunningTasks) * f64::from(of_each);
            share(ended.integral(used), reserved).filter(|_| given != UsageGiven::Nothing)
        };
        let summary = ServiceSummary {
            desired: ended.range(Metric::DesiredCount),
            running: ended.range(Metric::RunningTasks),
            healthy: ended.range(Metric::HealthyTasks),
            availability: ended.share(Metric::AvailableTasks, Metric::DesiredCount),
            started: counts.tasks.started,
            stopped_by: counts.tasks.stopped_by.clone(),
            pending: counts.tasks.pending(),
            events: counts.events,
            cpu_utilization: utilization(Metric::UsedCpu, each.cpu_units),
            memory_utilization: utilization(Metric::UsedMemory, each.memory_mib),
            usage_given: given,
            requests: None,
        };
        series.extend(ended.into_series());
        ServiceSummary { requests: self.finish_requests(ix, end, series), ..summary }
    }

    fn finish_requests(
        &mut self,
        ix: Ix<Service>,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> Option<RequestSummary> {
        let mut gauges = self.traffic[ix].take()?;
        let ended = Ended::new(Scope::Service(ix), &mut *gauges, end);
        let summary = traffic::summary(&gauges, |metric| {
            let seconds = ended.integral(metric) / metric.parts() as f64 / 1e6;
            (seconds, ended.range(metric))
        });
        series.extend(ended.into_series());
        Some(summary)
    }

    fn finish_submitter(
        &mut self,
        ix: Ix<Submitter>,
        world: &World,
        end: SimTime,
        series: &mut Vec<Series>,
    ) -> SubmitterSummary {
        let gauges = &mut self.submitters[ix];
        let waiting_now = gauges.waiting.level();
        let ended = Ended::new(Scope::Submitter(ix), gauges, end);
        let counts = &mut self.counts.submitters[ix];
        for (_, arrived, count) in world.waiting().filter(|(submitter, ..)| *submitter == ix) {
            counts.waiting.record_times(end.since(arrived), count);
        }
        let run = self.whole_run.submitters[ix];
        let begun_and_ended = run.first_arrival.zip(run.last_end);
        let summary = SubmitterSummary {
            submissions: counts.submissions,
            submitted: counts.submitted,
            launched: counts.launched,
            failed_calls: counts.failed_calls,
            given_up: counts.given_up,
            started: counts.tasks.started,
            stopped_by: counts.tasks.stopped_by.clone(),
            waiting: counts.waiting.quantiles(),
            pending: counts.tasks.pending(),
            waiting_tasks: ended.range(Metric::WaitingTasks),
            running: ended.range(Metric::RunningTasks),
            makespan: begun_and_ended.map(|(first, last)| last.since(first)),
            unfinished: waiting_now + run.alive,
            lost_tasks: counts.lost_tasks,
            lost_work: counts.lost_work,
        };
        series.extend(ended.into_series());
        summary
    }
}

fn capacity_summary(
    ended: &Ended,
    capacity: &Capacity,
    largest_task: Option<Resources>,
) -> CapacitySummary {
    let ratio = |part, whole, extremes: Option<Extremes>| {
        let mean = ended.share(part, whole)?;
        let (min, max) = extremes?.shares();
        Some(Ratio { min, mean, max })
    };
    let [cpu, memory, gpus] = capacity.reserved_extremes;
    let reserved = PerResource {
        cpu: ratio(Metric::ReservedCpu, Metric::RegisteredCpu, cpu),
        memory: ratio(Metric::ReservedMemory, Metric::RegisteredMemory, memory),
        gpus: ratio(Metric::ReservedGpus, Metric::RegisteredGpus, gpus),
    };
    let usage_given = capacity.usage.given();
    let [cpu, memory] = match usage_given {
        UsageGiven::Nothing => [None; 2],
        UsageGiven::Partly | UsageGiven::Fully => capacity.used_extremes,
    };
    let used = PerResource {
        cpu: ratio(Metric::UsedCpu, Metric::RegisteredCpu, cpu),
        memory: ratio(Metric::UsedMemory, Metric::RegisteredMemory, memory),
        gpus: None,
    };
    let instances = ended.window(Metric::Instances);
    let empty = ended.window(Metric::EmptyInstances);
    let occupied = (instances.integral - empty.integral) as f64;
    CapacitySummary {
        instances: instances.into(),
        instance_hours: hours(instances),
        empty_instance_hours: hours(empty),
        draining_instance_hours: hours(ended.window(Metric::DrainingInstances)),
        packing_efficiency: share(ended.integral(Metric::NeededInstances), occupied),
        reserved,
        used,
        usage_given,
        stranded: PerResource {
            cpu: ended.share(Metric::StrandedCpu, Metric::RegisteredCpu),
            memory: ended.share(Metric::StrandedMemory, Metric::RegisteredMemory),
            gpus: ended.share(Metric::StrandedGpus, Metric::RegisteredGpus),
        },
        largest_task,
    }
}

/// Returns what is free on the instance with most free, by split cost allocation's weights.
fn largest_free(world: &World, counts: impl Fn(Ix<InstanceClass>) -> bool) -> Option<Resources> {
    let instances = world.cluster.instances().filter(|(_, instance)| counts(instance.class));
    let weight = |free: &Resources| 9 * u64::from(free.cpu_units) + u64::from(free.memory_mib);
    instances.map(|(_, instance)| instance.remaining()).max_by_key(weight)
}
