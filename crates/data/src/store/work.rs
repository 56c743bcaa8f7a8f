//! What a writer is doing and has done, and when it goes on record.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// A tile that took longer is put on record by itself; shorter ones wait for others.
const LONG: Duration = Duration::from_millis(200);

/// No tile waits longer than this after the last time that tiles were put on record.
const LONGEST: Duration = Duration::from_secs(2);

/// Putting tiles on record takes at most one part in so many of a thread's time, unless that makes
/// tiles wait too long.
const SHARE: u32 = 10;

/// The tiles of one writer.
#[derive(Debug)]
pub(super) struct Work {
    /// Tiles that were begun.
    open: HashMap<usize, Open>,
    /// Tiles that are finished but not on record yet.
    pending: Vec<(usize, u32)>,
    /// When tiles were last put on record, and how long others wait from then on.
    since: Instant,
    pause: Duration,
    /// Tiles whose bytes are known to be right: computed, or compared with their checksums.
    pub(super) sound: HashSet<usize>,
    /// Tiles on record whose bytes were not what the record says.
    pub(super) damaged: HashSet<usize>,
}

/// A tile that is being computed.
#[derive(Debug)]
pub(super) struct Open {
    begun: Instant,
    /// Checksums of what was written: array after array, rectangle after rectangle.
    pub(super) sums: Vec<Option<u32>>,
}

impl Work {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            open: HashMap::new(),
            pending: Vec::new(),
            since: now,
            pause: LONG,
            sound: HashSet::new(),
            damaged: HashSet::new(),
        }
    }

    /// A tile that is being computed, from now on if it was not yet; it will have so many checksums.
    pub(super) fn begin(&mut self, tile: usize, sums: usize, now: Instant) -> &mut Open {
        self.open.entry(tile).or_insert_with(|| Open { begun: now, sums: vec![None; sums] })
    }

    /// What was written of a tile that is said to be finished.
    pub(super) fn end(&mut self, tile: usize) -> Option<Open> {
        self.open.remove(&tile)
    }

    /// Takes a finished tile; gives those that are to be put on record now.
    pub(super) fn finish(
        &mut self,
        (tile, sum): (usize, u32),
        open: &Open,
        now: Instant,
    ) -> Vec<(usize, u32)> {
        self.sound.insert(tile);
        self.pending.push((tile, sum));
        if now - open.begun < LONG && now - self.since < self.pause {
            return Vec::new();
        }
        self.since = now;
        self.take()
    }

    /// All tiles that are finished but not on record.
    pub(super) fn take(&mut self) -> Vec<(usize, u32)> {
        std::mem::take(&mut self.pending)
    }

    /// Learns how long it took to put tiles on record.
    pub(super) fn recorded(&mut self, took: Duration) {
        self.pause = (took * SHARE).clamp(LONG, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times at which tiles, each begun so long before, are put on record.
    fn times(tiles: &[(u64, u64)], cost: u64) -> Vec<(u64, usize)> {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut work = Work::new(start);
        let mut times = Vec::new();
        for (tile, &(ms, took)) in tiles.iter().enumerate() {
            work.begin(tile, 1, at(ms - took));
            let open = work.end(tile).unwrap();
            let due = work.finish((tile, 0), &open, at(ms)).len();
            if due > 0 {
                times.push((ms, due));
                work.recorded(Duration::from_millis(cost));
            }
        }
        times
    }

    #[test]
    fn long_tiles_go_on_record_at_once() {
        let tiles = [(210, 205), (220, 200), (300, 10), (420, 200)];
        assert_eq!(times(&tiles, 500), [(210, 1), (220, 1), (420, 2)]);
    }

    #[test]
    fn short_tiles_wait_for_a_fifth_of_a_second() {
        let tiles: Vec<_> = (1..=100).map(|n| (n * 10, 10)).collect();
        assert_eq!(times(&tiles, 1), [(200, 20), (400, 20), (600, 20), (800, 20), (1000, 20)]);
    }

    #[test]
    fn short_tiles_wait_longer_where_the_disk_is_slow_but_not_for_ever() {
        let tiles: Vec<_> = (1..=500).map(|n| (n * 10, 10)).collect();
        assert_eq!(times(&tiles, 70)[..3], [(200, 20), (900, 70), (1600, 70)]);
        assert_eq!(times(&tiles, 9000)[..3], [(200, 20), (2200, 200), (4200, 200)]);
    }
}
