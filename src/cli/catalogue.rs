//! `ecsim catalogue`: searches what the program knows about AWS, and says how well it knows it.

use std::io::{self, Write};
use std::ops::RangeInclusive;

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::catalogue::{
    CHARGES_AS_OF, Catalogue, Charge, CpuCredits, Evidence, FARGATE_AS_OF, FARGATE_SPOT_AS_OF,
    FargateOffer, FargatePrice, FargateSize, Filter, Found, HOME_REGION, InstanceType, MONTH,
    NoPrice, ON_DEMAND_AS_OF, OfferingClass, Priced, RESERVED_AS_OF, SPOT_AS_OF,
    SPOT_OBSERVED_AS_OF, SpotOffer, Term, architecture_from_name, architecture_name, nearest,
};
use crate::ecs::model::{Architecture, Os};
use crate::units::{Bytes, HourlyRate, Money, Span};

/// The exit code of a command that understood and did what it was asked.
const FINE: u8 = 0;
/// The exit code of bad input.
const BAD_INPUT: u8 = 2;

/// How many instance types a table shows unless `--limit` says otherwise.
const SHOWN: usize = 40;

/// Searches the built-in instance types, prices and quotas.
#[derive(Args, Debug)]
pub struct CatalogueArgs {
    /// Show this instance type in full
    #[arg(group = "page")]
    pub name: Option<String>,
    /// Family, such as `m5`; `m` or `m5*` is every family that begins so
    #[arg(long, conflicts_with = "page")]
    pub family: Option<String>,
    /// vCPUs, such as `4`, `2..8`, `2..` or `..8`
    #[arg(long, value_name = "N|MIN..MAX", value_parser = cpu_range,
        conflicts_with_all = ["name", "charges", "quotas"])]
    pub vcpu: Option<RangeInclusive<u32>>,
    /// Memory, such as `8 GiB`, `512 MiB` or `4 GiB..16 GiB`
    #[arg(long, value_name = "SIZE|MIN..MAX", value_parser = memory_range,
        conflicts_with_all = ["name", "charges", "quotas"])]
    pub memory: Option<RangeInclusive<u32>>,
    /// CPU architecture
    #[arg(long, value_name = "x86_64|arm64", value_parser = architecture, conflicts_with = "page")]
    pub architecture: Option<Architecture>,
    /// Region of the prices
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// Highest price, Linux, in $ per hour: on demand, or with --spot of Spot
    #[arg(long, value_name = "USD", value_parser = dollars_per_hour, conflicts_with = "page")]
    pub max_price: Option<HourlyRate>,
    /// GPUs, such as `1`, `1..` or `1..4`
    #[arg(long, value_name = "N|MIN..MAX", value_parser = count_range, conflicts_with = "page")]
    pub gpus: Option<RangeInclusive<u32>>,
    /// Only types that hold at least this many tasks in awsvpc mode
    #[arg(long, value_name = "N", conflicts_with = "page")]
    pub awsvpc_tasks: Option<u32>,
    /// Count --awsvpc-tasks with ENI trunking
    #[arg(long, requires = "awsvpc_tasks")]
    pub trunking: bool,
    /// Only types sold as Spot, with its price and how often it is interrupted; cheapest Spot first
    #[arg(long, conflicts_with = "page")]
    pub spot: bool,
    /// Only types sold as Reserved Instances, with what one costs per hour, nothing upfront
    #[arg(long, conflicts_with_all = ["page", "spot"])]
    pub reserved: bool,
    /// List Fargate's task sizes and what they cost
    #[arg(long, group = "page")]
    pub fargate: bool,
    /// List the other charges: volumes, balancers, addresses, traffic, logs, fees
    #[arg(long, group = "page")]
    pub charges: bool,
    /// List the ECS and Fargate quotas of a new account
    #[arg(long, group = "page")]
    pub quotas: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Show at most this many instance types; 0 shows all [default: 40, in JSON all]
    #[arg(long, value_name = "N", conflicts_with = "page")]
    pub limit: Option<usize>,
}

/// Something asked for that is not there: the fact, and what to do.
struct BadInput {
    fact: String,
    hint: String,
}

