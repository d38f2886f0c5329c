//! Rates over time: from curves and records to steps.

use std::sync::Arc;

use crate::ecs::load::{Clock, Outside, Rate, Steps};
use crate::units::{Calendar, CalendarError, SimTime, Span, parse_time_of_day};

use super::super::View;
use super::super::codes::Code;
use super::super::keys::{Kind, OF_CURVES, OF_FILES};
use super::super::problems::{Problem, listed, number};
use super::super::rate::{Bounds, POINT_BYTES, Recorded, Stamp, read};
use super::Lower;

/// The most steps of one curve.
const MAX_STEPS: u64 = 1_000_000;

/// Points that last so long hide shorter spikes.
const COARSE: Span = Span::secs(300);

/// What a rate over time may be.
const FORMS: [&str; 9] =
    ["file", "cloudwatch", "daily", "weekly", "ramp", "spike", "noise", "sum", "product"];

/// Forms that are curves, and have a resolution.
const CURVES: [&str; 3] = ["daily", "ramp", "spike"];

/// A record that a rate of the scenario has read, for whoever wants to see it.
#[derive(Clone, Debug)]
pub struct ReadRate {
    /// The rate, such as `load.shoppers.requests_per_second`.
    pub path: String,
    /// What was read.
    pub record: Recorded,
    /// Where it lies in the run, in words.
    pub lies: String,
}

/// How far the reading of one rate has come.
struct Progress {
    /// How much later all of it is.
    shift: Span,
    /// How many noises it has.
    noise_count: u64,
}

/// Makes the rate at `key`; after an error, any.
pub(super) fn rate(lower: &mut Lower, view: &View, key: &str) -> Rate {
    let Some(written) = view.child(key) else { return Rate::constant(0.0) };
    let mut progress = Progress { shift: Span::ZERO, noise_count: 0 };
    part(lower, &written, &mut progress).unwrap_or_else(|| Rate::constant(0.0))
}

/// Makes one rate of a sum, or the whole; returns nothing after an error.
fn part(lower: &mut Lower, view: &View, progress: &mut Progress) -> Option<Rate> {
    if matches!(view.kind(), Kind::Number { .. }) {
        return Some(Rate::constant(view.value()));
    }
    let form = form(lower, view)?;
    let before = progress.shift;
    progress.shift = Span::micros(before.as_micros().saturating_add(shift(view).as_micros()));
    let made = match form {
        "file" | "cloudwatch" => recorded(lower, view, (form, progress.shift)),
        "daily" => daily(lower, view, progress.shift),
        "weekly" => weekly(lower, view, progress.shift),
        "ramp" => ramp(lower, view, progress.shift),
        "spike" => spike(lower, view, progress.shift),
        "noise" => {
            let noise = view.child("noise")?;
            progress.noise_count += 1;
            Rate::noise(progress.noise_count - 1, noise.get("cv"), noise.get("period"))
        }
        _ => {
            let parts: Vec<Option<Rate>> =
                view.items(form).iter().map(|it| part(lower, it, progress)).collect();
            let parts: Option<Vec<Rate>> = parts.into_iter().collect();
            parts.map(|parts| if form == "sum" { Rate::sum(parts) } else { Rate::product(parts) })
        }
    };
    progress.shift = before;
    made.map(|rate| rate.scaled(view.get("scale")))
}

fn shift(view: &View) -> Span {
    view.get("shift")
}

/// Returns which form a rate has, of which it must have one, with what goes with it.
fn form(lower: &mut Lower, view: &View) -> Option<&'static str> {
    let written: Vec<&'static str> =
        FORMS.into_iter().filter(|form| view.is_written(form)).collect();
    let (message, hint) = match written[..] {
        [form] => {
            check_company(lower, view, form);
            return Some(form);
        }
        [] => (
            "nothing says what the rate is".to_string(),
            format!("write one of {}, or a number", listed(&FORMS)),
        ),
        [first, second, ..] => (
            format!("`{second}` does not go with `{first}`"),
            "a rate is one of them; `sum` and `product` join several".to_string(),
        ),
    };
    let problem = match written.get(1) {
        Some(second) => view.error(second, message),
        None => view.error_here(message),
    };
    lower.problems.push(problem.hint(hint));
    None
}

