//! Search of one positive number where every evaluation is dear.

use crate::Error;
use crate::search::argbest;

/// The first step, and the gap beside the best point at which the search is content: half a decade.
pub(crate) const STEP: f64 = 3.162_277_660_168_379_5;

/// Points of a search in ascending order of their abscissa, the index of the best, and whether worse
/// points, or an end, lie on both sides of it.
pub(crate) struct Bracketed<P> {
    pub points: Vec<P>,
    pub best: usize,
    pub bracketed: bool,
}

/// Where the search stands.
struct Bracket {
    lowest: f64,
    highest: f64,
    /// Abscissae, ascending.
    at: Vec<f64>,
    best: usize,
}

impl Bracket {
    /// Is there something on this side of the best point that has not been looked at?
    fn open_below(&self) -> bool {
        self.best == 0 && self.at[0] > self.lowest
    }

    fn open_above(&self) -> bool {
        self.best + 1 == self.at.len() && self.at[self.best] < self.highest
    }

    /// The next abscissa to evaluate; `None` when the minimum is known to half a decade.
    fn next(&self) -> Option<f64> {
        let (at, best) = (&self.at, self.best);
        let here = at[best];
        if self.open_above() {
            // Each step spans twice the decades of the one before.
            let step = if best > 0 { (here / at[best - 1]).powi(2) } else { STEP };
            return Some((here * step.max(STEP)).min(self.highest));
        }
        if self.open_below() {
            // The first step downwards follows one upwards that was in vain.
            let step = if at.len() > 2 { (at[1] / here).powi(2) } else { STEP };
            return Some((here / step.max(STEP)).max(self.lowest));
        }
        let below = best.checked_sub(1).map(|i| at[i]);
        let above = at.get(best + 1).copied();
        let widest = [below, above].into_iter().flatten().max_by(|a, b| {
            let gap = |x: f64| (x / here).ln().abs();
            gap(*a).total_cmp(&gap(*b))
        })?;
        let gap = (widest / here).max(here / widest);
        (gap > STEP * (1.0 + 1e-9)).then(|| (here * widest).sqrt())
    }
}

/// Walks from `start` in growing steps until the best point lies between two worse ones or at an end
/// of `lowest ..= highest`, then halves the wider of the gaps beside it (in the logarithm) until both
/// are half a decade or less; at most `budget` evaluations.
///
/// `evaluate(x, good)` may give a point above `x` where `x` itself has none, not above `good`, the smallest
/// abscissa at which there is one. `better(a, b)`: is `a` strictly better than `b`? Equally good points are
/// decided for the largest abscissa.
pub(crate) fn bracket<P>(
    start: f64,
    (lowest, highest): (f64, f64),
    budget: usize,
    mut evaluate: impl FnMut(f64, Option<f64>) -> Result<P, Error>,
    at: impl Fn(&P) -> f64,
    better: impl Fn(&P, &P) -> bool,
) -> Result<Bracketed<P>, Error> {
    let first = evaluate(start.clamp(lowest, highest), None)?;
    let mut state = Bracket { lowest, highest, at: vec![at(&first)], best: 0 };
    // A first point that had to be moved up is the lowest there is.
    if state.at[0] > start.clamp(lowest, highest) {
        state.lowest = state.at[0];
    }
    let mut points = vec![first];
    for _ in 1..budget {
        let Some(asked) = state.next() else { break };
        let good = state.at[0];
        let point = evaluate(asked, Some(good))?;
        let got = at(&point);
        if asked < good && got > asked {
            state.lowest = got.min(good);
        }
        let place = state.at.partition_point(|x| *x < got);
        if state.at.get(place) != Some(&got) {
            state.at.insert(place, got);
            points.insert(place, point);
            state.best = argbest(&points, &better);
        } else if asked >= good {
            // Nothing new between points that could be evaluated.
            break;
        }
    }
    let bracketed = !state.open_below() && !state.open_above();
    Ok(Bracketed { points, best: state.best, bracketed })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance from `minimum` in decades, and the abscissae in the order of their evaluation.
    fn walk(start: f64, minimum: f64, budget: usize) -> (Bracketed<(f64, f64)>, usize) {
        let mut evaluations = 0;
        let found = bracket(
            start,
            (1e-10, 1e2),
            budget,
            |x, _| {
                evaluations += 1;
                Ok((x, (x / minimum).log10().abs()))
            },
            |p| p.0,
            |p, q| p.1 < q.1,
        );
        (found.unwrap(), evaluations)
    }

    #[test]
    fn a_good_start_takes_three_evaluations() {
        for minimum in [1e-3, 1.2e-3, 0.8e-3] {
            let (found, evaluations) = walk(1e-3, minimum, 10);
            assert!(found.bracketed && evaluations == 3, "{evaluations}");
            assert!((found.points[found.best].0 / 1e-3 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_minimum_is_found_from_any_start() {
        for start in [1e-10, 3e-8, 1e-3, 7.0, 1e2] {
            for minimum in [1e-12, 1e-10, 4e-7, 1e-3, 0.3, 1e2, 1e5] {
                let (found, evaluations) = walk(start, minimum, 12);
                let best = found.points[found.best].0;
                let off = (best / minimum.clamp(1e-10, 1e2)).log10().abs();
                assert!(found.bracketed && evaluations <= 12, "{start} {minimum}");
                assert!(off <= 0.5, "{start} {minimum}: {best} after {evaluations}");
                // What the default pays: the minimum to a decade.
                let (found, _) = walk(start, minimum, 10);
                let best = found.points[found.best].0;
                let off = (best / minimum.clamp(1e-10, 1e2)).log10().abs();
                assert!(found.bracketed && off <= 1.0, "{start} {minimum}: {best}");
                assert!(found.points.windows(2).all(|w| w[0].0 < w[1].0));
            }
        }
    }

    #[test]
    fn a_search_cut_short_says_so() {
        let (found, evaluations) = walk(1e-10, 1e-3, 4);
        assert!(!found.bracketed && evaluations == 4);
        assert!(found.best == 3);
        // At an end there is nothing more to look at.
        assert!(walk(1e-10, 1e-12, 2).0.bracketed);
    }

    #[test]
    fn points_that_cannot_be_evaluated_are_an_end() {
        // Nothing below 1e-5: moved up, or to the smallest that could be.
        for floor in [1e-5, 1e-3] {
            let found = bracket(
                1e-3,
                (1e-10, 1e2),
                10,
                |x: f64, good| Ok(x.max(floor).min(good.unwrap_or(f64::INFINITY).max(x))),
                |p| *p,
                |p, q| p < q,
            )
            .unwrap();
            assert!(found.bracketed && found.best == 0);
            assert!((found.points[0] / floor - 1.0).abs() < 1e-12, "{:?}", found.points);
        }
    }

    #[test]
    fn equals_go_to_the_largest() {
        let found = bracket(1.0, (1e-10, 1e2), 10, |x, _| Ok(x), |p| *p, |_, _| false).unwrap();
        assert!(found.bracketed && found.points[found.best] == 1e2);
    }
}
