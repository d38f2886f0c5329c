//! Keys of what an Auto Scaling group does besides keeping its capacity.

use super::*;

const USER_GUIDE: &str = "Amazon EC2 Auto Scaling User Guide";

pub(super) const KEYS: &[Key] = &[
    key(
        "scheduled_action",
        Kind::Named { thing: "scheduled action", of: &Kind::Table(&[SCHEDULED_ACTION]) },
        "Scheduled scaling: other sizes at stated times, up to 125 of them.",
    )
    .documented(USER_GUIDE),
    key(
        "max_instance_lifetime",
        seconds(86_400, 31_536_000),
        "How old an instance becomes before it is replaced, a day to a year; without it, any age.",
    )
    .documented("EC2 Auto Scaling API, MaxInstanceLifetime"),
];

const SCHEDULED_ACTION: &[Key] = &[
    key(
        "recurrence",
        Kind::Text("five fields, such as \"0 9 * * MON-FRI\""),
        "When, again and again: minute, hour, day of month, month and day of week, as in Unix.",
    )
    .documented(USER_GUIDE),
    key(
        "time",
        Kind::Text("a time, such as \"2026-03-03T14:00\", \"Tue 14:00\" or \"+38 h\""),
        "When, once: civil time, the first such weekday and time, or since the start.",
    ),
    key(
        "time_zone",
        Kind::Text("a time zone, such as \"Europe/Dublin\""),
        "The zone of `recurrence`; without it that of the scenario.",
    ),
    key("min_size", integer(0, 1_000_000), "The least it may have from then on."),
    key("max_size", integer(0, 1_000_000), "The most it may have from then on."),
    key("desired_capacity", integer(0, 1_000_000), "How many instances it should have then."),
];
