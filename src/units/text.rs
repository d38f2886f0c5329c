//! Text as quantities: exact decimal numbers, units behind them, lengths of time.

use super::Span;

/// Why a value is not what it should be: the fact, to stand behind the key, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Such as `is -1, which is negative`.
    pub fact: String,
    /// What to do; may be empty.
    pub hint: String,
}

pub(crate) fn fault<T>(fact: impl Into<String>, hint: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { fact: fact.into(), hint: hint.into() })
}

/// A decimal number, exactly as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decimal {
    is_negative: bool,
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads digits with at most one point and an exponent; `_` may separate digits.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let part = part.trim_end_matches('0');
        let mut digits: u128 = 0;
        for byte in whole.bytes().chain(part.bytes()).filter(|&byte| byte != b'_') {
            let digit = byte.is_ascii_digit().then(|| u128::from(byte - b'0'))?;
            digits = digits.checked_mul(10)?.checked_add(digit)?;
        }
        let places = i32::try_from(part.bytes().filter(|&byte| byte != b'_').count()).ok()?;
        Some(Decimal { is_negative, digits, exponent: exponent.checked_sub(places)? })
    }

    pub(crate) fn is_negative(self) -> bool {
        self.is_negative && self.digits > 0
    }

    /// Returns the number times `factor`, in whole units, and whether nothing was cut off.
    pub(crate) fn times(self, factor: u128) -> Option<(u128, bool)> {
        let product = self.digits.checked_mul(factor)?;
        if self.exponent >= 0 {
            let power = 10u128.checked_pow(self.exponent.unsigned_abs());
            return match (product, power) {
                (0, _) => Some((0, true)),
                (product, power) => Some((product.checked_mul(power?)?, true)),
            };
        }
        let Some(power) = 10u128.checked_pow(self.exponent.unsigned_abs()) else {
            return Some((0, product == 0));
        };
        let half = power / 2;
        Some((product.checked_add(half)? / power, product % power == 0))
    }
}

/// Says whether a character cannot be seen, or turns around what is beside it.
///
/// Source: Unicode, control and format characters; Unicode Technical Report 36, bidirectional text.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// Splits `12.5 GiB` into its number and its unit.
pub(crate) fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let is_number = |(at, character): (usize, char)| {
        let is_exponent = matches!(character, 'e' | 'E')
            && text[at + 1..].starts_with(|next: char| next.is_ascii_digit());
        let is_sign = matches!(character, '-' | '+') && at == 0;
        character.is_ascii_digit() || matches!(character, '.' | '_') || is_exponent || is_sign
    };
    let end = text.char_indices().find(|&it| !is_number(it)).map_or(text.len(), |(at, _)| at);
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// Reads a number and checks that it is finite and not negative.
pub(crate) fn amount(text: &str) -> Result<Decimal, Fault> {
    let shown = shortened(text);
    let bare = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if bare == "nan" || bare == "inf" || bare == "infinity" {
        return fault(format!("is {shown}, which is not a finite number"), "");
    }
    match Decimal::parse(text) {
        Some(decimal) if decimal.is_negative() => {
            fault(format!("is {shown}, which is negative"), "the least is 0")
        }
        Some(decimal) => Ok(decimal),
        None if bare.bytes().all(|byte| byte.is_ascii_digit() || b"._e".contains(&byte)) => {
            fault(format!("is {shown}, which is too large or no number"), "")
        }
        None => fault(format!("is {shown}, which is no number"), ""),
    }
}

pub(crate) fn too_large<T>(shown: &str, most: &str) -> Result<T, Fault> {
    fault(format!("is {}, which is too large", shortened(shown)), format!("the most is {most}"))
}

/// Units of time, each with its microseconds.
const TIME_UNITS: &[(&str, u64)] = &[
    ("ms", 1000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

/// Words for units of time that are understood besides.
const TIME_WORDS: &[(&str, &str)] = &[
    ("us", "µs"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("m", "min"),
    ("mins", "min"),
    ("minute", "min"),
    ("minutes", "min"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("week", "w"),
    ("weeks", "w"),
];

pub(crate) const TIME_HINT: &str = "units of time are ms, s, min, h, d and w";

pub(crate) fn time_unit(unit: &str) -> Result<u64, Fault> {
    if let Some(&(_, micros)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) {
        return Ok(micros);
    }
    let lower = unit.to_ascii_lowercase();
    let meant = TIME_WORDS.iter().find(|(word, _)| *word == lower).map(|(_, meant)| *meant);
    let meant = meant.or_else(|| TIME_UNITS.iter().map(|it| it.0).find(|name| *name == lower));
    let hint = match meant {
        Some(meant) if meant != "µs" => format!("did you mean `{meant}`? {TIME_HINT}"),
        Some(_) | None => TIME_HINT.to_string(),
    };
    fault(format!("has the unit `{}`", shortened(unit)), hint)
}

/// Reads a length of time such as `90 s`, `1.5 h` or `1 h 30 min`.
///
/// # Errors
/// A [`Fault`] if there is a number without a unit, an unknown unit, or too much.
pub fn parse_span(text: &str) -> Result<Span, Fault> {
    let mut rest = text.trim();
    let mut micros: u64 = 0;
    if rest.is_empty() {
        return fault("is empty", "write a length of time such as \"90 s\"");
    }
    while !rest.is_empty() {
        let (number, behind) = split_unit(rest);
        if number.is_empty() {
            let hint = format!("write a length of time such as \"90 s\"; {TIME_HINT}");
            return fault(format!("is \"{}\"", shortened(text)), hint);
        }
        let end = behind.find(|it: char| it.is_whitespace() || it.is_ascii_digit());
        let (unit, behind) = behind.split_at(end.unwrap_or(behind.len()));
        if unit.is_empty() {
            let hint = format!("write \"{number} s\"; {TIME_HINT}");
            return fault(format!("is \"{}\", without a unit", shortened(text)), hint);
        }
        let decimal = amount(number)?;
        let part = decimal.times(u128::from(time_unit(unit)?));
        let part = part.and_then(|(part, _)| u64::try_from(part).ok());
        let Some(sum) = part.and_then(|part| micros.checked_add(part)) else {
            return too_large(text, "some 500,000 years");
        };
        micros = sum;
        rest = behind.trim_start();
    }
    Ok(Span::micros(micros))
}

/// Cuts very long text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_to_the_microsecond() {
        let check = |text: &str, micros| assert_eq!(parse_span(text), Ok(Span::micros(micros)));
        check("250 ms", 250_000);
        check("0.1 s", 100_000);
        check("1h30min", 5_400_000_000);
        check("1 w 1 d 1 h 1 min 1 s 1 ms", 694_861_001_000);
        check("0.0000019 s", 2);
        check("18446744073709.551615 s", u64::MAX);
    }
}
