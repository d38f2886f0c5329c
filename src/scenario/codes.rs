//! The codes of warnings: what each is about, why people regret it, and what to do.
//!
//! A code is never given to another warning. A new one takes the next number of its group.

use std::fmt::Write;

use super::suggest::did_you_mean;

/// Columns of a page on a terminal.
const WIDTH: usize = 88;

/// What there is to know about a kind of warning.
#[derive(Debug)]
pub struct Page {
    /// What it is called: `W014`.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What happens.
    pub what: &'static str,
    /// Why people regret it.
    pub why: &'static str,
    /// What to do instead.
    pub instead: &'static str,
    /// Where AWS says so; empty where it is a matter of the scenario, not of AWS.
    pub source: &'static str,
}

impl Page {
    fn parts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let parts = [
            ("What happens", self.what),
            ("Why people regret it", self.why),
            ("What to do", self.instead),
            ("Source", self.source),
        ];
        parts.into_iter().filter(|(_, text)| !text.is_empty())
    }
}

/// Makes the codes and their pages of one list, so that none is without.
macro_rules! codes {
    ($($group:literal: $($code:ident $id:literal $title:literal
        $what:literal $why:literal $instead:literal $source:literal)+;)+) => {
        /// A kind of warning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $title] $code,)+)+
        }

        impl Code {
            /// Every code, in order of number.
            pub const ALL: &'static [Code] = &[$($(Code::$code,)+)+];

            /// Returns what there is to know about it.
            pub const fn page(self) -> &'static Page {
                match self {
                    $($(Code::$code => &Page {
                        id: $id,
                        title: $title,
                        what: $what,
                        why: $why,
                        instead: $instead,
                        source: $source,
                    },)+)+
                }
            }
        }

        /// What codes are about, and those about it.
        const GROUPS: &[(&str, &[Code])] = &[$(($group, &[$(Code::$code,)+]),)+];
    };
}

