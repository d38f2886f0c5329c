//! The fast choice: for each way to launch, instances in order, kept up to date by what changes.
//!
//! The instances of a cluster fall into *parts*, in each of which all share the values that the
//! strategy spreads over. Within a part only numbers of the instance itself count, so it is a
//! sorted list; the best of the whole is the best of the parts' best. A list holds what it needs
//! to find the first that fits any of many requirements; it is brought up to date when it is
//! asked, by looking again at those instances that have changed since.

use std::cmp::Ordering;

use smallvec::SmallVec;

use crate::engine::{Id, Ix};

use super::super::PlacementFailure;
use super::super::cluster::Instance;
use super::super::model::{Launch, PlacementConstraint, PlacementStrategy, Zone};
use super::explained::Explanations;
use super::fits::Fits;
use super::ladder::{Entry, Key, Ladder};
use super::lottery::Lottery;
use super::{Ask, RANDOM_PLACEMENT, View, check, free_subnet, scan};

/// At most so many instances are in all indexes together; about 50 bytes each.
const MOST_ENTRIES: usize = 1_600_000;
/// At most so many indexes are kept, however small the cluster.
const MOST_INDEXES: usize = 64;
/// And at least so many, however large.
const FEWEST_INDEXES: usize = 4;
/// An index is built for a launch that has asked so often; it costs about as many scans.
const SCANS_FIRST: u32 = if cfg!(test) { 2 } else { 8 };
/// Beyond so many parts, what is drawn at random is scanned for.
const MOST_PARTS: usize = 256;

/// How an instance is found. Both ways find the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// By indexes of the launches that ask often.
    #[default]
    Index,
    /// By looking at every instance each time.
    Scan,
}

/// Chooses instances, and remembers what makes it fast.
#[derive(Clone, Debug, Default)]
pub struct Placer {
    method: Method,
    /// For each launch, as many as the longest strategy has items.
    launches: Vec<Remembered>,
    /// How many those are.
    items: usize,
    asks: u64,
    explanations: Explanations,
}

/// What is remembered of a launch.
#[derive(Clone, Debug, Default)]
struct Remembered {
    /// How often it was scanned for since it last had an index.
    scans: u32,
    last_ask: u64,
    index: Option<Box<LaunchIndex>>,
}

impl Placer {
    /// Chooses by this method from now on.
    pub fn use_method(&mut self, method: Method) {
        self.method = method;
    }

    /// Chooses the instance that the strategy prefers among those that fit.
    pub(super) fn choose(&mut self, view: &View, ask: &Ask) -> Option<Id<Instance>> {
        if self.method == Method::Scan {
            return scan::choose(view, ask);
        }
        self.asks += 1;
        if self.launches.is_empty() {
            let launches = view.model.launches.iter();
            self.items = launches.map(|(_, it)| it.providers.len()).max().unwrap_or(1);
            self.launches.resize_with(self.items * view.model.launches.len(), Remembered::default);
        }
        let at = self.items * ask.launch.index() + usize::from(ask.item);
        let remembered = &mut self.launches[at];
        remembered.last_ask = self.asks;
        if remembered.index.is_none() {
            remembered.scans += 1;
            if remembered.scans <= SCANS_FIRST {
                return scan::choose(view, ask);
            }
            self.make_room(view.cluster.members(view.model.launches[ask.launch].cluster).len());
            self.launches[at].index = Some(Box::new(LaunchIndex::new(view, ask)));
        }
        self.launches[at].index.as_mut()?.choose(view, ask)
    }

    /// Forgets the index that was not asked for longest, if there are as many as may be.
    fn make_room(&mut self, members: usize) {
        let most = (MOST_ENTRIES / members.max(1)).clamp(FEWEST_INDEXES, MOST_INDEXES);
        let kept = || self.launches.iter().enumerate().filter(|(_, launch)| launch.index.is_some());
        if kept().count() < most {
            return;
        }
        if let Some((oldest, _)) = kept().min_by_key(|(_, launch)| launch.last_ask) {
            self.launches[oldest] = Remembered::default();
        }
    }

