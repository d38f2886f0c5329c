//! Simulated time as clocks show it: a start, a time zone, and the way between both and text.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::{SimTime, Span, parse_span};

/// Where simulated time lies in civil time: when the run began, and which zone's clocks tell it.
///
/// Zone data is the one bundled with the program, so a run reads the same on every machine.
/// Instants later than the year 9999 read as the end of that year.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    start: Timestamp,
    zone: TimeZone,
}

/// A text that is no time, or no time zone, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarError {
    /// The part of the input that is wrong.
    pub text: String,
    /// What is wrong with it, naming it.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// How an instant is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// `Tue 3 Mar 09:02`
    DayAndTime,
    /// `2026-03-03 09:02:11`
    DateAndTime,
    /// `2 Mar`
    Day,
    /// `2026-03-03T09:02:11+00:00`, with a fraction of a second only where there is one.
    Iso8601,
}

/// What a clock and a calendar on the wall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: i16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The day of the week, 0 (Monday) to 6 (Sunday).
    pub days_from_monday: u8,
    /// What the clock shows, as time from 00:00; not the time passed where clocks changed that day.
    pub time_of_day: Span,
}

/// A mark on an axis of civil time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where it stands.
    pub at: SimTime,
    /// What stands beside it: `09:00`, `Tue 3`, `2 Mar`, `Mar`, `2026`.
    pub label: String,
    /// What stands below the label where something larger begins: the date under midnight, the
    /// month under its first day, the year; also under the first mark, if there is room; or the
    /// zone's abbreviation where clocks have just changed.
    pub second_line: Option<String>,
    /// Whether a larger unit begins here: a day, a month, a year, a decade.
    pub major: bool,
}

impl Calendar {
    /// Makes the calendar of a run that begins at `start`, read by the clocks of `time_zone`.
    ///
    /// `start` is a local time (`2026-03-02T00:00`, also with seconds), a date (its midnight), or a
    /// time with its own offset (`…+01:00`, `…Z`), between 1970 and 2199. Of a local time that
    /// clocks show twice it is the first. `time_zone` is a name of the IANA database, such as
    /// `Europe/Dublin` or `UTC`.
    ///
    /// # Errors
    /// If either cannot be read, or clocks never show that time.
    pub fn new(start: &str, time_zone: &str) -> Result<Calendar, CalendarError> {
        let calendar = Calendar { start: Timestamp::UNIX_EPOCH, zone: zone_named(time_zone)? };
        let start = calendar.absolute(start)?;
        Ok(Calendar { start, ..calendar })
    }

    /// Returns the calendar of the same run, read by the clocks of another zone.
    ///
    /// # Errors
    /// If the zone is unknown.
    pub fn in_zone(&self, time_zone: &str) -> Result<Calendar, CalendarError> {
        Ok(Calendar { start: self.start, zone: zone_named(time_zone)? })
    }

    /// Returns the name of the time zone, as the IANA database spells it.
    pub fn time_zone(&self) -> &str {
        self.zone.iana_name().expect("zones are looked up by their IANA names")
    }

    /// Returns microseconds from 1970-01-01T00:00Z to an instant.
    pub fn unix_micros(&self, at: SimTime) -> i64 {
        self.timestamp(at).as_microsecond()
    }

    /// Returns what clocks show at an instant.
    pub fn civil(&self, at: SimTime) -> Civil {
        let local = self.local(at);
        Civil {
            year: local.year(),
            month: local.month() as u8,
            day: local.day() as u8,
            days_from_monday: local.weekday().to_monday_zero_offset() as u8,
            time_of_day: Span::micros(micros_of_day(local)),
        }
    }

    /// Writes an instant as clocks show it.
    pub fn format(&self, at: SimTime, format: TimeFormat) -> String {
        let pattern = match format {
            TimeFormat::DayAndTime => "%a %-d %b %H:%M",
            TimeFormat::DateAndTime => "%Y-%m-%d %H:%M:%S",
            TimeFormat::Day => "%-d %b",
            TimeFormat::Iso8601 => "%Y-%m-%dT%H:%M:%S%.f%:z",
        };
        self.zoned(at).strftime(pattern).to_string()
    }

