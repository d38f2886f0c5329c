//! What policies of services watch: a metric, or an expression over several, period by period.
//!
//! Source: Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics": where
//! something is missing, or divided by zero, there is no data point.

use crate::engine::Ix;
use crate::units::Span;

use super::super::model::{Service, TargetGroup};
use super::alarm::MetricValue;

/// What a policy watches.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// What it is called: AWS's name of the metric, or the expression as it was written.
    pub name: String,
    /// What its values are counted in, to be written behind them: ` %`, or nothing.
    pub unit: &'static str,
    /// How long a data point is about.
    pub period: Span,
    /// The metrics in it.
    pub metrics: Vec<ServiceMetric>,
    /// What is made of them.
    pub expression: Expression,
}

/// A metric that CloudWatch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceMetric {
    /// `CPUUtilization` of a service: used of what its RUNNING tasks reserve, in percent.
    CpuUtilization(Ix<Service>),
    /// `MemoryUtilization` of it.
    MemoryUtilization(Ix<Service>),
    /// `RunningTaskCount` of it, from Container Insights.
    RunningTaskCount(Ix<Service>),
    /// `RequestCountPerTarget` of a target group: requests in a minute for each healthy target, or
    /// each registered one if none is healthy.
    RequestCountPerTarget(Ix<TargetGroup>),
    /// `RequestCount` of a target group: requests in a minute.
    RequestCount(Ix<TargetGroup>),
    /// `ApproximateNumberOfMessagesVisible` of the queue at this position.
    MessagesVisible(u16),
    /// CPU that tasks of a service use, in percent of what one of its tasks reserves.
    TotalCpu(Ix<Service>),
    /// Memory that they use, likewise.
    TotalMemory(Ix<Service>),
}

/// What is made of metrics, by their positions.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A number.
    Number(MetricValue),
    /// A metric.
    Metric(usize),
    /// Two parts, and what is done with them.
    Of(Operator, Box<Expression>, Box<Expression>),
}

/// What is done with two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `a + b`.
    Add,
    /// `a - b`.
    Subtract,
    /// `a * b`.
    Multiply,
    /// `a / b`.
    Divide,
    /// `min(a, b)`.
    Minimum,
    /// `max(a, b)`.
    Maximum,
}

impl Watch {
    /// Makes what watches one metric.
    pub fn one(name: &str, metric: ServiceMetric, period: Span) -> Watch {
        Watch {
            name: name.to_string(),
            unit: metric.unit(),
            period,
            metrics: vec![metric],
            expression: Expression::Metric(0),
        }
    }
}

impl ServiceMetric {
    /// Returns what its values are counted in.
    pub const fn unit(self) -> &'static str {
        match self {
            ServiceMetric::CpuUtilization(_)
            | ServiceMetric::MemoryUtilization(_)
            | ServiceMetric::TotalCpu(_)
            | ServiceMetric::TotalMemory(_) => " %",
            ServiceMetric::RunningTaskCount(_)
            | ServiceMetric::RequestCountPerTarget(_)
            | ServiceMetric::RequestCount(_)
            | ServiceMetric::MessagesVisible(_) => "",
        }
    }
}

impl Expression {
    /// Reads `a / max(b, 1)`: numbers, names, `+ - * /`, parentheses, `min` and `max` of two.
    ///
    /// `position` returns that of the metric of a name.
    ///
    /// # Errors
    /// What is wrong with the text, or what `position` says is wrong with a name.
    pub fn parse(
        text: &str,
        position: &mut dyn FnMut(&str) -> Result<usize, String>,
    ) -> Result<Expression, String> {
        let mut reader = Reader { rest: text, depth: 0, position };
        let expression = reader.sum()?;
        match reader.rest.trim_start() {
            "" => Ok(expression),
            rest => Err(format!("`{rest}` does not go on from what is before it")),
        }
    }

    /// Works it out of the values of metrics; `None` where one that it needs is missing.
    pub fn value(&self, values: &[Option<MetricValue>]) -> Option<MetricValue> {
        match self {
            Expression::Number(number) => Some(*number),
            Expression::Metric(position) => values.get(*position).copied().flatten(),
            Expression::Of(operator, a, b) => {
                operator.of(a.value(values)?.0.into(), b.value(values)?.0.into())
            }
        }
    }
}

impl Operator {
    /// In millionths.
    fn of(self, a: i128, b: i128) -> Option<MetricValue> {
        let value = match self {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => (a * b).div_euclid(1_000_000),
            Operator::Divide => (a * 1_000_000).checked_div_euclid(b)?,
            Operator::Minimum => a.min(b),
            Operator::Maximum => a.max(b),
        };
        i64::try_from(value).ok().map(MetricValue)
    }
}

