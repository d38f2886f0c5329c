//! The tables against themselves, against AWS's examples, and against the files they come from.

use std::collections::BTreeSet;

use super::*;
use crate::units::{Money, Span};

fn instance_type(name: &str) -> &'static InstanceType {
    Catalogue::builtin().instance_type(name).unwrap_or_else(|| panic!("no type {name}"))
}

fn linux(architecture: Architecture, spot: bool) -> FargateOffer {
    FargateOffer { os: Os::Linux, architecture, spot }
}

fn windows() -> FargateOffer {
    FargateOffer { os: Os::Windows, architecture: Architecture::X86_64, spot: false }
}

fn dollars(dollars: f64) -> HourlyRate {
    HourlyRate::from_dollars_f64(dollars)
}

#[test]
fn every_type_has_a_price_and_none_is_free() {
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.instance_types().count(), 1370);
    let regions: BTreeSet<&str> = catalogue.ec2_regions().collect();
    assert_eq!(
        regions.into_iter().collect::<Vec<_>>(),
        [
            "ap-northeast-1",
            "ap-southeast-1",
            "eu-central-1",
            "eu-west-1",
            "us-east-1",
            "us-east-2",
            "us-west-2"
        ]
    );
    let mut priced: BTreeSet<&str> = BTreeSet::new();
    let mut prices = 0;
    for region in catalogue.ec2_regions() {
        for found in catalogue.search(region, &Filter::default()).expect("a region with prices") {
            assert!(found.price.rate > HourlyRate::ZERO, "{} is free", found.instance_type.name);
            priced.insert(&found.instance_type.name);
            prices += 1;
        }
    }
    assert_eq!(priced.len(), 1370);
    assert_eq!(prices, 7347);
}

#[test]
fn no_instance_registers_more_than_it_has_and_none_loses_a_fifth() {
    for t in Catalogue::builtin().instance_types() {
        let registered = t.registered_memory(Os::Linux).mib;
        assert!(registered < t.memory_mib, "{}: {registered} MiB", t.name);
        assert!(registered * 10 > t.memory_mib * 8, "{}: {registered} MiB", t.name);
    }
}

#[test]
fn the_nitro_rule_meets_the_twelve_published_figures_within_a_tenth_of_a_percent() {
    let published: Vec<&InstanceType> = Catalogue::builtin()
        .instance_types()
        .filter(|t| matches!(t.family(), "m5" | "c5") && t.registered.is_some())
        .collect();
    assert_eq!(published.len(), 12);
    for t in published {
        let measured = t.registered_memory(Os::Linux);
        assert_eq!(measured.evidence, Evidence::Measured);
        let unpublished = InstanceType { registered: None, ..t.clone() };
        let by_rule = unpublished.registered_memory(Os::Linux);
        assert_eq!(by_rule.evidence, Evidence::Derived);
        let error = (f64::from(by_rule.mib) / f64::from(measured.mib) - 1.0).abs();
        assert!(error < 0.001, "{}: {} MiB, published {}", t.name, by_rule.mib, measured.mib);
    }
}

#[test]
fn registered_memory_follows_its_rules() {
    let check = |name: &str, mib: u32, evidence: Evidence| {
        let registered = instance_type(name).registered_memory(Os::Linux);
        assert_eq!((registered.mib, registered.evidence), (mib, evidence), "{name}");
    };
    check("m5.large", 7680, Evidence::Measured);
    check("m4.large", 7985, Evidence::Documented);
    check("m6i.large", 7680, Evidence::Derived); // 8192 - (213 + 238.4 + 60.6)
    check("m7g.4xlarge", 62_931, Evidence::Derived); // 65536 - (213 + 1907.1 + 484.8)
    check("t3.micro", 963, Evidence::Derived); // 94 % of 1024
    check("t2.nano", 481, Evidence::Derived); // 94 % of 512: small T before Xen
    check("t2.2xlarge", 32_113, Evidence::Derived); // 98 % of 32768
    check("c4.xlarge", 7526, Evidence::Derived); // 98 % of 7680
    check("t3.large", 7813, Evidence::Assumed); // 8192 - (150 + 229.4)
    check("m6g.medium", 3831, Evidence::Assumed); // 4096 - (150 + 114.7)
    check("m5.metal", 385_352, Evidence::Assumed); // 98 % of 393216
}

#[test]
fn windows_registers_all_but_a_mebibyte() {
    let check = |name: &str, mib: u32, evidence: Evidence| {
        let registered = instance_type(name).registered_memory(Os::Windows);
        assert_eq!((registered.mib, registered.evidence), (mib, evidence), "{name}");
    };
    check("m4.large", 8191, Evidence::Documented);
    check("m5.large", 8191, Evidence::Assumed);
}

#[test]
fn s_e36_a_task_of_8192_mib_does_not_fit_an_m4_large() {
    assert!(instance_type("m4.large").registered_memory(Os::Linux).mib < 8192);
}

