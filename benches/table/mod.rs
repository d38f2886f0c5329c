//! Tables in Markdown, for the README and `docs/performance.md`:
//! `cargo bench --bench NAME -- --table` prints them.

use std::time::{Duration, Instant};

/// A time is the lower quartile of so many samples: what else the machine does only adds.
const SAMPLES: usize = 100;
/// A sample takes at least so long, which is less than a process mostly has at a stretch.
const SAMPLE: Duration = Duration::from_micros(500);

/// Says whether the table is wanted in place of Criterion's report.
pub fn wanted() -> bool {
    std::env::args().any(|argument| argument == "--table")
}

/// Says whether times matter; otherwise the bench runs as a test, once and small.
pub fn measuring() -> bool {
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    given("--bench") && !given("--test")
}

/// Returns all sizes when measuring, the first as a test.
pub fn sizes<T>(all: &[T]) -> &[T] {
    if measuring() { all } else { &all[..1] }
}

/// Returns how long `run` takes, in nanoseconds: the lower quartile of samples. `run` does
/// something so many times and returns how long that took.
pub fn nanos(times: u32, mut run: impl FnMut(u32) -> Duration) -> f64 {
    let mut sample = || {
        let (mut taken, mut done) = (Duration::ZERO, 0);
        while done == 0 || (measuring() && taken < SAMPLE) {
            taken += run(times);
            done += times;
        }
        taken.as_secs_f64() * 1e9 / f64::from(done)
    };
    if !measuring() {
        return sample();
    }
    let mut samples: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
    samples.sort_unstable_by(f64::total_cmp);
    samples[SAMPLES / 4]
}

/// Times so many calls together.
pub fn timed<T>(times: u32, mut step: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        std::hint::black_box(step());
    }
    start.elapsed()
}

/// Prints which processor the numbers are of.
pub fn print_machine() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    println!("{}\n", model.map_or("unknown processor", |(_, name)| name));
}

/// Prints the head of a table: what the rows are, then its columns.
pub fn print_head(rows: &str, columns: &[String]) {
    println!("| {rows} | {} |", columns.join(" | "));
    println!("|---|{}", "--:|".repeat(columns.len()));
}

/// Prints a row of a table.
pub fn print_row(name: &str, cells: &[String]) {
    println!("| {name} | {} |", cells.join(" | "));
}

/// Writes a number with a comma for each three digits.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a quotient.
pub fn ratio(a: f64, b: f64) -> String {
    format!("{:.1}", a / b)
}
