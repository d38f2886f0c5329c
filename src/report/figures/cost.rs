//! What a run costs: over time by kind of charge, and who it is for.

use std::collections::BTreeMap;

use crate::billing::{BillLine, Category, Holder};
use crate::ecs::model::{InstanceLaunchType, Provider};
use crate::engine::Tally;
use crate::record::{Metric, Scope};
use crate::units::{Money, Span};

use super::super::chart::{BarRow, Bars, Colour, Content, Figure, Panel, Part, Unit};
use super::super::words::{Dollars, dollars};
use super::{LAYERS_MAX, Named, Page, panel};

/// Shows what is spent per hour, and what has been spent until then.
pub(super) fn over_time(page: &Page) -> Option<Figure> {
    let bill = &page.outcome.bill;
    if bill.lines.is_empty() || page.at.is_empty() {
        return None;
    }
    let hours = hours(page);
    let mut spent: BTreeMap<Category, Vec<f64>> = BTreeMap::new();
    for line in &bill.lines {
        let of_category = spent.entry(line.category).or_insert_with(|| vec![0.0; page.at.len()]);
        let amount = line.amount.as_dollars_f64();
        for (sum, part) in of_category.iter_mut().zip(parts(page, line, &hours)) {
            *sum += amount * part;
        }
    }
    let mut so_far = vec![0.0; page.at.len() + 1];
    for n in 0..page.at.len() {
        so_far[n + 1] = so_far[n] + spent.values().map(|spent| spent[n]).sum::<f64>();
    }
    let per_hour = |(category, spent): (Category, Vec<f64>)| Named {
        name: category.name().to_string(),
        colour: Some(colour(category)),
        values: spent.iter().zip(&hours).map(|(spent, hours)| spent / hours).collect(),
    };
    let layers = page.stack(spent.into_iter().map(per_hour).collect());
    let rate = Panel { marks: vec![layers], ..panel("Cost per hour", "", Unit::Dollars) };
    let total = dollars(bill.total());
    let month = dollars(bill.over(bill.total(), Span::HOUR * 730));
    let detail = format!("{total} in all, {month} in a month of 730 h");
    let sum = Panel {
        marks: vec![cumulative(page, so_far)],
        weight: 0.6,
        ..panel("Spent so far", detail, Unit::Dollars)
    };
    let mut footnote = format!("{}; the area is the bill of the whole run", page.means());
    if bill.lines.iter().any(|line| is_fargate(line.category)) {
        footnote += ". Fargate is spread over time by the vCPU of tasks that are not STOPPED";
    }
    let not_modelled = match bill.not_modelled.as_slice() {
        [] => String::new(),
        some => format!(" Not modelled: {}.", some.join(", ")),
    };
    Some(page.over_time("cost", vec![rate, sum], Some(footnote + "." + &not_modelled)))
}

/// A line through what has been spent at the beginning of each step, and at the end.
fn cumulative(page: &Page, values: Vec<f64>) -> super::Mark {
    let end = page.recording.end.as_secs_f64();
    super::Mark::Line {
        name: "spent so far".to_string(),
        colour: Colour::Desired,
        join: super::Join::Straight,
        dashed: false,
        at: page.at.iter().copied().chain([end]).collect(),
        values,
    }
}

/// How long each step is, in hours; the last may be shorter.
fn hours(page: &Page) -> Vec<f64> {
    let end = page.recording.end.as_secs_f64();
    let ends = page.at.iter().skip(1).copied().chain([end]);
    page.at.iter().zip(ends).map(|(from, to)| (to - from) / 3600.0).collect()
}

/// Returns which part of a line falls into each step; all together 1.
///
/// What instances cost follows their number, on demand and as Spot, exactly; Fargate and the
/// addresses of its tasks follow the vCPU and the number of tasks there; what stands is the same
/// all the time.
fn parts(page: &Page, line: &BillLine, hours: &[f64]) -> Vec<f64> {
    let mut weights = vec![0.0; hours.len()];
    let mut add = |(scope, metric), sign: f64| {
        let Some(level) = page.level(scope, metric) else { return };
        let integral = |tally: &Tally| sign * tally.integral as f64;
        weights.iter_mut().zip(&level.0).for_each(|(sum, it)| *sum += integral(it));
    };
    match line.class.map(|class| &page.model.classes[class]) {
        Some(class) if class.spot.is_some() => {
            add((Scope::Fleet(class.fleet), Metric::SpotInstances), 1.0);
        }
        Some(class) => {
            add((Scope::Fleet(class.fleet), Metric::Instances), 1.0);
            add((Scope::Fleet(class.fleet), Metric::SpotInstances), -1.0);
        }
        // What covers tasks of somebody follows Fargate, as they do.
        None if is_commitment(line.category) && line.holder != Holder::Shared => {
            followed(Category::Fargate).into_iter().for_each(|series| add(series, 1.0));
        }
        None => followed(line.category).into_iter().for_each(|series| add(series, 1.0)),
    }
    if weights.iter().all(|weight| *weight == 0.0) {
        weights = hours.to_vec();
    }
    let whole: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / whole).collect()
}