codes! {
"The scenario":
    NothingRuns "W001" "nothing runs"
        "The scenario has neither a service nor a task nor a job. Instances are paid for, and \
         nothing is started on them."
        "The result looks like one, and is the bill of an empty cluster."
        "Write a table [service.…], [task.…] or [job.…]. `scenarios/` has examples."
        ""
    UnusedTaskDefinition "W002" "a task definition that nothing runs"
        "No service, task or job names this task definition, so it has no part in the run. On AWS \
         a registered task definition runs by itself just as little."
        "Most often the name is misspelt where it should be used, and something else runs instead."
        "Name it in `task_definition` of whatever should run it, or leave it out."
        ""
    UnusedImage "W003" "an image that no container has"
        "The size of this image is known, and no container pulls it."
        "The image of a container is written otherwise, by a tag perhaps, and is pulled with the \
         usual size: starts are faster or slower than they should be."
        "Write the same name and tag in both places."
        ""
    ReplacedByFlag "W004" "a flag takes a written key away"
        "Two keys that exclude each other, such as `launch_type` and \
         `capacity_provider_strategy`, cannot both hold. What `--set` says does, and the other \
         one is left out."
        "Part of what is written in the scenario no longer counts."
        "Nothing, if it is meant; else change the scenario itself."
        ""
    ActionAfterTheEnd "W005" "a change after the end of the run"
        "The time of this change comes after `duration`, so it never happens."
        "The result shows a service that never changed."
        "Make `duration` longer, or the time earlier."
        ""
    ScheduleNeverFires "W006" "a schedule that never comes round"
        "No time of the schedule lies within the run, so nothing is started."
        "A cron expression counts in its time zone, and days of the week begin with Sunday as 1: \
         it is easily another day than the one that was meant."
        "Make `duration` longer, let `start` be another time, or change the expression."
        "EventBridge Scheduler User Guide, schedule types: cron-based schedules"
    RowsAfterTheEnd "W007" "rows of a trace after the end of the run"
        "Rows of the trace arrive after `duration`, and are never seen."
        "Fewer tasks run than the trace has, and cost and waiting look better than they are."
        "Make `duration` longer or `time_scale` smaller. Arrivals are seconds from the start of \
         the run, not of the day and not since 1970."
        ""
    RowsOutOfOrder "W008" "rows of a trace out of order"
        "Rows are taken in order of arrival, and those of one time in the order of the file."
        "The file may have been joined of parts, or be ordered by something else: a wrong column \
         of arrivals looks like this, too."
        "Sort the file by arrival, if the column is the right one."
        ""
    SaidTwice "W009" "a key that a column says as well"
        "The column of the trace says it of each row, so the key of the job has no effect."
        "Whoever changes the key waits in vain for another result."
        "Leave one of the two out."
        ""
    UnlikelyCpuUnit "W010" "a CPU column that is probably in vCPU"
        "A number without a unit is in CPU units, of which a vCPU has 1,024. No row of the column \
         asks for as many as a task takes at least."
        "Tasks ask for next to no CPU, and hundreds fit where two should."
        "Write `columns.cpu_unit = \"vCPU\"`."
        "ECS API, RegisterTaskDefinition, `cpu`"
    UnlikelyZone "W011" "a zone that AWS cannot have"
        "AWS's zones have a letter from `a` to `f` after the name of the Region; Local and \
         Wavelength Zones have longer names of a known form."
        "On AWS the subnet would not be there, and a misspelt zone is one more for tasks to be \
         spread over."
        "Write a letter that the Region has."
        "EC2 User Guide, Regions and Zones"
    UnlikelyRegion "W012" "a Region that AWS cannot have"
        "The name does not have the form of a Region's. Prices that are not written are assumed."
        "The bill is that of no place."
        "Write the Region as AWS does, such as `eu-west-1`."
        "EC2 User Guide, Regions and Zones"
    IdleInstances "W013" "instances that nothing is launched on"
        "No service, task or job can go to these instances: they are of another cluster or of \
         another launch type than all that is launched."
        "They cost the same as others."
        "Launch something there, or leave them out. `cluster` is `default` where it is not written."
        ""
    StartFailuresInVain "W014" "start failures where nothing starts"
        "With `initial_state = \"steady\"` all tasks of a service run from the beginning. Nothing \
         ends them, and so nothing is started that could fail."
        "The run shows perfect availability, of a service that was meant to fail."
        "Write `initial_state = \"cold\"`, or a `crash_rate` that ends tasks."
        ""
    FailuresInVain "W015" "failures of runs that never end"
        "`failure_rate` is the share of runs that end by themselves with a failure. These \
         containers have no `run_time`, and so no end."
        "Nothing ever fails, and the numbers look better than they should."
        "Write `run_time`, or `crash_rate` for what may fail at any time."
        "";
"Task definitions":
    WindowsTaskSize "W020" "a task size that Windows ignores"
        "CPU and memory of the whole task are ignored for Windows containers on instances. What \
         the containers ask for is reserved."
        "Tasks have no limit where one is written, and more of them share an instance than \
         expected."
        "Write `cpu` and `memory` of each container."
        "ECS API, RegisterTaskDefinition, `cpu` and `memory`"
    WindowsMemoryReservation "W021" "a soft limit that Windows does not have"
        "Windows has no soft limit of memory. `memory_reservation` is what a task reserves on its \
         instance, and the agent does not apply it as a limit."
        "One container can take the memory of all."
        "Write `memory`, the hard limit."
        "ECS Developer Guide, Amazon ECS task definition differences for Windows"
    InferenceAccelerator "W022" "inference accelerators are not modelled"
        "A resource requirement of type InferenceAccelerator reserves nothing here."
        "More tasks fit on an instance than could share its accelerators. AWS no longer offers \
         Elastic Inference to new customers."
        "Leave it out; for GPUs write the type `GPU`."
        "ECS API, ResourceRequirement"
    UsageAboveLimit "W023" "more memory used than its limit"
        "The kernel kills a container that goes above its hard limit of memory, with exit code \
         137 and the reason OutOfMemoryError. The simulation goes on with it."
        "On AWS such a task would stop and be started again without end."
        "Raise `memory`, or correct `usage`."
        "ECS API, ContainerDefinition, `memory`"
    NetworkModeOfFargate "W024" "a network mode that holds because of Fargate"
        "The task definition runs on Fargate as well, where `awsvpc` is the only network mode. A \
         definition has one, so on EC2 each task takes a network interface of its instance."
        "Interfaces run out long before CPU and memory: an m5.large has two for tasks."
        "Write `network_mode = \"awsvpc\"` to show that it is meant, turn on `awsvpc_trunking`, or \
         give EC2 a definition of its own."
        "ECS Developer Guide, Allocate a network interface for an Amazon ECS task"
    AnyArchitecture "W025" "tasks that may go to x86_64 and to ARM64"
        "Placement does not look at the architecture of an image. Where a cluster has both, a task \
         without `cpu_architecture` may go to either."
        "An image of the other architecture ends at once with `exec format error`, and the service \
         starts it again, at random on the right or on the wrong instance."
        "Write `runtime_platform.cpu_architecture`, use an image for both, or a placement \
         constraint on `attribute:ecs.cpu-architecture`."
        "ECS API, RuntimePlatform; ECS Developer Guide, task placement constraints"
    NoCpu "W026" "tasks that reserve no CPU"
        "Neither a column nor `cpu` says how much CPU the tasks of a job ask for. On instances \
         that is allowed, and they reserve none."
        "Only memory limits how many share an instance, and all of them get slow together."
        "Add `columns.cpu`, or `cpu` for all rows alike."
        "ECS API, ContainerDefinition, `cpu`"
    EndlessTasks "W027" "tasks of which nothing says when they end"
        "Tasks of a schedule or a job run until their essential container exits. Nothing says when \
         that is, and so they run to the end of the simulation."
        "Each firing adds tasks to those before, until nothing fits and the bill has no end."
        "Write `run_time` of the behaviour, or of a job `duration` or its column."
        "";
"Services and placement":
    TooManyTasks "W030" "more tasks than the instances hold"
        "The service wants more tasks than fit on all instances that it may use, even if they were \
         empty. Of a capacity provider strategy, the share of each provider counts, since ECS \
         sends no task to another provider when one has no room."
        "The service never becomes steady. Tasks that are missing are tried again and again, and \
         wait in PROVISIONING where the provider has managed scaling."
        "Take more or larger instances, raise `max_size` of the group, or let tasks ask for less."
        "ECS Developer Guide, service event messages: unable to place a task; ECS API, \
         CapacityProviderStrategyItem"
    SpreadOverNothing "W031" "a spread over an attribute that no instance has"
        "Instances without the attribute count as one group, so the rule distinguishes nothing, \
         and the next one decides."
        "Tasks are believed to be apart, and may all be in one place."
        "Correct the name, or give the instances the attribute."
        "ECS Developer Guide, Use strategies to define Amazon ECS task placement"
    NoInstanceMeets "W032" "placement constraints that no instance meets"
        "A constraint must hold, whatever it costs. No instance of the cluster satisfies all of \
         them."
        "No task is ever placed: the service reports again and again that no container instance \
         met all of its requirements."
        "Correct the expression, or add instances with these attributes."
        "ECS Developer Guide, Define which container instances Amazon ECS uses for tasks"
    RulesAfterRandom "W033" "placement rules after random"
        "Rules are applied in turn, each to what the one before left. `random` leaves one \
         instance, and nothing to choose for those behind it."
        "Tasks are not packed or spread, although it is written."
        "Put `random` last, or leave it out."
        "ECS Developer Guide, Use strategies to define Amazon ECS task placement"
    CrowdedDaemons "W034" "daemons that do not fit on an instance together"
        "A DAEMON service has a task on each instance. Together these ask for more than one has."
        "Which of them is missing differs from instance to instance, and nothing else fits there."
        "Take larger instances, or let daemons ask for less."
        "ECS Developer Guide, Amazon ECS services: daemon strategy"
    FargateQuota "W035" "services beyond the quota of vCPUs on Fargate"
        "The account may run so many vCPUs on Fargate at one time. Services want more."
        "The tasks beyond it do not start; AWS tells of a capacity or quota error, and the service \
         tries again."
        "Raise the quota in `[account]`; at AWS ask for it before you need it."
        "AWS General Reference, Amazon ECS endpoints and quotas; AWS Fargate quotas"
    QuotaOfNewAccounts "W036" "more vCPUs on Fargate than a new account has"
        "The quota of vCPUs on Fargate does not bind here, because `account.quotas` is \"raised\". \
         A new account has few."
        "On the day of the launch a part of the tasks does not start, and raising a quota takes \
         time."
        "Ask AWS for a higher quota beforehand. `account.quotas = \"documented\"` simulates a new \
         account."
        "AWS General Reference, AWS Fargate quotas";
"Jobs and schedules":
    CannotKeepUp "W040" "more work arrives than the instances can do"
        "If all tasks started as they arrive, they would reserve more than the instances have, on \
         average over the run."
        "What waits gets longer without end. An average wait of such a run says only how long the \
         run was."
        "Take more instances, or start fewer, shorter or smaller tasks."
        ""
    TooManyTries "W041" "more attempts than the run has events for"
        "RunTask does not wait: what finds no room is tried again by whoever called it. So many \
         rows try again so often that the run reaches `limits.events`."
        "The run is cut short, and its result is partial."
        "Write `when_full = \"queue\"`, make `retry_max` longer, or raise `limits.events`."
        "ECS API, RunTask";
"Capacity providers":
    SpreadWithSpare "W050" "spread ahead of binpack, with a target capacity below 100"
        "A target capacity below 100 keeps whole instances empty for what may come. A strategy \
         that spreads puts the next task on such an instance rather than beside others. It is not \
         empty any more, and so managed scaling launches another."
        "Each task drifts to an instance of its own, until there are as many instances as tasks or \
         `max_size` is reached: the bill is several times what the tasks need. The default \
         strategy of services spreads over instances, too; that of RunTask is random, which drifts \
         less far. A spread over zones with binpack behind it costs little: an instance in each \
         zone that is not quite full."
        "Put `binpack` first, or leave `target_capacity` at 100."
        "ECS Developer Guide, Automatically manage Amazon ECS capacity with cluster auto scaling \
         (considerations)"
    SpreadKeepsBusy "W051" "spread keeps instances from falling empty"
        "Managed scaling removes instances that run no task but daemons', and moves no task to \
         empty one. A service that shrinks under a spread keeps a task or two on every instance."
        "After the peak the group stays as large as it was, with next to nothing on each instance."
        "Put `binpack` first: tasks are then taken from the emptiest instances."
        "ECS Developer Guide, Amazon ECS managed scaling behavior; Use strategies to define Amazon \
         ECS task placement"
    TooBigForSmallest "W052" "a task too big for the smallest type of its group"
        "Managed scaling counts waiting tasks only if they fit the smallest instance type of the \
         Auto Scaling group, dimension by dimension. This task fits a larger type only."
        "It waits in PROVISIONING, and the group does not grow for it: the metric stays at the \
         target. After some 10 to 30 minutes the task is stopped, and all begins again."
        "Take the smaller types out of the group, or give such tasks a capacity provider with a \
         group of large instances."
        "ECS Developer Guide, Amazon ECS managed scaling behavior; containers-roadmap#2381"
    GroupTooSmall "W053" "a group whose max_size cannot hold its services"
        "The services of this capacity provider together want more than the group has at its \
         `max_size`. Managed scaling never goes beyond it, and does not change it."
        "Which service lacks tasks depends on who came first. The rest wait in PROVISIONING, are \
         stopped after a while, and wait again."
        "Raise `max_size`, take larger instances, or let tasks ask for less."
        "ECS Developer Guide, Amazon ECS managed scaling behavior"
    NeverDrains "W054" "tasks that no drain can move"
        "When an instance drains, tasks of services are replaced within minimumHealthyPercent and \
         maximumPercent. Here both come to the desired count: none may stop first, and none may \
         start first."
        "With managed draining, an instance that is to go waits 48 hours for its tasks and then \
         takes them with it. Instance refreshes and deployments stand still as well."
        "Let `maximum_percent` be above 100, or `minimum_healthy_percent` below; for a single task \
         200 and 100."
        "ECS Developer Guide, Draining Amazon ECS container instances; Safely stop Amazon ECS \
         workloads running on EC2 instances (managed instance draining)"
    ScaleInTakesBusy "W055" "scale-in that ends instances with tasks on them"
        "With managed termination protection off, the Auto Scaling group chooses which instance \
         goes: by zone, age and chance, not by what runs there. With managed draining off, \
         nothing moves its tasks beforehand."
        "Tasks vanish in the middle of their work, requests fail, and a service is below its \
         desired count until ECS has noticed."
        "Set `managed_termination_protection = \"ENABLED\"`, so that only empty instances go, or \
         leave `managed_draining` enabled, or both."
        "ECS Developer Guide, Amazon ECS managed scaling behavior; Control the instances Amazon \
         ECS terminates"
    LaunchTypeDoesNotScale "W056" "tasks of launch type EC2 beside a capacity provider"
        "Tasks with a launch type may be placed on instances of a capacity provider, but do not \
         belong to it: managed scaling does not count those that wait. Launch type EC2 holds \
         where nothing is written."
        "They take room that managed scaling believes to have, find none, and no instance is \
         launched for them; they do not wait in PROVISIONING either."
        "Give them a `capacity_provider_strategy`, or the cluster a \
         `default_capacity_provider_strategy`."
        "ECS Developer Guide, Automatically manage Amazon ECS capacity with cluster auto scaling \
         (considerations)"
    BaseWithoutWeight "W057" "a base without a weight"
        "A weight that is not written is 0 in the API. The item gets the tasks of its base and \
         none beyond. AWS's text says that a provider of weight 0 cannot be used to place tasks; \
         in practice the base is placed there, and so it is here."
        "What was meant as \"two there first, then half and half\" never goes beyond the two."
        "Write `weight = 1` or more if the provider should have a share of the rest; leave it if \
         the base is all it should have."
        "ECS API, CapacityProviderStrategyItem"
    WarmupShorterThanBoot "W058" "a warm-up shorter than an instance takes to register"
        "Managed scaling launches again as soon as its instances are older than \
         `instanceWarmupPeriod`. Instances that have not registered by then have taken no task, \
         and the tasks they were launched for still wait."
        "The same tasks are counted again, and twice the instances are launched or more. They go \
         again after 15 minutes below the target, and are paid for all that time."
        "Make `instance_warmup_period` longer than instances take from launch to ACTIVE."
        "ECS API, ManagedScaling; ECS Developer Guide, Amazon ECS managed scaling behavior"
    ShortageOfNothing "W059" "a shortage of what no group buys"
        "`insufficient_capacity` names a zone or a type that no Auto Scaling group buys on demand, \
         so no launch is refused."
        "The outage that was to be studied does not happen."
        "Name a zone and a type of a group, or leave them out for all."
        "EC2 User Guide, Troubleshoot instance launch issues: InsufficientInstanceCapacity";
"Spot":
    StartsFirstOnSpot "W060" "100 % minimum healthy on Spot"
        "Spot capacity is taken back two minutes after a notice. A minimum healthy percent of 100, \
         the default, says that no task stops before its replacement is healthy: on EC2 tasks stay \
         on the draining instance until then, and on Fargate Spot they get SIGTERM at the notice \
         all the same."
        "If replacements are not there in time, for want of Spot capacity or because images are \
         large, tasks are cut off rather than drained, and the service is below 100 % anyway."
        "Let `minimum_healthy_percent` be below 100 with a few tasks more than needed, or have a \
         `base` on demand that is enough by itself."
        "ECS Developer Guide, Draining Amazon ECS container instances; Amazon ECS clusters for \
         Fargate: termination notices"
    SlowGoodbyeOnSpot "W061" "a goodbye longer than the notice of Spot"
        "A task that is to stop leaves its target groups first, which takes the whole \
         deregistration delay, 300 s by default; then its containers have their stop timeout. Spot \
         gives 120 seconds for both."
        "Containers are killed while requests are still in flight, or before they could finish \
         their work."
        "Make `deregistration_delay` and `stop_timeout` at most 120 s together, such as 60 s and \
         30 s. `stop_timeout` is 30 s where it is not written."
        "ECS Developer Guide, Amazon ECS clusters for Fargate: termination notices; Elastic Load \
         Balancing, deregistration delay"
    RecordedInVain "W062" "a recorded pool that nobody buys"
        "The recording of Spot availability has a pool that no group of the scenario buys from."
        "The pool that was meant keeps the market's droughts, and not those that were recorded."
        "Name pools by zone and type, such as `us-east-1a/m7g.large`, as groups have them."
        "ecsim, the key spot.availability"
    RecordedDemand "W063" "a recording that mixes demand with supply"
        "Rows of `add` and `remove` tell what somebody held, and not what there was: a node that \
         was given back looks like one that was reclaimed."
        "There are more interruptions in the run than there were."
        "Use a recording of `capacity`, where there is one."
        "ecsim, the key spot.availability"
    StandbyOnSameCapacity "W064" "a standby on the same capacity"
        "A fallback starts tasks of the standby while tasks of the service find no place. Here \
         they look for it where those did: in the same capacity providers, or of the same launch \
         type."
        "They find none either."
        "Give the standby a capacity provider of its own, such as FARGATE for a service on \
         FARGATE_SPOT."
        "ECS Best Practices Guide, EC2 and Fargate Spot; containers-roadmap#773";
"The bill":
    PlanCoversNothing "W070" "a Savings Plan for nothing"
        "No instance of the scenario is of what the plan covers. Plans cover EC2 on demand and \
         Fargate, an EC2 Instance plan one family in one Region, and none covers Spot."
        "The commitment is paid every hour of its term, used or not."
        "Choose another family or a Compute plan, or leave the plan out."
        "Savings Plans User Guide, Types of Savings Plans"
    ReservationCoversNothing "W071" "a reservation for nothing"
        "A reservation covers on-demand instances of its own type with Linux, and the scenario has \
         none."
        "It is paid every hour of its term, used or not."
        "Reserve a type that is used, or leave the reservation out."
        "EC2 User Guide, How Reserved Instances are applied";
"Auto Scaling groups":
    RefreshEndsEarly "W080" "an instance refresh that does not go to the end"
        "The last of the checkpoints is below 100 %, and an instance refresh ends at its last \
         checkpoint."
        "The other instances stay as they were."
        "Add 100 to the checkpoints to replace them all."
        "Amazon EC2 Auto Scaling User Guide, Add checkpoints to an instance refresh"
    HookAbandonsAll "W081" "a lifecycle hook that abandons launches"
        "Nothing completes the hook, or most often after its timeout, and its result at the \
         timeout is ABANDON: the instance is terminated, and another one launched that waits in \
         vain as well."
        "Hardly an instance ever comes into service, and each is paid for until its timeout."
        "Write `completes_after`, make `heartbeat_timeout` longer than it, or write \
         `default_result = \"CONTINUE\"`."
        "Amazon EC2 Auto Scaling User Guide, lifecycle hooks"
    WarmPoolOfSpot "W082" "a warm pool of a group that buys Spot capacity"
        "AWS allows no warm pool for groups that buy Spot capacity. It is left out of the run."
        "Launches take as long as without one."
        "Buy all instances of the group on demand, or take the warm pool out."
        "Amazon EC2 Auto Scaling User Guide, warm pools: limitations"
    WarmPoolOfTypes "W083" "a warm pool with several instance types"
        "AWS's documentation allowed no warm pool for groups with a mixed instances policy; since \
         late 2025 it may. It is simulated."
        "The group may be refused when it is made."
        "Ask AWS, or have one `instance_type`."
        "Amazon EC2 Auto Scaling User Guide, warm pools: limitations"
    PolicyBesideManagedScaling "W084" "a scaling policy beside managed scaling"
        "The group has a scaling policy of its own, and a capacity provider scales it as well. \
         Both set its desired capacity, each by its own metric; AWS advises against it."
        "What one launches the other takes away: managed scaling ends instances that a policy \
         wants as a reserve, and a policy ends those that waiting tasks were promised."
        "Leave the policy out, and keep a reserve by a `target_capacity` below 100; or disable \
         managed scaling."
        "ECS Developer Guide, Automatically manage Amazon ECS capacity with cluster auto scaling \
         (considerations)"
    MetricWithoutUsage "W085" "a CPU metric without any usage"
        "A policy follows the CPU that instances use, and nothing says what containers use. What \
         they reserve is not what they use, so the metric has no data."
        "Its alarms stay in INSUFFICIENT_DATA, and the group is never scaled by it."
        "Write what containers use, in `usage` of [behaviour.…], or follow `CPUReservation`."
        "ecsim, the key behaviour.usage; Amazon CloudWatch User Guide, alarm states"
    PolicyOfEmptyGroup "W086" "a policy that cannot wake an empty group"
        "`min_size` is 0. A group without instances publishes no CPU, and a cluster without \
         instances no reservation: with no data an alarm is in INSUFFICIENT_DATA."
        "Once the group is empty it stays so, and its tasks wait for ever."
        "Let `min_size` be 1 or more, or scale the group by a capacity provider, which counts the \
         tasks that wait."
        "Amazon EC2 Auto Scaling User Guide, target tracking scaling policies: insufficient data"
    GroupsBeyondQuota "W087" "groups that may grow beyond the quota of vCPUs"
        "The account may run so many vCPUs on EC2 at one time, on demand and as Spot each. At \
         their greatest size the groups need more, even with their smallest types."
        "Launches beyond it fail with VcpuLimitExceeded or MaxSpotInstanceCountExceeded: on the \
         day of the greatest load the groups stop growing below their `max_size`, and tasks wait."
        "Raise the quota in `[account]`; at AWS ask for it before you need it."
        "EC2 User Guide, On-Demand Instance quotas; Spot Instance quotas";
"CPU credits":
    CrawlsAtBaseline "W100" "T instances that are asked for more than they earn"
        "A T instance in standard mode earns CPU credits at a steady rate, its baseline, and \
         spends them on the CPU it uses. What its services ask for at all times is more: the \
         credits run out, and from then on it gets its baseline and no more."
        "All is well for hours or days, until everything on the instance takes several times as \
         long, and its health checks fail. It begins when nobody has changed anything."
        "Take a type without CPU credits, more instances, or \
         `credit_specification = \"unlimited\"`, and pay for what is used beyond the baseline."
        "Amazon EC2 User Guide, Standard mode concepts for burstable performance instances"
    SurplusCostsMore "W101" "surplus CPU credits that cost more than another type"
        "A T instance in unlimited mode is asked for more than it earns at all times, and pays for \
         every vCPU-hour beyond. With that it costs more than a type that always has all of its \
         CPU."
        "The low price per hour is why T was chosen, and the surplus is on another line of the \
         bill."
        "Take the other type; T pays where the CPU is busy for a while and idle on average."
        "Amazon EC2 User Guide, When to use unlimited mode versus fixed CPU"
    CreditsWithoutUsage "W102" "CPU credits without usage"
        "Containers that do not say what CPU they use, in `usage`, ask for none of the CPU credits \
         of their T instances: no credits are spent for them, and they do not become slower when \
         the credits are gone."
        "The result shows T instances as if they always had all of their CPU, for nothing."
        "Write the CPU and memory that containers use in `behaviour.….usage`."
        "ecsim, the key behaviour.*.usage";
"Managed Instances":
    OutlivesInstances "W110" "tasks that outlive Managed Instances"
        "An instance drains when it is 14 days old, and what still runs on it is stopped after \
         `drain_deadline`. Tasks that belong to no service are not replaced."
        "A task that runs for so long does not come to its end."
        "Run it elsewhere, cut it into shorter tasks, or let a service run it."
        "ECS Developer Guide, Architect for Amazon ECS Managed Instances: migration considerations";
"Service auto scaling":
    NeverWakes "W120" "a service that cannot wake"
        "`min_capacity` is 0, and no policy watches anything that has data without tasks: CPU and \
         memory of a service that runs no task are not published."
        "Once the service is at 0 it stays there, and whoever calls it waits for ever."
        "Let `min_capacity` be 1 or more, or follow requests or the messages of a queue."
        "ECS Developer Guide, service auto scaling; CloudWatch metrics of Amazon ECS"
    TracksWithoutUsage "W121" "a metric of a service without any usage"
        "A policy follows what tasks use, and nothing says what containers use. What they reserve \
         is not what they use, so the metric has no data."
        "Its alarms stay in INSUFFICIENT_DATA, and the service is never scaled by it."
        "Write what containers use, in `usage` of [behaviour.…]."
        "ecsim, the key behaviour.usage; Amazon CloudWatch User Guide, alarm states"
    MovedWithinBounds "W122" "a desired count beyond its bounds"
        "`desired_count` is not between `min_capacity` and `max_capacity`. Registering a scalable \
         target moves the service within them at once."
        "The run does not begin with the tasks that were written."
        "Change `desired_count`, or the bounds."
        "Application Auto Scaling API, RegisterScalableTarget"
    NothingScales "W123" "a scalable target that nothing scales"
        "`auto_scaling` has neither a policy nor a scheduled action, so its bounds are all there \
         is of it."
        "The service stays at its desired count, whatever its load."
        "Add a policy, such as `target_tracking.cpu = {…}`, or leave `auto_scaling` out."
        "Application Auto Scaling User Guide, scaling policies"
    DayAsDigit "W124" "a day of the week as a digit"
        "Days of the week in `cron` are counted from Sunday as 1 here, as EventBridge does. The \
         guide of Application Auto Scaling calls 2 Tuesday in one place."
        "The action may be executed on another day than the one that is meant."
        "Write names of days, such as `TUE`."
        "Application Auto Scaling User Guide, scheduled scaling using cron expressions"
    TracksAlone "W125" "a step policy beside target tracking"
        "Target tracking scales in only when all of its policies are ready; step scaling does not \
         wait for them, and takes away what they have added."
        "The two work against each other: more, fewer, more."
        "Follow one metric by one kind of policy."
        "Application Auto Scaling User Guide, target tracking: considerations";
"Load":
    HidesSpikes "W140" "recorded points that hide shorter spikes"
        "A recorded point is the mean over its period, and the rate is constant for as long. What \
         was higher and shorter than that is not in the record."
        "A spike of a minute fills queues and triggers alarms of a minute; in a mean over five it \
         is a fifth as high, and five times as long. The simulation answers for a calmer world."
        "Record every minute; CloudWatch keeps such points for 15 days, and points of five minutes \
         for 63. Or add spikes that you fear: `{ sum = [{ file = … }, { spike = … }] }`."
        "CloudWatch API, GetMetricStatistics: retention of data points"
    RecordTooShort "W141" "a recorded rate that does not cover the run"
        "The record begins after the run does, or ends before. What is recorded comes again and \
         again there, as `after = \"repeat\"` says, which is the default."
        "A record of a few hours that comes again has no night, and one that is not of whole days \
         or weeks comes at other times of the day each time."
        "Make `duration` shorter or the record longer; or write `after`, which says what is meant."
        "ecsim, the key `after` of a recorded rate"
    NobodyAnswers "W142" "requests to a target group without targets"
        "No service registers its tasks in the target group that these requests go to."
        "A load balancer answers them with 503, and none reaches a task."
        "Name the target group in `load_balancers` of the service."
        "Elastic Load Balancing, Troubleshoot your Application Load Balancers: HTTP 503"
    PatienceOfFluid "W143" "time-outs or retries of a fluid"
        "A load says how long its clients wait or how often they try again, and its requests are \
         simulated as a fluid, which has rates and mean delays and no single request."
        "Both are without effect: nobody gives up, and no retries come on top of what arrives \
         when a service is too slow or refuses requests."
        "Write `traffic.fidelity = \"requests\"`, or take them out."
        "ecsim, the key traffic.fidelity"
    QueuesStayFluid "W144" "messages beside single requests"
        "`traffic.fidelity = \"requests\"` simulates requests one by one; messages of queues are a \
         fluid all the same."
        "Services that work off a queue have no percentiles of latency, and no luck in when \
         messages come and how long one takes."
        "Nothing need be changed."
        "ecsim, the key traffic.fidelity"
    RequestsOnCredits "W145" "requests on T instances"
        "Tasks that serve requests may run on T instances. What requests use is not taken from \
         their CPU credits, and they are as fast without credits as with them."
        "In truth an instance without credits is held to its baseline, a tenth to two fifths of \
         its vCPUs: requests wait there that are answered at once here, and unlimited mode costs \
         money."
        "Run what serves requests on other types in this scenario."
        "Amazon EC2 User Guide, burstable performance instances"
    NoRequests "W146" "what requests need, and none arrive"
        "Behaviour says what a request needs, or how a task takes requests, and no load or queue \
         sends any to a service with this task definition."
        "The keys have no effect: the service idles."
        "Write `load` of the service, `[load.…]` at its load balancer, or `[queue.…]`."
        "ecsim, the keys `per_request` and `requests` of behaviour";
}