    /// Says why there is no instance.
    pub(super) fn explain(&mut self, view: &View, ask: &Ask) -> PlacementFailure {
        match self.method {
            Method::Scan => check::explain(view, ask),
            Method::Index => self.explanations.explain(view, ask),
        }
    }
}

/// A number of an instance that a rule looks at; smaller is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    FreeCpu,
    FreeMemory,
    TasksOfGroup,
}

/// A rule of the strategy.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Fewest tasks of the group on instances that share the part's value at this position.
    Attribute(usize),
    /// The least number at this position of the key.
    Number(usize),
}

/// Instances that share the values of all attributes that the strategy spreads over.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// The numbers of these values.
    values: SmallVec<[u32; 2]>,
    /// The zone that must have a free address, where subnets are named.
    zone: Option<Ix<Zone>>,
}

/// How the instances of all parts are kept.
#[derive(Clone, Debug)]
enum Order {
    /// In the order in which they are taken.
    Ladder(Ladder),
    /// In no other order than that of registration: any of them is taken.
    Lottery(Lottery),
}

/// The instances that tasks of one launch can go to.
#[derive(Clone, Debug)]
struct LaunchIndex {
    launch: Ix<Launch>,
    rules: Vec<Rule>,
    /// Whether, of two parts equal by the first rule, the better key is the better instance.
    keys_decide: bool,
    numbers: SmallVec<[Number; 3]>,
    random: bool,
    parts: Vec<Part>,
    /// For each kind of instance, its part.
    part_of: Vec<Option<u32>>,
    fits: Fits,
    order: Order,
    /// For each slot, whether constraints that never change hold there, and for whom.
    settled: Vec<Option<(u32, bool)>>,
    /// Changes of the cluster that are taken in.
    seen: u64,
    /// The parts in question now, and their tasks of the group if the first rule spreads them.
    candidates: Vec<(u32, usize)>,
}

/// What is to be known of an instance.
struct Standing {
    part: usize,
    order: u32,
    key: Key,
    fits: u64,
}

impl LaunchIndex {
    /// Builds the index of a launch, for one item of its strategy.
    fn new(view: &View, ask: &Ask) -> LaunchIndex {
        let launch = &view.model.launches[ask.launch];
        let random = launch.strategy.iter().position(|rule| *rule == PlacementStrategy::Random);
        let mut numbers: SmallVec<[Number; 3]> = SmallVec::new();
        let mut rules = Vec::new();
        let mut attributes: SmallVec<[usize; 2]> = SmallVec::new();
        for rule in &launch.strategy[..random.unwrap_or(launch.strategy.len())] {
            let number = match rule {
                PlacementStrategy::BinpackCpu => Number::FreeCpu,
                PlacementStrategy::BinpackMemory => Number::FreeMemory,
                PlacementStrategy::SpreadInstance => Number::TasksOfGroup,
                PlacementStrategy::SpreadAttribute(name) => {
                    rules.push(Rule::Attribute(attributes.len()));
                    attributes.push(view.cluster.spread_attribute(name));
                    continue;
                }
                PlacementStrategy::Random => continue,
            };
            add_number(&mut rules, &mut numbers, number);
        }
        if random.is_none() {
            add_number(&mut rules, &mut numbers, Number::TasksOfGroup);
        }
        let (parts, part_of) = divide(view, ask, &attributes);
        let fits = Fits::new(view.model, ask.requirement);
        let mut index = LaunchIndex {
            launch: ask.launch,
            keys_decide: rules.iter().skip(1).all(|rule| matches!(rule, Rule::Number(_))),
            rules,
            numbers,
            random: random.is_some(),
            parts,
            part_of,
            fits,
            order: Order::Lottery(Lottery::default()),
            settled: Vec::new(),
            seen: 0,
            candidates: Vec::new(),
        };
        index.build(view);
        index
    }