    /// Reads an instant of the run.
    ///
    /// - `2026-03-03T14:00`, `2026-03-03`, `2026-03-03T14:00Z`: as the start of a calendar is read.
    /// - `Tue 14:00`, `14:00`: the first such time at or after the start.
    /// - `+38 h`, `+1 d 12 h`: that span after the start; a day here is 24 hours.
    ///
    /// # Errors
    /// If the text is none of these, clocks never show that time, or it is before the start.
    pub fn instant(&self, text: &str) -> Result<SimTime, CalendarError> {
        let text = text.trim();
        if let Some(span) = text.strip_prefix('+') {
            let span = parse_span(span).map_err(|fault| CalendarError {
                text: text.to_string(),
                message: format!("the span {}", fault.fact),
                hint: fault.hint,
            })?;
            return Ok(SimTime::ZERO.saturating_add(span));
        }
        if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (day, time) = text.split_once(char::is_whitespace).ok_or_else(|| no_time(text))?;
            return self.upcoming(Some(weekday(day)?), time_of_day(time.trim())?);
        }
        if text.contains(':') && !text.contains('-') {
            return self.upcoming(None, time_of_day(text)?);
        }
        let at = self.absolute(text)?;
        self.sim_time(at).ok_or_else(|| CalendarError {
            text: text.to_string(),
            message: format!(
                "`{text}` is before the run starts, at {}",
                self.format(SimTime::ZERO, TimeFormat::Iso8601)
            ),
            hint: "give a time from the start on, or start earlier".to_string(),
        })
    }

    /// Returns the marks of an axis from one instant to another, at most `max_ticks`.
    ///
    /// Both ends are included; there are none if `to` is before `from`.
    /// They stand at round times by the local clock, as close together as `max_ticks` allows: 1,
    /// 5, 10, 15, 30 s or min; 1, 2, 3, 6, 12 h; a day; a week (Mondays); 1, 3, 6 months; 1, 2, 5,
    /// 10 … years. They are in order and never coincide. An hour that clocks skip has no mark; one
    /// that they show twice has its marks twice if the step is an hour or less, otherwise once.
    pub fn ticks(&self, from: SimTime, to: SimTime, max_ticks: usize) -> Vec<Tick> {
        let (from, to) = (self.zoned(from), self.zoned(to));
        if from > to || max_ticks == 0 {
            return Vec::new();
        }
        STEPS
            .iter()
            .find_map(|step| Some((step.grain(), step.instants(&from, &to, max_ticks)?)))
            .map_or_else(Vec::new, |(grain, instants)| self.labelled(grain, &instants))
    }

    /// Writes a stretch of time for a headline, from its first instant to the one after its last:
    /// `Mon 2 Mar 00:00 – Mon 9 Mar 2026 00:00 (Europe/Dublin, 7 d)`.
    ///
    /// # Panics
    /// If `to` is before `from`.
    pub fn heading(&self, from: SimTime, to: SimTime) -> String {
        let length = to.since(from);
        let (first, end) = (self.zoned(from), self.zoned(to));
        let stretch = if first.date() == end.date() {
            format!("{}–{}", first.strftime("%a %-d %b %Y %H:%M"), end.strftime("%H:%M"))
        } else {
            let year = if first.year() == end.year() { "" } else { " %Y" };
            let first = first.strftime(&format!("%a %-d %b{year} %H:%M")).to_string();
            format!("{first} – {}", end.strftime("%a %-d %b %Y %H:%M"))
        };
        format!("{stretch} ({}, {length})", self.time_zone())
    }

    /// Returns the instants up to `until` from which clocks run on evenly, the first that of the
    /// start, each with what clocks show there: microseconds since 00:00 on a Monday long ago.
    pub fn clock_changes(&self, until: SimTime) -> Vec<(SimTime, i64)> {
        const THURSDAY: i64 = 3 * Span::DAY.as_micros() as i64; // 1970 began on one.
        let shown = |at: Timestamp| {
            at.as_microsecond()
                + i64::from(self.zone.to_offset(at).seconds()) * 1_000_000
                + THURSDAY
        };
        let end = self.timestamp(until);
        let changes = self.zone.following(self.start).map(|it| it.timestamp());
        let changes = changes.take_while(|at| *at <= end);
        let mut list = vec![(SimTime::ZERO, shown(self.start))];
        list.extend(changes.filter_map(|at| Some((self.sim_time(at)?, shown(at)))));
        list
    }

    /// Reads a date and time, by the clocks of this zone unless it has an offset, as microseconds
    /// since 1970-01-01T00:00Z.
    ///
    /// # Errors
    /// If the text is no date and time of the years 1970 to 2199, or clocks never show it.
    pub fn unix_micros_of(&self, text: &str) -> Result<i64, CalendarError> {
        self.absolute(text).map(Timestamp::as_microsecond)
    }

    /// Returns the local time at an instant.
    pub(super) fn local(&self, at: SimTime) -> DateTime {
        self.zone.to_datetime(self.timestamp(at))
    }

    /// Returns when clocks first show a local time; `None` if never, or before the start.
    pub(super) fn first_instant(&self, local: DateTime) -> Option<SimTime> {
        self.sim_time(self.instants(local).0?)
    }

    fn zoned(&self, at: SimTime) -> Zoned {
        self.timestamp(at).to_zoned(self.zone.clone())
    }

    fn timestamp(&self, at: SimTime) -> Timestamp {
        i64::try_from(at.as_micros())
            .ok()
            .and_then(|micros| self.start.as_microsecond().checked_add(micros))
            .and_then(|micros| Timestamp::from_microsecond(micros).ok())
            .unwrap_or(Timestamp::MAX)
    }

    fn sim_time(&self, at: Timestamp) -> Option<SimTime> {
        let micros = at.as_microsecond() - self.start.as_microsecond();
        u64::try_from(micros).ok().map(SimTime::from_micros)
    }

    /// Returns when clocks show a local time: never, once, or twice.
    fn instants(&self, local: DateTime) -> (Option<Timestamp>, Option<Timestamp>) {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset.to_timestamp(local).ok(), None),
            AmbiguousOffset::Gap { .. } => (None, None),
            AmbiguousOffset::Fold { before, after } => {
                (before.to_timestamp(local).ok(), after.to_timestamp(local).ok())
            }
        }
    }

    /// Reads a date and time, local unless it has an offset.
    fn absolute(&self, text: &str) -> Result<Timestamp, CalendarError> {
        const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;
        let (local, given) = date_time(text)?;
        if !YEARS.contains(&local.year()) {
            return Err(CalendarError {
                text: text.to_string(),
                message: format!("`{text}` is outside the years 1970 to 2199"),
                hint: "give a year that AWS schedules know".to_string(),
            });
        }
        if let Some(at) = given {
            return Ok(at);
        }
        match self.instants(local) {
            // A run may start between the two times that clocks show this.
            (Some(first), Some(second)) if first < self.start && self.start <= second => Ok(second),
            (Some(first), _) => Ok(first),
            (None, _) => Err(self.skipped(text, local)),
        }
    }

    fn skipped(&self, text: &str, local: DateTime) -> CalendarError {
        let shown = self.zone.to_ambiguous_zoned(local).compatible();
        CalendarError {
            text: text.to_string(),
            message: format!("clocks in {} go forward past `{text}`", self.time_zone()),
            hint: shown.map_or_else(
                |_| "choose another time".to_string(),
                |shown| format!("they show `{}` instead", shown.strftime("%Y-%m-%dT%H:%M")),
            ),
        }
    }

    /// Returns when clocks first show a time of day (on a day of the week) from the start on.
    fn upcoming(&self, day: Option<Weekday>, time: Time) -> Result<SimTime, CalendarError> {
        const DAYS: usize = 23; // Three of each weekday: clocks may skip the time on one.
        let first = self.local(SimTime::ZERO).date();
        // Clocks that go back across midnight may show yesterday's time once more.
        first
            .yesterday()
            .unwrap_or(first)
            .series(jiff::Span::new().days(1))
            .take(DAYS)
            .filter(|date| day.is_none_or(|day| date.weekday() == day))
            .map(|date| self.instants(date.to_datetime(time)))
            .flat_map(|(once, again)| [once, again])
            .find_map(|at| at.and_then(|at| self.sim_time(at)))
            .ok_or_else(|| no_time(&time.to_string()))
    }

    fn labelled(&self, grain: Grain, instants: &[Zoned]) -> Vec<Tick> {
        let (label, context) = grain.patterns();
        let mut ticks: Vec<Tick> = Vec::with_capacity(instants.len());
        let just_before = |at: &Zoned| at.checked_sub(SignedDuration::from_micros(1)).ok();
        let mut before = instants.first().and_then(just_before);
        for at in instants {
            let major = before.as_ref().is_none_or(|before| grain.context_differs(before, at));
            // The first mark has none before it to have jumped from.
            let jumped = !ticks.is_empty()
                && grain.is_by_the_clock()
                && before.as_ref().is_some_and(|before| before.offset() != at.offset());
            let below = if major { context } else { "%Z" };
            ticks.push(Tick {
                at: self.sim_time(at.timestamp()).expect("an axis does not begin before the run"),
                label: at.strftime(label).to_string(),
                second_line: (major || jumped).then(|| at.strftime(below).to_string()),
                major,
            });
            before = Some(at.clone());
        }
        // The first mark says where it lies, too, if there is room beside the next one.
        let crowded = ticks.get(1).is_some_and(|tick| tick.major);
        if let (Some(tick), Some(at), false) = (ticks.first_mut(), instants.first(), crowded) {
            tick.second_line = Some(at.strftime(context).to_string());
        }
        if grain == Grain::Year {
            ticks.iter_mut().for_each(|tick| tick.second_line = None);
        }
        ticks
    }
}