/// Writes what was asked for to `out`, or what is wrong with it to `errors`; returns the exit code.
///
/// # Errors
/// Whatever writing reports.
pub fn run(args: &CatalogueArgs, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<u8> {
    match page(args) {
        Ok(text) => {
            out.write_all(text.as_bytes())?;
            Ok(FINE)
        }
        Err(BadInput { fact, hint }) => {
            writeln!(errors, "error: {fact}\nhint: {hint}")?;
            Ok(BAD_INPUT)
        }
    }
}

fn page(args: &CatalogueArgs) -> Result<String, BadInput> {
    if let Some(name) = &args.name {
        one_type(args, name)
    } else if args.fargate {
        fargate(args)
    } else if args.charges {
        charges(args)
    } else if args.quotas {
        Ok(quotas(args))
    } else {
        types(args)
    }
}

// The pages.

fn types(args: &CatalogueArgs) -> Result<String, BadInput> {
    let catalogue = Catalogue::builtin();
    check_family(catalogue, args)?;
    let mut found = catalogue.search(&args.region, &filter(args))?;
    if args.spot {
        only_spot(args, &mut found);
    }
    if args.reserved {
        let rates = |found: &Found<'_>| reserved(&args.region, found).into_iter().flatten().count();
        found.retain(|found| rates(found) > 0);
    }
    let limit = match (args.limit, args.json) {
        (Some(0), _) | (None, true) => found.len(),
        (Some(limit), _) => limit,
        (None, false) => SHOWN,
    };
    let shown = &found[..limit.min(found.len())];
    if args.json {
        let types = shown.iter().map(|found| found_json(&args.region, found));
        let types: Vec<Value> = types.collect();
        return Ok(pretty(&json!({
            "region": args.region,
            "prices_as_of": ON_DEMAND_AS_OF,
            "spot_as_of": SPOT_AS_OF,
            "spot_observed_as_of": SPOT_OBSERVED_AS_OF,
            "reserved_as_of": RESERVED_AS_OF,
            "matching": found.len(),
            "instance_types": types,
        })));
    }
    if found.is_empty() {
        return Ok(format!("no instance type in {} matches\n", args.region));
    }
    let mut text = match (args.spot, args.reserved) {
        (true, _) => spot_table(&args.region, shown),
        (false, true) => reserved_table(&args.region, shown),
        (false, false) => types_table(shown),
    };
    text.push('\n');
    text.push_str(&match found.len() - shown.len() {
        0 => format!("{} types in {}, cheapest first\n", found.len(), args.region),
        more => format!(
            "the {} cheapest of {} types in {}; `--limit 0` shows the other {more} too\n",
            shown.len(),
            found.len(),
            args.region
        ),
    });
    if !args.spot && !args.reserved {
        text.push_str(
            "~ computed by rule   ? assumed   - no trunking: the figure without applies\n",
        );
    }
    text.push_str(&price_source());
    if args.spot {
        text.push_str(&spot_source());
    }
    if args.reserved {
        text.push_str(&format!(
            "Reserved Instances: Linux, nothing upfront, AWS Price List of {RESERVED_AS_OF} by \
             ec2.shop\n~ the discount of then on the on-demand price of today   - not sold\n"
        ));
    }
    Ok(text)
}

/// Returns what a type costs reserved: standard for one and three years, then convertible.
fn reserved(region: &str, found: &Found<'_>) -> Vec<Option<Priced>> {
    let terms = |class| Term::ALL.map(|term| (class, term));
    let offerings = OfferingClass::ALL.into_iter().flat_map(terms);
    let name = &found.instance_type.name;
    let price = |(class, term)| Catalogue::builtin().reserved(region, name, class, term);
    offerings.map(price).collect()
}

fn reserved_table(region: &str, shown: &[Found<'_>]) -> String {
    let places = most_places(shown.iter().map(|found| found.price.rate));
    let rows = shown.iter().map(|found| {
        let t = found.instance_type;
        let mut row = vec![
            t.name.clone(),
            t.vcpus.to_string(),
            gib(t.memory_mib),
            dollars(found.price.rate, places),
        ];
        row.extend(reserved(region, found).into_iter().map(|price| match price {
            Some(price) => format!("{} {}", dollars(price.rate, places), mark(price.evidence)),
            None => "-  ".to_string(),
        }));
        row
    });
    let columns = [
        "<\ntype",
        ">\nvCPU",
        ">memory\nGiB",
        ">on demand\n$/hour",
        ">standard\n1 y  ",
        ">\n3 y  ",
        ">convertible\n1 y  ",
        ">\n3 y  ",
    ];
    table(&columns, rows)
}

/// Leaves the types that are sold as Spot, the cheapest first.
fn only_spot(args: &CatalogueArgs, found: &mut Vec<Found<'_>>) {
    let catalogue = Catalogue::builtin();
    let rate = |found: &Found<'_>| -> Option<HourlyRate> {
        Some(catalogue.spot(&args.region, &found.instance_type.name).ok()?.price.rate)
    };
    found.retain(|found| {
        rate(found).is_some_and(|rate| args.max_price.is_none_or(|max| rate <= max))
    });
    found.sort_by_key(rate);
}

fn spot_table(region: &str, shown: &[Found<'_>]) -> String {
    let catalogue = Catalogue::builtin();
    let offers = shown
        .iter()
        .filter_map(|found| Some((found, catalogue.spot(region, &found.instance_type.name).ok()?)));
    let offers: Vec<(&Found<'_>, SpotOffer)> = offers.collect();
    let places = most_places(offers.iter().map(|(found, _)| found.price.rate));
    let rows = offers.iter().map(|(Found { instance_type: t, price }, offer)| {
        vec![
            t.name.clone(),
            t.vcpus.to_string(),
            gib(t.memory_mib),
            architecture_name(t.architecture).to_string(),
            dash_if_zero(t.gpus),
            dollars(price.rate, places),
            spot_dollars(offer, places),
            saved(price.rate, offer),
            offer.band.label().to_string(),
        ]
    });
    let columns = [
        "<\ntype",
        ">\nvCPU",
        ">memory\nGiB",
        "<\narch",
        ">\nGPUs",
        ">on demand\n$/hour",
        ">Spot\n$/hour  ",
        ">saves\n%",
        ">interrupted\n%/month",
    ];
    table(&columns, rows)
}

fn spot_dollars(offer: &SpotOffer, places: usize) -> String {
    format!("{} {}", dollars(offer.price.rate, places), mark(offer.price.evidence))
}

/// Writes what Spot saves against on demand, in whole per cent.
fn saved(on_demand: HourlyRate, offer: &SpotOffer) -> String {
    let left = offer.price.rate.as_dollars_f64() / on_demand.as_dollars_f64();
    format!("{:.0}", 100.0 * (1.0 - left))
}

fn types_table(shown: &[Found<'_>]) -> String {
    let places = most_places(shown.iter().map(|found| found.price.rate));
    let rows = shown.iter().map(|Found { instance_type: t, price }| {
        let registered = t.registered_memory(Os::Linux);
        vec![
            t.name.clone(),
            t.vcpus.to_string(),
            gib(t.memory_mib),
            format!("{} {}", thousands(registered.mib.into()), mark(registered.evidence)),
            architecture_name(t.architecture).to_string(),
            dash_if_zero(t.gpus),
            t.awsvpc_tasks.to_string(),
            format!("{} {}", trunked(t), mark(t.trunking_evidence)),
            dollars(price.rate, places),
            per_month(price.rate),
        ]
    });
    let columns = [
        "<\ntype",
        ">\nvCPU",
        ">memory\nGiB",
        ">registers\nMiB  ",
        "<\narch",
        ">\nGPUs",
        ">awsvpc\ntasks",
        ">trunked\ntasks  ",
        ">on demand\n$/hour",
        ">\n$/month",
    ];
    table(&columns, rows)
}

fn one_type(args: &CatalogueArgs, name: &str) -> Result<String, BadInput> {
    let catalogue = Catalogue::builtin();
    let Some(t) = catalogue.instance_type(name) else {
        let fact = format!("no instance type with a price is named `{name}`");
        let nearest = catalogue.nearest_instance_types(name).join("`, `");
        return Err(BadInput { fact, hint: format!("the nearest are `{nearest}`") });
    };
    let in_region = |region: &str, os: Os| catalogue.on_demand(region, name, os).ok();
    if args.json {
        let prices = |os: Os| -> Value {
            let priced = |region: &str| {
                let rate = in_region(region, os)?.rate.as_dollars_f64();
                Some((region.to_string(), json!(rate)))
            };
            catalogue.ec2_regions().filter_map(priced).collect::<serde_json::Map<_, _>>().into()
        };
        let mut value = type_json(t);
        value["linux_usd_per_hour"] = prices(Os::Linux);
        value["windows_usd_per_hour"] = prices(Os::Windows);
        value["prices_as_of"] = json!(ON_DEMAND_AS_OF);
        let spot = |region: &str| {
            Some((region.to_string(), spot_json(&catalogue.spot(region, name).ok()?)))
        };
        let spot = catalogue.ec2_regions().filter_map(spot);
        value["spot"] = spot.collect::<serde_json::Map<_, _>>().into();
        value["spot_as_of"] = json!(SPOT_AS_OF);
        value["spot_observed_as_of"] = json!(SPOT_OBSERVED_AS_OF);
        return Ok(pretty(&value));
    }
    let mut text = facts_of(t);
    text.push('\n');
    text.push_str(&prices_of(catalogue, t));
    text.push('\n');
    if t.architecture == Architecture::X86_64 {
        text.push_str("? assumed: the Linux price + $0.046 per vCPU-hour\n");
    }
    text.push_str(&price_source());
    if catalogue.ec2_regions().any(|region| catalogue.spot(region, name).is_ok()) {
        text.push_str(&spot_source());
    }
    Ok(text)
}

fn prices_of(catalogue: &Catalogue, t: &InstanceType) -> String {
    let rate = |region: &str, os: Os| Some(catalogue.on_demand(region, &t.name, os).ok()?.rate);
    let regions: Vec<(&str, HourlyRate)> = catalogue
        .ec2_regions()
        .filter_map(|region| Some((region, rate(region, Os::Linux)?)))
        .collect();
    let places = most_places(regions.iter().map(|(_, linux)| *linux));
    let spot = |region: &str| catalogue.spot(region, &t.name).ok();
    let has_windows = t.architecture == Architecture::X86_64;
    let mut columns = vec!["<\nregion", ">on demand\n$/hour", ">\n$/month"];
    columns.extend(has_windows.then_some(">Windows\n$/hour  "));
    columns.extend([">Spot\n$/hour  ", ">saves\n%", ">interrupted\n%/month"]);
    let dash = || "-".to_string();
    let rows = regions.iter().map(|&(region, linux)| {
        let mut row = vec![region.to_string(), dollars(linux, places), per_month(linux)];
        let windows = rate(region, Os::Windows);
        let windows = windows.map_or(dash(), |rate| format!("{} ?", dollars(rate, places)));
        row.extend(has_windows.then_some(windows));
        row.extend(spot(region).map_or([dash(), dash(), dash()], |offer| {
            [spot_dollars(&offer, places), saved(linux, &offer), offer.band.label().into()]
        }));
        row
    });
    table(&columns, rows)
}

fn facts_of(t: &InstanceType) -> String {
    let generation =
        if t.current_generation { "current generation" } else { "previous generation" };
    let burstable = if t.burstable { ", burstable" } else { "" };
    let gpus = match t.gpus {
        0 => "none".to_string(),
        count => format!("{count} with {} GiB in all", gib(t.gpu_memory_mib)),
    };
    let trunked = match t.awsvpc_tasks_trunked {
        Some(tasks) => format!("{tasks} with trunking"),
        None => "no trunking".to_string(),
    };
    let (linux, windows) = (t.registered_memory(Os::Linux), t.registered_memory(Os::Windows));
    let windows = match t.architecture {
        Architecture::X86_64 => {
            format!("; Windows {} MiB ({})", thousands(windows.mib.into()), windows.evidence)
        }
        Architecture::Arm64 => String::new(),
    };
    let facts = [
        (
            "vCPUs",
            format!("{}, registers {} CPU units", t.vcpus, {
                thousands(t.registered_cpu_units().into())
            }),
        ),
        ("memory", format!("{} GiB", gib(t.memory_mib))),
        (
            "registers",
            format!("Linux {} MiB ({}){windows}", { thousands(linux.mib.into()) }, linux.evidence),
        ),
        ("network", format!("{} Gbit/s baseline", f64::from(t.network_mbps_baseline) / 1000.0)),
        ("interfaces", t.enis_max.to_string()),
        ("awsvpc tasks", format!("{}; {trunked} ({})", t.awsvpc_tasks, t.trunking_evidence)),
        ("GPUs", gpus),
        ("CPU credits", t.cpu_credits.map_or(String::new(), |it| cpu_credits(&it, t.vcpus))),
    ];
    let mut text = format!(
        "{}   {}, {}, {generation}{burstable}\n",
        t.name,
        architecture_name(t.architecture),
        t.hypervisor
    );
    for (what, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {what:<14}{value}\n"));
    }
    text
}

/// Says what an instance earns, and what becomes of one that spends more.
fn cpu_credits(credits: &CpuCredits, vcpus: u32) -> String {
    let baseline = 100.0 * credits.baseline_vcpu() / f64::from(vcpus);
    let mode = if credits.unlimited_by_default { "unlimited" } else { "standard" };
    let at_launch = match credits.launch_credits {
        0 => String::new(),
        some => format!(", {some} at launch"),
    };
    format!(
        "{} an hour, at most {}{at_launch}; baseline {} % of each vCPU; {mode} by default",
        credits.per_hour(),
        thousands(credits.most().round() as u64),
        (baseline * 10.0).round() / 10.0
    )
}

fn fargate(args: &CatalogueArgs) -> Result<String, BadInput> {
    let catalogue = Catalogue::builtin();
    let sizes: Vec<FargateSize> = catalogue
        .fargate_sizes()
        .iter()
        .copied()
        .filter(|size| args.vcpu.as_ref().is_none_or(|range| range.contains(&size.cpu_units)))
        .filter(|size| args.memory.as_ref().is_none_or(|range| range.contains(&size.memory_mib)))
        .collect();
    let mut offers: Vec<(&str, FargateOffer, &FargatePrice)> = Vec::new();
    for (title, offer) in fargate_offers() {
        match catalogue.fargate_price(&args.region, offer) {
            Ok(price) => offers.push((title, offer, price)),
            Err(NoPrice::Offer { .. }) => {}
            Err(no_region) => return Err(no_region.into()),
        }
    }
    if args.json {
        return Ok(pretty(&fargate_json(&args.region, &sizes, &offers)));
    }
    if sizes.is_empty() {
        return Ok("no Fargate size matches\n".to_string());
    }
    let titles = ["<\nvCPU", ">memory\nGB"];
    let columns: Vec<&str> =
        titles.into_iter().chain(offers.iter().map(|(title, ..)| *title)).collect();
    let rows = sizes.iter().map(|size| {
        let mut row = vec![vcpus(size.cpu_units), gib(size.memory_mib)];
        row.extend(offers.iter().map(|(_, offer, price)| {
            fargate_hour(size, *offer, price).map_or("-".to_string(), six_places)
        }));
        row
    });
    let mut text = table(&columns, rows);
    text.push_str(&format!("\n{} sizes in {}, $ per task and hour\n\n", sizes.len(), args.region));
    text.push_str(&fargate_rates(&offers));
    text.push_str(&format!(
        "\nephemeral storage: 20 GB included; Windows prices include the licence\n\
         prices: on demand {FARGATE_AS_OF}, Spot {FARGATE_SPOT_AS_OF} (old); \
         memory in GB of 1,024 MiB\n"
    ));
    Ok(text)
}

/// Returns what Fargate sells, with a column title each.
fn fargate_offers() -> [(&'static str, FargateOffer); 5] {
    use {Architecture::Arm64, Architecture::X86_64, Os::Linux, Os::Windows};
    let offer = |os, architecture, spot| FargateOffer { os, architecture, spot };
    [
        (">Linux\nx86_64", offer(Linux, X86_64, false)),
        (">Linux\narm64", offer(Linux, Arm64, false)),
        (">Spot\nx86_64", offer(Linux, X86_64, true)),
        (">Spot\narm64", offer(Linux, Arm64, true)),
        (">Windows\nx86_64", offer(Windows, X86_64, false)),
    ]
}

fn fargate_rates(offers: &[(&str, FargateOffer, &FargatePrice)]) -> String {
    let rows = offers.iter().map(|(_, offer, price)| {
        let ephemeral = &price.ephemeral_gb_hour;
        vec![
            offer.to_string(),
            price.vcpu_hour.rate.as_dollars_f64().to_string(),
            price.gb_hour.rate.as_dollars_f64().to_string(),
            price.vcpu_hour.evidence.to_string(),
            ephemeral.rate.as_dollars_f64().to_string(),
            ephemeral.evidence.to_string(),
        ]
    });
    let columns = ["<\n$ per hour", "<\nvCPU", "<\nGB", "<\nknown", "<ephemeral\nGB", "<\nknown"];
    table(&columns, rows)
}

fn charges(args: &CatalogueArgs) -> Result<String, BadInput> {
    let catalogue = Catalogue::builtin();
    if !catalogue.fargate_regions().any(|region| region == args.region) {
        let fact = format!("no region with prices is named `{}`", args.region);
        let nearest = nearest(&args.region, catalogue.fargate_regions(), '-').join("`, `");
        return Err(BadInput { fact, hint: format!("the nearest are `{nearest}`") });
    }
    let prices = Charge::ALL.map(|charge| (charge, catalogue.charge(&args.region, charge)));
    if args.json {
        let charges = prices.iter().map(|(charge, price)| {
            json!({
                "charge": charge.name(),
                "usd": price.as_dollars_f64(),
                "unit": price.unit.to_string(),
                "evidence": price.evidence.to_string(),
                "note": price.note,
            })
        });
        return Ok(pretty(&json!({
            "region": args.region,
            "prices_as_of": CHARGES_AS_OF,
            "charges": charges.collect::<Vec<_>>(),
        })));
    }
    let rows = prices.iter().map(|(charge, price)| {
        vec![
            charge.name().to_string(),
            price.as_dollars_f64().to_string(),
            price.unit.to_string(),
            price.evidence.to_string(),
            // That it is assumed, and from where, is said once below.
            catalogue.charge(HOME_REGION, *charge).note,
        ]
    });
    let mut text = table(&["<charge", "<$", "<per", "<known", "<note"], rows);
    text.push_str(&format!(
        "\ncharges in {}, read {CHARGES_AS_OF}; assumed: the price of {HOME_REGION}; \
         a month is {} h\n",
        args.region,
        MONTH.as_hours_f64()
    ));
    Ok(text)
}

fn quotas(args: &CatalogueArgs) -> String {
    let quotas = Catalogue::builtin().quotas();
    if args.json {
        let quotas = quotas.iter().map(|quota| {
            json!({
                "quota": quota.name,
                "value": quota.value,
                "unit": quota.unit,
                "adjustable": quota.adjustable,
                "source": quota.source,
            })
        });
        return pretty(&json!({ "quotas": quotas.collect::<Vec<_>>() }));
    }
    let rows = quotas.iter().map(|quota| {
        let adjustable = if quota.adjustable { "yes" } else { "no" };
        vec![
            quota.name.clone(),
            thousands(quota.value),
            quota.unit.clone(),
            adjustable.to_string(),
            quota.source.clone(),
        ]
    });
    let mut text = table(&["<quota", ">value", "<", "<raised", "<AWS says so in"], rows);
    text.push_str("\nvalues of a new account; raised: whether AWS raises it on request\n");
    text
}

// Input.

fn filter(args: &CatalogueArgs) -> Filter {
    let any = Filter::default();
    Filter {
        family: args.family.clone(),
        cpu_units: args.vcpu.clone().unwrap_or(any.cpu_units),
        memory_mib: args.memory.clone().unwrap_or(any.memory_mib),
        architecture: args.architecture,
        gpus: args.gpus.clone().unwrap_or(any.gpus),
        awsvpc_tasks_min: args.awsvpc_tasks.unwrap_or(0),
        trunking: args.trunking,
        // Of Spot it is the Spot price, looked at later.
        price_max: if args.spot { None } else { args.max_price },
    }
}

fn check_family(catalogue: &Catalogue, args: &CatalogueArgs) -> Result<(), BadInput> {
    let Some(family) = &args.family else { return Ok(()) };
    let beginning = family.trim_end_matches('*');
    let mut families: Vec<&str> = catalogue.instance_types().map(InstanceType::family).collect();
    families.dedup();
    if families.iter().any(|name| name.starts_with(beginning)) {
        return Ok(());
    }
    let fact = format!("no instance family is named `{family}` or begins so");
    let nearest = nearest(beginning, families, '.').join("`, `");
    Err(BadInput { fact, hint: format!("the nearest are `{nearest}`") })
}

/// Reads `N`, `MIN..MAX`, `MIN..` or `..MAX`, each end by `read`.
fn range(
    text: &str,
    read: impl Fn(&str) -> Result<u32, String>,
) -> Result<RangeInclusive<u32>, String> {
    let Some((low, high)) = text.split_once("..") else {
        let only = read(text)?;
        return Ok(only..=only);
    };
    let end = |text: &str, open: u32| {
        if text.trim().is_empty() { Ok(open) } else { read(text) }
    };
    let (low, high) = (end(low, 0)?, end(high, u32::MAX)?);
    if low > high {
        return Err("the range ends before it begins; write the smaller end first".to_string());
    }
    Ok(low..=high)
}

fn count_range(text: &str) -> Result<RangeInclusive<u32>, String> {
    range(text, |text| text.trim().parse().map_err(|_| "write a whole number".to_string()))
}

fn cpu_range(text: &str) -> Result<RangeInclusive<u32>, String> {
    range(text, |text| {
        let text = text.trim().trim_end_matches("vCPU").trim_end();
        scaled(text, 1024.0).ok_or_else(|| "write a number of vCPUs, as `4` or `0.5`".to_string())
    })
}

fn memory_range(text: &str) -> Result<RangeInclusive<u32>, String> {
    const HINT: &str = "write a size with its unit, as `8 GiB` or `512 MiB`";
    // `4..16 GiB` means GiB on both ends.
    let unit = text.trim_start_matches(|c: char| c != 'M' && c != 'G' && c != 'T');
    range(text, |text| {
        let text = text.trim();
        let number = text.trim_end_matches(char::is_alphabetic);
        let unit = if number.len() == text.len() { unit } else { &text[number.len()..] };
        let mib = match unit.trim() {
            // Scenarios and AWS mean the same by both.
            "MiB" | "MB" => 1.0,
            "GiB" | "GB" => 1024.0,
            "TiB" | "TB" => 1024.0 * 1024.0,
            _ => return Err(HINT.to_string()),
        };
        scaled(number.trim(), mib).ok_or_else(|| HINT.to_string())
    })
}

fn scaled(number: &str, factor: f64) -> Option<u32> {
    let scaled = number.parse::<f64>().ok()? * factor;
    let fits = (0.0..=f64::from(u32::MAX)).contains(&scaled);
    fits.then(|| scaled.round() as u32)
}

fn architecture(text: &str) -> Result<Architecture, String> {
    architecture_from_name(text).ok_or_else(|| "write `x86_64` or `arm64`".to_string())
}

fn dollars_per_hour(text: &str) -> Result<HourlyRate, String> {
    const MOST: f64 = 1e6;
    match text.trim().trim_start_matches('$').parse::<f64>() {
        Ok(dollars) if (0.0..=MOST).contains(&dollars) => Ok(HourlyRate::from_dollars_f64(dollars)),
        _ => Err("write dollars per hour, as `0.25`".to_string()),
    }
}

impl From<NoPrice> for BadInput {
    fn from(missing: NoPrice) -> BadInput {
        BadInput { fact: missing.to_string(), hint: missing.hint() }
    }
}

// JSON.

fn type_json(t: &InstanceType) -> Value {
    let registered = t.registered_memory(Os::Linux);
    json!({
        "instance_type": t.name,
        "vcpus": t.vcpus,
        "memory_mib": t.memory_mib,
        "registered_cpu_units": t.registered_cpu_units(),
        "registered_memory_mib": registered.mib,
        "registered_memory_evidence": registered.evidence.to_string(),
        "architecture": architecture_name(t.architecture),
        "gpus": t.gpus,
        "gpu_memory_mib": t.gpu_memory_mib,
        "network_mbps_baseline": t.network_mbps_baseline,
        "enis_max": t.enis_max,
        "awsvpc_tasks": t.awsvpc_tasks,
        "awsvpc_tasks_trunked": t.awsvpc_tasks_trunked,
        "trunking_evidence": t.trunking_evidence.to_string(),
        "hypervisor": t.hypervisor.to_string(),
        "burstable": t.burstable,
        "cpu_credits": t.cpu_credits.map(|it| json!({
            "earned_per_hour": it.per_hour(),
            "most": it.most(),
            "baseline_vcpu": it.baseline_vcpu(),
            "default": if it.unlimited_by_default { "unlimited" } else { "standard" },
            "at_launch": it.launch_credits,
        })),
        "current_generation": t.current_generation,
    })
}

fn found_json(region: &str, found: &Found<'_>) -> Value {
    let mut value = type_json(found.instance_type);
    value["linux_usd_per_hour"] = json!(found.price.rate.as_dollars_f64());
    value["price_evidence"] = json!(found.price.evidence.to_string());
    let spot = Catalogue::builtin().spot(region, &found.instance_type.name);
    value["spot"] = spot.map_or(Value::Null, |offer| spot_json(&offer));
    value
}

fn spot_json(offer: &SpotOffer) -> Value {
    json!({
        "linux_usd_per_hour": offer.price.rate.as_dollars_f64(),
        "price_evidence": offer.price.evidence.to_string(),
        "interrupted_percent_per_month": offer.band.label(),
    })
}

fn fargate_json(
    region: &str,
    sizes: &[FargateSize],
    offers: &[(&str, FargateOffer, &FargatePrice)],
) -> Value {
    let rates = offers.iter().map(|(_, offer, price)| {
        json!({
            "offer": offer.to_string(),
            "vcpu_hour_usd": price.vcpu_hour.rate.as_dollars_f64(),
            "gb_hour_usd": price.gb_hour.rate.as_dollars_f64(),
            "evidence": price.vcpu_hour.evidence.to_string(),
            "ephemeral_gb_hour_usd": price.ephemeral_gb_hour.rate.as_dollars_f64(),
            "ephemeral_evidence": price.ephemeral_gb_hour.evidence.to_string(),
        })
    });
    let sizes = sizes.iter().map(|size| {
        let hourly = offers.iter().filter_map(|(_, offer, price)| {
            let money = fargate_hour(size, *offer, price)?;
            Some((offer.to_string(), json!(money.as_dollars_f64())))
        });
        json!({
            "cpu_units": size.cpu_units,
            "memory_mib": size.memory_mib,
            "usd_per_hour": Value::Object(hourly.collect()),
        })
    });
    json!({
        "region": region,
        "prices_as_of": FARGATE_AS_OF,
        "spot_prices_as_of": FARGATE_SPOT_AS_OF,
        "rates": rates.collect::<Vec<_>>(),
        "sizes": sizes.collect::<Vec<_>>(),
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

// Text.

/// Lays out rows under titles that begin with `<` (left) or `>` (right).
fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().map(|title| &title[1..]));
    table.add_rows(rows);
    for (column, title) in table.column_iter_mut().zip(titles) {
        column.set_padding((0, 2));
        let right = title.starts_with('>');
        column.set_cell_alignment(if right { CellAlignment::Right } else { CellAlignment::Left });
    }
    format!("{}\n", table.trim_fmt())
}

fn mark(evidence: Evidence) -> char {
    match evidence {
        Evidence::Documented | Evidence::Measured | Evidence::Given => ' ',
        Evidence::Derived => '~',
        Evidence::Assumed => '?',
    }
}

fn price_source() -> String {
    format!(
        "prices: Linux on demand, shared tenancy, AWS Price List of {ON_DEMAND_AS_OF} \
         (newest types Jul 2026);\na month is {} h\n",
        MONTH.as_hours_f64()
    )
}

fn spot_source() -> String {
    format!(
        "Spot: interruptions of AWS's Spot Instance Advisor, {SPOT_AS_OF} (old); \
         prices as observed, {SPOT_OBSERVED_AS_OF};\n~ on demand less the advisor's savings\n"
    )
}

/// Returns how many decimal places write all the prices exactly, at least four.
fn most_places(rates: impl Iterator<Item = HourlyRate>) -> usize {
    let exact = |rate: HourlyRate| {
        let digits = format!("{:09}", rate.as_nanos_per_hour() % 1_000_000_000);
        digits.trim_end_matches('0').len()
    };
    rates.map(exact).fold(4, usize::max)
}

fn dollars(rate: HourlyRate, places: usize) -> String {
    format!("{:.places$}", rate.as_dollars_f64())
}

/// Writes what a month costs in whole dollars.
fn per_month(rate: HourlyRate) -> String {
    let month = rate.price(u128::from(MONTH.as_micros()), 1);
    format!("{:.0}", month.as_dollars_f64())
}

fn six_places(money: Money) -> String {
    format!("{:.6}", money.as_dollars_f64())
}

/// Returns what a task of a size costs in an hour; nothing where it cannot be.
fn fargate_hour(size: &FargateSize, offer: FargateOffer, price: &FargatePrice) -> Option<Money> {
    if offer.os == Os::Windows && !size.windows {
        return None;
    }
    let hour = u128::from(Span::HOUR.as_micros());
    let part = |rate: HourlyRate, amount: u32| rate.price(hour * u128::from(amount), 1024);
    let cpu = part(price.vcpu_hour.rate, size.cpu_units);
    Some(cpu + part(price.gb_hour.rate, size.memory_mib))
}

fn trunked(t: &InstanceType) -> String {
    t.awsvpc_tasks_trunked.map_or("-".to_string(), |tasks| tasks.to_string())
}

fn dash_if_zero(count: u32) -> String {
    if count == 0 { "-".to_string() } else { count.to_string() }
}

fn vcpus(cpu_units: u32) -> String {
    (f64::from(cpu_units) / 1024.0).to_string()
}

/// Writes MiB as GiB, at most two decimals.
fn gib(mib: u32) -> String {
    let text = format!("{:.2}", Bytes::mib(mib.into()).as_mib_f64() / 1024.0);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn thousands(number: u64) -> String {
    let mut text = number.to_string();
    let mut place = text.len();
    while place > 3 {
        place -= 3;
        text.insert(place, ',');
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: CatalogueArgs,
    }

    /// Runs the command; returns the exit code, what it printed and what it complained about.
    fn run_with(args: &[&str]) -> (u8, String, String) {
        let command = Command::try_parse_from([&["catalogue"], args].concat());
        let command = command.unwrap_or_else(|problem| panic!("{args:?}: {problem}"));
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let code = run(&command.args, &mut out, &mut errors).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
    }

    fn printed(args: &[&str]) -> String {
        let (code, out, errors) = run_with(args);
        assert_eq!((code, errors.as_str()), (FINE, ""), "{args:?}");
        out
    }

    #[test]
    fn a_search_prints_a_table_with_units_marks_and_the_source_of_prices() {
        let text = printed(&["--family", "m7g", "--region", "eu-west-1", "--limit", "2"]);
        // 0.0455 × 730 = 33.2; 4096 - (150 + 114.7) = 3831.
        let table = "                  memory  registers               awsvpc  trunked  on demand
type        vCPU     GiB      MiB    arch   GPUs   tasks  tasks       $/hour  $/month
m7g.medium     1       4    3,831 ?  arm64     -       1      4       0.0455       33
m7g.large      2       8    7,680 ~  arm64     -       2     10       0.0910       66
";
        assert!(text.starts_with(table), "{text}");
        assert!(text.contains("the 2 cheapest of 9 types in eu-west-1"), "{text}");
        assert!(text.contains("AWS Price List of Feb 2026"), "{text}");
    }

    #[test]
    fn every_page_fits_a_hundred_columns() {
        let check = |args: &[&str]| {
            let text = printed(args);
            assert!(text.lines().count() > 5, "{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{args:?}: {line}");
            }
        };
        check(&["--limit", "0"]);
        check(&["--limit", "0", "--region", "ap-northeast-1"]);
        check(&["--spot", "--limit", "0"]);
        check(&["--fargate"]);
        check(&["--fargate", "--region", "sa-east-1"]);
        check(&["--charges", "--region", "eu-west-1"]);
        check(&["--quotas"]);
        for t in Catalogue::builtin().instance_types().step_by(30) {
            check(&[&t.name]);
        }
    }

    #[test]
    fn a_search_for_reserved_prints_both_classes_and_terms() {
        let text = printed(&["--reserved", "--family", "m7g", "--limit", "2"]);
        let row = text.lines().find(|line| line.contains("m7g.medium")).expect("it is there");
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            cells,
            ["m7g.medium", "1", "4", "0.0408", "0.0270", "0.0185", "0.0300", "0.0207"]
        );
        assert!(text.contains("nothing upfront, AWS Price List of Apr 2025"), "{text}");
    }

    #[test]
    fn a_search_for_spot_prints_its_price_and_how_often_it_is_interrupted() {
        let text = printed(&["--spot", "--family", "m7g", "--region", "eu-west-1", "--limit", "2"]);
        // 0.0455 less 53 %, and 0.091 less 53 %: the table writes as many places as on demand has.
        let table = "                  memory               on demand      Spot  saves  interrupted
type        vCPU     GiB  arch   GPUs     $/hour  $/hour        %      %/month
m7g.medium     1       4  arm64     -     0.0455  0.0214 ~     53           <5
m7g.large      2       8  arm64     -     0.0910  0.0428 ~     53         5-10
";
        assert!(text.starts_with(table), "{text}");
        assert!(text.contains("AWS's Spot Instance Advisor, Jun 2025 (old)"), "{text}");
        // Cheapest first, and the limit is one of the Spot price.
        let args = ["--spot", "--json", "--max-price", "0.05", "--family", "m"];
        let found: Value = serde_json::from_str(&printed(&args)).unwrap();
        let types = found["instance_types"].as_array().unwrap();
        let spot = |t: &Value| t["spot"]["linux_usd_per_hour"].as_f64().unwrap();
        let rates: Vec<f64> = types.iter().map(spot).collect();
        assert!(rates.is_sorted() && rates.iter().all(|&rate| rate <= 0.05), "{rates:?}");
        let dearer = |t: &Value| t["linux_usd_per_hour"].as_f64().unwrap() > 0.05;
        assert!(types.iter().any(dearer), "{types:?}");
    }

    #[test]
    fn one_type_is_shown_in_full() {
        let text = printed(&["m5.large"]);
        assert!(text.contains("Linux 7,680 MiB (measured); Windows 8,191 MiB (assumed)"), "{text}");
        assert!(text.contains("2; 10 with trunking (documented)"), "{text}");
        assert!(text.contains("0.1070       78  0.1990 ?  0.0460 ~     57         5-10"), "{text}");
        let arm = printed(&["m7g.large"]);
        assert!(!arm.contains("Windows"), "{arm}");
    }

    #[test]
    fn fargate_sizes_have_their_hourly_price() {
        let text = printed(&["--fargate", "--vcpu", "0.5..1", "--memory", "2 GiB"]);
        // 0.5 × 0.04048 + 2 × 0.004445 = 0.02913, and the same for 1 vCPU: 0.04937.
        assert!(text.contains("0.029130") && text.contains("0.049370"), "{text}");
        // Windows: 0.092552 + 2 × 0.00511175 = 0.1027755, and not for 0.5 vCPU.
        assert!(text.contains("0.102776"), "{text}");
        assert!(text.contains("2 sizes in us-east-1"), "{text}");
    }

    #[test]
    fn json_holds_the_same_figures() {
        let parsed = |args: &[&str]| -> Value {
            serde_json::from_str(&printed(&[args, &["--json"]].concat())).unwrap()
        };
        let types = parsed(&["--family", "m5", "--max-price", "$0.2"]);
        assert_eq!(types["matching"], 2);
        assert_eq!(types["instance_types"][0]["instance_type"], "m5.large");
        assert_eq!(types["instance_types"][0]["linux_usd_per_hour"], 0.096);
        let m5 = parsed(&["m5.large"]);
        assert_eq!(m5["spot"]["us-east-1"]["linux_usd_per_hour"], 0.0537);
        assert_eq!(m5["spot"]["us-east-1"]["price_evidence"], "measured");
        assert_eq!(m5["spot"]["eu-west-1"]["interrupted_percent_per_month"], "5-10");
        assert_eq!(types["instance_types"][0]["spot"], m5["spot"]["us-east-1"]);
        assert_eq!(parsed(&["m5.large"])["windows_usd_per_hour"]["us-east-1"], 0.188);
        assert_eq!(parsed(&["m7g.large"])["windows_usd_per_hour"], json!({}));
        assert_eq!(parsed(&[])["instance_types"].as_array().map(Vec::len), Some(1353));
        let fargate = parsed(&["--fargate"]);
        assert_eq!(fargate["sizes"].as_array().map(Vec::len), Some(77));
        assert_eq!(fargate["sizes"][0]["usd_per_hour"]["Linux on x86_64 on demand"], 0.0123425);
        let charges = parsed(&["--charges", "--region", "eu-west-1"]);
        assert_eq!(charges["charges"][0]["usd"], 0.088);
        assert_eq!(charges["charges"][1]["evidence"], "assumed");
        assert_eq!(parsed(&["--quotas"])["quotas"][0]["value"], 10_000);
    }

    #[test]
    fn what_is_not_there_is_bad_input_with_a_hint() {
        let check = |args: &[&str], message: &str| {
            let (code, out, errors) = run_with(args);
            assert_eq!((code, out.as_str(), errors.as_str()), (BAD_INPUT, "", message));
        };
        check(
            &["m5.lrage"],
            "error: no instance type with a price is named `m5.lrage`\n\
             hint: the nearest are `m5.large`, `m5.xlarge`, `m5.2xlarge`\n",
        );
        check(
            &["--region", "eu-west-9"],
            "error: no EC2 price is known for region `eu-west-9`\n\
             hint: the nearest regions with EC2 prices are `eu-west-1`, `eu-central-1`, \
             `us-west-2`\n",
        );
        check(
            &["--family", "zz"],
            "error: no instance family is named `zz` or begins so\n\
             hint: the nearest are `z1d`, `a1`, `c1`\n",
        );
        check(
            &["--charges", "--region", "eu-west-9"],
            "error: no region with prices is named `eu-west-9`\n\
             hint: the nearest are `eu-west-1`, `eu-west-2`, `eu-west-3`\n",
        );
    }

    #[test]
    fn ranges_are_read_or_refused() {
        let check = |read: fn(&str) -> Result<RangeInclusive<u32>, String>,
                     text: &str,
                     range: Option<RangeInclusive<u32>>| {
            assert_eq!(read(text).ok(), range, "{text}");
        };
        check(cpu_range, "4", Some(4096..=4096));
        check(cpu_range, "0.5 vCPU", Some(512..=512));
        check(cpu_range, "0.25..2", Some(256..=2048));
        check(cpu_range, "2..", Some(2048..=u32::MAX));
        check(cpu_range, "..8", Some(0..=8192));
        check(cpu_range, "8..2", None);
        check(cpu_range, "-1", None);
        check(cpu_range, "NaN", None);
        check(cpu_range, "1e30", None);
        check(cpu_range, "", None);
        check(memory_range, "8 GiB", Some(8192..=8192));
        check(memory_range, "512MiB", Some(512..=512));
        check(memory_range, "4..16 GiB", Some(4096..=16_384));
        check(memory_range, "512 MiB..1 TiB", Some(512..=1_048_576));
        check(memory_range, "2 GiB..", Some(2048..=u32::MAX));
        check(memory_range, "8", None);
        check(memory_range, "8 GB", Some(8192..=8192));
        check(memory_range, "8 KB", None);
        check(memory_range, "GiB", None);
        check(count_range, "1..4", Some(1..=4));
        check(count_range, "1.5", None);
    }

    #[test]
    fn filters_that_do_not_apply_to_a_page_are_refused() {
        let check = |args: &[&str]| {
            let parsed = Command::try_parse_from([&["catalogue"], args].concat());
            assert!(parsed.is_err(), "{args:?}");
        };
        check(&["m5.large", "--family", "m5"]);
        check(&["--charges", "--vcpu", "2"]);
        check(&["--fargate", "--quotas"]);
        check(&["--trunking"]);
        check(&["--spot", "--quotas"]);
        check(&["--reserved", "--spot"]);
        check(&["--max-price", "-1"]);
        check(&["--architecture", "arm"]);
    }
}
