//! CPU credits of a burstable performance instance: what it earns, spends, has and owes.
//!
//! Sources: Amazon EC2 User Guide, "Key concepts for burstable performance instances" (earning, the
//! limit, the baseline), "Standard mode concepts" (launch credits, falling to the baseline),
//! "Unlimited mode concepts" (surplus credits, when they are charged) and "Monitor your CPU
//! credits" (the equations of the balances), 2023 and 2026.
//!
//! Between two changes of what is asked of the instance all of it is linear, so nothing is polled:
//! [`Account::next_change`] says when a balance reaches zero or its limit. Assumptions: CPU falls
//! to the baseline at once when the credits are gone (AWS lowers it gradually, and does not say
//! how); surplus credits above the limit are charged at once, not at the end of the hour.

use crate::units::{SimTime, Span};

/// An amount of CPU credits, exact.
///
/// A credit is one vCPU at 100 % for a minute. It is counted in 75ths of a CPU unit times a
/// microsecond, because of those every size earns a whole number in a microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i128);

impl Credits {
    /// None.
    pub const ZERO: Credits = Credits(0);
    /// Parts of a CPU unit times a microsecond.
    pub const PARTS: u64 = 75;
    /// One credit: 1,024 CPU units for 60 s.
    const ONE: i128 = Credits::PARTS as i128 * 1024 * 60_000_000;
    /// What a tenth of a credit in an hour is in a microsecond.
    const TENTH_PER_HOUR: i128 = Credits::ONE / (10 * 3_600_000_000);

    /// Makes whole credits.
    pub const fn whole(credits: u32) -> Credits {
        Credits(credits as i128 * Credits::ONE)
    }

    /// Returns credits, which are vCPU-minutes.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / Credits::ONE as f64
    }

    /// Returns the whole credits next to it; what is below zero counts as zero.
    pub fn rounded(self) -> u64 {
        u64::try_from((self.0.max(0) + Credits::ONE / 2) / Credits::ONE).unwrap_or(u64::MAX)
    }

    /// Returns parts of CPU units times microseconds, [`Credits::PARTS`] a CPU unit.
    pub fn parts(self) -> u128 {
        self.0.max(0) as u128
    }

    /// Returns what is half way to another amount.
    pub fn middle(self, other: Credits) -> Credits {
        Credits((self.0 + other.0) / 2)
    }

    /// Returns what a rate of credits makes in a time.
    pub fn over(self, span: Span) -> Credits {
        Credits(self.0 * i128::from(span.as_micros()))
    }
}

impl std::ops::Add for Credits {
    type Output = Credits;
    fn add(self, other: Credits) -> Credits {
        Credits(self.0 + other.0)
    }
}

impl std::ops::Sub for Credits {
    type Output = Credits;
    fn sub(self, other: Credits) -> Credits {
        Credits(self.0 - other.0)
    }
}

impl std::ops::AddAssign for Credits {
    fn add_assign(&mut self, other: Credits) {
        self.0 += other.0;
    }
}

/// What holds for the credits of a kind of instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditTerms {
    /// Tenths of a credit earned in an hour; 24 h of it can be accrued.
    pub tenths_per_hour: u32,
    /// CPU units of all vCPUs.
    pub cpu_units: u32,
    /// Whether it is `unlimited`; otherwise `standard`.
    pub unlimited: bool,
    /// Launch credits, at each launch and start: of T2 in standard mode.
    pub launch_credits: u32,
    /// Whether the balance is kept while it is stopped, for seven days.
    pub survives_stop: bool,
    /// Of what can be accrued, in millionths, what an instance has that is there when the run
    /// begins.
    pub initial_millionths: u32,
}

/// How an instance stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It uses as much CPU as is asked for, and owes nothing.
    #[default]
    Covered,
    /// It has no credits left, and gets no more than its baseline.
    Throttled,
    /// It spends credits that it has not earned, or has not paid them down yet.
    Surplus,
    /// It owes as many as it can earn in 24 h: each further one is charged.
    Charged,
}

