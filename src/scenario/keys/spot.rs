//! Keys of EC2 Spot capacity: how often pools run short, and what happens then.

use super::*;

pub(super) const TABLES: &[Key] = &[key(
    "spot",
    Kind::Table(&[MARKET, FARGATE, PRICE, RECORDED]),
    "EC2 Spot capacity and Fargate Spot: interruptions, refused launches and prices.",
)
.or("{}")];

const RECORDS: &str = "recordings of held Spot instances: SkyPilot 2022-2023, Bamboo 2022";
const UNPUBLISHED: &str = "AWS does not publish it";

const MARKET: &[Key] = &[
    key(
        "instance_type",
        Kind::Named { thing: "instance type", of: &Kind::Table(&[OF_TYPE]) },
        "What is otherwise with an instance type; without it what the catalogue has.",
    ),
    key("alone_share", Kind::Share, "Share of interruptions that come alone.")
        .or("\"20 %\"")
        .assumed(RECORDS),
    key(
        "reclaim_probability",
        Kind::Share,
        "Probability that a drought of a pool reclaims a running instance, from 1 %.",
    )
    .or("\"50 %\"")
    .assumed(RECORDS),
    key(
        "reclaim_delay",
        Kind::Distribution,
        "From the start of a drought to a notice, at most to its end.",
    )
    .or("{ uniform = { min = \"0 s\", max = \"10 min\" } }")
    .assumed(UNPUBLISHED),
    key("drought", Kind::Distribution, "How long a drought lasts, in which launches are refused.")
        .or("{ exponential = { mean = \"2 h\" } }")
        .assumed(RECORDS),
    key(
        "shared_share",
        Kind::Share,
        "Share of drought starts that come from a trigger which pools of the Region share.",
    )
    .or("\"40 %\"")
    .assumed("pools of a Region correlate with 0.25 to 0.59 in those recordings"),
    key(
        "rebalance_lead",
        Kind::Distribution,
        "From a rebalance recommendation to the notice, no earlier than the drought's start.",
    )
    .or("{ exponential = { mean = \"5 min\" } }")
    .assumed("EC2 User Guide: it may come earlier than the notice, or with it"),
    key("notice", SPAN, "From the interruption notice until the instance is gone.")
        .or("\"2 min\"")
        .documented("EC2 User Guide, Spot Instance interruption notices"),
    key(
        "enough_capacity",
        Kind::Share,
        "Strategies that weigh capacity against price or priority take a pool as good enough \
         with this share of the capacity of the best in its zone; a pool's capacity is the share \
         of its instances that is not reclaimed in a month, and nothing in a drought.",
    )
    .or("\"90 %\"")
    .assumed(UNPUBLISHED),
];

const FARGATE: &[Key] = &[
    key(
        "fargate_interruption_frequency",
        Kind::Share,
        "Share of tasks on Fargate Spot that would be interrupted within a month; each zone is a \
         pool like those of EC2.",
    )
    .or("\"5 %\"")
    .assumed(UNPUBLISHED),
    key(
        "fargate_deregistration",
        Kind::Choice(&["with_sigterm", "before_sigterm"]),
        "Whether an interrupted task gets SIGTERM at the notice, or when it has left its target \
         groups; SIGKILL comes after its `stopTimeout`, and two minutes after the notice at last.",
    )
    .or("\"with_sigterm\"")
    .assumed("it has changed over time"),
];

const PRICE: &[Key] = &[
    key(
        "price_period",
        Kind::Span { min_us: 60 * SECOND_US, max_us: MAX_SPAN_US },
        "How long a price holds.",
    )
    .or("\"6 h\"")
    .assumed("prices change some times a day at most"),
    key(
        "price_reversion",
        SPAN,
        "After how long 37 % of a deviation from the usual price are left.",
    )
    .or("\"7 d\"")
    .assumed(UNPUBLISHED),
    key("price_spread", Kind::Share, "Standard deviation from the usual price.")
        .or("\"10 %\"")
        .assumed("zones of a Region differ by a quarter in most recordings"),
    key("price_floor", Kind::Share, "The lowest price, as a share of that on demand.")
        .or("\"5 %\"")
        .assumed("half of the lowest on record"),
];

const RECORDED: &[Key] = &[key(
    "availability",
    Kind::File,
    "A recording that replaces droughts and interruptions alone, in the pools that it names: CSV \
     with the columns `seconds`, `pool` (zone and type: `us-east-1a/m7g.large`) and `capacity`, \
     how many instances there can be from then on; or `seconds`, `pool`, `node` and `event` \
     (`add` or `remove`), what somebody held, which mixes their demand with the supply.",
)];

const OF_TYPE: &[Key] = &[
    key("price", Kind::Money, "What an instance usually costs per hour, Linux."),
    key(
        "interruption_frequency",
        Kind::Share,
        "Share of its instances that is reclaimed within a month, as AWS's advisor gives it.",
    ),
    key(
        "interruption_rate",
        Kind::Rate,
        "Instead, how often a running instance is reclaimed: \"0.1 per h\"; at most 16 per h.",
    ),
];
