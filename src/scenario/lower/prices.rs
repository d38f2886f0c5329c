//! Prices: what the scenario writes over the catalogue, and the price book of the run.

use crate::billing::{Category, ClassRates, FargateRates, Per, PriceBook, Rate, Standing};
use crate::catalogue::{
    Catalogue, Charge, Evidence, FargateOffer, FargatePrice, Hypervisor, InstanceType, NoPrice,
    Period, Priced, RegisteredMemory,
};
use crate::ecs::model::{Architecture, Destination, InstanceLaunchType, Model, Os, Provider};
use crate::units::{Bytes, HourlyRate, Money, SimTime};

use super::super::codes::Code;
use super::super::problems::{Problem, Severity};
use super::super::suggest::did_you_mean;
use super::super::value::Mib;
use super::super::{Document, View};
use super::commitments::Market;
use super::{Lower, cpu_credits, spot};

/// Writes the scenario's own instance types and prices over the catalogue.
pub(super) fn overlay(lower: &mut Lower) {
    for (name, view) in lower.root().entries("instance_type") {
        let made = instance_type(name, &view);
        if let Some(registered) = made.registered.filter(|it| it.mib > made.memory_mib) {
            let message = format!(
                "`registered_memory` is {} MiB, more than `memory`, {} MiB",
                registered.mib, made.memory_mib
            );
            let hint = "the agent registers what the system leaves of the memory";
            lower.problems.push(view.error("registered_memory", message).hint(hint));
        }
        lower.catalogue.set_instance_type(made);
        let rate = hourly(view.get("price"));
        lower.catalogue.set_on_demand(&lower.region, name, Os::Linux, rate);
    }
    let prices = lower.root().table("prices");
    for (name, view) in prices.entries("ec2") {
        if lower.catalogue.instance_type(name).is_none() {
            let nearest = lower.nearest_instance_types(name);
            if lower.root().is_sound_at(&["instance_type"]) {
                let problem =
                    view.error_here(format!("`{name}` is not in the catalogue of instance types"));
                lower.problems.push(problem.hint(format!("did you mean {nearest}?")));
            }
            continue;
        }
        lower.catalogue.set_on_demand(&lower.region, name, Os::Linux, hourly(view.value()));
    }
    for (name, view) in prices.entries("charges") {
        let Some(charge) = Charge::from_name(name) else {
            let names = Charge::ALL.map(Charge::name);
            let problem = view.error_here(format!("`{name}` is not a charge"));
            lower.problems.push(
                match did_you_mean(name, names).map(|it| format!("did you mean `{it}`?")) {
                    Some(hint) => problem.hint(hint),
                    None => problem.hint("`ecsim catalogue --charges` lists them"),
                },
            );
            continue;
        };
        let nanos = nanos(view.value());
        lower.catalogue.set_charge(&lower.region, charge, nanos);
    }
    overlay_fargate(lower, &prices.table("fargate"));
    overlay_windows(lower, &prices);
}

fn nanos(money: Money) -> i64 {
    // A price is checked to be far below the nine billion dollars that fit.
    i64::try_from(money.as_nanos()).unwrap_or(i64::MAX)
}

pub(super) fn hourly(money: Money) -> HourlyRate {
    HourlyRate::nanos_per_hour(nanos(money))
}

fn instance_type(name: &str, view: &View) -> InstanceType {
    let enis_max: u32 = view.get("max_enis");
    InstanceType {
        name: name.to_string(),
        vcpus: view.get("vcpu"),
        memory_mib: view.get::<Mib>("memory").0,
        registered: view
            .find::<Mib>("registered_memory")
            .map(|memory| RegisteredMemory { mib: memory.0, evidence: Evidence::Given }),
        architecture: match view.get::<String>("architecture").as_str() {
            "ARM64" => Architecture::Arm64,
            _ => Architecture::X86_64,
        },
        gpus: view.get("gpus"),
        gpu_memory_mib: 0,
        network_mbps_baseline: 0,
        enis_max,
        awsvpc_tasks: view.find("awsvpc_tasks").unwrap_or(enis_max.saturating_sub(1)),
        awsvpc_tasks_trunked: view.find("awsvpc_tasks_trunking"),
        trunking_evidence: Evidence::Given,
        hypervisor: Hypervisor::Nitro,
        burstable: false,
        cpu_credits: None,
        current_generation: true,
    }
}

