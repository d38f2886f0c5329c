//! Commitments: who promises to pay for every hour pays less for what they cover in it.
//!
//! Each hour of the run is settled by itself. Reservations come first, then EC2 Instance Savings
//! Plans, then Compute Savings Plans; within each the usage that is saved most on, in per cent; of
//! equal savings that with the lower rate. What is left of an hour's commitment is lost, and what
//! is left of the usage is on demand.
//!
//! Source: Savings Plans User Guide, "Understanding how Savings Plans apply to your usage", read
//! 2026. Assumptions: a reservation covers an hour of usage in each hour, of instances that run
//! side by side too (EC2 User Guide, "How Reserved Instance discounts are applied", not read
//! again); hours are counted from the beginning of the run, and a last one that is shorter costs
//! its part.

use std::collections::BTreeMap;

use crate::ecs::model::{Architecture, FargateSize, InstanceClass, Model, Os};
use crate::engine::{Ix, Table};
use crate::units::{HourlyRate, Money, Span, divide_half_even};

use super::bill::{BillLine, Category, Holder};
use super::hourly::{Coverable, HourlyUsage, lengths};
use super::meter::{FargateUsage, Usage};
use super::price::{PER_VCPU_OR_GB, PriceBook, Rate, fargate_item, part_of};

/// What is committed to, in the order in which AWS applies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommitmentKind {
    /// Reserved Instances.
    Reservation,
    /// An EC2 Instance Savings Plan, for one family of instances.
    Ec2InstancePlan,
    /// A Compute Savings Plan, for all instances and Fargate.
    ComputePlan,
}

/// A promise to pay for every hour.
#[derive(Clone, Debug)]
pub struct Commitment {
    /// Its name in the scenario.
    pub name: String,
    /// What it is.
    pub kind: CommitmentKind,
    /// What is paid for each hour; of reservations their price times their number.
    pub per_hour: HourlyRate,
    /// At which rates it is used up.
    pub rates: CommittedRates,
}

/// What a commitment covers, and for how much.
#[derive(Clone, Debug)]
pub struct CommittedRates {
    /// Of each class of container instance; `None`: not covered.
    pub classes: Table<Option<Rate>, InstanceClass>,
    /// Of Fargate, for each platform that is covered.
    pub fargate: Vec<CommittedFargate>,
}

/// What a commitment makes of Fargate's prices on one platform.
#[derive(Clone, Debug)]
pub struct CommittedFargate {
    /// Operating system.
    pub os: Os,
    /// CPU architecture.
    pub architecture: Architecture,
    /// Of a vCPU.
    pub vcpu: Rate,
    /// Of a GB of memory.
    pub memory: Rate,
}

/// What became of a commitment in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentUse {
    /// Its name in the scenario.
    pub name: String,
    /// What it is.
    pub kind: CommitmentKind,
    /// What was paid for it.
    pub fee: Money,
    /// Of `fee`, what nothing was covered with.
    pub unused: Money,
    /// What it covered, at on-demand prices.
    pub covered: Money,
}

/// Money times time in parts that are never rounded: nano-dollars·µs / 1,024.
///
/// A year of a thousand instances at $100 an hour is 10³¹ of them, and an `i128` holds 10³⁸; more
/// stays there.
pub(super) type Fine = i128;

/// One nano-dollar paid for an hour.
const FINE: Fine = Span::HOUR.as_micros() as Fine * PER_VCPU_OR_GB as Fine;

/// Returns nano-dollars per hour, paid for so many µs.
pub(super) fn fine(rate: HourlyRate, micros: u64) -> Fine {
    Fine::from(rate.as_nanos_per_hour())
        .saturating_mul(Fine::from(micros))
        .saturating_mul(Fine::from(PER_VCPU_OR_GB))
}

/// Rounds to the nano-dollar, half to even.
pub(super) fn rounded(fine: Fine) -> Money {
    Money::nanos(divide_half_even(fine, FINE))
}

/// Returns what money at one rate is at another, rounded down by less than a part.
pub(super) fn at_rate(money: Fine, from: i64, to: i64) -> Fine {
    let (from, to) = (Fine::from(from), Fine::from(to));
    (money / from).saturating_mul(to) + money % from * to / from
}

/// Usage that commitments can cover, and what is left of it.
pub(super) struct Pool<'a> {
    /// How long the hours are, in µs.
    pub lengths: Vec<u64>,
    pub items: Vec<Item<'a>>,
}

/// Usage of one kind.
pub(super) struct Item<'a> {
    pub what: Coverable,
    /// Its price on demand, above zero.
    pub on_demand: &'a Rate,
    /// What is not covered, at that price, by the hour.
    pub left: Vec<Fine>,
    /// What there was, and what is covered of it.
    total: Fine,
    covered: Fine,
    /// What the lines of the bill say for it.
    list: Money,
}