/// The credits of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it earns in a microsecond; nothing while it is stopped.
    earns: i128,
    /// What is asked for in a microsecond, at most all vCPUs.
    asked: i128,
    /// What is asked for beyond all vCPUs.
    beyond: i128,
    /// The most that can be accrued, and owed.
    most: i128,
    unlimited: bool,
    /// Launch credits, which are spent first and do not count towards the limit.
    launch: i128,
    /// Earned credits; below zero: surplus credits that are owed.
    balance: i128,
    /// Up to when all of this holds.
    since: SimTime,
    totals: Totals,
}

/// What has become of credits so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Given at launches and at the beginning of the run.
    pub given: Credits,
    /// Earned.
    pub earned: Credits,
    /// Spent, by all CPU that was used.
    pub spent: Credits,
    /// Earned above the limit, or lost at a stop.
    pub discarded: Credits,
    /// Surplus credits that were charged.
    pub charged: Credits,
    /// Asked for and not got: the CPU was held to the baseline.
    pub withheld: Credits,
    /// For how long it was.
    pub throttled: Span,
}

impl Totals {
    /// Adds what has become of credits from one state of an account to a later one.
    pub fn add_since(&mut self, before: Option<&Account>, now: &Account) {
        let (old, new) = (before.map(|it| it.totals).unwrap_or_default(), now.totals);
        self.given += new.given - old.given;
        self.earned += new.earned - old.earned;
        self.spent += new.spent - old.spent;
        self.discarded += new.discarded - old.discarded;
        self.charged += new.charged - old.charged;
        self.withheld += new.withheld - old.withheld;
        self.throttled += new.throttled.saturating_sub(old.throttled);
    }
}

impl Account {
    /// Makes the account of an instance that is launched: it earns from now on, and has launch
    /// credits.
    pub fn new(terms: &CreditTerms, now: SimTime) -> Account {
        let earns = i128::from(terms.tenths_per_hour) * Credits::TENTH_PER_HOUR;
        let mut account = Account {
            earns,
            asked: 0,
            beyond: 0,
            most: earns * i128::from(Span::DAY.as_micros()),
            unlimited: terms.unlimited,
            launch: 0,
            balance: 0,
            since: now,
            totals: Totals::default(),
        };
        account.give_launch_credits(terms);
        account
    }

    /// It has been there for long when the run begins.
    pub fn has_been_there(&mut self, terms: &CreditTerms) {
        self.launch = 0;
        self.balance = self.most * i128::from(terms.initial_millionths) / 1_000_000;
        self.totals = Totals { given: Credits(self.balance), ..Totals::default() };
    }

    /// Source: EC2 User Guide, "Launch credits". Not modelled: only 100 launches and starts of an
    /// account in 24 h get them.
    fn give_launch_credits(&mut self, terms: &CreditTerms) {
        let credits = Credits::whole(terms.launch_credits);
        self.launch = credits.0;
        self.totals.given += credits;
    }

    /// So many CPU units are asked for from now on; no more than there are can be got.
    pub fn ask(&mut self, terms: &CreditTerms, now: SimTime, cpu_units: u64) {
        self.advance(now);
        let units = cpu_units.min(u64::from(terms.cpu_units));
        self.asked = i128::from(units) * i128::from(Credits::PARTS);
        self.beyond = i128::from(cpu_units - units) * i128::from(Credits::PARTS);
    }

    /// It stops: what it owes is charged, and what it has is lost unless it survives.
    ///
    /// Source: EC2 User Guide, "Accrued CPU credits life span". Not modelled: that the balance of a
    /// T3 or later is lost after seven days.
    pub fn stop(&mut self, now: SimTime, survives: bool) {
        self.advance(now);
        (self.earns, self.asked, self.beyond) = (0, 0, 0);
        let owed = (-self.balance).max(0);
        self.balance += owed;
        self.totals.charged += Credits(owed);
        if !survives {
            self.totals.discarded += Credits(self.balance + self.launch);
            (self.balance, self.launch) = (0, 0);
        }
    }

