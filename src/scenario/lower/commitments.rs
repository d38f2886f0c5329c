//! Commitments: the Savings Plans and reservations of a scenario, and the plans it could have.

use crate::billing::{
    Commitment, CommitmentKind, CommittedFargate, CommittedRates, FargateRates, Offer, Rate,
};
use crate::catalogue::{
    Catalogue, Evidence, OfferingClass, Priced, Term, WINDOWS_NANOS_PER_VCPU_HOUR,
};
use crate::ecs::model::{InstanceClass, InstanceLaunchType, Model, Os};
use crate::units::{HourlyRate, Money};

use super::super::View;
use super::super::codes::Code;
use super::super::problems::Problem;
use super::super::suggest::did_you_mean;
use super::super::value::Share;
use super::prices::rate;

/// Nano-dollars of the least that a Savings Plan may commit to, and of the steps; the most, a
/// million dollars, is the most of any price here.
///
/// Source: Savings Plans API, CreateSavingsPlan: from 0.001 to 1 million, at most five digits after
/// the decimal point.
const LEAST: i128 = 1_000_000;
const STEP: i128 = 10_000;
/// Families for which a plan of their own is offered; a cluster of more is rare.
const FAMILIES_MAX: usize = 8;

/// What commitments are made of.
pub(super) struct Market<'a> {
    pub root: &'a View<'a>,
    pub region: &'a str,
    pub catalogue: &'a Catalogue,
    pub model: &'a Model,
    pub fargate: &'a [FargateRates],
}

