//! CPU credits at work: what containers ask for decides how credits go, and credits how fast work
//! gets done.
//!
//! An instance of a burstable type has one pending event: when its credits, or the work of a
//! container, come to the next point if nothing changes. Every change makes a new one and the
//! number of the old one stale.
//!
//! Containers ask for the CPU that they say they use while they run. Those that say nothing ask for
//! nothing, and are not slowed. When an instance is held to its baseline, all that ask get the same
//! part of what they ask for, and the time that their work takes grows by as much (Assumption: the
//! Linux scheduler shares by CPU weights, which follow what tasks reserve). Not slowed are pulls,
//! starts, health checks and what comes after SIGTERM; nor, as long as there are credits,
//! containers that together ask for more than all vCPUs, which no other kind of instance slows
//! here either. An instance that hangs uses no CPU.

use crate::engine::Id;
use crate::units::{SimTime, Span};

use super::capacity::credits::{Account, Stage};
use super::cluster::Instance;
use super::model::{InstanceClass, Usage};
use super::task::ContainerId;
use super::{ContainerStep, Cx, Event, Fact, Task, World, fault, life, rank};

/// Parts of a microsecond of work, so that rounding it down loses nothing that matters.
const PARTS: u128 = 1 << 20;

/// The credits of an instance, and who asks for its CPU.
#[derive(Clone, Debug)]
pub struct CpuCredits {
    account: Account,
    /// The stage that was told last.
    stage: Stage,
    /// In the order in which they began to run.
    containers: Vec<Runs>,
    /// Parts of a microsecond that each container has worked since there were any.
    worked: u128,
    updated: SimTime,
    is_hung: bool,
    /// Grows with every change, so that what was foreseen before it is known to be stale.
    epoch: u32,
}

/// A container that asks for CPU.
#[derive(Clone, Copy, Debug)]
struct Runs {
    id: ContainerId,
    cpu_units: u32,
    /// How much will have been worked when its own work is done, and its exit code then.
    done: Option<(u128, u8)>,
}

impl CpuCredits {
    /// Makes the credits of an instance that is launched; `None`: its type has none.
    pub(super) fn new(class: &InstanceClass, now: SimTime) -> Option<Box<CpuCredits>> {
        let account = Account::new(class.cpu_credits.as_ref()?, now);
        Some(Box::new(CpuCredits {
            account,
            stage: account.stage(),
            containers: Vec::new(),
            worked: 0,
            updated: now,
            is_hung: false,
            epoch: 0,
        }))
    }

    /// Returns the account as it was at the last change.
    pub fn account(&self) -> &Account {
        &self.account
    }

    fn advance(&mut self, now: SimTime) {
        let passed = u128::from(now.since(self.updated).as_micros());
        self.updated = now;
        if self.containers.is_empty() {
            // Nobody works: the count starts anew, which keeps it small.
            self.worked = 0;
        } else if !self.is_hung {
            let (got, asked) = self.account.pace();
            self.worked += passed * PARTS * got / asked;
        }
        self.account.advance(now);
    }

    /// What is asked for has changed.
    fn ask(&mut self, class: &InstanceClass, now: SimTime) {
        let Some(terms) = &class.cpu_credits else { return };
        let asked: u64 = self.containers.iter().map(|it| u64::from(it.cpu_units)).sum();
        self.account.ask(terms, now, if self.is_hung { 0 } else { asked });
    }

    /// Returns after how long something changes by itself.
    fn next(&self) -> Option<Span> {
        let first = self.containers.iter().filter_map(|it| Some(it.done?.0)).min();
        let (got, asked) = self.account.pace();
        let work = first.filter(|_| !self.is_hung).map(|first| {
            // Rounded up, so that it is done when the event comes.
            let left = (first.saturating_sub(self.worked) * asked).div_ceil(PARTS * got);
            Span::micros(u64::try_from(left).unwrap_or(u64::MAX))
        });
        work.into_iter().chain(self.account.next_change()).min()
    }

    /// Takes out the containers whose work is done.
    fn take_done(&mut self) -> Vec<(ContainerId, u8)> {
        let mut done = Vec::new();
        self.containers.retain(|it| {
            let ended = it.done.filter(|(at, _)| *at <= self.worked);
            done.extend(ended.map(|(_, exit_code)| (it.id, exit_code)));
            ended.is_none()
        });
        done
    }
}

