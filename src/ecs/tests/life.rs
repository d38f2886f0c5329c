//! The life of a task: states, containers, restarts, stops, queues of submitters, laws.

use super::super::fixture::*;
use super::super::load::fluid::Routing;
use super::super::model::*;
use super::super::{
    ContainerState, Fact, Observer, Owner, ServiceEvent, Sim, StopCode, StopReason, TaskStatus,
    World,
};
use crate::engine::Ix;
use crate::units::{Bytes, SimTime, Span};

/// Tells for each task, by order of creation, when it came to which status.
fn biography(story: &[(f64, Fact)]) -> Vec<Vec<(f64, TaskStatus)>> {
    let mut order = Vec::new();
    let mut lives: Vec<Vec<(f64, TaskStatus)>> = Vec::new();
    for (at, fact) in story {
        match fact {
            Fact::TaskCreated { task } => {
                order.push(*task);
                lives.push(Vec::new());
            }
            Fact::TaskMoved { task, to, .. } => {
                let n = order.iter().position(|other| other == task).expect("it was created");
                lives[n].push((*at, *to));
            }
            _ => {}
        }
    }
    lives
}

#[test]
fn a_fargate_task_goes_through_every_state_with_its_duration() {
    use TaskStatus as S;
    let mut f = Fixture::new(1);
    f.model.images[Ix::new(0)].size = Bytes::mib(100);
    f.model.timing.fargate_provision = constant(15.0);
    f.model.timing.eni_detach = constant(2.0);
    let web = f.definition("web", 256, 512);
    let app = &mut f.model.task_definitions[web].containers[0];
    app.behaviour.start_time = Some(constant(2.5));
    app.behaviour.stop_time = constant(3.0);
    f.model.target_groups.push(TargetGroup {
        name: "web".into(),
        deregistration_delay: Span::secs(300),
        health_check_interval: Span::secs(30),
        first_healthy_checks: 1,
        healthy_checks: 5,
        unhealthy_checks: 2,
        routing: Routing::RoundRobin,
        health_check_timeout: Span::ZERO,
    });
    let service = f.service("web", web, 1);
    f.launch_of(service).providers[0].provider = Provider::Fargate;
    f.model.services[service].target_groups = vec![Ix::new(0)];
    f.model
        .actions
        .push((SimTime::from_secs(100), Action::SetDesiredCount { service, desired_count: 0 }));
    let (_, story) = f.story(1000);
    // Provisioning 15 s, 100 MiB at 10 MiB/s, start 2.5 s; then 300 s of draining, 3 s from
    // SIGTERM to exit, 2 s to detach the interface.
    let expected = [
        (15.0, S::Pending),
        (15.0, S::Activating),
        (27.5, S::Running),
        (100.0, S::Deactivating),
        (400.0, S::Stopping),
        (403.0, S::Deprovisioning),
        (405.0, S::Stopped),
    ];
    assert_eq!(biography(&story), [expected]);
    let group = Ix::new(0);
    let said: Vec<(f64, ServiceEvent)> = story
        .iter()
        .filter_map(|(at, fact)| match fact {
            Fact::ServiceEvent {
                event:
                    event @ (ServiceEvent::RegisteredTargets { .. }
                    | ServiceEvent::DeregisteredTargets { .. }
                    | ServiceEvent::DrainingConnections { .. }),
                ..
            } => Some((*at, *event)),
            _ => None,
        })
        .collect();
    let expected = [
        (27.5, ServiceEvent::RegisteredTargets { count: 1, group }),
        (100.0, ServiceEvent::DeregisteredTargets { count: 1, group }),
        (100.0, ServiceEvent::DrainingConnections { count: 1 }),
    ];
    assert_eq!(said, expected);
    let healthy = story.iter().find(|(_, fact)| matches!(fact, Fact::TaskHealthy { .. }));
    let (at, _) = healthy.expect("its load balancer sees it");
    assert!((27.5..57.5).contains(at), "one check within an interval of 30 s, not at {at}");
}