/// Reads a date and time as microseconds since 1970-01-01T00:00Z; in UTC unless it has an offset.
///
/// # Errors
/// If the text is no date and time.
pub fn parse_utc_micros(text: &str) -> Result<i64, CalendarError> {
    let (local, given) = date_time(text)?;
    let at = given.map_or_else(|| jiff::tz::Offset::UTC.to_timestamp(local), Ok);
    at.map(|at| at.as_microsecond()).map_err(|_| no_date(text))
}

impl std::error::Error for CalendarError {}

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

/// Reads a date, with or without a time of day; as an instant, too, if it has an offset.
fn date_time(text: &str) -> Result<(DateTime, Option<Timestamp>), CalendarError> {
    let pieces = Pieces::parse(text.trim()).map_err(|_| no_date(text))?;
    if pieces.time_zone_annotation().is_some() {
        return Err(no_date(text));
    }
    let time = pieces.time().unwrap_or(Time::midnight());
    // Simulated time is whole microseconds.
    let time = time.with().nanosecond(0).build().map_err(|_| no_date(text))?;
    let local = pieces.date().to_datetime(time);
    let given = pieces.to_numeric_offset().map(|offset| offset.to_timestamp(local)).transpose();
    Ok((local, given.map_err(|_| no_date(text))?))
}

fn no_date(text: &str) -> CalendarError {
    CalendarError {
        text: text.to_string(),
        message: format!("`{text}` is not a date and time"),
        hint: "write `2026-03-03T14:00`, `2026-03-03` or `2026-03-03T14:00Z`".to_string(),
    }
}

fn no_time(text: &str) -> CalendarError {
    CalendarError {
        text: text.to_string(),
        message: format!("`{text}` is not a time in the run"),
        hint: "write `2026-03-03T14:00`, `Tue 14:00`, `14:00` or `+38 h`".to_string(),
    }
}

/// Reads a time of day, `14:00` or `14:00:30`, as time from 00:00 by the clock.
///
/// # Errors
/// If the text is no time from `00:00` to `23:59:59`.
pub fn parse_time_of_day(text: &str) -> Result<Span, CalendarError> {
    let time = time_of_day(text.trim())?;
    Ok(Span::micros(micros_of_day(DateTime::from_parts(Date::MIN, time))))
}

