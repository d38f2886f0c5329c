//! Instances that come and go, and what becomes of tasks then.

use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, InstanceStatus, Sim, StopCode, StopReason, TaskStatus};
use crate::engine::Ix;
use crate::units::SimTime;

fn sorted(mut counts: Vec<usize>) -> Vec<usize> {
    counts.sort_unstable();
    counts
}

/// When facts of one kind happened, in seconds.
fn when(story: &[(f64, Fact)], is_it: impl Fn(&Fact) -> bool) -> Vec<f64> {
    story.iter().filter(|(_, fact)| is_it(fact)).map(|(at, _)| *at).collect()
}

fn is_drained_stop(fact: &Fact) -> bool {
    matches!(fact, Fact::TaskStopRequested { reason: StopReason::Drained, .. })
}

fn is_created(fact: &Fact) -> bool {
    matches!(fact, Fact::TaskCreated { .. })
}

fn active_by_zone(sim: &Sim) -> Vec<usize> {
    let in_zone = |zone: Ix<Zone>| {
        let hosts = sim.world().cluster.instances().map(|(_, host)| host);
        hosts.filter(|it| it.is_active() && sim.model().classes[it.class].zone == zone).count()
    };
    sim.model().zones.indices().map(in_zone).collect()
}

#[test]
fn a_group_launches_what_is_missing_where_it_has_fewest() {
    let mut f = Fixture::new(3);
    let group = f.group("g", (0, 2, 9), (1024, 1024));
    f.set_capacity(100, group, 7);
    let (sim, story) = f.story(129);
    assert_eq!(sorted(active_by_zone(&sim)), [0, 1, 1], "launched at 100, they take 30 s");
    assert_eq!(sim.world().groups[group].capacity(), 7, "those on their way count");
    let launched = when(&story, |it| matches!(it, Fact::InstanceLaunched { .. }));
    assert_eq!(launched, [0.0, 0.0, 100.0, 100.0, 100.0, 100.0, 100.0]);
    let mut sim = sim;
    sim.run_until(SimTime::from_secs(131), &mut ());
    assert_eq!(sorted(active_by_zone(&sim)), [2, 2, 3]);
}

#[test]
fn desired_capacity_stays_within_minimum_and_maximum() {
    let mut f = Fixture::new(1);
    let group = f.group("g", (2, 3, 4), (1024, 1024));
    f.set_capacity(10, group, 100);
    f.set_capacity(100, group, 0);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(50), &mut ());
    assert_eq!(sim.world().groups[group].capacity(), 4);
    sim.run_until(SimTime::from_secs(101), &mut ());
    assert_eq!(sim.world().groups[group].capacity(), 2);
}

#[test]
fn a_cold_start_has_the_minimum_and_launches_the_rest() {
    let mut f = Fixture::new(1);
    f.group("g", (1, 3, 4), (1024, 1024));
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(29), &mut ());
    assert_eq!(active_by_zone(&sim), [1]);
    sim.run_until(SimTime::from_secs(30), &mut ());
    assert_eq!(active_by_zone(&sim), [3]);
}

/// Scale-in takes from the zone with most; without draining tasks die with their instance.
#[test]
fn what_runs_on_an_instance_that_is_terminated_dies_with_it_and_is_replaced() {
    let mut f = Fixture::new(2);
    let group = f.group("g", (0, 3, 3), (1024, 2048));
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 512, 512);
    let service = f.service("web", web, 3);
    f.set_capacity(100, group, 2);
    let (sim, story) = f.story(200);
    assert_eq!(active_by_zone(&sim), [1, 1], "one zone had two");
    let reasons: Vec<StopReason> = story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::TaskStopRequested { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [StopReason::HostTerminated]);
    assert_eq!(reasons[0].code(), StopCode::InfrastructureHealth);
    let stopped = |it: &Fact| matches!(it, Fact::TaskMoved { to: TaskStatus::Stopped, .. });
    assert_eq!(when(&story, stopped), [100.0], "no SIGTERM, no detaching");
    assert_eq!(sim.world().services[service].active(), 3);
    assert_eq!(sorted(running_by_instance(&sim)), [1, 2]);
}