#[test]
fn s_e41_awsvpc_tasks_without_and_with_trunking() {
    let check = |name: &str, without: u32, with: Option<u32>| {
        let t = instance_type(name);
        assert_eq!(t.awsvpc_tasks(false), without, "{name}");
        assert_eq!(t.awsvpc_tasks_trunked, with, "{name}");
        assert_eq!(t.awsvpc_tasks(true), with.unwrap_or(without), "{name}");
    };
    check("c5.large", 2, Some(10));
    check("m5.xlarge", 3, Some(20));
    check("m5.16xlarge", 14, Some(120));
    check("m6g.medium", 1, Some(4));
    check("t3.micro", 1, None);
    check("t3.medium", 2, None);
    check("t3.2xlarge", 3, None);
    check("m5.metal", 14, None);
}

#[test]
fn no_burstable_type_supports_trunking() {
    let burstable = Catalogue::builtin().instance_types().filter(|t| t.burstable);
    let trunking: Vec<_> = burstable.filter(|t| t.awsvpc_tasks_trunked.is_some()).collect();
    assert!(trunking.is_empty(), "{trunking:?}");
}

#[test]
fn on_demand_prices_are_those_of_the_price_list() {
    let check = |region: &str, name: &str, os: Os, expected: f64, evidence: Evidence| {
        let price = Catalogue::builtin().on_demand(region, name, os).expect("a price");
        assert_eq!((price.rate, price.evidence), (dollars(expected), evidence), "{name} {region}");
    };
    check("us-east-1", "m5.large", Os::Linux, 0.096, Evidence::Documented);
    check("eu-west-1", "m5.large", Os::Linux, 0.107, Evidence::Documented);
    check("us-east-1", "p4d.24xlarge", Os::Linux, 21.957_642, Evidence::Documented);
    // AWS lists $0.188 for m5.large with Windows: 0.096 + 2 × 0.046.
    check("us-east-1", "m5.large", Os::Windows, 0.188, Evidence::Assumed);
}

#[test]
fn a_missing_price_names_the_nearest() {
    let check = |region: &str, name: &str, os: Os, fact: &str, hint: &str| {
        let missing = Catalogue::builtin().on_demand(region, name, os).expect_err("no price");
        assert_eq!((missing.to_string().as_str(), missing.hint().as_str()), (fact, hint));
    };
    check(
        "eu-west-2",
        "m5.large",
        Os::Linux,
        "no EC2 price is known for region `eu-west-2`",
        "the nearest regions with EC2 prices are `eu-west-1`, `eu-central-1`, `us-west-2`",
    );
    check(
        "us-east-1",
        "m5.lrage",
        Os::Linux,
        "no price is known for instance type `m5.lrage`",
        "the nearest types with a price are `m5.large`, `m5.xlarge`, `m5.2xlarge`",
    );
    check(
        "eu-west-1",
        "m9g.large",
        Os::Linux,
        "no price is known for instance type `m9g.large` in region `eu-west-1`",
        "it has one in `us-east-1`; the nearest types with a price in eu-west-1 are \
         `m6g.large`, `m7g.large`, `m8g.large`",
    );
    check(
        "us-east-1",
        "m7g.large",
        Os::Windows,
        "instance type `m7g.large` is arm64, which has no Windows",
        "the nearest x86_64 types are `m7a.large`, `m7i.large`, `m7a.xlarge`",
    );
}

#[test]
fn fargate_has_exactly_the_documented_sizes() {
    const GB: u32 = 1024;
    // RegisterTaskDefinition, "cpu" and "memory", and the sizes of 32 vCPU added in 2026.
    let mut documented = vec![(256, 512), (256, 1024), (256, 2048)];
    let mut steps = |cpu: u32, from: u32, to: u32, step: u32| {
        documented.extend((from..=to).step_by(step as usize).map(|gb| (cpu, gb * GB)));
    };
    steps(512, 1, 4, 1);
    steps(1024, 2, 8, 1);
    steps(2048, 4, 16, 1);
    steps(4096, 8, 30, 1);
    steps(8192, 16, 60, 4);
    steps(16_384, 32, 120, 8);
    documented.extend([60, 120, 244].map(|gb| (32_768, gb * GB)));
    let sizes = Catalogue::builtin().fargate_sizes();
    let ours: Vec<(u32, u32)> = sizes.iter().map(|s| (s.cpu_units, s.memory_mib)).collect();
    assert_eq!(ours, documented);
    for size in sizes {
        assert_eq!(size.windows, (1024..=4096).contains(&size.cpu_units), "{size}");
        assert_eq!(size.needs_platform_1_4_0(), size.cpu_units > 4096, "{size}");
    }
}