/// As corrected: of an ALB the first success is enough, whatever the threshold. The 150 s
/// and 10 s of the reference are those of load balancers where it is not.
#[test]
fn a_e115_a_new_target_takes_one_check_of_an_alb_and_interval_times_threshold_of_others() {
    let healthy_at = |(interval, healthy_checks): (u64, u32), first_healthy_checks| {
        let mut f = Fixture::new(1);
        f.fleet("i", 1, (4096, 8192));
        let web = f.definition("web", 256, 512);
        let group = f.model.target_groups.push(TargetGroup {
            name: "web".into(),
            deregistration_delay: Span::secs(300),
            health_check_interval: Span::secs(interval),
            first_healthy_checks,
            healthy_checks,
            unhealthy_checks: 2,
            routing: Routing::RoundRobin,
            health_check_timeout: Span::ZERO,
        });
        let service = f.service("web", web, 1);
        f.model.services[service].target_groups = vec![group];
        let (_, story) = f.story(1000);
        let healthy = story.iter().find(|(_, fact)| matches!(fact, Fact::TaskHealthy { .. }));
        healthy.expect("it becomes healthy").0
    };
    let (default, tuned) = (healthy_at((30, 5), 1), healthy_at((5, 2), 1));
    assert!((0.0..30.0).contains(&default), "ALB, whatever its threshold: {default}");
    assert!((0.0..5.0).contains(&tuned), "ALB: {tuned}");
    assert!((tuned * 6.0 - default).abs() < 1e-3, "the same phase of another interval");
    assert_eq!(healthy_at((30, 5), 5), 150.0, "NLB and Classic: 30 s x 5");
    assert_eq!(healthy_at((5, 2), 2), 10.0, "NLB and Classic: 5 s x 2");
}

#[test]
fn tasks_that_start_together_on_an_instance_share_its_bandwidth_and_images_stay() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    f.model.images[Ix::new(0)].size = Bytes::mib(100);
    let second = f.model.images.push(Image { name: "b".into(), size: Bytes::mib(100) });
    let a = f.definition("a", 256, 512);
    let b = f.definition("b", 256, 512);
    f.model.task_definitions[b].containers[0].image = second;
    f.job("a", a, &[(0, 1, 1000), (100, 1, 1000)], WhenFull::Fail);
    f.job("b", b, &[(0, 1, 1000)], WhenFull::Fail);
    let (_, story) = f.story(200);
    let running: Vec<f64> = biography(&story)
        .iter()
        .map(|life| life.iter().find(|(_, s)| *s == TaskStatus::Running).expect("it ran").0)
        .collect();
    // 200 MiB over 10 MiB/s are 20 s for both; later the image is there.
    assert_eq!(running, [20.0, 20.0, 100.0]);
}

fn two_containers(condition: Condition) -> (Fixture, Ix<TaskDefinition>) {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let mut init = container("init");
    init.essential = false;
    let containers = &mut f.model.task_definitions[web].containers;
    containers[0].depends_on = vec![Dependency { on: 1, condition }];
    containers.push(init);
    (f, web)
}

fn first_running(story: &[(f64, Fact)]) -> Option<f64> {
    let life = biography(story).into_iter().next()?;
    life.iter().find(|(_, s)| *s == TaskStatus::Running).map(|(at, _)| *at)
}

#[test]
fn a_container_waits_for_the_condition_of_its_dependency() {
    let check = |condition, set: fn(&mut Container), expected| {
        let (mut f, web) = two_containers(condition);
        set(&mut f.model.task_definitions[web].containers[1]);
        f.job("web", web, &[(0, 1, 1000)], WhenFull::Fail);
        let (_, story) = f.story(900);
        assert_eq!(first_running(&story), expected, "{condition:?}");
    };
    let ends_after_20_s: fn(&mut Container) = |c| c.behaviour.run_time = Some(constant(20.0));
    let ends_badly: fn(&mut Container) = |c| {
        c.behaviour.run_time = Some(constant(20.0));
        c.behaviour.failure_rate = 1.0;
    };
    let ready_after_45_s: fn(&mut Container) = |c| {
        c.health_check = Some(HealthCheck {
            interval: Span::secs(30),
            timeout: Span::secs(5),
            retries: 3,
            start_period: Span::ZERO,
        });
        c.behaviour.ready_time = constant(45.0);
    };
    check(Condition::Start, ends_after_20_s, Some(0.0));
    check(Condition::Complete, ends_after_20_s, Some(20.0));
    check(Condition::Complete, ends_badly, Some(20.0));
    check(Condition::Success, ends_after_20_s, Some(20.0));
    check(Condition::Success, ends_badly, None);
    check(Condition::Healthy, ready_after_45_s, Some(60.0)); // checks at 30 s and 60 s
}

