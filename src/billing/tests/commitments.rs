//! Commitments by AWS's worked examples, by laws, and by a slow twin.

use super::*;
use crate::ecs::model::FargateSize;
use crate::engine::Table;

const HOUR: u128 = Span::HOUR.as_micros() as u128;

fn rates(model: &Model, instances: &[Option<f64>], fargate: Option<(f64, f64)>) -> CommittedRates {
    let rate = |class: Ix<_>| instances.get(class.index()).copied().flatten().map(dollars);
    let platform = |(vcpu, memory)| CommittedFargate {
        os: Os::Linux,
        architecture: Architecture::X86_64,
        vcpu: dollars(vcpu),
        memory: dollars(memory),
    };
    CommittedRates {
        classes: model.classes.indices().map(rate).collect(),
        fargate: fargate.into_iter().map(platform).collect(),
    }
}

fn commitment(kind: CommitmentKind, per_hour: f64, rates: CommittedRates) -> Commitment {
    let per_hour = HourlyRate::from_dollars_f64(per_hour);
    Commitment { name: "plan".into(), kind, per_hour, rates }
}

/// Usage of one hour: instances of each class, and a task of Fargate.
fn an_hour(instances: &[u64], fargate: (u32, u32)) -> Usage {
    let size =
        FargateSize { cpu_units: fargate.0, memory_mib: fargate.1, ephemeral_storage_gib: 20 };
    let key = FargateKey {
        payer: Payer::Service(Ix::new(0)),
        spot: false,
        os: Os::Linux,
        architecture: Architecture::X86_64,
        size,
        zone: Ix::new(0),
    };
    let of_class = |(class, count): (usize, &u64)| HourlyUsage {
        what: Coverable::Instances(Ix::new(class)),
        unit_micros: vec![u128::from(*count) * HOUR],
    };
    let mut hourly: Vec<HourlyUsage> = instances.iter().enumerate().map(of_class).collect();
    let platform = (Os::Linux, Architecture::X86_64);
    for (what, units) in [
        (Coverable::FargateCpu(platform.0, platform.1), fargate.0),
        (Coverable::FargateMemory(platform.0, platform.1), fargate.1),
    ] {
        hourly.push(HourlyUsage { what, unit_micros: vec![u128::from(units) * HOUR] });
    }
    let used = |count: &u64| InstanceUsage {
        count: *count,
        billed_micros: u128::from(*count) * HOUR,
        ..InstanceUsage::default()
    };
    Usage {
        span: Span::HOUR,
        fargate: vec![FargateUsage { key, tasks: 1, billed_micros: HOUR }],
        task_addresses: Vec::new(),
        instances: instances.iter().map(used).collect(),
        hourly,
    }
}

/// AWS's hour: 4 r5.4xlarge, an m5.24xlarge, duration and requests of Lambda (which stand here as
/// instances of their own), 400 vCPU and 1,600 GB of Fargate.
fn aws_hour() -> (Model, PriceBook, Usage) {
    let mut fixture = Fixture::new(1);
    for name in ["r5", "m5", "lambda", "requests"] {
        fixture.fleet(name, 1, (4096, 16_384));
    }
    let definition = fixture.definition("web", 256, 512);
    fixture.service("web", definition, 1);
    let model = fixture.model;
    let mut book = book(&model);
    let list = [1.0, 10.0, 22.5, 0.2];
    for (class, price) in model.classes.indices().zip(list) {
        book.classes[class].instance = dollars(price);
        book.classes[class].root_volume_gib = 0;
    }
    book.fargate[0].vcpu = dollars(0.04);
    book.fargate[0].memory = dollars(0.004);
    (model, book, an_hour(&[4, 1, 1, 1], (400 * 1024, 1600 * 1024)))
}