/// What commitments make of a bill: lines that belong to classes of instances, and the others.
#[derive(Default)]
pub(super) struct Covers {
    pub of_classes: BTreeMap<Ix<InstanceClass>, Vec<BillLine>>,
    pub others: Vec<BillLine>,
    pub uses: Vec<CommitmentUse>,
}

/// What a commitment covers of an item.
#[derive(Clone, Copy, Default)]
struct Part {
    /// At the on-demand price.
    list: Fine,
    /// At the commitment's.
    spent: Fine,
}

impl CommittedRates {
    /// Returns the rate at which something is covered, if it is.
    pub(super) fn of(&self, what: Coverable) -> Option<&Rate> {
        let platform = |os, architecture| {
            self.fargate.iter().find(move |it| (it.os, it.architecture) == (os, architecture))
        };
        match what {
            Coverable::Instances(class) => self.classes.get(class)?.as_ref(),
            Coverable::FargateCpu(os, arch) => platform(os, arch).map(|it| &it.vcpu),
            Coverable::FargateMemory(os, arch) => platform(os, arch).map(|it| &it.memory),
        }
    }
}

impl CommitmentKind {
    const ALL: [CommitmentKind; 3] =
        [CommitmentKind::Reservation, CommitmentKind::Ec2InstancePlan, CommitmentKind::ComputePlan];

    /// Returns its name for a reader.
    pub const fn name(self) -> &'static str {
        match self {
            CommitmentKind::Reservation => "Reserved Instances",
            CommitmentKind::Ec2InstancePlan => "EC2 Instance Savings Plan",
            CommitmentKind::ComputePlan => "Compute Savings Plan",
        }
    }

    fn category(self) -> Category {
        match self {
            CommitmentKind::Reservation => Category::ReservedInstances,
            CommitmentKind::Ec2InstancePlan | CommitmentKind::ComputePlan => Category::SavingsPlans,
        }
    }
}

