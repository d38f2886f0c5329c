//! EC2 Spot capacity: the market's parameters, pools with price and hazard, recordings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::catalogue::Priced;
use crate::ecs::capacity::spot::{
    Availability, Hazard, NodeChange, OnDemandShare, PriceMovement, SpotMarket, SpotParameters,
    SpotPool,
};
use crate::ecs::model::{Deregistration, Os, SpotSupply, Zone};
use crate::engine::Ix;
use crate::units::{HourlyRate, Money, SimTime, Span};

use super::super::View;
use super::super::codes::Code;
use super::super::keys::MAX_SPAN_US;
use super::super::load::{Files, unreadable};
use super::super::problems::{Problem, number};
use super::super::trace::guarded;
use super::super::value::{self, PerSecond, Share};
use super::Lower;

/// Recorded availability by the name of a pool.
pub(super) type Recordings = BTreeMap<String, Availability>;

/// Makes the market of the Region.
pub(super) fn market(root: &View, files: &dyn Files, problems: &mut Vec<Problem>) -> SpotMarket {
    let view = root.table("spot");
    let region: String = root.get("region");
    let mut values_read = 0;
    let mut dist = |key: &str| {
        let written: value::Distribution = view.get(key);
        super::distribution(&written, (&view, key), (files, &mut values_read), problems)
    };
    let share = |key: &str| view.get::<Share>(key).0;
    let parameters = SpotParameters {
        alone_share: share("alone_share"),
        reclaim_probability: share("reclaim_probability"),
        reclaim_delay: dist("reclaim_delay"),
        drought: dist("drought"),
        shared_share: share("shared_share"),
        rebalance_lead: dist("rebalance_lead"),
        notice: view.get("notice"),
        price: PriceMovement {
            period: view.get("price_period"),
            reversion: view.get("price_reversion"),
            spread: share("price_spread"),
            floor: OnDemandShare::from_ratio(share("price_floor")),
        },
    };
    SpotMarket::new(&region, parameters).unwrap_or_else(|error| {
        let problem = view.error("reclaim_probability", error.to_string());
        problems.push(problem.hint("change it, or leave it out"));
        let usual = SpotMarket::new(&region, SpotParameters::default());
        usual.expect("the defaults are in range")
    })
}

/// Returns how often tasks on Fargate Spot are interrupted.
pub(super) fn fargate_hazard(root: &View, problems: &mut Vec<Problem>) -> Hazard {
    let view = root.table("spot");
    let key = "fargate_interruption_frequency";
    Hazard::from_monthly(view.get::<Share>(key).0).unwrap_or_else(|error| {
        let hint = "at most 99.9999 % are interrupted within a month";
        problems.push(view.error(key, error.to_string()).hint(hint));
        Hazard::from_monthly(0.0).expect("nothing is a frequency")
    })
}

/// Returns in which order interrupted tasks leave their target groups and get SIGTERM.
pub(super) fn deregistration(root: &View) -> Deregistration {
    match root.table("spot").get::<String>("fargate_deregistration").as_str() {
        "before_sigterm" => Deregistration::BeforeSigterm,
        _ => Deregistration::WithSigterm,
    }
}

/// Returns the share of the best capacity that is enough, in per cent.
pub(super) fn enough_percent(lower: &Lower) -> u32 {
    let share = lower.root().table("spot").get::<Share>("enough_capacity").0;
    (share * 100.0).round() as u32
}

/// Returns the pool of a type in a zone, which groups share.
pub(super) fn supply(
    lower: &mut Lower,
    group: &View,
    (instance_type, os, zone): (&str, Os, Ix<Zone>),
    recorded: &Recordings,
) -> Ix<SpotSupply> {
    let name = format!("{}/{instance_type}", lower.model.zones[zone].name);
    if let Some(ix) = lower.model.spot_pools.position(|it| it.pool.name == name) {
        return ix;
    }
    let (price, hazard) = offer(lower, group, instance_type, os);
    let on_demand = lower.catalogue.on_demand(&lower.region, instance_type, os);
    // Without a price on demand that is said of the class.
    let on_demand = on_demand.map_or(HourlyRate::ZERO, |it| it.rate).as_nanos_per_hour();
    let ratio = price.rate.as_nanos_per_hour() as f64 / on_demand.max(1) as f64;
    if ratio > 1.0 && on_demand > 0 {
        let message = format!("`{instance_type}` costs more as Spot than on demand");
        let hint = "AWS sells Spot for at most the price on demand";
        let own = lower.root().table("spot").entry("instance_type", instance_type);
        let at = own.map_or_else(|| group.error_here(&message), |it| it.error("price", &message));
        lower.problems.push(at.hint(hint));
    }
    let availability = recorded.get(&name).cloned();
    lower.model.spot_pools.push(SpotSupply {
        pool: SpotPool { name, hazard },
        usual: OnDemandShare::from_ratio(ratio),
        availability,
    })
}