#[test]
fn a_size_fargate_does_not_have_is_explained() {
    let check = |cpu_units: u32, memory_mib: u32, os: Os, fact: &str, hint: &str| {
        let wrong = Catalogue::builtin().fargate_size(cpu_units, memory_mib, os);
        let wrong = wrong.expect_err("no such size");
        assert_eq!((wrong.to_string().as_str(), wrong.hint().as_str()), (fact, hint));
    };
    check(
        512,
        5 * 1024,
        Os::Linux,
        "`5 GB` is not a Fargate memory size for 0.5 vCPU",
        "sizes for 0.5 vCPU are 1, 2, 3 and 4 GB; the next size up is 1 vCPU and 5 GB",
    );
    check(
        4096,
        31 * 1024,
        Os::Linux,
        "`31 GB` is not a Fargate memory size for 4 vCPU",
        "sizes for 4 vCPU are 8 to 30 in steps of 1 GB; the next size up is 8 vCPU and 32 GB",
    );
    check(
        300,
        512,
        Os::Linux,
        "`0.29296875 vCPU` is not a Fargate CPU size",
        "CPU sizes are 0.25, 0.5, 1, 2, 4, 8, 16 and 32 vCPU; \
         the next size up is 0.5 vCPU and 1 GB",
    );
    check(
        512,
        1024,
        Os::Windows,
        "`0.5 vCPU` is not a Fargate CPU size for Windows",
        "CPU sizes are 1, 2 and 4 vCPU; the next size up is 1 vCPU and 2 GB",
    );
    check(
        32_768,
        300 * 1024,
        Os::Linux,
        "`300 GB` is not a Fargate memory size for 32 vCPU",
        "sizes for 32 vCPU are 60, 120 and 244 GB; no size has as much as that",
    );
}

#[test]
fn the_smallest_fargate_size_is_also_the_cheapest_that_is_enough() {
    let catalogue = Catalogue::builtin();
    let offer = linux(Architecture::X86_64, false);
    let price = catalogue.fargate_price("us-east-1", offer).expect("a price");
    let cost = |size: &FargateSize| -> Money {
        let hour = u128::from(Span::HOUR.as_micros());
        price.vcpu_hour.rate.price(hour * u128::from(size.cpu_units), 1024)
            + price.gb_hour.rate.price(hour * u128::from(size.memory_mib), 1024)
    };
    for cpu_units in [0, 1, 256, 257, 1000, 3000, 9000, 20_000, 40_000] {
        for memory_mib in [0, 1, 512, 1025, 5000, 30_000, 31_000, 100_000, 245_000, 300_000] {
            let enough = |s: &&FargateSize| s.cpu_units >= cpu_units && s.memory_mib >= memory_mib;
            let cheapest = catalogue.fargate_sizes().iter().filter(enough).min_by_key(|s| cost(s));
            let smallest = catalogue.smallest_fargate_size_for(cpu_units, memory_mib, Os::Linux);
            assert_eq!(smallest, cheapest.copied(), "{cpu_units} units, {memory_mib} MiB");
        }
    }
}

#[test]
fn fargate_prices_give_the_unit_prices_of_awss_two_billing_examples() {
    let offer = linux(Architecture::X86_64, false);
    let price = Catalogue::builtin().fargate_price("us-east-1", offer).expect("a price");
    // The price page quotes per second, rounded to the digits it prints.
    let check = |priced: &Priced, per_second: f64, digits: i32| {
        let ours = priced.rate.as_dollars_f64() / 3600.0;
        let scale = 10f64.powi(digits);
        assert_eq!((ours * scale).round(), (per_second * scale).round(), "{priced:?}");
        assert_eq!(priced.evidence, Evidence::Documented);
    };
    check(&price.vcpu_hour, 0.000_011_244, 9);
    check(&price.gb_hour, 0.000_001_235, 9);
    check(&price.ephemeral_gb_hour, 0.000_000_030_8, 10);
}

#[test]
fn derived_fargate_prices_follow_their_rules() {
    let catalogue = Catalogue::builtin();
    let mut derived = 0;
    for region in catalogue.fargate_regions() {
        let price = |offer| catalogue.fargate_price(region, offer).expect("a price");
        let x86 = price(linux(Architecture::X86_64, false));
        let nanos = |priced: &Priced| priced.rate.as_nanos_per_hour();
        let win = price(windows());
        // 1.15 × Linux, and the licence of $0.046 per vCPU.
        assert_eq!(nanos(&win.vcpu_hour) * 100, nanos(&x86.vcpu_hour) * 115 + 4_600_000_000);
        assert_eq!(nanos(&win.gb_hour) * 100, nanos(&x86.gb_hour) * 115);
        assert!(win.vcpu_hour.note.ends_with("licence included"));
        let arm = price(linux(Architecture::Arm64, false));
        if arm.vcpu_hour.evidence == Evidence::Derived {
            derived += 1;
            // 0.8 × x86_64, rounded to five places.
            let off = (nanos(&arm.vcpu_hour) * 10 - nanos(&x86.vcpu_hour) * 8).abs();
            assert!(off <= 50_000, "{region}: {off}");
        }
        let spot = price(linux(Architecture::Arm64, true));
        if spot.vcpu_hour.evidence == Evidence::Derived {
            assert_eq!(nanos(&spot.vcpu_hour) * 10, nanos(&arm.vcpu_hour) * 3, "{region}");
        }
    }
    assert_eq!(catalogue.fargate_regions().count(), 16);
    assert_eq!(derived, 8);
}

#[test]
fn fargate_sells_no_spot_for_windows_and_no_windows_on_arm() {
    let catalogue = Catalogue::builtin();
    let spot = FargateOffer { spot: true, ..windows() };
    let missing = catalogue.fargate_price("us-east-1", spot).expect_err("not sold");
    assert_eq!(
        missing.to_string(),
        "no Fargate price is known for Windows on x86_64 on Spot in region `us-east-1`"
    );
    assert!(missing.hint().contains("Windows on x86_64 on demand"), "{}", missing.hint());
    let arm = FargateOffer { architecture: Architecture::Arm64, ..windows() };
    assert!(catalogue.fargate_price("us-east-1", arm).is_err());
    let missing = catalogue.fargate_price("eu-west-9", windows()).expect_err("no region");
    assert_eq!(
        missing.hint(),
        "the nearest regions with Fargate prices are `eu-west-1`, `eu-west-2`, `eu-west-3`"
    );
}

