//! AWS schedule expressions: `rate(…)`, `cron(…)` and `at(…)`, and when they fall due.

use std::fmt;
use std::ops::Range;

use jiff::civil::{Date, DateTime, Time, Weekday};

use super::{Calendar, SimTime, Span};

/// When something recurs, or happens once: a schedule expression of AWS.
///
/// Local times are those of the calendar asked. What clocks skip does not happen; what they show
/// twice happens the first time only, whether the hour is written out or a `*`. Rates count real
/// time: a day is 24 hours. Assumptions: an `at` time is treated as a cron time is, and what is due
/// happens at the beginning of the 60 seconds within which AWS says that it does.
/// Source: EventBridge Scheduler User Guide, "Schedule types", sections on daylight savings time.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Kind);

/// A text that is no schedule expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// Which bytes of the text are wrong.
    pub range: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Schedule {
    /// Reads a schedule expression.
    ///
    /// - `rate(5 minutes)`: a positive number of minutes, hours or days; singular after 1 and
    ///   only there.
    /// - `cron(30 7 ? * MON-FRI *)`: minute, hour, day of month, month, day of week (1 is Sunday),
    ///   year. Lists, ranges and steps (`0/15`); `L` (last day), `LW` (last weekday) and `15W` (the
    ///   weekday nearest to the 15th, in the same month) among days of the month; `L` (Saturday),
    ///   `6L` (the month's last Friday) and, alone, `3#2` (its second Tuesday) among days of the
    ///   week. One of the two day fields, and only one, is `?`.
    /// - `at(2026-03-03T14:00:00)`: once.
    ///
    /// Names of days and months may be in either case. Assumption: ranges do not wrap around
    /// (`FRI-MON`), and `L` and `W` may stand in lists. Sources: EventBridge User Guide, "Cron
    /// expressions reference" and "Rate expressions reference"; EventBridge Scheduler User Guide,
    /// "Schedule types".
    ///
    /// # Errors
    /// If the text is none of these. A day that never comes (31 February) is no error.
    pub fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        let whole = Word { text, at: 0 }.trimmed();
        let Some((name, rest)) = whole.text.split_once('(') else {
            return Err(whole.wrong(not_a_schedule(whole.text), FORMS));
        };
        let Some(inner) = rest.strip_suffix(')') else {
            return Err(whole.wrong(format!("`{}` does not end in `)`", whole.text), FORMS));
        };
        let inner = Word { text: inner, at: whole.at + name.len() + 1 };
        match name {
            "rate" => rate(inner).map(Kind::Rate),
            "cron" => Cron::parse(inner).map(|cron| Kind::Cron(Box::new(cron))),
            "at" => at(inner).map(Kind::At),
            _ => {
                let name = Word { text: name, at: whole.at };
                Err(name.wrong(not_a_schedule(name.text), FORMS))
            }
        }
        .map(Schedule)
    }

    /// Reads a recurrence of EC2 Auto Scaling, the five fields of Unix cron: `0 9 * * MON-FRI`.
    ///
    /// Minute, hour, day of month, month, day of week (0 and 7 are Sunday). Where both day fields
    /// are restricted, either will do. Source: Amazon EC2 Auto Scaling User Guide, "Scheduled
    /// scaling", and crontab(5) that it refers to.
    ///
    /// # Errors
    /// If the text is no such recurrence. A day that never comes (31 February) is no error.
    pub fn parse_recurrence(text: &str) -> Result<Schedule, ScheduleError> {
        let cron = Cron::parse_recurrence(Word { text, at: 0 })?;
        Ok(Schedule(Kind::Cron(Box::new(cron))))
    }

    /// Returns how often it falls due, if it is a rate.
    pub fn rate(&self) -> Option<Span> {
        match &self.0 {
            Kind::Rate(period) => Some(*period),
            Kind::At(_) | Kind::Cron(_) => None,
        }
    }

    /// Returns when the schedule next falls due strictly after an instant; `None` if never.
    ///
    /// Rates are due at the start of the run and at each multiple of their length after it.
    pub fn next_after(&self, calendar: &Calendar, after: SimTime) -> Option<SimTime> {
        let next = after.as_micros().checked_add(1)?;
        self.next_at_or_after(calendar, SimTime::from_micros(next))
    }

    /// Returns when the schedule next falls due at or after an instant; `None` if never.
    pub fn next_at_or_after(&self, calendar: &Calendar, at: SimTime) -> Option<SimTime> {
        match &self.0 {
            Kind::Rate(period) => {
                let periods = at.as_micros().div_ceil(period.as_micros());
                periods.checked_mul(period.as_micros()).map(SimTime::from_micros)
            }
            Kind::At(local) => calendar.first_instant(*local).filter(|due| *due >= at),
            Kind::Cron(cron) => cron.next_at_or_after(calendar, at),
        }
    }
}

impl std::error::Error for ScheduleError {}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Rate(Span),
    At(DateTime),
    Cron(Box<Cron>),
}

/// The dates and the times of day of a `cron` expression.
#[derive(Clone, Debug, PartialEq)]
struct Cron {
    times: Vec<Time>,
    days: Days,
    months: Set,
    years: Set,
}