impl Market<'_> {
    /// Lowers what the scenario commits to.
    pub fn commitments(&self, problems: &mut Vec<Problem>) -> Vec<Commitment> {
        let prices = self.root.table("prices");
        let mut list = Vec::new();
        for (name, view) in prices.entries("reserved") {
            list.extend(self.reservation(name, &view, problems));
        }
        for (name, view) in prices.entries("savings_plan") {
            list.extend(self.savings_plan(name, &view, problems));
        }
        list
    }

    /// Returns the plans that are weighed after the run: for everything, and for each family.
    pub fn offers(&self) -> Vec<Offer> {
        let mut kinds = vec![(CommitmentKind::ComputePlan, None)];
        let mut families: Vec<&str> = self.covered().map(|it| family(&it.instance_type)).collect();
        families.sort_unstable();
        families.dedup();
        let families = families.into_iter().take(FAMILIES_MAX);
        kinds.extend(families.map(|it| (CommitmentKind::Ec2InstancePlan, Some(it.to_string()))));
        let offer = |(kind, instance_family): (CommitmentKind, Option<String>)| {
            Term::ALL.map(|term| Offer {
                kind,
                rates: self.rates((kind, instance_family.as_deref()), term),
                instance_family: instance_family.clone(),
                years: years(term),
            })
        };
        kinds.into_iter().flat_map(offer).collect()
    }

    /// Returns the classes that commitments can cover.
    fn covered(&self) -> impl Iterator<Item = &InstanceClass> {
        let classes = self.model.classes.iter().map(|(_, class)| class);
        classes.filter(|class| class.launch_type == InstanceLaunchType::Ec2)
    }

    fn savings_plan(
        &self,
        name: &str,
        view: &View,
        problems: &mut Vec<Problem>,
    ) -> Option<Commitment> {
        let before = problems.len();
        let money: Money = view.get("commitment");
        problems.extend(commitment_problem(view, money.as_nanos()));
        let kind = match view.get::<String>("type").as_str() {
            "ec2_instance" => CommitmentKind::Ec2InstancePlan,
            _ => CommitmentKind::ComputePlan,
        };
        let of_family: Option<String> = view.find("instance_family");
        problems.extend(self.family_problem(view, kind, of_family.as_deref()));
        let mut rates = self.rates((kind, of_family.as_deref()), term(view));
        self.own_rates(view, (kind, of_family.as_deref()), &mut rates, problems);
        if problems.len() == before {
            let has_classes = rates.classes.iter().any(|(_, rate)| rate.is_some());
            if !has_classes && rates.fargate.is_empty() {
                let what = match &of_family {
                    Some(family) => format!("no instance of family `{family}`"),
                    None => "nothing that a Savings Plan covers".to_string(),
                };
                let hint = "plans cover instances on EC2 and Fargate, never Spot; what is unused \
                            is paid for all the same";
                let message = format!("there is {what} in this scenario");
                problems
                    .push(view.warning(Code::PlanCoversNothing, "commitment", message).hint(hint));
            }
        }
        Some(Commitment { name: name.into(), kind, per_hour: hourly(money), rates })
    }

    fn family_problem(
        &self,
        view: &View,
        kind: CommitmentKind,
        written: Option<&str>,
    ) -> Option<Problem> {
        let Some(written) = written else {
            if kind != CommitmentKind::Ec2InstancePlan {
                return None;
            }
            let message = "`instance_family` is missing, and an EC2 Instance Savings Plan is for \
                           one family";
            let there = self.covered().next().map_or("m7g", |it| family(&it.instance_type));
            let hint = format!("such as `instance_family = \"{there}\"`");
            return Some(view.error_here(message).hint(hint));
        };
        if kind != CommitmentKind::Ec2InstancePlan {
            let message = "a Compute Savings Plan is for all families of instances";
            let hint = "leave `instance_family` out, or write `type = \"ec2_instance\"`";
            return Some(view.error("instance_family", message).hint(hint));
        }
        let mut families: Vec<&str> =
            self.catalogue.instance_types().map(|it| family(&it.name)).collect();
        families.dedup();
        if families.contains(&written) {
            return None;
        }
        let hint = match did_you_mean(written, families) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "a family is what stands before the point: `m5` of `m5.large`".to_string(),
        };
        let message = format!("`{written}` is not a family of instances in the catalogue");
        Some(view.error("instance_family", message).hint(hint))
    }

    /// Writes the rates that the scenario gives over those of the catalogue.
    fn own_rates(
        &self,
        view: &View,
        (kind, of_family): (CommitmentKind, Option<&str>),
        rates: &mut CommittedRates,
        problems: &mut Vec<Problem>,
    ) {
        for (name, view) in view.entries("ec2") {
            if self.catalogue.instance_type(name).is_none() {
                problems.push(self.unknown_type(name, &view, None));
            } else if of_family.is_some_and(|it| it != family(name)) {
                let message = format!("`{name}` is not of the plan's `instance_family`");
                problems.push(view.error_here(message).hint("leave it out"));
            }
            problems.extend(free_problem(&view, view.value()));
            let own = given(view.value());
            for (class, kind) in self.model.classes.iter() {
                if kind.instance_type == name && rates.classes[class].is_some() {
                    rates.classes[class] = Some(own.clone());
                }
            }
        }
        let fargate = view.table("fargate");
        for key in ["vcpu_hour", "gb_hour"] {
            let Some(money) = fargate.find::<Money>(key) else { continue };
            if kind == CommitmentKind::Ec2InstancePlan {
                let message = "an EC2 Instance Savings Plan does not cover Fargate";
                let hint = "a Compute Savings Plan does: `type = \"compute\"`";
                problems.push(fargate.error(key, message).hint(hint));
            }
            let free = fargate.child(key).and_then(|it| free_problem(&it, money));
            problems.extend(free);
            for platform in &mut rates.fargate {
                let rate =
                    if key == "vcpu_hour" { &mut platform.vcpu } else { &mut platform.memory };
                *rate = given(money);
            }
        }
    }

    fn reservation(
        &self,
        name: &str,
        view: &View,
        problems: &mut Vec<Problem>,
    ) -> Option<Commitment> {
        let instance_type: String = view.get("instance_type");
        if self.catalogue.instance_type(&instance_type).is_none() {
            problems.push(self.unknown_type(&instance_type, view, Some("instance_type")));
            return None;
        }
        let class = match view.get::<String>("offering_class").as_str() {
            "convertible" => OfferingClass::Convertible,
            _ => OfferingClass::Standard,
        };
        let rate = match view.find::<Money>("price") {
            Some(money) => {
                problems.extend(view.child("price").and_then(|it| free_problem(&it, money)));
                given(money)
            }
            None => match self.instance_rate(&instance_type, class, term(view)) {
                Some(rate) => rate,
                None => {
                    let message = format!(
                        "no on-demand price is known for `{instance_type}` in `{}`, and so none \
                         of a reservation",
                        self.region
                    );
                    let hint = "write its `price`, in US dollars per hour";
                    problems.push(view.error("instance_type", message).hint(hint));
                    return None;
                }
            },
        };
        let is_it = |class: &InstanceClass| {
            class.launch_type == InstanceLaunchType::Ec2
                && class.instance_type == instance_type
                && class.os_family.os() == Os::Linux
        };
        let classes = self.model.classes.iter();
        let classes = classes.map(|(_, class)| is_it(class).then(|| rate.clone())).collect();
        let rates = CommittedRates { classes, fargate: Vec::new() };
        if rates.classes.iter().all(|(_, rate)| rate.is_none()) {
            let message = format!("there is no `{instance_type}` with Linux in this scenario");
            let hint = "a reservation covers instances of its own type, on demand, with Linux; it \
                        is paid for all the same";
            let code = Code::ReservationCoversNothing;
            problems.push(view.warning(code, "instance_type", message).hint(hint));
        }
        let count: u64 = view.get("count");
        let per_hour = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(rate.nanos);
        let per_hour = HourlyRate::nanos_per_hour(per_hour);
        Some(Commitment { name: name.into(), kind: CommitmentKind::Reservation, per_hour, rates })
    }

    fn unknown_type(&self, name: &str, view: &View, key: Option<&str>) -> Problem {
        let message = format!("`{name}` is not in the catalogue of instance types");
        let problem = match key {
            Some(key) => view.error(key, message),
            None => view.error_here(message),
        };
        let nearest = self.catalogue.nearest_instance_types(name).join(", ");
        problem.hint(format!("did you mean {nearest}?"))
    }

    /// Returns the rates of a plan, for all classes or those of a family.
    ///
    /// Assumption: EC2 Instance Savings Plans cost as standard Reserved Instances, Compute Savings
    /// Plans as convertible ones (unconfirmed); a Windows licence is paid in full.
    fn rates(
        &self,
        (kind, of_family): (CommitmentKind, Option<&str>),
        term: Term,
    ) -> CommittedRates {
        let class = match kind {
            CommitmentKind::ComputePlan => OfferingClass::Convertible,
            CommitmentKind::Ec2InstancePlan | CommitmentKind::Reservation => {
                OfferingClass::Standard
            }
        };
        let of_class = |it: &InstanceClass| {
            let is_covered = it.launch_type == InstanceLaunchType::Ec2
                && of_family.is_none_or(|of_family| of_family == family(&it.instance_type));
            let rate = self.instance_rate(&it.instance_type, class, term).filter(|_| is_covered)?;
            let list = |os| self.catalogue.on_demand(self.region, &it.instance_type, os).ok();
            let nanos = |priced: Priced| priced.rate.as_nanos_per_hour();
            let licence = nanos(list(it.os_family.os())?) - nanos(list(Os::Linux)?);
            let mut note = format!("as {} Reserved Instances", class.label());
            if !rate.note.is_empty() {
                note += &format!("; {}", rate.note);
            }
            Some(Rate { nanos: rate.nanos + licence, assumed: true, note, ..rate })
        };
        let is_compute = kind == CommitmentKind::ComputePlan;
        let fargate = self.fargate.iter().filter(|it| is_compute && !it.spot);
        CommittedRates {
            classes: self.model.classes.iter().map(|(_, it)| of_class(it)).collect(),
            fargate: fargate.map(|it| self.fargate_rates(it, term)).collect(),
        }
    }

    fn fargate_rates(&self, list: &FargateRates, term: Term) -> CommittedFargate {
        let licence = match list.os {
            Os::Linux => 0,
            Os::Windows => WINDOWS_NANOS_PER_VCPU_HOUR.min(list.vcpu.nanos),
        };
        let share = self.discount("fargate", term);
        let less = |rate: &Rate, licence: i64| {
            let nanos = less(rate.nanos - licence, share) + licence;
            Rate { nanos, assumed: true, note: discount_note(share), ..rate.clone() }
        };
        CommittedFargate {
            os: list.os,
            architecture: list.architecture,
            vcpu: less(&list.vcpu, licence),
            memory: less(&list.memory, 0),
        }
    }

    /// Returns what a reserved instance costs per hour, with Linux.
    fn instance_rate(&self, name: &str, class: OfferingClass, term: Term) -> Option<Rate> {
        if let Some(priced) = self.catalogue.reserved(self.region, name, class, term) {
            return Some(rate(&priced));
        }
        let list = self.catalogue.on_demand(self.region, name, Os::Linux).ok()?.rate;
        let share = self.discount(class.label(), term);
        let rate = HourlyRate::nanos_per_hour(less(list.as_nanos_per_hour(), share));
        let (evidence, note) = (Evidence::Assumed, discount_note(share));
        Some(super::prices::rate(&Priced { rate, evidence, note }))
    }

    /// Returns the discount that stands for prices that are not known.
    fn discount(&self, of: &str, term: Term) -> f64 {
        let discounts = self.root.table("prices").table("commitment_discount");
        discounts.get::<Share>(&format!("{of}_{}y", years(term))).0
    }
}

