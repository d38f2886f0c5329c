//! CPU credits at work: who crawls, for how long, and what is owed.

use super::super::capacity::credits::{Account, CreditTerms, Stage};
use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, Sim};
use crate::engine::{Ix, Purpose, Seed};
use crate::units::{SimTime, Span};

/// A t3.medium: 24 credits an hour, which is a baseline of 0.4 vCPU; it has none at first.
const T3_MEDIUM: CreditTerms = CreditTerms {
    tenths_per_hour: 240,
    cpu_units: 2048,
    unlimited: false,
    launch_credits: 0,
    survives_stop: true,
    initial_millionths: 0,
};

/// A cluster of one instance with these credits, and a definition that uses so much CPU.
fn one_instance(terms: CreditTerms, used: u32) -> (Fixture, Ix<TaskDefinition>) {
    let mut f = Fixture::new(1);
    let fleet = f.fleet("t", 1, (2048, 4096));
    let class = f.model.fleets[fleet].classes[0];
    f.model.classes[class].cpu_credits = Some(terms);
    let definition = using(&mut f, "app", used);
    (f, definition)
}

fn using(f: &mut Fixture, name: &str, cpu_units: u32) -> Ix<TaskDefinition> {
    let definition = f.definition(name, 128, 256);
    let usage = Some(Usage { cpu_units, memory_mib: 100 });
    f.model.task_definitions[definition].containers[0].behaviour.usage = usage;
    definition
}

/// When the processes of containers ended.
fn ends(story: &[(f64, Fact)]) -> Vec<f64> {
    let end = |(at, fact): &(f64, Fact)| match fact {
        Fact::ContainerStopped { exit_code: Some(_), .. } => Some(*at),
        _ => None,
    };
    story.iter().filter_map(end).collect()
}

/// How credits stood anew, and when.
fn stages(story: &[(f64, Fact)]) -> Vec<(f64, Stage)> {
    let new = |(at, fact): &(f64, Fact)| match fact {
        Fact::CpuCredits { stage: Some(stage), .. } => Some((*at, *stage)),
        _ => None,
    };
    story.iter().filter_map(new).collect()
}

fn account(sim: &Sim) -> Account {
    let (_, host) = sim.world().cluster.instances().next().expect("there is an instance");
    let credits = host.credits.as_ref().expect("it has credits");
    credits.account().at(sim.now())
}

/// Tells whether times are those expected, but for the microsecond that rounding up takes.
fn same(times: &[f64], expected: &[f64]) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-4;
    let all = times.len() == expected.len() && times.iter().zip(expected).all(near);
    assert!(all, "{times:?}, not {expected:?}");
}

#[test]
fn work_on_an_instance_without_credits_takes_as_long_as_the_baseline_makes_it() {
    // Ten minutes of a vCPU at 0.4 of it; of both vCPUs at 0.2; below the baseline at once.
    for (used, minutes) in [(1024, 25.0), (2048, 50.0), (409, 10.0)] {
        let (mut f, app) = one_instance(T3_MEDIUM, used);
        f.job("work", app, &[(0, 1, 600)], WhenFull::Fail);
        let (sim, story) = f.story(7200);
        same(&ends(&story), &[minutes * 60.0]);
        let throttled = account(&sim).totals().throttled.as_secs_f64();
        let expected = if used == 409 { 0.0 } else { minutes * 60.0 };
        same(&[throttled], &[expected]);
    }
}

#[test]
fn credits_are_spent_first_and_then_it_crawls() {
    // 57.6 credits and a vCPU: 0.6 of one is spent each minute, for 96 minutes.
    let (mut f, app) = one_instance(CreditTerms { initial_millionths: 100_000, ..T3_MEDIUM }, 1024);
    f.job("work", app, &[(0, 1, 100 * 60)], WhenFull::Fail);
    let (_, story) = f.story(9000);
    assert_eq!(stages(&story)[0], (96.0 * 60.0, Stage::Throttled));
    // Four minutes are left, at 0.4.
    same(&ends(&story), &[106.0 * 60.0]);
    assert_eq!(stages(&story).last().map(|it| it.1), Some(Stage::Covered));
}