#[test]
fn every_charge_is_known_at_home_and_assumed_elsewhere() {
    let catalogue = Catalogue::builtin();
    for charge in Charge::ALL {
        let home = catalogue.charge(HOME_REGION, charge);
        assert!(home.nanos > 0, "{charge:?} is free");
        assert_ne!(home.evidence, Evidence::Assumed, "{charge:?}");
        assert_eq!(Charge::from_name(charge.name()), Some(charge));
        let elsewhere = catalogue.charge("eu-north-1", charge);
        assert_eq!(elsewhere.nanos, home.nanos, "{charge:?}");
        // AWS has one price of these for all Regions.
        let is_credit = charge.name().contains("unlimited_credit");
        if charge == Charge::PublicIpv4 || is_credit {
            assert_eq!(elsewhere.evidence, Evidence::Documented);
            continue;
        }
        assert_eq!(elsewhere.evidence, Evidence::Assumed, "{charge:?}");
        assert!(elsewhere.note.starts_with("the price of us-east-1"), "{charge:?}");
    }
    let names: BTreeSet<&str> = Charge::ALL.iter().map(|charge| charge.name()).collect();
    assert_eq!(names.len(), Charge::ALL.len());
}

#[test]
fn charges_have_their_prices_and_units() {
    let check = |region: &str, charge: Charge, nanos: i64, unit: &str, evidence: Evidence| {
        let price = Catalogue::builtin().charge(region, charge);
        assert_eq!((price.nanos, price.evidence), (nanos, evidence), "{charge:?} in {region}");
        assert_eq!(price.unit.to_string(), unit);
    };
    check("us-east-1", Charge::Gp3Storage, 80_000_000, "GB-month", Evidence::Documented);
    check("eu-west-1", Charge::Gp3Storage, 88_000_000, "GB-month", Evidence::Documented);
    check("eu-central-1", Charge::Gp3Storage, 95_200_000, "GB-month", Evidence::Documented);
    check("us-west-2", Charge::Gp3Storage, 80_000_000, "GB-month", Evidence::Assumed);
    check("us-east-1", Charge::PublicIpv4, 5_000_000, "address-hour", Evidence::Documented);
    check("sa-east-1", Charge::PublicIpv4, 5_000_000, "address-hour", Evidence::Documented);
    check("us-east-1", Charge::EcsAnywhereInstance, 10_250_000, "instance-hour", {
        Evidence::Documented
    });
    check("us-east-1", Charge::CrossZoneData, 10_000_000, "GB", Evidence::Documented);
    // c6a.2xlarge: $0.306 on demand, fee $0.037 (published to three places).
    let fee = Catalogue::builtin().charge("us-east-1", Charge::ManagedInstancesFee);
    let fee = fee.as_dollars_f64() * 0.306;
    assert!((fee - 0.037).abs() < 0.0005, "{fee}");
    assert_eq!(MONTH.as_hours_f64(), 730.0);
}