    /// Looks at all instances.
    fn build(&mut self, view: &View) {
        let members = view.cluster.members(view.model.launches[self.launch].cluster);
        let slots = members.iter().map(|instance| instance.slot() as u32);
        if self.numbers.is_empty() {
            let mut lottery = Lottery::new(self.parts.len(), self.fits.kinds());
            for slot in slots {
                lottery.set(slot, self.look(view, slot).map(|it| (it.part, it.order, it.fits)));
            }
            self.order = Order::Lottery(lottery);
        } else {
            let entry = |slot| Some((slot, self.look(view, slot)?.entry()?));
            let entries = slots.filter_map(entry).collect();
            self.order = Order::Ladder(Ladder::new(self.parts.len(), entries));
        }
        self.seen = view.cluster.change_count();
    }

    /// Looks again at what has changed.
    fn catch_up(&mut self, view: &View) {
        let members = view.cluster.members(view.model.launches[self.launch].cluster).len();
        let worn = match &self.order {
            Order::Ladder(ladder) => ladder.is_worn(members),
            Order::Lottery(lottery) => lottery.is_worn(),
        };
        let Some(slots) = view.cluster.changed_since(self.seen).filter(|_| !worn) else {
            return self.build(view);
        };
        let mut last = None;
        for &slot in slots {
            // Room and tasks of an instance mostly change together.
            if last == Some(slot) {
                continue;
            }
            last = Some(slot);
            let standing = self.look(view, slot);
            match &mut self.order {
                Order::Ladder(ladder) => ladder.set(slot, standing.and_then(|it| it.entry())),
                Order::Lottery(lottery) => {
                    lottery.set(slot, standing.map(|it| (it.part, it.order, it.fits)));
                }
            }
        }
        self.seen = view.cluster.change_count();
    }

    /// Looks at an instance; `None` if it is gone or not for this launch.
    #[inline(always)]
    fn look(&mut self, view: &View, slot: u32) -> Option<Standing> {
        let (id, host) = view.cluster.occupant(slot)?;
        let part = self.part_of[host.class.index()]? as usize;
        let mut fits = if host.accepts_tasks() { self.fits.of_instance(host) } else { 0 };
        if fits != 0 && !self.is_allowed(view, id, host) {
            fits = 0;
        }
        let group = view.model.launches[self.launch].group;
        let mut key = 0;
        for number in &self.numbers {
            let number = match number {
                Number::FreeCpu => host.remaining().cpu_units,
                Number::FreeMemory => host.remaining().memory_mib,
                Number::TasksOfGroup => view.cluster.group_on_instance(group, id),
            };
            key = key << 32 | Key::from(number);
        }
        key = key << 32 | Key::from(host.order());
        Some(Standing { part, order: host.order(), key, fits })
    }

    /// Says whether the constraints hold on the instance.
    fn is_allowed(&mut self, view: &View, id: Id<Instance>, host: &Instance) -> bool {
        let launch = &view.model.launches[self.launch];
        if launch.constraints.is_empty() {
            return true;
        }
        let group = check::Group { model: view.model, cluster: view.cluster, launch };
        let settles = |constraint: &&PlacementConstraint| match constraint {
            PlacementConstraint::DistinctInstance => false,
            PlacementConstraint::MemberOf(query) => !query.depends_on_tasks(),
        };
        let mut constraints = launch.constraints.iter();
        if !constraints.all(|it| settles(&it) || check::holds(&group, it, id)) {
            return false;
        }
        let mut settling = launch.constraints.iter().filter(settles).peekable();
        if settling.peek().is_none() {
            return true;
        }
        if self.settled.len() <= id.slot() {
            self.settled.resize(id.slot() + 1, None);
        }
        let settled = &mut self.settled[id.slot()];
        if let Some((order, holds)) = *settled
            && order == host.order()
        {
            return holds;
        }
        let holds = settling.all(|constraint| check::holds(&group, constraint, id));
        *settled = Some((host.order(), holds));
        holds
    }

