//! Who notices that something has failed, and when: load balancers, groups, Fargate, or nobody.
//!
//! The agent of an instance that hangs is gone with it: no container check is reported, no exit, no
//! status, and ECS counts its tasks as RUNNING until the instance is terminated or a load balancer
//! finds them unhealthy (containers-roadmap#2040, amazon-ecs-agent#818). An agent that is not
//! connected does not change the health of its tasks (ECS Developer Guide, health checks).
//! The table of `docs/faults.md` says who notices what.

use crate::engine::{Id, Ix, Luck, Purpose};
use crate::units::Span;

use super::cluster::Instance;
use super::model::{AutoScalingGroup, TargetGroup};
use super::{
    Cx, Event, Fact, Task, TaskStatus, TaskStep, TerminationReason, World, auto_scaling, instance,
    rank, service, traffic,
};

const STATUS_CHECK: Purpose = Purpose::new("status check");
const TERMINATION_CHECK: Purpose = Purpose::new("termination check");
const FARGATE_CHECK: Purpose = Purpose::new("fargate host check");
const CHECK_PHASE: Purpose = Purpose::new("failing health check phase");

/// What a task runs on does nothing any more: load balancers will find out.
pub(super) fn task_stops_working(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    if !entry.works {
        return;
    }
    entry.works = false;
    entry.falls = entry.falls.wrapping_add(1);
    let (falls, luck) = (entry.falls, entry.luck);
    let is_target = entry.last_status == TaskStatus::Running && entry.stop.is_none();
    cx.tell(world, Fact::TaskReach { task, works: false });
    traffic::look(cx, world, task);
    let Some(service) = world.tasks[task].service().filter(|_| is_target) else { return };
    let groups = &cx.model.services[service].target_groups;
    let luck = luck.named("fall").part(u64::from(falls));
    let delays = groups
        .iter()
        .enumerate()
        .map(|(n, &group)| unhealthy_after(&cx.model.target_groups[group], luck.part(n as u64)));
    if let Some(delay) = delays.min() {
        let step = TaskStep::ChecksFail(falls);
        cx.after(delay, rank::PROGRESSED, Event::Task(task, step));
    }
}

/// When a target that answers no more is unhealthy: so many checks in a row must fail, and each
/// fails after its timeout.
///
/// Source: Elastic Load Balancing API, CreateTargetGroup.
fn unhealthy_after(group: &TargetGroup, luck: Luck) -> Span {
    let interval = group.health_check_interval;
    let phase = Span::from_secs_f64(luck.unit(CHECK_PHASE) * interval.as_secs_f64());
    let more = interval.saturating_mul(u64::from(group.unhealthy_checks.saturating_sub(1)));
    phase.saturating_add(more).saturating_add(group.health_check_timeout)
}

/// So many checks of a load balancer have failed, unless the task works again or is to stop.
pub(super) fn on_checks_fail(cx: &mut Cx, world: &mut World, task: Id<Task>, falls: u16) {
    let entry = &mut world.tasks[task];
    if entry.works || entry.falls != falls || entry.stop.is_some() {
        return;
    }
    entry.target_healthy = false;
    entry.failed_checks = true;
    let was_healthy = std::mem::take(&mut entry.healthy);
    if was_healthy {
        cx.tell(world, Fact::TaskUnhealthy { task });
    }
    traffic::look(cx, world, task);
    service::task_is_unhealthy(cx, world, task, was_healthy);
}

/// What a task runs on works again: load balancers will find that out, too.
pub(super) fn task_works_again(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    let entry = &mut world.tasks[task];
    if entry.works {
        return;
    }
    entry.works = true;
    let looks =
        entry.last_status == TaskStatus::Running && entry.stop.is_none() && !entry.target_healthy;
    let failed = entry.failed_checks;
    cx.tell(world, Fact::TaskReach { task, works: true });
    traffic::look(cx, world, task);
    if !looks {
        return;
    }
    let Some(service) = world.tasks[task].service() else { return };
    let groups = &cx.model.services[service].target_groups;
    // Assumption: the first success counts as soon as checks are answered again.
    let delays = groups.iter().map(|&group| {
        let group = &cx.model.target_groups[group];
        let checks = if failed { group.healthy_checks } else { group.first_healthy_checks };
        group.health_check_interval.saturating_mul(u64::from(checks))
    });
    if let Some(delay) = delays.max() {
        cx.after(delay, rank::PROGRESSED, Event::Task(task, TaskStep::Healthy));
    }
}

