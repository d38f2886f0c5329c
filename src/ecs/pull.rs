//! Image pulls of one host: bandwidth shared by pulls that run together, and the images it keeps.

use smallvec::{SmallVec, smallvec};

use crate::engine::Ix;
use crate::units::{Bytes, SimTime, Span};

use super::model::Image;

/// The images of one host and the pulls that run on it; `W` names a container that waits.
///
/// Pulls that run together share the bandwidth equally (processor sharing). A second container
/// that wants an image already on its way waits for that pull, as Docker shares layers.
/// Assumption: images are never removed; the agent's clean-up (unused for an hour, at most five
/// every 30 minutes) is not modelled.
#[derive(Clone, Debug)]
pub struct Puller<W> {
    cached: SmallVec<[u64; 1]>,
    active: Vec<Pull<W>>,
    /// Bytes that each pull has received since the host began, if it was there all the time.
    served: f64,
    updated: SimTime,
    /// Grows with every change, so that an end foreseen before it is known to be stale.
    epoch: u32,
}

#[derive(Clone, Debug)]
struct Pull<W> {
    image: Ix<Image>,
    /// `served` at which it is complete.
    complete_at: f64,
    waiting: SmallVec<[W; 1]>,
}

/// When the next pull of a host ends, if nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextEnd {
    /// The instant.
    pub at: SimTime,
    /// Must still be the puller's epoch then.
    pub epoch: u32,
}

impl<W: Copy + PartialEq> Puller<W> {
    /// Makes a host without images.
    pub fn new(image_count: usize) -> Puller<W> {
        Puller {
            cached: smallvec![0; image_count.div_ceil(64)],
            active: Vec::new(),
            served: 0.0,
            updated: SimTime::ZERO,
            epoch: 0,
        }
    }

    /// Says whether the image is there.
    pub fn has(&self, image: Ix<Image>) -> bool {
        self.cached[image.index() / 64] >> (image.index() % 64) & 1 == 1
    }

    /// Puts the image there at once.
    pub fn keep(&mut self, image: Ix<Image>) {
        self.cached[image.index() / 64] |= 1 << (image.index() % 64);
    }

    /// Returns the number that tells whether a foreseen end is stale.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Begins a pull of `size`, or joins the one of the same image that runs.
    pub fn begin(
        &mut self,
        now: SimTime,
        (image, size): (Ix<Image>, Bytes),
        bandwidth: Bytes,
        who: W,
    ) {
        self.advance(now, bandwidth);
        if let Some(pull) = self.active.iter_mut().find(|pull| pull.image == image) {
            pull.waiting.push(who);
            return;
        }
        let complete_at = self.served + size.0 as f64;
        self.active.push(Pull { image, complete_at, waiting: SmallVec::from_iter([who]) });
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Leaves a pull; one that nobody waits for any more ends.
    pub fn leave(&mut self, now: SimTime, bandwidth: Bytes, who: W) {
        self.advance(now, bandwidth);
        let before = self.active.len();
        for pull in &mut self.active {
            pull.waiting.retain(|other| *other != who);
        }
        self.active.retain(|pull| !pull.waiting.is_empty());
        if self.active.len() != before {
            self.epoch = self.epoch.wrapping_add(1);
        }
    }

    /// Returns when the next pull ends, if nothing changes.
    pub fn next_end(&self, bandwidth: Bytes) -> Option<NextEnd> {
        let first = self.active.iter().map(|pull| pull.complete_at).reduce(f64::min)?;
        let bytes = (first - self.served).max(0.0) * self.active.len() as f64;
        // Rounded up, so that the pull is complete when the event comes.
        let micros = (bytes * 1e6 / bandwidth.0.max(1) as f64).ceil();
        Some(NextEnd {
            at: self.updated.saturating_add(Span::micros(micros as u64)),
            epoch: self.epoch,
        })
    }

    /// Ends the pulls that are complete by now, keeps their images, returns who waited for them.
    pub fn finish(&mut self, now: SimTime, bandwidth: Bytes) -> SmallVec<[W; 4]> {
        self.advance(now, bandwidth);
        let mut done = SmallVec::new();
        let mut i = 0;
        while i < self.active.len() {
            // A byte of slack for what rounding took.
            if self.active[i].complete_at <= self.served + 1.0 {
                let pull = self.active.remove(i);
                self.keep(pull.image);
                done.extend(pull.waiting);
            } else {
                i += 1;
            }
        }
        self.epoch = self.epoch.wrapping_add(1);
        done
    }

    fn advance(&mut self, now: SimTime, bandwidth: Bytes) {
        let passed = now.since(self.updated).as_micros() as f64 / 1e6;
        self.updated = now;
        if self.active.is_empty() {
            // Nothing runs: the count starts anew, which keeps it exact.
            self.served = 0.0;
        } else {
            self.served += passed * bandwidth.0 as f64 / self.active.len() as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const MIB: u64 = 1 << 20;
    const TEN_MIB_A_SECOND: Bytes = Bytes(10 * MIB);

    fn end(puller: &Puller<char>) -> f64 {
        puller.next_end(TEN_MIB_A_SECOND).expect("a pull runs").at.as_secs_f64()
    }

    #[test]
    fn two_pulls_together_take_as_long_as_one_after_the_other() {
        let mut puller = Puller::new(2);
        let images = [Ix::new(0), Ix::new(1)];
        puller.begin(SimTime::ZERO, (images[0], Bytes(100 * MIB)), TEN_MIB_A_SECOND, 'a');
        assert_eq!(end(&puller), 10.0);
        // The second begins at 5 s: 50 MiB are left of the first, at half the bandwidth 10 s.
        puller.begin(SimTime::from_secs(5), (images[1], Bytes(100 * MIB)), TEN_MIB_A_SECOND, 'b');
        assert_eq!(end(&puller), 15.0);
        assert_eq!(puller.finish(SimTime::from_secs(15), TEN_MIB_A_SECOND)[..], ['a']);
        // 200 MiB at 10 MiB/s: all is done at 20 s.
        assert_eq!(end(&puller), 20.0);
        assert!(puller.has(images[0]) && !puller.has(images[1]));
    }

    #[test]
    fn a_second_container_joins_the_pull_of_the_same_image() {
        let mut puller = Puller::new(1);
        let image = Ix::new(0);
        puller.begin(SimTime::ZERO, (image, Bytes(100 * MIB)), TEN_MIB_A_SECOND, 'a');
        puller.begin(SimTime::from_secs(5), (image, Bytes(100 * MIB)), TEN_MIB_A_SECOND, 'b');
        assert_eq!(end(&puller), 10.0);
        let done = puller.finish(SimTime::from_secs(10), TEN_MIB_A_SECOND);
        assert_eq!(done[..], ['a', 'b']);
        assert_eq!(puller.next_end(TEN_MIB_A_SECOND), None);
    }

    #[test]
    fn a_pull_that_everybody_left_frees_its_bandwidth() {
        let mut puller = Puller::new(2);
        puller.begin(SimTime::ZERO, (Ix::new(0), Bytes(100 * MIB)), TEN_MIB_A_SECOND, 'a');
        puller.begin(SimTime::ZERO, (Ix::new(1), Bytes(100 * MIB)), TEN_MIB_A_SECOND, 'b');
        puller.leave(SimTime::from_secs(10), TEN_MIB_A_SECOND, 'a');
        // 50 MiB of the other are there after 10 s; alone it needs 5 s more.
        assert_eq!(end(&puller), 15.0);
    }
}
