//! Facts about AWS as sourced tables: instance types, sizes, prices, quotas, network limits.
//!
//! The tables are CSV files in `tables/`, each with its sources, licences and dates in its first
//! lines, and compiled into the program. A figure that is not there is an error that names the
//! nearest, never zero. [`Catalogue`] is a value: a scenario takes a copy of [`Catalogue::builtin`]
//! and writes its own prices and types over it.

mod charge;
mod fargate;
mod instance;
mod nearest;
mod price;
mod reserved;
mod search;
mod spot;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use crate::ecs::model::{Architecture, Os};
use crate::units::HourlyRate;
use tables::{OnDemand, Tables};

pub use charge::{Charge, ChargePrice, ChargeUnit, MONTH, Period};
pub use fargate::{FargateOffer, FargatePrice, FargateSize, NoFargateSize};
pub use instance::{
    CpuCredits, Hypervisor, InstanceType, RegisteredMemory, architecture_from_name,
    architecture_name,
};
pub(crate) use nearest::edits;
pub use nearest::nearest;
pub use price::{Evidence, NoPrice, Priced};
pub use reserved::{OfferingClass, Term};
pub use search::{Filter, Found};
pub use spot::{InterruptionBand, SpotOffer};

/// When the on-demand prices of EC2 instances were read; those of the newest types in Jul 2026.
pub const ON_DEMAND_AS_OF: &str = "Feb 2026";
/// When the savings and interruption bands of EC2 Spot were read.
pub const SPOT_AS_OF: &str = "Jun 2025";
/// When the observed prices of EC2 Spot were read.
pub const SPOT_OBSERVED_AS_OF: &str = "Apr 2025";
/// When the prices of Reserved Instances were read.
pub const RESERVED_AS_OF: &str = "Apr 2025";
/// When the on-demand prices of Fargate were read.
pub const FARGATE_AS_OF: &str = "2026";
/// When the prices of Fargate Spot were read: AWS publishes no list of them.
pub const FARGATE_SPOT_AS_OF: &str = "Jan 2021";
/// When the other charges were read.
pub const CHARGES_AS_OF: &str = "Jul 2024 to Sep 2026";

/// The region whose charges stand for those of regions where they are not known.
pub const HOME_REGION: &str = "us-east-1";

/// What Windows adds to the Linux price of an instance, in nano-dollars per vCPU and hour.
///
/// Assumption: the same for every type and region. It is the Windows part of Fargate's price and
/// that of the m5 family on EC2.
pub const WINDOWS_NANOS_PER_VCPU_HOUR: i64 = 46_000_000;

/// A quota of Amazon ECS, or a limit that cannot be raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The name, for example `fargate_on_demand_vcpus`.
    pub name: String,
    /// The value in a new account.
    pub value: u64,
    /// The unit; empty where the name says it.
    pub unit: String,
    /// Whether AWS raises it on request.
    pub adjustable: bool,
    /// Where AWS says so.
    pub source: String,
}

/// Everything known about AWS, with what a scenario put over it.
///
/// A copy is cheap: it shares the tables until one of the two is written to.
#[derive(Clone, Debug)]
pub struct Catalogue {
    tables: Arc<Tables>,
}

