//! What a change makes different: two runs on the same luck, fact by fact and measure by measure.

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::ecs::capacity::reservation::Decision;
use crate::ecs::model::Submitter;
use crate::ecs::{
    Fact, FaultEvent, Instance, Model, Observer, Owner, Sim, Task, WarmPoolChange, World,
};
use crate::engine::{Id, Seed};
use crate::record::{InstanceName, credit_stage, group_event, managed_instance, scaling_event};
use crate::units::SimTime;

use super::measure::Measure;
use super::run::{Control, run_part};

/// The first moment at which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDifference {
    /// What happened in the first run, and when; `None`: nothing more.
    pub base: Option<(SimTime, String)>,
    /// What happened in the second run, and when; `None`: nothing more.
    pub changed: Option<(SimTime, String)>,
}

/// A measure that two runs do not have alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The measure's name.
    pub name: String,
    /// Its unit.
    pub unit: super::Unit,
    /// Its value in the first run, if it has it.
    pub base: Option<f64>,
    /// Its value in the second run, if it has it.
    pub changed: Option<f64>,
}

/// Lists the measures in which two results differ, in the order of the first.
pub fn differences(base: &[Measure], changed: &[Measure]) -> Vec<Difference> {
    let find =
        |list: &[Measure], name: &str| list.iter().find(|it| it.name == name).map(|it| it.value);
    let only_changed = changed.iter().filter(|it| find(base, &it.name).is_none());
    base.iter()
        .chain(only_changed)
        .map(|measure| Difference {
            name: measure.name.clone(),
            unit: measure.unit,
            base: find(base, &measure.name),
            changed: find(changed, &measure.name),
        })
        .filter(|it| it.base != it.changed)
        .collect()
}

/// Parts in which two runs are compared.
const PARTS: u64 = 500;

/// Runs two models side by side on the same luck until something differs.
///
/// Compared is what happens, by names: a change that only moves things in the tables of the model
/// is no difference. Memory is bounded by one part of the runs.
///
/// # Errors
/// Why a run could not go on, before anything differed.
pub fn first_difference(
    (base, changed): (&Arc<Model>, &Arc<Model>),
    seed: Seed,
    control: &mut dyn Control,
) -> Result<Option<FirstDifference>, String> {
    let end = SimTime::ZERO + base.duration.max(changed.duration);
    let mut sims = [Sim::new(base.clone(), seed), Sim::new(changed.clone(), seed)];
    for part in 1..=PARTS {
        let micros = u128::from(end.as_micros()) * u128::from(part) / u128::from(PARTS);
        let until = SimTime::from_micros(micros as u64);
        let before = sims.clone();
        let mut digests = [Digest::default(), Digest::default()];
        for (sim, digest) in sims.iter_mut().zip(&mut digests) {
            let last = until.min(SimTime::ZERO + sim.model().duration);
            run_part(sim, (last, end), digest, control)?;
        }
        if digests[0].state != digests[1].state {
            return Ok(Some(within(before, until)));
        }
    }
    Ok(None)
}

/// Finds the first difference in a part that is known to have one.
fn within(mut sims: [Sim; 2], until: SimTime) -> FirstDifference {
    let stories = [0, 1].map(|side| {
        let mut story = Story::default();
        let last = until.min(SimTime::ZERO + sims[side].model().duration);
        sims[side].run_until(last, &mut story);
        story.lines
    });
    let same = stories[0].iter().zip(&stories[1]).take_while(|(a, b)| a == b).count();
    FirstDifference { base: stories[0].get(same).cloned(), changed: stories[1].get(same).cloned() }
}

