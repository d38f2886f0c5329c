//! Prices, and the one place that turns usage into money.

use crate::ecs::capacity::credits::Credits;
use crate::ecs::model::{
    Architecture, FargateSize, InstanceClass, InstanceLaunchType, Model, Os, Zone,
};
use crate::engine::{Ix, Table};
use crate::units::{HourlyRate, Money};

use super::bill::{Bill, BillLine, Category, ClassShare, Ec2Split, Holder};
use super::commitment::{Commitment, Pool};
use super::curve::{Offer, curves};
use super::meter::{FargateUsage, InstanceUsage, Usage};
use super::spot::SpotUsage;

/// Storage of a Fargate task that is free, in GiB. Source: AWS Fargate pricing page, read 2026.
const FREE_EPHEMERAL_STORAGE_GIB: u32 = 20;
/// CPU units of a vCPU, and MiB of a GB as Fargate counts it.
pub(super) const PER_VCPU_OR_GB: u64 = 1024;
/// Thousandths, in which standing quantities are given.
const MILLI: u64 = 1000;

/// The time that a rate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// An hour.
    Hour,
    /// AWS's month of 730 h.
    Month,
}

/// A price per unit and period, exact, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Nano-dollars per unit and period.
    pub nanos: i64,
    /// The period.
    pub per: Per,
    /// Whether it is our guess.
    pub assumed: bool,
    /// Where it is from, or why it is assumed; may be empty.
    pub note: String,
}

/// All prices of a run.
#[derive(Clone, Debug)]
pub struct PriceBook {
    /// Of each class of container instance.
    pub classes: Table<ClassRates, InstanceClass>,
    /// Of Fargate, for each platform that occurs.
    pub fargate: Vec<FargateRates>,
    /// Of a public IPv4 address.
    pub public_ipv4: Rate,
    /// Of an external instance.
    pub ecs_anywhere: Rate,
    /// What is paid all the time, whatever happens.
    pub standing: Vec<Standing>,
    /// What is paid for every hour, used or not.
    pub commitments: Vec<Commitment>,
    /// Plans of which the bill says what one more would make of it.
    pub offers: Vec<Offer>,
    /// What such a cluster would also cost, in words, and is not on the bill.
    pub not_modelled: Vec<String>,
}

/// Prices of one class of container instance; of an external one only the volume could matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRates {
    /// Of an instance, on demand.
    pub instance: Rate,
    /// What it usually costs as Spot; `None`: it is not bought so.
    pub spot: Option<Rate>,
    /// Size of its root volume in GiB; 0: none.
    pub root_volume_gib: u32,
    /// Of a GiB of it.
    pub root_volume: Rate,
    /// Whether each instance has a public IPv4 address.
    pub public_ip: bool,
    /// Of a vCPU of surplus CPU credits; `None`: its type has none.
    pub cpu_credits: Option<Rate>,
    /// Of ECS Managed Instances, their fee; `None`: it is none of them.
    pub managed_fee: Option<Rate>,
}

/// Prices of Fargate on one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FargateRates {
    /// Operating system.
    pub os: Os,
    /// CPU architecture.
    pub architecture: Architecture,
    /// Whether it is Fargate Spot.
    pub spot: bool,
    /// Of a vCPU, a Windows licence included.
    pub vcpu: Rate,
    /// Of a GB of memory.
    pub memory: Rate,
    /// Of a GB of ephemeral storage above the free 20.
    pub ephemeral_storage: Rate,
}

/// Something that is paid for from the beginning of the run to its end: load balancers, NAT
/// gateways; also an amount that is given per month, such as traffic and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The kind.
    pub category: Category,
    /// What it is, for the bill: `public`, `traffic between zones`.
    pub item: String,
    /// Its zone, if it has one.
    pub zone: Option<Ix<Zone>>,
    /// Who pays; `None`: shared.
    pub holder: Option<super::Payer>,
    /// How many at any time, or how many in a month of 730 h if the rate is per month;
    /// in thousandths.
    pub quantity_milli: u64,
    /// What is counted, as the bill names it: `hour`, `LCU-hour`, `GB`, `GB-month`.
    pub unit: String,
    /// The price of one.
    pub rate: Rate,
}

/// A price that the book does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no Fargate price for {os:?} on {architecture:?}, Spot: {spot}")]
pub struct MissingPrice {
    /// Operating system.
    pub os: Os,
    /// CPU architecture.
    pub architecture: Architecture,
    /// Whether it is Fargate Spot.
    pub spot: bool,
}

impl Per {
    /// Returns its length in hours. Source: AWS Pricing Calculator, 730 h a month.
    pub const fn hours(self) -> u64 {
        match self {
            Per::Hour => 1,
            Per::Month => 730,
        }
    }
}

impl Rate {
    /// Makes a documented rate per hour.
    pub fn hourly(rate: HourlyRate) -> Rate {
        Rate::new(rate.as_nanos_per_hour(), Per::Hour)
    }

    /// Makes a documented rate of so many nano-dollars per month of 730 h.
    pub fn monthly(nanos: i64) -> Rate {
        Rate::new(nanos, Per::Month)
    }

