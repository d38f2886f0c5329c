//! Tasks on Fargate Spot: interrupted, stopped in time, replaced on Fargate Spot alone.

use super::super::capacity::spot::Hazard;
use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, FailureReason, ServiceEvent, Sim, StopReason, TaskStatus};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

const HOUR: u64 = 3600;

fn on_spot(zones: usize, per_hour: f64, desired_count: u32) -> (Fixture, Ix<Service>) {
    let mut f = Fixture::new(zones);
    f.model.fargate_spot_hazard = Hazard::per_hour(per_hour).expect("a rate");
    f.model.initial_state = InitialState::Steady;
    f.model.duration = Span::secs(100_000_000);
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, desired_count);
    f.launch_of(service).providers = vec![StrategyItem::only(Provider::FargateSpot)];
    (f, service)
}

/// When tasks got their notices, in seconds.
fn notices(story: &[(f64, Fact)]) -> Vec<f64> {
    let noticed = |(at, fact): &(f64, Fact)| match fact {
        Fact::TaskStopRequested { reason: StopReason::SpotInterruption, .. } => Some(*at),
        _ => None,
    };
    story.iter().filter_map(noticed).collect()
}

fn stops(story: &[(f64, Fact)]) -> Vec<f64> {
    let stopped = |(at, fact): &(f64, Fact)| {
        matches!(fact, Fact::TaskMoved { to: TaskStatus::Stopped, .. }).then_some(*at)
    };
    story.iter().filter_map(stopped).collect()
}

fn running(sim: &Sim) -> usize {
    let tasks = sim.world().tasks.iter();
    tasks.filter(|(_, task)| task.last_status == TaskStatus::Running).count()
}

/// How long after its first notice the first task is STOPPED.
fn grace(change: impl FnOnce(&mut Fixture, Ix<Service>)) -> f64 {
    let (mut f, service) = on_spot(1, 0.05, 4);
    let definition = f.model.services[service].task_definition;
    let container = &mut f.model.task_definitions[definition].containers[0];
    container.behaviour.stop_time = constant(1000.0);
    container.stop_timeout = Span::secs(30);
    change(&mut f, service);
    let (_, story) = f.story(2000 * HOUR);
    stops(&story)[0] - notices(&story)[0]
}

#[test]
fn s_e80_a_task_is_killed_after_its_stop_timeout_and_two_minutes_at_last() {
    assert_eq!(grace(|_, _| {}), 30.0);
    let timeout = |f: &mut Fixture, service: Ix<Service>, secs| {
        let definition = f.model.services[service].task_definition;
        f.model.task_definitions[definition].containers[0].stop_timeout = Span::secs(secs);
    };
    assert_eq!(grace(|f, service| timeout(f, service, 120)), 120.0);
    let drains = |f: &mut Fixture, service: Ix<Service>, secs| {
        let group = f.balance(service);
        f.model.target_groups[group].deregistration_delay = Span::secs(secs);
    };
    // With SIGTERM at the notice the delay does not matter.
    assert_eq!(grace(|f, service| drains(f, service, 60)), 30.0);
    let first = Deregistration::BeforeSigterm;
    let drains_first = |f: &mut Fixture, service, secs| {
        drains(f, service, secs);
        f.model.fargate_spot_deregistration = first;
    };
    assert_eq!(grace(|f, service| drains_first(f, service, 60)), 90.0);
    assert_eq!(grace(|f, service| drains_first(f, service, 110)), 120.0);
    assert_eq!(grace(|f, service| drains_first(f, service, 300)), 120.0);
}

#[test]
fn s_e81_a_single_task_is_away_until_there_is_capacity_again() {
    let (f, service) = on_spot(1, 0.02, 1);
    let (sim, story) = f.story(3000 * HOUR);
    let refused = story.iter().filter(|(_, fact)| {
        matches!(
            fact,
            Fact::ServiceEvent { event: ServiceEvent::UnableToPlace { failure, .. }, .. }
                if failure.reason == FailureReason::Capacity
        )
    });
    assert!(refused.count() > 5);
    let created =
        |(at, fact): &(f64, Fact)| matches!(fact, Fact::TaskCreated { .. }).then_some(*at);
    let created: Vec<f64> = story.iter().filter_map(created).collect();
    let noticed = notices(&story);
    let away: Vec<f64> =
        noticed.iter().zip(&created[1..]).map(|(gone, back)| back - gone).collect();
    // Some are struck alone and come back at once; in a drought it takes as long as that lasts.
    assert!(away.iter().any(|secs| *secs < 60.0), "{away:?}");
    assert!(away.iter().any(|secs| *secs > 1800.0), "{away:?}");
    assert!(running(&sim) <= 1);
    assert_eq!(sim.world().services[service].desired(), 1);
}

#[test]
fn s_e65_what_fargate_spot_cannot_take_does_not_go_to_fargate() {
    let (mut f, service) = on_spot(1, 1.0, 10);
    f.launch_of(service).providers = vec![
        StrategyItem { base: 5, ..StrategyItem::only(Provider::FargateSpot) },
        StrategyItem::only(Provider::Fargate),
    ];
    let mut sim = f.sim();
    let mut fewest = 10;
    for hour in 1..200 {
        sim.run_until(SimTime::from_secs(hour * HOUR), &mut ());
        let tasks = sim.world().tasks.iter();
        let fargate = tasks.filter(|(_, task)| task.provider == Provider::Fargate).count();
        assert_eq!(fargate, 2, "base 5, and 2 of 5 beyond");
        fewest = fewest.min(running(&sim));
    }
    assert!(fewest < 10);
}

#[test]
fn tasks_are_interrupted_as_often_as_the_hazard_says() {
    let (f, _) = on_spot(3, 0.01, 60);
    let hours = 20_000;
    let mut sim = f.sim();
    let (mut story, mut task_hours) = (Story::default(), 0.0);
    for hour in 1..=hours {
        sim.run_until(SimTime::from_secs(hour * HOUR), &mut story);
        task_hours += running(&sim) as f64;
    }
    let rate = notices(&story.facts).len() as f64 / task_hours;
    assert!((rate / 0.01 - 1.0).abs() < 0.1, "{rate} per task and hour");
}

#[test]
fn another_service_changes_no_notice() {
    let alone = on_spot(2, 0.02, 6).0;
    let (mut both, _) = on_spot(2, 0.02, 6);
    let other = both.definition("other", 256, 512);
    let service = both.service("other", other, 5);
    both.launch_of(service).providers = vec![StrategyItem::only(Provider::FargateSpot)];
    let of_web = |f: Fixture| -> Vec<f64> {
        let (_, story) = f.story(1000 * HOUR);
        let mut web = std::collections::BTreeSet::new();
        let mut noticed = Vec::new();
        let mut tasks = 0;
        for (at, fact) in &story {
            match fact {
                Fact::TaskCreated { task } => {
                    // Services are filled in their order.
                    tasks += 1;
                    if tasks <= 6 {
                        web.insert(*task);
                    }
                }
                Fact::TaskStopRequested { task, reason: StopReason::SpotInterruption }
                    if web.contains(task) =>
                {
                    noticed.push(*at);
                }
                _ => {}
            }
        }
        noticed
    };
    let noticed = of_web(alone);
    assert_eq!(noticed.len(), 6);
    assert_eq!(of_web(both), noticed);
}