#[derive(Clone, Debug, PartialEq)]
enum Days {
    OfMonth {
        days: Set,
        last: bool,
        last_weekday: bool,
        nearest_weekday: Set,
    },
    /// Days of every week, and days of the month's last week.
    OfWeek {
        days: Set,
        last: Set,
    },
    /// The day of the week, 1 (Sunday) to 7, and which one in the month.
    Nth {
        day: u16,
        nth: u16,
    },
    /// Days of the month, and days of every week, of which either will do.
    Either {
        of_month: Set,
        of_week: Set,
    },
}

/// A set of the values of one field.
#[derive(Clone, Debug, PartialEq)]
struct Set(Vec<bool>);

/// A part of the text, and where it begins.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    at: usize,
}

/// A field of a `cron` expression: its values, and what some of them are called.
struct Field {
    name: &'static str,
    values: std::ops::RangeInclusive<u16>,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "a minute", values: 0..=59, names: &[] };
const HOUR: Field = Field { name: "an hour", values: 0..=23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "a day of month", values: 1..=31, names: &[] };
const MONTH: Field = Field {
    name: "a month",
    values: 1..=12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const DAY_OF_WEEK: Field = Field {
    name: "a day of week",
    values: 1..=7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
/// A day of week as Unix has it; the set is that of `DAY_OF_WEEK`, but for the other Sunday.
const UNIX_DAY_OF_WEEK: Field = Field {
    name: "a day of week",
    values: 0..=7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: Field = Field { name: "a year", values: 1970..=2199, names: &[] };

const FORMS: &str =
    "write `rate(5 minutes)`, `cron(30 7 ? * MON-FRI *)` or `at(2026-03-03T14:00:00)`";
const FIELDS: &str =
    "the fields are minute, hour, day of month, month, day of week and year: `30 7 ? * MON-FRI *`";

const FIVE_FIELDS: &str =
    "the fields are minute, hour, day of month, month and day of week: `0 9 * * MON-FRI`";

fn not_a_schedule(text: &str) -> String {
    format!("`{text}` is not a schedule expression")
}

fn rate(inner: Word<'_>) -> Result<Span, ScheduleError> {
    let words = inner.words();
    let [number, unit] = words[..] else {
        return Err(inner.wrong(format!("`{}` is not a number and a unit", inner.text), FORMS));
    };
    let count = number.number().filter(|count| *count > 0).ok_or_else(|| {
        number.wrong(format!("`{}` is not a positive number", number.text), FORMS)
    })?;
    let span = match unit.text.strip_suffix('s').unwrap_or(unit.text) {
        "minute" => Span::MINUTE,
        "hour" => Span::HOUR,
        "day" => Span::DAY,
        _ => {
            let message = format!("`{}` is not a unit of a rate", unit.text);
            return Err(unit.wrong(message, "rates have minutes, hours or days"));
        }
    };
    if count == 1 && unit.text.ends_with('s') {
        let hint = format!("write `{}`", unit.text.trim_end_matches('s'));
        return Err(unit.wrong(format!("`{}` is plural after 1", unit.text), &hint));
    }
    if count > 1 && !unit.text.ends_with('s') {
        let hint = format!("write `{}s`", unit.text);
        return Err(unit.wrong(format!("`{}` is singular after {count}", unit.text), &hint));
    }
    let micros = count.checked_mul(span.as_micros());
    let too_long = || number.wrong(format!("{count} {} are too long", unit.text), FORMS);
    micros.map(Span::micros).ok_or_else(too_long)
}

fn at(inner: Word<'_>) -> Result<DateTime, ScheduleError> {
    let local = DateTime::strptime("%Y-%m-%dT%H:%M:%S", inner.text).ok();
    // Fewer digits, which `strptime` reads, are not AWS's form.
    local.filter(|_| inner.text.len() == "yyyy-mm-ddThh:mm:ss".len()).ok_or_else(|| {
        let message = format!("`{}` is not a date and time", inner.text);
        inner.wrong(message, "write `at(2026-03-03T14:00:00)`: local time, with seconds")
    })
}

impl Cron {
    fn parse(inner: Word<'_>) -> Result<Cron, ScheduleError> {
        let words = inner.words();
        let [minute, hour, day_of_month, month, day_of_week, year] = words[..] else {
            let message = format!("`{}` has {} fields instead of 6", inner.text, words.len());
            return Err(inner.wrong(message, FIELDS));
        };
        let (minutes, hours) = (MINUTE.set(minute)?, HOUR.set(hour)?);
        let days = match (day_of_month.text, day_of_week.text) {
            ("?", "?") => {
                let message = "neither day of month nor day of week is given".to_string();
                return Err(day_of_week.wrong(message, "write `*` in one of them for every day"));
            }
            (_, "?") => Days::of_month(day_of_month)?,
            ("?", _) => Days::of_week(day_of_week)?,
            _ => {
                let message = "both day of month and day of week are given".to_string();
                return Err(
                    day_of_week.wrong(message, "write `?` in the day field that does not matter")
                );
            }
        };
        let times = times(&hours, &minutes);
        Ok(Cron { times, days, months: MONTH.set(month)?, years: YEAR.set(year)? })
    }

    fn parse_recurrence(whole: Word<'_>) -> Result<Cron, ScheduleError> {
        let words = whole.words();
        let [minute, hour, day_of_month, month, day_of_week] = words[..] else {
            let message = format!("`{}` has {} fields instead of 5", whole.text, words.len());
            return Err(whole.wrong(message, FIVE_FIELDS));
        };
        let (minutes, hours) = (MINUTE.set(minute)?, HOUR.set(hour)?);
        let mut of_week = UNIX_DAY_OF_WEEK.set(day_of_week)?;
        let is_other_sunday = of_week.0.pop() == Some(true);
        of_week.0[0] |= is_other_sunday;
        let of_month = DAY_OF_MONTH.set(day_of_month)?;
        let is_any = |word: Word<'_>| word.text.starts_with('*');
        let days = match (is_any(day_of_month), is_any(day_of_week)) {
            (_, true) => Days::OfMonth {
                days: of_month,
                last: false,
                last_weekday: false,
                nearest_weekday: DAY_OF_MONTH.none(),
            },
            (true, false) => Days::OfWeek { days: of_week, last: DAY_OF_WEEK.none() },
            (false, false) => Days::Either { of_month, of_week },
        };
        let mut years = YEAR.none();
        years.0.fill(true);
        Ok(Cron { times: times(&hours, &minutes), days, months: MONTH.set(month)?, years })
    }

    fn next_at_or_after(&self, calendar: &Calendar, at: SimTime) -> Option<SimTime> {
        // Clocks show times for the first time in the order of those times. So nothing that they
        // show earlier than what they show now can come, but some of the rest may be past: in an
        // hour that they show for the second time.
        let shown = calendar.local(at);
        self.dates_from(shown.date())
            .flat_map(|date| self.times.iter().map(move |time| date.to_datetime(*time)))
            .filter(|local| *local >= shown)
            .find_map(|local| calendar.first_instant(local).filter(|due| *due >= at))
    }

    /// Returns the dates from `first` to the end of 2199.
    fn dates_from(&self, first: Date) -> impl Iterator<Item = Date> {
        let years = (first.year()..=2199).filter(|year| YEAR.holds(&self.years, *year as u16));
        let months = years.flat_map(move |year| {
            let months = MONTH.values.filter(|month| MONTH.holds(&self.months, *month));
            months.filter_map(move |month| Date::new(year, month as i8, 1).ok())
        });
        months
            .filter(move |month| *month >= first.first_of_month())
            .flat_map(|month| {
                let days = 1..=month.days_in_month();
                days.filter_map(move |day| Date::new(month.year(), month.month(), day).ok())
            })
            .filter(move |date| *date >= first && self.days.hold(*date))
    }
}

fn times(hours: &Set, minutes: &Set) -> Vec<Time> {
    let hours = HOUR.values.filter(|hour| HOUR.holds(hours, *hour));
    let times = hours.flat_map(|hour| {
        let minutes = MINUTE.values.filter(|minute| MINUTE.holds(minutes, *minute));
        minutes.filter_map(move |minute| Time::new(hour as i8, minute as i8, 0, 0).ok())
    });
    times.collect()
}

impl Days {
    fn of_month(field: Word<'_>) -> Result<Days, ScheduleError> {
        let mut days = DAY_OF_MONTH.none();
        let mut nearest_weekday = DAY_OF_MONTH.none();
        let (mut last, mut last_weekday) = (false, false);
        for part in field.split(|c| c == ',') {
            match part.text.to_ascii_uppercase().as_str() {
                "L" => last = true,
                "LW" => last_weekday = true,
                text => match text.strip_suffix('W') {
                    Some(day) => {
                        let day = DAY_OF_MONTH.value(Word { text: day, at: part.at })?;
                        DAY_OF_MONTH.add(&mut nearest_weekday, day);
                    }
                    None => DAY_OF_MONTH.add_part(&mut days, part)?,
                },
            }
        }
        Ok(Days::OfMonth { days, last, last_weekday, nearest_weekday })
    }

    fn of_week(field: Word<'_>) -> Result<Days, ScheduleError> {
        if let Some((day, nth)) = field.text.split_once('#') {
            let day = Word { text: day, at: field.at };
            let nth = Word { text: nth, at: day.at + day.text.len() + 1 };
            if field.text.contains(',') {
                let message = format!("`{}` lists more than a day with `#`", field.text);
                return Err(field.wrong(message, "a day with `#` stands alone: `3#2`"));
            }
            let which = nth.number().and_then(|which| u16::try_from(which).ok());
            let which = which.filter(|which| (1..=5).contains(which)).ok_or_else(|| {
                let message = format!("`{}` does not count days of a month", nth.text);
                nth.wrong(message, "write 1 to 5 after `#`")
            })?;
            return Ok(Days::Nth { day: DAY_OF_WEEK.value(day)?, nth: which });
        }
        if let Some(slash) = field.text.find('/') {
            let step = Word { text: &field.text[slash..], at: field.at + slash };
            let message = "the day of week takes no step".to_string();
            return Err(step.wrong(message, "list the days: `MON,WED,FRI`"));
        }
        let (mut days, mut last) = (DAY_OF_WEEK.none(), DAY_OF_WEEK.none());
        for part in field.split(|c| c == ',') {
            let text = part.text.to_ascii_uppercase();
            match text.strip_suffix('L') {
                Some("") => DAY_OF_WEEK.add(&mut days, 7),
                Some(day) => {
                    let day = DAY_OF_WEEK.value(Word { text: day, at: part.at })?;
                    DAY_OF_WEEK.add(&mut last, day);
                }
                None => DAY_OF_WEEK.add_part(&mut days, part)?,
            }
        }
        Ok(Days::OfWeek { days, last })
    }

    fn hold(&self, date: Date) -> bool {
        let (day, length) = (date.day(), date.days_in_month());
        let weekday = date.weekday().to_sunday_one_offset() as u16;
        match self {
            Days::OfMonth { days, last, last_weekday, nearest_weekday } => {
                let nearest = (1..=length)
                    .filter(|wanted| DAY_OF_MONTH.holds(nearest_weekday, *wanted as u16))
                    .any(|wanted| weekday_nearest(date, wanted) == day);
                DAY_OF_MONTH.holds(days, day as u16)
                    || (*last && day == length)
                    || (*last_weekday && weekday_nearest(date, length) == day)
                    || nearest
            }
            Days::OfWeek { days, last } => {
                DAY_OF_WEEK.holds(days, weekday)
                    || (DAY_OF_WEEK.holds(last, weekday) && day > length - 7)
            }
            Days::Either { of_month, of_week } => {
                DAY_OF_MONTH.holds(of_month, day as u16) || DAY_OF_WEEK.holds(of_week, weekday)
            }
            Days::Nth { day: wanted, nth } => {
                weekday == *wanted && (day as u16 - 1) / 7 + 1 == *nth
            }
        }
    }
}

/// Returns the weekday nearest to a day of a date's month, without leaving the month.
fn weekday_nearest(date: Date, day: i8) -> i8 {
    let wanted = Date::new(date.year(), date.month(), day).expect("callers keep to the month");
    match wanted.weekday() {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == wanted.days_in_month() => day - 2,
        Weekday::Sunday => day + 1,
        Weekday::Monday
        | Weekday::Tuesday
        | Weekday::Wednesday
        | Weekday::Thursday
        | Weekday::Friday => day,
    }
}

impl Field {
    fn none(&self) -> Set {
        Set(vec![false; usize::from(self.values.end() - self.values.start()) + 1])
    }

    fn holds(&self, set: &Set, value: u16) -> bool {
        self.values.contains(&value) && set.0[usize::from(value - self.values.start())]
    }

    fn add(&self, set: &mut Set, value: u16) {
        set.0[usize::from(value - self.values.start())] = true;
    }

    fn set(&self, field: Word<'_>) -> Result<Set, ScheduleError> {
        let mut set = self.none();
        field.split(|c| c == ',').try_for_each(|part| self.add_part(&mut set, part))?;
        Ok(set)
    }

    /// Adds one part of a list: a value, a range, `*`, or one of them with a step.
    fn add_part(&self, set: &mut Set, part: Word<'_>) -> Result<(), ScheduleError> {
        let (from, step) = match part.text.split_once('/') {
            Some((from, step)) => {
                let word = Word { text: step, at: part.at + from.len() + 1 };
                let step = word.number().and_then(|step| u16::try_from(step).ok());
                let step = step.filter(|step| *step > 0).ok_or_else(|| {
                    let message = format!("`{}` is not a step", word.text);
                    word.wrong(message, "write a positive number after `/`: `0/15`")
                })?;
                (Word { text: from, at: part.at }, Some(step))
            }
            None => (part, None),
        };
        let (first, last) = match from.text.split_once('-') {
            _ if from.text == "*" => (*self.values.start(), *self.values.end()),
            Some((first, last)) => {
                let last_at = from.at + first.len() + 1;
                let first = self.value(Word { text: first, at: from.at })?;
                (first, self.value(Word { text: last, at: last_at })?)
            }
            // A step from a single value goes on to the last one.
            None => {
                let first = self.value(from)?;
                (first, if step.is_some() { *self.values.end() } else { first })
            }
        };
        if first > last {
            let hint = "write a range that wraps around as two: `22-23,0-2`, `FRI-SAT,SUN-MON`";
            return Err(from.wrong(format!("`{}` runs backwards", from.text), hint));
        }
        let values = (first..=last).step_by(step.unwrap_or(1).into());
        values.for_each(|value| self.add(set, value));
        Ok(())
    }

    fn value(&self, word: Word<'_>) -> Result<u16, ScheduleError> {
        let name = word.text.to_ascii_uppercase();
        let named = self.names.iter().position(|known| *known == name);
        let named = named.map(|position| self.values.start() + position as u16);
        let value = named.or_else(|| word.number().and_then(|value| u16::try_from(value).ok()));
        value.filter(|value| self.values.contains(value)).ok_or_else(|| {
            let (first, last) = (self.values.start(), self.values.end());
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            let hint = format!("{} is {first} to {last}{names}", self.name);
            word.wrong(format!("`{}` is not {}", word.text, self.name), &hint)
        })
    }
}

impl<'a> Word<'a> {
    fn wrong(self, message: String, hint: &str) -> ScheduleError {
        ScheduleError { range: self.at..self.at + self.text.len(), message, hint: hint.to_string() }
    }

    fn trimmed(self) -> Word<'a> {
        let start = self.text.len() - self.text.trim_start().len();
        Word { text: self.text.trim(), at: self.at + start }
    }

    fn words(self) -> Vec<Word<'a>> {
        self.split(|c| c.is_ascii_whitespace()).filter(|word| !word.text.is_empty()).collect()
    }

    fn split(self, separates: fn(char) -> bool) -> impl Iterator<Item = Word<'a>> {
        let mut at = self.at;
        self.text.split(separates).map(move |text| {
            let word = Word { text, at };
            at += text.len() + 1; // Separators are ASCII.
            word
        })
    }

    /// Reads plain digits: no sign, no point.
    fn number(self) -> Option<u64> {
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { self.text.parse().ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use croner::parser::{CronParser, Seconds, Year};
    use jiff::Zoned;
    use jiff::tz::TimeZoneDatabase;

    use super::*;
    use crate::units::TimeFormat;

    /// Returns when a schedule falls due, the start of the calendar included.
    fn due(text: &str, calendar: &Calendar, count: usize) -> Vec<SimTime> {
        let schedule = Schedule::parse(text).unwrap();
        let first = schedule.next_at_or_after(calendar, SimTime::ZERO);
        std::iter::successors(first, |at| schedule.next_after(calendar, *at)).take(count).collect()
    }

    fn check(text: &str, start: &str, zone: &str, expected: &[&str]) {
        let calendar = Calendar::new(start, zone).unwrap();
        let found: Vec<String> = due(text, &calendar, expected.len().max(1))
            .iter()
            .map(|at| calendar.format(*at, TimeFormat::Iso8601))
            .collect();
        assert_eq!(found, expected, "{text} from {start} in {zone}");
    }

    #[test]
    fn rates_count_from_the_start_in_real_time() {
        let check = |text: &str, secs: [u64; 3]| {
            let calendar = Calendar::new("2026-03-28T12:00", "Europe/Dublin").unwrap();
            assert_eq!(due(text, &calendar, 3), secs.map(SimTime::from_secs), "{text}");
        };
        check("rate(1 minute)", [0, 60, 120]);
        check("rate(5 minutes)", [0, 300, 600]);
        check("rate( 12  hours )", [0, 43_200, 86_400]);
        // Across a day of 23 hours; EventBridge Scheduler's guide writes it with an s.
        check("rate(1 day)", [0, 86_400, 172_800]);
        let calendar = Calendar::new("2026-03-02", "UTC").unwrap();
        let rate = Schedule::parse("rate(2 minutes)").unwrap();
        let next = |micros| rate.next_after(&calendar, SimTime::from_micros(micros));
        assert_eq!(next(119_999_999), Some(SimTime::from_secs(120)));
        assert_eq!(next(120_000_000), Some(SimTime::from_secs(240)));
        assert_eq!(next(u64::MAX), None);
        assert_eq!(next(u64::MAX - 1), None);
    }

    /// Judged by another library of cron, which takes the five fields as they are.
    #[test]
    fn recurrences_have_the_five_fields_of_unix() {
        let calendar = Calendar::new("2026-01-01T00:00", "UTC").unwrap();
        let start: Zoned = "2026-01-01T00:00:00[UTC]".parse().unwrap();
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        for text in [
            "0 9 * * *",
            "*/20 8-10 * * MON-FRI",
            "30 0 1 1,6,12 *",
            "15 18 13 * FRI",
            "0 0 * * 0",
            "0 0 * * 7",
            "5 4 1,15 * 3",
            "0 12 */10 * *",
        ] {
            let schedule = Schedule::parse_recurrence(text).unwrap();
            let first = schedule.next_at_or_after(&calendar, SimTime::ZERO);
            let found = std::iter::successors(first, |at| schedule.next_after(&calendar, *at));
            let found = found.take(40).map(|at| calendar.local(at).to_string());
            let expected = parser.parse(text).unwrap();
            let expected = expected.iter_from(start.clone(), croner::Direction::Forward);
            let expected = expected.take(40).map(|at| at.datetime().to_string());
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{text}");
        }
        for text in ["0 9 * *", "0 9 * * * *", "60 9 * * *", "0 9 * * 8", "cron(0 9 * * *)"] {
            let error = Schedule::parse_recurrence(text).unwrap_err();
            assert!(!error.hint.is_empty() && text.get(error.range.clone()).is_some(), "{text}");
        }
    }

    #[test]
    fn once_is_once() {
        let at = "at(2026-03-03T14:00:00)";
        check(at, "2026-03-02", "Europe/Dublin", &["2026-03-03T14:00:00+00:00"]);
        check(at, "2026-03-03T14:00", "Europe/Dublin", &["2026-03-03T14:00:00+00:00"]);
        check(at, "2026-03-03T14:00:01", "Europe/Dublin", &[]);
        check("at(2026-03-29T01:30:00)", "2026-03-02", "Europe/Dublin", &[]);
        let twice = "at(2026-10-25T01:30:00)";
        check(twice, "2026-03-02", "Europe/Dublin", &["2026-10-25T01:30:00+01:00"]);
    }

    #[test]
    fn examples_of_the_guides_fall_due_as_they_say() {
        let utc = |text: &str, start: &str, expected: &[&str]| check(text, start, "UTC", expected);
        // EventBridge User Guide, "Cron expressions reference".
        utc(
            "cron(0 10 * * ? *)",
            "2026-03-02",
            &["2026-03-02T10:00:00+00:00", "2026-03-03T10:00:00+00:00"],
        );
        utc("cron(15 12 * * ? *)", "2026-03-02T12:15", &["2026-03-02T12:15:00+00:00"]);
        utc(
            "cron(0 18 ? * MON-FRI *)",
            "2026-03-06",
            &["2026-03-06T18:00:00+00:00", "2026-03-09T18:00:00+00:00"],
        );
        utc("cron(0 8 1 * ? *)", "2026-03-02", &["2026-04-01T08:00:00+00:00"]);
        utc(
            "cron(0/15 * * * ? *)",
            "2026-03-02T00:01",
            &["2026-03-02T00:15:00+00:00", "2026-03-02T00:30:00+00:00"],
        );
        utc(
            "cron(1/10 0 * * ? *)",
            "2026-03-02T00:05",
            &["2026-03-02T00:11:00+00:00", "2026-03-02T00:21:00+00:00"],
        );
        utc("cron(0 9 ? * 2#1 *)", "2026-03-03", &["2026-04-06T09:00:00+00:00"]); // first Monday
        utc("cron(0 0 ? * 3#2 *)", "2026-03-02", &["2026-03-10T00:00:00+00:00"]); // second Tuesday
        // The 3rd of May is a Sunday.
        utc("cron(0 0 3W * ? *)", "2026-05-01", &["2026-05-04T00:00:00+00:00"]);
        // EventBridge Scheduler User Guide: the last Friday of each month in 2022 and 2023.
        utc(
            "cron(15 10 ? * 6L 2022-2023)",
            "2023-11-01",
            &["2023-11-24T10:15:00+00:00", "2023-12-29T10:15:00+00:00"],
        );
        utc("cron(15 10 ? * 6L 2022-2023)", "2024-01-01", &[]);
        let los_angeles = "America/Los_Angeles";
        check("at(2022-11-20T13:00:00)", "2022-11-01", los_angeles, &["2022-11-20T13:00:00-08:00"]);
        // A-E66: every 5 minutes from 08:00 to 17:55 on working days.
        let working = "cron(0/5 8-17 ? * MON-FRI *)";
        utc(
            working,
            "2026-03-06T17:50",
            &[
                "2026-03-06T17:50:00+00:00",
                "2026-03-06T17:55:00+00:00",
                "2026-03-09T08:00:00+00:00",
            ],
        );
        // The last day of the week is Saturday; names may be in lower case; lists may hold `L`.
        utc("cron(0 0 ? * L *)", "2026-03-02", &["2026-03-07T00:00:00+00:00"]);
        utc(
            "cron(0 0 29 feb ? *)",
            "2026-03-02",
            &["2028-02-29T00:00:00+00:00", "2032-02-29T00:00:00+00:00"],
        );
        utc(
            "cron(0 0 1W,L * ? *)",
            "2026-08-02",
            &["2026-08-03T00:00:00+00:00", "2026-08-31T00:00:00+00:00"],
        );
    }

    #[test]
    fn what_clocks_skip_does_not_happen_and_what_they_repeat_happens_once() {
        // EventBridge Scheduler User Guide, "Daylight savings time": `cron(30 2 * * ? *)` in
        // Los Angeles skips the day in spring; in autumn it runs once, before the shift.
        let nightly = "cron(30 2 * * ? *)";
        let los_angeles = "America/Los_Angeles";
        check(
            nightly,
            "2026-03-07",
            los_angeles,
            &["2026-03-07T02:30:00-08:00", "2026-03-09T02:30:00-07:00"],
        );
        check(nightly, "2026-11-01", los_angeles, &["2026-11-01T02:30:00-08:00"]);
        let early = "cron(30 1 * * ? *)";
        check(
            early,
            "2026-11-01",
            los_angeles,
            &["2026-11-01T01:30:00-07:00", "2026-11-02T01:30:00-08:00"],
        );
        // From between the two times that clocks show 01:30.
        check(early, "2026-11-01T01:45-07:00", los_angeles, &["2026-11-02T01:30:00-08:00"]);
    }

    #[test]
    fn every_due_time_is_found_by_a_scan_of_every_minute() {
        let zones = ["UTC", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Cairo"];
        let starts = [
            "2026-03-27T05:31",
            "2026-04-03T23:10",
            "2026-10-02",
            "2026-10-24T01:45",
            "2026-10-29",
        ];
        for (zone, start) in zones.iter().flat_map(|zone| starts.map(|start| (zone, start))) {
            let calendar = Calendar::new(start, zone).unwrap();
            for (text, minutes) in [("cron(0/7 * * * ? *)", 7), ("cron(0/30 * ? * SUN,FRI *)", 30)]
            {
                let every_day = minutes == 7;
                let mut latest = None;
                let expected: Vec<SimTime> = (0..4 * 24 * 60)
                    .map(|minute| SimTime::from_secs(minute * 60))
                    .filter(|at| {
                        let shown = calendar.civil(*at);
                        let key = Some((shown.year, shown.month, shown.day, shown.time_of_day));
                        let again = key <= latest;
                        latest = latest.max(key);
                        let minute = shown.time_of_day.as_micros() / 60_000_000 % 60;
                        let day = every_day || [4, 6].contains(&shown.days_from_monday);
                        !again && day && minute.is_multiple_of(minutes)
                    })
                    .collect();
                let until = SimTime::from_secs(4 * 86_400);
                let mut found = due(text, &calendar, 1000);
                found.retain(|at| *at < until);
                assert_eq!(found, expected, "{text} in {zone} from {start}");
            }
        }
    }

    #[test]
    fn cron_agrees_with_an_independent_implementation() {
        let expressions = [
            "0 * * * ? *",
            "0/15 * * * ? *",
            "7/10 6 * * ? *",
            "*/20 5-7 * * ? *",
            "10-40/10,55 4,9,23 * * ? *",
            "30 7 ? * MON-FRI *",
            "0 12 ? * 2,4,SAT *",
            "0 12 ? * 1-3 *",
            "15 10 ? * 6L *",
            "15 10 ? * 1L,MON *",
            "0 9 ? * 3#2 *",
            "0 9 ? * 6#5 *",
            "0 9 ? * SUN#1 2027-2030",
            "0 6 L * ? *",
            "0 6 LW * ? *",
            "0 6 15W * ? *",
            "0 6 1W * ? *",
            "0 6 30W * ? *",
            "0 6 1,15,28 JAN-MAR,12 ? *",
            "0 6 */9 * ? *",
            "45 23 31 * ? *",
            "0 6 29 2 ? *",
            "0 6 29 FEB ? 2030/7",
            "59 23 31 12 ? 2026,2030-2032",
        ];
        // Where clocks change, AWS's rules are its own: compared are hours in which they never do.
        let zones = ["UTC", "Europe/Dublin", "America/New_York"];
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .alternative_weekdays(true)
            .sloppy_ranges(true)
            .build();
        for (expression, zone) in expressions.iter().flat_map(|text| zones.map(|zone| (text, zone)))
        {
            let oracle = parser.parse(&format!("0 {expression}")).unwrap();
            let tz = TimeZoneDatabase::bundled().get(zone).unwrap();
            let text = format!("cron({expression})");
            for start in ["2026-03-27T23:59:30", "2026-10-20", "2027-12-31T12:00"] {
                let calendar = Calendar::new(start, zone).unwrap();
                let start: Zoned = start.parse::<DateTime>().unwrap().to_zoned(tz.clone()).unwrap();
                let quiet = |time: &str| zone == "UTC" || &time[11..13] >= "04";
                let mut found: Vec<String> = due(&text, &calendar, 250)
                    .iter()
                    .map(|at| calendar.format(*at, TimeFormat::Iso8601))
                    .collect();
                let mut expected: Vec<String> = oracle
                    .iter_from(start, croner::Direction::Forward)
                    .take(250)
                    .take_while(|at| at.year() <= 2199)
                    .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
                    .collect();
                found.retain(|time| quiet(time));
                expected.retain(|time| quiet(time));
                let both = found.len().min(expected.len());
                assert!(found.len().abs_diff(expected.len()) <= 10, "{text} in {zone}");
                assert_eq!(found[..both], expected[..both], "{text} in {zone}");
                assert!(both >= 3, "{text} in {zone}: only {both} times compared");
            }
        }
    }

    #[test]
    fn a_day_that_never_comes_is_never() {
        for text in ["0 0 31 2 ? *", "0 0 31W 2,4 ? *", "0 0 ? * 2#5 1970-2025", "30 1 29 3 ? 2026"]
        {
            check(&format!("cron({text})"), "2026-03-02", "Europe/Dublin", &[]);
        }
        let calendar = Calendar::new("2026-03-02", "UTC").unwrap();
        let always = Schedule::parse("cron(* * * * ? *)").unwrap();
        assert_eq!(always.next_after(&calendar, SimTime::MAX), None);
        let end = calendar.instant("2199-12-31T23:59").unwrap();
        assert_eq!(always.next_at_or_after(&calendar, end), Some(end));
        assert_eq!(always.next_after(&calendar, end), None);
    }

    #[test]
    fn a_mistake_is_pointed_at() {
        // The first `^^^` line below a text marks the range.
        let check = |text: &str, marked: &str, message: &str| {
            let error = Schedule::parse(text).unwrap_err();
            let found = " ".repeat(error.range.start) + &"^".repeat(error.range.len());
            assert_eq!((found.as_str(), error.message.as_str()), (marked, message), "{text}");
            assert!(!error.hint.is_empty());
        };
        check(" hourly ", " ^^^^^^", "`hourly` is not a schedule expression");
        check("every(5 minutes)", "^^^^^", "`every` is not a schedule expression");
        check("rate(5 minutes", "^^^^^^^^^^^^^^", "`rate(5 minutes` does not end in `)`");
        check("rate()", "     ", "`` is not a number and a unit");
        check("rate(5minutes)", "     ^^^^^^^^", "`5minutes` is not a number and a unit");
        check("rate(0 minutes)", "     ^", "`0` is not a positive number");
        check("rate(1.5 hours)", "     ^^^", "`1.5` is not a positive number");
        check("rate(-1 hours)", "     ^^", "`-1` is not a positive number");
        check("rate(5 minute)", "       ^^^^^^", "`minute` is singular after 5");
        check("rate(1 hours)", "       ^^^^^", "`hours` is plural after 1");
        check("rate(5 weeks)", "       ^^^^^", "`weeks` is not a unit of a rate");
        check("rate(999999999999 days)", "     ^^^^^^^^^^^^", "999999999999 days are too long");
        check("at(2026-03-03)", "   ^^^^^^^^^^", "`2026-03-03` is not a date and time");
        check(
            "at(2026-02-30T00:00:00)",
            "   ^^^^^^^^^^^^^^^^^^^",
            "`2026-02-30T00:00:00` is not a date and time",
        );
        check(
            "at(2026-3-3T14:00:00)",
            "   ^^^^^^^^^^^^^^^^^",
            "`2026-3-3T14:00:00` is not a date and time",
        );
        check("cron(0 9 * * *)", "     ^^^^^^^^^", "`0 9 * * *` has 5 fields instead of 6");
        check("cron(0 9 * * * *)", "             ^", "both day of month and day of week are given");
        check(
            "cron(0 9 ? * ? *)",
            "             ^",
            "neither day of month nor day of week is given",
        );
        check("cron(60 9 * * ? *)", "     ^^", "`60` is not a minute");
        check("cron(0 9,24 * * ? *)", "         ^^", "`24` is not an hour");
        check("cron(0 9 0 * ? *)", "         ^", "`0` is not a day of month");
        check("cron(0 9 L-3 * ? *)", "         ^", "`L` is not a day of month");
        check("cron(0 9 32W * ? *)", "         ^^", "`32` is not a day of month");
        check("cron(0 9 * MRZ ? *)", "           ^^^", "`MRZ` is not a month");
        check("cron(0 9 ? * 0 *)", "             ^", "`0` is not a day of week");
        check("cron(0 9 ? * MON-FUN *)", "                 ^^^", "`FUN` is not a day of week");
        check("cron(0 9 ? * FRI-MON *)", "             ^^^^^^^", "`FRI-MON` runs backwards");
        check("cron(0 9 ? * 2/2 *)", "              ^^", "the day of week takes no step");
        check(
            "cron(0 9 ? * 3#1,6#3 *)",
            "             ^^^^^^^",
            "`3#1,6#3` lists more than a day with `#`",
        );
        check("cron(0 9 ? * 3#6 *)", "               ^", "`6` does not count days of a month");
        check("cron(0 9 ? * 8#1 *)", "             ^", "`8` is not a day of week");
        check("cron(0/0 9 * * ? *)", "       ^", "`0` is not a step");
        check("cron(0/ 9 * * ? *)", "       ", "`` is not a step");
        check("cron(0, 9 * * ? *)", "       ", "`` is not a minute");
        check("cron(0 9 * * ? 2200)", "               ^^^^", "`2200` is not a year");
        check("cron(0 9 * * ? 1969-2026)", "               ^^^^", "`1969` is not a year");
        check("cron(0 9 * ? ? *)", "           ^", "`?` is not a month");
    }

    #[test]
    fn no_text_brings_the_parser_down() {
        // A linear congruential generator: numbers of Knuth's MMIX.
        let mut state = 1u64;
        let mut draw = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let pieces = [
            "cron(", "rate(", "at(", ")", " ", "*", "?", "L", "W", "#", "/", "-", ",", "5", "31",
            "é", "MON", "2026", "\u{a0}", "99999",
        ];
        let fields = ["*", "?", "?", "1", "5,2", "2/3", "1-4", "L", "31W", "7#5", "2L", "FEB", "/"];
        let calendar = Calendar::new("2026-03-02", "UTC").unwrap();
        let mut parsed = 0;
        for round in 0..20_000 {
            let text: String = if round % 2 == 0 {
                (0..draw(12)).map(|_| pieces[draw(pieces.len())]).collect()
            } else {
                let fields: Vec<&str> = (0..6).map(|_| fields[draw(fields.len())]).collect();
                format!("cron({})", fields.join(" "))
            };
            match Schedule::parse(&text) {
                Ok(schedule) => {
                    parsed += 1;
                    let first = schedule.next_at_or_after(&calendar, SimTime::ZERO);
                    let next = first.and_then(|at| schedule.next_after(&calendar, at));
                    assert!(next.is_none() || next > first);
                }
                Err(error) => assert!(text.get(error.range).is_some(), "{text}"),
            }
        }
        assert!(parsed > 10, "only {parsed} texts were schedules");
    }
}