/// Complains of keys that this form has no use for.
fn check_company(lower: &mut Lower, view: &View, form: &str) {
    let is_file = ["file", "cloudwatch"].contains(&form);
    let is_useless = |key: &&&str| match **key {
        "columns" => form != "file",
        "metric" | "values" => form != "cloudwatch",
        "resolution" => !CURVES.contains(&form),
        _ => !is_file,
    };
    let written = OF_FILES.iter().chain(&OF_CURVES).filter(|key| view.is_written(key));
    for key in written.filter(is_useless) {
        let message = format!("`{key}` means nothing for `{form}`");
        lower.problems.push(view.error(key, message).hint("leave it out"));
    }
}

/// Takes the memory of so many points, if it is there.
fn take(lower: &mut Lower, view: &View, (key, count): (&str, u64)) -> Option<()> {
    let limit: crate::units::Bytes = lower.root().table("limits").get("trace_memory");
    let bytes = count.saturating_mul(POINT_BYTES);
    if lower.trace_memory.0.saturating_add(bytes) > limit.0 {
        let count = number(count);
        let message = format!("its {count} steps are more than `limits.trace_memory` has room for");
        let hint = "raise it, or make `resolution` longer";
        lower.problems.push(view.error(key, message).hint(hint));
        return None;
    }
    lower.trace_memory.0 += bytes;
    Some(())
}

/// Returns the middles of steps of `resolution` in a length of time, with their beginnings.
///
/// Checks that there are not too many.
fn steps_of(
    lower: &mut Lower,
    view: &View,
    (form, length): (&str, Span),
) -> Option<Vec<(Span, Span)>> {
    let resolution: Span = view.get("resolution");
    let count = length.as_micros().div_ceil(resolution.as_micros());
    if count > MAX_STEPS {
        let (count, most) = (number(count), number(MAX_STEPS));
        let message = format!("steps of {resolution} are {count} in {length}; {most} may be");
        let hint = "make `resolution` longer";
        lower.problems.push(view.error(form, message).hint(hint));
        return None;
    }
    take(lower, view, (form, count))?;
    let step = |index: u64| {
        let start = resolution * index;
        let end = length.as_micros().min((start + resolution).as_micros());
        (start, Span::micros((start.as_micros() + end) / 2))
    };
    Some((0..count).map(step).collect())
}

/// Makes a rate that goes by the clocks of the scenario's time zone.
fn by_the_clock(
    lower: &Lower,
    points: Vec<(Span, f64)>,
    length: Span,
    shift: Span,
) -> Option<Rate> {
    let end = SimTime::ZERO + lower.model.duration;
    let clock = Clock::on_the_wall(&lower.model.calendar.clock_changes(end))?.later(shift);
    Some(Rate::steps(Arc::new(Steps::new(points, length)?), Outside::Repeat, clock))
}

fn daily(lower: &mut Lower, view: &View, shift: Span) -> Option<Rate> {
    let daily = view.child("daily")?;
    let steps = steps_of(lower, view, ("daily", Span::DAY))?;
    let points: Vec<(Span, f64)> = match daily.entries("points").is_empty() {
        true => {
            let (low, high, peak) = sine(lower, &daily)?;
            let day = Span::DAY.as_secs_f64();
            let at = |middle: Span| {
                let angle =
                    (middle.as_secs_f64() - peak.as_secs_f64()) / day * std::f64::consts::TAU;
                low + (high - low) * (1.0 + angle.cos()) / 2.0
            };
            steps.iter().map(|&(start, middle)| (start, at(middle))).collect()
        }
        false => {
            let corners = corners(lower, &daily)?;
            steps.iter().map(|&(start, middle)| (start, between(&corners, middle))).collect()
        }
    };
    by_the_clock(lower, points, Span::DAY, shift)
}