#[test]
fn quotas_are_those_of_a_new_account() {
    let check = |name: &str, value: u64, adjustable: bool| {
        let quota = Catalogue::builtin().quota(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!((quota.value, quota.adjustable), (value, adjustable), "{name}");
    };
    check("fargate_on_demand_vcpus", 6, true);
    check("provisioning_tasks_per_cluster", 500, false);
    check("tasks_per_run_task", 10, false);
    check("fargate_launch_burst", 100, true);
    check("fargate_launch_rate", 20, true);
    check("reserved_host_ports_per_instance", 100, false);
    let quotas = Catalogue::builtin().quotas();
    let names: BTreeSet<&str> = quotas.iter().map(|quota| quota.name.as_str()).collect();
    assert_eq!(names.len(), quotas.len());
}

#[test]
fn a_search_finds_what_a_plain_loop_finds_in_order_of_price() {
    let catalogue = Catalogue::builtin();
    let filter = Filter {
        family: Some("m".to_string()),
        cpu_units: 2 * 1024..=8 * 1024,
        memory_mib: 8192..=32_768,
        architecture: Some(Architecture::Arm64),
        awsvpc_tasks_min: 20,
        trunking: true,
        price_max: Some(dollars(0.3)),
        ..Filter::default()
    };
    let mut expected: Vec<(HourlyRate, &str)> = Vec::new();
    for t in catalogue.instance_types() {
        let Some(price) = catalogue.linux_price("eu-west-1", &t.name) else { continue };
        if t.name.starts_with('m')
            && (2..=8).contains(&t.vcpus)
            && (8192..=32_768).contains(&t.memory_mib)
            && t.architecture == Architecture::Arm64
            && t.awsvpc_tasks_trunked.is_some_and(|tasks| tasks >= 20)
            && price.rate <= dollars(0.3)
        {
            expected.push((price.rate, &t.name));
        }
    }
    expected.sort_unstable();
    let found = catalogue.search("eu-west-1", &filter).expect("a region with prices");
    let found: Vec<_> =
        found.iter().map(|f| (f.price.rate, f.instance_type.name.as_str())).collect();
    assert!(found.len() > 3, "{found:?}");
    assert_eq!(found, expected);
}

#[test]
fn a_family_is_exact_where_it_exists_and_a_beginning_otherwise() {
    let check = |family: &str, expected: &[&str]| {
        let filter = Filter { family: Some(family.to_string()), ..Filter::default() };
        let found = Catalogue::builtin().search("us-east-1", &filter).expect("a region");
        let families: BTreeSet<&str> = found.iter().map(|f| f.instance_type.family()).collect();
        assert_eq!(families.into_iter().collect::<Vec<_>>(), expected, "{family}");
    };
    check("m5", &["m5"]);
    check("m5*", &["m5", "m5a", "m5ad", "m5d", "m5dn", "m5n", "m5zn"]);
    check("t", &["t1", "t2", "t3", "t3a", "t4g", "trn1", "trn1n"]);
    check("nothing", &[]);
    assert!(Catalogue::builtin().search("mars-1", &Filter::default()).is_err());
}

#[test]
fn a_scenario_writes_over_its_own_copy_only() {
    let builtin = Catalogue::builtin();
    let mut ours = builtin.clone();
    let rate = dollars(0.05);
    ours.set_instance_type(InstanceType {
        name: "own.large".to_string(),
        ..instance_type("m5.large").clone()
    });
    assert!(matches!(
        ours.on_demand("eu-west-1", "own.large", Os::Linux),
        Err(NoPrice::InRegion { elsewhere, .. }) if elsewhere.is_empty()
    ));
    ours.set_on_demand("eu-south-1", "own.large", Os::Linux, rate);
    ours.set_on_demand("us-east-1", "m5.large", Os::Windows, rate);
    let price = ours.on_demand("eu-south-1", "own.large", Os::Linux);
    assert_eq!(price, Ok(Priced::given(rate)));
    let price = ours.on_demand("us-east-1", "m5.large", Os::Windows);
    assert_eq!(price, Ok(Priced::given(rate)));
    let price = ours.on_demand("us-east-1", "m5.large", Os::Linux).expect("untouched");
    assert_eq!(price.rate, dollars(0.096));

    ours.set_charge("eu-west-1", Charge::Alb, 1);
    assert_eq!(ours.charge("eu-west-1", Charge::Alb).evidence, Evidence::Given);
    assert_eq!(ours.charge("us-east-1", Charge::Alb).nanos, 22_500_000);

    let offer = linux(Architecture::Arm64, false);
    let mut price = ours.fargate_price("us-east-1", offer).expect("a price").clone();
    price.vcpu_hour = Priced::given(rate);
    ours.set_fargate_price("eu-south-1", offer, price.clone());
    assert_eq!(ours.fargate_price("eu-south-1", offer), Ok(&price));

    assert!(builtin.instance_type("own.large").is_none());
    assert!(builtin.on_demand("eu-south-1", "m5.large", Os::Linux).is_err());
    assert!(builtin.fargate_price("eu-south-1", offer).is_err());
    assert_eq!(builtin.charge("eu-west-1", Charge::Alb).evidence, Evidence::Assumed);
}

#[test]
fn spot_has_a_price_and_a_band() {
    use InterruptionBand::{From5To10, From15To20, Over20};
    let check = |region: &str, name: &str, rate: f64, evidence: Evidence, band| {
        let offer = Catalogue::builtin().spot(region, name).expect("sold as Spot");
        assert_eq!((offer.price.rate, offer.price.evidence, offer.band), {
            (dollars(rate), evidence, band)
        });
    };
    check("us-east-1", "m5.large", 0.0537, Evidence::Measured, From15To20);
    check("us-east-1", "c6a.xlarge", 0.123, Evidence::Measured, From15To20);
    // 0.091 less 53 %, and 0.107 less 57 %.
    check("eu-west-1", "m7g.large", 0.042_77, Evidence::Derived, From5To10);
    check("eu-west-1", "m5.large", 0.046_01, Evidence::Derived, From5To10);
    check("us-east-2", "m5.large", 0.036_48, Evidence::Derived, From15To20);
    check("eu-west-1", "p4d.24xlarge", 15.652_355_4, Evidence::Derived, Over20);
    for name in ["m5.large", "c6a.xlarge", "p4d.24xlarge"] {
        let on_demand = Catalogue::builtin().on_demand("us-east-1", name, Os::Linux);
        let spot = Catalogue::builtin().spot("us-east-1", name).expect("sold as Spot");
        assert!(spot.price.rate < on_demand.expect("a price").rate);
    }
}

#[test]
fn reserved_instances_have_their_price_or_the_discount_on_that_of_today() {
    use OfferingClass::{Convertible, Standard};
    let mut own = Catalogue::builtin().clone();
    own.set_on_demand("us-east-1", "m5.large", Os::Linux, dollars(0.048));
    let check = |catalogue: &Catalogue, name: &str, (class, term), rate: f64, evidence| {
        let price = catalogue.reserved("us-east-1", name, class, term).expect("it is sold");
        assert_eq!((price.rate, price.evidence), (dollars(rate), evidence), "{name}");
    };
    let builtin = Catalogue::builtin();
    check(builtin, "m5.large", (Standard, Term::OneYear), 0.06, Evidence::Documented);
    check(builtin, "m5.large", (Standard, Term::ThreeYears), 0.041, Evidence::Documented);
    check(builtin, "m5.large", (Convertible, Term::OneYear), 0.071, Evidence::Documented);
    check(builtin, "m5.large", (Convertible, Term::ThreeYears), 0.049, Evidence::Documented);
    // Half the price on demand, half the price reserved.
    check(&own, "m5.large", (Standard, Term::OneYear), 0.03, Evidence::Derived);
    // $43.15701 of $98.32 then; it is $55.04 now.
    let today = 43.157_01 * 55.04 / 98.32;
    check(builtin, "p5.48xlarge", (Standard, Term::ThreeYears), today, Evidence::Derived);
    let sold = |region: &str, name: &str| builtin.reserved(region, name, Standard, Term::OneYear);
    assert!(sold("us-east-1", "p5.48xlarge").is_none(), "three years only");
    assert!(sold("eu-west-2", "m5.large").is_none() && sold("us-east-1", "m5.lrage").is_none());
}

#[test]
fn what_is_not_sold_as_spot_names_the_nearest() {
    let check = |region: &str, name: &str, fact: &str, hint: &str| {
        let missing = Catalogue::builtin().spot(region, name).expect_err("no price");
        assert_eq!(missing.to_string(), fact);
        assert!(missing.hint().starts_with(hint), "{}", missing.hint());
    };
    check(
        "eu-west-2",
        "m5.large",
        "no Spot price is known for region `eu-west-2`",
        "the nearest regions with Spot prices are `eu-west-1`, `eu-central-1`, `us-west-2`",
    );
    check(
        "eu-west-1",
        "m5.lrage",
        "no price is known for instance type `m5.lrage`",
        "the nearest types with a price are `m5.large`, `m5.xlarge`, `m5.2xlarge`",
    );
    check(
        "ap-southeast-1",
        "p4d.24xlarge",
        "no Spot price is known for instance type `p4d.24xlarge` in region `ap-southeast-1`",
        "it has one in `ap-northeast-1`, `eu-central-1`, `eu-west-1`, `us-east-1`, `us-east-2`, \
         `us-west-2`; the nearest types with a price in ap-southeast-1 are `",
    );
}

#[test]
fn a_band_of_interruptions_becomes_a_rate_within_its_bounds() {
    use crate::ecs::capacity::spot::Hazard;
    let bounds = [(0.0, 0.05), (0.05, 0.1), (0.1, 0.15), (0.15, 0.2), (0.2, 1.0)];
    for (band, (low, high)) in InterruptionBand::ALL.into_iter().zip(bounds) {
        let hazard = Hazard::from_monthly(band.monthly_frequency()).expect("a fraction");
        let monthly = 1.0 - (-hazard.as_per_hour_f64() * MONTH.as_hours_f64()).exp();
        assert!(low < monthly && monthly < high, "{band:?}: {monthly}");
        assert_eq!(InterruptionBand::from_label(band.label()), Some(band));
    }
}

/// Reads a CSV file of the data the tables were made from, which are not part of the project:
/// nothing where they are not at hand.
fn origin(file: &str) -> Option<Vec<std::collections::BTreeMap<String, String>>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !folder.is_dir() {
        println!("skipped: {file} is not at hand");
        return None;
    }
    let mut reader = csv::Reader::from_path(folder.join(file)).expect("the file is in the folder");
    let columns = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        columns.iter().map(str::to_string).zip(record.iter().map(str::to_string)).collect()
    };
    Some(reader.records().map(|record| row(record.unwrap())).collect())
}

