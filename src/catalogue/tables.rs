//! The tables that ship with the program: read once from the text compiled into it.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::ecs::model::{Architecture, Os};
use crate::units::HourlyRate;

use super::reserved::ReservedFacts;
use super::spot::SpotFacts;
use super::{
    Charge, ChargePrice, CpuCredits, Evidence, FargateOffer, FargatePrice, FargateSize, Hypervisor,
    InstanceType, InterruptionBand, Priced, Quota, RegisteredMemory, architecture_from_name,
};
use super::{FARGATE_AS_OF, FARGATE_SPOT_AS_OF};

/// All facts of a catalogue, by name.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    pub instance_types: BTreeMap<String, InstanceType>,
    /// Region, then instance type.
    pub on_demand: BTreeMap<String, BTreeMap<String, OnDemand>>,
    /// Region, then instance type.
    pub spot: BTreeMap<String, BTreeMap<String, SpotFacts>>,
    /// Region, then instance type.
    pub reserved: BTreeMap<String, BTreeMap<String, ReservedFacts>>,
    /// Ascending by CPU, then memory.
    pub fargate_sizes: Vec<FargateSize>,
    /// Region, then offer.
    pub fargate_prices: BTreeMap<String, BTreeMap<FargateOffer, FargatePrice>>,
    /// Charge, then region.
    pub charges: BTreeMap<Charge, BTreeMap<String, ChargePrice>>,
    pub quotas: Vec<Quota>,
}

/// The on-demand prices of a type in a region, as far as they are known or given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OnDemand {
    pub linux: Option<(HourlyRate, Evidence)>,
    /// Only what a scenario gives: the tables hold no Windows prices.
    pub windows_given: Option<HourlyRate>,
}

impl Tables {
    /// Reads the tables compiled into the program.
    ///
    /// # Panics
    /// If a table is malformed: tests read them all.
    pub fn builtin() -> Tables {
        let mut tables = Tables {
            instance_types: BTreeMap::new(),
            on_demand: BTreeMap::new(),
            spot: BTreeMap::new(),
            reserved: BTreeMap::new(),
            fargate_sizes: Vec::new(),
            fargate_prices: BTreeMap::new(),
            charges: BTreeMap::new(),
            quotas: Vec::new(),
        };
        tables.read_instances();
        tables.read_registered_memory();
        tables.read_cpu_credits();
        tables.read_spot();
        tables.read_reserved();
        tables.read_fargate_sizes();
        tables.read_fargate_prices();
        tables.read_charges();
        tables.read_quotas();
        tables
    }

    fn read_instances(&mut self) {
        /// Columns before the first region.
        const FACTS: usize = 14;
        each_row("instances.csv", include_str!("tables/instances.csv"), |row| {
            let instance_type = row.instance_type();
            for region in row.columns().skip(FACTS) {
                let Some(nanos) = row.nanos(region) else { continue };
                let linux = Some((HourlyRate::nanos_per_hour(nanos), Evidence::Documented));
                let prices = self.on_demand.entry(region.to_string()).or_default();
                let price = OnDemand { linux, windows_given: None };
                prices.insert(instance_type.name.clone(), price);
            }
            self.instance_types.insert(instance_type.name.clone(), instance_type);
        });
    }

    fn read_registered_memory(&mut self) {
        const TEXT: &str = include_str!("tables/registered_memory.csv");
        each_row("registered_memory.csv", TEXT, |row| {
            let name = row.text("instance_type");
            let instance_type = self.instance_types.get_mut(name);
            let instance_type = instance_type.unwrap_or_else(|| row.wrong("instance_type"));
            instance_type.registered = Some(RegisteredMemory {
                mib: row.number("registered_mib"),
                evidence: row.evidence("evidence"),
            });
        });
    }

    fn read_cpu_credits(&mut self) {
        each_row("cpu_credits.csv", include_str!("tables/cpu_credits.csv"), |row| {
            let instance_type = self.instance_types.get_mut(row.text("instance_type"));
            let instance_type = instance_type.unwrap_or_else(|| row.wrong("instance_type"));
            let per_hour: f64 = row.number("credits_per_hour");
            instance_type.cpu_credits = Some(CpuCredits {
                tenths_per_hour: (per_hour * 10.0).round() as u32,
                unlimited_by_default: match row.text("default") {
                    "unlimited" => true,
                    "standard" => false,
                    _ => row.wrong("default"),
                },
                launch_credits: row.number("launch_credits"),
                survives_stop: row.yes("survives_stop"),
            });
        });
    }