#[test]
fn the_scenarios_of_the_savings_plans_user_guide_come_out() {
    use CommitmentKind::{ComputePlan, Ec2InstancePlan, Reservation};
    let (model, list, usage) = aws_hour();
    let all = [Some(0.7), Some(8.2), Some(19.125), Some(0.2)];
    let compute =
        |per_hour| commitment(ComputePlan, per_hour, rates(&model, &all, Some((0.03, 0.003))));
    let family = commitment(Ec2InstancePlan, 3.0, rates(&model, &[Some(0.6)], None));
    let reserved = commitment(Reservation, 2.0 * 0.5, rates(&model, &[Some(0.5)], None));
    let check = |commitments: Vec<Commitment>, on_demand: &str, unused: &str| {
        let book = PriceBook { commitments, ..list.clone() };
        let bill = price(&usage, &book, &model).unwrap();
        let fees: Money = bill.commitments.iter().map(|it| it.fee).sum();
        assert_eq!((bill.total() - fees).rounded_to_cents().to_string(), on_demand);
        let sum: Money = bill.commitments.iter().map(|it| it.unused).sum();
        assert_eq!(sum.to_string(), unused);
        let holders: Money = bill.by_holder().into_iter().map(|(_, amount)| amount).sum();
        assert_eq!(holders, bill.total());
    };
    check(Vec::new(), "$59.10", "$0.00");
    // Scenario 1: everything for $47.125 of $50.
    check(vec![compute(50.0)], "$0.00", "$2.88");
    // Scenario 2: 2 / 0.70 = 2.857 of the r5, which are saved most on; the rest is $1.14 + $55.10.
    check(vec![compute(2.0)], "$56.24", "$0.00");
    // Scenario 3: $2.80 for the r5, $4.80 for memory, $12.00 for vCPU.
    check(vec![compute(19.6)], "$32.70", "$0.00");
    // Of two with equal savings the lower rate is first: memory, before any vCPU.
    check(vec![compute(7.6)], "$48.70", "$0.00");
    // Scenario 4: reservations first, whatever the order in the book; then $1.40 + $4.80 + $12.00.
    check(vec![compute(18.2), reserved], "$32.70", "$0.00");
    // Scenario 5: $2.40 of the plan for the family, and then $4.80 + $12.00.
    check(vec![compute(16.8), family], "$32.70", "$0.60");
}

#[test]
fn a_bill_shows_what_is_covered_at_both_prices_and_what_is_unused() {
    let (model, list, usage) = aws_hour();
    let plan = rates(&model, &[Some(0.7)], Some((0.03, 0.003)));
    let commitments = vec![commitment(CommitmentKind::ComputePlan, 20.0, plan)];
    let bill = price(&usage, &PriceBook { commitments, ..list }, &model).unwrap();
    let told: Vec<String> = bill
        .lines
        .iter()
        .map(|line| {
            let (category, unit) = (line.category.name(), &line.unit);
            format!("{category} {:.2} {unit} {}", line.quantity, line.amount)
        })
        .collect();
    let expected = [
        "EC2 on demand 4.00 instance-hour $4.00",
        "EC2 on demand -4.00 instance-hour -$4.00",
        "Savings Plans 4.00 instance-hour $2.80",
        "EC2 on demand 1.00 instance-hour $10.00",
        "EC2 on demand 1.00 instance-hour $22.50",
        "EC2 on demand 1.00 instance-hour $0.20",
        "Fargate 400.00 vCPU-hour $16.00",
        "Fargate 1600.00 GB-hour $6.40",
        "Fargate -400.00 vCPU-hour -$16.00",
        "Savings Plans 400.00 vCPU-hour $12.00",
        "Fargate -1600.00 GB-hour -$6.40",
        "Savings Plans 1600.00 GB-hour $4.80",
        "Savings Plans 0.02 unused hour $0.40",
    ];
    assert_eq!(told, expected);
    let web = bill.by_holder().into_iter().find(|(it, _)| it.name(&model) == "web").unwrap();
    assert_eq!(web.1.to_string(), "$16.80", "whose tasks are covered pays the plan's rate");
}

/// A day and a bit of everything that comes and goes, and what it could be had for.
fn day(seed: u64) -> (Model, PriceBook, Usage) {
    let mut fixture = mixture();
    fixture.model.duration = Span::secs(95_000);
    let rows: Vec<_> =
        (0..60).map(|n| (n * n * 25, 2 + n as u32 % 5, 600 + 977 * n % 9000)).collect();
    fargate_job(&mut fixture, "waves", (2048, 4096, 20), &rows);
    let (sim, usage) = metered(fixture, 95_000, seed);
    let model = Model::clone(sim.model());
    let book = book(&model);
    (model, book, usage)
}

fn plan(model: &Model) -> CommittedRates {
    rates(model, &[Some(0.0655), Some(0.07)], Some((0.0323, 0.00358)))
}

