//! Quantities with a unit: simulated time, money, resources. Everything else is built on these.

mod amount;
mod calendar;
mod money;
mod schedule;
mod text;
mod time;

pub use amount::{Bytes, Resources};
pub use calendar::{
    Calendar, CalendarError, Civil, Tick, TimeFormat, parse_time_of_day, parse_utc_micros,
};
pub use money::{HourlyRate, Money};
pub(crate) use money::{divide_half_even, with_thousands};
pub use schedule::{Schedule, ScheduleError};
pub(crate) use text::{
    Decimal, TIME_HINT, amount, fault, is_invisible, shortened, split_unit, time_unit, too_large,
};
pub use text::{Fault, parse_span};
pub use time::{SimTime, Span};