/// The host of a task on Fargate has failed, for good: Fargate stops the task when it knows.
///
/// Source: ECS Developer Guide, task retirement: replaced without notice. How soon is assumed.
pub(super) fn fargate_host_fails(cx: &mut Cx, world: &mut World, task: Id<Task>) {
    task_stops_working(cx, world, task);
    let luck = world.tasks[task].luck;
    let delay = cx.model.timing.fargate_host_check.sample_span(luck, FARGATE_CHECK);
    cx.after(delay, rank::ENDED, Event::Task(task, TaskStep::HostFailed));
}

/// An instance hangs: its group, if it has one, will know by the status check of Amazon EC2.
///
/// Source: Amazon EC2 Auto Scaling User Guide, health checks: that check is always on, and is not
/// looked at in the grace period.
pub(super) fn instance_hangs(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(group) = group_of(cx, world, instance) else { return };
    let host = world.cluster.instance(instance);
    let number = host.away.as_ref().map_or(0, |away| away.times_hung());
    let luck = auto_scaling::luck_of(cx, world, group, instance).part(number as u64);
    let delay = cx.model.timing.status_check.sample_span(luck, STATUS_CHECK);
    let grace = cx.model.auto_scaling_groups[group].health_check_grace_period;
    let earliest = host.registered_at.saturating_add(grace);
    let at = cx.now().saturating_add(delay).max(earliest);
    cx.at(at, rank::CONTROLLERS, Event::StatusCheck(instance, number as u32));
}

fn group_of(cx: &Cx, world: &World, instance: Id<Instance>) -> Option<Ix<AutoScalingGroup>> {
    let fleet = cx.model.classes[world.cluster.instance(instance).class].fleet;
    cx.model.fleets[fleet].group
}

/// The status check of an instance fails: its group counts it as unhealthy, for good, unless it
/// works again already.
pub(super) fn on_status_check(cx: &mut Cx, world: &mut World, instance: Id<Instance>, number: u32) {
    let Some(host) = world.cluster.get(instance) else { return };
    let times_hung = host.away.as_ref().map_or(0, |away| away.times_hung());
    if !host.is_hung() || times_hung as u32 != number {
        return;
    }
    let Some(group) = group_of(cx, world, instance) else { return };
    if let Some(managed) = &cx.model.auto_scaling_groups[group].managed_instances {
        // Assumption: however many are IMPAIRED at once.
        if managed.auto_repair {
            auto_scaling::leave(cx, world, group, instance);
            instance::terminate(cx, world, instance, TerminationReason::Unhealthy);
            auto_scaling::adjust(cx, world, group);
        }
        return;
    }
    world.groups[group].unhealthy.push_back(instance);
    replace_unhealthy(cx, world, group);
}

/// Terminates unhealthy instances and launches others: as long as no more than a tenth of the
/// desired capacity, or one, is missing.
///
/// Source: Amazon EC2 Auto Scaling User Guide, unhealthy instance replacement.
pub(super) fn replace_unhealthy(cx: &mut Cx, world: &mut World, ix: Ix<AutoScalingGroup>) {
    loop {
        let group = &world.groups[ix];
        let missing = group.desired_capacity().saturating_sub(group.in_service(&world.cluster));
        if missing >= (group.desired_capacity() / 10).max(1) {
            return; // looked at again when one is in service
        }
        let Some(instance) = world.groups[ix].unhealthy.pop_front() else { return };
        if world.cluster.get(instance).is_none() {
            continue;
        }
        auto_scaling::leave(cx, world, ix, instance);
        instance::terminate(cx, world, instance, TerminationReason::Unhealthy);
        auto_scaling::adjust(cx, world, ix);
    }
}

/// An instance is gone at once: its group, if it has one, launches another when it knows.
///
/// Source: as above: one that does not run is replaced at once, others or not.
pub(super) fn instance_dies(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let Some(group) = group_of(cx, world, instance) else { return };
    let luck = auto_scaling::luck_of(cx, world, group, instance);
    let delay = cx.model.timing.termination_check.sample_span(luck, TERMINATION_CHECK);
    auto_scaling::leave(cx, world, group, instance);
    cx.after(delay, rank::CONTROLLERS, Event::AdjustGroup(group));
}