/// Parentheses within parentheses, at most.
const DEPTH: u32 = 32;

struct Reader<'a> {
    rest: &'a str,
    depth: u32,
    position: &'a mut dyn FnMut(&str) -> Result<usize, String>,
}

impl Reader<'_> {
    fn sum(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("there are more than {DEPTH} parentheses within each other"));
        }
        let mut left = self.product()?;
        loop {
            let operator = match self.rest.trim_start().chars().next() {
                Some('+') => Operator::Add,
                Some('-') => Operator::Subtract,
                _ => break,
            };
            self.eat(1);
            left = Expression::Of(operator, Box::new(left), Box::new(self.product()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.part()?;
        loop {
            let operator = match self.rest.trim_start().chars().next() {
                Some('*') => Operator::Multiply,
                Some('/') => Operator::Divide,
                _ => return Ok(left),
            };
            self.eat(1);
            left = Expression::Of(operator, Box::new(left), Box::new(self.part()?));
        }
    }

    fn part(&mut self) -> Result<Expression, String> {
        let rest = self.rest.trim_start();
        if rest.starts_with('(') {
            self.eat(1);
            let inner = self.sum()?;
            self.expect(')')?;
            return Ok(inner);
        }
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            let found = rest.chars().next();
            let found = found.map_or("the end".to_string(), |it| format!("`{it}`"));
            return Err(format!("{found} stands where a metric or a number is expected"));
        }
        self.eat(end);
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let number: f64 = word.parse().map_err(|_| format!("`{word}` is not a number"))?;
            return Ok(Expression::Number(MetricValue::from_f64(number)));
        }
        let operator = match word.to_ascii_lowercase().as_str() {
            "min" => Operator::Minimum,
            "max" => Operator::Maximum,
            _ => return (self.position)(word).map(Expression::Metric),
        };
        self.expect('(')?;
        let left = self.sum()?;
        self.expect(',')?;
        let right = self.sum()?;
        self.expect(')')?;
        Ok(Expression::Of(operator, Box::new(left), Box::new(right)))
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.rest.trim_start().chars().next() {
            Some(found) if found == wanted => {
                self.eat(1);
                Ok(())
            }
            found => {
                let found = found.map_or("the end".to_string(), |it| format!("`{it}`"));
                Err(format!("{found} stands where `{wanted}` is expected"))
            }
        }
    }

    /// Goes on over so many bytes, after what is blank.
    fn eat(&mut self, bytes: usize) {
        self.rest = &self.rest.trim_start()[bytes..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["queue.orders.visible", "service.worker.running", "x-y"];

    fn parse(text: &str) -> Result<Expression, String> {
        Expression::parse(text, &mut |name| {
            NAMES.iter().position(|it| *it == name).ok_or(format!("no {name}"))
        })
    }

    fn value(text: &str, values: [Option<i64>; 3]) -> Option<f64> {
        let values = values.map(|it| it.map(|it| MetricValue(it * 1_000_000)));
        parse(text).unwrap().value(&values).map(|it| it.0 as f64 / 1e6)
    }

    /// A-E20: 1,500 messages over 10 tasks are 150 a task.
    #[test]
    fn a_e20_backlog_per_task_is_one_metric_divided_by_another() {
        let text = "queue.orders.visible / service.worker.running";
        assert_eq!(value(text, [Some(1500), Some(10), None]), Some(150.0));
        assert_eq!(value(text, [Some(1500), Some(0), None]), None, "divided by zero");
        assert_eq!(value(text, [Some(1500), None, None]), None, "missing");
        let awake = "queue.orders.visible / max(service.worker.running, 1)";
        assert_eq!(value(awake, [Some(7), Some(0), None]), Some(7.0));
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        for (text, expected) in [
            ("1 + 2 * 3 - 4 / 8", 6.5),
            ("(1 + 2) * 3", 9.0),
            ("min(x-y, 2) + MAX(1, 0.5)", 3.0),
            ("10 / 4 / 5", 0.5),
            ("0 - 7", -7.0),
        ] {
            assert_eq!(value(text, [None, None, Some(9)]), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("", "the end stands where a metric or a number is expected"),
            ("1 +", "the end stands where a metric or a number is expected"),
            ("1 2", "`2` does not go on from what is before it"),
            ("(1", "the end stands where `)` is expected"),
            ("max(1)", "`)` stands where `,` is expected"),
            ("1.2.3", "`1.2.3` is not a number"),
            ("cpu", "no cpu"),
        ] {
            assert_eq!(parse(text), Err(expected.to_string()), "{text}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err(), "and nothing overflows");
    }
}