#[test]
fn every_on_demand_price_is_that_of_its_origin() {
    let Some(rows) = origin("on_demand_prices.csv") else { return };
    for row in &rows {
        let (region, name) = (&row["region"], &row["instance_type"]);
        let price = Catalogue::builtin().on_demand(region, name, Os::Linux).expect("a price");
        assert_eq!(price.rate, dollars(row["usd_per_hour"].parse().unwrap()), "{name} {region}");
    }
    assert_eq!(rows.len(), 7347);
}

#[test]
fn every_spot_price_and_band_is_that_of_its_origin() {
    let (Some(prices), Some(bands)) = (origin("spot_prices.csv"), origin("spot_advisor.csv"))
    else {
        return;
    };
    let spot = |row: &std::collections::BTreeMap<String, String>| {
        let offer = Catalogue::builtin().spot(&row["region"], &row["instance_type"]);
        offer.unwrap_or_else(|missing| panic!("{missing}"))
    };
    for row in &prices {
        let ours = spot(row).price;
        let theirs: f64 = row["usd_per_hour"].parse().unwrap();
        match ours.evidence {
            Evidence::Measured => assert_eq!(ours.rate, dollars(theirs), "{row:?}"),
            // Theirs is rounded to four places.
            Evidence::Derived => {
                assert!((ours.rate.as_dollars_f64() - theirs).abs() < 5.1e-5, "{row:?}");
            }
            Evidence::Documented | Evidence::Assumed | Evidence::Given => panic!("{row:?}"),
        }
        let is_measured = row["kind"].starts_with("observed");
        assert_eq!(ours.evidence == Evidence::Measured, is_measured, "{row:?}");
    }
    for row in &bands {
        let low: u32 = row["interruption_range_min_pct"].parse().unwrap();
        let band = InterruptionBand::ALL[low as usize / 5];
        assert_eq!(spot(row).band, band, "{row:?}");
    }
    let ours = Catalogue::builtin().tables.spot.values().map(|types| types.len()).sum::<usize>();
    assert_eq!((prices.len(), bands.len(), ours), (5688, 5688, 5688));
}

