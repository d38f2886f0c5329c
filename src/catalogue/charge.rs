//! What AWS charges besides instances and Fargate: volumes, balancers, traffic, logs, fees.

use std::fmt;

use crate::units::Span;

use super::Evidence;

/// AWS's month for prices: 730 h.
pub const MONTH: Span = Span::secs(730 * 3600);

/// A charge by AWS. Its name in tables and files is [`Charge::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Charge {
    /// EBS gp3 volume, by size.
    Gp3Storage,
    /// EBS gp3 IOPS above the 3,000 included.
    Gp3Iops,
    /// EBS gp3 throughput above the 125 MB/s included.
    Gp3Throughput,
    /// EBS gp2 volume, by size.
    Gp2Storage,
    /// Application Load Balancer, by time.
    Alb,
    /// Application Load Balancer capacity units.
    AlbCapacity,
    /// Network Load Balancer, by time.
    Nlb,
    /// Network Load Balancer capacity units.
    NlbCapacity,
    /// NAT gateway, by time.
    NatGateway,
    /// Data through a NAT gateway.
    NatGatewayData,
    /// Public IPv4 address, in use or idle.
    PublicIpv4,
    /// VPC interface endpoint in one Availability Zone, by time.
    InterfaceEndpoint,
    /// Data through a VPC interface endpoint.
    InterfaceEndpointData,
    /// Data between Availability Zones, charged on each side.
    CrossZoneData,
    /// Data to the internet, first 10 TB of a month.
    InternetEgress,
    /// Data to the internet, the next 40 TB of a month.
    InternetEgressOver10Tb,
    /// Data to another region.
    InterRegionEgress,
    /// CloudWatch Logs, data taken in.
    LogsIngest,
    /// CloudWatch Logs, compressed data kept.
    LogsStorage,
    /// CloudWatch Logs Insights, data scanned.
    LogsInsights,
    /// CloudWatch custom metric.
    CustomMetric,
    /// CloudWatch alarm of standard resolution.
    Alarm,
    /// ECR image storage.
    EcrStorage,
    /// EKS control plane in standard support.
    EksControlPlane,
    /// EKS control plane in extended support.
    EksControlPlaneExtended,
    /// External instance managed by ECS Anywhere.
    EcsAnywhereInstance,
    /// Fee of ECS Managed Instances on the on-demand price, general types.
    ManagedInstancesFee,
    /// Fee of ECS Managed Instances on the on-demand price, GPU types.
    ManagedInstancesFeeGpu,
    /// CPU credits of an unlimited T instance beyond what it earned, on Linux.
    TUnlimitedCredit,
    /// The same of a T4g instance.
    T4gUnlimitedCredit,
    /// The same on Windows.
    TUnlimitedCreditWindows,
}

/// What a price is for: so much per unit, or per unit and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeUnit {
    /// The unit, for example `GB` or `address`.
    pub name: &'static str,
    /// The time a unit is paid for; `None` where the amount alone is paid (a GB sent).
    pub period: Option<Period>,
}

/// The time that a price per unit and time is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// One hour.
    Hour,
    /// AWS's month of 730 h.
    Month,
}

/// The price of a charge in a region, exact.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargePrice {
    /// Nano-dollars (10⁻⁹ $) per [`Self::unit`].
    pub nanos: i64,
    /// What the price is for.
    pub unit: ChargeUnit,
    /// How the price is known.
    pub evidence: Evidence,
    /// What is included, or why it is assumed; may be empty.
    pub note: String,
}

impl Charge {
    /// Every charge, in the order of a bill.
    pub const ALL: [Charge; 31] = [
        Charge::Gp3Storage,
        Charge::Gp3Iops,
        Charge::Gp3Throughput,
        Charge::Gp2Storage,
        Charge::Alb,
        Charge::AlbCapacity,
        Charge::Nlb,
        Charge::NlbCapacity,
        Charge::NatGateway,
        Charge::NatGatewayData,
        Charge::PublicIpv4,
        Charge::InterfaceEndpoint,
        Charge::InterfaceEndpointData,
        Charge::CrossZoneData,
        Charge::InternetEgress,
        Charge::InternetEgressOver10Tb,
        Charge::InterRegionEgress,
        Charge::LogsIngest,
        Charge::LogsStorage,
        Charge::LogsInsights,
        Charge::CustomMetric,
        Charge::Alarm,
        Charge::EcrStorage,
        Charge::EksControlPlane,
        Charge::EksControlPlaneExtended,
        Charge::EcsAnywhereInstance,
        Charge::ManagedInstancesFee,
        Charge::ManagedInstancesFeeGpu,
        Charge::TUnlimitedCredit,
        Charge::T4gUnlimitedCredit,
        Charge::TUnlimitedCreditWindows,
    ];

