//! The means of a job, as the graph engine takes them.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use widelimit_exact::Progress;
use widelimit_graph::{Budget, Cancel, Error as GraphError, Options, Progress as Pairs};

use crate::{Error, Run};

/// How often the switch of a job is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// Calls `work` with options that say what `run` says, and stops it when the switch of `run` is thrown.
pub(super) fn with_means<R>(
    run: &Run<'_>,
    work: impl FnOnce(&Options<'_>) -> Result<R, Error>,
) -> Result<R, Error> {
    run.check_cancelled()?;
    let cancel = Cancel::new();
    let report = |pairs: Pairs| {
        if let Some(progress) = run.progress {
            progress(told(pairs));
        }
    };
    let budget = run.budget.limit().map_or(Budget::unlimited(), Budget::bytes);
    let options = Options::new().par(run.par).budget(budget).cancel(&cancel).progress(&report);
    let Some(switch) = run.cancel else { return work(&options) };
    let (working, ended) = channel::<()>();
    let cancel = &cancel;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PERIOD) {
                if switch.is_cancelled() {
                    return cancel.cancel();
                }
            }
        });
        // Let go of when the work ends, however it does: then the watcher ends too.
        let _working = working;
        work(&options)
    })
}

/// Progress in the terms of the facade: a pair of graphs is an entry.
fn told(pairs: Pairs) -> Progress {
    Progress {
        done_tiles: pairs.done_tiles,
        total_tiles: pairs.total_tiles,
        done_entries: pairs.done_pairs,
        total_entries: pairs.total_pairs,
    }
}

/// The error of a number that its format cannot hold.
pub(super) fn overflow(graph: usize, level: usize, format: &'static str) -> Error {
    GraphError::Overflow { side: "left", graph, level, format }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_stops_work_that_waits_for_it() {
        let switch = widelimit_exact::Cancel::new();
        let run = Run { cancel: Some(&switch), ..Run::default() };
        let outcome = with_means(&run, |options| {
            switch.cancel();
            let graphs = crate::graphs::features::tests::rings(&[3, 4]).with_default_features();
            // Looks at its switch before every tile: some call after the watcher's comes to an end.
            loop {
                widelimit_graph::Gntk::default().kernel(&graphs, options)?;
            }
        });
        assert!(matches!(outcome, Err::<(), _>(Error::Cancelled)));
        assert!(matches!(with_means(&run, |_| Ok(())), Err(Error::Cancelled)));
    }
}
