//! Keys of what arrives: loads at load balancers, queues, and rates over time.

use super::*;

pub(super) const TABLES: &[Key] = &[
    key(
        "load",
        Kind::Named { thing: "load", of: &Kind::Table(&[LOAD, RATE]) },
        "Requests that arrive at a load balancer. `[service.….load]` is shorter for one service.",
    ),
    key(
        "queue",
        Kind::Named { thing: "queue", of: &Kind::Table(&[QUEUE]) },
        "Queues of messages, as Amazon SQS has them, that a service's tasks work off.",
    ),
    key("traffic", Kind::Table(&[TRAFFIC_AT_LARGE]), "How requests are simulated.").or("{}"),
];

const TRAFFIC_AT_LARGE: &[Key] = &[key(
    "fidelity",
    Kind::Choice(&["fluid", "requests"]),
    "`fluid`: rates, backlogs and mean delays, at almost no cost. `requests`: each request is \
     simulated, which takes about a second for a million and gives percentiles of latency, \
     time-outs and retries. Messages of queues are a fluid in both.",
)
.or("\"fluid\"")];

const LOAD: &[Key] = &[
    key("like", reference("load"), "Copies another load, then changes it."),
    key("load_balancer", reference("load_balancer"), "The load balancer it arrives at.").required(),
    key(
        "routes",
        Kind::List { of: &Kind::Table(&[ROUTE]), min: 1, max: 100 },
        "How the load balancer divides it among its target groups; without it all goes to its only \
         one.",
    )
    .documented("Elastic Load Balancing API, ForwardActionConfig"),
];

/// How many requests arrive.
pub(super) const RATE: &[Key] = &[
    key("requests_per_second", Kind::Traffic, "How many requests per second arrive.").required(),
    key(
        "classes",
        Kind::List { of: &Kind::Table(&[CLASS]), min: 0, max: 100 },
        "Kinds of requests, of which some need more CPU time than others; without them all need \
         what `per_request` says.",
    )
    .or("[]"),
    key(
        "timeout",
        POSITIVE_SPAN,
        "How long a client waits for an answer; what it has given up is worked at all the same. \
         Without it, for ever. Only `traffic.fidelity = \"requests\"` looks at it.",
    ),
    key(
        "retries",
        integer(0, 100),
        "How often a client tries again, at once, when it gets no answer: after its time-out, when \
         it is refused, or when the task dies. Only `traffic.fidelity = \"requests\"` looks at it.",
    )
    .or("0"),
];

const CLASS: &[Key] = &[
    key("share", Kind::Share, "Its share of the requests; all shares come to 1.").required(),
    key("cost", POSITIVE, "Its CPU time, in that of `per_request`.").required(),
];

const ROUTE: &[Key] = &[
    key("target_group", reference("target_group"), "A target group of the load balancer.")
        .required(),
    key("share", Kind::Share, "Its share of the requests; all shares come to 1.").or("1"),
];

const QUEUE: &[Key] = &[
    key("like", reference("queue"), "Copies another queue, then changes it."),
    key("messages_per_second", Kind::Traffic, "How many messages per second arrive.").required(),
    key(
        "visibility_timeout",
        seconds(0, 43_200),
        "How long a message that a task has received is hidden from the others.",
    )
    .or("\"30 s\"")
    .documented("Amazon SQS API, SetQueueAttributes: VisibilityTimeout"),
    key("service", reference("service"), "The service whose tasks receive them.").required(),
];

/// How many per second: up to a thousand million.
pub const PER_SECOND: Kind = Kind::Number { min: 0.0, max: 1e9 };

const RATES: Kind = Kind::List { of: &Kind::Traffic, min: 1, max: 100 };
const TIME_OF_DAY: Kind = Kind::Text("a time of day, such as \"14:00\"");
const INSTANT: Kind =
    Kind::Text("a time, such as \"2026-03-03T14:00\", \"Tue 14:00\" or \"+38 h\"");
const COLUMN: Kind = Kind::Text("the name of a column");