impl<'a> Item<'a> {
    /// Makes one of usage that has a price; what is free need not be covered.
    fn new(used: &HourlyUsage, (usage, book): (&Usage, &'a PriceBook)) -> Option<Item<'a>> {
        let on_demand = on_demand(used.what, book).filter(|rate| rate.nanos > 0)?;
        let parts = match used.what {
            Coverable::Instances(_) => PER_VCPU_OR_GB,
            Coverable::FargateCpu(..) | Coverable::FargateMemory(..) => 1,
        };
        let price = Fine::from(on_demand.nanos) * Fine::from(parts);
        let cost =
            |micros: &u128| Fine::try_from(*micros).unwrap_or(Fine::MAX).saturating_mul(price);
        let left: Vec<Fine> = used.unit_micros.iter().map(cost).collect();
        let total = left.iter().fold(0, |sum: Fine, it| sum.saturating_add(*it));
        let list = match used.what {
            Coverable::Instances(class) => on_demand.price(usage.instances[class].billed_micros, 1),
            Coverable::FargateCpu(..) | Coverable::FargateMemory(..) => {
                let lines = usage.fargate.iter().filter_map(|line| units_of(used.what, line));
                lines.map(|micros| on_demand.price(micros, PER_VCPU_OR_GB)).sum()
            }
        };
        Some(Item { what: used.what, on_demand, left, total, covered: 0, list })
    }

    /// Returns what lines say for so much of it: all for all, and never more than there is.
    pub fn credit(&self, covered: Fine) -> Money {
        if covered >= self.total { self.list } else { rounded(covered).min(self.list) }
    }

    /// Returns what covering so much more of it takes off the bill.
    pub fn credit_of_more(&self, covered: Fine) -> Money {
        self.credit(self.covered.saturating_add(covered)) - self.credit(self.covered)
    }
}

fn on_demand(what: Coverable, book: &PriceBook) -> Option<&Rate> {
    let platform = |os, architecture| {
        let mut rates = book.fargate.iter();
        rates.find(move |it| (it.os, it.architecture, it.spot) == (os, architecture, false))
    };
    match what {
        Coverable::Instances(class) => Some(&book.classes[class].instance),
        Coverable::FargateCpu(os, arch) => platform(os, arch).map(|it| &it.vcpu),
        Coverable::FargateMemory(os, arch) => platform(os, arch).map(|it| &it.memory),
    }
}

/// Returns the unit·µs that a line of Fargate tasks has of something.
fn units_of(what: Coverable, used: &FargateUsage) -> Option<u128> {
    let key = used.key;
    let of = |os, architecture, units: fn(&FargateSize) -> u32| {
        let is_it = (key.os, key.architecture, key.spot) == (os, architecture, false);
        is_it.then(|| u128::from(units(&key.size)) * used.billed_micros)
    };
    match what {
        Coverable::Instances(_) => None,
        Coverable::FargateCpu(os, arch) => of(os, arch, |size| size.cpu_units),
        Coverable::FargateMemory(os, arch) => of(os, arch, |size| size.memory_mib),
    }
}

impl<'a> Pool<'a> {
    /// Makes a pool of all that is on demand.
    pub fn new(usage: &Usage, book: &'a PriceBook) -> Pool<'a> {
        let items = usage.hourly.iter().filter_map(|used| Item::new(used, (usage, book)));
        Pool { lengths: lengths(usage.span).collect(), items: items.collect() }
    }

    /// Covers what the commitments of the book cover.
    pub fn cover(&mut self, usage: &Usage, book: &PriceBook, model: &Model) -> Covers {
        let mut covers = Covers::default();
        for kind in CommitmentKind::ALL {
            let group: Vec<&Commitment> =
                book.commitments.iter().filter(|it| it.kind == kind).collect();
            let parts = self.apply(&group);
            for (commitment, parts) in group.iter().zip(parts) {
                self.account(commitment, &parts, &mut covers, (usage, model));
            }
        }
        covers
    }

    /// Returns what is covered, by what is saved most on: places in `group`, and of items.
    pub fn order(&self, group: &[&CommittedRates]) -> Vec<(usize, usize)> {
        let rate = |&(commitment, item): &(usize, usize)| {
            let item: &Item = &self.items[item];
            let rate = group[commitment].of(item.what)?;
            Some((Fine::from(rate.nanos), Fine::from(item.on_demand.nanos)))
        };
        let all = (0..self.items.len())
            .flat_map(|item| (0..group.len()).map(move |commitment| (commitment, item)));
        let mut all: Vec<(usize, usize)> = all.filter(|pair| rate(pair).is_some()).collect();
        all.sort_by(|a, b| {
            let ((a, a_list), (b, b_list)) = (rate(a).unwrap_or((0, 1)), rate(b).unwrap_or((0, 1)));
            (a * b_list).cmp(&(b * a_list)).then(a.cmp(&b))
        });
        all
    }

    /// Uses up commitments of one kind, hour by hour; returns what each covers of each item.
    fn apply(&mut self, group: &[&Commitment]) -> Vec<Vec<Part>> {
        let rates: Vec<&CommittedRates> = group.iter().map(|it| &it.rates).collect();
        let order = self.order(&rates);
        let mut parts = vec![vec![Part::default(); self.items.len()]; group.len()];
        for (hour, length) in self.lengths.iter().enumerate() {
            let mut budgets: Vec<Fine> =
                group.iter().map(|it| fine(it.per_hour, *length)).collect();
            for &(commitment, item) in &order {
                let (budget, part) = (&mut budgets[commitment], &mut parts[commitment][item]);
                let item = &mut self.items[item];
                let Some(rate) = group[commitment].rates.of(item.what) else { continue };
                let left = &mut item.left[hour];
                let list_price = item.on_demand.nanos;
                let cost = at_rate(*left, list_price, rate.nanos);
                let (list, spent) = if cost <= *budget {
                    (*left, cost)
                } else {
                    (at_rate(*budget, rate.nanos, list_price).min(*left), *budget)
                };
                *left -= list;
                *budget -= spent;
                part.list = part.list.saturating_add(list);
                part.spent = part.spent.saturating_add(spent);
            }
        }
        parts
    }

    /// Writes what a commitment covered as lines: off the list, on at its rate, and what is unused.
    fn account(
        &mut self,
        commitment: &Commitment,
        parts: &[Part],
        covers: &mut Covers,
        (usage, model): (&Usage, &Model),
    ) {
        let whole = fine(commitment.per_hour, usage.span.as_micros());
        let fee = rounded(whole);
        let (mut spent, mut covered) = (0, Money::ZERO);
        for (item, part) in self.items.iter_mut().zip(parts).filter(|(_, part)| part.list > 0) {
            let Some(rate) = commitment.rates.of(item.what) else { continue };
            let before = rounded(spent);
            spent = Fine::saturating_add(spent, part.spent);
            let amounts = Amounts {
                already: item.credit(item.covered),
                credit: item.credit_of_more(part.list),
                paid: rounded(spent) - before,
                quantity: part.list as f64 / item.on_demand.nanos as f64 / FINE as f64,
            };
            item.covered = item.covered.saturating_add(part.list);
            covered += amounts.credit;
            let about = (commitment, rate);
            match item.what {
                Coverable::Instances(class) => {
                    let lines = amounts.of_class(item, class, about, model);
                    covers.of_classes.entry(class).or_default().extend(lines);
                }
                Coverable::FargateCpu(..) | Coverable::FargateMemory(..) => {
                    covers.others.extend(amounts.of_fargate(item, about, usage));
                }
            }
        }
        let unused = fee - rounded(spent);
        if unused > Money::ZERO {
            covers.others.push(unused_line(commitment, unused));
        }
        let (name, kind) = (commitment.name.clone(), commitment.kind);
        covers.uses.push(CommitmentUse { name, kind, fee, unused, covered });
    }
}

fn unused_line(commitment: &Commitment, unused: Money) -> BillLine {
    let per_hour = commitment.per_hour.as_nanos_per_hour();
    BillLine {
        holder: Holder::Shared,
        category: commitment.kind.category(),
        item: commitment.name.clone(),
        class: None,
        zone: None,
        quantity: unused.as_nanos() as f64 / per_hour as f64,
        unit: "unused hour".into(),
        rate: Rate { note: "committed to, and unused".into(), ..Rate::hourly(commitment.per_hour) },
        amount: unused,
    }
}

/// What a commitment changes about an item.
struct Amounts {
    /// What other commitments have taken off before.
    already: Money,
    /// What this one takes off.
    credit: Money,
    /// What it costs instead.
    paid: Money,
    /// How much is covered, in priced units times hours; for reading only.
    quantity: f64,
}

impl Amounts {
    /// Makes the two lines of a part of what is covered from a line without amounts.
    fn lines(
        line: &BillLine,
        (credit, paid, quantity): (Money, Money, f64),
        (commitment, rate): (&Commitment, &Rate),
    ) -> [BillLine; 2] {
        let note = format!("covered by `{}`", commitment.name);
        let off = BillLine {
            quantity: -quantity,
            amount: Money::ZERO - credit,
            rate: Rate { note: note.clone(), ..line.rate.clone() },
            ..line.clone()
        };
        let of = if rate.note.is_empty() { note } else { format!("{note}; {}", rate.note) };
        let on = BillLine {
            category: commitment.kind.category(),
            quantity,
            amount: paid,
            rate: Rate { note: of, ..rate.clone() },
            ..line.clone()
        };
        [off, on]
    }

    fn of_class(
        &self,
        item: &Item,
        class: Ix<InstanceClass>,
        about: (&Commitment, &Rate),
        model: &Model,
    ) -> [BillLine; 2] {
        let kind = &model.classes[class];
        let line = BillLine {
            holder: Holder::Shared,
            category: Category::Ec2OnDemand,
            item: kind.instance_type.clone(),
            class: Some(class),
            zone: Some(kind.zone),
            quantity: 0.0,
            unit: "instance-hour".into(),
            rate: item.on_demand.clone(),
            amount: Money::ZERO,
        };
        Amounts::lines(&line, (self.credit, self.paid, self.quantity), about)
    }

    /// Shares it among the tasks by what they cost.
    ///
    /// Assumption: AWS does not say whose task a plan covers, and everybody's are alike to it.
    fn of_fargate(&self, item: &Item, about: (&Commitment, &Rate), usage: &Usage) -> Vec<BillLine> {
        let unit = match item.what {
            Coverable::FargateMemory(..) => "GB-hour",
            Coverable::Instances(_) | Coverable::FargateCpu(..) => "vCPU-hour",
        };
        let mut lines = Vec::new();
        let mut so_far = Money::ZERO;
        for used in &usage.fargate {
            let Some(micros) = units_of(item.what, used) else { continue };
            let cost = item.on_demand.price(micros, PER_VCPU_OR_GB);
            let share = |money: Money, until: Money| {
                let [until, list] = [until, item.list].map(|it| it.as_nanos().unsigned_abs());
                part_of(money, until, list)
            };
            let part = |money| share(money, so_far + cost) - share(money, so_far);
            let credit = part(self.already + self.credit) - part(self.already);
            let paid = part(self.paid);
            so_far += cost;
            if cost == Money::ZERO {
                continue;
            }
            let key = used.key;
            let share = cost.as_nanos() as f64 / item.list.as_nanos() as f64;
            let line = BillLine {
                holder: Holder::Payer(key.payer),
                category: Category::Fargate,
                item: fargate_item(&key.size, key.os, key.architecture),
                class: None,
                zone: Some(key.zone),
                quantity: 0.0,
                unit: unit.into(),
                rate: item.on_demand.clone(),
                amount: Money::ZERO,
            };
            lines.extend(Amounts::lines(&line, (credit, paid, self.quantity * share), about));
        }
        lines
    }
}
