//! The worked examples of placement, named by the numbers S-E28 to S-E51.

use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, FailureReason, ServiceEvent, StopReason, TaskStatus};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

fn sorted(mut counts: Vec<usize>) -> Vec<usize> {
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

fn placement_failures(story: &[(f64, Fact)]) -> Vec<FailureReason> {
    story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::ServiceEvent { event: ServiceEvent::UnableToPlace { failure, .. }, .. } => {
                Some(failure.reason)
            }
            _ => None,
        })
        .collect()
}

/// Three zones with one instance each, a desired count that goes from 5 to 4.
#[test]
fn s_e28_scale_in_takes_from_a_zone_with_most_tasks() {
    let mut f = Fixture::new(3);
    f.fleet("i", 3, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 5);
    f.model
        .actions
        .push((SimTime::from_secs(100), Action::SetDesiredCount { service, desired_count: 4 }));
    let (sim, story) = f.story(200);
    let stopped: Vec<_> = story
        .iter()
        .filter(|(_, fact)| {
            matches!(fact, Fact::TaskStopRequested { reason: StopReason::ScaledIn, .. })
        })
        .collect();
    assert_eq!(stopped.len(), 1);
    // 5 tasks over 3 zones are 2/2/1; the zone with 1 is left alone.
    assert_eq!(sorted(running_by_instance(&sim)), [2, 1, 1]);
}

#[test]
fn s_e30_binpack_scale_in_empties_the_instance_with_most_left() {
    let mut f = Fixture::new(1);
    // One task each, for two are not allowed on one: X has 500 MiB left, Y 1,500.
    f.fleet("x", 1, (4096, 1000));
    f.fleet("y", 1, (4096, 2000));
    let web = f.definition("web", 0, 500);
    let service = f.service_with("web", web, 2, vec![PlacementStrategy::BinpackMemory]);
    f.launch_of(service).constraints.push(PlacementConstraint::DistinctInstance);
    f.model
        .actions
        .push((SimTime::from_secs(10), Action::SetDesiredCount { service, desired_count: 1 }));
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(9), &mut ());
    assert_eq!(running_by_instance(&sim), [1, 1]);
    let left: Vec<u32> =
        sim.world().cluster.instances().map(|(_, host)| host.remaining().memory_mib).collect();
    assert_eq!(left, [500, 1500]);
    sim.run_until(SimTime::from_secs(20), &mut ());
    assert_eq!(running_by_instance(&sim), [1, 0]);
}

/// What drains from its target group counts as gone: instances become empty one by one.
#[test]
fn binpack_scale_in_of_many_leaves_as_few_instances_as_will_do() {
    let mut f = Fixture::new(1);
    f.fleet("i", 10, (4096, 4000));
    let web = f.definition("web", 0, 1000);
    let service = f.service_with("web", web, 40, vec![PlacementStrategy::BinpackMemory]);
    let group = f.balance(service);
    f.model.target_groups[group].deregistration_delay = Span::secs(300);
    for (at, desired_count) in [(1000, 21), (1030, 8)] {
        let action = Action::SetDesiredCount { service, desired_count };
        f.model.actions.push((SimTime::from_secs(at), action));
    }
    let mut left = sorted(running_by_instance(&f.run(1500)));
    left.retain(|tasks| *tasks > 0);
    assert_eq!(left, [4, 4]);
}

#[test]
fn s_e31_spread_over_instances_and_over_zones() {
    let mut f = Fixture::new(1);
    f.fleet("i", 3, (4096, 8192));
    let web = f.definition("web", 256, 512);
    f.service_with("web", web, 7, vec![PlacementStrategy::SpreadInstance]);
    assert_eq!(sorted(running_by_instance(&f.run(100))), [3, 2, 2]);

    // Two zones with three and one instances, 8 tasks: four a zone, the lone instance gets four.
    let mut f = Fixture::new(2);
    f.fleet_in("many", 3, (4096, 8192), &[Ix::new(0)]);
    f.fleet_in("lone", 1, (4096, 8192), &[Ix::new(1)]);
    let web = f.definition("web", 256, 512);
    f.service("web", web, 8);
    let counts = running_by_instance(&f.run(100));
    assert_eq!(counts[3], 4);
    assert_eq!(sorted(counts[..3].to_vec()), [2, 1, 1]);
}

#[test]
fn s_e33_distinct_instance_leaves_the_fourth_of_four_without_a_place_on_three() {
    let mut f = Fixture::new(1);
    f.fleet("i", 3, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 4);
    f.launch_of(service).constraints.push(PlacementConstraint::DistinctInstance);
    let (sim, story) = f.story(100);
    assert_eq!(running_by_instance(&sim), [1, 1, 1]);
    assert_eq!(placement_failures(&story), [FailureReason::DistinctInstance]);
}

