//! A price with what is known of it, and why there may be none.

use std::fmt;

use crate::units::HourlyRate;

use super::FargateOffer;

/// How a figure is known, from the best to the weakest, and last what a scenario says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// AWS says so.
    Documented,
    /// Somebody measured and published it.
    Measured,
    /// Computed by a rule from documented or measured figures.
    Derived,
    /// Our guess, to be replaced by who knows better.
    Assumed,
    /// Given in the scenario.
    Given,
}

/// A price per unit and hour, and how it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// The price.
    pub rate: HourlyRate,
    /// How it is known.
    pub evidence: Evidence,
    /// Where from and of when, or why it is assumed.
    pub note: String,
}

/// Why there is no price: the price is then unknown, never zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPrice {
    /// No price of that service is known for the region.
    #[error("no {service} price is known for region `{region}`")]
    Region {
        /// `EC2` or `Fargate`.
        service: &'static str,
        /// The region asked for.
        region: String,
        /// Regions with prices, the nearest name first.
        nearest: Vec<String>,
    },
    /// No such instance type is known.
    #[error("no price is known for instance type `{instance_type}`")]
    InstanceType {
        /// The type asked for.
        instance_type: String,
        /// Types of the catalogue, the nearest name first.
        nearest: Vec<String>,
    },
    /// The instance type has no price in that region.
    #[error("no price is known for instance type `{instance_type}` in region `{region}`")]
    InRegion {
        /// The type asked for.
        instance_type: String,
        /// The region asked for.
        region: String,
        /// Types with a price there, the nearest name first.
        nearest: Vec<String>,
        /// Regions where the type has a price.
        elsewhere: Vec<String>,
    },
    /// The instance type is not sold as Spot in that region, or nobody knows for how much.
    #[error("no Spot price is known for instance type `{instance_type}` in region `{region}`")]
    Spot {
        /// The type asked for.
        instance_type: String,
        /// The region asked for.
        region: String,
        /// Types with a Spot price there, the nearest name first.
        nearest: Vec<String>,
        /// Regions where the type has one.
        elsewhere: Vec<String>,
    },
    /// Windows does not run on Graviton instances.
    #[error("instance type `{instance_type}` is arm64, which has no Windows")]
    WindowsOnArm {
        /// The type asked for.
        instance_type: String,
        /// x86_64 types with a price there, the nearest name first.
        nearest: Vec<String>,
    },
    /// Fargate does not sell this, or not there.
    #[error("no Fargate price is known for {offer} in region `{region}`")]
    Offer {
        /// What was asked for.
        offer: FargateOffer,
        /// The region asked for.
        region: String,
        /// What has a price there.
        offered: Vec<FargateOffer>,
    },
}

impl Priced {
    /// Makes a price that a scenario gives.
    pub fn given(rate: HourlyRate) -> Priced {
        Priced { rate, evidence: Evidence::Given, note: "given in the scenario".to_string() }
    }
}

impl NoPrice {
    /// Names the nearest that has a price.
    pub fn hint(&self) -> String {
        match self {
            NoPrice::Region { service, nearest, .. } => {
                format!("the nearest regions with {service} prices are {}", quoted(nearest))
            }
            NoPrice::InstanceType { nearest, .. } => {
                format!("the nearest types with a price are {}", quoted(nearest))
            }
            NoPrice::InRegion { region, nearest, elsewhere, .. }
            | NoPrice::Spot { region, nearest, elsewhere, .. } => {
                let there =
                    format!("the nearest types with a price in {region} are {}", quoted(nearest));
                if elsewhere.is_empty() {
                    there
                } else {
                    format!("it has one in {}; {there}", quoted(elsewhere))
                }
            }
            NoPrice::WindowsOnArm { nearest, .. } => {
                format!("the nearest x86_64 types are {}", quoted(nearest))
            }
            NoPrice::Offer { region, offered, .. } => {
                let offers: Vec<String> = offered.iter().map(FargateOffer::to_string).collect();
                format!("there are prices in {region} for {}", offers.join(", "))
            }
        }
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl Evidence {
    /// Finds the evidence by its word.
    pub fn from_word(word: &str) -> Option<Evidence> {
        use Evidence::{Assumed, Derived, Documented, Given, Measured};
        [Documented, Measured, Derived, Assumed, Given].into_iter().find(|e| e.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Evidence::Documented => "documented",
            Evidence::Measured => "measured",
            Evidence::Derived => "derived",
            Evidence::Assumed => "assumed",
            Evidence::Given => "given",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