impl Code {
    /// Returns the code that is written so, in small letters or in large ones.
    ///
    /// # Errors
    /// The nearest code, if one is near.
    pub fn find(text: &str) -> Result<Code, Option<&'static str>> {
        let is_it = |code: &&Code| code.page().id.eq_ignore_ascii_case(text);
        match Code::ALL.iter().find(is_it) {
            Some(code) => Ok(*code),
            None => Err(did_you_mean(text, Code::ALL.iter().map(|code| code.page().id))),
        }
    }

    /// Writes its page for a terminal.
    pub fn explained(self) -> String {
        let page = self.page();
        let mut text = format!("{}: {}\n", page.id, page.title);
        for (heading, part) in page.parts() {
            text += &format!("\n{heading}\n");
            text += &wrapped(part);
        }
        text
    }
}

/// Lists every code with its title, by what it is about.
pub fn list() -> String {
    let mut text = String::new();
    for (group, codes) in GROUPS {
        let apart = if text.is_empty() { "" } else { "\n" };
        text += &format!("{apart}{}\n", group.to_uppercase());
        for page in codes.iter().map(|code| code.page()) {
            text += &format!("  {}  {}\n", page.id, page.title);
        }
    }
    text
}

/// Writes the page of all warnings, `docs/warnings.md`.
pub fn markdown() -> String {
    let mut text = "# Warnings\n\n\
         What AWS accepts and people regret, and what in a scenario is probably not meant. A \
         warning stops\nnothing. `ecsim check --explain CODE` prints a page of these, `ecsim check \
         --explain` the list.\n\n\
         This page is made by `ecsim schema --warnings`.\n"
        .to_string();
    for (group, codes) in GROUPS {
        text += &format!("\n## {group}\n");
        for page in codes.iter().map(|code| code.page()) {
            text += &format!("\n### {}: {}\n", page.id, page.title);
            for (heading, part) in page.parts() {
                text += &format!("\n**{heading}.** {part}\n");
            }
        }
    }
    text
}

