//! A bill: its lines, and the same money seen from several sides.

use std::collections::BTreeMap;

use crate::ecs::model::{InstanceClass, Model, Zone};
use crate::engine::Ix;
use crate::units::{Money, Span};

use super::commitment::CommitmentUse;
use super::curve::Curve;
use super::meter::{InstanceUsage, Payer};
use super::price::{Rate, part_of};

/// What a run cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    /// The time it is for.
    pub span: Span,
    /// Its lines: instances by class, then Fargate, addresses, and what stands all the time.
    pub lines: Vec<BillLine>,
    /// Who had how much of what the lines of a class of instances say; by class, then by holder.
    pub shares: Vec<ClassShare>,
    /// What became of the money for EC2 instances, their volumes and addresses.
    pub ec2: Ec2Split,
    /// What became of each commitment, in the order in which they are applied.
    pub commitments: Vec<CommitmentUse>,
    /// What one more Savings Plan would make of it, by plan.
    pub curves: Vec<Curve>,
    /// What such a cluster would also cost, and is not here.
    pub not_modelled: Vec<String>,
}

/// A part of what the instances of a class cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassShare {
    /// The class.
    pub class: Ix<InstanceClass>,
    /// Who bears it.
    pub holder: Holder,
    /// How much.
    pub amount: Money,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq)]
pub struct BillLine {
    /// Who pays; an instance is [`Holder::Shared`] here.
    pub holder: Holder,
    /// The kind of charge.
    pub category: Category,
    /// Instance type, Fargate size, or the name of a load balancer and the like.
    pub item: String,
    /// The class of instances, if it is for some.
    pub class: Option<Ix<InstanceClass>>,
    /// The zone, if it has one.
    pub zone: Option<Ix<Zone>>,
    /// How many units; rounded, for reading only.
    pub quantity: f64,
    /// What is counted: `instance-hour`, `vCPU-hour`, `GB-month`.
    pub unit: String,
    /// The price of one unit, and how it is known.
    pub rate: Rate,
    /// The amount, rounded once.
    pub amount: Money,
}

/// Who bears a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A service or submitter.
    Payer(Payer),
    /// Nobody: the part of instances that no task had reserved.
    Idle,
    /// All together.
    Shared,
}

/// Kinds of charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// EC2 instances at the on-demand price, but for what a commitment covers.
    Ec2OnDemand,
    /// EC2 Spot instances.
    Ec2Spot,
    /// Surplus CPU credits of T instances in unlimited mode.
    CpuCredits,
    /// Root volumes of instances.
    Ebs,
    /// Fargate tasks.
    Fargate,
    /// Fargate Spot tasks.
    FargateSpot,
    /// Savings Plans: what they cover at their rates, and what is unused of them.
    SavingsPlans,
    /// Reserved Instances, used or not.
    ReservedInstances,
    /// External instances.
    EcsAnywhere,
    /// The fee of ECS Managed Instances, beside the instances.
    ManagedInstances,
    /// Public IPv4 addresses.
    PublicIpv4,
    /// Load balancers and their capacity units.
    LoadBalancer,
    /// NAT gateways and what goes through them.
    NatGateway,
    /// Traffic between zones, to the internet, through endpoints.
    DataTransfer,
    /// CloudWatch logs.
    Logs,
    /// Anything else that the scenario names.
    Other,
}

/// What became of the money for EC2 instances, weighed as split cost allocation does
/// ([`ResourceTime::weight`](super::ResourceTime::weight)).
///
/// `reserved`, `free` and `stranded` add up to `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ec2Split {
    /// Instances, their CPU credits, volumes and addresses.
    pub total: Money,
    /// Reserved by tasks.
    pub reserved: Money,
    /// Of `reserved`, by tasks that say what they use.
    pub reserved_usage_given: Money,
    /// Used by those; it may exceed what they reserved. `None`: usage is not given.
    pub used: Option<Money>,
    /// Free, and some task of the run would have fitted; also what is set aside for daemons that
    /// do not run.
    pub free: Money,
    /// Free, but no task of the run would have fitted.
    pub stranded: Money,
}

impl Category {
    /// All of them, in the order of a bill.
    pub const ALL: [Category; 16] = [
        Category::Ec2OnDemand,
        Category::Ec2Spot,
        Category::CpuCredits,
        Category::Ebs,
        Category::Fargate,
        Category::FargateSpot,
        Category::SavingsPlans,
        Category::ReservedInstances,
        Category::EcsAnywhere,
        Category::ManagedInstances,
        Category::PublicIpv4,
        Category::LoadBalancer,
        Category::NatGateway,
        Category::DataTransfer,
        Category::Logs,
        Category::Other,
    ];