    /// It is started after a stop.
    pub fn start(&mut self, terms: &CreditTerms, now: SimTime) {
        self.advance(now);
        self.earns = i128::from(terms.tenths_per_hour) * Credits::TENTH_PER_HOUR;
        self.give_launch_credits(terms);
    }

    /// Brings it up to date.
    pub fn advance(&mut self, now: SimTime) {
        let mut left = now.since(self.since);
        self.since = now;
        while !left.is_zero() {
            let step = self.next_change().map_or(left, |change| change.min(left));
            self.pass(step);
            left = left - step;
        }
    }

    /// Returns how it is at a later time, if nothing changes until then.
    pub fn at(mut self, later: SimTime) -> Account {
        self.advance(later);
        self
    }

    /// Passes a time in which all is linear.
    fn pass(&mut self, step: Span) {
        if self.stage() == Stage::Throttled {
            self.totals.throttled += step;
        }
        let micros = i128::from(step.as_micros());
        let (earned, asked) = (self.earns * micros, self.wanted() * micros);
        let mut spent = self.granted() * micros;
        let of_launch = self.launch.min(spent);
        self.launch -= of_launch;
        self.balance += earned - (spent - of_launch);
        if self.balance > self.most {
            self.totals.discarded += Credits(self.balance - self.most);
            self.balance = self.most;
        } else if self.unlimited && self.balance < -self.most {
            self.totals.charged += Credits(-self.most - self.balance);
            self.balance = -self.most;
        } else if !self.unlimited && self.balance < 0 {
            // The last microsecond before it was empty.
            spent += self.balance;
            self.balance = 0;
        }
        self.totals.earned += Credits(earned);
        self.totals.spent += Credits(spent);
        self.totals.withheld += Credits(asked - spent);
    }

    /// Returns after how long its stage, or how fast a balance changes, changes by itself.
    pub fn next_change(&self) -> Option<Span> {
        let until = |distance: i128, speed: i128| {
            // Rounded up, so that it is there when the time has come.
            let micros = (distance + speed - 1) / speed;
            u64::try_from(micros).ok().map(Span::micros)
        };
        let granted = self.granted();
        if self.launch > 0 {
            let spent = (granted > 0).then(|| until(self.launch, granted)).flatten();
            let rises = self.earns > 0 && self.balance < self.most;
            let full = rises.then(|| until(self.most - self.balance, self.earns)).flatten();
            return spent.into_iter().chain(full).min();
        }
        let net = self.earns - granted;
        if net > 0 {
            let target = if self.balance < 0 { 0 } else { self.most };
            return (self.balance < target).then(|| until(target - self.balance, net)).flatten();
        }
        let target = if self.balance > 0 { 0 } else { -self.most };
        let falls = net < 0 && self.balance > target;
        falls.then(|| until(self.balance - target, -net)).flatten()
    }

    fn is_throttled(&self) -> bool {
        !self.unlimited && self.launch == 0 && self.balance == 0 && self.asked > self.earns
    }

    /// What those who ask go without when they are held to the baseline counts from here. Others
    /// than T instances do not slow down what asks for more than there is, nor do these otherwise.
    fn wanted(&self) -> i128 {
        if self.is_throttled() { self.asked + self.beyond } else { self.asked }
    }

    fn granted(&self) -> i128 {
        if self.is_throttled() { self.earns } else { self.asked }
    }

    /// Returns how it stands.
    pub fn stage(&self) -> Stage {
        let falls = self.granted() > self.earns && self.launch == 0;
        if self.is_throttled() {
            Stage::Throttled
        } else if falls && self.balance == -self.most {
            Stage::Charged
        } else if self.balance < 0 || (falls && self.balance == 0) {
            Stage::Surplus
        } else {
            Stage::Covered
        }
    }