/// Reads what a day that goes up and down is made of.
fn sine(lower: &mut Lower, daily: &View) -> Option<(f64, f64, Span)> {
    let (low, high) = (daily.find::<f64>("low"), daily.find::<f64>("high"));
    let (Some(low), Some(high)) = (low, high) else {
        let message = "a day has `low` and `high`, or `points`";
        let hint = "such as `{ low = 20, high = 200, peak_at = \"14:00\" }`";
        lower.problems.push(daily.error_here(message).hint(hint));
        return None;
    };
    if low > high {
        let message = format!("`low` {low} is above `high` {high}");
        lower.problems.push(daily.error("low", message).hint("exchange them"));
    }
    let peak = match daily.find::<String>("peak_at") {
        None => Span::HOUR * 14,
        Some(text) => time_of_day(lower, &daily.error("peak_at", ""), &text)?,
    };
    Some((low, high, peak))
}

fn time_of_day(lower: &mut Lower, named: &Problem, text: &str) -> Option<Span> {
    let is_short = text.split(':').next().is_some_and(|hour| hour.len() == 1);
    let padded = if is_short { format!("0{text}") } else { text.to_string() };
    match parse_time_of_day(&padded) {
        Ok(time) => Some(time),
        Err(CalendarError { hint, .. }) => {
            let message = format!("`{text}` is not a time of day");
            lower.problems.push(Problem { message, ..named.clone() }.hint(hint));
            None
        }
    }
}

/// Reads the points of a day, in order.
fn corners(lower: &mut Lower, daily: &View) -> Option<Vec<(Span, f64)>> {
    if let Some(key) = ["low", "high", "peak_at"].into_iter().find(|key| daily.is_written(key)) {
        let message = format!("`{key}` does not go with `points`");
        lower.problems.push(daily.error(key, message).hint("leave one of them out"));
        return None;
    }
    let mut corners: Vec<(Span, f64)> = Vec::new();
    for (name, value) in daily.entries("points") {
        let at = time_of_day(lower, &value.error_here(""), name)?;
        if corners.iter().any(|(known, _)| *known == at) {
            let message = format!("`{name}` is there twice, written in two ways");
            lower.problems.push(value.error_here(message).hint("leave one of them out"));
            return None;
        }
        corners.push((at, value.value()));
    }
    corners.sort_by_key(|(at, _)| *at);
    Some(corners)
}

/// Returns the rate on the straight line between two points of a day, over midnight as well.
fn between(corners: &[(Span, f64)], at: Span) -> f64 {
    let next = corners.partition_point(|(corner, _)| *corner <= at);
    let day = Span::DAY.as_secs_f64();
    let corner = |index: usize| (corners[index].0.as_secs_f64(), corners[index].1);
    let (from, to) = match next {
        0 => {
            let (time, value) = corner(corners.len() - 1);
            ((time - day, value), corner(0))
        }
        next if next == corners.len() => {
            let (time, value) = corner(0);
            (corner(next - 1), (time + day, value))
        }
        next => (corner(next - 1), corner(next)),
    };
    let share = (at.as_secs_f64() - from.0) / (to.0 - from.0);
    from.1 + (to.1 - from.1) * share
}

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

fn weekly(lower: &mut Lower, view: &View, shift: Span) -> Option<Rate> {
    let weekly = view.child("weekly")?;
    let points = (0..).zip(DAYS).map(|(day, name)| (Span::DAY * day, weekly.get(name))).collect();
    by_the_clock(lower, points, Span::DAY * 7, shift)
}

/// Reads a time in the run, as microseconds since its start.
fn instant(lower: &mut Lower, view: &View, key: &str) -> Option<Span> {
    let text: String = view.get(key);
    match lower.model.calendar.instant(&text) {
        Ok(at) => Some(Span::micros(at.as_micros())),
        Err(error) => {
            if lower.root().is_sound_at(&["start", "time_zone"]) {
                lower.problems.push(view.error(key, error.message).hint(error.hint));
            }
            None
        }
    }
}