#[test]
fn every_reserved_price_is_that_of_its_origin() {
    let Some(rows) = origin("reserved_prices.csv") else { return };
    for row in &rows {
        let (region, name) = (&row["region"], &row["instance_type"]);
        let facts = Catalogue::builtin().tables.reserved[region][name];
        let columns = ["standard_1y", "standard_3y", "convertible_1y", "convertible_3y"];
        for (column, ours) in columns.into_iter().zip(facts.rates) {
            let theirs = row[&format!("{column}_no_upfront")].parse().ok().map(dollars);
            assert_eq!(ours, theirs, "{column} of {name} in {region}");
        }
        let on_demand = dollars(row["on_demand_usd_per_hour"].parse().unwrap());
        assert_eq!(facts.on_demand, on_demand, "{name} in {region}");
    }
    let ours =
        Catalogue::builtin().tables.reserved.values().map(|types| types.len()).sum::<usize>();
    assert_eq!((rows.len(), ours), (5151, 5151));
}

#[test]
fn every_instance_type_is_that_of_its_origin() {
    let Some(types) = origin("instance_types.csv") else { return };
    let (Some(families), Some(limits)) =
        (origin("instance_families.csv"), origin("ecs_eni_limits.csv"))
    else {
        return;
    };
    let mut compared = 0;
    for ((row, family), limit) in types.iter().zip(&families).zip(&limits) {
        let name = &row["instance_type"];
        assert_eq!((name, name), (&family["instance_type"], &limit["instance_type"]));
        let Some(t) = Catalogue::builtin().instance_type(name) else { continue };
        compared += 1;
        let hypervisor = match t.hypervisor {
            Hypervisor::Nitro => "nitro",
            Hypervisor::Xen => "xen",
            Hypervisor::BareMetal => "bare-metal",
        };
        let gbps = f64::from(t.network_mbps_baseline) / 1000.0;
        let trunked = t.awsvpc_tasks_trunked.unwrap_or(0);
        let check = |ours: String, theirs: &str| assert_eq!(ours, theirs, "{name}");
        check(t.vcpus.to_string(), &row["vcpu"]);
        check(t.memory_mib.to_string(), &row["memory_mib"]);
        check(architecture_name(t.architecture).to_string(), &row["arch"]);
        check(t.gpus.to_string(), &row["gpu_count"]);
        check(t.gpu_memory_mib.to_string(), &row["gpu_memory_mib"]);
        check(t.burstable.to_string(), &row["burstable"]);
        check(t.is_bare_metal().to_string(), &row["bare_metal"]);
        check(t.enis_max.to_string(), &row["max_enis"]);
        check(trunked.to_string(), &row["branch_enis"]);
        check(t.family().to_string(), &family["family"]);
        check(t.current_generation.to_string(), &family["current_generation"]);
        check(hypervisor.to_string(), &family["hypervisor"]);
        check(t.awsvpc_tasks.to_string(), &limit["awsvpc_tasks_without_trunking"]);
        let theirs: f64 = row["network_gbps_baseline"].parse().unwrap();
        assert!((gbps - theirs).abs() < 0.001, "{name}: {gbps} and {theirs} Gbit/s");
    }
    assert_eq!(compared, 1370);
}

#[test]
fn every_fargate_price_and_size_is_that_of_its_origin() {
    let catalogue = Catalogue::builtin();
    let Some(sizes) = origin("fargate_sizes.csv") else { return };
    assert_eq!(sizes.len(), catalogue.fargate_sizes().len());
    for (row, ours) in sizes.iter().zip(catalogue.fargate_sizes()) {
        assert_eq!(row["cpu_units"], ours.cpu_units.to_string());
        assert_eq!(row["memory_mib"], ours.memory_mib.to_string());
        assert_eq!(row["windows"], ours.windows.to_string());
        assert_eq!(row["needs_platform_1_4_0"], ours.needs_platform_1_4_0().to_string());
    }
    let Some(prices) = origin("fargate_prices.csv") else { return };
    assert_eq!(prices.len(), 48);
    for row in &prices {
        let os = if row["platform"] == "WINDOWS" { Os::Windows } else { Os::Linux };
        let architecture = architecture_from_name(&row["arch"]).unwrap();
        let check = |spot: bool, vcpu: &str, gb: &str| {
            let offer = FargateOffer { os, architecture, spot };
            let ours = catalogue.fargate_price(&row["region"], offer);
            if row[vcpu].is_empty() {
                assert!(ours.is_err(), "{offer} is not sold");
                return;
            }
            let ours = ours.expect("a price");
            assert_eq!(ours.vcpu_hour.rate, dollars(row[vcpu].parse().unwrap()), "{row:?}");
            assert_eq!(ours.gb_hour.rate, dollars(row[gb].parse().unwrap()), "{row:?}");
            let ephemeral = row["ephemeral_gb_hour_usd"].parse().unwrap();
            assert_eq!(ours.ephemeral_gb_hour.rate, dollars(ephemeral), "{row:?}");
        };
        check(false, "vcpu_hour_usd", "gb_hour_usd");
        check(true, "spot_vcpu_hour_usd", "spot_gb_hour_usd");
    }
}