#[test]
fn s_e35_a_task_that_nearly_fills_an_instance_is_alone_on_it() {
    let check = |task: (u32, u32), registered: (u32, u32), reason| {
        let mut f = Fixture::new(1);
        f.fleet("i", 2, registered);
        let web = f.definition("web", task.0, task.1);
        f.service("web", web, 3);
        let (sim, story) = f.story(40);
        assert_eq!(running_by_instance(&sim), [1, 1]);
        assert_eq!(placement_failures(&story), [reason]);
    };
    check((0, 1000), (1024, 1024), FailureReason::Memory);
    check((1000, 0), (1024, 1024), FailureReason::Cpu);
}

#[test]
fn s_e36_a_task_that_asks_for_more_than_is_registered_does_not_fit() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (2048, 7985));
    let web = f.definition("web", 256, 8192);
    f.service("web", web, 1);
    let (sim, story) = f.story(40);
    assert_eq!(running_by_instance(&sim), [0]);
    assert_eq!(placement_failures(&story), [FailureReason::Memory]);
}

#[test]
fn s_e38_an_m5_large_holds_two_tasks_of_1_vcpu_2_gib_and_seven_of_a_quarter_vcpu_1_gib() {
    let check = |task: (u32, u32), expected| {
        let mut f = Fixture::new(1);
        f.fleet("i", 1, (2048, 7680));
        let web = f.definition("web", task.0, task.1);
        f.service("web", web, 100);
        assert_eq!(running_by_instance(&f.run(40)), [expected]);
    };
    check((1024, 2048), 2);
    check((256, 1024), 7); // 8 by CPU, 7 by what is registered, 8 by the nominal 8 GiB
}

#[test]
fn s_e48_run_task_spreads_by_the_group_of_the_family() {
    let mut f = Fixture::new(1);
    f.fleet("i", 2, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let other = f.definition("other", 256, 512);
    // Another family puts three tasks on the first instance; they must not count.
    f.job("other", other, &[(0, 3, 1000)], WhenFull::Fail);
    let job = f.job("web", web, &[(10, 4, 1000)], WhenFull::Fail);
    let launch = f.model.submitters[job].launch;
    f.model.launches[launch].strategy = vec![PlacementStrategy::SpreadInstance];
    let sim = f.run(100);
    let of_web =
        |t: &super::super::Task| t.task_definition == web && t.last_status == TaskStatus::Running;
    assert_eq!(count_by_instance(&sim, of_web), [2, 2]);
}

#[test]
fn s_e50_the_head_of_the_agents_queue_blocks_those_behind_it() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 3072));
    let old = f.definition("old", 0, 2048);
    f.model.task_definitions[old].containers[0].stop_timeout = crate::units::Span::secs(120);
    f.model.task_definitions[old].containers[0].behaviour.stop_time = constant(1000.0);
    let a = f.definition("a", 0, 2048);
    let b = f.definition("b", 0, 256);
    let service = f.service("old", old, 1);
    f.model
        .actions
        .push((SimTime::from_secs(100), Action::SetDesiredCount { service, desired_count: 0 }));
    f.job("a", a, &[(110, 1, 1000)], WhenFull::Fail);
    f.job("b", b, &[(120, 1, 1000)], WhenFull::Fail);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(200), &mut ());
    // The agent has 1,024 MiB free: B would fit, but A is before it.
    let status = |sim: &super::super::Sim, definition| {
        let world = sim.world();
        let task = world.tasks.iter().find(|(_, t)| t.task_definition == definition);
        task.map(|(_, t)| t.last_status)
    };
    assert_eq!(status(&sim, a), Some(TaskStatus::Pending));
    assert_eq!(status(&sim, b), Some(TaskStatus::Pending));
    // SIGKILL comes 120 s after SIGTERM.
    sim.run_until(SimTime::from_secs(219), &mut ());
    assert_eq!(status(&sim, b), Some(TaskStatus::Pending));
    sim.run_until(SimTime::from_secs(221), &mut ());
    assert_eq!(status(&sim, a), Some(TaskStatus::Running));
    assert_eq!(status(&sim, b), Some(TaskStatus::Running));
}

#[test]
fn s_e51_a_task_is_placed_at_once_where_another_stops_and_waits_until_it_has() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (1024, 4096));
    let old = f.definition("old", 1024, 512);
    f.model.task_definitions[old].containers[0].stop_timeout = crate::units::Span::secs(120);
    f.model.task_definitions[old].containers[0].behaviour.stop_time = constant(1000.0);
    let new = f.definition("new", 1024, 512);
    let service = f.service("old", old, 1);
    f.model
        .actions
        .push((SimTime::from_secs(100), Action::SetDesiredCount { service, desired_count: 0 }));
    f.job("new", new, &[(101, 1, 1000)], WhenFull::Fail);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(102), &mut ());
    let task = |sim: &super::super::Sim| {
        sim.world().tasks.iter().find(|(_, t)| t.task_definition == new).map(|(_, t)| t.clone())
    };
    let placed = task(&sim).expect("it was placed at once");
    assert_eq!(placed.last_status, TaskStatus::Pending);
    assert_eq!(placed.times.created, SimTime::from_secs(101));
    sim.run_until(SimTime::from_secs(221), &mut ());
    let runs = task(&sim).expect("it is still there");
    assert_eq!(runs.times.started, Some(SimTime::from_secs(220)));
}

