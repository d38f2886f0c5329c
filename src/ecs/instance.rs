//! The life of a container instance: launched, registered, drained, gone.
//!
//! Source: ECS API, ContainerInstance, `status`; UpdateContainerInstancesState for what draining
//! does. Who wants an instance, and when, is not decided here.

use crate::engine::{Id, Ix};

use super::cluster::{Instance, InstanceStatus};
use super::model::{InstanceClass, Scheduling};
use super::{
    Cx, Fact, StopReason, Task, TaskStatus, TerminationReason, World, auto_scaling, cpu_credits,
    life, managed_instances, metric, placement, provisioning, service, submit,
};

/// Registers every instance of every fixed fleet, and sets room aside for daemons on it.
pub(super) fn register_fleets(cx: &mut Cx, world: &mut World) {
    for (_, fleet) in cx.model.fleets.iter().filter(|(_, fleet)| fleet.group.is_none()) {
        for number in 0..fleet.count {
            let class = fleet.classes[number as usize % fleet.classes.len()];
            let instance = world.cluster.launch(cx.model, class, number, cx.now());
            world.account.instance_comes(cx.model, class);
            become_active(cx, world, instance);
        }
    }
}

/// Launches an instance, which is paid for from now on.
pub(super) fn launch(
    cx: &mut Cx,
    world: &mut World,
    class: Ix<InstanceClass>,
    number: u32,
) -> Id<Instance> {
    let instance = world.cluster.launch(cx.model, class, number, cx.now());
    world.account.instance_comes(cx.model, class);
    cx.tell(world, Fact::InstanceLaunched { instance });
    cpu_credits::launched(cx, world, instance);
    instance
}

/// The agent has registered the instance: it is ACTIVE, and there is room.
pub(super) fn become_active(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    world.cluster.register(cx.model, instance, cx.now());
    set_aside_for_daemons(cx, world, instance);
    metric::instance_comes(cx, world, instance);
    cx.tell(world, Fact::InstanceActive { instance });
    cpu_credits::is_active(cx, world, instance);
    submit::room_appeared(cx, world);
    provisioning::room_appeared(cx, world);
    service::room_appeared(cx, world);
}

/// Sets aside what each daemon service that runs here needs, in the order of the services.
fn set_aside_for_daemons(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    for (ix, service) in cx.model.services.iter() {
        let Scheduling::Daemon = service.scheduling else { continue };
        let launch = &cx.model.launches[service.launch];
        let requirement = cx.model.task_definitions[service.task_definition].requirement;
        if placement::qualifies_for_daemon(cx.model, &world.cluster, launch, requirement, instance)
        {
            // Where it does not fit, the service will say so.
            world.cluster.set_aside(instance, ix, &cx.model.requirements[requirement]);
            service::daemon_instance(cx, world, ix, instance);
        }
    }
}

/// DRAINING: no task is placed here any more, and services take theirs elsewhere.
///
/// Source: ECS API, UpdateContainerInstancesState: tasks of services that are PENDING stop at
/// once, RUNNING ones are replaced within the service's percentages, standalone tasks go on.
pub(super) fn drain(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    if world.cluster.instance(instance).status() != InstanceStatus::Active {
        return;
    }
    world.cluster.set_draining(instance);
    cx.tell(world, Fact::InstanceDraining { instance });
    for task in tasks_on(world, instance) {
        let entry = &world.tasks[task];
        if entry.service().is_none() || entry.stop.is_some() || life::is_daemon(cx, entry) {
            continue;
        }
        if entry.last_status < TaskStatus::Running {
            life::request_stop(cx, world, task, StopReason::Drained);
        } else {
            service::task_is_leaving(cx, world, task);
        }
    }
    look_whether_drained(cx, world, instance);
}

/// A task has left a container instance, which may be the last it drained of.
pub(super) fn task_has_left(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let host = world.cluster.instance(instance);
    let is_occupied = host.is_occupied();
    match host.status() {
        InstanceStatus::Draining => look_whether_drained(cx, world, instance),
        InstanceStatus::Active => {
            managed_instances::changed(cx, world, instance);
            if !is_occupied {
                auto_scaling::is_unoccupied(cx, world, instance);
            }
        }
        InstanceStatus::Pending | InstanceStatus::Terminating => {}
    }
}

/// Daemons stop last; when they are gone too, whoever drains the instance goes on.
pub(super) fn look_whether_drained(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let host = world.cluster.instance(instance);
    if host.tasks() == 0 {
        auto_scaling::drained(cx, world, instance);
    } else if !host.is_occupied() {
        for task in tasks_on(world, instance) {
            life::request_stop(cx, world, task, StopReason::Drained);
        }
    }
}

/// The instance is gone, and with it, at once, whatever ran on it.
pub(super) fn terminate(
    cx: &mut Cx,
    world: &mut World,
    instance: Id<Instance>,
    reason: TerminationReason,
) {
    let was = world.cluster.instance(instance).status();
    world.cluster.begin_termination(instance);
    cpu_credits::ends(cx, world, instance);
    for task in tasks_on(world, instance) {
        life::host_is_gone(cx, world, task);
    }
    if was != InstanceStatus::Pending {
        metric::instance_goes(cx, world, instance);
        service::daemon_instance_is_gone(cx, world, instance);
    }
    cx.tell(world, Fact::InstanceTerminated { instance, reason });
    if !world.cluster.instance(instance).is_stopped() {
        world.account.instance_goes(cx.model, world.cluster.instance(instance).class);
    }
    world.cluster.remove(cx.model, instance);
}

/// StopInstances: only its volumes are paid for from now on.
pub(super) fn stop(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let ran = world.cluster.set_stopped(instance, true, cx.now());
    world.account.instance_goes(cx.model, world.cluster.instance(instance).class);
    cx.tell(world, Fact::InstanceStopped { instance, ran });
    cpu_credits::stops(cx, world, instance);
}

/// StartInstances: it is paid for again.
pub(super) fn start(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let stopped = world.cluster.set_stopped(instance, false, cx.now());
    world.account.instance_comes(cx.model, world.cluster.instance(instance).class);
    cx.tell(world, Fact::InstanceStarted { instance, stopped });
    cpu_credits::starts(cx, world, instance);
}

/// Returns the tasks on an instance that are not STOPPED, in order of their slots.
pub(super) fn tasks_on(world: &World, instance: Id<Instance>) -> Vec<Id<Task>> {
    if world.cluster.instance(instance).tasks() == 0 {
        return Vec::new();
    }
    let on = |(_, task): &(Id<Task>, &Task)| task.instance == Some(instance);
    world.tasks.iter().filter(on).map(|(id, _)| id).collect()
}
