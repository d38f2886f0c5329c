//! A second service stands in while the first finds no capacity.

use super::super::capacity::spot::Hazard;
use super::super::fixture::*;
use super::super::model::*;
use super::super::{Fact, Sim};
use crate::engine::Ix;
use crate::units::{SimTime, Span};

const HOUR: u64 = 3600;

/// Ten tasks on Fargate Spot in one zone, and a standby on Fargate that is looked at each minute.
fn with_standby() -> (Fixture, Ix<Service>, Ix<Service>) {
    let mut f = Fixture::new(1);
    f.model.fargate_spot_hazard = Hazard::per_hour(0.5).expect("a rate");
    f.model.initial_state = InitialState::Steady;
    f.model.duration = Span::secs(400 * HOUR);
    let web = f.definition("web", 256, 512);
    let service = f.service("web", web, 10);
    f.launch_of(service).providers = vec![StrategyItem::only(Provider::FargateSpot)];
    let standby = f.service("standby", web, 0);
    f.launch_of(standby).providers = vec![StrategyItem::only(Provider::Fargate)];
    f.model.fallbacks.push(Fallback {
        name: "web".into(),
        service,
        standby,
        interval: Span::MINUTE,
        after: Span::secs(120),
        back_after: Span::secs(300),
    });
    (f, service, standby)
}

/// What the two have after each minute.
fn minutes(f: Fixture, each: impl Fn(&Sim) -> u32) -> Vec<u32> {
    let mut sim = f.sim();
    let after = |minute: u64| {
        sim.run_until(SimTime::from_secs(minute * 60), &mut ());
        each(&sim)
    };
    (1..=400 * 60).map(after).collect()
}

#[test]
fn together_they_are_never_short_for_longer_than_it_takes_to_see_it() {
    let healthy = |sim: &Sim, of: &[Ix<Service>]| -> u32 {
        of.iter().map(|&it| sim.world().services[it].healthy()).sum()
    };
    let (f, service, standby) = with_standby();
    let both = minutes(f, |sim| healthy(sim, &[service, standby]));
    let mut f = with_standby().0;
    f.model.fallbacks = Default::default();
    let alone = minutes(f, |sim| healthy(sim, &[service]));
    let longest = |counts: &[u32]| {
        counts.split(|count| *count >= 10).map(<[u32]>::len).max().unwrap_or_default()
    };
    let short = |counts: &[u32]| counts.iter().filter(|count| **count < 10).count();
    // Droughts last two hours on average; the controller sees them within a minute and acts after
    // two, and then tasks take 40 seconds to count as healthy. Sometimes one comes after another.
    assert!(longest(&alone) > 60, "{}", longest(&alone));
    assert!((3..=10).contains(&longest(&both)), "{}", longest(&both));
    let (alone, both) = (short(&alone), short(&both));
    assert!(both > 0 && both * 10 < alone, "{both} minutes, not {alone}");
}

#[test]
fn the_standby_has_what_was_missing_and_nothing_when_it_is_over() {
    let (f, service, standby) = with_standby();
    let (sim, story) = f.story(400 * HOUR);
    let mut standing_in = 0;
    let mut stands = 0;
    for (_, fact) in &story {
        let Fact::Fallback { missing, from, to, .. } = *fact else { continue };
        assert_eq!(from, standing_in);
        assert!(to == missing && (to == 0 || to > from), "{from} to {to}, {missing} missing");
        standing_in = to;
        stands += u32::from(from == 0);
    }
    assert!(stands > 10, "{stands} droughts");
    assert_eq!(sim.world().services[standby].desired(), standing_in);
    assert_eq!(sim.world().services[service].desired(), 10);
    // The first is told apart by the provider, so that none of its tasks is on Fargate.
    let tasks = sim.world().tasks.iter();
    let wrong = tasks.filter(|(_, task)| {
        (task.provider == Provider::Fargate) != (task.service() == Some(standby))
    });
    assert_eq!(wrong.count(), 0);
}