/// Reads `14:00` or `14:00:30`.
fn time_of_day(text: &str) -> Result<Time, CalendarError> {
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<i8>().ok() } else { None }
    };
    let parts: Vec<_> = text.splitn(4, ':').map(number).collect();
    let time = match parts[..] {
        [Some(hour), Some(minute)] => Time::new(hour, minute, 0, 0).ok(),
        [Some(hour), Some(minute), Some(second)] => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    };
    time.ok_or_else(|| CalendarError {
        text: text.to_string(),
        message: format!("`{text}` is not a time of day"),
        hint: "write a time from `00:00` to `23:59:59`".to_string(),
    })
}

/// Reads the name of a day of the week, in full or its first three letters.
fn weekday(text: &str) -> Result<Weekday, CalendarError> {
    const NAMES: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let name = text.to_ascii_lowercase();
    NAMES
        .iter()
        .position(|full| name == *full || name == full[..3])
        .and_then(|offset| Weekday::from_monday_zero_offset(offset as i8).ok())
        .ok_or_else(|| CalendarError {
            text: text.to_string(),
            message: format!("`{text}` is not a day of the week"),
            hint: "days are Mon, Tue, Wed, Thu, Fri, Sat and Sun".to_string(),
        })
}

/// Looks a time zone up in the bundled data; letter case does not matter.
fn zone_named(name: &str) -> Result<TimeZone, CalendarError> {
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let mut near: Vec<(usize, String)> = database
            .available()
            .map(|zone| (zone_distance(name, zone.as_str()), zone.as_str().to_string()))
            .collect();
        near.sort();
        let names: Vec<String> =
            near.into_iter().take(3).map(|(_, zone)| format!("`{zone}`")).collect();
        CalendarError {
            text: name.to_string(),
            message: format!("`{name}` is not a time zone of the IANA database"),
            hint: format!("the nearest names are {}", names.join(", ")),
        }
    })
}

/// Says how far a text is from a zone's name, or from its city if the text names no region.
fn zone_distance(text: &str, zone: &str) -> usize {
    let text = text.to_ascii_lowercase().replace(' ', "_");
    let zone = zone.to_ascii_lowercase();
    let whole = edit_distance(&text, &zone);
    match zone.rsplit_once('/') {
        Some((_, city)) if !text.contains('/') => whole.min(edit_distance(&text, city)),
        Some(_) | None => whole,
    }
}

/// Counts the letters to insert, delete or replace to turn one text into another (Levenshtein).
fn edit_distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // No zone has a name this long: the rest cannot matter, and must not take time.
    for (i, letter) in one.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &wanted) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != wanted);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

fn micros_of_day(local: DateTime) -> u64 {
    let since_midnight = local.time().duration_since(Time::midnight());
    u64::try_from(since_midnight.as_micros()).expect("a time of day is not negative")
}

/// The distance of the marks of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Seconds by the clock; they divide a day.
    Clock(u32),
    Dates(Dates),
}

/// A distance of whole days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dates {
    Day,
    Week,
    Months(i8),
    Years(i16),
}

/// What the marks of an axis count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const STEPS: [Step; 33] = [
    Step::Clock(1),
    Step::Clock(5),
    Step::Clock(10),
    Step::Clock(15),
    Step::Clock(30),
    Step::Clock(60),
    Step::Clock(5 * 60),
    Step::Clock(10 * 60),
    Step::Clock(15 * 60),
    Step::Clock(30 * 60),
    Step::Clock(3600),
    Step::Clock(2 * 3600),
    Step::Clock(3 * 3600),
    Step::Clock(6 * 3600),
    Step::Clock(12 * 3600),
    Step::Dates(Dates::Day),
    Step::Dates(Dates::Week),
    Step::Dates(Dates::Months(1)),
    Step::Dates(Dates::Months(3)),
    Step::Dates(Dates::Months(6)),
    Step::Dates(Dates::Years(1)),
    Step::Dates(Dates::Years(2)),
    Step::Dates(Dates::Years(5)),
    Step::Dates(Dates::Years(10)),
    Step::Dates(Dates::Years(20)),
    Step::Dates(Dates::Years(50)),
    Step::Dates(Dates::Years(100)),
    Step::Dates(Dates::Years(200)),
    Step::Dates(Dates::Years(500)),
    Step::Dates(Dates::Years(1000)),
    Step::Dates(Dates::Years(2000)),
    Step::Dates(Dates::Years(5000)),
    Step::Dates(Dates::Years(10_000)),
];

impl Grain {
    /// Returns how a mark is labelled, and how what lies around it is.
    fn patterns(self) -> (&'static str, &'static str) {
        match self {
            Grain::Second => ("%H:%M:%S", "%a %-d %b"),
            Grain::Minute | Grain::Hour => ("%H:%M", "%a %-d %b"),
            Grain::Day => ("%a %-d", "%b %Y"),
            Grain::Week => ("%-d %b", "%Y"),
            Grain::Month => ("%b", "%Y"),
            Grain::Year => ("%Y", "%Y"),
        }
    }

    fn is_by_the_clock(self) -> bool {
        match self {
            Grain::Second | Grain::Minute | Grain::Hour => true,
            Grain::Day | Grain::Week | Grain::Month | Grain::Year => false,
        }
    }

    /// Says whether two instants lie in different days, months, years or decades.
    fn context_differs(self, one: &Zoned, other: &Zoned) -> bool {
        match self {
            Grain::Second | Grain::Minute | Grain::Hour => one.date() != other.date(),
            Grain::Day => one.date().first_of_month() != other.date().first_of_month(),
            Grain::Week | Grain::Month => one.year() != other.year(),
            Grain::Year => one.year().div_euclid(10) != other.year().div_euclid(10),
        }
    }
}