#[test]
fn every_charge_is_that_of_its_origin() {
    let Some(rows) = origin("other_charges.csv") else { return };
    let theirs = |item: &str| -> f64 {
        let row = rows.iter().find(|row| row["item"] == item);
        row.unwrap_or_else(|| panic!("no {item}"))["usd_or_value"].parse().unwrap()
    };
    let items = [
        "ebs_gp3_storage",
        "ebs_gp3_iops_over_3000",
        "ebs_gp3_throughput_over_125",
        "ebs_gp2_storage",
        "alb_hour",
        "alb_lcu_hour",
        "nlb_hour",
        "nlb_nlcu_hour",
        "nat_gateway_hour",
        "nat_gateway_gb",
        "public_ipv4_hour",
        "vpc_interface_endpoint_hour",
        "vpc_interface_endpoint_gb",
        "cross_az_transfer_gb_each_way",
        "internet_egress_gb_first_10tb",
        "internet_egress_gb_next_40tb",
        "inter_region_egress_gb",
        "cloudwatch_logs_ingest_gb",
        "cloudwatch_logs_store_gb_month",
        "cloudwatch_logs_insights_scan_gb",
        "cloudwatch_custom_metric_month",
        "cloudwatch_alarm_standard_month",
        "ecr_storage_gb_month",
        "eks_control_plane_hour",
        "",
        "ecs_anywhere_instance_hour",
        "ecs_managed_instances_fee_fraction",
        "ecs_managed_instances_fee_fraction_gpu",
        "t_unlimited_cpu_credit_vcpu_hour",
        // Those of T4g and of Windows were read later.
    ];
    for (charge, item) in Charge::ALL.into_iter().zip(items) {
        // Extended support of EKS is in the note of another row.
        let expected = if item.is_empty() { 0.60 } else { theirs(item) };
        let ours = Catalogue::builtin().charge(HOME_REGION, charge).as_dollars_f64();
        assert!((ours - expected).abs() < 1e-12, "{charge:?}: {ours} and {expected}");
    }
}

/// EC2 User Guide, credit table: the baseline of each vCPU in per cent, by size.
#[test]
fn burstable_types_have_the_credits_of_the_table_of_aws_and_no_others_have_any() {
    let catalogue = Catalogue::builtin();
    for t in catalogue.instance_types() {
        assert_eq!(t.burstable, t.cpu_credits.is_some(), "{}", t.name);
    }
    let check = |name: &str, baseline: f64, most: f64, unlimited: bool| {
        let t = catalogue.instance_type(name).expect("it is there");
        let credits = t.cpu_credits.expect("it has credits");
        let percent = 100.0 * credits.baseline_vcpu() / f64::from(t.vcpus);
        assert!((percent - baseline).abs() < 1e-9, "{name}: {percent}");
        assert!((credits.most() - most).abs() < 1e-9, "{name}: {}", credits.most());
        assert_eq!(credits.unlimited_by_default, unlimited, "{name}");
        let at_launch = if unlimited { 0 } else { 30 * t.vcpus };
        assert_eq!(credits.launch_credits, at_launch, "{name}");
        assert_eq!(credits.survives_stop, unlimited, "{name}");
    };
    for (size, baseline, most) in [
        ("nano", 5.0, 144.0),
        ("micro", 10.0, 288.0),
        ("small", 20.0, 576.0),
        ("medium", 20.0, 576.0),
        ("large", 30.0, 864.0),
        ("xlarge", 40.0, 2304.0),
        ("2xlarge", 40.0, 4608.0),
    ] {
        for family in ["t3", "t3a", "t4g"] {
            check(&format!("{family}.{size}"), baseline, most, true);
        }
    }
    for (size, baseline, most) in [
        ("nano", 5.0, 72.0),
        ("micro", 10.0, 144.0),
        ("small", 20.0, 288.0),
        ("medium", 20.0, 576.0),
        ("large", 30.0, 864.0),
        ("xlarge", 22.5, 1296.0),
        ("2xlarge", 17.0, 1958.4),
    ] {
        check(&format!("t2.{size}"), baseline, most, false);
    }
}

#[test]
fn surplus_credits_cost_the_same_everywhere() {
    let at = |charge| Catalogue::builtin().charge("eu-west-1", charge);
    for (charge, dollars) in [
        (Charge::TUnlimitedCredit, 0.05),
        (Charge::T4gUnlimitedCredit, 0.04),
        (Charge::TUnlimitedCreditWindows, 0.096),
    ] {
        assert_eq!(
            (at(charge).as_dollars_f64(), at(charge).evidence),
            (dollars, Evidence::Documented)
        );
    }
}