#[test]
fn an_unlimited_instance_works_at_full_speed_and_owes() {
    let (mut f, app) = one_instance(CreditTerms { unlimited: true, ..T3_MEDIUM }, 1024);
    f.job("work", app, &[(0, 1, 6000)], WhenFull::Fail);
    let (sim, story) = f.story(6000);
    same(&ends(&story), &[6000.0]);
    assert_eq!(stages(&story)[0], (0.0, Stage::Surplus));
    same(&[account(&sim).surplus().as_f64()], &[60.0]);
}

#[test]
fn tasks_share_the_baseline_as_they_ask_and_one_that_is_left_goes_faster() {
    let (mut f, app) = one_instance(T3_MEDIUM, 1024);
    let half = using(&mut f, "half", 512);
    f.job("work", app, &[(0, 1, 120)], WhenFull::Fail);
    f.job("less", half, &[(0, 1, 240)], WhenFull::Fail);
    let (_, story) = f.story(7200);
    // 1.5 vCPU are asked for, and 0.4 got: the first is done after 450 s, the other has as much
    // left, 120 s, which it does at 0.8.
    same(&ends(&story), &[450.0, 450.0 + 150.0]);
}

#[test]
fn containers_that_do_not_say_what_they_use_are_not_slowed_and_spend_nothing() {
    let (mut f, app) = one_instance(T3_MEDIUM, 2048);
    let silent = f.definition("silent", 128, 256);
    f.job("work", app, &[(0, 1, 600)], WhenFull::Fail);
    f.job("silent", silent, &[(0, 1, 700)], WhenFull::Fail);
    let (_, story) = f.story(7200);
    same(&ends(&story), &[700.0, 3000.0]);
}

#[test]
fn a_restarted_container_and_one_that_fails_by_itself_are_paced_anew() {
    let (mut f, app) = one_instance(T3_MEDIUM, 1024);
    let container = &mut f.model.task_definitions[app].containers[0];
    container.behaviour.run_time = Some(constant(120.0));
    container.behaviour.failure_rate = 1.0;
    container.restart =
        Some(RestartPolicy { attempt_period: Span::secs(60), ignored_exit_codes: Vec::new() });
    f.service("web", app, 1);
    let (_, story) = f.story(1000);
    same(&ends(&story), &[300.0, 600.0, 900.0]);
}

#[test]
fn a_crash_comes_when_it_comes_however_slow_the_work_is() {
    let crash = |terms: Option<CreditTerms>| {
        let (mut f, app) = one_instance(T3_MEDIUM, 2048);
        f.model.classes[Ix::new(0)].cpu_credits = terms;
        f.model.task_definitions[app].containers[0].behaviour.crash_rate_per_hour = 4.0;
        f.job("work", app, &[(0, 1, 36_000)], WhenFull::Fail);
        ends(&f.story(36_000).1)
    };
    let at = crash(None);
    assert!(at[0] < 36_000.0 - 1.0, "it crashes: {at:?}");
    assert_eq!(crash(Some(T3_MEDIUM)), at);
}

#[test]
fn an_instance_that_hangs_does_no_work_and_earns() {
    let (mut f, app) = one_instance(T3_MEDIUM, 2048);
    f.job("work", app, &[(0, 1, 600)], WhenFull::Fail);
    let failure = HostFailure::Hung;
    let lasts = Some(constant(900.0));
    let kind = FaultKind::Instances { fleet: Ix::new(0), count: 1, failure, lasts };
    f.fault(1000, kind);
    let (sim, story) = f.story(7200);
    // 200 s are done at 1,000 s. It hangs for 900 s and earns 6 credits, which last 225 s; the
    // other 175 s are done at 0.2.
    same(&ends(&story), &[1900.0 + 225.0 + 875.0]);
    assert_eq!(account(&sim).totals().charged.rounded(), 0);
}

