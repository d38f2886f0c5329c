//! From a checked document to the model of a run: names resolved, AWS's rules of registration held.
//!
//! What is wrong here is wrong in meaning, not in form: a name that does not exist, a size that
//! Fargate does not have, a task that no instance can hold. File names mirror the areas of `ecs`.

mod bounds;
mod capacity_provider;
mod capacity_warnings;
mod cluster;
mod commitments;
mod cpu_credits;
mod ec2_quota;
mod fallback;
mod fault;
mod group;
mod idle;
mod job;
mod launch;
mod load;
mod managed_instances;
mod prices;
mod rate;
mod requests;
mod scaling;
mod service;
mod service_scaling;
mod spot;
mod task;
#[cfg(test)]
mod tests;
mod timing;
mod traffic;
mod upkeep;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};

use crate::billing::PriceBook;
use crate::catalogue::Catalogue;
use crate::ecs::model::{
    Account, AutoScalingGroup, CapacityProvider, ClusterSpec, Fidelity, Fleet, Image, InitialState,
    Launch, Limits, Model, Requirement, Service, Subnet, TargetGroup, TaskDefinition, TaskGroup,
    Zone,
};
use crate::engine::{Distribution, Ix, Table};
use crate::record::Buckets;
use crate::units::{Bytes, Calendar, CalendarError, Span};

use super::codes::Code;
use super::document::default_of;
use super::keys::find;
use super::load::Files;
use super::problems::{MAX_KEPT, Problem, number};
use super::value;
use super::{Document, View};

pub use rate::ReadRate;

/// What lowering works on: the document, the model so far, and who is called what.
struct Lower<'d> {
    document: &'d Document,
    files: &'d dyn Files,
    catalogue: Catalogue,
    region: String,
    model: Model,
    clusters: BTreeMap<String, Ix<ClusterSpec>>,
    auto_scaling_groups: BTreeMap<String, Ix<AutoScalingGroup>>,
    capacity_providers: BTreeMap<String, Ix<CapacityProvider>>,
    zones: BTreeMap<String, Ix<Zone>>,
    subnets: BTreeMap<String, Ix<Subnet>>,
    images: BTreeMap<String, Ix<Image>>,
    requirements: BTreeMap<Requirement, Ix<Requirement>>,
    groups: BTreeMap<(Ix<ClusterSpec>, String), Ix<TaskGroup>>,
    target_groups: BTreeMap<String, Ix<TargetGroup>>,
    services: BTreeMap<String, Ix<Service>>,
    definitions: BTreeMap<String, Option<Ix<TaskDefinition>>>,
    /// Memory that job traces take.
    trace_memory: Bytes,
    /// Sizes of task that rows of job traces have.
    task_sizes: u64,
    /// Values that distributions of behaviour have read from files.
    values_read: usize,
    /// Whether some fleet is not in the model, because something is wrong with it.
    has_unknown_instances: bool,
    /// Paths of `network_mode` that nobody wrote, of definitions that run on Fargate.
    on_fargate: BTreeSet<String>,
    /// Paths of keys that have no effect here.
    without_effect: BTreeSet<String>,
    /// Facts about each definition that only launches ask for.
    definition_facts: Table<task::DefinitionFacts, TaskDefinition>,
    /// Records of rates that were read.
    rates: Vec<ReadRate>,
    problems: Vec<Problem>,
}

/// A model with its prices; only of use if none of the problems is an error.
pub struct Lowered {
    /// The model.
    pub model: Model,
    /// The prices, if all are known.
    pub prices: Option<PriceBook>,
    /// How fine series can be in the memory they may take.
    pub buckets: Buckets,
    /// Paths of `network_mode` that nobody wrote, and that are `awsvpc` because of Fargate.
    pub on_fargate: BTreeSet<String>,
    /// Paths of keys that have no effect in this scenario, although others of their kind have.
    pub without_effect: BTreeSet<String>,
    /// Records of rates that were read.
    pub rates: Vec<ReadRate>,
    /// What is wrong in meaning, and what the reader should know.
    pub problems: Vec<Problem>,
}