#[test]
fn containers_stop_in_the_reverse_order_of_their_dependencies() {
    let (mut f, web) = two_containers(Condition::Start);
    for container in &mut f.model.task_definitions[web].containers {
        container.behaviour.stop_time = constant(10.0);
    }
    let service = f.service("web", web, 1);
    f.model
        .actions
        .push((SimTime::from_secs(100), Action::SetDesiredCount { service, desired_count: 0 }));
    let (_, story) = f.story(200);
    let stops: Vec<(f64, u8)> = story
        .iter()
        .filter_map(|(at, fact)| match fact {
            Fact::ContainerStopped { container, .. } => Some((*at, *container)),
            _ => None,
        })
        .collect();
    assert_eq!(stops, [(110.0, 0), (120.0, 1)]);
}

#[test]
fn a_container_that_does_not_end_is_killed_after_its_stop_timeout() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    f.model.task_definitions[web].containers[0].behaviour.stop_time = constant(500.0);
    let service = f.service("web", web, 1);
    f.model
        .actions
        .push((SimTime::from_secs(100), Action::SetDesiredCount { service, desired_count: 0 }));
    let (_, story) = f.story(200);
    let stop = story.iter().find_map(|(at, fact)| match fact {
        Fact::ContainerStopped { exit_code, .. } => Some((*at, *exit_code)),
        _ => None,
    });
    assert_eq!(stop, Some((130.0, Some(137))));
}

#[test]
fn a_restart_policy_restarts_in_place_after_its_attempt_period_only() {
    let check = |run_time, expected_restarts| {
        let mut f = Fixture::new(1);
        f.fleet("i", 1, (4096, 8192));
        let web = f.definition("web", 256, 512);
        let app = &mut f.model.task_definitions[web].containers[0];
        app.behaviour.run_time = Some(constant(run_time));
        app.restart =
            Some(RestartPolicy { attempt_period: Span::secs(300), ignored_exit_codes: Vec::new() });
        f.job("web", web, &[(0, 1, 0)], WhenFull::Fail);
        // The row's own duration is what the essential container runs.
        let job = Ix::new(0);
        let Source::Trace(trace) = &mut f.model.submitters[job].source else { panic!() };
        std::sync::Arc::get_mut(trace).expect("only here").duration.clear();
        let (_, story) = f.story(1000);
        let restarts =
            story.iter().filter(|(_, fact)| matches!(fact, Fact::ContainerRestarted { .. }));
        assert_eq!(restarts.count(), expected_restarts, "ran for {run_time} s");
    };
    check(299.0, 0);
    check(300.0, 3);
}

#[test]
fn a_service_replaces_a_task_that_exits_after_the_reconcile_delay() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    f.model.task_definitions[web].containers[0].behaviour.run_time = Some(constant(50.0));
    f.model.timing.reconcile_delay = constant(15.0);
    f.service("web", web, 1);
    let (_, story) = f.story(160);
    let starts: Vec<f64> = biography(&story)
        .iter()
        .map(|life| life.iter().find(|(_, s)| *s == TaskStatus::Running).expect("it ran").0)
        .collect();
    // S-E85: no throttle however often it exits; 15 s + 50 s a turn.
    assert_eq!(starts, [15.0, 80.0, 145.0]);
}

#[test]
fn a_service_whose_tasks_never_start_is_throttled_up_to_27_minutes() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    f.model.task_definitions[web].containers[0].behaviour.start_failure_rate = 1.0;
    f.service("web", web, 1);
    let (_, story) = f.story(20_000);
    let starts: Vec<f64> = story
        .iter()
        .filter_map(|(at, fact)| matches!(fact, Fact::TaskCreated { .. }).then_some(*at))
        .collect();
    let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [0.0, 0.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1620.0, 1620.0];
    assert_eq!(gaps[..expected.len()], expected);
}