#[test]
fn work_that_is_done_while_the_agent_is_away_is_told_when_it_is_back() {
    let (mut f, app) = one_instance(T3_MEDIUM, 1024);
    f.job("work", app, &[(0, 1, 120)], WhenFull::Fail);
    let failure = HostFailure::AgentDisconnected;
    let lasts = Some(constant(900.0));
    f.fault(100, FaultKind::Instances { fleet: Ix::new(0), count: 1, failure, lasts });
    let (sim, story) = f.story(1000);
    same(&ends(&story), &[1000.0]);
    // It is done after 300 s, and asks for nothing from then on: 700 s earn 4.67 credits.
    same(&[account(&sim).balance().as_f64()], &[700.0 * 24.0 / 3600.0]);
}

#[test]
fn an_instance_that_is_there_at_first_has_accrued_credits_and_one_that_comes_launch_credits() {
    let mut f = Fixture::new(1);
    let group = f.group("t", (1, 1, 2), (2048, 4096));
    let fleet = f.model.auto_scaling_groups[group].fleet;
    let class = f.model.fleets[fleet].classes[0];
    let terms = CreditTerms { launch_credits: 60, initial_millionths: 500_000, ..T3_MEDIUM };
    f.model.classes[class].cpu_credits = Some(terms);
    f.set_capacity(1000, group, 2);
    let sim = f.run(4600);
    let balances: Vec<f64> = sim
        .world()
        .cluster
        .instances()
        .filter_map(|(_, host)| Some(host.credits.as_ref()?.account().at(SimTime::from_secs(4600))))
        .map(|it| it.balance().as_f64())
        .collect();
    // The first was there for long: half of 576, and 4,600 s of earnings; the other earns since
    // its launch at 1,000 s.
    same(&balances, &[288.0 + 4600.0 / 150.0, 60.0 + 3600.0 / 150.0]);
}

/// EC2 User Guide, "Accrued CPU credits life span": a T3 keeps its credits at a stop, a T2 does not
/// and has new launch credits.
#[test]
fn an_instance_from_a_warm_pool_has_what_is_kept_or_given_and_earns_from_its_start() {
    let of_t2 = CreditTerms { launch_credits: 60, survives_stop: false, ..T3_MEDIUM };
    // It boots for 120 s, earning 0.8 credits, and is started an hour before the end.
    for (terms, expected) in [(T3_MEDIUM, 0.8 + 24.0), (of_t2, 60.0 + 24.0)] {
        let mut f = Fixture::new(1);
        let group = f.group("t", (0, 0, 1), (2048, 4096));
        let spec = &mut f.model.auto_scaling_groups[group];
        spec.user_data = constant(100.0);
        spec.warm_pool = Some(WarmPool {
            min_size: 0,
            max_group_prepared_capacity: None,
            state: WarmState::Stopped,
            has_images: false,
        });
        let fleet = spec.fleet;
        let class = f.model.fleets[fleet].classes[0];
        f.model.classes[class].cpu_credits = Some(terms);
        f.set_capacity(1000, group, 1);
        let sim = f.run(4600);
        let (_, host) = sim.world().cluster.instances().next().expect("it is there");
        let credits = host.credits.as_ref().expect("it has credits");
        let at_end = credits.account().at(SimTime::from_secs(4600));
        same(&[at_end.balance().as_f64()], &[expected]);
    }
}