/// Digests what happens, in words.
#[derive(Clone, Copy, Debug, Default)]
struct Digest {
    state: u64,
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.state = (self.state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

impl Observer for Digest {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        if is_quiet(fact) {
            return;
        }
        self.state ^= at.as_micros().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // A digest cannot fail to be written to.
        let _ = describe(self, fact, world, model);
        self.state = self.state.rotate_left(5);
    }
}

/// Says whether nothing has happened that anybody would name: CPU credits are asked for.
fn is_quiet(fact: &Fact) -> bool {
    matches!(fact, Fact::CpuCredits { stage: None, .. })
}

/// Keeps what happens, in words.
#[derive(Clone, Debug, Default)]
struct Story {
    lines: Vec<(SimTime, String)>,
}

impl Observer for Story {
    fn observe(&mut self, at: SimTime, fact: &Fact, world: &World, model: &Model) {
        if is_quiet(fact) {
            return;
        }
        let mut line = String::new();
        // A string cannot fail to be written to.
        let _ = describe(&mut line, fact, world, model);
        self.lines.push((at, line));
    }
}

/// Says in words what happened to an instance, or to a group that wanted one.
// Whatever else happens is not of capacity, and its caller has words for it.
#[allow(clippy::wildcard_enum_match_arm)]
fn describe_capacity(
    out: &mut dyn Write,
    fact: &Fact,
    world: &World,
    model: &Model,
) -> fmt::Result {
    let host = |id: Id<Instance>| format!("instance {}", instance_name(world, model, id));
    match *fact {
        Fact::InstanceLaunched { instance } => write!(out, "{} is launched", host(instance)),
        Fact::InstanceActive { instance } => write!(out, "{} is ACTIVE", host(instance)),
        Fact::InstanceDraining { instance } => write!(out, "{} is DRAINING", host(instance)),
        Fact::InstanceTerminated { instance, reason } => {
            write!(out, "{} is terminated: {}", host(instance), reason.sentence())
        }
        Fact::SpotRebalanceRecommended { instance } => {
            write!(out, "{} is recommended to be replaced", host(instance))
        }
        Fact::SpotInterruptionNotice { instance } => {
            write!(out, "{} has an interruption notice", host(instance))
        }
        Fact::LaunchFailed { pool, reason } => {
            let pool = &model.pools[pool];
            let group = &model.auto_scaling_groups[pool.group].name;
            let code = reason.code(pool.purchase_option());
            write!(out, "group {group} cannot launch in {}: {code}", model.pool_name(pool))
        }
        Fact::InstanceStopped { instance, .. } => write!(out, "{} is stopped", host(instance)),
        Fact::InstanceStarted { instance, .. } => write!(out, "{} is started", host(instance)),
        Fact::WarmPool { instance, change } => write!(out, "{} {}", host(instance), warms(change)),
        Fact::CpuCredits { instance, stage: Some(stage) } => {
            write!(out, "{} {}", host(instance), credit_stage(stage))
        }
        Fact::GroupEvent { group, event } => {
            let name = &model.auto_scaling_groups[group].name;
            write!(out, "group {name}: {}", group_event(event, group, model))
        }
        Fact::Traffic { service, arrivals, served } => {
            let per_second = |it: u64| it as f64 / 1e6;
            let name = &model.services[service].name;
            let (arrivals, served) = (per_second(arrivals), per_second(served));
            write!(out, "service {name} gets {arrivals:.1} requests/s and answers {served:.1}")
        }
        Fact::ScalingMetric { group, policy, value } => {
            let group = &model.auto_scaling_groups[group];
            let name = group.policies.get(usize::from(policy)).map_or("", |it| it.name.as_str());
            let value = value.map_or("without data".to_string(), |it| it.to_string());
            write!(out, "policy {name} of group {} sees its metric {value}", group.name)
        }
        Fact::ServiceScaling { service, event } => {
            let name = &model.services[service].name;
            write!(out, "service {name}: {}", scaling_event(&event, service, model))
        }
        Fact::ManagedInstance { provider, instance, why } => {
            let name = InstanceName::of(world.cluster.instance(instance));
            let provider = &model.capacity_providers[provider].name;
            write!(out, "{provider}: {}", managed_instance((name, None), why, model))
        }
        Fact::ManagedScaling { provider, reservation, decision, .. } => {
            let name = &model.capacity_providers[provider].name;
            let percent = reservation.as_percent_f64();
            match decision {
                Decision::Step { from, to, .. } => {
                    write!(out, "{name} at {percent:.0} % goes from {from} to {to} instances")
                }
                Decision::Hold(_) => write!(out, "{name} at {percent:.0} % stays as it is"),
            }
        }
        _ => Ok(()),
    }
}

fn describe_exit(
    out: &mut dyn Write,
    (task, container): (TaskName, u8),
    exit_code: Option<i32>,
) -> fmt::Result {
    let name = task.container(container);
    match exit_code {
        Some(code) => write!(out, "{task} has its container {name} exit with {code}"),
        None => write!(out, "{task} never ran its container {name}"),
    }
}

fn warms(change: WarmPoolChange) -> &'static str {
    match change {
        WarmPoolChange::Launched => "is launched for its warm pool",
        WarmPoolChange::Waits => "waits in its warm pool",
        WarmPoolChange::Taken => "is taken out of its warm pool",
    }
}