    fn new(nanos: i64, per: Per) -> Rate {
        Rate { nanos, per, assumed: false, note: String::new() }
    }

    /// Prices a quantity of unit·µs, `divisor` of which make a priced unit; rounded once.
    pub fn price(&self, unit_micros: u128, divisor: u64) -> Money {
        HourlyRate::nanos_per_hour(self.nanos).price(unit_micros, divisor * self.per.hours())
    }

    /// Returns how many priced units times periods that is.
    fn quantity(&self, unit_micros: u128, divisor: u64) -> f64 {
        const MICROS_PER_HOUR: f64 = 3.6e9;
        unit_micros as f64 / (divisor * self.per.hours()) as f64 / MICROS_PER_HOUR
    }
}

/// What a line of the bill is about.
struct About<'a> {
    holder: Holder,
    category: Category,
    item: String,
    class: Option<Ix<InstanceClass>>,
    zone: Option<Ix<Zone>>,
    unit: &'a str,
}

impl About<'_> {
    /// Prices unit·µs, `divisor` of which make a priced unit.
    fn line(&self, rate: &Rate, unit_micros: u128, divisor: u64) -> BillLine {
        BillLine {
            holder: self.holder,
            category: self.category,
            item: self.item.clone(),
            class: self.class,
            zone: self.zone,
            quantity: rate.quantity(unit_micros, divisor),
            unit: self.unit.into(),
            amount: rate.price(unit_micros, divisor),
            rate: rate.clone(),
        }
    }
}

/// Prices the usage of a run.
///
/// Each line is rounded once, half to even, to the nano-dollar; totals are sums of lines. What an
/// instance costs is shared among those whose tasks it runs, see [`Bill::by_holder`].
///
/// # Errors
/// [`MissingPrice`] if the book has no price for a Fargate platform that was used.
///
/// # Panics
/// If the book is for a model with fewer classes.
pub fn price(usage: &Usage, book: &PriceBook, model: &Model) -> Result<Bill, MissingPrice> {
    let mut lines = Vec::new();
    let mut shares = Vec::new();
    let mut ec2 = Ec2Split::default();
    let mut pool = Pool::new(usage, book);
    let mut covers = pool.cover(usage, book, model);
    for (class, used) in usage.instances.iter() {
        let kind = &model.classes[class];
        let first = lines.len();
        price_instances(&mut lines, (class, used), book, model);
        lines.extend(covers.of_classes.remove(&class).unwrap_or_default());
        let cost: Money = lines[first..].iter().map(|line| line.amount).sum();
        shares.extend(attribute(class, cost, used));
        if kind.launch_type == InstanceLaunchType::Ec2 {
            ec2.add(cost, used);
        }
    }
    for used in &usage.fargate {
        price_fargate(&mut lines, used, book)?;
    }
    lines.append(&mut covers.others);
    for used in &usage.task_addresses {
        let about = About {
            holder: Holder::Payer(used.payer),
            category: Category::PublicIpv4,
            item: "tasks".into(),
            class: None,
            zone: Some(used.zone),
            unit: "address-hour",
        };
        lines.push(about.line(&book.public_ipv4, used.address_micros, 1));
    }
    for standing in &book.standing {
        let about = About {
            holder: standing.holder.map_or(Holder::Shared, Holder::Payer),
            category: standing.category,
            item: standing.item.clone(),
            class: None,
            zone: standing.zone,
            unit: &standing.unit,
        };
        let milli_micros = u128::from(standing.quantity_milli) * u128::from(usage.span.as_micros());
        lines.push(about.line(&standing.rate, milli_micros, MILLI));
    }
    lines.retain(|line: &BillLine| line.quantity != 0.0);
    let not_modelled = book.not_modelled.clone();
    let (span, commitments, curves) = (usage.span, covers.uses, Vec::new());
    let mut bill = Bill { span, lines, shares, ec2, commitments, curves, not_modelled };
    bill.curves = self::curves(&pool, &book.offers, (bill.total(), span));
    Ok(bill)
}

/// Instances themselves, their CPU credits, their root volumes and their addresses.
fn price_instances(
    lines: &mut Vec<BillLine>,
    (class, used): (Ix<InstanceClass>, &InstanceUsage),
    book: &PriceBook,
    model: &Model,
) {
    let kind = &model.classes[class];
    let rates = &book.classes[class];
    let about = |category, unit| About {
        holder: Holder::Shared,
        category,
        item: kind.instance_type.clone(),
        class: Some(class),
        zone: Some(kind.zone),
        unit,
    };
    let micros = used.billed_micros;
    if kind.launch_type == InstanceLaunchType::External {
        let about = about(Category::EcsAnywhere, "instance-hour");
        lines.push(about.line(&book.ecs_anywhere, micros, 1));
        return;
    }
    lines.push(match &rates.spot {
        None => about(Category::Ec2OnDemand, "instance-hour").line(&rates.instance, micros, 1),
        Some(usual) => {
            let about = about(Category::Ec2Spot, "instance-hour");
            spot_line(&about, (&rates.instance, usual), &used.spot)
        }
    });
    if let Some(rate) = &rates.cpu_credits {
        let about = about(Category::CpuCredits, "vCPU-hour");
        lines.push(about.line(rate, used.charged_credits, Credits::PARTS * PER_VCPU_OR_GB));
    }
    if let Some(fee) = &rates.managed_fee {
        // Source: Amazon ECS pricing page: per second, of 60 s at the least, like the instance.
        let about = about(Category::ManagedInstances, "instance-hour");
        lines.push(about.line(fee, micros, 1));
    }
    let gib_micros = u128::from(rates.root_volume_gib) * (micros + used.stopped_micros);
    lines.push(about(Category::Ebs, "GB-month").line(&rates.root_volume, gib_micros, 1));
    if rates.public_ip {
        let about = about(Category::PublicIpv4, "address-hour");
        lines.push(about.line(&book.public_ipv4, micros, 1));
    }
}

