//! Search of one positive number on a logarithmic grid with refinement around the best point.

use crate::Error;

/// Points of a search in ascending order of their abscissa and the index of the best.
pub(crate) struct Searched<P> {
    pub points: Vec<P>,
    pub best: usize,
}

/// New abscissae a gap receives in each refinement.
const INSERT: usize = 3;

/// Evaluates `grid` (ascending), then `refinements` times the two gaps beside the best point.
///
/// `better(a, b)`: is `a` strictly better than `b`? Equally good points are decided for the largest abscissa.
pub(crate) fn search<P>(
    grid: Vec<f64>,
    refinements: usize,
    mut evaluate: impl FnMut(&[f64]) -> Result<Vec<P>, Error>,
    at: impl Fn(&P) -> f64,
    better: impl Fn(&P, &P) -> bool,
) -> Result<Searched<P>, Error> {
    let mut points = evaluate(&grid)?;
    let mut best = argbest(&points, &better);
    for _ in 0..refinements {
        let mut new = Vec::with_capacity(2 * INSERT);
        for gap in [best.checked_sub(1).map(|i| (i, best)), Some((best, best + 1))] {
            if let Some((i, j)) = gap
                && j < points.len()
            {
                let (a, b) = (at(&points[i]).ln(), at(&points[j]).ln());
                new.extend(
                    (1..=INSERT).map(|s| (a + (b - a) * s as f64 / (INSERT + 1) as f64).exp()),
                );
            }
        }
        if new.is_empty() {
            break;
        }
        points.extend(evaluate(&new)?);
        points.sort_by(|p, q| at(p).total_cmp(&at(q)));
        best = argbest(&points, &better);
    }
    Ok(Searched { points, best })
}

/// Index of the best point, the last one of equals.
pub(crate) fn argbest<P>(points: &[P], better: impl Fn(&P, &P) -> bool) -> usize {
    let mut best = 0;
    for i in 1..points.len() {
        if !better(&points[best], &points[i]) {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_a_parabola_in_the_logarithm() {
        let f = |x: f64| (x.ln() - 0.3f64.ln()).powi(2);
        let grid = (-4..5).map(|e| 10f64.powi(e)).collect();
        let found = search(
            grid,
            3,
            |xs| Ok(xs.iter().map(|&x| (x, f(x))).collect()),
            |p| p.0,
            |p, q| p.1 < q.1,
        )
        .unwrap();
        assert!((found.points[found.best].0.ln() - 0.3f64.ln()).abs() < 10f64.ln() / 64.0);
        assert_eq!(found.points.len(), 9 + 18);
        assert!(found.points.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn equals_go_to_the_largest() {
        let found = search(vec![1.0, 2.0], 0, |x| Ok(x.to_vec()), |p| *p, |_, _| false).unwrap();
        assert_eq!(found.best, 1);
    }
}