#[test]
fn tasks_that_fail_together_delay_a_service_as_one_does() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    f.model.task_definitions[web].containers[0].behaviour.start_failure_rate = 1.0;
    f.service("web", web, 10);
    let (_, story) = f.story(4000);
    let delays: Vec<(f64, f64)> = story
        .iter()
        .filter_map(|(at, fact)| match fact {
            Fact::ServiceEvent { event: ServiceEvent::StartImpaired { delay }, .. } => {
                Some((*at, delay.as_secs_f64()))
            }
            _ => None,
        })
        .collect();
    let expected = [(0.0, 60.0), (60.0, 120.0), (180.0, 240.0), (420.0, 480.0), (900.0, 960.0)];
    assert_eq!(delays[..5], expected);
}

#[test]
fn what_a_submitter_does_when_nothing_fits() {
    let starts = |when_full| {
        let mut f = Fixture::new(1);
        f.fleet("i", 1, (1024, 8192));
        let job = f.definition("job", 1024, 512);
        f.job("job", job, &[(0, 1, 100), (10, 1, 100)], when_full);
        let (_, story) = f.story(1000);
        story
            .iter()
            .filter_map(|(at, fact)| matches!(fact, Fact::TaskCreated { .. }).then_some(*at))
            .collect::<Vec<f64>>()
    };
    assert_eq!(starts(WhenFull::Fail), [0.0]);
    assert_eq!(starts(WhenFull::Queue), [0.0, 100.0]);
    let retried = starts(WhenFull::Retry { initial: Span::secs(1), max: Span::secs(60) });
    assert_eq!(retried.len(), 2);
    assert!((100.0..160.0).contains(&retried[1]), "within a pause of room: {}", retried[1]);
}

#[test]
fn a_gang_starts_whole_or_not_at_all() {
    let mut f = Fixture::new(1);
    f.fleet("i", 2, (1024, 8192));
    let job = f.definition("job", 512, 512);
    let first = f.job("one", job, &[(0, 1, 100)], WhenFull::Fail);
    let gang = f.job("gang", job, &[(10, 4, 100)], WhenFull::Queue);
    f.model.submitters[gang].gang = true;
    let (_, story) = f.story(1000);
    let _ = first;
    let starts: Vec<f64> = story
        .iter()
        .filter_map(|(at, fact)| matches!(fact, Fact::TaskCreated { .. }).then_some(*at))
        .collect();
    assert_eq!(starts, [0.0, 100.0, 100.0, 100.0, 100.0]);
}

#[test]
fn launch_rates_hold() {
    // Fargate: a bucket of 100 and 20 a second: 500 tasks take 20 s.
    let mut f = Fixture::new(1);
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 500);
    f.launch_of(service).providers[0].provider = Provider::Fargate;
    f.model.account.fargate_launches = Some(RateLimit { burst: 100, per_second: 20.0 });
    let (_, story) = f.story(100);
    let starts: Vec<f64> = story
        .iter()
        .filter_map(|(at, fact)| matches!(fact, Fact::TaskCreated { .. }).then_some(*at))
        .collect();
    assert_eq!(starts.iter().filter(|at| **at == 0.0).count(), 100);
    assert_eq!(starts.len(), 500);
    assert!((starts[499] - 20.0).abs() < 0.01, "the last started at {}", starts[499]);
}

#[test]
fn a_service_launches_500_tasks_a_minute_on_instances() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (65_536, 65_536));
    let web = f.definition("web", 16, 16);
    f.service("web", web, 1100);
    f.model.account.service_launches_on_instances = Some(500);
    let (_, story) = f.story(200);
    let created_at = |secs: f64| {
        let is_one = |(at, fact): &&(f64, Fact)| {
            (at - secs).abs() < 0.01 && matches!(fact, Fact::TaskCreated { .. })
        };
        story.iter().filter(is_one).count()
    };
    assert_eq!([0.0, 60.0, 120.0].map(created_at), [500, 500, 100]);
}