    /// Returns how fast work goes on: what is got, of what is asked for.
    pub fn pace(&self) -> (u128, u128) {
        if self.is_throttled() { (self.earns as u128, self.wanted() as u128) } else { (1, 1) }
    }

    /// Returns CPUCreditBalance: earned and launch credits that are left.
    pub fn balance(&self) -> Credits {
        Credits(self.balance.max(0) + self.launch)
    }

    /// Returns CPUSurplusCreditBalance: credits spent and not earned yet.
    pub fn surplus(&self) -> Credits {
        Credits((-self.balance).max(0))
    }

    /// Returns how much both change in a microsecond, until the next change.
    pub fn slopes(&self) -> (Credits, Credits) {
        let soon = |account: Account| (account.balance(), account.surplus());
        let (balance, surplus) = soon(*self);
        match self.next_change() {
            None => (Credits::ZERO, Credits::ZERO),
            Some(_) => {
                let mut next = *self;
                next.pass(Span::micros(1));
                let (next_balance, next_surplus) = soon(next);
                (next_balance - balance, next_surplus - surplus)
            }
        }
    }

    /// Returns CPU units that are asked for and not got.
    pub fn withheld_cpu_units(&self) -> u64 {
        ((self.wanted() - self.granted()) / i128::from(Credits::PARTS)) as u64
    }

    /// Returns what has become of credits up to when it was brought up to date.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice;
    use super::*;

    const fn terms(per_hour: u32, vcpus: u32) -> CreditTerms {
        CreditTerms {
            tenths_per_hour: 10 * per_hour,
            cpu_units: 1024 * vcpus,
            unlimited: false,
            launch_credits: 0,
            survives_stop: true,
            initial_millionths: 1_000_000,
        }
    }

    const T3_NANO: CreditTerms = terms(6, 2);
    const T2_NANO: CreditTerms =
        CreditTerms { launch_credits: 30, survives_stop: false, ..terms(3, 1) };

    /// An instance from its launch on, used by so many thousandths of all its vCPUs for hours.
    struct Instance {
        terms: CreditTerms,
        account: Account,
        now: SimTime,
    }

    impl Instance {
        fn launch(terms: CreditTerms) -> Instance {
            Instance { terms, account: Account::new(&terms, SimTime::ZERO), now: SimTime::ZERO }
        }

        fn run(&mut self, hours: u64, thousandths: i128) -> (f64, f64) {
            self.account.advance(self.now);
            self.account.asked = i128::from(self.terms.cpu_units) * 75 * thousandths / 1000;
            self.now += Span::HOUR * hours;
            self.account.advance(self.now);
            assert_eq!(lost(&self.account), Credits::ZERO);
            (self.account.balance().as_f64(), self.account.surplus().as_f64())
        }

        fn check(&mut self, hours: u64, thousandths: i128, expected: (f64, f64)) {
            let (balance, surplus) = self.run(hours, thousandths);
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
            let is_it = near(balance, expected.0) && near(surplus, expected.1);
            assert!(is_it, "at {:?}: {balance}, {surplus}, not {expected:?}", self.now);
        }
    }

    /// What came and what became of it differ by nothing.
    fn lost(account: &Account) -> Credits {
        let totals = account.totals;
        let came = totals.given + totals.earned + totals.charged;
        let went = totals.spent + totals.discarded;
        came - went - (account.balance() - account.surplus())
    }