    /// Chooses the instance that the strategy prefers among those that fit.
    fn choose(&mut self, view: &View, ask: &Ask) -> Option<Id<Instance>> {
        let kind = match self.fits.kind(view.model, ask.requirement) {
            Some(kind) => {
                self.catch_up(view);
                kind
            }
            None => {
                self.fits = self.fits.with(view.model, ask.requirement);
                self.build(view);
                self.fits.kind(view.model, ask.requirement)?
            }
        };
        let slot = match &self.order {
            Order::Ladder(_) => self.choose_in_order(view, ask, kind),
            Order::Lottery(_) if self.fits.is_exact() && self.parts.len() <= MOST_PARTS => {
                self.choose_any(view, ask, kind)
            }
            // How many fit is not known where one bit stands for many requirements.
            Order::Lottery(_) => return scan::choose(view, ask),
        };
        slot.and_then(|slot| view.cluster.occupant(slot)).map(|(id, _)| id)
    }

    fn choose_in_order(&mut self, view: &View, ask: &Ask, kind: u32) -> Option<u32> {
        self.find_parts(view, ask);
        let first = self.bring_least_forward();
        let exact = self.fits.is_exact();
        let test = |slot: u32| exact || fits_exactly(view, ask, slot);
        let mut best: Option<(u32, usize, Key, u32)> = None;
        for at in 0..self.candidates.len() {
            if at == first && best.is_none() {
                self.candidates[first..].sort_unstable();
            }
            let (lead, part) = self.candidates[at];
            if best.is_some_and(|(other, ..)| other < lead) {
                break;
            }
            let Order::Ladder(ladder) = &mut self.order else { return None };
            let Some((key, slot)) = ladder.first(part, kind, test) else { continue };
            let better = best.is_none_or(|(_, other_part, other_key, _)| {
                let order = match self.keys_decide {
                    true => Ordering::Equal,
                    false => self.compare(view, (part, key), (other_part, other_key)),
                };
                order.then(key.cmp(&other_key)) == Ordering::Less
            });
            if better {
                best = Some((lead, part, key, slot));
            }
        }
        let (_, part, key, slot) = best?;
        if self.random { self.draw_equal(view, ask, (kind, part, key)) } else { Some(slot) }
    }

    /// Draws one of all that rank as the best does.
    fn draw_equal(
        &mut self,
        view: &View,
        ask: &Ask,
        (kind, part, key): (u32, usize, Key),
    ) -> Option<u32> {
        let exact = self.fits.is_exact();
        let test = |slot: u32| exact || fits_exactly(view, ask, slot);
        let range = (key >> 32 << 32, key | Key::from(u32::MAX));
        let mut equal = Vec::new();
        for at in 0..self.candidates.len() {
            let (_, other) = self.candidates[at];
            if self.compare(view, (other, key), (part, key)) == Ordering::Equal
                && let Order::Ladder(ladder) = &mut self.order
            {
                equal.extend(ladder.collect((other, range.0, range.1), kind, test));
            }
        }
        let nth = ask.luck.below(RANDOM_PLACEMENT, equal.len() as u32) as usize;
        let (_, drawn, _) = equal.select_nth_unstable_by_key(nth, |(key, _)| *key as u32);
        Some(drawn.1)
    }

    fn choose_any(&mut self, view: &View, ask: &Ask, kind: u32) -> Option<u32> {
        self.find_parts(view, ask);
        let Order::Lottery(lottery) = &self.order else { return None };
        self.candidates.retain(|&(_, part)| lottery.count(part, kind) > 0);
        let &(_, first) = self.candidates.first()?;
        let mut best = first;
        for &(_, part) in &self.candidates {
            if self.compare(view, (part, 0), (best, 0)) == Ordering::Less {
                best = part;
            }
        }
        let mut equal = std::mem::take(&mut self.candidates);
        equal.retain(|&(_, part)| self.compare(view, (part, 0), (best, 0)) == Ordering::Equal);
        let count = equal.iter().map(|&(_, part)| lottery.count(part, kind)).sum();
        let nth = ask.luck.below(RANDOM_PLACEMENT, count);
        let slot = lottery.nth(equal.iter().map(|&(_, part)| part), kind, nth);
        self.candidates = equal;
        Some(slot)
    }