impl Catalogue {
    /// Returns the catalogue that ships with the program.
    pub fn builtin() -> &'static Catalogue {
        static BUILTIN: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue { tables: Arc::new(Tables::builtin()) });
        &BUILTIN
    }

    /// Finds an instance type by its name.
    pub fn instance_type(&self, name: &str) -> Option<&InstanceType> {
        self.tables.instance_types.get(name)
    }

    /// Returns all instance types in the order of their names.
    pub fn instance_types(&self) -> impl Iterator<Item = &InstanceType> {
        self.tables.instance_types.values()
    }

    /// Returns up to three names of instance types nearest to one that does not exist.
    pub fn nearest_instance_types(&self, name: &str) -> Vec<&str> {
        nearest(name, self.instance_types().map(|t| t.name.as_str()), '.')
    }

    /// Returns the regions with on-demand prices of EC2, in alphabetical order.
    pub fn ec2_regions(&self) -> impl Iterator<Item = &str> {
        self.tables.on_demand.keys().map(String::as_str)
    }

    /// Returns the regions with Fargate prices, in alphabetical order.
    pub fn fargate_regions(&self) -> impl Iterator<Item = &str> {
        self.tables.fargate_prices.keys().map(String::as_str)
    }

    /// Returns the on-demand price of an instance: shared tenancy, no licence but Windows.
    ///
    /// Assumption: Windows costs the Linux price + [`WINDOWS_NANOS_PER_VCPU_HOUR`].
    ///
    /// # Errors
    /// [`NoPrice`] if the region or the type is unknown, or the type has no price there.
    pub fn on_demand(&self, region: &str, name: &str, os: Os) -> Result<Priced, NoPrice> {
        let Some(prices) = self.tables.on_demand.get(region) else {
            return Err(no_region("EC2", region, self.ec2_regions()));
        };
        let Some(instance_type) = self.instance_type(name) else {
            let nearest = owned(self.nearest_instance_types(name));
            return Err(NoPrice::InstanceType { instance_type: name.to_string(), nearest });
        };
        let linux = self.linux_price(region, name);
        let priced = match os {
            Os::Linux => linux,
            Os::Windows => {
                let given = prices.get(name).and_then(|price| price.windows_given);
                if given.is_none() && instance_type.architecture == Architecture::Arm64 {
                    return Err(self.no_windows(region, name));
                }
                let by_rule = linux.map(|linux| with_windows(linux, instance_type.vcpus));
                given.map(Priced::given).or(by_rule)
            }
        };
        priced.ok_or_else(|| self.not_in_region(region, name))
    }

    /// Returns all Fargate sizes, ascending by CPU, then memory.
    pub fn fargate_sizes(&self) -> &[FargateSize] {
        &self.tables.fargate_sizes
    }

    /// Checks that Fargate has tasks of that size.
    ///
    /// # Errors
    /// [`NoFargateSize`], whose hint says which sizes there are.
    pub fn fargate_size(
        &self,
        cpu_units: u32,
        memory_mib: u32,
        os: Os,
    ) -> Result<FargateSize, NoFargateSize> {
        fargate::find(self.fargate_sizes(), cpu_units, memory_mib, os)
    }

    /// Finds the smallest Fargate size with at least that much CPU and memory.
    pub fn smallest_fargate_size_for(
        &self,
        cpu_units: u32,
        memory_mib: u32,
        os: Os,
    ) -> Option<FargateSize> {
        fargate::smallest_for(self.fargate_sizes(), cpu_units, memory_mib, os)
    }

    /// Returns what Fargate costs in a region.
    ///
    /// # Errors
    /// [`NoPrice`] if the region is unknown or Fargate does not sell that there.
    pub fn fargate_price(
        &self,
        region: &str,
        offer: FargateOffer,
    ) -> Result<&FargatePrice, NoPrice> {
        let Some(prices) = self.tables.fargate_prices.get(region) else {
            return Err(no_region("Fargate", region, self.fargate_regions()));
        };
        prices.get(&offer).ok_or_else(|| {
            let offered = prices.keys().copied().collect();
            NoPrice::Offer { offer, region: region.to_string(), offered }
        })
    }

    /// Returns the price of a charge in a region.
    ///
    /// Assumption: where it is not known it is that of [`HOME_REGION`], and marked so; public IPv4
    /// addresses and surplus CPU credits have one price everywhere.
    pub fn charge(&self, region: &str, charge: Charge) -> ChargePrice {
        // Every charge has a row for the home region: a test counts them.
        let prices = &self.tables.charges[&charge];
        if let Some(price) = prices.get(region) {
            return price.clone();
        }
        let mut price = prices[HOME_REGION].clone();
        // One price in all Regions. Sources: AWS News Blog, 2023-07-28, on public IPv4 addresses;
        // Amazon EC2 On-Demand Pricing, unlimited mode: "across all regions".
        let everywhere = [
            Charge::PublicIpv4,
            Charge::TUnlimitedCredit,
            Charge::TUnlimitedCreditWindows,
            Charge::T4gUnlimitedCredit,
        ];
        if everywhere.contains(&charge) {
            return price;
        }
        price.evidence = Evidence::Assumed;
        let note = format!("the price of {HOME_REGION}");
        price.note = if price.note.is_empty() { note } else { format!("{note}; {}", price.note) };
        price
    }

    /// Returns all quotas, as a new account has them.
    pub fn quotas(&self) -> &[Quota] {
        &self.tables.quotas
    }

    /// Finds a quota by its name.
    pub fn quota(&self, name: &str) -> Option<&Quota> {
        self.quotas().iter().find(|quota| quota.name == name)
    }

    /// Adds an instance type, or replaces the one of that name. Its prices are set apart.
    pub fn set_instance_type(&mut self, instance_type: InstanceType) {
        let types = &mut Arc::make_mut(&mut self.tables).instance_types;
        types.insert(instance_type.name.clone(), instance_type);
    }

    /// Gives the on-demand price of an instance type, also in a region that had none.
    pub fn set_on_demand(&mut self, region: &str, name: &str, os: Os, rate: HourlyRate) {
        let regions = &mut Arc::make_mut(&mut self.tables).on_demand;
        let prices = regions.entry(region.to_string()).or_default();
        let price: &mut OnDemand = prices.entry(name.to_string()).or_default();
        match os {
            Os::Linux => price.linux = Some((rate, Evidence::Given)),
            Os::Windows => price.windows_given = Some(rate),
        }
    }

    /// Gives the price of Fargate in a region, also in one that had none.
    pub fn set_fargate_price(&mut self, region: &str, offer: FargateOffer, price: FargatePrice) {
        let regions = &mut Arc::make_mut(&mut self.tables).fargate_prices;
        regions.entry(region.to_string()).or_default().insert(offer, price);
    }

    /// Gives the price of a charge in a region, in nano-dollars per [`Charge::unit`].
    pub fn set_charge(&mut self, region: &str, charge: Charge, nanos: i64) {
        let (evidence, note) = (Evidence::Given, "given in the scenario".to_string());
        let price = ChargePrice { nanos, unit: charge.unit(), evidence, note };
        let charges = &mut Arc::make_mut(&mut self.tables).charges;
        charges.entry(charge).or_default().insert(region.to_string(), price);
    }

    fn linux_price(&self, region: &str, name: &str) -> Option<Priced> {
        let (rate, evidence) = self.tables.on_demand.get(region)?.get(name)?.linux?;
        Some(match evidence {
            Evidence::Given => Priced::given(rate),
            Evidence::Documented | Evidence::Measured | Evidence::Derived | Evidence::Assumed => {
                Priced { rate, evidence, note: format!("AWS Price List, {ON_DEMAND_AS_OF}") }
            }
        })
    }

    fn not_in_region(&self, region: &str, name: &str) -> NoPrice {
        let priced = |region: &str, name: &str| self.linux_price(region, name).is_some();
        let (nearest, elsewhere) = self.alternatives(region, name, priced);
        let (instance_type, region) = (name.to_string(), region.to_string());
        NoPrice::InRegion { instance_type, region, nearest, elsewhere }
    }

    /// Names the nearest types that are priced in a region, and the regions where a type is.
    fn alternatives(
        &self,
        region: &str,
        name: &str,
        priced: impl Fn(&str, &str) -> bool,
    ) -> (Vec<String>, Vec<String>) {
        let there = self.instance_types().map(|t| t.name.as_str()).filter(|n| priced(region, n));
        let elsewhere = self.ec2_regions().filter(|region| priced(region, name));
        (owned(nearest(name, there, '.')), elsewhere.map(str::to_string).collect())
    }

    fn no_windows(&self, region: &str, name: &str) -> NoPrice {
        let there = self.tables.on_demand[region].keys().map(String::as_str);
        let x86 = there.filter(|name| {
            self.instance_type(name).is_some_and(|t| t.architecture == Architecture::X86_64)
        });
        let nearest = owned(nearest(name, x86, '.'));
        NoPrice::WindowsOnArm { instance_type: name.to_string(), nearest }
    }
}

fn with_windows(linux: Priced, vcpus: u32) -> Priced {
    let windows = WINDOWS_NANOS_PER_VCPU_HOUR * i64::from(vcpus);
    Priced {
        rate: HourlyRate::nanos_per_hour(linux.rate.as_nanos_per_hour() + windows),
        evidence: Evidence::Assumed,
        note: format!("the Linux price + $0.046 per vCPU-hour; {}", linux.note),
    }
}

fn no_region<'a>(
    service: &'static str,
    region: &str,
    known: impl Iterator<Item = &'a str>,
) -> NoPrice {
    let nearest = owned(nearest(region, known, '-'));
    NoPrice::Region { service, region: region.to_string(), nearest }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_string).collect()
}
