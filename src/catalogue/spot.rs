//! What EC2 Spot costs, and how often it is interrupted: by region and type, not by zone.

use crate::units::HourlyRate;

use super::{Catalogue, Evidence, NoPrice, Priced, SPOT_AS_OF, SPOT_OBSERVED_AS_OF};

/// Which part of the instances AWS reclaimed within a month, as its Spot Instance Advisor says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterruptionBand {
    /// Less than 5 %.
    Under5,
    /// 5 to 10 %.
    From5To10,
    /// 10 to 15 %.
    From10To15,
    /// 15 to 20 %.
    From15To20,
    /// More than 20 %, without an upper end.
    Over20,
}

/// An instance type as Spot in a region, with Linux.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotOffer {
    /// The usual price: measured where somebody wrote it down, else derived from the savings.
    pub price: Priced,
    /// How often it is interrupted.
    pub band: InterruptionBand,
}

/// What the tables hold of a type in a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpotFacts {
    /// Against on demand, mean of 30 days and of all zones.
    pub savings_percent: u8,
    pub band: InterruptionBand,
    /// The lowest price of a zone on one day.
    pub observed: Option<HourlyRate>,
}

impl InterruptionBand {
    /// All bands, the rarest interruption first.
    pub const ALL: [InterruptionBand; 5] = [
        InterruptionBand::Under5,
        InterruptionBand::From5To10,
        InterruptionBand::From10To15,
        InterruptionBand::From15To20,
        InterruptionBand::Over20,
    ];

    /// Returns the band in per cent a month: `5-10`, `>20`.
    pub fn label(self) -> &'static str {
        match self {
            InterruptionBand::Under5 => "<5",
            InterruptionBand::From5To10 => "5-10",
            InterruptionBand::From10To15 => "10-15",
            InterruptionBand::From15To20 => "15-20",
            InterruptionBand::Over20 => ">20",
        }
    }

    /// Finds the band of a label.
    pub fn from_label(label: &str) -> Option<InterruptionBand> {
        InterruptionBand::ALL.into_iter().find(|band| band.label() == label)
    }

    /// Returns the fraction of instances interrupted in a month that stands for the band; made a
    /// rate by [`Hazard::from_monthly`](crate::ecs::capacity::spot::Hazard::from_monthly).
    ///
    /// Assumption: the middle of the band, and 30 % for the open one. Contested pools on record
    /// lost a thousand times more.
    pub fn monthly_frequency(self) -> f64 {
        match self {
            InterruptionBand::Under5 => 0.025,
            InterruptionBand::From5To10 => 0.075,
            InterruptionBand::From10To15 => 0.125,
            InterruptionBand::From15To20 => 0.175,
            InterruptionBand::Over20 => 0.3,
        }
    }
}

impl Catalogue {
    /// Returns what an instance type costs as Spot in a region, and how often it is interrupted.
    ///
    /// Where no price was observed it is the on-demand price less the savings of AWS's advisor. The
    /// two disagree widely: an observed price is some 1.5 times the derived one, four in five are
    /// 0.9 to 2.5 times.
    ///
    /// # Errors
    /// [`NoPrice`] if the region or the type is unknown, or the type is not known as Spot there.
    pub fn spot(&self, region: &str, name: &str) -> Result<SpotOffer, NoPrice> {
        let Some(types) = self.tables.spot.get(region) else {
            let regions = self.tables.spot.keys().map(String::as_str);
            return Err(super::no_region("Spot", region, regions));
        };
        if self.instance_type(name).is_none() {
            let nearest = super::owned(self.nearest_instance_types(name));
            return Err(NoPrice::InstanceType { instance_type: name.to_string(), nearest });
        }
        let offer = types.get(name).and_then(|facts| {
            let price = match facts.observed {
                Some(rate) => observed(rate),
                None => less(&self.linux_price(region, name)?, facts.savings_percent),
            };
            Some(SpotOffer { price, band: facts.band })
        });
        offer.ok_or_else(|| self.no_spot(region, name))
    }

    fn no_spot(&self, region: &str, name: &str) -> NoPrice {
        let priced = |region: &str, name: &str| {
            self.tables.spot.get(region).is_some_and(|types| types.contains_key(name))
        };
        let (nearest, elsewhere) = self.alternatives(region, name, priced);
        let (instance_type, region) = (name.to_string(), region.to_string());
        NoPrice::Spot { instance_type, region, nearest, elsewhere }
    }
}

fn observed(rate: HourlyRate) -> Priced {
    let note = format!("the lowest zone on one day of {SPOT_OBSERVED_AS_OF}");
    Priced { rate, evidence: Evidence::Measured, note }
}

fn less(on_demand: &Priced, savings_percent: u8) -> Priced {
    let left = 100 - i64::from(savings_percent.min(100));
    let nanos = (on_demand.rate.as_nanos_per_hour() * left + 50) / 100;
    Priced {
        rate: HourlyRate::nanos_per_hour(nanos),
        evidence: Evidence::Derived,
        note: format!(
            "on demand less {savings_percent} %, AWS Spot Instance Advisor, {SPOT_AS_OF}"
        ),
    }
}