/// Builds the model from what is sound of a document.
pub fn lower(document: &Document, files: &dyn Files) -> Lowered {
    let calendar = calendar(&document.root());
    // Whatever is wrong with the clock, all the rest is checked too.
    let fallback = || Calendar::new("2026-01-05T00:00", "UTC").expect("a good date");
    let (calendar, problem) = match calendar {
        Ok(calendar) => (calendar, None),
        Err(problem) => (fallback(), Some(*problem)),
    };
    let mut lower = Lower::new(document, files, calendar);
    lower.problems.extend(problem);
    let mut buckets = Buckets::default();
    if lower.all() {
        buckets = bounds::check(&mut lower);
        warnings::check(&mut lower);
        idle::find(&mut lower);
    }
    let (prices, problems) = prices::price_book(document, &lower.catalogue, &lower.model);
    lower.problems.extend(problems);
    if prices.is_some() {
        lower.problems.extend(prices::check_region(document));
    }
    Lowered {
        model: lower.model,
        prices,
        buckets,
        on_fargate: lower.on_fargate,
        without_effect: lower.without_effect,
        rates: lower.rates,
        problems: lower.problems,
    }
}

fn initial_state(root: &View) -> InitialState {
    match root.get::<String>("initial_state").as_str() {
        "cold" => InitialState::Cold,
        _ => InitialState::Steady,
    }
}

/// Reads the scenario's clock.
fn calendar(root: &View) -> Result<Calendar, Box<Problem>> {
    let start: String = root.get("start");
    let zone: String = root.get("time_zone");
    Calendar::new(&start, &zone).map_err(|error| {
        let key = if Calendar::new("2026-01-05", &zone).is_err() { "time_zone" } else { "start" };
        Box::new(calendar_problem(root, key, &error))
    })
}

fn calendar_problem(view: &View, key: &str, error: &CalendarError) -> Problem {
    view.error(key, error.message.clone()).hint(error.hint.clone())
}

/// Tables whose entries are fleets of instances; no two of these have one name.
const FLEET_TABLES: [&str; 2] = ["container_instances", "auto_scaling_group"];

/// Returns the table of a fleet: of container instances, an Auto Scaling group, or of the Managed
/// Instances of a capacity provider.
fn fleet_view<'d>(root: &View<'d>, model: &Model, fleet: Ix<Fleet>) -> Option<View<'d>> {
    let name = &model.fleets[fleet].name;
    match model.managed_instances_of(fleet) {
        Some(_) => root.entry("capacity_provider", name)?.child("managed_instances"),
        None => FLEET_TABLES.iter().find_map(|table| root.entry(table, name)),
    }
}