/// Returns the series that a charge follows where it is not for instances; none: it stands.
fn followed(category: Category) -> Vec<(Scope, Metric)> {
    let of = |provider, metric| (Scope::Provider(provider), metric);
    match category {
        Category::Fargate => vec![of(Provider::Fargate, Metric::AliveCpu)],
        Category::FargateSpot => vec![of(Provider::FargateSpot, Metric::AliveCpu)],
        // Only tasks on Fargate have public addresses of their own.
        Category::PublicIpv4 => [Provider::Fargate, Provider::FargateSpot]
            .map(|provider| of(provider, Metric::AliveTasks))
            .to_vec(),
        Category::Ec2OnDemand
        | Category::Ec2Spot
        | Category::CpuCredits
        | Category::Ebs
        | Category::SavingsPlans
        | Category::ReservedInstances
        | Category::EcsAnywhere
        | Category::ManagedInstances
        | Category::LoadBalancer
        | Category::NatGateway
        | Category::DataTransfer
        | Category::Logs
        | Category::Other => Vec::new(),
    }
}

fn is_fargate(category: Category) -> bool {
    matches!(category, Category::Fargate | Category::FargateSpot)
}

fn is_commitment(category: Category) -> bool {
    matches!(category, Category::SavingsPlans | Category::ReservedInstances)
}

fn colour(category: Category) -> Colour {
    match category {
        Category::Ec2OnDemand => Colour::OnDemand,
        Category::Ec2Spot => Colour::Spot,
        Category::CpuCredits => Colour::Category(9),
        Category::Ebs => Colour::Category(4),
        Category::Fargate => Colour::Fargate,
        Category::FargateSpot => Colour::FargateSpot,
        Category::SavingsPlans => Colour::Category(12),
        Category::ReservedInstances => Colour::Category(10),
        Category::EcsAnywhere => Colour::External,
        Category::ManagedInstances => Colour::Category(9),
        Category::PublicIpv4 => Colour::Category(5),
        Category::LoadBalancer => Colour::Category(2),
        Category::NatGateway => Colour::Category(1),
        Category::DataTransfer => Colour::Category(20),
        Category::Logs => Colour::Category(8),
        Category::Other => Colour::Category(11),
    }
}

/// What the bars of owners are made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ec2,
    External,
    Fargate,
    FargateSpot,
    Other,
    Free,
    Stranded,
}