/// Makes a rate of steps that begin once, so long after the start.
fn once(
    points: Vec<(Span, f64)>,
    length: Span,
    begins: Span,
    (before, after): (f64, f64),
) -> Option<Rate> {
    let begins_us = i64::try_from(begins.as_micros()).unwrap_or(i64::MAX);
    let steps = Arc::new(Steps::new(points, length)?);
    Some(Rate::steps(steps, Outside::Level { before, after }, Clock::beginning_at(begins_us)))
}

fn later(begins: Span, shift: Span) -> Span {
    Span::micros(begins.as_micros().saturating_add(shift.as_micros()))
}

fn ramp(lower: &mut Lower, view: &View, shift: Span) -> Option<Rate> {
    let ramp = view.child("ramp")?;
    let begins = later(instant(lower, &ramp, "begins")?, shift);
    let (from, to): (f64, f64) = (ramp.get("from"), ramp.get("to"));
    let lasts: Span = ramp.get("lasts");
    let steps = steps_of(lower, view, ("ramp", lasts))?;
    let at = |middle: Span| from + (to - from) * (middle.as_secs_f64() / lasts.as_secs_f64());
    let points = steps.iter().map(|&(start, middle)| (start, at(middle))).collect();
    once(points, lasts, begins, (from, to))
}

fn spike(lower: &mut Lower, view: &View, shift: Span) -> Option<Rate> {
    let spike = view.child("spike")?;
    let begins = later(instant(lower, &spike, "at")?, shift);
    let (base, height): (f64, f64) = (spike.get("base"), spike.get("height"));
    let [rise, holds, decays]: [Span; 3] = ["rise", "holds", "decays"].map(|key| spike.get(key));
    let mut points = Vec::new();
    let rising = steps_of(lower, view, ("spike", rise))?;
    let share = |middle: Span, of: Span| middle.as_secs_f64() / of.as_secs_f64();
    points.extend(rising.iter().map(|&(start, at)| (start, base + height * share(at, rise))));
    if holds > Span::ZERO {
        points.push((rise, base + height));
    }
    let falling = steps_of(lower, view, ("spike", decays))?;
    let fall = |&(start, at): &(Span, Span)| {
        (later(later(rise, holds), start), base + height * (1.0 - share(at, decays)))
    };
    points.extend(falling.iter().map(fall));
    if points.is_empty() {
        let message = "the spike lasts no time";
        let hint = "write `rise`, `holds` or `decays`";
        lower.problems.push(spike.error_here(message).hint(hint));
        return None;
    }
    once(points, later(later(rise, holds), decays), begins, (base, base))
}

/// Makes a rate of a record.
fn recorded(lower: &mut Lower, view: &View, (form, shift): (&str, Span)) -> Option<Rate> {
    let limits = lower.root().table("limits");
    let memory: crate::units::Bytes = limits.get("trace_memory");
    let left = memory.0.saturating_sub(lower.trace_memory.0);
    let bounds = Bounds { rows: limits.get("trace_rows"), memory: left / POINT_BYTES };
    let calendar = lower.model.calendar.clone();
    let record = read(lower.files, view, (&calendar, bounds), &mut lower.problems)?;
    lower.trace_memory.0 += record.steps.count() as u64 * POINT_BYTES;
    if record.period >= COARSE {
        let message = format!("its points last {}, and hide shorter spikes", record.period);
        let hint = "record every minute, or add spikes: `{ sum = [{ file = … }, { spike = … }] }`";
        lower.problems.push(view.warning(Code::HidesSpikes, form, message).hint(hint));
    }
    let (begins_us, lies) = place(lower, view, &record);
    let shift_us = i64::try_from(shift.as_micros()).unwrap_or(i64::MAX);
    let begins_us = begins_us.saturating_add(shift_us);
    let outside = match view.get::<String>("after").as_str() {
        "hold" => Outside::Level { before: record.steps.first(), after: record.steps.last() },
        "zero" => Outside::Level { before: 0.0, after: 0.0 },
        _ => Outside::Repeat,
    };
    check_cover(lower, view, (form, &record), begins_us);
    let steps = record.steps.clone();
    let path = view.path_of(form);
    let path = path.strip_suffix(&format!(".{form}")).unwrap_or(&path).to_string();
    lower.rates.push(ReadRate { path, record, lies });
    Some(Rate::steps(steps, outside, Clock::beginning_at(begins_us)))
}