    /// EC2 User Guide, "Standard mode examples", example 1, P1 to P7.
    #[test]
    fn t3_standard_accrues_discards_spends_and_falls_to_the_baseline() {
        let mut nano = Instance::launch(T3_NANO);
        nano.check(24, 0, (144.0, 0.0));
        nano.check(12, 25, (144.0, 0.0));
        nano.check(24, 70, (86.4, 0.0));
        nano.check(12, 25, (122.4, 0.0));
        nano.check(2, 1000, (0.0, 0.0));
        assert_eq!(nano.account.stage(), Stage::Throttled);
        assert_eq!(nano.account.pace(), (6 * 1280, 2048 * 75));
        // It asks for 100 %, and has 5 % of it.
        let before = nano.account.totals.spent;
        nano.check(14, 1000, (0.0, 0.0));
        let spent = nano.account.totals.spent - before;
        assert_eq!(spent, Credits::whole(14 * 6));
        nano.check(24, 0, (144.0, 0.0));
    }

    /// EC2 User Guide, "Standard mode examples", example 2, periods 1 to 7.
    #[test]
    fn t2_standard_spends_its_launch_credits_first_and_they_do_not_count_towards_the_limit() {
        let mut nano = Instance::launch(T2_NANO);
        nano.check(14, 0, (72.0, 0.0));
        nano.check(10, 0, (102.0, 0.0));
        nano.check(12, 0, (102.0, 0.0));
        nano.check(25, 20, (72.0, 0.0));
        nano.check(11, 20, (72.0, 0.0));
        nano.check(3, 200, (45.0, 0.0));
        nano.check(15, 20, (72.0, 0.0));
        nano.check(6, 0, (72.0, 0.0));
    }

    /// EC2 User Guide, "Unlimited mode examples", example 1, P1 to P7.
    #[test]
    fn t3_unlimited_spends_surplus_credits_and_is_charged_above_a_day_of_earning() {
        let mut nano = Instance::launch(CreditTerms { unlimited: true, ..T3_NANO });
        nano.check(24, 0, (144.0, 0.0));
        nano.check(12, 25, (144.0, 0.0));
        nano.check(24, 70, (86.4, 0.0));
        nano.check(12, 25, (122.4, 0.0));
        // 570 credits more than it earns: 448 of them surplus, and 304 of those charged.
        nano.check(5, 1000, (0.0, 144.0));
        let charged = nano.account.totals.charged.as_f64();
        assert!((charged - 303.6).abs() < 1e-6, "{charged}");
        assert_eq!(nano.account.stage(), Stage::Charged);
        nano.check(13, 50, (0.0, 144.0));
        assert_eq!(nano.account.stage(), Stage::Surplus);
        nano.check(24, 0, (0.0, 0.0));
        assert_eq!(nano.account.totals.charged.as_f64(), charged);
    }

    /// EC2 User Guide, "Monitor your CPU credits": 2 + [0.5 - 1] = 1.5.
    #[test]
    fn a_t3_nano_earns_half_a_credit_in_five_minutes() {
        let mut account = Account::new(&T3_NANO, SimTime::ZERO);
        account.balance = Credits::whole(2).0;
        // One credit in five minutes is a fifth of a vCPU.
        account.asked = 1024 * 75 / 5;
        account.advance(SimTime::from_secs(300));
        assert_eq!(account.balance() + account.balance(), Credits::whole(3));
    }

    /// EC2 User Guide, "Launch credits": t2.micro idle for 24 h has 174.
    #[test]
    fn an_idle_t2_micro_has_174_credits_after_a_day_and_an_unlimited_one_144() {
        let micro = CreditTerms { launch_credits: 30, ..terms(6, 1) };
        Instance::launch(micro).check(24, 0, (174.0, 0.0));
        let unlimited = CreditTerms { unlimited: true, launch_credits: 0, ..micro };
        Instance::launch(unlimited).check(24, 0, (144.0, 0.0));
    }