#[test]
fn s_e41_awsvpc_tasks_are_limited_by_network_interfaces() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (8192, 16384));
    let web = f.definition("web", 256, 512);
    f.requirement(web).awsvpc = true;
    f.service("web", web, 5);
    let (sim, story) = f.story(40);
    // S-E41: three interfaces, one of them its own; which type has them is the catalogue's to say.
    assert_eq!(running_by_instance(&sim), [2]);
    assert_eq!(placement_failures(&story), [FailureReason::Eni]);
}

#[test]
fn a_static_host_port_allows_one_copy_an_instance() {
    let mut f = Fixture::new(1);
    f.fleet("i", 2, (8192, 16384));
    let web = f.definition("web", 256, 512);
    let port = HostPort { protocol: Protocol::Tcp, number: 80 };
    f.requirement(web).ports.push(port);
    f.service("web", web, 3);
    let (sim, story) = f.story(40);
    assert_eq!(running_by_instance(&sim), [1, 1]);
    assert_eq!(placement_failures(&story), [FailureReason::Ports(port)]);
}

#[test]
fn an_instance_reserves_a_hundred_host_ports_those_of_the_agent_among_them() {
    let mut f = Fixture::new(1);
    let fleet = f.fleet("i", 1, (8192, 16384));
    let class = f.model.fleets[fleet].classes[0];
    let port = |number| HostPort { protocol: Protocol::Tcp, number };
    f.model.classes[class].reserved_ports =
        [22, 2375, 2376, 51678, 51679].map(port).into_iter().collect();
    let first = f.definition("first", 256, 512);
    f.requirement(first).ports = (1000..1094).map(port).collect();
    let second = f.definition("second", 256, 512);
    f.requirement(second).ports = vec![port(80)];
    let third = f.definition("third", 256, 512);
    f.requirement(third).ports = vec![port(81)];
    f.service("first", first, 1);
    f.service("second", second, 1);
    f.service("third", third, 1);
    // 5 of the agent, 94 of the first and one of the second are a hundred.
    let (sim, story) = f.story(40);
    assert_eq!(running_by_instance(&sim), [2]);
    assert_eq!(placement_failures(&story), [FailureReason::Ports(port(81))]);
}

#[test]
fn s_e18_a_daemon_runs_once_on_each_instance_and_its_room_is_set_aside() {
    let mut f = Fixture::new(1);
    f.fleet("i", 5, (1024, 1024));
    let agent = f.definition("agent", 128, 256);
    let web = f.definition("web", 0, 256);
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    // The daemon takes a minute to appear; replicas must not take its room meanwhile.
    f.model.task_definitions[agent].containers[0].behaviour.start_time = Some(constant(60.0));
    f.service("web", web, 100);
    let mut sim = f.sim();
    sim.run_until(SimTime::from_secs(30), &mut ());
    assert_eq!(count_by_instance(&sim, |t| t.task_definition == web), [3; 5]);
    sim.run_until(SimTime::from_secs(90), &mut ());
    let daemons = count_by_instance(&sim, |t| {
        t.task_definition == agent && t.last_status == TaskStatus::Running
    });
    assert_eq!(daemons, [1; 5]);
}

#[test]
fn a_network_interface_is_set_aside_for_a_daemon_and_stays_so_while_it_is_replaced() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192)); // two interfaces for tasks
    f.model.timing.eni_detach = constant(10.0);
    let agent = f.definition("agent", 128, 256);
    f.requirement(agent).awsvpc = true;
    let app = &mut f.model.task_definitions[agent].containers[0];
    app.behaviour.start_time = Some(constant(60.0));
    app.behaviour.run_time = Some(constant(100.0));
    let web = f.definition("web", 128, 256);
    f.requirement(web).awsvpc = true;
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    f.service("web", web, 2);
    let mut sim = f.sim();
    let mut replaced = 0;
    for second in 1..1000 {
        sim.run_until(SimTime::from_secs(second), &mut ());
        assert_eq!(count_by_instance(&sim, |t| t.task_definition == web), [1], "at {second} s");
        let daemons = count_by_instance(&sim, |t| t.task_definition == agent);
        replaced += u32::from(daemons == [0]);
    }
    // 60 s to start, 100 s of work, 10 s until the interface is free, then the next try.
    assert!(replaced > 5, "its task is away only now and then: {replaced} of 1,000 s");
    assert_eq!(sim.world().services[daemon].active(), 1);
}