    fn read_spot(&mut self) {
        each_row("spot.csv", include_str!("tables/spot.csv"), |row| {
            let name = row.text("instance_type");
            let regions = row.columns().skip(1).filter(|column| !column.contains(' '));
            for region in regions.filter(|region| !row.text(region).is_empty()) {
                let (savings, band) =
                    row.text(region).split_once(' ').unwrap_or_else(|| row.wrong(region));
                let observed = (region == "us-east-1").then(|| row.nanos("us-east-1 observed"));
                let facts = SpotFacts {
                    savings_percent: savings.parse().unwrap_or_else(|_| row.wrong(region)),
                    band: InterruptionBand::from_label(band).unwrap_or_else(|| row.wrong(region)),
                    observed: observed.flatten().map(HourlyRate::nanos_per_hour),
                };
                let types = self.spot.entry(region.to_string()).or_default();
                types.insert(name.to_string(), facts);
            }
        });
    }

    /// Reads what commitments cost; the on-demand prices were read before.
    fn read_reserved(&mut self) {
        each_row("reserved.csv", include_str!("tables/reserved.csv"), |row| {
            let name = row.text("instance_type");
            let regions = row.columns().skip(1).filter(|region| !row.text(region).is_empty());
            for region in regions {
                let nanos = |text: &str| {
                    let dollars: f64 = text.parse().unwrap_or_else(|_| row.wrong(region));
                    HourlyRate::from_dollars_f64(dollars)
                };
                let mut cells = row.text(region).split(' ');
                let mut rate = || {
                    let text = cells.next().unwrap_or_else(|| row.wrong(region));
                    (text != "-").then(|| nanos(text))
                };
                let rates = [rate(), rate(), rate(), rate()];
                let listed = self.on_demand.get(region).and_then(|types| types.get(name));
                let listed = listed.and_then(|price| price.linux).map(|(rate, _)| rate);
                let on_demand = cells.next().map(nanos).or(listed);
                let on_demand = on_demand.unwrap_or_else(|| row.wrong(region));
                let types = self.reserved.entry(region.to_string()).or_default();
                types.insert(name.to_string(), ReservedFacts { rates, on_demand });
            }
        });
    }

    fn read_fargate_sizes(&mut self) {
        const TEXT: &str = include_str!("tables/fargate_sizes.csv");
        each_row("fargate_sizes.csv", TEXT, |row| {
            let (cpu_units, windows) = (row.number("cpu_units"), row.yes("windows"));
            let sizes = row.sizes("memory_mib").into_iter();
            let sizes = sizes.map(|memory_mib| FargateSize { cpu_units, memory_mib, windows });
            self.fargate_sizes.extend(sizes);
        });
        self.fargate_sizes.sort_unstable();
    }

    fn read_fargate_prices(&mut self) {
        const TEXT: &str = include_str!("tables/fargate_prices.csv");
        each_row("fargate_prices.csv", TEXT, |row| {
            let os = match row.text("os") {
                "linux" => Os::Linux,
                "windows" => Os::Windows,
                _ => row.wrong("os"),
            };
            let architecture = row.architecture();
            let ephemeral_gb_hour =
                row.priced("ephemeral_gb_hour", "ephemeral_evidence", FARGATE_AS_OF);
            let ephemeral_gb_hour = ephemeral_gb_hour.unwrap_or_else(|| row.wrong("ephemeral"));
            let ways = [
                (false, "vcpu_hour", "gb_hour", "evidence", FARGATE_AS_OF),
                (true, "spot_vcpu_hour", "spot_gb_hour", "spot_evidence", FARGATE_SPOT_AS_OF),
            ];
            for (spot, vcpu, gb, evidence, as_of) in ways {
                let Some(mut vcpu_hour) = row.priced(vcpu, evidence, as_of) else { continue };
                let gb_hour = row.priced(gb, evidence, as_of).unwrap_or_else(|| row.wrong(gb));
                if os == Os::Windows {
                    vcpu_hour.note.push_str(", licence included");
                }
                let ephemeral_gb_hour = ephemeral_gb_hour.clone();
                let price = FargatePrice { vcpu_hour, gb_hour, ephemeral_gb_hour };
                let offers = self.fargate_prices.entry(row.text("region").to_string()).or_default();
                offers.insert(FargateOffer { os, architecture, spot }, price);
            }
        });
    }

    fn read_charges(&mut self) {
        each_row("charges.csv", include_str!("tables/charges.csv"), |row| {
            let charge = Charge::from_name(row.text("charge"));
            let charge = charge.unwrap_or_else(|| row.wrong("charge"));
            let price = ChargePrice {
                nanos: row.nanos("usd").unwrap_or_else(|| row.wrong("usd")),
                unit: charge.unit(),
                evidence: row.evidence("evidence"),
                note: row.text("note").to_string(),
            };
            let prices = self.charges.entry(charge).or_default();
            prices.insert(row.text("region").to_string(), price);
        });
    }