impl<'d> Lower<'d> {
    fn new(document: &'d Document, files: &'d dyn Files, calendar: Calendar) -> Lower<'d> {
        let (root, limits) = (document.root(), document.root().table("limits"));
        let mut problems = Vec::new();
        let model = Model {
            name: root.find("name").unwrap_or_default(),
            calendar,
            duration: root.get("duration"),
            initial_state: initial_state(&root),
            zones: Table::new(),
            clusters: Table::new(),
            fleets: Table::new(),
            auto_scaling_groups: Table::new(),
            capacity_providers: Table::new(),
            pools: Table::new(),
            spot_market: spot::market(&root, files, &mut problems),
            fargate_spot_hazard: spot::fargate_hazard(&root, &mut problems),
            fargate_spot_deregistration: spot::deregistration(&root),
            spot_pools: Table::new(),
            shortages: Vec::new(),
            refreshes: Vec::new(),
            classes: Table::new(),
            subnets: Table::new(),
            images: Table::new(),
            task_definitions: Table::new(),
            requirements: Table::new(),
            launches: Table::new(),
            groups: Table::new(),
            target_groups: Table::new(),
            services: Table::new(),
            fidelity: Fidelity::default(),
            loads: Table::new(),
            queues: Table::new(),
            fargate_cpu_speed: 1.0,
            fallbacks: Table::new(),
            submitters: Table::new(),
            actions: Vec::new(),
            faults: Table::new(),
            account: Account::UNLIMITED,
            timing: timing::timing(&root.table("timing"), files, &mut problems),
            limits: Limits { events: limits.get("events"), tasks: limits.get("tasks") },
        };
        Lower {
            document,
            files,
            catalogue: Catalogue::builtin().clone(),
            region: root.get("region"),
            model,
            clusters: BTreeMap::new(),
            auto_scaling_groups: BTreeMap::new(),
            capacity_providers: BTreeMap::new(),
            zones: BTreeMap::new(),
            subnets: BTreeMap::new(),
            images: BTreeMap::new(),
            requirements: BTreeMap::new(),
            groups: BTreeMap::new(),
            target_groups: BTreeMap::new(),
            services: BTreeMap::new(),
            definitions: BTreeMap::new(),
            trace_memory: Bytes(0),
            task_sizes: 0,
            values_read: 0,
            has_unknown_instances: false,
            on_fargate: BTreeSet::new(),
            without_effect: BTreeSet::new(),
            definition_facts: Table::new(),
            rates: Vec::new(),
            problems,
        }
    }

    fn root(&self) -> View<'d> {
        self.document.root()
    }

    /// Lowers every area, in an order in which names exist before they are used.
    ///
    /// Returns false if there is too much to go on with.
    fn all(&mut self) -> bool {
        prices::overlay(self);
        let recorded = spot::recordings(self);
        timing::account(self);
        cluster::clusters(self);
        cluster::subnets(self);
        cluster::fleets(self);
        group::auto_scaling_groups(self, &recorded);
        if !bounds::instances(self) {
            return false;
        }
        cpu_credits::check_keys(self);
        capacity_provider::all(self, &recorded);
        requests::speeds(self);
        spot::find_idle(self, &recorded);
        service::target_groups(self);
        task::definitions(self);
        service::services(self);
        service_scaling::all(self);
        fallback::all(self);
        job::tasks(self);
        job::jobs(self);
        traffic::all(self);
        requests::check(self);
        requests::starts(self);
        service::actions(self);
        fault::faults(self);
        true
    }

    /// Remembers that keys of `view` have no effect, whether they are written or not.
    fn idle(&mut self, view: &View, keys: &[&str]) {
        self.without_effect.extend(keys.iter().map(|key| view.path_of(key)));
    }

    /// Says whether further problems are only counted, so that no hint need be sought for them.
    /// Everything that launches tasks: its table, its name there, what it launches, and how.
    fn launching(&self) -> Vec<(&str, &str, Ix<TaskDefinition>, Ix<Launch>)> {
        let services = self.model.services.iter();
        let services =
            services.map(|(_, it)| ("service", it.name.as_str(), it.task_definition, it.launch));
        let submitters = self.model.submitters.iter().filter_map(|(_, it)| {
            let (table, name) = it.name.split_once('.')?;
            Some((table, name, it.task_definition, it.launch))
        });
        services.chain(submitters).collect()
    }

    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_KEPT
    }

    /// Returns the instance types nearest to a name, in words.
    fn nearest_instance_types(&self, name: &str) -> String {
        match self.is_full() {
            true => String::new(),
            false => self.catalogue.nearest_instance_types(name).join(", "),
        }
    }

    /// Returns the table of a fleet.
    fn fleet_view(&self, fleet: Ix<Fleet>) -> Option<View<'d>> {
        fleet_view(&self.root(), &self.model, fleet)
    }

    /// Returns the zone of this name, `b` or `eu-west-1b`; reports one of another region.
    fn zone(&mut self, view: &View, key: &str, name: &str) -> Ix<Zone> {
        let is_letter = |it: &str| it.len() == 1 && it.bytes().all(|it| it.is_ascii_lowercase());
        let full =
            if is_letter(name) { format!("{}{name}", self.region) } else { name.to_string() };
        // Local Zones have a longer name: us-west-2-lax-1a.
        let rest = full.strip_prefix(&self.region);
        let is_there = rest.is_some_and(|rest| is_letter(rest) || rest.starts_with('-'));
        if !is_there && self.root().is_sound_at(&["region"]) {
            let message = format!("`{name}` is not a zone of `{}`", self.region);
            let hint = format!("write a letter, such as `a`, or `{}a`", self.region);
            self.problems.push(view.error(key, message).hint(hint));
        } else if !rest.is_some_and(is_likely_zone) && self.root().is_sound_at(&["region"]) {
            let message = format!("`{full}` cannot be a zone of AWS's");
            let hint = "zones have a letter from `a`, such as `us-east-1f`, the last there is; \
                        Local and Wavelength Zones are written `us-west-2-lax-1a` and \
                        `us-east-1-wl1-bos-wlz-1`";
            self.problems.push(view.warning(Code::UnlikelyZone, key, message).hint(hint));
        }
        *self
            .zones
            .entry(full.clone())
            .or_insert_with(|| self.model.zones.push(Zone { name: full }))
    }

    /// Returns the zones of Fargate tasks that name no subnets.
    fn fargate_zones(&mut self) -> Vec<Ix<Zone>> {
        let network = self.root().table("network");
        self.zones_at(&network, "fargate_availability_zones")
    }

    /// Returns the zones in the list at `key`.
    fn zones_at(&mut self, view: &View, key: &str) -> Vec<Ix<Zone>> {
        let names: Vec<String> = view.items(key).iter().map(View::value).collect();
        names.iter().map(|name| self.zone(view, key, name)).collect()
    }

    fn requirement(&mut self, requirement: Requirement) -> Ix<Requirement> {
        if let Some(&ix) = self.requirements.get(&requirement) {
            return ix;
        }
        let ix = self.model.requirements.push(requirement.clone());
        self.requirements.insert(requirement, ix);
        ix
    }

    fn group(&mut self, cluster: Ix<ClusterSpec>, name: &str) -> Ix<TaskGroup> {
        let groups = &mut self.model.groups;
        *self
            .groups
            .entry((cluster, name.to_string()))
            .or_insert_with(|| groups.push(TaskGroup { cluster, name: name.to_string() }))
    }

    /// Returns an image by its name, with the size the scenario gives it or the usual one.
    fn image(&mut self, name: &str) -> Ix<Image> {
        if let Some(&ix) = self.images.get(name) {
            return ix;
        }
        let given = self.root().entry("image", name);
        let size = given.map_or_else(default_image_size, |view| view.get("size"));
        let ix = self.model.images.push(Image { name: name.to_string(), size });
        self.images.insert(name.to_string(), ix);
        ix
    }
}