#[test]
fn a_health_check_of_an_earlier_start_does_not_count_for_a_later_one() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let app = &mut f.model.task_definitions[web].containers[0];
    // It is ready after 100 s and ends after 70 s, whenever it starts: its check never passes.
    app.behaviour.run_time = Some(constant(70.0));
    app.behaviour.ready_time = constant(100.0);
    app.health_check = Some(HealthCheck {
        interval: Span::secs(30),
        timeout: Span::secs(5),
        retries: 3,
        start_period: Span::ZERO,
    });
    app.restart =
        Some(RestartPolicy { attempt_period: Span::secs(60), ignored_exit_codes: Vec::new() });
    f.service("web", web, 1);
    let (_, story) = f.story(900);
    let count = |test: fn(&Fact) -> bool| story.iter().filter(|(_, fact)| test(fact)).count();
    assert!(count(|fact| matches!(fact, Fact::ContainerRestarted { .. })) > 10);
    assert_eq!(count(|fact| matches!(fact, Fact::TaskHealthy { .. })), 0);
}

#[test]
fn a_failed_start_is_task_failed_to_start_only_if_the_task_never_ran() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (65_536, 65_536));
    let job = f.definition("job", 16, 16);
    let app = &mut f.model.task_definitions[job].containers[0];
    app.behaviour.start_failure_rate = 0.5;
    app.restart =
        Some(RestartPolicy { attempt_period: Span::secs(60), ignored_exit_codes: Vec::new() });
    f.job("job", job, &[(0, 100, 60)], WhenFull::Fail);
    let (_, story) = f.story(10_000);
    let mut ran = Vec::new();
    let mut codes = [0, 0];
    for (_, fact) in &story {
        match fact {
            Fact::TaskMoved { task, to: TaskStatus::Running, .. } => ran.push(*task),
            Fact::TaskStopRequested { task, reason } => {
                let has_run = ran.contains(task);
                let code = reason.code();
                assert_eq!(code == StopCode::TaskFailedToStart, !has_run, "{reason:?}");
                codes[usize::from(has_run)] += 1;
            }
            _ => {}
        }
    }
    assert!(codes[0] > 30 && codes[1] > 30, "both happen: {codes:?}");
}

#[test]
fn a_container_that_is_not_essential_may_fail_to_start() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    let mut side = container("side");
    side.essential = false;
    side.behaviour.start_failure_rate = 1.0;
    // One more waits for it in vain, and is not essential either.
    let mut after = container("after");
    after.essential = false;
    after.depends_on = vec![Dependency { on: 1, condition: Condition::Start }];
    f.model.task_definitions[web].containers.extend([side, after]);
    f.service("web", web, 1);
    let (sim, story) = f.story(100);
    assert_eq!(running_by_instance(&sim), [1]);
    let never_ran: Vec<u8> = story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::ContainerStopped { container, exit_code: None, .. } => Some(*container),
            _ => None,
        })
        .collect();
    assert_eq!(never_ran, [1, 2]);
}

#[test]
fn runs_under_way_at_the_beginning_end_as_those_met_at_any_instant_do() {
    // The mean rest of a run that is met at random is E[X²] / 2 E[X] (renewal theory).
    let check = |time: crate::engine::Distribution, expected: f64| {
        let mut f = Fixture::new(1);
        f.fleet("i", 1, (65_536, 65_536));
        f.model.initial_state = InitialState::Steady;
        let web = f.definition("web", 16, 16);
        f.model.task_definitions[web].containers[0].behaviour.run_time = Some(time);
        f.model.timing.reconcile_delay = constant(80_000.0);
        f.service("web", web, 4000);
        let (_, story) = f.story(70_000);
        let ends: Vec<f64> = story
            .iter()
            .filter_map(|(at, fact)| matches!(fact, Fact::ContainerStopped { .. }).then_some(*at))
            .collect();
        assert_eq!(ends.len(), 4000);
        let mean = ends.iter().sum::<f64>() / ends.len() as f64;
        assert!((mean / expected - 1.0).abs() < 0.05, "{mean} s, not {expected} s");
    };
    use crate::engine::Distribution as D;
    check(constant(100.0), 50.0);
    check(D::uniform(0.0, 300.0).expect("good"), 100.0);
    check(D::exponential(100.0).expect("good"), 100.0);
}