/// Says in words what happened, by names that two models share.
fn describe(out: &mut dyn Write, fact: &Fact, world: &World, model: &Model) -> fmt::Result {
    let task = |id: Id<Task>| TaskName { task: &world.tasks[id], world, model };
    match *fact {
        Fact::InstanceLaunched { .. }
        | Fact::InstanceActive { .. }
        | Fact::InstanceDraining { .. }
        | Fact::InstanceTerminated { .. }
        | Fact::SpotRebalanceRecommended { .. }
        | Fact::SpotInterruptionNotice { .. }
        | Fact::ManagedScaling { .. }
        | Fact::LaunchFailed { .. }
        | Fact::GroupEvent { .. }
        | Fact::ManagedInstance { .. }
        | Fact::ScalingMetric { .. }
        | Fact::Traffic { .. }
        | Fact::ServiceScaling { .. }
        | Fact::InstanceStopped { .. }
        | Fact::InstanceStarted { .. }
        | Fact::WarmPool { .. }
        | Fact::CpuCredits { .. } => describe_capacity(out, fact, world, model),
        Fact::TaskCreated { task: id } => {
            write!(out, "{} is created {}", task(id), Place(task(id)))
        }
        Fact::TaskPlaced { task: id } => write!(out, "{} is placed {}", task(id), Place(task(id))),
        Fact::TaskMoved { task: id, from, to } => {
            write!(out, "{} goes from {} to {}", task(id), from.word(), to.word())
        }
        Fact::TaskPullStarted { task: id } => write!(out, "{} begins to pull", task(id)),
        Fact::TaskHealthy { task: id } => write!(out, "{} is healthy", task(id)),
        Fact::TaskStopRequested { task: id, reason } => {
            write!(out, "{} is to stop: {}", task(id), reason.sentence())
        }
        Fact::ReservationReleased { task: id } => {
            write!(out, "{} gives its reservation back", task(id))
        }
        Fact::ContainerStarted { task: id, container } => {
            write!(out, "{} runs its container {}", task(id), task(id).container(container))
        }
        Fact::ContainerStopped { task: id, container, exit_code } => {
            describe_exit(out, (task(id), container), exit_code)
        }
        Fact::StartUp { task: id, container, begins } => {
            let verb = if begins { "begins" } else { "ends" };
            write!(out, "{} {verb} the start-up of {}", task(id), task(id).container(container))
        }
        Fact::ContainerRestarted { task: id, container } => {
            write!(out, "{} restarts its container {}", task(id), task(id).container(container))
        }
        Fact::ServiceEvent { service, event } => {
            write!(out, "service {} says ", model.services[service].name)?;
            describe_event(out, event, world, model)
        }
        Fact::Submitted { .. } | Fact::RunTaskFailed { .. } => describe_run_task(out, fact, model),
        Fact::Fault { fault, what } => {
            write!(out, "fault {}: ", model.faults[fault].name)?;
            describe_fault(out, what, world, model)
        }
        Fact::TaskReach { task: id, works: true } => write!(out, "{} works again", task(id)),
        Fact::TaskReach { task: id, works: false } => write!(out, "{} works no more", task(id)),
        Fact::TaskUnhealthy { task: id } => write!(out, "{} is unhealthy", task(id)),
        Fact::Fallback { fallback, from, to, .. } => {
            let name = &model.fallbacks[fallback].name;
            write!(out, "fallback {name} has {to} tasks stand in, not {from}")
        }
    }
}

/// Says what whoever calls RunTask does.
fn describe_run_task(out: &mut dyn Write, fact: &Fact, model: &Model) -> fmt::Result {
    if let Fact::Submitted { submitter, row, count } = *fact {
        let Submitter { name, source, .. } = &model.submitters[submitter];
        write!(out, "{name} submits row {} of {count} tasks", source.row_number(row))
    } else if let Fact::RunTaskFailed { submitter, row, missing, failure, .. } = *fact {
        let Submitter { name, source, .. } = &model.submitters[submitter];
        let reason = crate::record::failure_code(failure.reason);
        let row = source.row_number(row);
        write!(out, "{name} finds no room for {missing} tasks of row {row}: {reason}")
    } else {
        Ok(())
    }
}