/// Returns what a type usually costs and how often it is interrupted; what is wrong is said.
fn offer(lower: &mut Lower, group: &View, name: &str, os: Os) -> (Priced, Hazard) {
    let own = lower.root().table("spot").entry("instance_type", name);
    let price = own.as_ref().and_then(|it| it.find::<Money>("price"));
    let price = price.map(|money| Priced::given(super::prices::hourly(money)));
    let hazard = own.as_ref().and_then(|it| hazard(lower, it));
    let none = || Hazard::from_monthly(0.0).expect("nothing is a frequency");
    if os == Os::Windows {
        let message = "Spot prices of Windows are not known here";
        lower.problems.push(group.error_here(message).hint("buy these instances on demand"));
        return (Priced::given(HourlyRate::ZERO), none());
    }
    if let (Some(price), Some(hazard)) = (&price, hazard) {
        return (price.clone(), hazard);
    }
    match lower.catalogue.spot(&lower.region, name) {
        Ok(offer) => {
            let usual = Hazard::from_monthly(offer.band.monthly_frequency());
            (price.unwrap_or(offer.price), hazard.unwrap_or(usual.unwrap_or_else(|_| none())))
        }
        Err(error) => {
            // A type that nobody knows, or a Region, is said elsewhere.
            let is_known = lower.catalogue.on_demand(&lower.region, name, os).is_ok();
            if is_known {
                let hint = format!(
                    "{}; or write `price` and `interruption_frequency` into \
                     `[spot.instance_type.\"{name}\"]`",
                    error.hint()
                );
                lower.problems.push(group.error_here(error.to_string()).hint(hint));
            }
            (price.unwrap_or(Priced::given(HourlyRate::ZERO)), hazard.unwrap_or_else(none))
        }
    }
}

/// Returns the hazard that is written of a type.
fn hazard(lower: &mut Lower, view: &View) -> Option<Hazard> {
    let monthly = view.find::<Share>("interruption_frequency");
    let rate = view.find::<PerSecond>("interruption_rate");
    if monthly.is_some() && rate.is_some() {
        let message = "`interruption_rate` does not go with `interruption_frequency`";
        let hint = "leave one of them out";
        lower.problems.push(view.error("interruption_rate", message).hint(hint));
    }
    let (key, made) = match (monthly, rate) {
        (_, Some(rate)) => ("interruption_rate", Hazard::per_hour(rate.0 * 3600.0)),
        (Some(share), None) => ("interruption_frequency", Hazard::from_monthly(share.0)),
        (None, None) => return None,
    };
    match made {
        Ok(hazard) => Some(hazard),
        Err(error) => {
            let hint = "at most 99.9999 % are interrupted within a month, or 16 per hour";
            lower.problems.push(view.error(key, error.to_string()).hint(hint));
            None
        }
    }
}

/// Returns what a type usually costs as Spot, for the bill.
pub(super) fn usual_price(
    catalogue: &crate::catalogue::Catalogue,
    root: &View,
    instance_type: &str,
) -> Option<Priced> {
    let own = root.table("spot").entry("instance_type", instance_type);
    match own.and_then(|it| it.find::<Money>("price")) {
        Some(money) => Some(Priced::given(super::prices::hourly(money))),
        None => {
            let region: String = root.get("region");
            catalogue.spot(&region, instance_type).ok().map(|offer| offer.price)
        }
    }
}

/// Types of which nobody buys Spot capacity, and pools of which there is none.
pub(super) fn find_idle(lower: &mut Lower, recorded: &Recordings) {
    let view = lower.root().table("spot");
    let names = lower.model.spot_pools.iter().map(|(_, it)| it.pool.name.clone());
    let names: Vec<String> = names.collect();
    for (instance_type, own) in view.entries("instance_type") {
        let is_used =
            names.iter().any(|it| it.split_once('/').map(|it| it.1) == Some(instance_type));
        if !is_used {
            lower.without_effect.extend(own.paths());
        }
    }
    for name in recorded.keys().filter(|name| !names.contains(name)) {
        let message = format!("no group buys Spot capacity of the recorded pool `{name}`");
        let hint = "pools are named by zone and type, such as `us-east-1a/m7g.large`";
        let problem = view.warning(Code::RecordedInVain, "availability", message);
        lower.problems.push(problem.hint(hint));
    }
}