/// Says whether a Region can have a zone whose name goes on like this after the Region's.
///
/// Source: Amazon EC2 User Guide, "Regions and Zones": us-east-1 has the most, six; Local Zones end
/// in `-lax-1a`, Wavelength Zones in `-wl1-bos-wlz-1`.
fn is_likely_zone(rest: &str) -> bool {
    let is_place = |it: &str| it.len() == 3 && it.bytes().all(|it| it.is_ascii_lowercase());
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    match rest.split('-').collect::<Vec<_>>().as_slice() {
        [letter] => ("a"..="f").contains(letter),
        ["", place, last] => {
            let number = last.strip_suffix(|it: char| it.is_ascii_lowercase());
            is_place(place) && number.is_some_and(is_number)
        }
        ["", wave, place, "wlz", last] => {
            wave.strip_prefix("wl").is_some_and(is_number) && is_place(place) && is_number(last)
        }
        _ => false,
    }
}

/// Returns the size of an image that the scenario does not describe.
fn default_image_size() -> Bytes {
    let key = find(&["image", "*"]).and_then(|kind| kind.field("size"));
    let key = key.expect("it is in the table of keys");
    default_of(key).expect("the size of an image has a default")
}

/// Values that all files of distributions together may have.
const MAX_VALUES: usize = 10_000_000;

/// Turns a written distribution of lengths of time into the engine's, in seconds.
///
/// `values_read` counts what files have.
fn distribution(
    written: &value::Distribution,
    (view, key): (&View, &str),
    (files, values_read): (&dyn Files, &mut usize),
    problems: &mut Vec<Problem>,
) -> Distribution {
    use value::Distribution as W;
    let secs = |span: &Span| span.as_secs_f64();
    let made = match written {
        W::Constant(span) => Distribution::constant(secs(span)),
        W::Uniform { min, max } => Distribution::uniform(secs(min), secs(max)),
        W::Exponential { mean } => Distribution::exponential(secs(mean)),
        W::Lognormal { median, sigma } => Distribution::lognormal(secs(median), *sigma),
        W::Weibull { scale, shape } => Distribution::weibull(secs(scale), *shape),
        W::Gamma { mean, shape } => Distribution::gamma_of_mean(secs(mean), *shape),
        W::Empirical { .. } if *values_read > MAX_VALUES => Distribution::constant(0.0),
        W::Empirical { file, column } => {
            let named = view.error(key, "");
            let read = super::trace::read_durations(files, file, column, &named, problems);
            // After an error of its own, any distribution will do: nothing is run.
            let values = read.unwrap_or_else(|| vec![Span::ZERO]);
            *values_read += values.len();
            if *values_read > MAX_VALUES {
                let most = number(MAX_VALUES as u64);
                let message = format!("files of distributions have more than {most} rows in all");
                problems.push(view.error(key, message).hint("take samples of them"));
            }
            Distribution::empirical(values.iter().map(secs).collect())
        }
    };
    made.unwrap_or_else(|error| {
        let hint = "write smaller parameters, or a length of time such as \"90 s\"";
        problems.push(view.error(key, error.to_string()).hint(hint));
        Distribution::constant(0.0).expect("zero is a length of time")
    })
}