/// A busy little world with everything in it at once.
fn busy(seed: u64) -> Sim {
    let mut f = Fixture::new(3);
    f.fleet("big", 3, (4096, 8192));
    f.fleet("small", 4, (2048, 3000));
    f.model.images[Ix::new(0)].size = Bytes::mib(37);
    let web = f.definition("web", 300, 700);
    let app = &mut f.model.task_definitions[web].containers[0];
    app.behaviour.crash_rate_per_hour = 6.0;
    app.behaviour.start_failure_rate = 0.1;
    app.behaviour.stop_time = constant(12.0);
    let worker = f.definition("worker", 700, 500);
    f.requirement(worker).awsvpc = true;
    let agent = f.definition("agent", 64, 128);
    let service = f.service("web", web, 12);
    for (at, desired_count) in [(600, 20), (1800, 5), (3000, 14)] {
        f.model
            .actions
            .push((SimTime::from_secs(at), Action::SetDesiredCount { service, desired_count }));
    }
    let daemon = f.service("agent", agent, 0);
    f.model.services[daemon].scheduling = Scheduling::Daemon;
    let rows: Vec<_> = (0..200).map(|n| (n * 17, 1 + (n % 4) as u32, 40 + n * 7 % 300)).collect();
    f.job("retry", worker, &rows, WhenFull::Retry { initial: Span::secs(1), max: Span::secs(60) });
    f.job("queue", worker, &rows, WhenFull::Queue);
    f.model.initial_state = InitialState::Steady;
    Sim::new(std::sync::Arc::new(f.model), crate::engine::Seed { master: seed, replication: 0 })
}

/// Checks after each fact that nothing was made or lost.
#[derive(Default)]
struct Laws {
    created: u64,
    stopped: u64,
}

impl Observer for Laws {
    fn observe(&mut self, _: SimTime, fact: &Fact, world: &World, model: &Model) {
        match fact {
            Fact::TaskCreated { .. } => self.created += 1,
            Fact::TaskMoved { to: TaskStatus::Stopped, .. } => self.stopped += 1,
            _ => {}
        }
        let gone_but_told =
            u64::from(matches!(fact, Fact::TaskMoved { to: TaskStatus::Stopped, .. }));
        assert_eq!(self.created, self.stopped + world.tasks.len() as u64 - gone_but_told);
        for (id, instance) in world.cluster.instances() {
            let total = model.classes[instance.class].registered;
            assert!(total.fits(&instance.remaining()));
            let mut reserved = 0;
            for (_, task) in world.tasks.iter().filter(|(_, task)| task.instance == Some(id)) {
                let daemon = task
                    .service()
                    .is_some_and(|s| model.services[s].scheduling == Scheduling::Daemon);
                if task.last_status < TaskStatus::Stopping && !daemon {
                    reserved += model.requirements[task.requirement].resources.memory_mib;
                }
            }
            let daemon = model.services.indices().find(|&ix| instance.hosts_daemon(ix));
            let daemons = if daemon.is_some() { 128 } else { 0 };
            let free = instance.remaining().memory_mib;
            // A task that has just begun to stop gives back within the same event.
            assert!(total.memory_mib - daemons - free >= reserved, "{id:?} after {fact:?}");
        }
    }
}

#[test]
fn nothing_is_made_or_lost_over_many_seeds() {
    for seed in 0..20 {
        let mut sim = busy(seed);
        let mut laws = Laws::default();
        sim.run_until(SimTime::from_secs(6 * 3600), &mut laws);
        assert!(laws.stopped > 100, "the run was busy: {} stopped", laws.stopped);
        for (_, task) in sim.world().tasks.iter() {
            if let Owner::Submission { .. } = task.owner {
                panic!("every job has ended by now: {task:?}");
            }
        }
    }
}