/// Warns of a record that is shorter than the run, where nobody has said what holds then.
fn check_cover(lower: &mut Lower, view: &View, (form, record): (&str, &Recorded), begins_us: i64) {
    let length_us = i64::try_from(record.steps.length().as_micros()).unwrap_or(i64::MAX);
    let end_us = i64::try_from(lower.model.duration.as_micros()).unwrap_or(i64::MAX);
    let is_covered = begins_us <= 0 && begins_us.saturating_add(length_us) >= end_us;
    if is_covered || view.is_written("after") || !lower.root().is_sound_at(&["duration"]) {
        return;
    }
    let length = record.steps.length();
    let message = match begins_us > 0 {
        true => format!(
            "it begins {} after the run does, and its {length} come before that as well",
            Span::micros(begins_us.unsigned_abs())
        ),
        false => {
            let left = Span::micros(begins_us.saturating_add(length_us).max(0).unsigned_abs());
            let duration = lower.model.duration;
            format!(
                "it ends after {left}, and the run lasts {duration}: its {length} come again and \
                 again"
            )
        }
    };
    let hint = "write `after = \"repeat\"` if that is meant, else `\"hold\"` or `\"zero\"`";
    lower.problems.push(view.warning(Code::RecordTooShort, form, message).hint(hint));
}

/// Returns when the first point of a record is, in microseconds from the start of the run, and
/// says so.
fn place(lower: &Lower, view: &View, record: &Recorded) -> (i64, String) {
    let first_us = match record.first {
        Stamp::OfRun(micros) => return (micros, "by seconds of the run".to_string()),
        Stamp::OfWorld(micros) => micros,
    };
    let calendar = &lower.model.calendar;
    let start_us = calendar.unix_micros(SimTime::ZERO);
    let duration_us = i64::try_from(lower.model.duration.as_micros()).unwrap_or(i64::MAX);
    let length_us = i64::try_from(record.steps.length().as_micros()).unwrap_or(i64::MAX);
    // How far into the record clocks first show what they show at the start of the run.
    let into = |period: Span| {
        let period_us = period.as_micros() as i64;
        (shown_at(calendar, start_us) - shown_at(calendar, first_us)).rem_euclid(period_us)
    };
    let overlaps = first_us < start_us.saturating_add(duration_us)
        && first_us.saturating_add(length_us) > start_us;
    match view.get::<String>("align").as_str() {
        "weekday" => (-into(Span::DAY * 7), "by day of the week".to_string()),
        "time_of_day" => (-into(Span::DAY), "by time of day".to_string()),
        "auto" if overlaps => (first_us - start_us, "where its dates say".to_string()),
        _ => (0, "its first point is at the start".to_string()),
    }
}

/// Returns what clocks show at an instant since 1970, in microseconds since a Monday.
fn shown_at(calendar: &Calendar, unix_us: i64) -> i64 {
    let Ok(world) = Calendar::new("1970-01-01T00:00Z", calendar.time_zone()) else {
        return unix_us;
    };
    let at = SimTime::from_micros(u64::try_from(unix_us).unwrap_or(0));
    let (from, shows_us) = world.clock_changes(at).last().copied().unwrap_or((SimTime::ZERO, 0));
    shows_us.saturating_add(i64::try_from(at.since(from).as_micros()).unwrap_or(i64::MAX))
}