/// Every platform of Fargate in the region gets the prices that are written.
fn overlay_fargate(lower: &mut Lower, view: &View) {
    let given = |key: &str| view.find::<Money>(key).map(|money| Priced::given(hourly(money)));
    for offer in offers() {
        let (cpu, memory) = if offer.spot {
            (given("spot_vcpu_hour"), given("spot_gb_hour"))
        } else {
            (given("vcpu_hour"), given("gb_hour"))
        };
        let storage = given("ephemeral_gb_hour");
        let Ok(known) = lower.catalogue.fargate_price(&lower.region, offer) else {
            // A region that is not in the catalogue can be priced whole.
            if let (Some(vcpu_hour), Some(gb_hour), Some(ephemeral_gb_hour)) =
                (cpu, memory, storage)
            {
                let price = FargatePrice { vcpu_hour, gb_hour, ephemeral_gb_hour };
                lower.catalogue.set_fargate_price(&lower.region, offer, price);
            }
            continue;
        };
        let known = known.clone();
        let price = FargatePrice {
            vcpu_hour: cpu.unwrap_or(known.vcpu_hour),
            gb_hour: memory.unwrap_or(known.gb_hour),
            ephemeral_gb_hour: storage.unwrap_or(known.ephemeral_gb_hour),
        };
        lower.catalogue.set_fargate_price(&lower.region, offer, price);
    }
}

fn offers() -> impl Iterator<Item = FargateOffer> {
    let platforms = [
        (Os::Linux, Architecture::X86_64),
        (Os::Linux, Architecture::Arm64),
        (Os::Windows, Architecture::X86_64),
    ];
    platforms.into_iter().flat_map(|(os, architecture)| {
        [false, true].map(|spot| FargateOffer { os, architecture, spot })
    })
}

/// A surcharge that is written replaces the one assumed, for the types of this scenario.
fn overlay_windows(lower: &mut Lower, prices: &View) {
    if !prices.is_written("windows_vcpu_hour") {
        return;
    }
    let surcharge = nanos(prices.get("windows_vcpu_hour"));
    let fleets = super::FLEET_TABLES.iter().flat_map(|table| lower.root().entries(table));
    for (_, view) in fleets.collect::<Vec<_>>() {
        let mut names: Vec<String> = view.find("instance_type").into_iter().collect();
        if view.kind().field("instance_types").is_some() {
            names.extend(view.items("instance_types").iter().map(View::value::<String>));
        }
        for name in names {
            let known = lower.catalogue.instance_type(&name).map(|it| it.vcpus);
            let linux = lower.catalogue.on_demand(&lower.region, &name, Os::Linux);
            let (Some(vcpus), Ok(linux)) = (known, linux) else { continue };
            let nanos = linux.rate.as_nanos_per_hour() + surcharge * i64::from(vcpus);
            let rate = HourlyRate::nanos_per_hour(nanos);
            lower.catalogue.set_on_demand(&lower.region, &name, Os::Windows, rate);
        }
    }
}

