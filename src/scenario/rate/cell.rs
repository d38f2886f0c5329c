//! Single cells of recorded rates: times in all the ways people have them, and amounts.

use super::Stamp;
use crate::ecs::load::rate::MAX_RATE;
use crate::units::{Calendar, Fault, fault};

/// Numbers below are seconds since the start of the run: three years.
const LEAST_EPOCH_S: f64 = 1e8;
/// Numbers from here on are milliseconds since 1970.
const LEAST_EPOCH_MS: f64 = 1e11;
/// Numbers from here on are no times.
const MOST_EPOCH_MS: f64 = 1e13;

const FORMS: &str = "write seconds since the start of the run, seconds or milliseconds since 1970, \
                     or a time such as `2026-03-02T00:00Z` or `2026-03-02 00:00:00`";

/// Reads when a point is; `calendar` tells times that do not say which clock they are of.
pub(super) fn stamp(cell: &[u8], calendar: &Calendar) -> Result<Stamp, Fault> {
    let text = std::str::from_utf8(cell).unwrap_or("\u{fffd}");
    if let Ok(number) = text.parse::<f64>() {
        return epoch(number);
    }
    let text = text.replacen('/', "-", 2);
    let text = text.strip_suffix(" UTC").map_or(text.clone(), |bare| format!("{bare}Z"));
    match calendar.unix_micros_of(&text) {
        Ok(micros) => Ok(Stamp::OfWorld(micros)),
        Err(error) if error.hint.starts_with("write ") => fault("which is no time", FORMS),
        Err(error) => {
            let fact = error.message.replace(&format!("`{text}`"), "it");
            fault(format!("but {fact}"), error.hint)
        }
    }
}

/// Reads a number of seconds or milliseconds.
pub(super) fn epoch(number: f64) -> Result<Stamp, Fault> {
    if !number.is_finite() {
        return fault("which is not a finite number", FORMS);
    }
    if number < 0.0 {
        return fault("which is negative", FORMS);
    }
    let micros = |factor: f64| (number * factor).round() as i64;
    match number {
        _ if number < LEAST_EPOCH_S => Ok(Stamp::OfRun(micros(1e6))),
        _ if number < LEAST_EPOCH_MS => Ok(Stamp::OfWorld(micros(1e6))),
        _ if number < MOST_EPOCH_MS => Ok(Stamp::OfWorld(micros(1e3))),
        _ => fault("which is no time of this century or the last", FORMS),
    }
}

/// Reads how many there are.
pub(super) fn amount(cell: &[u8]) -> Result<f64, Fault> {
    let text = std::str::from_utf8(cell).unwrap_or("\u{fffd}");
    match text.parse::<f64>() {
        Ok(value) => checked(value),
        Err(_) => fault("which is no number", "write a plain number, such as 300 or 0.5"),
    }
}

/// Says what is wrong with an amount, if anything is.
pub(super) fn checked(value: f64) -> Result<f64, Fault> {
    if !value.is_finite() {
        let hint = "leave the cell empty where nothing is known; `missing` says what it is then";
        return fault("which is not a finite number", hint);
    }
    if value < 0.0 {
        return fault("which is negative", "the least is 0");
    }
    if value > MAX_RATE {
        return fault("which is too large", "the most is 1e12");
    }
    Ok(value)
}