    /// Notes the parts that have an address for the task.
    fn find_parts(&mut self, view: &View, ask: &Ask) {
        let launch = &view.model.launches[self.launch];
        let awsvpc = view.model.requirements[ask.requirement].awsvpc;
        let spreads = matches!(self.rules.first(), Some(Rule::Attribute(_)));
        let lead = |part: &Part| match part.values.first() {
            Some(value) if spreads => view.cluster.group_on_value(launch.group, *value),
            Some(_) | None => 0,
        };
        self.candidates.clear();
        for (position, part) in self.parts.iter().enumerate() {
            let has_address =
                !awsvpc || part.zone.is_none_or(|zone| free_subnet(view, launch, zone).is_some());
            if has_address {
                self.candidates.push((lead(part), position));
            }
        }
    }

    /// Brings the candidates that are best by the first rule to the front; returns how many.
    fn bring_least_forward(&mut self) -> usize {
        let Some(least) = self.candidates.iter().map(|(lead, _)| *lead).min() else { return 0 };
        let mut count = 0;
        for at in 0..self.candidates.len() {
            if self.candidates[at].0 == least {
                self.candidates.swap(at, count);
                count += 1;
            }
        }
        count
    }

    /// Compares by all rules; what is equal then goes by the order of registration, or any way.
    fn compare(&self, view: &View, a: (usize, Key), b: (usize, Key)) -> Ordering {
        let group = view.model.launches[self.launch].group;
        let by_rule = |rule: &Rule| match *rule {
            Rule::Attribute(position) => {
                let count = |part: usize| {
                    view.cluster.group_on_value(group, self.parts[part].values[position])
                };
                count(a.0).cmp(&count(b.0))
            }
            Rule::Number(position) => {
                let shift = 32 * (self.numbers.len() - position);
                ((a.1 >> shift) as u32).cmp(&((b.1 >> shift) as u32))
            }
        };
        self.rules.iter().map(by_rule).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Standing {
    fn entry(&self) -> Option<Entry> {
        (self.fits != 0).then_some(Entry { part: self.part, key: self.key, fits: self.fits })
    }
}

/// Adds a rule on a number of the instance, unless it was looked at before.
fn add_number(rules: &mut Vec<Rule>, numbers: &mut SmallVec<[Number; 3]>, number: Number) {
    if !numbers.contains(&number) {
        rules.push(Rule::Number(numbers.len()));
        numbers.push(number);
    }
}

/// Divides the kinds of instance of the launch's cluster into parts.
fn divide(view: &View, ask: &Ask, attributes: &[usize]) -> (Vec<Part>, Vec<Option<u32>>) {
    let launch = &view.model.launches[ask.launch];
    let item = &launch.providers[usize::from(ask.item)];
    let mut parts: Vec<Part> = Vec::new();
    let part_of = view.model.classes.iter().map(|(ix, class)| {
        if class.cluster != launch.cluster || !view.model.uses(item, class) {
            return None;
        }
        let zone = (!launch.subnets.is_empty()).then_some(class.zone);
        let value = |&attribute: &usize| view.cluster.spread_value(attribute, ix);
        let part = Part { values: attributes.iter().map(value).collect(), zone };
        let position = parts.iter().position(|other| *other == part).unwrap_or_else(|| {
            parts.push(part);
            parts.len() - 1
        });
        Some(position as u32)
    });
    let part_of = part_of.collect();
    (parts, part_of)
}

fn fits_exactly(view: &View, ask: &Ask, slot: u32) -> bool {
    let occupant = view.cluster.occupant(slot);
    occupant.is_some_and(|(id, _)| check::failure(view, ask, id).is_none())
}
