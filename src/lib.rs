//! A deterministic discrete-event simulator of Amazon ECS clusters.
//!
//! This page is the architecture document: the map, the words, what must stay true, the way of an
//! event and of a scenario, and in which order to read. Keys of a scenario are in
//! `docs/reference.md`, commands in the README.
//!
//! # The map
//!
//! Code is laid out in rings. A ring imports only from rings to its left; those in braces do not
//! know each other. `tests/suite/tidy.rs` holds the walls.
//!
//! ```text
//! units → engine → ecs → { billing, record } → catalogue → scenario → study → report → cli
//! ```
//!
//! | Ring | What it is |
//! |---|---|
//! | [`units`] | simulated time, money, resources, calendars, schedules |
//! | [`engine`] | events, handles, keyed luck, distributions; has never heard of ECS |
//! | [`ecs`] | the model of Amazon ECS: instances, tasks, services, placement, quotas |
//! | [`billing`] | the meter (facts to usage, in integers) and the price (usage to bill) |
//! | [`record`] | series, row logs, a summary, a fingerprint; in bounded memory |
//! | [`catalogue`] | what is known about AWS, as tables: instance types, sizes, prices, quotas |
//! | [`scenario`] | from text to a checked model; the only ring that reads files |
//! | [`study`] | runs, their measures, objectives, and what a change makes different |
//! | [`report`] | screen, files and pictures; the only ring that writes results |
//! | [`cli`] | the command line, one file a command |
//!
//! Why rings, and not a folder for each feature: the core reads as a description of ECS, without
//! the noise of formats and charts, and nothing can leak into it. Files of [`scenario`] are named
//! after the areas they describe, so that a feature is still found in few steps.
//!
//! # Words
//!
//! | Word | Meaning |
//! |---|---|
//! | scenario | what somebody wrote: text, and the files it names |
//! | model | its meaning: every name resolved, every default filled in ([`ecs::Model`]) |
//! | run | one model, one seed ([`ecs::Sim`]) |
//! | world | the state of a run ([`ecs::World`]) |
//! | event | is scheduled, and stays inside the core |
//! | fact | has happened, and only leaves the core ([`ecs::Fact`]) |
//! | controller | a part of ECS that decides: the service scheduler, the agent |
//! | policy | how it decides: a placement strategy |
//! | scalable target | a service between bounds, which policies and scheduled actions move |
//! | observer | watches a run and cannot touch it ([`ecs::Observer`]) |
//! | recording | what a run left ([`record::Recording`]) |
//! | usage, bill | quantities in integers, and what they cost ([`billing::Bill`]) |
//! | commitment | a Savings Plan or a reservation: paid every hour, used or not |
//! | curve | what one more plan would make of a bill, by its commitment ([`billing::Curve`]) |
//! | submitter | whoever calls RunTask: a job trace or a schedule |
//! | fleet, class | instances with a name in common, and what those of one zone and type share |
//! | credit, baseline | a vCPU for a minute; what a T instance earns, and gets without credits |
//! | surplus | credits that an `unlimited` T instance has spent and not earned yet |
//! | pool | a zone and a type, bought on demand or as Spot: where a group launches |
//! | managed instances | those that ECS itself launches and ends; a group that wants what it has |
//! | supply, drought | a pool of Spot capacity; a time in which it reclaims and refuses |
//! | strike | an interruption of whoever sits in a slot of a pool |
//! | fault, outage | what fails at a time or at random; what it left out of order, until it ends |
//! | detector | who notices that something has failed, after how long |
//! | load, queue | requests that arrive from outside; messages that a service works off |
//! | rate | how many per second, over time: constant between its changes ([`ecs::load::Rate`]) |
//! | record | a rate that somebody measured: a file of points |
//! | station | the tasks of a service and the requests at them ([`ecs::load::fluid::Station`]) |
//! | fluid | requests as a rate and a backlog, without single ones |
//! | requirement | what a task asks of an instance |
//! | measure | one figure of a result, by name ([`study::Measure`]) |
//! | objective | what must hold of a measure ([`scenario::Objective`]) |
//! | what-if | a changed scenario on the same luck |
//!
//! What AWS has a name for keeps it, as in its API: `task_definition`, `desired_count`,
//! `placement_constraints`, `last_status`. `ecs` is Elastic Container Service, never
//! entity–component–system.
//!
//! # What must stay true
//!
//! Most of it is about what is *not* there.
//!
//! 1. [`ecs`] and [`engine`] open no file, read no clock but the queue's, spawn no thread, print
//!    nothing and know no price, but those by which a group chooses among pools.
//! 2. One place moves each thing: time [`engine::Queue`], resources [`ecs::Cluster`], luck
//!    [`engine::Seed`], money [`billing::price`].
//! 3. Facts leave and do not return. Recording nothing and recording everything is the same run.
//! 4. A controller sees what the real one could see. The agent learns of a task when ECS has told
//!    it, and an instance has two ledgers for that reason: the scheduler's, released when a task
//!    is STOPPING, and the agent's, released when its containers are gone.
//! 5. Handles are typed and generational. An event about something gone is dropped in the first
//!    line of its handler; nothing is ever searched for and taken out of the queue.
//! 6. Order is decided, never inherited: by time, then round, then rank (ended, progressed,
//!    controllers act, demand arrives), then insertion. An event for now with a rank below the
//!    current one comes in the next round of the same instant; ten thousand rounds are reported as
//!    a livelock. No hash containers in the core. Same seed, same bytes, on any number of threads.
//! 7. Luck is keyed, not consumed in turn: by (seed, replication, purpose, name), and names are
//!    what a user could say, never handles. Two scenarios that differ in one thing meet the same
//!    luck everywhere else.
//! 8. Quantities are metered in whole unit-microseconds and priced once, at the end, in whole
//!    nano-dollars; each line of a bill is rounded once, half to even. Rounding cannot depend on
//!    the order of events.
//! 9. A source holds one pending event, a recorder bounded memory. A year, a million tasks, a
//!    hundred thousand instances must fit. A run and its observers are [`Clone`] at any instant,
//!    and a run continued from a clone equals the whole.
//! 10. Every fast path keeps its slow twin as a judge: the wheel its heap, the placement index its
//!     scan.
//! 11. No panic is reachable from input. Every queue, log and loop has a bound, and reaching it is
//!     reported.
//! 12. A default that AWS does not document is a key of the scenario and marked *measured* or
//!     *assumed*; `ecsim check` lists each.
//!
//! # The way of an event
//!
//! A container exits. [`engine::Queue`] pops the event and moves time; `ecs/mod.rs` hands it to
//! its area; `ecs/life.rs` drops it if the task is gone, else decides whether the container is
//! restarted, whether the task stops and why; [`ecs::Cluster`] gives the resources back, asserting
//! that no more comes back than was taken; the fact goes to the observers, where the recorder
//! appends and the meter closes an interval; and a call one can see in the code tells
//! `ecs/service.rs` or `ecs/submit.rs` that there is room, or a task too few.
//!
//! A placement that fails is a value: how many instances failed which check, and which came
//! closest.
//!
//! # The way of a scenario
//!
//! `cli/run.rs` → [`scenario`] reads the text into a tree that knows the place of every key;
//! merges what it `extends`, what `--set` says and task definitions in JSON; checks it along the
//! one table of keys in `scenario/keys/`, collecting every problem with place, sentence and hint;
//! and lowers it to an [`ecs::Model`], a price book and objectives. [`study::run`] runs it and
//! hands over recording and bill; [`study::measures`] gives the figures names; [`report`] writes.
//! The same table of keys makes the reference page, the JSON Schema and "did you mean".
//!
//! # In which order to read
//!
//! 1. [`units`]: `time.rs`, `money.rs`, ten minutes; everything is counted in these.
//! 2. [`engine`]: `queue.rs` (order), `arena.rs` (handles), `random.rs` (luck).
//! 3. [`ecs`]: `model.rs` (what can be simulated), `fact.rs` (what can happen), `mod.rs` (the
//!    loop), then `life.rs` (a task's life), `service.rs`, `submit.rs`, `placement/`,
//!    `instance.rs`, `auto_scaling.rs` and `managed_instances.rs` (instances come and go),
//!    `capacity_provider.rs`, `group_scaling.rs` and `metric.rs` (who changes their number),
//!    `traffic.rs` and `load/` (requests), `service_scaling.rs` and `service_metric.rs` (who
//!    changes the number of tasks), `capacity/` and `scaling/` (by which rules), `cpu_credits.rs`
//!    (how fast work gets done on T instances), `fault.rs` (what fails), `detect.rs` (who notices)
//!    and `fallback.rs` (who stands in).
//! 4. [`billing`]: `meter.rs`, `price.rs`, `commitment.rs`; [`record`]: `recorder.rs`.
//! 5. [`scenario`]: `keys/mod.rs`, `load.rs`, `check.rs`, `lower/`.
//! 6. `tests/suite/`, for what is held to be true, and by which judge.

pub mod billing;
pub mod catalogue;
pub mod cli;
pub mod ecs;
pub mod engine;
pub mod record;
pub mod report;
pub mod scenario;
pub mod study;
pub mod units;