#[test]
fn what_is_metered_by_the_hour_is_what_is_billed() {
    let (_, _, usage) = day(1);
    let mut fargate = [0, 0];
    for line in usage.fargate.iter().filter(|line| !line.key.spot) {
        fargate[0] += u128::from(line.key.size.cpu_units) * line.billed_micros;
        fargate[1] += u128::from(line.key.size.memory_mib) * line.billed_micros;
    }
    assert!(usage.fargate.iter().any(|line| line.key.spot), "nothing tests Spot");
    for hourly in &usage.hourly {
        let billed = match hourly.what {
            Coverable::Instances(class) => usage.instances[class].billed_micros,
            Coverable::FargateCpu(..) => fargate[0],
            Coverable::FargateMemory(..) => fargate[1],
        };
        assert_eq!(hourly.unit_micros.iter().sum::<u128>(), billed, "{:?}", hourly.what);
        assert_eq!(hourly.unit_micros.len(), 27);
    }
    assert_eq!(usage.hourly.len(), 4, "instances in two zones, vCPU and memory");
}

#[test]
fn the_laws_of_commitments_hold_at_any_commitment() {
    for seed in 1..4 {
        let (model, list, usage) = day(seed);
        let on_demand = price(&usage, &list, &model).unwrap();
        let spot = |bill: &Bill| {
            let sums = bill.by_category().into_iter();
            sums.filter(|(category, _)| *category == Category::FargateSpot).collect::<Vec<_>>()
        };
        let mut costs = Vec::new();
        for cents in (0..200).step_by(5) {
            let per_hour = f64::from(cents) / 100.0;
            let plan = commitment(CommitmentKind::ComputePlan, per_hour, plan(&model));
            let book = PriceBook { commitments: vec![plan], ..list.clone() };
            let bill = price(&usage, &book, &model).unwrap();
            let it = &bill.commitments[0];
            // Paid is what was promised, and on the bill once: used at its rates, or unused.
            let hours = usage.span.as_micros() as f64 / HOUR as f64;
            assert!((it.fee.as_dollars_f64() - per_hour * hours).abs() < 1e-9);
            let lines = bill.lines.iter().filter(|it| it.category == Category::SavingsPlans);
            assert_eq!(lines.map(|line| line.amount).sum::<Money>(), it.fee);
            assert_eq!(bill.total(), on_demand.total() - it.covered + it.fee);
            assert_eq!(spot(&bill), spot(&on_demand), "Spot is never covered");
            for (category, sum) in bill.by_category() {
                assert!(sum >= Money::ZERO, "{category:?} {sum}");
            }
            let holders: Money = bill.by_holder().into_iter().map(|(_, amount)| amount).sum();
            assert_eq!(holders, bill.total());
            assert_eq!(bill.ec2.reserved + bill.ec2.free + bill.ec2.stranded, bill.ec2.total);
            costs.push(bill.total().as_nanos());
        }
        assert_eq!(costs[0], on_demand.total().as_nanos(), "to the nano-dollar");
        for three in costs.windows(3) {
            assert!(three[0] + three[2] - 2 * three[1] >= -4, "not convex: {three:?}");
        }
    }
}

#[test]
fn a_curve_says_what_a_bill_would_say() {
    let (model, list, usage) = day(1);
    let offer = |kind, rates| Offer { kind, instance_family: None, years: 1, rates };
    let family = rates(&model, &[Some(0.0605)], None);
    // A curve is about one plan more, beside what is there already.
    let beside = commitment(CommitmentKind::Ec2InstancePlan, 0.1, family);
    for beside in [Vec::new(), vec![beside]] {
        let offers = vec![offer(CommitmentKind::ComputePlan, plan(&model))];
        let book = PriceBook { commitments: beside.clone(), offers, ..list.clone() };
        let bill = price(&usage, &book, &model).unwrap();
        let curve = &bill.curves[0];
        assert_eq!(curve.points[0].cost, bill.total());
        assert!(curve.points.len() > 50 && curve.points.contains(&curve.least));
        for point in &curve.points {
            let mut commitments = beside.clone();
            let per_hour = point.per_hour.as_dollars_f64();
            commitments.push(commitment(CommitmentKind::ComputePlan, per_hour, plan(&model)));
            let book = PriceBook { commitments, ..list.clone() };
            let bill = price(&usage, &book, &model).unwrap();
            assert_eq!(bill.total(), point.cost, "{per_hour}");
            let of_plan = bill.commitments.last().unwrap();
            assert_eq!((of_plan.fee, of_plan.unused), (point.fee, point.unused));
            assert_eq!(of_plan.covered, point.covered);
            assert!(point.cost >= curve.least.cost);
        }
        let last = curve.points.last().unwrap();
        assert!(last.unused > Money::ZERO && last.cost > curve.least.cost);
    }
}