/// Spot instances, at the prices that held; the line's own is their mean.
fn spot_line(about: &About, (on_demand, usual): (&Rate, &Rate), used: &SpotUsage) -> BillLine {
    const MILLIONTHS: u64 = 1_000_000;
    let mean = used.share_micros.checked_div(used.charged_micros).unwrap_or(0);
    let mean = u32::try_from(mean).unwrap_or(u32::MAX);
    let nanos = HourlyRate::nanos_per_hour(on_demand.nanos).millionths(mean).as_nanos_per_hour();
    let note = format!("mean of a price that moves; usual: {}", usual.note);
    let rate = Rate { nanos, assumed: true, note, per: on_demand.per };
    BillLine {
        amount: on_demand.price(used.share_micros, MILLIONTHS),
        ..about.line(&rate, used.charged_micros, 1)
    }
}

fn price_fargate(
    lines: &mut Vec<BillLine>,
    used: &FargateUsage,
    book: &PriceBook,
) -> Result<(), MissingPrice> {
    let key = used.key;
    let (os, architecture, spot) = (key.os, key.architecture, key.spot);
    let rates = book
        .fargate
        .iter()
        .find(|rates| (rates.os, rates.architecture, rates.spot) == (os, architecture, spot))
        .ok_or(MissingPrice { os, architecture, spot })?;
    let about = |unit| About {
        holder: Holder::Payer(key.payer),
        category: if spot { Category::FargateSpot } else { Category::Fargate },
        item: fargate_item(&key.size, os, architecture),
        class: None,
        zone: Some(key.zone),
        unit,
    };
    let micros = used.billed_micros;
    let size = key.size;
    let cpu = u128::from(size.cpu_units) * micros;
    lines.push(about("vCPU-hour").line(&rates.vcpu, cpu, PER_VCPU_OR_GB));
    let memory = u128::from(size.memory_mib) * micros;
    lines.push(about("GB-hour").line(&rates.memory, memory, PER_VCPU_OR_GB));
    let paid_gib = size.ephemeral_storage_gib.saturating_sub(FREE_EPHEMERAL_STORAGE_GIB);
    let storage = u128::from(paid_gib) * micros;
    lines.push(about("storage GB-hour").line(&rates.ephemeral_storage, storage, 1));
    Ok(())
}

/// Names a size as the bill does: `0.5 vCPU, 1 GB`, and the platform if it is not the usual one.
pub(super) fn fargate_item(size: &FargateSize, os: Os, architecture: Architecture) -> String {
    let vcpu = f64::from(size.cpu_units) / PER_VCPU_OR_GB as f64;
    let gb = f64::from(size.memory_mib) / PER_VCPU_OR_GB as f64;
    let platform = match (os, architecture) {
        (Os::Linux, Architecture::X86_64) => "",
        (Os::Linux, Architecture::Arm64) => ", ARM64",
        (Os::Windows, _) => ", Windows",
    };
    format!("{vcpu} vCPU, {gb} GB{platform}")
}

/// Shares the cost of the instances of a class among the payers by what they reserved.
fn attribute(class: Ix<InstanceClass>, cost: Money, used: &InstanceUsage) -> Vec<ClassShare> {
    let whole = used.registered.weight();
    let mut idle = cost;
    let mut parts = Vec::new();
    for share in &used.shares {
        let amount = part_of(cost, share.reserved.weight(), whole);
        idle = idle - amount;
        parts.push(ClassShare { class, holder: Holder::Payer(share.payer), amount });
    }
    parts.push(ClassShare { class, holder: Holder::Idle, amount: idle });
    parts
}

/// Returns `cost · part / whole`, rounded down, so that parts never exceed the whole.
pub(super) fn part_of(cost: Money, part: u128, whole: u128) -> Money {
    if whole == 0 {
        return Money::ZERO;
    }
    // With at most 60 bits in the weight, the product fits 127 bits for any cost below $73 billion.
    let shift = (128 - whole.leading_zeros()).saturating_sub(60);
    let (part, whole) = ((part >> shift) as i128, (whole >> shift) as i128);
    Money::nanos(cost.as_nanos() * part / whole)
}
