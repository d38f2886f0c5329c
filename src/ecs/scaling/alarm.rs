//! CloudWatch alarms: from data points, some of which may be missing, to a state.
//!
//! Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms
//! treat missing data".

use std::fmt;

use crate::units::{SimTime, Span};

/// A value of a metric: millionths of its unit, which is percent where nothing else is said.
///
/// Assumption: means are rounded down; AWS publishes no precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricValue(pub i64);

/// When an alarm is in ALARM.
///
/// Source: CloudWatch API, PutMetricAlarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What data points are compared with.
    pub threshold: MetricValue,
    /// How.
    pub comparison: Comparison,
    /// What makes one data point of what was published in a period.
    pub statistic: Statistic,
    /// How long a data point is about: whole minutes.
    pub period: Span,
    /// N: how many data points are looked at, at least 1.
    pub evaluation_periods: u32,
    /// M: how many of them must breach, 1 to N.
    pub datapoints_to_alarm: u32,
    /// What a missing one counts as.
    pub treat_missing_data: MissingData,
}

/// On which side of its threshold a data point breaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `GreaterThanThreshold`.
    Greater,
    /// `GreaterThanOrEqualToThreshold`.
    GreaterOrEqual,
    /// `LessThanThreshold`.
    Less,
    /// `LessThanOrEqualToThreshold`.
    LessOrEqual,
}

/// What makes one value of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statistic {
    /// The mean.
    #[default]
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingData {
    /// As nothing: where all are missing there is too little data.
    #[default]
    Missing,
    /// As nothing: where there is too little data the state stays.
    Ignore,
    /// As breaching.
    Breaching,
    /// As not breaching.
    NotBreaching,
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AlarmState {
    /// `INSUFFICIENT_DATA`; an alarm begins with it.
    #[default]
    InsufficientData,
    /// `OK`.
    Ok,
    /// `ALARM`.
    Alarm,
}

impl MetricValue {
    /// Makes the value of a number, rounded to millionths.
    pub fn from_f64(value: f64) -> MetricValue {
        MetricValue((value * 1e6).round() as i64)
    }

    /// Returns the nearest whole number, and zero for what is less.
    pub fn rounded(self) -> u64 {
        (self.0.max(0).unsigned_abs() + 500_000) / 1_000_000
    }
}

/// Writes it for people, to a tenth: `62.5`, `50`.
impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let text = format!("{:.1}", self.0 as f64 / 1e6);
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

impl AlarmState {
    /// Returns CloudWatch's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
        }
    }
}

impl Comparison {
    /// Says whether a value breaches a threshold.
    pub fn breaches(self, value: MetricValue, threshold: MetricValue) -> bool {
        match self {
            Comparison::Greater => value > threshold,
            Comparison::GreaterOrEqual => value >= threshold,
            Comparison::Less => value < threshold,
            Comparison::LessOrEqual => value <= threshold,
        }
    }

    /// Says whether it breaches above its threshold.
    pub const fn is_above(self) -> bool {
        matches!(self, Comparison::Greater | Comparison::GreaterOrEqual)
    }
}

impl Statistic {
    /// Makes one value of several; `None` of none.
    pub fn of(self, values: impl Iterator<Item = MetricValue>) -> Option<MetricValue> {
        match self {
            Statistic::Minimum => values.min(),
            Statistic::Maximum => values.max(),
            Statistic::Average => {
                let add = |(sum, n): (i128, i128), it: MetricValue| (sum + i128::from(it.0), n + 1);
                let (sum, count) = values.fold((0, 0), add);
                let mean = (count > 0).then(|| sum.div_euclid(count))?;
                i64::try_from(mean).ok().map(MetricValue)
            }
        }
    }
}

impl Alarm {
    /// Returns how many data points an evaluation asks for, so that a few may be missing.
    ///
    /// Five for three evaluation periods. Assumption: two more than those for all others.
    pub fn evaluation_range(&self) -> usize {
        self.evaluation_periods as usize + 2
    }

    /// Returns how far it looks back.
    pub fn looks_back(&self) -> Span {
        self.period.saturating_mul(self.evaluation_range() as u64)
    }

