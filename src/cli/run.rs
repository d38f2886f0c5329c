//! `ecsim run`: runs scenarios, writes what they leave, prints one screen for each.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

use crate::engine::Seed;
use crate::record::RowSink;
use crate::report::{
    Asked, Column, Compared, Finished, Happenings, OutputError, Plots, Report, Tee, WhatIf,
    comparison, screen, summary_line,
};
use crate::scenario::{Override, Problems, Scenario};
use crate::study::{
    Control, Measure, Outcome, Progress, Verdict, differences, first_difference, measures, run,
    verdicts,
};
use crate::units::{Calendar, Span, TimeFormat};

use super::{Exit, ScenarioArgs, complain, tell};

#[derive(Args, Debug)]
#[command(after_long_help = WORDS)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Also run the scenario with this change, on the same luck, and tell what differs, as
    /// `--what-if service.web.desired_count=8`; of several, all are made at once
    #[arg(long = "what-if", value_name = "PATH=VALUE")]
    what_if: Vec<String>,
    /// Directory for the result, or for a directory of each of several scenarios
    /// [default: output/<name>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write no files, only the screen
    #[arg(long, conflicts_with = "out")]
    no_output: bool,
    /// Draw no pictures
    #[arg(long)]
    no_plots: bool,
    /// Print each scenario's summary.json on a line of its own instead of a screen, and its
    /// what-if.json, which begins with `{"schema_version":1,"what_if":`, on the next
    #[arg(long)]
    json: bool,
    /// Print no screen and no warnings: only errors, and whether a run was cut short; with --json
    /// that is printed all the same
    #[arg(long, short)]
    quiet: bool,
    /// Exit with code 1 if an objective is missed
    #[arg(long)]
    fail_on_missed: bool,
}

const WORDS: &str = "\
Words on the screen (output/README.md defines them, every measure and every column of the files):
  healthy/desired  availability: healthy tasks as a share of desired ones, averaged over time
  pending          time from when a task was wanted until it was RUNNING
  used/reserved    what containers use as a share of what their tasks reserve; \">\" in front:
                   at least, because some containers have no `usage` in the scenario
  waiting          time from the arrival of a job's task until RunTask launched it; until the end
                   of the run if it never did
  failed calls     how often a row of a trace, or a firing of a schedule, did not get all its tasks
  given up         tasks that nobody asks for any more, because there was no room
  unfinished       tasks that still wait, or are not STOPPED, when the run ends
  makespan         time from a job's first arrival until its last task STOPPED, within the run
  stranded         share of the instances that is free where no task of the scenario would find
                   room: resources, network interfaces, host ports, constraints on attributes
  empty inst-h     hours that instances cost while nothing but daemons ran on them
  packing          instances that would have been enough, as a share of those in use
  throttled        hours of T instances that have no CPU credits left and get their baseline only
  surplus          CPU credits that T instances have spent and not earned; charged in the end
  (idle)           money for instances that no task reserved: the free part and the stranded part
  (shared)         money that belongs to no service or job, such as that for load balancers";

/// One run that is done.
struct Done {
    scenario: Scenario,
    outcome: Outcome,
    measures: Vec<Measure>,
    verdicts: Vec<Verdict>,
    happenings: Happenings,
    what_if: Option<Box<Changed>>,
    /// Where its result is, if it was written.
    result: Option<PathBuf>,
}

/// What `--what-if` made of a run.
struct Changed {
    done: Done,
    /// `None`: one of the runs was cut short.
    compared: Option<Compared>,
}

/// A scenario, and the same with the changes of `--what-if`.
type Pair = (Scenario, Option<Scenario>);

/// What every run of one command shares.
struct Shared<'a> {
    args: &'a RunArgs,
    stop: Arc<AtomicBool>,
    bars: MultiProgress,
    /// Changes of the command line, for the manifest.
    set: Vec<String>,
}

