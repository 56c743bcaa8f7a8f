//! Threads as an argument.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How many threads a computation may use.
///
/// Every function that computes in parallel takes one of these by reference;
/// there is no global setting. Pools are built on first use and kept, one for
/// each size, so that a `Par` is cheap to create and to clone; a forked process
/// builds its own. No result depends on the number of threads.
///
/// ```
/// use widelimit_linalg::Par;
/// let par = Par::new(2);
/// assert_eq!(par.threads(), 2);
/// assert_eq!(par.install(|| 1 + 1), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Par {
    threads: NonZeroUsize,
}

impl Par {
    /// Uses `threads` threads; 0 means all the cores this process may run on.
    ///
    /// At most [`Par::MOST`], or the number of cores where there are more: a slip of the
    /// keyboard must not bring the machine down.
    pub fn new(threads: usize) -> Self {
        let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = cores.max(Self::MOST);
        Self { threads: NonZeroUsize::new(threads).unwrap_or(cores).min(most) }
    }

    /// More threads than this are never started on a machine with fewer cores.
    pub const MOST: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    /// Uses the calling thread only.
    pub fn single() -> Self {
        Self { threads: NonZeroUsize::MIN }
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads.get()
    }

    /// Runs `work` so that rayon's parallel iterators inside it use exactly
    /// these threads.
    ///
    /// Where the operating system refuses to start the threads, `work` runs on
    /// rayon's global pool instead.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match pool(self.threads()) {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Runs a faer computation in the pool, cut into the same pieces whatever the threads.
    ///
    /// One thread, too, works through the pieces: the library takes other paths without them,
    /// and rounds differently there.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce(faer::Par) -> R + Send) -> R {
        self.install(|| work(faer::Par::rayon(PIECES)))
    }
}

/// Pieces that faer cuts its work into, and the most threads that one of its computations uses.
///
/// A constant, because sums over the pieces round by their number. Eigenvalues of n = 2500 and
/// a Cholesky factorisation of n = 5000 take as long with 4, 8 and 16 pieces as with one a thread.
const PIECES: usize = 16;

impl Default for Par {
    /// All cores.
    fn default() -> Self {
        Self::new(0)
    }
}

impl fmt::Debug for Par {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Par({})", self.threads)
    }
}

/// What pools are kept by: the process that built them and their size.
///
/// A forked process inherits the memory of its parent's pools but none of their threads: work
/// given to them would wait for ever. The parent's pools stay in the map, untouched.
type Key = (u32, usize);

/// The key of this process.
fn key(threads: usize) -> Key {
    (std::process::id(), threads)
}

/// The pool of this size, built on first use.
///
/// The map is never locked for long: a process forked meanwhile would inherit the lock.
fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    static POOLS: Mutex<BTreeMap<Key, Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());
    let pools = || POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = key(threads);
    let kept = pools().get(&key).map(Arc::clone);
    if kept.is_some() {
        return kept;
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |index| format!("widelimit-{threads}-{index}"))
        .build()
        .ok()?;
    Some(Arc::clone(pools().entry(key).or_insert_with(|| Arc::new(pool))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn install_uses_exactly_the_threads_asked_for() {
        for threads in [1, 2, 5] {
            assert_eq!(Par::new(threads).install(rayon::current_num_threads), threads);
        }
        assert_eq!(Par::single().threads(), 1);
        assert!(Par::new(0).threads() >= 1);
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        assert_eq!(Par::new(1_000_000).threads(), cores.max(Par::MOST.get()));
    }

    #[test]
    fn pools_are_kept() {
        let first = pool(3).map(|pool| Arc::as_ptr(&pool));
        assert_eq!(first, pool(3).map(|pool| Arc::as_ptr(&pool)));
    }

    #[test]
    fn pools_belong_to_their_process() {
        assert_eq!(key(3), (std::process::id(), 3));
    }

    #[test]
    fn the_work_is_cut_alike_for_every_number_of_threads() {
        for threads in [1, 2, 5] {
            assert_eq!(Par::new(threads).run(|par| par.degree()), PIECES);
        }
    }
}