    fn read_quotas(&mut self) {
        each_row("quotas.csv", include_str!("tables/quotas.csv"), |row| {
            self.quotas.push(Quota {
                name: row.text("quota").to_string(),
                value: row.number("value"),
                unit: row.text("unit").to_string(),
                adjustable: row.yes("adjustable"),
                source: row.text("source").to_string(),
            });
        });
    }
}

/// A row of a table, read by column name.
struct Row<'a> {
    table: &'static str,
    columns: &'a csv::StringRecord,
    record: csv::StringRecord,
}

fn each_row(table: &'static str, text: &str, mut use_row: impl FnMut(Row<'_>)) {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let columns = reader.headers().expect("a built-in table has a header").clone();
    for record in reader.into_records() {
        let record = record.unwrap_or_else(|problem| panic!("{table}: {problem}"));
        use_row(Row { table, columns: &columns, record });
    }
}

impl Row<'_> {
    fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter()
    }

    fn text(&self, column: &str) -> &str {
        let position = self.columns.iter().position(|name| name == column);
        let position = position.unwrap_or_else(|| panic!("{} has no column {column}", self.table));
        &self.record[position]
    }

    fn wrong(&self, column: &str) -> ! {
        panic!("{}: column {column} makes no sense in {:?}", self.table, self.record)
    }

    fn number<T: FromStr>(&self, column: &str) -> T {
        self.text(column).parse().unwrap_or_else(|_| self.wrong(column))
    }

    fn yes(&self, column: &str) -> bool {
        match self.text(column) {
            "yes" => true,
            "" | "no" => false,
            _ => self.wrong(column),
        }
    }

    fn evidence(&self, column: &str) -> Evidence {
        Evidence::from_word(self.text(column)).unwrap_or_else(|| self.wrong(column))
    }

    /// Returns a price in nano-dollars; nothing where the cell is empty.
    fn nanos(&self, column: &str) -> Option<i64> {
        if self.text(column).is_empty() {
            return None;
        }
        let dollars: f64 = self.number(column);
        Some(HourlyRate::from_dollars_f64(dollars).as_nanos_per_hour())
    }

    fn priced(&self, column: &str, evidence: &str, as_of: &str) -> Option<Priced> {
        let rate = HourlyRate::nanos_per_hour(self.nanos(column)?);
        let note = format!("AWS Fargate prices of {as_of}");
        Some(Priced { rate, evidence: self.evidence(evidence), note })
    }

    fn architecture(&self) -> Architecture {
        let architecture = architecture_from_name(self.text("architecture"));
        architecture.unwrap_or_else(|| self.wrong("architecture"))
    }

    /// Reads `512 1024 2048` or `1024..4096:1024`.
    fn sizes(&self, column: &str) -> Vec<u32> {
        let text = self.text(column);
        let number = |text: &str| text.parse().unwrap_or_else(|_| self.wrong(column));
        let Some((first, rest)) = text.split_once("..") else {
            return text.split(' ').map(number).collect();
        };
        let (last, step) = rest.split_once(':').unwrap_or_else(|| self.wrong(column));
        (number(first)..=number(last)).step_by(number(step) as usize).collect()
    }

    fn instance_type(&self) -> InstanceType {
        let trunked: u32 = self.number("awsvpc_tasks_trunked");
        let gbps: f64 = self.number("network_gbps");
        InstanceType {
            name: self.text("instance_type").to_string(),
            vcpus: self.number("vcpus"),
            memory_mib: self.number("memory_mib"),
            registered: None,
            architecture: self.architecture(),
            gpus: self.number("gpus"),
            gpu_memory_mib: self.number("gpu_memory_mib"),
            network_mbps_baseline: (gbps * 1000.0).round() as u32,
            enis_max: self.number("max_enis"),
            awsvpc_tasks: self.number("awsvpc_tasks"),
            awsvpc_tasks_trunked: (trunked > 0).then_some(trunked),
            trunking_evidence: self.evidence("trunking"),
            hypervisor: match self.text("hypervisor") {
                "nitro" => Hypervisor::Nitro,
                "xen" => Hypervisor::Xen,
                "metal" => Hypervisor::BareMetal,
                _ => self.wrong("hypervisor"),
            },
            burstable: self.yes("burstable"),
            cpu_credits: None,
            current_generation: self.yes("current"),
        }
    }
}
