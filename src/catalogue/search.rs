//! Finding instance types by what they offer and cost.

use std::ops::RangeInclusive;

use crate::ecs::model::Architecture;
use crate::units::HourlyRate;

use super::{Catalogue, InstanceType, NoPrice, Priced};

/// What instance types to look for; the default lets all pass.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Family: `m5`; where there is none of that name, and with `m5*`, all that begin so.
    pub family: Option<String>,
    /// CPU units; 1,024 are one vCPU.
    pub cpu_units: RangeInclusive<u32>,
    /// Memory as AWS lists it, in MiB.
    pub memory_mib: RangeInclusive<u32>,
    /// CPU architecture.
    pub architecture: Option<Architecture>,
    /// Whole GPUs.
    pub gpus: RangeInclusive<u32>,
    /// Least number of tasks in `awsvpc` mode.
    pub awsvpc_tasks_min: u32,
    /// Whether ENI trunking is on when they are counted.
    pub trunking: bool,
    /// Highest on-demand price (Linux).
    pub price_max: Option<HourlyRate>,
}

/// An instance type that passed, with its on-demand price (Linux).
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The type.
    pub instance_type: &'a InstanceType,
    /// Its price in the region of the search.
    pub price: Priced,
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            family: None,
            cpu_units: 0..=u32::MAX,
            memory_mib: 0..=u32::MAX,
            architecture: None,
            gpus: 0..=u32::MAX,
            awsvpc_tasks_min: 0,
            trunking: false,
            price_max: None,
        }
    }
}

impl Catalogue {
    /// Finds the instance types that have a price in a region and pass a filter.
    ///
    /// They are sorted by price, then name.
    ///
    /// # Errors
    /// [`NoPrice::Region`] if no price is known in the region.
    pub fn search(&self, region: &str, filter: &Filter) -> Result<Vec<Found<'_>>, NoPrice> {
        if !self.ec2_regions().any(|known| known == region) {
            return Err(super::no_region("EC2", region, self.ec2_regions()));
        }
        let family = filter.family.as_deref().map(|family| FamilyPattern::new(self, family));
        let family_passes = |t: &InstanceType| family.as_ref().is_none_or(|f| f.passes(t));
        let mut found: Vec<Found<'_>> = self
            .instance_types()
            .filter(|t| family_passes(t) && filter.passes(t))
            .filter_map(|instance_type| {
                let price = self.linux_price(region, &instance_type.name)?;
                Some(Found { instance_type, price })
            })
            .filter(|found| filter.price_max.is_none_or(|max| found.price.rate <= max))
            .collect();
        // The types come in the order of their names and the sort is stable.
        found.sort_by_key(|found| found.price.rate);
        Ok(found)
    }
}

impl Filter {
    fn passes(&self, t: &InstanceType) -> bool {
        self.cpu_units.contains(&t.registered_cpu_units())
            && self.memory_mib.contains(&t.memory_mib)
            && self.architecture.is_none_or(|architecture| t.architecture == architecture)
            && self.gpus.contains(&t.gpus)
            && t.awsvpc_tasks(self.trunking) >= self.awsvpc_tasks_min
    }
}

enum FamilyPattern {
    Exact(String),
    Prefix(String),
}

impl FamilyPattern {
    fn new(catalogue: &Catalogue, family: &str) -> FamilyPattern {
        if let Some(prefix) = family.strip_suffix('*') {
            return FamilyPattern::Prefix(prefix.to_string());
        }
        if catalogue.instance_types().any(|t| t.family() == family) {
            FamilyPattern::Exact(family.to_string())
        } else {
            FamilyPattern::Prefix(family.to_string())
        }
    }

    fn passes(&self, t: &InstanceType) -> bool {
        match self {
            FamilyPattern::Exact(family) => t.family() == family,
            FamilyPattern::Prefix(prefix) => t.family().starts_with(prefix.as_str()),
        }
    }
}