/// A group of one instance with four tasks of a service, and room elsewhere for those that leave.
fn draining(minimum: u32, maximum: u32) -> Vec<(f64, Fact)> {
    let mut f = Fixture::new(1);
    let group = f.group("old", (0, 1, 1), (4096, 4096));
    f.model.auto_scaling_groups[group].managed_draining = true;
    f.model.initial_state = InitialState::Steady;
    f.model.timing.settle = crate::units::Span::secs(10);
    let other = f.group("new", (0, 0, 2), (4096, 4096));
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 4);
    f.model.services[service].minimum_healthy_percent = minimum;
    f.model.services[service].maximum_percent = maximum;
    f.set_capacity(50, other, 2);
    f.set_capacity(100, group, 0);
    let (sim, story) = f.story(300);
    assert_eq!(sim.world().services[service].healthy(), 4);
    assert_eq!(sim.world().cluster.instances().count(), 2, "the old one is gone");
    story
}

#[test]
fn s_e76_a_e118_a_drained_instance_s_tasks_are_replaced_within_the_percentages() {
    // Each replacement is healthy 10 s after it runs.
    let story = draining(50, 100);
    assert_eq!(when(&story, is_drained_stop), [100.0, 100.0, 110.0, 110.0]);
    let created = when(&story, is_created);
    assert_eq!(created[4..], [100.0, 100.0, 110.0, 110.0]);
    let story = draining(100, 200);
    assert_eq!(when(&story, is_drained_stop), [110.0; 4]);
    assert_eq!(when(&story, is_created)[4..], [100.0; 4]);
}

#[test]
fn with_both_percentages_at_100_nothing_leaves_a_draining_instance() {
    let mut f = Fixture::new(1);
    let group = f.group("old", (0, 1, 1), (4096, 4096));
    f.model.auto_scaling_groups[group].managed_draining = true;
    f.model.initial_state = InitialState::Steady;
    let other = f.group("new", (0, 0, 1), (4096, 4096));
    f.set_capacity(10, other, 1);
    let web = f.definition("web", 256, 256);
    let service = f.service("web", web, 2);
    f.model.services[service].maximum_percent = 100;
    f.set_capacity(100, group, 0);
    let (sim, story) = f.story(10_000);
    assert_eq!(when(&story, is_drained_stop), [0.0; 0]);
    let old = sim.world().cluster.instances().find(|(_, host)| !host.is_active());
    let (_, old) = old.expect("it still drains");
    assert_eq!((old.status(), old.running_tasks()), (InstanceStatus::Draining, 2));
}

#[test]
fn s_e78_pending_tasks_of_services_stop_at_once_and_standalone_ones_go_on() {
    let mut f = Fixture::new(1);
    let group = f.group("old", (1, 1, 1), (4096, 4096));
    f.model.auto_scaling_groups[group].managed_draining = true;
    f.model.auto_scaling_groups[group].min_size = 0;
    f.model.timing.agent_latency = constant(60.0);
    let web = f.definition("web", 256, 256);
    f.service("web", web, 1);
    let batch = f.definition("batch", 256, 256);
    f.job("batch", batch, &[(90, 1, 500)], WhenFull::Fail);
    f.model.initial_state = InitialState::Steady;
    // The service's task is restarted at 95 s, so it is PENDING at 100 s like the job's.
    f.model.task_definitions[web].containers[0].behaviour.run_time = None;
    f.set_capacity(100, group, 0);
    let (sim, story) = f.story(640);
    // RUNNING, the service's task waits for a place elsewhere that never comes.
    assert_eq!(when(&story, is_drained_stop), [0.0; 0]);
    let moved = |to| move |it: &Fact| matches!(it, Fact::TaskMoved { to: t, .. } if *t == to);
    assert!(when(&story, moved(TaskStatus::Running)).contains(&150.0), "the job's task goes on");
    assert_eq!(sim.world().cluster.instances().count(), 1);
}

#[test]
fn daemons_stop_last_and_then_the_instance_goes() {
    let mut f = Fixture::new(1);
    let group = f.group("old", (0, 1, 1), (4096, 4096));
    f.model.auto_scaling_groups[group].managed_draining = true;
    f.model.initial_state = InitialState::Steady;
    let agent = f.definition("agent", 128, 128);
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    let batch = f.definition("batch", 256, 256);
    f.job("batch", batch, &[(10, 1, 490)], WhenFull::Fail);
    f.set_capacity(100, group, 0);
    let (sim, story) = f.story(600);
    assert_eq!(when(&story, is_drained_stop), [500.0], "the daemon, when the job is done");
    let gone = when(&story, |it| matches!(it, Fact::InstanceTerminated { .. }));
    assert_eq!(gone, [500.0]);
    assert_eq!(sim.world().cluster.instances().count(), 0);
    assert_eq!(sim.world().services[daemon].desired(), 0);
}
