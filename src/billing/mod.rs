//! From facts to usage, and from usage to a bill: a run is simulated once and can be priced often.
//!
//! [`Meter`] watches a run and leaves [`Usage`], in integers. [`price`] turns usage into a
//! [`Bill`] by a [`PriceBook`]; it is the only place where there is money. What a [`Commitment`]
//! covers is decided then too, hour by hour, and a [`Curve`] says what another one would cost.

mod bill;
mod commitment;
mod curve;
mod hourly;
mod meter;
mod price;
mod spot;
#[cfg(test)]
mod tests;

pub use bill::{Bill, BillLine, Category, ClassShare, Ec2Split, Holder};
pub use commitment::{Commitment, CommitmentKind, CommitmentUse, CommittedFargate, CommittedRates};
pub use curve::{Curve, CurvePoint, Offer, SHORTEST_RUN};
pub use hourly::{Coverable, HourlyUsage};
pub use meter::{
    AddressUsage, FargateKey, FargateUsage, InstanceUsage, Meter, Payer, ResourceTime, Share, Usage,
};
pub use price::{ClassRates, FargateRates, MissingPrice, Per, PriceBook, Rate, Standing, price};
pub use spot::SpotUsage;