impl Step {
    fn grain(self) -> Grain {
        match self {
            Step::Clock(..60) => Grain::Second,
            Step::Clock(60..3600) => Grain::Minute,
            Step::Clock(3600..) => Grain::Hour,
            Step::Dates(Dates::Day) => Grain::Day,
            Step::Dates(Dates::Week) => Grain::Week,
            Step::Dates(Dates::Months(_)) => Grain::Month,
            Step::Dates(Dates::Years(_)) => Grain::Year,
        }
    }

    /// Returns the instants of this step in a stretch of time, or `None` if more than `max`.
    fn instants(self, from: &Zoned, to: &Zoned, max: usize) -> Option<Vec<Zoned>> {
        match self {
            Step::Clock(seconds) => clock_instants(seconds, from, to, max),
            Step::Dates(dates) => dates.instants(from, to, max),
        }
    }
}

impl Dates {
    fn instants(self, from: &Zoned, to: &Zoned, max: usize) -> Option<Vec<Zoned>> {
        let mut found: Vec<Zoned> = Vec::new();
        let mut next = self.at_or_before(from.date());
        while let Some(date) = next {
            // A day's first instant is not midnight where clocks skip that.
            let Ok(at) = date.to_zoned(from.time_zone().clone()).and_then(|at| at.start_of_day())
            else {
                break;
            };
            if at > *to {
                break;
            }
            // A date that a zone left out whole begins when the next one does.
            if at >= *from && found.last().is_none_or(|last| *last < at) {
                found.push(at);
            }
            if found.len() > max {
                return None;
            }
            next = self.after(date);
        }
        Some(found)
    }

    fn at_or_before(self, date: Date) -> Option<Date> {
        match self {
            Dates::Day => Some(date),
            Dates::Week => {
                let past = date.weekday().to_monday_zero_offset();
                date.checked_sub(jiff::Span::new().days(past)).ok()
            }
            Dates::Months(count) => {
                let past = (date.month() - 1) % count;
                Date::new(date.year(), date.month() - past, 1).ok()
            }
            Dates::Years(count) => {
                Date::new(date.year() - date.year().rem_euclid(count), 1, 1).ok()
            }
        }
    }

    fn after(self, date: Date) -> Option<Date> {
        let step = match self {
            Dates::Day => jiff::Span::new().days(1),
            Dates::Week => jiff::Span::new().weeks(1),
            Dates::Months(count) => jiff::Span::new().months(count),
            Dates::Years(count) => jiff::Span::new().years(count),
        };
        date.checked_add(step).ok()
    }
}