/// Makes the price book of a run: the model was checked against the same catalogue.
///
/// Returns what is wrong with it too: a [`Problem`] for each price that the catalogue does not
/// have, and then no book; and warnings.
pub fn price_book(
    document: &Document,
    catalogue: &Catalogue,
    model: &Model,
) -> (Option<PriceBook>, Vec<Problem>) {
    let root = document.root();
    let region: String = root.get("region");
    let book = Book { root: root.clone(), region, catalogue, model };
    let mut problems = Vec::new();
    let classes = model.classes.iter().map(|(_, class)| book.class(class, &mut problems)).collect();
    let fargate = book.fargate(&mut problems);
    let (standing, not_modelled) = book.standing();
    let (root, region, fargate_rates) = (&root, book.region.as_str(), fargate.as_slice());
    let market = Market { root, region, catalogue, model, fargate: fargate_rates };
    let commitments = market.commitments(&mut problems);
    let offers = market.offers();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        // Without a region nobody knows what has a price there.
        problems.retain(|_| root.is_sound_at(&["region"]));
        return (None, problems);
    }
    let book = PriceBook {
        classes,
        fargate,
        public_ipv4: book.charge(Charge::PublicIpv4),
        ecs_anywhere: book.charge(Charge::EcsAnywhereInstance),
        standing,
        commitments,
        offers,
        not_modelled,
    };
    (Some(book), problems)
}

/// With prices of one's own any Region will do, also one that does not exist.
pub fn check_region(document: &Document) -> Option<Problem> {
    const AREAS: &[&str] = &["af", "ap", "ca", "cn", "eu", "eusc", "il", "me", "mx", "sa", "us"];
    const DIRECTIONS: &[&str] = &[
        "central",
        "east",
        "north",
        "northeast",
        "northwest",
        "south",
        "southeast",
        "southwest",
        "west",
    ];
    let root = document.root();
    let region: String = root.get("region");
    let parts: Vec<&str> = region.split('-').collect();
    let has_form = match parts.as_slice() {
        [area, .., direction, number] => {
            let is_usual = DIRECTIONS.contains(direction) || *area == "eusc";
            AREAS.contains(area) && is_usual && number.parse::<u8>().is_ok()
        }
        _ => false,
    };
    if has_form {
        return None;
    }
    let known = Catalogue::builtin();
    let regions = known.fargate_regions().chain(known.ec2_regions());
    let hint = match did_you_mean(&region, regions) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "Regions have names such as `eu-west-1`".to_string(),
    };
    let message = format!(
        "`{region}` is not the name of a Region, and what is not in `prices` is \
                           assumed"
    );
    Some(root.warning(Code::UnlikelyRegion, "region", message).hint(hint))
}

struct Book<'a> {
    root: View<'a>,
    region: String,
    catalogue: &'a Catalogue,
    model: &'a Model,
}

pub(super) fn rate(priced: &Priced) -> Rate {
    Rate {
        nanos: priced.rate.as_nanos_per_hour(),
        per: Per::Hour,
        assumed: is_assumed(priced.evidence),
        note: match priced.evidence {
            Evidence::Derived => format!("{}; by a rule of the catalogue", priced.note),
            Evidence::Documented | Evidence::Measured | Evidence::Assumed | Evidence::Given => {
                priced.note.to_string()
            }
        },
    }
}

/// A price that nobody has read from AWS's list is our guess, even if a rule makes it likely.
fn is_assumed(evidence: Evidence) -> bool {
    match evidence {
        Evidence::Assumed | Evidence::Derived => true,
        Evidence::Documented | Evidence::Measured | Evidence::Given => false,
    }
}