/// Two runs, one of which is looked at and copied half way, end alike.
#[test]
fn a_run_continued_from_a_copy_is_the_same() {
    let fixture = || {
        let (mut f, app) = one_instance(T3_MEDIUM, 700);
        let rows: Vec<(u64, u32, u64)> = (0..40).map(|n| (n * 211, 1, 100 + n * 7)).collect();
        f.job("work", app, &rows, WhenFull::Queue);
        f
    };
    let (_, whole) = fixture().story(40_000);
    let mut sim = fixture().sim();
    let mut story = Story::default();
    sim.run_until(SimTime::from_secs(5000), &mut story);
    sim.clone().run_until(SimTime::from_secs(40_000), &mut story);
    assert_eq!(story.facts, whole);
}

/// The slow twin: work and credits in steps of a hundredth of a second.
fn by_steps(rows: &[(u64, u64, u32)], mut balance: f64, until: u64) -> Vec<f64> {
    const STEP: f64 = 0.01;
    let mut left: Vec<f64> = rows.iter().map(|row| row.1 as f64).collect();
    let mut ends = vec![f64::NAN; rows.len()];
    for step in 0..until * 100 {
        let now = step as f64 * STEP;
        let runs = |n: usize| rows[n].0 as f64 <= now && left[n] > 0.0;
        let running: Vec<usize> = (0..rows.len()).filter(|&n| runs(n)).collect();
        let wanted: f64 = running.iter().map(|&n| f64::from(rows[n].2) / 1024.0).sum();
        let is_held = balance <= 0.0 && wanted > 0.4;
        let can = if is_held { 0.4 } else { wanted.min(2.0) };
        balance = (balance + (0.4 - can) * STEP / 60.0).clamp(0.0, 576.0);
        for n in running {
            left[n] -= STEP * if is_held { 0.4 / wanted } else { 1.0 };
            if left[n] <= 0.0 {
                ends[n] = now + STEP;
            }
        }
    }
    ends
}

#[test]
fn random_work_ends_when_a_twin_that_takes_small_steps_says() {
    for case in 0..6_u64 {
        let luck = Seed { master: case, replication: 0 }.luck("work");
        let dice = |n: u64, below: u32| luck.part(n).below(Purpose::new("dice"), below);
        let rows: Vec<(u64, u64, u32)> = (0..12)
            .map(|n| {
                let (at, work) = (dice(3 * n, 4000), 1 + dice(3 * n + 1, 600));
                (u64::from(at), u64::from(work), 1 + dice(3 * n + 2, 1200))
            })
            .collect();
        let terms = CreditTerms { initial_millionths: 20_000, ..T3_MEDIUM };
        let (mut f, _) = one_instance(terms, 0);
        for (n, &(at, work, used)) in rows.iter().enumerate() {
            let definition = using(&mut f, &format!("d{n}"), used);
            f.job(&format!("job{n:02}"), definition, &[(at, 1, work)], WhenFull::Fail);
        }
        let until = 30_000;
        let mut ours = ends(&f.story(until).1);
        let mut theirs = by_steps(&rows, 11.52, until);
        theirs.sort_by(f64::total_cmp);
        ours.sort_by(f64::total_cmp);
        assert_eq!(ours.len(), rows.len(), "case {case}");
        for (a, b) in ours.iter().zip(&theirs) {
            assert!((a - b).abs() < 1.0, "case {case}: {ours:?} and {theirs:?}");
        }
    }
}

/// However many there are, they do together what the baseline can: 0.4 vCPU.
#[test]
fn tasks_that_ask_for_more_than_there_is_share_the_baseline_too() {
    let last = |count: u32| {
        let (mut f, _) = one_instance(CreditTerms { initial_millionths: 0, ..T3_MEDIUM }, 0);
        let definition = using(&mut f, "one", 1024);
        f.job("job", definition, &[(0, count, 3600)], WhenFull::Fail);
        *ends(&f.story(200_000).1).last().expect("they end")
    };
    for count in [1, 2, 4, 8] {
        let expected = f64::from(count) * 3600.0 / 0.4;
        assert!(
            (last(count) - expected).abs() < 1.0,
            "{count}: {} and not {expected}",
            last(count)
        );
    }
}
