//! From facts to usage, and from usage to a bill: a run is simulated once and can be priced often.
//!
//! [`Meter`] watches a run and leaves [`Usage`], in integers. [`price`] turns usage into a
//! [`Bill`] by a [`PriceBook`]; it is the only place where there is money.

mod bill;
mod meter;
mod price;
mod spot;
#[cfg(test)]
mod tests;

pub use bill::{Bill, BillLine, Category, ClassShare, Ec2Split, Holder};
pub use meter::{
    AddressUsage, FargateKey, FargateUsage, InstanceUsage, Meter, Payer, ResourceTime, Share, Usage,
};
pub use price::{ClassRates, FargateRates, MissingPrice, Per, PriceBook, Rate, Standing, price};
pub use spot::SpotUsage;