pub(super) fn execute(args: &RunArgs, out: &mut dyn Write) -> io::Result<Exit> {
    let (scenarios, changed) = match args.read() {
        Ok(read) => read,
        Err(exit) => return Ok(exit),
    };
    if let Some((base, _)) = scenarios.iter().zip(&changed).find(|(a, b)| a.seed != b.seed) {
        tell(&format!(
            "error: --what-if changes the `seed` of `{}`, and with it the luck",
            base.name
        ));
        tell("hint: a change is compared on the same luck; `--seed` gives another to both");
        return Ok(Exit::BadInput);
    }
    if let Some(name) = twice(scenarios.iter().map(|scenario| scenario.name.as_str())) {
        tell(&format!("error: two scenarios are called `{name}`, and their results would be one"));
        tell("hint: give one of them another `name`");
        return Ok(Exit::BadInput);
    }
    if !args.quiet {
        for scenario in &scenarios {
            complain(&scenario.document.problems);
        }
    }
    let shown = !args.quiet && io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let shared = Shared {
        args,
        stop: interrupt(),
        bars: MultiProgress::with_draw_target(target),
        set: args.scenario.changes(),
    };
    let mut changed = changed.into_iter();
    let runs: Vec<(Pair, &PathBuf)> = scenarios
        .into_iter()
        .map(|scenario| (scenario, changed.next()))
        .zip(&args.scenario.scenarios)
        .collect();
    let done: Vec<Result<Done, OutputError>> =
        runs.into_par_iter().map(|(pair, file)| shared.run(pair, file)).collect();
    let mut failed = false;
    let mut good = Vec::new();
    for it in done {
        match it {
            Ok(it) => good.push(it),
            Err(error) => {
                failed = true;
                tell(&format!("error: {}: {}", error.path.display(), error.message));
                if let Some(hint) = &error.hint {
                    tell(&format!("hint: {hint}"));
                }
            }
        }
    }
    if args.quiet || args.json {
        good.iter().for_each(tell_partial);
    }
    match print(args, &good, out) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error),
        // Who reads no further still wants to know how it went.
        Err(_) => tell_closed(&good),
        Ok(()) => {}
    }
    Ok(if failed { Exit::Failed } else { exit_of(args, &good) })
}

/// Says that standard output was closed, and where the results are all the same.
fn tell_closed(good: &[Done]) {
    tell("warning: standard output was closed before all was printed");
    let written: Vec<String> = good
        .iter()
        .filter_map(|done| done.result.as_ref())
        .map(|path| path.display().to_string())
        .collect();
    if !written.is_empty() {
        tell(&format!("hint: the results are complete: {}", written.join(", ")));
    }
}

/// Returns a name that is there twice.
fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Some(name);
        }
        seen.push(name);
    }
    None
}

impl RunArgs {
    /// Reads the scenarios, and the changed ones of `--what-if` if there is one; reports what is
    /// wrong with any of them, of what both have once.
    fn read(&self) -> Result<(Vec<Scenario>, Vec<Scenario>), Exit> {
        let mut overrides = self.scenario.overrides();
        let base = self.scenario.read(&overrides);
        overrides.extend(self.what_if.iter().map(Override::what_if));
        let changed = match self.what_if.is_empty() {
            true => Vec::new(),
            false => self.scenario.read(&overrides),
        };
        let mut changed = changed.into_iter();
        let mut good = (Vec::new(), Vec::new());
        let mut failed = false;
        for base in base {
            let mut known = Problems::new();
            match base {
                Ok(scenario) => good.0.push(scenario),
                Err(problems) => {
                    complain(&problems);
                    failed = true;
                    known = problems;
                }
            }
            match changed.next() {
                Some(Ok(scenario)) => good.1.push(scenario),
                Some(Err(problems)) => {
                    complain(&problems.without(&known));
                    failed = true;
                }
                None => {}
            }
        }
        if failed { Err(Exit::BadInput) } else { Ok(good) }
    }
}

/// Makes Ctrl-C ask runs to stop; a second one ends the program at once.
fn interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let handled = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    if let Err(error) = handled {
        tell(&format!("warning: Ctrl-C will end the program at once: {error}"));
    }
    stop
}