/// Returns when clocks show a multiple of `seconds`, or `None` if that is more often than `max`.
fn clock_instants(seconds: u32, from: &Zoned, to: &Zoned, max: usize) -> Option<Vec<Zoned>> {
    let step = u64::from(seconds) * 1_000_000;
    let zone = from.time_zone();
    let mut found: Vec<Zoned> = Vec::new();
    let mut at = from.timestamp();
    while at <= to.timestamp() {
        let past = micros_of_day(zone.to_datetime(at)) % step;
        let wait = i64::try_from((step - past) % step).expect("a wait is shorter than a day");
        let Ok(next) = at.checked_add(SignedDuration::from_micros(wait)) else { break };
        // Where clocks change on the way, what they show then has to be looked at anew.
        let change = zone.following(at).next().map(|change| change.timestamp());
        if let Some(change) = change.filter(|change| *change <= next) {
            at = change;
            continue;
        }
        if next > to.timestamp() {
            break;
        }
        let mark = next.to_zoned(zone.clone());
        let repeated = found.last().is_some_and(|last| last.datetime() >= mark.datetime());
        if !repeated || seconds <= 3600 {
            found.push(mark);
        }
        if found.len() > max {
            return None;
        }
        let Ok(after) = next.checked_add(SignedDuration::from_micros(1)) else { break };
        at = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    // In 2026 clocks change in Dublin on 29 March (01:00 → 02:00) and 25 October (02:00 → 01:00),
    // in New York on 8 March and 1 November, in Cairo on 24 April (00:00 → 01:00) and 30 October,
    // and on Lord Howe Island by half an hour on 5 April (02:00 → 01:30) and 4 October
    // (02:00 → 02:30).

    fn dublin(start: &str) -> Calendar {
        Calendar::new(start, "Europe/Dublin").unwrap()
    }

    fn hours(hours: u64) -> SimTime {
        SimTime::from_secs(hours * 3600)
    }

    #[test]
    fn a_start_is_a_local_time_a_date_or_an_instant() {
        let check = |start: &str, zone: &str, iso: &str| {
            let calendar = Calendar::new(start, zone).unwrap();
            assert_eq!(calendar.format(SimTime::ZERO, TimeFormat::Iso8601), iso, "{start} {zone}");
        };
        check("2026-03-02T00:00", "Europe/Dublin", "2026-03-02T00:00:00+00:00");
        check("2026-07-02T00:00:30", "Europe/Dublin", "2026-07-02T00:00:30+01:00");
        check("2026-07-02", "America/New_York", "2026-07-02T00:00:00-04:00");
        check("2026-07-02T00:00Z", "America/New_York", "2026-07-01T20:00:00-04:00");
        check("2026-07-02T00:00+05:30", "UTC", "2026-07-01T18:30:00+00:00");
        check("2026-07-02 09:00", "asia/kolkata", "2026-07-02T09:00:00+05:30");
        check("2026-07-02T09:00:00.1234567", "UTC", "2026-07-02T09:00:00.123456+00:00");
        check("2026-10-25T01:30", "Europe/Dublin", "2026-10-25T01:30:00+01:00");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_answered() {
        let check = |start: &str, zone: &str, text: &str| {
            assert_eq!(Calendar::new(start, zone).unwrap_err().to_string(), text);
        };
        let form = "write `2026-03-03T14:00`, `2026-03-03` or `2026-03-03T14:00Z`";
        check("", "UTC", &format!("`` is not a date and time; {form}"));
        check("2026-02-30", "UTC", &format!("`2026-02-30` is not a date and time; {form}"));
        check(
            "2026-02-03T25:00",
            "UTC",
            &format!("`2026-02-03T25:00` is not a date and time; {form}"),
        );
        check(
            "2026-02-03T00:00[UTC]",
            "UTC",
            &format!("`2026-02-03T00:00[UTC]` is not a date and time; {form}"),
        );
        check(
            "1066-10-14",
            "UTC",
            "`1066-10-14` is outside the years 1970 to 2199; give a year that AWS schedules know",
        );
        check(
            "2026-03-29T01:30",
            "Europe/Dublin",
            "clocks in Europe/Dublin go forward past `2026-03-29T01:30`; \
             they show `2026-03-29T02:30` instead",
        );
        check(
            "2026-03-02",
            "Europe/Dubln",
            "`Europe/Dubln` is not a time zone of the IANA database; \
             the nearest names are `Europe/Dublin`, `Europe/Berlin`, `Europe/Lisbon`",
        );
        let nearest = |zone: &str| Calendar::new("2026-03-02", zone).unwrap_err().hint;
        assert!(nearest("dublin").starts_with("the nearest names are `Europe/Dublin`,"));
        assert!(nearest("Los Angeles").starts_with("the nearest names are `America/Los_Angeles`,"));
        assert!(nearest("").starts_with("the nearest names are "));
        assert!(nearest(&"x".repeat(100_000)).starts_with("the nearest names are "));
    }

    #[test]
    fn instants_are_written_as_clocks_show_them() {
        let calendar = dublin("2026-03-02T00:00");
        let at = SimTime::from_secs(33 * 3600 + 2 * 60 + 11); // Tuesday 09:02:11
        let check = |format, text: &str| assert_eq!(calendar.format(at, format), text);
        check(TimeFormat::DayAndTime, "Tue 3 Mar 09:02");
        check(TimeFormat::DateAndTime, "2026-03-03 09:02:11");
        check(TimeFormat::Day, "3 Mar");
        check(TimeFormat::Iso8601, "2026-03-03T09:02:11+00:00");
        let civil = calendar.civil(at);
        assert_eq!((civil.year, civil.month, civil.day, civil.days_from_monday), (2026, 3, 3, 1));
        assert_eq!(civil.time_of_day, Span::secs(9 * 3600 + 2 * 60 + 11));
        // 2026-03-02T00:00Z is 20,514 days after 1970-01-01.
        assert_eq!(calendar.unix_micros(SimTime::ZERO), 20_514 * 86_400_000_000);
        assert_eq!(calendar.format(SimTime::MAX, TimeFormat::Day), "30 Dec");
        // 28 days after the start clocks have gone forward.
        assert_eq!(calendar.format(hours(28 * 24), TimeFormat::DayAndTime), "Mon 30 Mar 01:00");
        let abroad = calendar.in_zone("America/New_York").unwrap();
        assert_eq!(abroad.format(hours(0), TimeFormat::Iso8601), "2026-03-01T19:00:00-05:00");
    }

    #[test]
    fn instants_are_read_from_dates_days_times_and_spans() {
        let check = |start: &str, text: &str, iso: &str| {
            let calendar = dublin(start);
            let at = calendar.instant(text).unwrap();
            assert_eq!(calendar.format(at, TimeFormat::Iso8601), iso, "{text} from {start}");
        };
        let start = "2026-03-02T09:30"; // a Monday
        check(start, "2026-03-03T14:00", "2026-03-03T14:00:00+00:00");
        check(start, "2026-03-03T14:00-05:00", "2026-03-03T19:00:00+00:00");
        check(start, "2026-04-01", "2026-04-01T00:00:00+01:00");
        check(start, "Tue 14:00", "2026-03-03T14:00:00+00:00");
        check(start, "monday 09:30", "2026-03-02T09:30:00+00:00");
        check(start, "Mon 09:29:59", "2026-03-09T09:29:59+00:00");
        check(start, "Sun  23:00", "2026-03-08T23:00:00+00:00");
        check(start, "14:00", "2026-03-02T14:00:00+00:00");
        check(start, "09:00", "2026-03-03T09:00:00+00:00");
        check(start, "+38 h", "2026-03-03T23:30:00+00:00");
        check(start, "+1w 2d 1.5h", "2026-03-11T11:00:00+00:00");
        check(start, "+30 d", "2026-04-01T10:30:00+01:00");
        // Clocks skip 01:30 on Sunday 29 March; the next one is a week (a day) later.
        check("2026-03-28T02:00", "Sun 01:30", "2026-04-05T01:30:00+01:00");
        check("2026-03-28T02:00", "01:30", "2026-03-30T01:30:00+01:00");
        // They show 01:30 twice on 25 October: the first counts, unless the run starts in between.
        check("2026-10-25T00:00", "01:30", "2026-10-25T01:30:00+01:00");
        check("2026-10-25T01:45+01:00", "01:30", "2026-10-25T01:30:00+00:00");
        check("2026-10-25T01:45+01:00", "2026-10-25T01:30", "2026-10-25T01:30:00+00:00");
    }

    #[test]
    fn what_is_no_instant_is_named() {
        let check = |text: &str, message: &str| {
            assert_eq!(dublin("2026-03-02T09:30").instant(text).unwrap_err().message, message);
        };
        check("Tue", "`Tue` is not a time in the run");
        check("Die 14:00", "`Die` is not a day of the week");
        check("Tue 24:00", "`24:00` is not a time of day");
        check("Tue 2pm", "`2pm` is not a time of day");
        check("9:00", "`9:00` is not a time of day");
        check("", "`` is not a date and time");
        check("2026-03-29T01:30", "clocks in Europe/Dublin go forward past `2026-03-29T01:30`");
        check(
            "2026-03-02T09:29:59",
            "`2026-03-02T09:29:59` is before the run starts, at 2026-03-02T09:30:00+00:00",
        );
        check("+38", "the span is \"38\", without a unit");
        check("+38 hours", "the span has the unit `hours`");
        check("+", "the span is empty");
        check("+-2 h", "the span is -2, which is negative");
        check("+1.2.3 h", "the span is 1.2.3, which is too large or no number");
        check("+99999999999 w", "the span is 99999999999 w, which is too large");
        check(
            "+99999999999999999999999 w",
            "the span is 99999999999999999999999 w, which is too large",
        );
    }

    #[test]
    fn dates_of_the_four_documented_forms_are_read_as_utc() {
        // 2018-06-18T22:28:28Z is 1,529,360,908 s after 1970.
        let check = |text: &str, secs: i64| {
            assert_eq!(parse_utc_micros(text), Ok(secs * 1_000_000), "{text}");
        };
        check("2018-06-18T22:28:28+00:00", 1_529_360_908);
        check("2018-06-18T22:28:28Z", 1_529_360_908);
        check("2018-06-18T22:28:28", 1_529_360_908);
        check("2018-06-18", 1_529_360_908 - (22 * 3600 + 28 * 60 + 28));
        check("2018-06-19T00:28:28+02:00", 1_529_360_908);
        assert_eq!(parse_utc_micros("June").unwrap_err().text, "June");
    }

    /// Writes ticks as `label` or `label/second line`, major ones with a star.
    fn axis(calendar: &Calendar, from: SimTime, to: SimTime, max_ticks: usize) -> String {
        let texts: Vec<String> = calendar
            .ticks(from, to, max_ticks)
            .iter()
            .map(|tick| {
                let below =
                    tick.second_line.as_ref().map_or(String::new(), |line| format!("/{line}"));
                format!("{}{below}{}", tick.label, if tick.major { "*" } else { "" })
            })
            .collect();
        texts.join(", ")
    }

    #[test]
    fn ticks_stand_at_round_local_times_and_say_the_date_where_it_begins() {
        let check = |start: &str, from: u64, to: u64, max_ticks, text: &str| {
            let (from, to) = (SimTime::from_secs(from), SimTime::from_secs(to));
            assert_eq!(axis(&dublin(start), from, to, max_ticks), text);
        };
        let (minute, hour, day) = (60, 3600, 86_400);
        let start = "2026-03-02T00:00";
        check(start, 0, day, 5, "00:00/Mon 2 Mar*, 06:00, 12:00, 18:00, 00:00/Tue 3 Mar*");
        check(start, 9 * hour, 11 * hour, 5, "09:00/Mon 2 Mar, 09:30, 10:00, 10:30, 11:00");
        check(start, 1, 12, 3, "00:00:05/Mon 2 Mar, 00:00:10");
        check(start, 50 * minute, 70 * minute, 5, "00:50/Mon 2 Mar, 00:55, 01:00, 01:05, 01:10");
        check(start, 0, 3 * day, 4, "Mon 2/Mar 2026, Tue 3, Wed 4, Thu 5");
        check("2026-03-30", 0, 3 * day, 4, "Mon 30/Mar 2026, Tue 31, Wed 1/Apr 2026*, Thu 2");
        check(start, day, 21 * day, 10, "9 Mar/2026, 16 Mar, 23 Mar");
        check("2025-12-20", 0, 60 * day, 3, "Jan/2026*, Feb");
        check(start, 0, 365 * day, 5, "Apr/2026, Jul, Oct, Jan/2027*");
        check(
            start,
            0,
            3650 * day,
            12,
            "2027, 2028, 2029, 2030*, 2031, 2032, 2033, 2034, 2035, 2036",
        );
        check(start, 0, 3650 * day, 1, "2030*");
        check(start, 0, 1, 0, "");
        check(start, 2, 1, 9, "");
        assert_eq!(axis(&dublin(start), SimTime::ZERO, SimTime::MAX, 3), "4000*, 6000*, 8000*");
    }

    #[test]
    fn ticks_follow_clocks_that_change() {
        let check = |zone: &str, start: &str, to: u64, max_ticks, text: &str| {
            let calendar = Calendar::new(start, zone).unwrap();
            assert_eq!(
                axis(&calendar, SimTime::ZERO, hours(to), max_ticks),
                text,
                "{zone} {start}"
            );
        };
        let dublin = "Europe/Dublin";
        // A day of 23 hours and one of 25 hours.
        check(
            dublin,
            "2026-03-29",
            23,
            5,
            "00:00/Sun 29 Mar*, 06:00/IST, 12:00, 18:00, 00:00/Mon 30 Mar*",
        );
        check(
            dublin,
            "2026-10-25",
            25,
            5,
            "00:00/Sun 25 Oct*, 06:00/GMT, 12:00, 18:00, 00:00/Mon 26 Oct*",
        );
        check(
            dublin,
            "2026-03-29",
            2,
            9,
            "00:00/Sun 29 Mar*, 00:15, 00:30, 00:45, 02:00/IST, 02:15, 02:30, 02:45, 03:00",
        );
        check(dublin, "2026-10-25", 4, 5, "00:00/Sun 25 Oct*, 01:00, 01:00/GMT, 02:00, 03:00");
        check(dublin, "2026-10-25T01:00", 6, 4, "02:00/Sun 25 Oct, 04:00, 06:00");
        // Berlin shows 02:00 twice: a step of two hours marks it once.
        check("Europe/Berlin", "2026-10-25", 5, 3, "00:00/Sun 25 Oct*, 02:00, 04:00/CET");
        // In Cairo the day begins at 01:00; Lord Howe's clocks jump by half an hour.
        check(
            "Africa/Cairo",
            "2026-04-23T22:00",
            4,
            6,
            "22:00/Thu 23 Apr, 23:00, 01:00/Fri 24 Apr*, 02:00, 03:00",
        );
        check("Africa/Cairo", "2026-04-23", 47, 3, "Thu 23/Apr 2026, Fri 24, Sat 25");
        check("Australia/Lord_Howe", "2026-10-04T01:00", 2, 4, "01:00/Sun 4 Oct, 03:00/+11");
        // Samoa had no 30 December 2011.
        check("Pacific/Apia", "2011-12-29", 48, 3, "Thu 29/Dec 2011, Sat 31, Sun 1/Jan 2012*");
    }

    #[test]
    fn ticks_agree_with_a_scan_of_every_minute() {
        let zones =
            ["UTC", "Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"];
        let starts =
            ["2026-03-07", "2026-03-28", "2026-04-03", "2026-10-03", "2026-10-24", "2026-10-30"];
        for (zone, start) in zones.iter().flat_map(|zone| starts.map(|start| (zone, start))) {
            let calendar = Calendar::new(start, zone).unwrap();
            for (step_minutes, max_ticks) in [(60, 73), (30, 145), (15, 289), (5, 865)] {
                let length = 72 * 60;
                let shown = |minute: u64| calendar.civil(SimTime::from_secs(minute * 60));
                let expected: Vec<u64> = (0..=length)
                    .filter(|&minute| {
                        let time = shown(minute).time_of_day.as_micros();
                        time.is_multiple_of(step_minutes * 60_000_000)
                    })
                    .collect();
                let ticks = calendar.ticks(SimTime::ZERO, hours(72), max_ticks);
                let found: Vec<u64> =
                    ticks.iter().map(|tick| tick.at.as_micros() / 60_000_000).collect();
                assert_eq!(found, expected, "{zone} from {start}, {step_minutes} min");
            }
        }
    }

    #[test]
    fn ticks_never_exceed_their_number_nor_coincide() {
        let calendar = dublin("2026-03-02T07:13:05");
        let mut length = 1u64;
        while length < u64::MAX / 3 {
            for max_ticks in [1, 2, 3, 7, 20] {
                for from in [0, length / 3] {
                    let (from, to) =
                        (SimTime::from_micros(from), SimTime::from_micros(from + length));
                    let ticks = calendar.ticks(from, to, max_ticks);
                    assert!(ticks.len() <= max_ticks, "{length} µs: {} ticks", ticks.len());
                    assert!(ticks.windows(2).all(|two| two[0].at < two[1].at));
                    assert!(ticks.iter().all(|tick| from <= tick.at && tick.at <= to));
                }
            }
            length = length * 3 + 1;
        }
    }

    #[test]
    fn a_heading_names_the_days_the_zone_and_the_length() {
        let check = |start: &str, to: u64, text: &str| {
            assert_eq!(dublin(start).heading(SimTime::ZERO, hours(to)), text);
        };
        check("2026-03-02", 168, "Mon 2 Mar 00:00 – Mon 9 Mar 2026 00:00 (Europe/Dublin, 7 d)");
        check(
            "2025-12-29",
            168,
            "Mon 29 Dec 2025 00:00 – Mon 5 Jan 2026 00:00 (Europe/Dublin, 7 d)",
        );
        check("2026-03-02", 24, "Mon 2 Mar 00:00 – Tue 3 Mar 2026 00:00 (Europe/Dublin, 1 d)");
        check("2026-03-02T09:00", 6, "Mon 2 Mar 2026 09:00–15:00 (Europe/Dublin, 6 h)");
        check(
            "2026-03-02T09:00",
            15,
            "Mon 2 Mar 09:00 – Tue 3 Mar 2026 00:00 (Europe/Dublin, 15 h)",
        );
        check("2026-03-02", 0, "Mon 2 Mar 2026 00:00–00:00 (Europe/Dublin, 0 s)");
        check("2026-03-29", 23, "Sun 29 Mar 00:00 – Mon 30 Mar 2026 00:00 (Europe/Dublin, 23 h)");
    }
}