    /// Returns the name in tables and files, for example `nat_gateway_data`.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// Returns what the charge is priced by.
    pub fn unit(self) -> ChargeUnit {
        let (_, name, period) = self.facts();
        ChargeUnit { name, period }
    }

    /// Finds a charge by its name.
    pub fn from_name(name: &str) -> Option<Charge> {
        Charge::ALL.into_iter().find(|charge| charge.name() == name)
    }

    fn facts(self) -> (&'static str, &'static str, Option<Period>) {
        const HOUR: Option<Period> = Some(Period::Hour);
        const MONTH: Option<Period> = Some(Period::Month);
        match self {
            Charge::Gp3Storage => ("gp3_storage", "GB", MONTH),
            Charge::Gp3Iops => ("gp3_iops", "IOPS", MONTH),
            Charge::Gp3Throughput => ("gp3_throughput", "MB/s", MONTH),
            Charge::Gp2Storage => ("gp2_storage", "GB", MONTH),
            Charge::Alb => ("alb", "balancer", HOUR),
            Charge::AlbCapacity => ("alb_capacity", "LCU", HOUR),
            Charge::Nlb => ("nlb", "balancer", HOUR),
            Charge::NlbCapacity => ("nlb_capacity", "NLCU", HOUR),
            Charge::NatGateway => ("nat_gateway", "gateway", HOUR),
            Charge::NatGatewayData => ("nat_gateway_data", "GB", None),
            Charge::PublicIpv4 => ("public_ipv4", "address", HOUR),
            Charge::InterfaceEndpoint => ("interface_endpoint", "endpoint", HOUR),
            Charge::InterfaceEndpointData => ("interface_endpoint_data", "GB", None),
            Charge::CrossZoneData => ("cross_zone_data", "GB", None),
            Charge::InternetEgress => ("internet_egress", "GB", None),
            Charge::InternetEgressOver10Tb => ("internet_egress_over_10_tb", "GB", None),
            Charge::InterRegionEgress => ("inter_region_egress", "GB", None),
            Charge::LogsIngest => ("logs_ingest", "GB", None),
            Charge::LogsStorage => ("logs_storage", "GB", MONTH),
            Charge::LogsInsights => ("logs_insights", "GB", None),
            Charge::CustomMetric => ("custom_metric", "metric", MONTH),
            Charge::Alarm => ("alarm", "alarm", MONTH),
            Charge::EcrStorage => ("ecr_storage", "GB", MONTH),
            Charge::EksControlPlane => ("eks_control_plane", "cluster", HOUR),
            Charge::EksControlPlaneExtended => ("eks_control_plane_extended", "cluster", HOUR),
            Charge::EcsAnywhereInstance => ("ecs_anywhere_instance", "instance", HOUR),
            Charge::ManagedInstancesFee => ("managed_instances_fee", "on-demand $", None),
            Charge::ManagedInstancesFeeGpu => ("managed_instances_fee_gpu", "on-demand $", None),
            Charge::TUnlimitedCredit => ("t_unlimited_credit", "vCPU", HOUR),
            Charge::T4gUnlimitedCredit => ("t4g_unlimited_credit", "vCPU", HOUR),
            Charge::TUnlimitedCreditWindows => ("t_unlimited_credit_windows", "vCPU", HOUR),
        }
    }
}

impl Period {
    /// Returns its length.
    pub fn span(self) -> Span {
        match self {
            Period::Hour => Span::HOUR,
            Period::Month => MONTH,
        }
    }
}

impl ChargePrice {
    /// Returns dollars per unit.
    pub fn as_dollars_f64(&self) -> f64 {
        self.nanos as f64 / 1e9
    }
}

impl fmt::Display for ChargeUnit {
    /// Writes the unit as prices do: `GB-month`, `address-hour`, `GB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period {
            None => f.pad(self.name),
            Some(Period::Hour) => f.pad(&format!("{}-hour", self.name)),
            Some(Period::Month) => f.pad(&format!("{}-month", self.name)),
        }
    }
}
