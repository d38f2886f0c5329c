//! Keys of the network: subnets, load balancers, target groups, and traffic that costs.

use super::*;

pub(super) const TABLES: &[Key] = &[
    key(
        "subnet",
        Kind::Named { thing: "subnet", of: &Kind::Table(&[SUBNET]) },
        "Subnets; their free addresses bound tasks in network mode awsvpc.",
    ),
    key(
        "load_balancer",
        Kind::Named { thing: "load balancer", of: &Kind::Table(&[LOAD_BALANCER]) },
        "Load balancers.",
    ),
    key(
        "target_group",
        Kind::Named { thing: "target group", of: &Kind::Table(&[TARGET_GROUP]) },
        "Target groups.",
    ),
    key(
        "network",
        Kind::Table(&[NETWORK]),
        "Traffic that costs; what is not given is \"not modelled\" on the bill.",
    )
    .or("{}"),
];

const SUBNET: &[Key] = &[
    key("availability_zone", Kind::Text("a zone, such as \"a\""), "Its zone.").required(),
    key(
        "cidr",
        Kind::Text("a block, such as \"10.0.1.0/24\""),
        "Its block; AWS keeps five addresses of it.",
    )
    .documented("Amazon VPC User Guide, subnet CIDR blocks"),
    key(
        "free_addresses",
        COUNT,
        "Addresses free at the start, in place of `cidr`; without both there is no bound.",
    ),
];

const LOAD_BALANCER: &[Key] = &[
    key("type", Kind::Choice(&["application", "network", "classic"]), "The type.")
        .or("\"application\"")
        .documented("Elastic Load Balancing API, CreateLoadBalancer"),
    key(
        "lcu",
        AMOUNT,
        "Capacity units in use on average; without it what the requests of `load` make of them, \
         and without any they are not modelled on the bill.",
    ),
    key("bytes_per_request", Kind::Bytes, "Bytes of a request and its answer, for capacity units.")
        .or("\"10 KB\"")
        .assumed("of the order of answers of web services"),
    key(
        "requests_per_connection",
        Kind::Number { min: 0.001, max: 1e9 },
        "Requests on a connection, for capacity units.",
    )
    .or("10")
    .assumed("of the order of browsers that keep connections alive"),
];

const TARGET_GROUP: &[Key] = &[
    key("load_balancer", reference("load_balancer"), "Its load balancer.").required(),
    key("deregistration_delay", seconds(0, 3600), "How long a target that leaves is drained.")
        .or("\"300 s\"")
        .documented("Elastic Load Balancing API, TargetGroupAttribute"),
    key("health_check", Kind::Table(&[CHECK]), "Its health check.").or("{}"),
    key(
        "load_balancing_algorithm",
        Kind::Choice(&["round_robin", "least_outstanding_requests", "weighted_random"]),
        "How requests are spread over targets, of an Application Load Balancer.",
    )
    .or("\"round_robin\"")
    .documented("Elastic Load Balancing API, TargetGroupAttribute, load_balancing.algorithm.type"),
];

const CHECK_API: &str = "Elastic Load Balancing API, CreateTargetGroup";

const CHECK: &[Key] = &[
    key("interval", seconds(5, 300), "Between checks.").or("\"30 s\"").documented(CHECK_API),
    key(
        "timeout",
        seconds(2, 120),
        "Until a check that is not answered has failed; without it 10 s of a Network Load \
         Balancer, else 6 s.",
    )
    .documented(CHECK_API),
    key(
        "healthy_threshold",
        integer(2, 10),
        "Successes in a row from unhealthy to healthy; of a new target too, save for an \
         Application Load Balancer, where one is enough.",
    )
    .or("5")
    .documented(CHECK_API),
    key("unhealthy_threshold", integer(2, 10), "Failures in a row until unhealthy.")
        .or("2")
        .documented(CHECK_API),
];

const NETWORK: &[Key] = &[
    key(
        "fargate_availability_zones",
        Kind::List { of: &Kind::Text("a zone, such as \"a\" or \"us-east-1a\""), min: 1, max: 26 },
        "Zones of Fargate tasks that name no subnets.",
    )
    .or("[\"a\", \"b\", \"c\"]")
    .assumed("most Regions have at least three"),
    key("nat_gateways", integer(0, 1000), "NAT gateways."),
    key("nat_gb_per_month", AMOUNT, "GB through them in a month."),
    key("cross_zone_gb_per_month", AMOUNT, "GB between zones in a month."),
    key("log_gb_per_month", AMOUNT, "GB of logs taken in by CloudWatch in a month."),
];