impl Book<'_> {
    fn charge(&self, charge: Charge) -> Rate {
        let price = self.catalogue.charge(&self.region, charge);
        let per = match price.unit.period {
            Some(Period::Hour) => Per::Hour,
            // An amount per month of traffic is prorated as an amount that stands for a month.
            Some(Period::Month) | None => Per::Month,
        };
        let assumed = is_assumed(price.evidence);
        Rate { nanos: price.nanos, per, assumed, note: price.note.to_string() }
    }

    fn class(
        &self,
        class: &crate::ecs::model::InstanceClass,
        problems: &mut Vec<Problem>,
    ) -> ClassRates {
        let view = super::fleet_view(&self.root, self.model, class.fleet);
        let view = view.expect("a fleet is made of its table");
        let is_managed = self.model.managed_instances_of(class.fleet).is_some();
        let on_ec2 = class.launch_type == InstanceLaunchType::Ec2;
        let instance = match on_ec2 {
            true => match self.catalogue.on_demand(
                &self.region,
                &class.instance_type,
                class.os_family.os(),
            ) {
                Ok(priced) => rate(&priced),
                Err(error) => {
                    let problem = if matches!(error, NoPrice::Region { .. }) {
                        self.root.error("region", error.to_string())
                    } else if is_managed {
                        view.error_here(error.to_string())
                    } else {
                        view.error("instance_type", error.to_string())
                    };
                    let own = match matches!(error, NoPrice::WindowsOnArm { .. }) {
                        true => String::new(),
                        false => format!("; or write `prices.ec2.\"{}\"`", class.instance_type),
                    };
                    problems.push(problem.hint(error.hint() + &own));
                    rate(&Priced::given(HourlyRate::ZERO))
                }
            },
            false => rate(&Priced::given(HourlyRate::ZERO)),
        };
        let (volume, key) = match is_managed {
            // Source: ECS Developer Guide, Managed Instances; that it is gp3 is assumed.
            true => (Charge::Gp3Storage, "storage_size"),
            false if view.get::<String>("volume_type") == "gp2" => {
                (Charge::Gp2Storage, "root_volume")
            }
            false => (Charge::Gp3Storage, "root_volume"),
        };
        let size = view.get::<crate::units::Bytes>(key).0.div_ceil(1 << 30);
        ClassRates {
            managed_fee: is_managed.then(|| self.managed_fee(class, &instance)),
            instance,
            spot: class.spot.and_then(|_| {
                let usual = spot::usual_price(self.catalogue, &self.root, &class.instance_type);
                usual.as_ref().map(rate)
            }),
            root_volume_gib: if on_ec2 { size as u32 } else { 0 },
            root_volume: self.charge(volume),
            public_ip: view.get("public_ip"),
            cpu_credits: cpu_credits::charge(class).map(|charge| self.charge(charge)),
        }
    }

    /// The fee of Managed Instances: a part of the price on demand, for Spot too.
    fn managed_fee(&self, class: &crate::ecs::model::InstanceClass, instance: &Rate) -> Rate {
        let charge = match class.registered.gpus {
            0 => Charge::ManagedInstancesFee,
            _ => Charge::ManagedInstancesFeeGpu,
        };
        let fraction = self.catalogue.charge(&self.region, charge);
        let millionths = u32::try_from(fraction.nanos / 1000).unwrap_or(0);
        let rate = HourlyRate::nanos_per_hour(instance.nanos).millionths(millionths);
        let percent = f64::from(millionths) / 1e4;
        let note = match fraction.note.as_str() {
            "" => format!("{percent} % of the price on demand"),
            note => format!("{percent} % of the price on demand: {note}"),
        };
        let assumed = instance.assumed || is_assumed(fraction.evidence);
        Rate { assumed, note, ..Rate::hourly(rate) }
    }

    /// Prices of every platform of Fargate that some launch can use.
    fn fargate(&self, problems: &mut Vec<Problem>) -> Vec<FargateRates> {
        let mut wanted = Vec::new();
        let services = self.model.services.iter().map(|(_, it)| (it.launch, it.task_definition));
        let submitters =
            self.model.submitters.iter().map(|(_, it)| (it.launch, it.task_definition));
        for (launch, definition) in services.chain(submitters) {
            let definition = &self.model.task_definitions[definition];
            for item in &self.model.launches[launch].providers {
                let spot = match item.provider {
                    Provider::Fargate => false,
                    Provider::FargateSpot => true,
                    Provider::Ec2 | Provider::External => continue,
                };
                let (os, architecture) = (definition.os, definition.architecture);
                if os == Os::Windows && (spot || architecture == Architecture::Arm64) {
                    // There is no such thing, as the launch has said.
                    continue;
                }
                wanted.push(FargateOffer { os, architecture, spot });
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut rates = Vec::new();
        for offer in wanted {
            match self.catalogue.fargate_price(&self.region, offer) {
                Ok(price) => rates.push(FargateRates {
                    os: offer.os,
                    architecture: offer.architecture,
                    spot: offer.spot,
                    vcpu: rate(&price.vcpu_hour),
                    memory: rate(&price.gb_hour),
                    ephemeral_storage: rate(&price.ephemeral_gb_hour),
                }),
                Err(error) => {
                    let problem = self.root.error("region", error.to_string());
                    problems.push(problem.hint(self.fargate_hint(offer, &error)));
                }
            }
        }
        rates
    }

    /// Says what is nearest, and which prices of one's own make it possible.
    fn fargate_hint(&self, offer: FargateOffer, error: &NoPrice) -> String {
        let own = self.root.table("prices").table("fargate");
        let keys = match offer.spot {
            true => ["spot_vcpu_hour", "spot_gb_hour", "ephemeral_gb_hour"],
            false => ["vcpu_hour", "gb_hour", "ephemeral_gb_hour"],
        };
        let missing = keys.iter().filter(|key| !own.is_written(key));
        let missing: Vec<String> = missing.map(|key| format!("`prices.fargate.{key}`")).collect();
        match missing.len() {
            3 => format!("{}; or write {}", error.hint(), missing.join(", ")),
            _ => format!("prices of your own lack {}", missing.join(" and ")),
        }
    }

    /// Returns the capacity units that a load balancer uses on average, by the requests that
    /// arrive; `None`: nothing says how many do.
    ///
    /// An LCU is 25 new connections a second, or 1 GB an hour: that of which there is most counts.
    /// An NLCU is 800 new connections a second, or as many bytes. Source: Elastic Load Balancing
    /// pricing. Not looked at: active connections, and rules beyond the ten that are free.
    fn capacity_units(&self, name: &str, view: &View) -> Option<f64> {
        let is_its = |to: &Destination| match *to {
            Destination::TargetGroup(group) => {
                let group = self.root.entry("target_group", &self.model.target_groups[group].name);
                group.is_some_and(|it| it.get::<String>("load_balancer") == name)
            }
            Destination::Service(_) => false,
        };
        let end = SimTime::ZERO.saturating_add(self.model.duration);
        let mut requests = None;
        for (_, load) in self.model.loads.iter() {
            let share: f64 =
                load.routes.iter().filter(|it| is_its(&it.to)).map(|it| it.share).sum();
            if share > 0.0 {
                requests = Some(requests.unwrap_or(0.0) + load.rate.mean(end) * share);
            }
        }
        let connections = match view.get::<String>("type").as_str() {
            "network" => 800.0,
            _ => 25.0,
        };
        let Bytes(bytes) = view.get("bytes_per_request");
        let by_connections = 1.0 / view.get::<f64>("requests_per_connection") / connections;
        let by_bytes = bytes as f64 * 3600.0 / 1e9;
        Some(requests? * by_connections.max(by_bytes))
    }

    /// What is paid all the time, and what is not on the bill because nothing says how much.
    fn standing(&self) -> (Vec<Standing>, Vec<String>) {
        let mut lines = Vec::new();
        let mut missing = Vec::new();
        for (name, view) in self.root.entries("load_balancer") {
            let (hour, unit) = match view.get::<String>("type").as_str() {
                "network" => (Charge::Nlb, Charge::NlbCapacity),
                "classic" => {
                    lines.push(self.classic_load_balancer(name));
                    missing.push(format!("data through load balancer {name}"));
                    continue;
                }
                _ => (Charge::Alb, Charge::AlbCapacity),
            };
            lines.push(self.stands(Category::LoadBalancer, name, (hour, 1000)));
            match view.find::<f64>("lcu").or_else(|| self.capacity_units(name, &view)) {
                Some(lcu) => {
                    let milli = (lcu * 1000.0).round() as u64;
                    lines.push(self.stands(Category::LoadBalancer, name, (unit, milli)));
                }
                None => missing.push(format!("capacity units of load balancer {name}")),
            }
        }
        let network = self.root.table("network");
        match network.find::<u64>("nat_gateways") {
            Some(count) => {
                let count = (Charge::NatGateway, count * 1000);
                lines.push(self.stands(Category::NatGateway, "gateways", count));
            }
            None => missing.push("NAT gateways".to_string()),
        }
        let traffic = [
            ("nat_gb_per_month", Category::NatGateway, "data", Charge::NatGatewayData, 1),
            // Each GB between zones is charged on both sides.
            (
                "cross_zone_gb_per_month",
                Category::DataTransfer,
                "between zones",
                Charge::CrossZoneData,
                2,
            ),
            ("log_gb_per_month", Category::Logs, "ingested", Charge::LogsIngest, 1),
        ];
        for (key, category, item, charge, sides) in traffic {
            match network.find::<f64>(key) {
                Some(gb) => {
                    let milli = (gb * 1000.0).round() as u64 * sides;
                    lines.push(self.stands(category, item, (charge, milli)));
                }
                None if charge == Charge::NatGatewayData => {}
                None if charge == Charge::LogsIngest => missing.push("CloudWatch Logs".to_string()),
                None => missing.push("traffic between zones".to_string()),
            }
        }
        missing.extend(self.beside(&network));
        missing.extend(self.file_systems());
        missing.push("Container Insights".to_string());
        missing.push("ECR".to_string());
        missing.push("traffic to the internet".to_string());
        (lines, missing)
    }

    /// Lists what comes with things that are on the bill, and has no key.
    fn beside(&self, network: &View) -> Vec<String> {
        let untold = |class: &crate::ecs::model::InstanceClass| {
            let can_owe = class.cpu_credits.is_some_and(|terms| terms.unlimited);
            can_owe && !cpu_credits::without_usage(self.model, class).is_empty()
        };
        let has_gateways = network.find::<u64>("nat_gateways").is_some_and(|count| count > 0);
        [
            (
                self.model.classes.iter().any(|(_, class)| untold(class)),
                "CPU credits of containers without `usage`",
            ),
            (
                !self.root.entries("load_balancer").is_empty(),
                "public IPv4 addresses of load balancers",
            ),
            (has_gateways, "public IPv4 addresses of NAT gateways"),
            (network.is_written("log_gb_per_month"), "log storage"),
        ]
        .into_iter()
        .filter(|(is_there, _)| *is_there)
        .map(|(_, name)| name.to_string())
        .collect()
    }

    /// Lists the file systems that volumes are on: nothing says how much is stored there.
    fn file_systems(&self) -> Vec<String> {
        let named = self.root.entries("task_definition").into_iter().map(|(_, view)| view);
        let owners = ["service", "task", "job"].into_iter();
        let in_place = owners
            .flat_map(|table| self.root.entries(table))
            .filter_map(|(_, owner)| owner.child("task_definition").filter(super::task::is_inline));
        let volumes: Vec<View> = named.chain(in_place).flat_map(|it| it.items("volumes")).collect();
        [
            ("efs_volume_configuration", "EFS file systems"),
            ("fsx_windows_file_server_volume_configuration", "FSx file systems"),
            ("s3files_volume_configuration", "S3 file systems"),
        ]
        .into_iter()
        .filter(|(key, _)| volumes.iter().any(|volume| volume.is_written(key)))
        .map(|(_, name)| name.to_string())
        .collect()
    }

    /// No price of a Classic Load Balancer is known here; an Application one's hour stands for it.
    fn classic_load_balancer(&self, name: &str) -> Standing {
        let mut line = self.stands(Category::LoadBalancer, name, (Charge::Alb, 1000));
        line.rate.assumed = true;
        line.rate.note = "the price of an Application Load Balancer".to_string();
        line
    }

    fn stands(&self, category: Category, item: &str, (charge, milli): (Charge, u64)) -> Standing {
        let unit = match charge.unit().period {
            None => charge.unit().name.to_string(),
            Some(_) => charge.unit().to_string(),
        };
        Standing {
            category,
            item: item.to_string(),
            zone: None,
            holder: None,
            quantity_milli: milli,
            unit,
            rate: self.charge(charge),
        }
    }
}