/// The most rows of a recording.
const MAX_ROWS: usize = 1_000_000;

/// Reads the recording of availability, if one is named.
pub(super) fn recordings(lower: &mut Lower) -> Recordings {
    let view = lower.root().table("spot");
    let Some(path) = view.find::<PathBuf>("availability") else { return Recordings::new() };
    let file = path.display();
    let mut reader = match lower.files.open(&path) {
        Ok(file) => csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(guarded(file)),
        Err(error) => {
            let place = view.error("availability", "").at;
            lower.problems.push(unreadable(&path, place, &error));
            return Recordings::new();
        }
    };
    match read(&mut reader) {
        Ok(recorded) => {
            if recorded.mixes_demand {
                let message = "the recording tells what somebody held, which mixes their demand \
                               with the supply: a node that was given back looks reclaimed";
                let hint = "a recording of `capacity` does not";
                let problem = view.warning(Code::RecordedDemand, "availability", message);
                lower.problems.push(problem.hint(hint));
            }
            recorded.pools
        }
        Err(fault) => {
            let message = format!("`{file}` {fault}");
            let hint = "columns are `seconds`, `pool`, and `capacity` or `node` and `event`";
            lower.problems.push(view.error("availability", message).hint(hint));
            Recordings::new()
        }
    }
}

struct Recorded {
    pools: Recordings,
    mixes_demand: bool,
}

/// Reads rows of capacity, or of nodes that came and went.
fn read(reader: &mut csv::Reader<impl std::io::Read>) -> Result<Recorded, String> {
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let column = |name: &str| header.iter().position(|it| it == name);
    let needed = |name: &str| column(name).ok_or_else(|| format!("has no column `{name}`"));
    let (seconds, pool) = (needed("seconds")?, needed("pool")?);
    let capacity = column("capacity");
    let nodes = match capacity {
        Some(_) => None,
        None => Some((needed("node")?, needed("event")?)),
    };
    let mut levels: BTreeMap<String, Vec<(SimTime, u32)>> = BTreeMap::new();
    let mut changes: BTreeMap<String, Vec<NodeChange>> = BTreeMap::new();
    for (row, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|error| error.to_string())?;
        if row > MAX_ROWS {
            return Err(format!("has more than {} rows", number(MAX_ROWS as u64)));
        }
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let wrong = |column: usize, what: &str| {
            Err(format!("has `{}` in row {row}, which is not {what}", cell(column)))
        };
        let Some(at) = instant(cell(seconds)) else {
            return wrong(seconds, "a number of seconds since the start");
        };
        let name = cell(pool).to_string();
        if let Some(capacity) = capacity {
            let Ok(count) = cell(capacity).parse() else {
                return wrong(capacity, "a number of instances");
            };
            levels.entry(name).or_default().push((at, count));
        } else if let Some((node, event)) = nodes {
            let is_added = match cell(event) {
                "add" => true,
                "remove" => false,
                _ => return wrong(event, "`add` or `remove`"),
            };
            let node = cell(node).to_string();
            changes.entry(name).or_default().push(NodeChange { at, node, is_added });
        }
    }
    let told = |name: &str, error: &dyn std::fmt::Display| format!("is wrong of `{name}`: {error}");
    let mut pools = Recordings::new();
    for (name, rows) in levels {
        let made = Availability::new(&rows).map_err(|error| told(&name, &error))?;
        pools.insert(name, made);
    }
    for (name, rows) in changes {
        let made = Availability::from_nodes(&rows).map_err(|error| told(&name, &error))?;
        pools.insert(name, made);
    }
    if pools.is_empty() {
        return Err("has no rows".to_string());
    }
    Ok(Recorded { pools, mixes_demand: nodes.is_some() })
}

/// Reads seconds since the start of the run.
fn instant(text: &str) -> Option<SimTime> {
    let seconds: f64 = text.parse().ok()?;
    let is_fine = seconds >= 0.0 && seconds <= MAX_SPAN_US as f64 / 1e6;
    is_fine.then(|| SimTime::ZERO.saturating_add(Span::from_secs_f64(seconds)))
}
