//! Whoever calls RunTask: order, rates, calls that are refused in part.

use super::super::fixture::*;
use super::super::model::*;
use super::super::placement::query::Query;
use super::super::{Fact, Limit, Owner, Stop};
use crate::units::SimTime;

/// Returns when each task was created, and of which row it is.
fn creations(f: Fixture, secs: u64) -> Vec<(f64, u32)> {
    struct Rows(Vec<(f64, u32)>);
    impl super::super::Observer for Rows {
        fn observe(&mut self, at: SimTime, fact: &Fact, world: &super::super::World, _: &Model) {
            if let Fact::TaskCreated { task } = *fact
                && let Owner::Submission { row, .. } = world.tasks[task].owner
            {
                self.0.push((at.as_secs_f64(), row));
            }
        }
    }
    let mut rows = Rows(Vec::new());
    f.sim().run_until(SimTime::from_secs(secs), &mut rows);
    rows.0
}

fn on_fargate(f: &mut Fixture, job: crate::engine::Ix<Submitter>, items: &[(Provider, u32)]) {
    let launch = f.model.submitters[job].launch;
    f.model.launches[launch].providers = items
        .iter()
        .map(|&(provider, weight)| StrategyItem { weight, ..StrategyItem::only(provider) })
        .collect();
    let size = f.model.task_definitions[f.model.submitters[job].task_definition].fargate;
    let requirements = f.model.requirements.len();
    let Source::Trace(trace) = &mut f.model.submitters[job].source else { panic!("a trace") };
    std::sync::Arc::get_mut(trace).expect("only here").fargate = vec![size; requirements];
}

#[test]
fn a_queue_is_first_in_first_out_while_calls_are_throttled_too() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (65_536, 65_536));
    f.model.account.api_calls = Some(RateLimit { burst: 1, per_second: 1.0 });
    let job = f.definition("job", 256, 512);
    f.job("job", job, &[(0, 25, 1000), (1, 1, 1000), (1, 1, 1000)], WhenFull::Queue);
    let created = creations(f, 100);
    let rows: Vec<u32> = created.iter().map(|(_, row)| *row).collect();
    assert_eq!(rows.len(), 27);
    assert!(rows.is_sorted(), "row after row: {rows:?}");
    // Three calls for the first row, one for each of the others, a second apart.
    assert!((created[26].0 - 4.0).abs() < 0.01, "the last began at {}", created[26].0);
}

#[test]
fn a_gang_pays_for_all_its_calls() {
    let mut f = Fixture::new(1);
    f.fleet("i", 1, (65_536, 65_536));
    f.model.account.api_calls = Some(RateLimit { burst: 5, per_second: 1.0 });
    let job = f.definition("job", 16, 16);
    let gang = f.job("gang", job, &[(0, 100, 1000), (1, 1, 1000)], WhenFull::Fail);
    f.model.submitters[gang].gang = true;
    let created = creations(f, 100);
    assert_eq!(created.iter().filter(|(at, _)| *at == 0.0).count(), 100);
    // Ten calls of which five were there: the eleventh waits for six more.
    assert!((created[100].0 - 6.0).abs() < 0.01, "the next began at {}", created[100].0);
}

#[test]
fn fargate_takes_twenty_run_task_calls_a_second() {
    let mut f = Fixture::new(1);
    f.model.account.fargate_run_task_calls = Some(RateLimit { burst: 20, per_second: 20.0 });
    let job = f.definition("job", 256, 512);
    let job = f.job("job", job, &[(0, 400, 1000)], WhenFull::Fail);
    on_fargate(&mut f, job, &[(Provider::Fargate, 1)]);
    let created = creations(f, 100);
    assert_eq!(created.iter().filter(|(at, _)| *at == 0.0).count(), 200);
    assert_eq!(created.len(), 400);
    assert!((created[399].0 - 1.0).abs() < 0.01, "20 more in a second, not {}", created[399].0);
}

#[test]
fn tasks_that_one_provider_refuses_do_not_hold_up_those_of_another() {
    let mut f = Fixture::new(1);
    f.model.account.fargate_cpu_units = Some(2 * 256);
    let job = f.definition("job", 256, 512);
    let job = f.job("job", job, &[(0, 10, 1000)], WhenFull::Fail);
    on_fargate(&mut f, job, &[(Provider::Fargate, 1), (Provider::FargateSpot, 1)]);
    let (sim, story) = f.story(10);
    let on = |provider| sim.world().tasks.iter().filter(|(_, t)| t.provider == provider).count();
    // Five each; the quota of Fargate lets two of its five start, and nothing spills over.
    assert_eq!((on(Provider::Fargate), on(Provider::FargateSpot)), (2, 5));
    let missing: Vec<u32> = story
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::RunTaskFailed { missing, .. } => Some(*missing),
            _ => None,
        })
        .collect();
    assert_eq!(missing, [3]);
}

#[test]
fn a_row_of_very_many_tasks_meets_the_bound_on_tasks_on_its_way() {
    let mut f = Fixture::new(1);
    f.model.limits.tasks = 2_000;
    let job = f.definition("job", 256, 512);
    let job = f.job("job", job, &[(0, u32::MAX, 1000)], WhenFull::Fail);
    on_fargate(&mut f, job, &[(Provider::Fargate, 1), (Provider::FargateSpot, 3)]);
    let mut sim = f.sim();
    let stop = sim.run_until(SimTime::from_secs(10), &mut ());
    assert_eq!(stop, Stop::LimitReached(Limit::Tasks(2_000)));
    let tasks = sim.world().tasks.len();
    assert!((2_000..=3_000).contains(&tasks), "{tasks} tasks");
}

/// What a job in a queue waits for may be a task, not room: to come, or to go.
#[test]
fn a_queue_looks_again_when_tasks_that_its_constraints_ask_about_come_and_go() {
    let begin = |constraint: &str| {
        let mut f = Fixture::new(1);
        f.fleet("i", 1, (4096, 4096));
        let other = f.definition("other", 256, 256);
        f.job("other", other, &[(50, 1, 200)], WhenFull::Fail);
        let job = f.definition("job", 256, 256);
        let job = f.job("job", job, &[(100, 1, 10)], WhenFull::Queue);
        let launch = f.model.submitters[job].launch;
        let query = Query::parse(constraint).expect("it is well formed");
        f.model.launches[launch].constraints.push(PlacementConstraint::MemberOf(query));
        f.model.submitters[job].source = match &f.model.submitters[job].source {
            Source::Trace(trace) => {
                let mut trace = JobTrace::clone(trace);
                if !constraint.starts_with("not") {
                    trace.arrival[0] = SimTime::from_secs(10);
                }
                Source::Trace(std::sync::Arc::new(trace))
            }
            source @ Source::Schedule { .. } => source.clone(),
        };
        creations(f, 400)[1].0
    };
    assert_eq!(begin("task:group == family:other"), 50.0, "the other has come");
    assert_eq!(begin("not(task:group == family:other)"), 250.0, "it has gone");
}