#[test]
fn a_daemon_that_does_not_fit_an_instance_says_so_and_runs_on_the_others() {
    let mut f = Fixture::new(1);
    f.fleet("small", 1, (256, 1024));
    f.fleet("big", 2, (4096, 8192));
    let agent = f.definition("agent", 512, 256);
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    let (sim, story) = f.story(400);
    assert_eq!(running_by_instance(&sim), [0, 1, 1]);
    assert_eq!(placement_failures(&story), [FailureReason::Cpu]);
    assert_eq!(sim.world().services[daemon].desired(), 3);
}

#[test]
fn a_daemon_waits_for_an_address_of_its_subnet() {
    let mut f = Fixture::new(1);
    f.fleet("i", 2, (4096, 8192));
    let subnet =
        f.model.subnets.push(Subnet { name: "small".into(), zone: Ix::new(0), free_addresses: 1 });
    let agent = f.definition("agent", 512, 256);
    f.requirement(agent).awsvpc = true;
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    f.launch_of(daemon).subnets = vec![subnet];
    let (sim, story) = f.story(400);
    assert_eq!(running_by_instance(&sim), [1, 0]);
    assert_eq!(placement_failures(&story), [FailureReason::Address]);
}

#[test]
fn fargate_spreads_over_zones_for_each_provider_by_itself() {
    let mut f = Fixture::new(3);
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 12);
    f.launch_of(service).providers =
        vec![StrategyItem::only(Provider::Fargate), StrategyItem::only(Provider::FargateSpot)];
    let sim = f.run(40);
    let group = sim.model().launches[Ix::new(0)].group;
    for provider in [Provider::Fargate, Provider::FargateSpot] {
        for zone in sim.model().zones.indices() {
            assert_eq!(sim.world().cluster.group_on_fargate(group, provider, zone), 2);
        }
    }
}

#[test]
fn s_e83_a_new_account_runs_six_fargate_tasks_of_1_vcpu_or_24_of_a_quarter() {
    let check = |cpu, expected| {
        let mut f = Fixture::new(1);
        let web = f.definition("web", cpu, 2048);
        let service = f.service("web", web, 50);
        f.launch_of(service).providers[0].provider = Provider::Fargate;
        f.model.account.fargate_cpu_units = Some(6 * 1024);
        let (sim, story) = f.story(40);
        assert_eq!(sim.world().tasks.len(), expected);
        assert_eq!(placement_failures(&story), [FailureReason::VcpuQuota]);
    };
    check(1024, 6);
    check(256, 24);
}

#[test]
fn tasks_of_windows_run_on_instances_of_the_same_version_only() {
    // Source: amazon-ecs-agent, pull request 3044: `ecs.os-family`.
    let run = |wanted: OsFamily| {
        let mut f = Fixture::new(1);
        let families = [OsFamily::Windows2022Core, OsFamily::Windows2022Full, OsFamily::Linux];
        for (number, family) in families.into_iter().enumerate() {
            let fleet = f.fleet(&format!("f{number}"), 1, (4096, 8192));
            for class in f.model.fleets[fleet].classes.clone() {
                f.model.classes[class].os_family = family;
            }
        }
        let web = f.definition("web", 256, 512);
        f.requirement(web).os_family = wanted;
        f.service("web", web, 3);
        let (sim, story) = f.story(60);
        (running_by_instance(&sim), placement_failures(&story))
    };
    assert_eq!(run(OsFamily::Windows2022Full), (vec![0, 3, 0], vec![]));
    let (running, failures) = run(OsFamily::Windows2019Full);
    assert_eq!(running, [0, 0, 0]);
    assert!(failures.contains(&FailureReason::Attribute), "{failures:?}");
}

/// Tasks that are scaled in before they run are told of in a sentence of their own.
#[test]
fn tasks_that_do_not_run_yet_are_stopped_as_pending_ones() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 5);
    f.model.timing.agent_latency = constant(60.0);
    let set = |desired_count| Action::SetDesiredCount { service, desired_count };
    f.model.actions.push((SimTime::from_secs(100), set(7)));
    f.model.actions.push((SimTime::from_secs(110), set(4)));
    let (_, story) = f.story(111);
    let stopped: Vec<(u32, u32)> = story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::ServiceEvent { event: ServiceEvent::StoppedTasks { count, .. }, .. } => {
                Some((*count, 0))
            }
            Fact::ServiceEvent { event: ServiceEvent::StoppedPendingTasks { count }, .. } => {
                Some((0, *count))
            }
            _ => None,
        })
        .collect();
    assert_eq!(stopped, [(1, 0), (0, 2)], "one of three runs");
}