impl Shared<'_> {
    /// Runs one scenario and writes its result, unless that is not wanted.
    fn run(&self, (scenario, changed): Pair, file: &Path) -> Result<Done, OutputError> {
        if self.args.no_output {
            let (mut done, happenings) = self.compare((scenario, changed), Happenings::default());
            done.happenings = happenings;
            return Ok(done);
        }
        let path = match &self.args.out {
            None => Path::new("output").join(&scenario.name),
            Some(out) if self.args.scenario.scenarios.len() == 1 => out.clone(),
            Some(out) => out.join(&scenario.name),
        };
        let (report, rows) = Report::begin(&path, scenario.record)?;
        let sink = Tee(rows, Happenings::default());
        let (mut done, Tee(rows, happenings)) = self.compare((scenario, changed), sink);
        done.happenings = happenings;
        let asked = Asked { scenario: file, set: &self.set, what_if: &self.args.what_if };
        let plots = if self.args.no_plots { Plots::LeftOut } else { Plots::Drawn };
        let what_if = done.what_if(self.args);
        let place = report.finish((&done.finished(), what_if.as_ref()), (&asked, plots), rows)?;
        done.result = Some(place);
        Ok(done)
    }

    /// Runs a scenario, and if it is asked for a changed one beside it.
    fn compare<S: RowSink + Send>(&self, (scenario, changed): Pair, sink: S) -> (Done, S) {
        let Some(changed) = changed else { return self.simulate(scenario, sink) };
        let quiet = Happenings::default();
        let ((mut base, sink), (changed, _)) =
            rayon::join(|| self.simulate(scenario, sink), || self.simulate(changed, quiet));
        let is_whole = [&base, &changed].iter().all(|it| it.outcome.recording.partial.is_none());
        let compared = is_whole.then(|| {
            let mut control = Watch::new(&changed.scenario, self.stop.clone(), &self.bars);
            let models = (&base.scenario.model, &changed.scenario.model);
            let first = first_difference(models, base.outcome.seed, &mut control);
            control.bar.finish_and_clear();
            Compared { differences: differences(&base.measures, &changed.measures), first }
        });
        base.what_if = Some(Box::new(Changed { done: changed, compared }));
        (base, sink)
    }

    fn simulate<S: RowSink>(&self, scenario: Scenario, sink: S) -> (Done, S) {
        let seed = Seed { master: scenario.seed, replication: 0 };
        let mut control = Watch::new(&scenario, self.stop.clone(), &self.bars);
        let (outcome, sink) = run(&scenario, seed, sink, (&mut control, &mut ()));
        control.bar.finish_and_clear();
        let measures = measures(&scenario.model, &outcome);
        let verdicts = verdicts(&scenario.objectives, &measures);
        let happenings = Happenings::default();
        let done =
            Done { scenario, outcome, measures, verdicts, happenings, what_if: None, result: None };
        (done, sink)
    }
}

/// Stops a run on Ctrl-C or when its time is up, and shows how far it has come.
struct Watch {
    stop: Arc<AtomicBool>,
    calendar: Calendar,
    began: Instant,
    limit: Option<Duration>,
    bar: ProgressBar,
}

/// Runs shorter than this show no progress.
const PATIENCE: Duration = Duration::from_secs(1);

impl Watch {
    fn new(scenario: &Scenario, stop: Arc<AtomicBool>, bars: &MultiProgress) -> Watch {
        let style = ProgressStyle::with_template("{prefix}  {bar:30} {percent:>3} %  {msg}")
            .expect("the template is right");
        let bar = bars.add(ProgressBar::new(1000)).with_style(style);
        bar.set_prefix(scenario.name.clone());
        Watch {
            stop,
            calendar: scenario.model.calendar.clone(),
            began: Instant::now(),
            limit: scenario.wall_time.map(|span| Duration::from_micros(span.as_micros())),
            bar,
        }
    }
}

impl Control for Watch {
    fn check(&mut self, progress: Progress) -> Option<String> {
        let passed = self.began.elapsed();
        if passed > PATIENCE {
            let share = progress.at.as_secs_f64() / progress.end.as_secs_f64().max(1e-9);
            let left = passed.as_secs_f64() * (1.0 - share) / share.max(1e-9);
            let rate = progress.events as f64 / passed.as_secs_f64() / 1e6;
            let date = self.calendar.format(progress.at, TimeFormat::DateAndTime);
            let left = Span::secs(left.round() as u64);
            self.bar.set_position((share * 1000.0) as u64);
            self.bar.set_message(format!("{date}  {rate:.1} M events/s  {left} left"));
        }
        if self.stop.load(Ordering::SeqCst) {
            return Some("it was interrupted".to_string());
        }
        let limit = self.limit.filter(|limit| passed > *limit)?;
        let limit = Span::secs(limit.as_secs());
        Some(format!("`limits.wall_time` of {limit} is over"))
    }
}