fn describe_fault(
    out: &mut dyn Write,
    what: FaultEvent,
    world: &World,
    model: &Model,
) -> fmt::Result {
    match what {
        FaultEvent::Instance { instance, .. } => {
            write!(out, "instance {} fails", instance_name(world, model, instance))
        }
        FaultEvent::InstanceBack { instance } => {
            write!(out, "instance {} works again", instance_name(world, model, instance))
        }
        FaultEvent::Zone { zone, .. } => write!(out, "{} is out", model.zones[zone].name),
        FaultEvent::ZoneBack { zone } => write!(out, "{} is back", model.zones[zone].name),
        FaultEvent::Launches => write!(out, "no instance can be launched"),
        FaultEvent::LaunchesBack => write!(out, "instances can be launched again"),
    }
}

fn describe_event(
    out: &mut dyn Write,
    event: crate::ecs::ServiceEvent,
    _world: &World,
    model: &Model,
) -> fmt::Result {
    use crate::ecs::ServiceEvent as E;
    match event {
        E::StartedTasks { count, .. } => write!(out, "it has started {count} tasks"),
        E::StoppedTasks { count, .. } => write!(out, "it has stopped {count} tasks"),
        E::StoppedPendingTasks { count } => write!(out, "it stopped {count} pending tasks"),
        E::RegisteredTargets { count, group } => {
            let name = &model.target_groups[group].name;
            write!(out, "it registered {count} targets in {name}")
        }
        E::DeregisteredTargets { count, group } => {
            let name = &model.target_groups[group].name;
            write!(out, "it deregistered {count} targets in {name}")
        }
        E::DrainingConnections { count } => {
            write!(out, "it has begun draining connections on {count} tasks")
        }
        E::SteadyState => write!(out, "it has reached a steady state"),
        E::UnableToPlace { requirement, failure, .. } => {
            let size = model.requirements[requirement].resources;
            let reason = crate::record::failure_code(failure.reason);
            write!(
                out,
                "it was unable to place a task of {} CPU units and {} MiB: {reason}",
                size.cpu_units, size.memory_mib
            )
        }
        E::StartImpaired { delay } => {
            write!(out, "it is unable to start tasks, next try in {delay}")
        }
        E::Throttled => write!(out, "its operations are being throttled"),
        E::DesiredCount { from, to } => write!(out, "its desired count goes from {from} to {to}"),
        E::NotAzBalanced { .. } => write!(out, "its tasks are not balanced over zones"),
        E::AzBalanced { .. } => write!(out, "its tasks are balanced over zones"),
        E::StartedToRebalance { zone, .. } => {
            write!(out, "it has started a task in {} for balance", model.zones[zone].name)
        }
        E::StoppedToRebalance { zone, .. } => {
            write!(out, "it has stopped a task in {} for balance", model.zones[zone].name)
        }
        E::UnableToRebalance { zone, .. } => {
            write!(out, "it is unable to move a task to {}", model.zones[zone].name)
        }
        E::TargetUnhealthy { group, .. } => {
            write!(out, "a task is unhealthy in {}", model.target_groups[group].name)
        }
        E::RebalancingStopped => write!(out, "it stops moving tasks between zones"),
    }
}

fn instance_name(world: &World, model: &Model, instance: Id<Instance>) -> String {
    model.instance_name(world.cluster.instance(instance))
}

/// A task by who launched it.
#[derive(Clone, Copy)]
struct TaskName<'a> {
    task: &'a Task,
    world: &'a World,
    model: &'a Model,
}

impl TaskName<'_> {
    /// Returns the name of a container of the task.
    fn container(&self, position: u8) -> &str {
        let definition = &self.model.task_definitions[self.task.task_definition];
        &definition.containers[position as usize].name
    }
}

impl fmt::Display for TaskName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task.owner {
            Owner::Service { service, slot } => {
                let name = &self.model.services[service].name;
                write!(f, "task {slot} of service {name}")
            }
            Owner::Submission { submitter, row, ordinal } => {
                let Submitter { name, source, .. } = &self.model.submitters[submitter];
                write!(f, "task {ordinal} of row {} of {name}", source.row_number(row))
            }
        }
    }
}

/// Where a task is.
struct Place<'a>(TaskName<'a>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TaskName { task, world, model } = self.0;
        match (task.instance, task.zone) {
            (Some(instance), _) => write!(f, "on {}", instance_name(world, model, instance)),
            (None, Some(zone)) => {
                write!(f, "on {} in {}", task.provider.word(), model.zones[zone].name)
            }
            (None, None) => write!(f, "and waits for capacity"),
        }
    }
}
