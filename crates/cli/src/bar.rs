//! Progress bars.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use widelimit::exact::Progress;

use crate::text::{bytes, rate};
use crate::usage::resident_bytes;

/// How far, how fast, how long still, and what it takes.
const TEMPLATE: &str =
    "{msg:<8} {bar:24} {percent:>3} %  {rate:>18}  {eta:>4} left  {memory:>10} memory";

/// The same where the system does not tell the memory.
const WITHOUT_MEMORY: &str = "{msg:<8} {bar:24} {percent:>3} %  {rate:>18}  {eta:>4} left";

/// A progress bar that never runs backwards, though tiles report in any order.
pub struct Bar {
    bar: ProgressBar,
    furthest: AtomicU64,
}

impl Bar {
    /// A bar for something that is done in steps called `unit`, on standard error; drawn nowhere
    /// unless `shown`.
    pub fn new(what: &'static str, unit: &'static str, shown: bool) -> Self {
        let target = if shown {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        let template = if resident_bytes().is_some() { TEMPLATE } else { WITHOUT_MEMORY };
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(
                style
                    .with_key("rate", move |state: &ProgressState, line: &mut dyn Write| {
                        let _ = line.write_str(&rate(state.per_sec(), unit));
                    })
                    .with_key("memory", |_: &ProgressState, line: &mut dyn Write| {
                        let _ = line.write_str(&resident_bytes().map_or("–".into(), bytes));
                    }),
            );
        }
        Self { bar, furthest: AtomicU64::new(0) }
    }

    /// Takes a report.
    pub fn report(&self, progress: Progress) {
        let before = self.furthest.fetch_max(progress.done_entries, Ordering::Relaxed);
        if progress.done_entries > before {
            self.bar.set_length(progress.total_entries);
            self.bar.set_position(progress.done_entries);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_right() {
        for template in [TEMPLATE, WITHOUT_MEMORY] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn a_bar_does_not_run_backwards() {
        let bar = Bar::new("kernel", "entries", false);
        let at = |done_entries| Progress {
            done_tiles: 1,
            total_tiles: 9,
            done_entries,
            total_entries: 100,
        };
        for (report, position) in [(10, 10), (5, 10), (40, 40)] {
            bar.report(at(report));
            assert_eq!(bar.bar.position(), position);
        }
    }
}