fn commitment_problem(view: &View, nanos: i128) -> Option<Problem> {
    let hint = "plans are sold from $0.001 to $1,000,000 per hour, in steps of $0.00001";
    let fact = if nanos < LEAST {
        "is less than a Savings Plan can commit to"
    } else if nanos % STEP != 0 {
        "has more than five digits after the decimal point"
    } else {
        return None;
    };
    let amount = Money::nanos(nanos);
    let message = match nanos % STEP {
        0 => format!("{amount} per hour {fact}"),
        _ => format!("`commitment` {fact}"),
    };
    Some(view.error("commitment", message).hint(hint))
}

/// Complains about a rate of nothing: an hour would cover whatever there is.
fn free_problem(view: &View, money: Money) -> Option<Problem> {
    let hint = "spread what is paid upfront over the hours of the term: $876 for a year of 8,760 h \
                are $0.10";
    let problem = || view.error_here("$0 per hour is no price of a commitment").hint(hint);
    (money <= Money::ZERO).then(problem)
}

fn term(view: &View) -> Term {
    match view.get::<String>("term").as_str() {
        "3 y" => Term::ThreeYears,
        _ => Term::OneYear,
    }
}

fn years(term: Term) -> u32 {
    match term {
        Term::OneYear => 1,
        Term::ThreeYears => 3,
    }
}

fn family(instance_type: &str) -> &str {
    instance_type.split('.').next().unwrap_or(instance_type)
}

/// Takes a share off a price, rounded to the nano-dollar.
fn less(nanos: i64, share: f64) -> i64 {
    let millionths = ((1.0 - share).clamp(0.0, 1.0) * 1e6).round() as u32;
    HourlyRate::nanos_per_hour(nanos).millionths(millionths).as_nanos_per_hour()
}

fn discount_note(share: f64) -> String {
    let percent = format!("{:.2}", share * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.').to_string();
    format!("{percent} % off, by `prices.commitment_discount`")
}

fn hourly(money: Money) -> HourlyRate {
    HourlyRate::nanos_per_hour(i64::try_from(money.as_nanos()).unwrap_or(i64::MAX))
}

fn given(money: Money) -> Rate {
    rate(&Priced::given(hourly(money)))
}