    /// Returns its name for a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Category::Ec2OnDemand => "EC2 on demand",
            Category::Ec2Spot => "EC2 Spot",
            Category::CpuCredits => "CPU credits",
            Category::Ebs => "EBS",
            Category::Fargate => "Fargate",
            Category::FargateSpot => "Fargate Spot",
            Category::SavingsPlans => "Savings Plans",
            Category::ReservedInstances => "Reserved Instances",
            Category::EcsAnywhere => "ECS Anywhere",
            Category::ManagedInstances => "ECS Managed Instances fee",
            Category::PublicIpv4 => "public IPv4",
            Category::LoadBalancer => "load balancer",
            Category::NatGateway => "NAT gateway",
            Category::DataTransfer => "data transfer",
            Category::Logs => "logs",
            Category::Other => "other",
        }
    }
}

impl Holder {
    /// Returns its name for a reader.
    pub fn name(self, model: &Model) -> &str {
        match self {
            Holder::Payer(payer) => payer.name(model),
            Holder::Idle => "(idle)",
            Holder::Shared => "(shared)",
        }
    }
}

impl Bill {
    /// Returns the sum of all lines.
    pub fn total(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// Returns what `amount` would be over `span`, at the same pace; a month is 730 h.
    ///
    /// It is zero for a bill of no time.
    pub fn over(&self, amount: Money, span: Span) -> Money {
        if self.span.is_zero() {
            return Money::ZERO;
        }
        let pace = span.as_secs_f64() / self.span.as_secs_f64();
        Money::from_dollars_f64(amount.as_dollars_f64() * pace)
    }

    /// Returns the sums by kind of charge, in the order of [`Category::ALL`].
    pub fn by_category(&self) -> Vec<(Category, Money)> {
        self.sums(|line| line.category)
    }

    /// Returns the sums by instance type, Fargate size and the like, in order of name.
    pub fn by_item(&self) -> Vec<(String, Money)> {
        self.sums(|line| line.item.clone())
    }

    /// Returns the sums by class of instances; what is for none comes first.
    pub fn by_class(&self) -> Vec<(Option<Ix<InstanceClass>>, Money)> {
        self.sums(|line| line.class)
    }

    /// Returns the sums by zone; what is in none comes first.
    pub fn by_zone(&self) -> Vec<(Option<Ix<Zone>>, Money)> {
        self.sums(|line| line.zone)
    }

    /// Returns the sums by who bears them.
    ///
    /// What instances, their volumes and addresses cost is shared by what tasks reserve, a vCPU
    /// counting as 9 GB of memory; what no task reserves is borne by [`Holder::Idle`].
    pub fn by_holder(&self) -> Vec<(Holder, Money)> {
        let mut sums: BTreeMap<Holder, Money> = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.class.is_none()) {
            *sums.entry(line.holder).or_default() += line.amount;
        }
        for share in &self.shares {
            *sums.entry(share.holder).or_default() += share.amount;
        }
        sums.into_iter().collect()
    }

    /// Returns the lines whose price is our guess.
    pub fn assumed(&self) -> impl Iterator<Item = &BillLine> {
        self.lines.iter().filter(|line| line.rate.assumed)
    }

    fn sums<K: Ord>(&self, key: impl Fn(&BillLine) -> K) -> Vec<(K, Money)> {
        let mut sums: BTreeMap<K, Money> = BTreeMap::new();
        for line in &self.lines {
            *sums.entry(key(line)).or_default() += line.amount;
        }
        sums.into_iter().collect()
    }
}

impl Ec2Split {
    /// Adds the instances of a class that cost so much together.
    pub(super) fn add(&mut self, cost: Money, used: &InstanceUsage) {
        let whole = used.registered.weight();
        let reserved = part_of(cost, used.reserved().weight(), whole);
        let stranded = part_of(cost, used.stranded.weight(), whole);
        self.total += cost;
        self.reserved += reserved;
        self.stranded += stranded;
        self.free += cost - reserved - stranded;
        for share in &used.shares {
            let Some(really) = share.used else { continue };
            self.reserved_usage_given += part_of(cost, share.reserved.weight(), whole);
            *self.used.get_or_insert(Money::ZERO) += part_of(cost, really.weight(), whole);
        }
    }
}