#[test]
fn a_run_continued_from_a_clone_equals_the_whole() {
    let end = SimTime::from_secs(4000);
    let mut whole = Story::default();
    busy(7).run_until(end, &mut whole);
    for cut in [0, 1, 599, 600, 601, 2500] {
        let mut first = Story::default();
        let mut sim = busy(7);
        sim.run_until(SimTime::from_secs(cut), &mut first);
        let mut copy = sim.clone();
        sim.run_until(SimTime::from_secs(cut + 100), &mut ());
        copy.run_until(end, &mut first);
        assert_eq!(first.facts, whole.facts, "cut at {cut} s");
    }
}

#[test]
fn a_change_that_cannot_matter_changes_nothing() {
    let mut base = Story::default();
    busy(3).run_until(SimTime::from_secs(4000), &mut base);
    let mut changed = busy(3);
    // An image that nobody pulls, and a quota that nobody reaches.
    let mut model = (**changed.model()).clone();
    model.images.push(Image { name: "unused".into(), size: Bytes::mib(5) });
    model.account.fargate_cpu_units = Some(1_000_000);
    changed =
        Sim::new(std::sync::Arc::new(model), crate::engine::Seed { master: 3, replication: 0 });
    let mut other = Story::default();
    changed.run_until(SimTime::from_secs(4000), &mut other);
    assert_eq!(base.facts, other.facts);
}

#[test]
fn an_instant_that_never_ends_is_reported_and_so_is_a_bound() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    // Exits at once and is replaced at once: the model goes in circles.
    f.model.task_definitions[web].containers[0].behaviour.run_time = Some(constant(0.0));
    f.service("web", web, 1);
    let mut sim = f.sim();
    let stop = sim.run_until(SimTime::from_secs(10), &mut ());
    assert!(matches!(stop, super::super::Stop::Livelock(_)), "{stop:?}");

    let mut sim = busy(1);
    let mut model = (**sim.model()).clone();
    model.limits.events = 1000;
    sim = Sim::new(std::sync::Arc::new(model), crate::engine::Seed { master: 1, replication: 0 });
    let stop = sim.run_until(SimTime::from_secs(4000), &mut ());
    assert_eq!(stop, super::super::Stop::LimitReached(super::super::Limit::Events(1000)));
}

#[test]
fn a_steady_start_has_every_task_running_and_healthy_at_once() {
    let mut f = Fixture::new(2);
    f.fleet("i", 4, (4096, 8192));
    f.model.images[Ix::new(0)].size = Bytes::mib(500);
    f.model.initial_state = InitialState::Steady;
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 8);
    let sim = f.run(0);
    let state = &sim.world().services[service];
    assert_eq!((state.desired(), state.active(), state.healthy()), (8, 8, 8));
    assert_eq!(running_by_instance(&sim), [2, 2, 2, 2]);
    for (_, task) in sim.world().tasks.iter() {
        assert!(matches!(task.containers[0].state, ContainerState::Running { .. }));
        assert_eq!(task.stop, None::<StopReason>);
    }
}

#[test]
fn a_replacement_has_been_wanted_since_the_task_before_it_ended() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (4096, 8192));
    let web = f.definition("web", 256, 512);
    f.model.task_definitions[web].containers[0].behaviour.run_time = Some(constant(500.0));
    f.model.timing.reconcile_delay = constant(15.0);
    let service = f.service("web", web, 3);
    // Scaled in and out again, so that slots are free that are not wanted.
    for (at, desired_count) in [(100, 1), (200, 2)] {
        f.model
            .actions
            .push((SimTime::from_secs(at), Action::SetDesiredCount { service, desired_count }));
    }
    let sim = f.run(540);
    let mut waited: Vec<(f64, f64)> = sim
        .world()
        .tasks
        .iter()
        .map(|(_, task)| (task.times.wanted.as_secs_f64(), task.times.created.as_secs_f64()))
        .collect();
    waited.sort_by(f64_pairs);
    // One since the scale-out at 200 s, one since the first task's end at 15 s + 500 s.
    assert_eq!(waited, [(200.0, 215.0), (515.0, 530.0)]);
}

fn f64_pairs(a: &(f64, f64), b: &(f64, f64)) -> std::cmp::Ordering {
    a.partial_cmp(b).expect("times are numbers")
}