impl Kind {
    const ALL: [(Kind, &'static str, Colour); 7] = [
        (Kind::Ec2, "EC2 instances", Colour::OnDemand),
        (Kind::External, "own machines", Colour::External),
        (Kind::Fargate, "Fargate", Colour::Fargate),
        (Kind::FargateSpot, "Fargate Spot", Colour::FargateSpot),
        (Kind::Other, "other charges", Colour::Pending),
        (Kind::Free, "free: other tasks would fit", Colour::Free),
        (Kind::Stranded, "stranded: no task would fit", Colour::Stranded),
    ];

    /// Returns the kind of a charge that is not for instances.
    fn of(line: &BillLine) -> Kind {
        match line.category {
            // Of what is not for instances plans cover Fargate only; the rest nothing was covered
            // with.
            Category::SavingsPlans if line.holder != Holder::Shared => Kind::Fargate,
            Category::Fargate => Kind::Fargate,
            Category::FargateSpot => Kind::FargateSpot,
            Category::Ec2OnDemand
            | Category::Ec2Spot
            | Category::CpuCredits
            | Category::Ebs
            | Category::SavingsPlans
            | Category::ReservedInstances
            | Category::EcsAnywhere
            | Category::ManagedInstances
            | Category::PublicIpv4
            | Category::LoadBalancer
            | Category::NatGateway
            | Category::DataTransfer
            | Category::Logs
            | Category::Other => Kind::Other,
        }
    }
}

/// Shows who the money is for: services, jobs, what nobody reserved.
pub(super) fn by_owner(page: &Page) -> Option<Figure> {
    let mut sums = owners(page);
    if sums.values().map(|parts| parts.len()).sum::<usize>() < 2 {
        return None; // one bar of one colour says no more than a number
    }
    let mut rows: Vec<(String, BTreeMap<Kind, f64>)> = Vec::new();
    let idle = sums.remove(&Holder::Idle);
    let shared = sums.remove(&Holder::Shared);
    for (holder, parts) in sums {
        rows.push((holder.name(page.model).to_string(), parts));
    }
    let total = |parts: &BTreeMap<Kind, f64>| parts.values().sum::<f64>();
    rows.sort_by(|a, b| total(&b.1).total_cmp(&total(&a.1)).then_with(|| a.0.cmp(&b.0)));
    if rows.len() > LAYERS_MAX {
        let rest = rows.split_off(LAYERS_MAX - 1);
        let mut all = BTreeMap::new();
        let count = rest.len();
        for (kind, amount) in rest.into_iter().flat_map(|(_, parts)| parts) {
            *all.entry(kind).or_default() += amount;
        }
        rows.push((format!("{count} others"), all));
    }
    rows.extend(shared.map(|parts| (Holder::Shared.name(page.model).to_string(), parts)));
    rows.extend(idle.map(|parts| (Holder::Idle.name(page.model).to_string(), parts)));
    let used: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|(kind, ..)| rows.iter().any(|(_, parts)| parts.contains_key(kind)))
        .collect();
    let part = |&(_, name, colour): &(Kind, &str, Colour)| Part { name: name.to_string(), colour };
    let row = |(name, parts): (String, BTreeMap<Kind, f64>)| BarRow {
        name,
        values: used.iter().map(|(kind, ..)| parts.get(kind).copied().unwrap_or(0.0)).collect(),
    };
    let bars = Bars {
        unit: Unit::Dollars,
        parts: used.iter().map(part).collect(),
        rows: rows.into_iter().map(row).collect(),
    };
    let what = format!("cost by owner, {} in all", dollars(page.outcome.bill.total()));
    Some(page.figure(&what, Content::Bars(bars), footnote(page)))
}

/// Adds up what each owner has of each kind; nothing that is zero.
fn owners(page: &Page) -> BTreeMap<Holder, BTreeMap<Kind, f64>> {
    let bill = &page.outcome.bill;
    let mut sums: BTreeMap<Holder, BTreeMap<Kind, f64>> = BTreeMap::new();
    let mut add = |holder, kind, amount: Money| {
        if amount != Money::ZERO {
            *sums.entry(holder).or_default().entry(kind).or_default() += amount.as_dollars_f64();
        }
    };
    for line in bill.lines.iter().filter(|line| line.class.is_none()) {
        add(line.holder, Kind::of(line), line.amount);
    }
    for share in &bill.shares {
        let kind = match page.model.classes[share.class].launch_type {
            InstanceLaunchType::Ec2 => Kind::Ec2,
            InstanceLaunchType::External => Kind::External,
        };
        // What is idle on EC2 is told apart below, for all classes together.
        if (kind, share.holder) != (Kind::Ec2, Holder::Idle) {
            add(share.holder, kind, share.amount);
        }
    }
    add(Holder::Idle, Kind::Free, bill.ec2.free);
    add(Holder::Idle, Kind::Stranded, bill.ec2.stranded);
    sums
}

const SHARED_OUT: &str = "Instances, their volumes and addresses are shared out by what tasks \
                          reserve, a vCPU counting as 9 GB.";

fn footnote(page: &Page) -> Option<String> {
    let ec2 = &page.outcome.bill.ec2;
    if ec2.total == Money::ZERO {
        return None;
    }
    let mut text = SHARED_OUT.to_string() + " (idle): reserved by no task.";
    if let Some(used) = ec2.used {
        let amounts = Dollars::by(page.outcome.bill.total());
        let (given, used) = (amounts.write(ec2.reserved_usage_given), amounts.write(used));
        text += &format!(" Tasks that say what they use reserve {given} and use {used}.");
    }
    Some(text)
}