/// Breaks a text into indented lines.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let (before, column) = match used {
            0 => ("  ", 2),
            used if used + 1 + length > WIDTH => ("\n  ", 2),
            used => (" ", used + 1),
        };
        write!(lines, "{before}{word}").expect("a string grows");
        used = column + length;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_number_of_its_own_and_a_page() {
        let ids: Vec<&str> = Code::ALL.iter().map(|code| code.page().id).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        for (id, code) in ids.iter().zip(Code::ALL) {
            let is_number = |it: &str| it.len() == 3 && it.bytes().all(|it| it.is_ascii_digit());
            assert!(id.strip_prefix('W').is_some_and(is_number), "{id}");
            let page = code.page();
            let is_sentence = |it: &str| it.ends_with('.') && !it.contains("  ");
            for part in [page.what, page.why, page.instead] {
                assert!(is_sentence(part), "{id}: {part:?}");
            }
            let title = page.title;
            assert!(!title.is_empty() && !title.ends_with('.') && title.len() < 70, "{id}");
            assert!(code.explained().lines().all(|line| line.chars().count() <= WIDTH), "{id}");
        }
        // What is said of AWS names its source.
        let unsourced = |code: &Code| code.page().source.is_empty() && code.page().id > "W049";
        assert_eq!(Code::ALL.iter().find(|code| unsourced(code)), None);
    }

    #[test]
    fn a_code_is_found_by_its_name_or_the_nearest_is_told() {
        assert_eq!(Code::find("W050"), Ok(Code::SpreadWithSpare));
        assert_eq!(Code::find("w001"), Ok(Code::NothingRuns));
        assert_eq!(Code::find("W0500"), Err(Some("W050")));
        assert_eq!(Code::find("spread"), Err(None));
        let list = list();
        assert!(list.starts_with("THE SCENARIO\n  W001  nothing runs\n"), "{list}");
        assert_eq!(list.matches("  W").count(), Code::ALL.len());
    }
}