/// Changes the credits of an instance, foresees what comes next, and tells how it stands now.
fn change(
    cx: &mut Cx,
    world: &mut World,
    instance: Id<Instance>,
    change: impl FnOnce(&mut CpuCredits, SimTime),
) {
    let now = cx.now();
    let host = world.cluster.instance_mut(instance);
    let class = &cx.model.classes[host.class];
    let Some(credits) = &mut host.credits else { return };
    credits.advance(now);
    change(credits, now);
    credits.ask(class, now);
    credits.epoch = credits.epoch.wrapping_add(1);
    let stage = credits.account.stage();
    let is_new = std::mem::replace(&mut credits.stage, stage) != stage;
    if let Some(next) = credits.next() {
        let event = Event::CpuCredits(instance, credits.epoch);
        cx.after(next, rank::ENDED, event);
    }
    cx.tell(world, Fact::CpuCredits { instance, stage: is_new.then_some(stage) });
}

/// The instance is launched: it earns from now on.
pub(super) fn launched(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    change(cx, world, instance, |_, _| {});
}

/// The instance is ACTIVE; whoever is when the run begins has been there for long.
pub(super) fn is_active(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    if cx.now() > SimTime::ZERO {
        return;
    }
    let class = world.cluster.instance(instance).class;
    let Some(terms) = &cx.model.classes[class].cpu_credits else { return };
    change(cx, world, instance, |credits, _| credits.account.has_been_there(terms));
}

/// The instance stops.
pub(super) fn stops(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let class = world.cluster.instance(instance).class;
    let Some(terms) = &cx.model.classes[class].cpu_credits else { return };
    change(cx, world, instance, |credits, now| credits.account.stop(now, terms.survives_stop));
}

/// The instance is started again.
pub(super) fn starts(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let class = world.cluster.instance(instance).class;
    let Some(terms) = &cx.model.classes[class].cpu_credits else { return };
    change(cx, world, instance, |credits, now| credits.account.start(terms, now));
}

/// The instance ends, and with it all that runs there.
pub(super) fn ends(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    change(cx, world, instance, |credits, now| {
        credits.containers.clear();
        credits.account.stop(now, false);
    });
}

/// The instance hangs, or does so no more.
pub(super) fn hangs(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    let is_hung = world.cluster.instance(instance).is_hung();
    change(cx, world, instance, |credits, _| credits.is_hung = is_hung);
}

/// Says whether credits decide how fast a container of a task works: it says what CPU it uses, and
/// its instance has credits.
pub(super) fn pace(cx: &Cx, world: &World, task: &Task, usage: Option<Usage>) -> bool {
    usage.is_some() && task.instance.is_some_and(|it| has_credits(cx, world, it))
}

/// Looks at the kind of the instance, which is in its first line of the processor's cache.
fn has_credits(cx: &Cx, world: &World, instance: Id<Instance>) -> bool {
    cx.model.classes[world.cluster.instance(instance).class].cpu_credits.is_some()
}

/// A container runs: it asks for CPU until its work, if it has an end, is done.
pub(super) fn container_runs(
    cx: &mut Cx,
    world: &mut World,
    id: ContainerId,
    (usage, work): (Option<Usage>, Option<(Span, u8)>),
) {
    let (Some(instance), Some(usage)) = (world.tasks[id.0].instance, usage) else { return };
    change(cx, world, instance, |credits, _| {
        let until = |(span, exit_code): (Span, u8)| {
            (credits.worked + u128::from(span.as_micros()) * PARTS, exit_code)
        };
        let runs = Runs { id, cpu_units: usage.cpu_units, done: work.map(until) };
        credits.containers.push(runs);
    });
}

/// A container has ended, whether it had its work done or not.
pub(super) fn container_ended(cx: &mut Cx, world: &mut World, id: ContainerId) {
    let Some(instance) = world.tasks[id.0].instance else { return };
    if !has_credits(cx, world, instance) {
        return;
    }
    let credits = world.cluster.instance(instance).credits.as_ref();
    if credits.is_some_and(|it| it.containers.iter().any(|runs| runs.id == id)) {
        change(cx, world, instance, |credits, _| credits.containers.retain(|it| it.id != id));
    }
}

/// Credits have come to a point, or work is done.
pub(super) fn on_due(cx: &mut Cx, world: &mut World, instance: Id<Instance>, epoch: u32) {
    let host = world.cluster.get(instance);
    if host.and_then(|it| it.credits.as_ref()).is_none_or(|it| it.epoch != epoch) {
        return;
    }
    let mut done = Vec::new();
    change(cx, world, instance, |credits, _| done = credits.take_done());
    for ((task, container), exit_code) in done {
        let Some(entry) = world.tasks.get(task) else { continue };
        let step = ContainerStep::Exits { exit_code };
        let (start, hangs) =
            (life::start_number(entry, container), fault::hangs_of(cx, world, entry));
        let event = Event::Container { task, container, start, step, hangs };
        if !fault::delays(cx, world, event) {
            life::on_container(cx, world, ((task, container), start), step);
        }
    }
}