    /// EC2 User Guide, "Accrued CPU credits life span" and "Surplus credits can incur charges".
    #[test]
    fn at_a_stop_t3_keeps_its_credits_t2_loses_them_and_surplus_is_charged() {
        let day = SimTime::ZERO + Span::DAY;
        let after = |terms: CreditTerms, asked: u64| {
            let mut account = Account::new(&terms, SimTime::ZERO);
            account.ask(&terms, SimTime::ZERO, asked);
            account.stop(day, terms.survives_stop);
            // Nothing is earned meanwhile.
            account.start(&terms, day + Span::DAY);
            assert_eq!(lost(&account), Credits::ZERO);
            (account.balance().rounded(), account.totals.charged.rounded())
        };
        assert_eq!(after(T3_NANO, 0), (144, 0));
        assert_eq!(after(T2_NANO, 0), (30, 0));
        // 0.15 vCPU above the baseline for a day: 72 beyond what it can owe, and 144 at the stop.
        assert_eq!(after(CreditTerms { unlimited: true, ..terms(6, 1) }, 256), (0, 216));
    }

    /// The slow twin: AWS's equations of "Monitor your CPU credits", second by second.
    struct Twin {
        launch: f64,
        balance: f64,
        surplus: f64,
        charged: f64,
    }

    impl Twin {
        fn second(&mut self, terms: &CreditTerms, cpu_units: f64) {
            let earned = f64::from(terms.tenths_per_hour) / 36_000.0;
            let most = f64::from(terms.tenths_per_hour) * 2.4;
            let asked = cpu_units / 1024.0 / 60.0;
            let has = self.launch + self.balance + earned;
            let used = if terms.unlimited { asked } else { asked.min(has) };
            let of_launch = self.launch.min(used);
            self.launch -= of_launch;
            let adjusted = self.balance - self.surplus + earned - (used - of_launch);
            self.balance = adjusted.clamp(0.0, most);
            self.surplus = (-adjusted).clamp(0.0, most);
            self.charged += (-adjusted - most).max(0.0);
        }
    }

    #[test]
    fn accounts_over_random_load_equal_the_sum_of_every_second() {
        for case in 0..40 {
            let mut dice = dice(case);
            let terms = CreditTerms {
                unlimited: case % 2 == 0,
                launch_credits: if case % 4 == 1 { 60 } else { 0 },
                ..terms([3, 6, 24, 96][case as usize % 4], 2)
            };
            let mut account = Account::new(&terms, SimTime::ZERO);
            let launch = f64::from(terms.launch_credits);
            let mut twin = Twin { launch, balance: 0.0, surplus: 0.0, charged: 0.0 };
            let mut second = 0;
            for _ in 0..60 {
                let asked = if dice(3) == 0 { 0 } else { dice(2049) };
                account.ask(&terms, SimTime::from_secs(second), u64::from(asked));
                for _ in 0..1 + dice(40_000) {
                    twin.second(&terms, f64::from(asked));
                    second += 1;
                }
                account.advance(SimTime::from_secs(second));
                assert_eq!(lost(&account), Credits::ZERO, "case {case}");
                let near = |ours: Credits, theirs: f64| {
                    // A second of earnings for each second in which launch credits run out.
                    assert!((ours.as_f64() - theirs).abs() < 0.03, "{case}: {ours:?}, {theirs}");
                };
                near(account.balance(), twin.balance + twin.launch);
                near(account.surplus(), twin.surplus);
                near(account.totals.charged, twin.charged);
            }
        }
    }

    #[test]
    fn an_account_looked_at_often_is_the_same() {
        let terms = CreditTerms { launch_credits: 30, ..terms(24, 2) };
        for unlimited in [false, true] {
            let terms = CreditTerms { unlimited, ..terms };
            let mut dice = dice(7);
            let mut once = Account::new(&terms, SimTime::ZERO);
            let mut often = once;
            for step in 1..300_u64 {
                let at = SimTime::from_secs(step * 1000);
                for n in 1..10 {
                    often.advance(SimTime::from_micros(((step - 1) * 10 + n) * 100_000_000));
                }
                let asked = u64::from(dice(2049));
                once.ask(&terms, at, asked);
                often.ask(&terms, at, asked);
                assert_eq!((once.balance, once.launch), (often.balance, often.launch));
                assert_eq!(once.totals, often.totals);
            }
        }
    }
}