    /// Returns its data points as of an instant, the newest last, of what was published in periods
    /// of the metric, the newest first, each with its end.
    pub fn data_points(
        &self,
        newest_first: impl Iterator<Item = (SimTime, Option<MetricValue>)>,
        until: SimTime,
    ) -> Vec<Option<MetricValue>> {
        let mut windows = vec![Vec::new(); self.evaluation_range()];
        for (ended, value) in newest_first.filter(|it| it.0 <= until) {
            let age = until.since(ended).as_micros() / self.period.as_micros().max(1);
            let Some(window) = windows.get_mut(age as usize) else { break };
            window.extend(value);
        }
        let points = windows.into_iter().rev().map(|it| self.statistic.of(it.into_iter()));
        points.collect()
    }

    /// Returns the state after an evaluation of the last data points, the newest last; what is
    /// before the evaluation range is not looked at.
    ///
    /// As many real points as there are evaluation periods decide by themselves. With fewer, the
    /// others are filled in; where each of them breaches, it depends on how old the first is
    /// ("premature transitions"). Assumption: while that one is too young the state stays.
    pub fn evaluate(&self, was: AlarmState, points: &[Option<MetricValue>]) -> AlarmState {
        let wanted = self.evaluation_periods as usize;
        let range = points.iter().rev().take(self.evaluation_range());
        let breaches = |it: MetricValue| self.comparison.breaches(it, self.threshold);
        // With how many data points ago each was, from 1, and whether it breaches.
        let real: Vec<(usize, bool)> =
            (1..).zip(range).filter_map(|(age, it)| Some((age, breaches((*it)?)))).collect();
        let used = &real[..wanted.min(real.len())];
        let breaching = used.iter().filter(|it| it.1).count();
        let needed = self.datapoints_to_alarm as usize;
        let missing = wanted - used.len();
        let decide = |breaching: usize| match breaching >= needed {
            true => AlarmState::Alarm,
            false => AlarmState::Ok,
        };
        match self.treat_missing_data {
            _ if missing == 0 => decide(breaching),
            MissingData::Breaching => decide(breaching + missing),
            MissingData::NotBreaching => decide(breaching),
            MissingData::Missing | MissingData::Ignore if breaching < used.len() => {
                decide(breaching)
            }
            MissingData::Ignore => was,
            MissingData::Missing => match used.last() {
                None => AlarmState::InsufficientData,
                Some(&(age, _)) if age >= needed => AlarmState::Alarm,
                Some(_) => was,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::capacity::dice;
    use super::*;

    const ALL: [MissingData; 4] = [
        MissingData::Missing,
        MissingData::Ignore,
        MissingData::Breaching,
        MissingData::NotBreaching,
    ];

    fn alarm(m: u32, n: u32, treat_missing_data: MissingData) -> Alarm {
        Alarm {
            threshold: MetricValue(50),
            comparison: Comparison::Greater,
            statistic: Statistic::Average,
            period: Span::MINUTE,
            evaluation_periods: n,
            datapoints_to_alarm: m,
            treat_missing_data,
        }
    }

    /// Reads data points as the guide writes them: `0` does not breach, `X` does, `-` is missing.
    fn points(text: &str) -> Vec<Option<MetricValue>> {
        let point = |it: char| match it {
            'X' => Some(MetricValue(51)),
            '0' => Some(MetricValue(50)),
            _ => None,
        };
        text.chars().filter(|it| *it != ' ').map(point).collect()
    }

    /// What stays is told by a state that the others cannot be: of each state one.
    fn found(m: u32, text: &str) -> [&'static str; 4] {
        let points = points(text);
        ALL.map(|mode| {
            let alarm = alarm(m, 3, mode);
            let after = [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData]
                .map(|was| alarm.evaluate(was, &points).name());
            match after {
                ["OK", "ALARM", "INSUFFICIENT_DATA"] => "stays",
                [one, same, too] if one == same && same == too => one,
                other => panic!("{other:?}"),
            }
        })
    }

    /// The tables of the guide, with three evaluation periods: missing, ignore, breaching, not.
    #[test]
    fn a_e8_to_a_e18_missing_data_are_treated_as_the_guide_shows() {
        for (m, text, expected) in [
            (3, "0 - X - X", ["OK", "OK", "OK", "OK"]), // A-E8
            (3, "0 - - - -", ["OK", "OK", "OK", "OK"]),
            (3, "- - - - -", ["INSUFFICIENT_DATA", "stays", "ALARM", "OK"]), // A-E10
            (3, "0 X X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]),          // A-E11
            (3, "- - X - -", ["ALARM", "stays", "ALARM", "OK"]),
            (2, "0 - X - X", ["ALARM", "ALARM", "ALARM", "ALARM"]), // A-E13
            (2, "0 0 X 0 X", ["ALARM", "ALARM", "ALARM", "ALARM"]),
            (2, "0 - X - -", ["OK", "OK", "ALARM", "OK"]), // A-E15
            (2, "- - - - 0", ["OK", "OK", "ALARM", "OK"]), // A-E16
            (2, "- - - X -", ["ALARM", "stays", "ALARM", "OK"]),
            (3, "- - - - X", ["stays", "stays", "ALARM", "OK"]), // A-E18
            (3, "- - - X -", ["stays", "stays", "ALARM", "OK"]), // A-E18
        ] {
            assert_eq!(found(m, text), expected, "{m} of 3: {text}");
        }
    }

    /// The figure of the guide: three of three, and values of each period.
    #[test]
    fn an_alarm_follows_the_figure_of_the_guide() {
        let mut state = AlarmState::Ok;
        let values: [i64; 9] = [2, 2, 5, 6, 7, 2, 2, 2, 5];
        let mut seen = Vec::new();
        for end in 3..=values.len() {
            let alarm = Alarm { threshold: MetricValue(3), ..alarm(3, 3, MissingData::Missing) };
            let points: Vec<_> = values[..end].iter().map(|it| Some(MetricValue(*it))).collect();
            state = alarm.evaluate(state, &points);
            seen.push(state == AlarmState::Alarm);
        }
        assert_eq!(seen, [false, false, true, false, false, false, false]);
    }

    /// The slow twin: fills in what is missing, in each way, and counts.
    fn twin(alarm: &Alarm, was: AlarmState, points: &[Option<MetricValue>]) -> AlarmState {
        let (m, n) = (alarm.datapoints_to_alarm as usize, alarm.evaluation_periods as usize);
        let from = points.len().saturating_sub(n + 2);
        let mut range = points[from..].to_vec();
        while range.len() < n + 2 {
            range.insert(0, None);
        }
        let letter = |it: &Option<MetricValue>| match it {
            None => '-',
            Some(value) if value.0 > 50 => 'X',
            Some(_) => '0',
        };
        let text: String = range.iter().map(letter).collect();
        let real: String = text.chars().filter(|it| *it != '-').collect();
        let last = real[real.len().saturating_sub(n)..].to_string();
        let count = |text: &str| text.matches('X').count() >= m;
        let state = |is_alarm| if is_alarm { AlarmState::Alarm } else { AlarmState::Ok };
        if last.len() == n {
            return state(count(&last));
        }
        let filled = |with: &str| last.clone() + &with.repeat(n - last.len());
        match alarm.treat_missing_data {
            MissingData::Breaching => state(count(&filled("X"))),
            MissingData::NotBreaching => state(count(&filled("0"))),
            _ if last.contains('0') => state(count(&last)),
            MissingData::Ignore => was,
            MissingData::Missing if last.is_empty() => AlarmState::InsufficientData,
            MissingData::Missing => {
                let age = text.len() - text.find('X').expect("it is not empty");
                if age >= m { AlarmState::Alarm } else { was }
            }
        }
    }

    #[test]
    fn alarms_equal_their_slow_twin_over_random_data() {
        let states = [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData];
        let mut seen = [0; 3];
        for case in 0..20_000 {
            let mut dice = dice(case);
            let n = 1 + dice(15);
            let alarm = alarm(1 + dice(n), n, ALL[dice(4) as usize]);
            let (present, high) = (dice(4), dice(4));
            let mut point = || match (dice(4) <= present, dice(4) <= high) {
                (false, _) => None,
                (true, is_high) => Some(MetricValue(if is_high { 51 } else { 50 })),
            };
            let length = case as usize % 25;
            let points: Vec<_> = (0..length).map(|_| point()).collect();
            let was = states[case as usize % 3];
            let found = alarm.evaluate(was, &points);
            assert_eq!(found, twin(&alarm, was, &points), "{alarm:?} {was:?} {points:?}");
            seen[states.iter().position(|it| *it == found).unwrap()] += 1;
        }
        assert!(seen.iter().all(|it| *it > 500), "{seen:?}");
    }
}