/// Says on the error stream what a screen would say at its top.
fn tell_partial(done: &Done) {
    for (run, what) in done.runs().zip(["", " what if"]) {
        let recording = &run.outcome.recording;
        let Some(reason) = &recording.partial else { continue };
        let at = run.scenario.model.calendar.format(recording.end, TimeFormat::DateAndTime);
        tell(&format!("warning: {}{what}: the run ends at {at}: {reason}", run.scenario.name));
        if let Some(path) = &run.result {
            tell(&format!("hint: what there is of it is in {}", path.display()));
        }
    }
}

fn print(args: &RunArgs, done: &[Done], out: &mut dyn Write) -> io::Result<()> {
    if args.json {
        for it in done {
            writeln!(out, "{}", summary_line(&it.finished()))?;
            if let Some(what_if) = it.what_if(args) {
                writeln!(out, "{}", what_if.line())?;
            }
        }
        return Ok(());
    }
    if args.quiet {
        return Ok(());
    }
    for (position, it) in done.iter().enumerate() {
        if position > 0 {
            writeln!(out)?;
        }
        let text = screen(&it.scenario, &it.outcome, (&it.verdicts, &it.happenings));
        out.write_all(text.as_bytes())?;
        if let Some(path) = &it.result {
            let pictures = if args.no_plots { "" } else { ", pictures as .svg and .png" };
            let events = if it.scenario.record.event_log { "events.csv, " } else { "" };
            let path = path.display();
            writeln!(
                out,
                "{path}/   {events}summary.json, timeseries.csv, cost.csv, …{pictures}\n\
                 what the words mean: `ecsim run --help`, output/README.md"
            )?;
        }
    }
    if done.len() > 1 {
        let columns: Vec<Column> = done.iter().map(column).collect();
        write!(out, "\nCOMPARED\n{}", comparison(&columns))?;
    }
    for it in done {
        let Some(what_if) = it.what_if(args) else { continue };
        write!(out, "\n{}", what_if.screen())?;
        if let Some(path) = &it.result {
            writeln!(out, "{}", path.join("what-if.json").display())?;
        }
    }
    Ok(())
}

impl Done {
    fn finished(&self) -> Finished<'_> {
        Finished {
            scenario: &self.scenario,
            outcome: &self.outcome,
            measures: &self.measures,
            verdicts: &self.verdicts,
        }
    }
}

impl Done {
    fn what_if<'a>(&'a self, args: &'a RunArgs) -> Option<WhatIf<'a>> {
        let changed = self.what_if.as_deref()?;
        Some(WhatIf {
            changes: &args.what_if,
            base: self.finished(),
            changed: changed.done.finished(),
            compared: changed.compared.as_ref(),
        })
    }

    /// Says whether the first difference was looked for and the search was cut short.
    fn is_search_cut_short(&self) -> bool {
        let compared = self.what_if.as_ref().and_then(|it| it.compared.as_ref());
        compared.is_some_and(|it| it.first.is_err())
    }

    /// The run, and the changed one.
    fn runs(&self) -> impl Iterator<Item = &Done> {
        std::iter::once(self).chain(self.what_if.iter().map(|it| &it.done))
    }
}

fn column(done: &Done) -> Column<'_> {
    Column { name: &done.scenario.name, measures: &done.measures, verdicts: &done.verdicts }
}

/// A run that was cut short failed; an objective that was missed counts if the user says so.
fn exit_of(args: &RunArgs, done: &[Done]) -> Exit {
    let runs = || done.iter().flat_map(Done::runs);
    let partial = runs().any(|it| it.outcome.recording.partial.is_some())
        || done.iter().any(Done::is_search_cut_short);
    let missed = runs().flat_map(|it| &it.verdicts).any(|verdict| verdict.is_missed());
    if partial || (args.fail_on_missed && missed) { Exit::Failed } else { Exit::Fine }
}