/// The bill less what commitments do not touch, hour by hour, in floating point.
fn slow_cost(usage: &Usage, list: &PriceBook, rates: &CommittedRates, per_hour: f64) -> f64 {
    let span = usage.span.as_micros() as f64;
    let mut cost = 0.0;
    for hour in 0..usage.hourly[0].unit_micros.len() {
        let length = (span - hour as f64 * HOUR as f64).min(HOUR as f64) / HOUR as f64;
        let mut rows: Vec<(f64, f64)> = Vec::new();
        for it in &usage.hourly {
            let (list, unit) = match it.what {
                Coverable::Instances(class) => (list.classes[class].instance.nanos, 1.0),
                Coverable::FargateCpu(..) => (list.fargate[0].vcpu.nanos, 1024.0),
                Coverable::FargateMemory(..) => (list.fargate[0].memory.nanos, 1024.0),
            };
            let amount = it.unit_micros[hour] as f64 / HOUR as f64 / unit / 1e9;
            let rate = rates.of(it.what).unwrap().nanos as f64;
            rows.push((amount * list as f64, amount * rate));
        }
        rows.sort_by(|a, b| (a.1 * b.0).total_cmp(&(b.1 * a.0)));
        let mut budget = per_hour * length;
        cost += budget;
        for (list, committed) in rows.into_iter().filter(|row| row.0 > 0.0) {
            let covered = (budget / committed).min(1.0);
            budget -= covered * committed;
            cost += list * (1.0 - covered);
        }
    }
    cost
}

#[test]
fn the_least_bill_is_that_of_the_best_of_all_commitments_tried_one_by_one() {
    for seed in 1..4 {
        let (model, list, usage) = day(seed);
        let of_plan = plan(&model);
        let (kind, years) = (CommitmentKind::ComputePlan, 1);
        let offer = Offer { kind, instance_family: None, years, rates: of_plan.clone() };
        let book = PriceBook { offers: vec![offer], ..list.clone() };
        let bill = price(&usage, &book, &model).unwrap();
        let least = bill.curves[0].least;
        // Every commitment that AWS sells, in steps of $0.00001.
        let steps = bill.curves[0].points.last().unwrap().per_hour.as_nanos_per_hour() / 10_000;
        let cost = |step: i64| slow_cost(&usage, &list, &of_plan, step as f64 * 1e-5);
        let best = (0..=steps).filter(|step| step % 7 == 0 || *step > steps - 9);
        let best = best.map(cost).fold(f64::INFINITY, f64::min);
        let found = least.per_hour.as_nanos_per_hour() / 10_000;
        let others = bill.total().as_dollars_f64() - cost(0);
        assert!((least.cost.as_dollars_f64() - others - cost(found)).abs() < 1e-7);
        assert!(cost(found) <= best + 1e-9, "{} is not the least: {best}", cost(found));
        // Neither one step less nor one more is better.
        assert!(cost(found) <= cost(found - 1) && cost(found) <= cost(found + 1));
        assert!(found > 100 && found < steps, "{found} of {steps} tests nothing");
        assert!(least.cost < bill.total());
    }
}

#[test]
fn what_saves_nothing_is_not_committed_to() {
    let (model, list, usage) = day(1);
    let check = |rates: CommittedRates, curves: usize| {
        let offer =
            Offer { kind: CommitmentKind::ComputePlan, instance_family: None, years: 3, rates };
        let book = PriceBook { offers: vec![offer], ..list.clone() };
        let bill = price(&usage, &book, &model).unwrap();
        assert_eq!(bill.curves.len(), curves);
        for curve in &bill.curves {
            assert_eq!((curve.least.per_hour, curve.least.cost), (HourlyRate::ZERO, bill.total()));
        }
    };
    let nothing = CommittedRates { classes: Table::new(), fargate: Vec::new() };
    check(nothing, 0);
    check(rates(&model, &[Some(0.096)], None), 1);
    check(rates(&model, &[Some(0.2)], None), 1);
}
