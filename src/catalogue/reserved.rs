//! What EC2 instances cost for whoever commits to them for a year or three, nothing upfront.

use crate::units::HourlyRate;

use super::{Catalogue, Evidence, Priced, RESERVED_AS_OF};

/// How long a commitment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// A year.
    OneYear,
    /// Three years.
    ThreeYears,
}

/// Whether Reserved Instances can be exchanged for others; those that can save less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferingClass {
    /// They cannot.
    Standard,
    /// They can.
    Convertible,
}

/// What the tables hold of a type in a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReservedFacts {
    /// Standard for one and three years, convertible for one and three years.
    pub rates: [Option<HourlyRate>; 4],
    /// The on-demand price of the same date.
    pub on_demand: HourlyRate,
}

impl Term {
    /// Both of them.
    pub const ALL: [Term; 2] = [Term::OneYear, Term::ThreeYears];

    /// Returns it as a scenario says it: `1 y`.
    pub const fn label(self) -> &'static str {
        match self {
            Term::OneYear => "1 y",
            Term::ThreeYears => "3 y",
        }
    }
}

impl OfferingClass {
    /// Both of them.
    pub const ALL: [OfferingClass; 2] = [OfferingClass::Standard, OfferingClass::Convertible];

    /// Returns it as the EC2 API says it, in a scenario's small letters.
    pub const fn label(self) -> &'static str {
        match self {
            OfferingClass::Standard => "standard",
            OfferingClass::Convertible => "convertible",
        }
    }
}

impl Catalogue {
    /// Returns what a Reserved Instance costs per hour: Linux, shared tenancy, nothing upfront.
    ///
    /// Where the on-demand price is no longer what it was then, or is the scenario's own, the
    /// discount is what counts. `None`: it is not sold, or its price is not known.
    pub fn reserved(
        &self,
        region: &str,
        name: &str,
        class: OfferingClass,
        term: Term,
    ) -> Option<Priced> {
        let facts = self.tables.reserved.get(region)?.get(name)?;
        let column = 2 * class as usize + term as usize;
        let rate = facts.rates[column]?;
        let now = self.linux_price(region, name)?.rate;
        if now == facts.on_demand {
            let note = format!("AWS Price List, {RESERVED_AS_OF}");
            return Some(Priced { rate, evidence: Evidence::Documented, note });
        }
        let [rate, now, then] =
            [rate, now, facts.on_demand].map(|it| i128::from(it.as_nanos_per_hour()));
        let nanos = i64::try_from((rate * now + then / 2) / then).ok()?;
        Some(Priced {
            rate: HourlyRate::nanos_per_hour(nanos),
            evidence: Evidence::Derived,
            note: format!("the discount of {RESERVED_AS_OF} on the on-demand price"),
        })
    }
}