/// What a rate over time may be, and what goes with it.
pub const TRAFFIC: &[Key] = &[
    key(
        "file",
        Kind::File,
        "A recorded rate: a CSV file with a column of times and one of rates, or of counts, which \
         are divided by their period. Times are seconds from the start of the run, seconds or \
         milliseconds since 1970, or such as \"2026-03-02T00:00Z\" and \"2026-03-02 00:00:00\". \
         Rows may be in any order. A number below 100,000,000 is seconds from the start.",
    ),
    key(
        "cloudwatch",
        Kind::File,
        "A recorded metric: the JSON of `aws cloudwatch get-metric-data` or \
         `get-metric-statistics`, or the CSV that the CloudWatch console saves.",
    ),
    key("daily", Kind::Table(&[DAILY]), "A day that comes again, by the clocks of `time_zone`."),
    key(
        "weekly",
        Kind::Table(&[WEEKLY]),
        "A week that comes again, with a factor for each day, from midnight to midnight by the \
         clocks of `time_zone`; to multiply another rate with.",
    ),
    key("ramp", Kind::Table(&[RAMP]), "A straight way from one rate to another."),
    key("spike", Kind::Table(&[SPIKE]), "A rise, a plateau and a decay, in straight lines."),
    key(
        "noise",
        Kind::Table(&[NOISE]),
        "Luck with a mean of 1, lognormal, anew in every period; to multiply another rate with.",
    ),
    key("sum", RATES, "The sum of these rates."),
    key("product", RATES, "The product of these rates: of one, and of factors."),
    key("scale", PER_SECOND, "Multiplies it.").or("1"),
    key(
        "shift",
        SPAN,
        "How much later all of it happens, but for noise. What comes again has come before: 22 h \
         later is 2 h earlier of a day.",
    )
    .or("\"0 s\""),
    key("resolution", seconds(1, 86_400), "How long a step of a curve is.").or("\"1 min\""),
    key(
        "missing",
        Kind::Choice(&["error", "zero", "interpolate", "hold"]),
        "What a recorded rate is where a point is missing: nothing that is run, 0, a straight line \
         between its neighbours, or as before.",
    )
    .or("\"error\""),
    key(
        "after",
        Kind::Choice(&["repeat", "hold", "zero"]),
        "What a recorded rate is before its first and after its last point: what is recorded again \
         and again, the nearest point, or 0. Who does not write it is warned where it matters.",
    )
    .or("\"repeat\""),
    key(
        "align",
        Kind::Choice(&["auto", "start", "weekday", "time_of_day"]),
        "Where a record with dates lies in the run. `auto`: where its dates say, if any of it lies \
         in the run then, else as `start`. `start`: its first point is at the start. `weekday`, \
         `time_of_day`: the run starts at the first such time of the record, by the clocks of \
         `time_zone` of the scenario.",
    )
    .or("\"auto\""),
    key(
        "period",
        seconds(1, 31_622_400),
        "How long a recorded point lasts; without it the most frequent distance of two.",
    ),
    key(
        "time_zone",
        Kind::Text("a time zone, such as \"Europe/Dublin\""),
        "The zone of recorded times that do not say it; without it that of the scenario, and UTC \
         for `cloudwatch`.",
    ),
    key(
        "columns",
        Kind::Table(&[&[
            key(
                "time",
                COLUMN,
                "Times; without it the only one with a usual name, such as `time`.",
            ),
            key("rate", COLUMN, "Rates; without it the only one such as `requests_per_second`."),
            key("count", COLUMN, "Counts; without it the only one such as `requests`."),
        ]]),
        "Which columns of `file` say what.",
    )
    .or("{}"),
    key(
        "metric",
        Kind::Text("the id or the label of a metric"),
        "Which metric of `cloudwatch` it is; without it the only one.",
    ),
    key(
        "values",
        Kind::Choice(&["sum", "per_second"]),
        "What values of `cloudwatch` are: sums over their period, which are divided by it, or \
         rates already; without it what the unit says, else sums.",
    ),
];

/// Keys that only records have a use for.
pub const OF_FILES: [&str; 8] =
    ["missing", "after", "align", "period", "time_zone", "columns", "metric", "values"];

/// Keys that only curves have a use for.
pub const OF_CURVES: [&str; 1] = ["resolution"];

const DAILY: &[Key] = &[
    key("low", PER_SECOND, "The least, twelve hours from the peak."),
    key("high", PER_SECOND, "The most; between both it goes up and down as a sine does."),
    key("peak_at", TIME_OF_DAY, "When it is highest; 14:00 without it."),
    key(
        "points",
        Kind::Named { thing: "time of day", of: &PER_SECOND },
        "The rate at times of day, such as `{ \"00:00\" = 20, \"09:00\" = 120 }`, with straight \
         lines between them and over midnight; in place of the others.",
    ),
];

const WEEKLY: &[Key] = &[
    key("monday", PER_SECOND, "The factor of Mondays.").or("1"),
    key("tuesday", PER_SECOND, "The factor of Tuesdays.").or("1"),
    key("wednesday", PER_SECOND, "The factor of Wednesdays.").or("1"),
    key("thursday", PER_SECOND, "The factor of Thursdays.").or("1"),
    key("friday", PER_SECOND, "The factor of Fridays.").or("1"),
    key("saturday", PER_SECOND, "The factor of Saturdays.").or("1"),
    key("sunday", PER_SECOND, "The factor of Sundays.").or("1"),
];

const RAMP: &[Key] = &[
    key("from", PER_SECOND, "The rate before it.").required(),
    key("to", PER_SECOND, "The rate after it.").required(),
    key("begins", INSTANT, "When it begins.").or("\"+0 s\""),
    key("lasts", POSITIVE_SPAN, "How long it takes.").required(),
];

const SPIKE: &[Key] = &[
    key("at", INSTANT, "When it begins to rise.").required(),
    key("height", PER_SECOND, "What it adds to `base` at its top.").required(),
    key("base", PER_SECOND, "The rate before and after it: 1 for a factor of a product.").or("0"),
    key("rise", SPAN, "How long it rises.").or("\"0 s\""),
    key("holds", SPAN, "How long it stays at its top.").or("\"5 min\""),
    key("decays", SPAN, "How long it takes to go back.").or("\"0 s\""),
];

const NOISE: &[Key] = &[
    key("cv", Kind::Number { min: 0.0, max: 10.0 }, "Its deviation; 0.1 is some 10 % up or down.")
        .required(),
    key("period", seconds(1, 31_622_400), "How long each draw holds.").or("\"1 min\""),
];
