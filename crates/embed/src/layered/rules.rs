//! Which series every activation of a network gets.

use std::sync::Arc;

use widelimit_arch::{Activation, Layer, Network};
use widelimit_dual::{Dual, Error as DualError};

use super::conditioned::DEGREE;
use super::series::{Rule, Series};
use crate::Error;
use crate::settings::Strategy;

/// The series of the activations met so far.
pub(super) struct Rules {
    strategy: Strategy,
    /// Those that do not depend on the place in the network.
    known: Vec<(Activation, Arc<Series>)>,
    /// Least correlations that values and slopes are fitted from.
    low: [f64; 2],
}

impl Rules {
    /// For one strategy.
    ///
    /// # Errors
    /// A network that the strategy does not cover.
    pub fn new(network: &Network, strategy: Strategy) -> Result<Self, Error> {
        if matches!(strategy, Strategy::CntkSketch { .. }) {
            check_stack(network, strategy)?;
        }
        Ok(Self { strategy, known: Vec::new(), low: [-1.0; 2] })
    }

    /// The series of the next activation; none for strategies without.
    pub fn series(&mut self, activation: &Activation) -> Result<Option<Arc<Series>>, DualError> {
        let (rule, degree) = match self.strategy {
            Strategy::Polynomial { degree } => (Rule::Own, degree),
            Strategy::HermiteSketch { degree } => (Rule::Unit, degree),
            Strategy::Centred => (Rule::Own, DEGREE),
            Strategy::CntkSketch { degree } => {
                let low = self.low;
                self.raise(activation)?;
                let series = Series::new(activation, Rule::Fitted { low }, degree)?;
                return Ok(Some(Arc::new(series)));
            }
            _ => return Ok(None),
        };
        if let Some((_, series)) = self.known.iter().find(|(known, _)| known == activation) {
            return Ok(Some(series.clone()));
        }
        let series = Arc::new(Series::new(activation, rule, degree)?);
        self.known.push((activation.clone(), series.clone()));
        Ok(Some(series))
    }

    /// Activations bring points together, the more the further apart they are: the rules of thumb of
    /// the public code of Zandieh et al. (2021), `(2 r + kappa(r)) / 3` for values and
    /// `(r + kappa(r)) / 2` for slopes, with `kappa` the dual on the unit sphere.
    fn raise(&mut self, activation: &Activation) -> Result<(), DualError> {
        let dual = Dual::new(activation)?;
        let kappa = |rho: f64| dual.pair(1.0, 1.0, rho).k / dual.diagonal(1.0).k;
        let [values, slopes] = self.low;
        self.low = [(2.0 * values + kappa(values)) / 3.0, 0.5 * (slopes + kappa(slopes))];
        Ok(())
    }
}

/// Layers one after the other, activations of degree 1.
fn check_stack(network: &Network, strategy: Strategy) -> Result<(), Error> {
    let strategy = strategy.name();
    for (at, layer) in network.walk() {
        let reason = match layer {
            Layer::Residual { .. } | Layer::Parallel { .. } => "layers must follow one another",
            Layer::Activation(activation) => {
                let wrap = |source| Error::Activation { layer: at.to_string(), source };
                let dual = Dual::new(activation).map_err(wrap)?;
                if dual.homogeneity() == Some(1.0) {
                    continue;
                }
                "s(t x) = t s(x) must hold for t > 0, as it does for `relu`"
            }
            _ => continue,
        };
        let reason = format!("{at} is `{}`: {reason}", layer.name());
        return Err(Error::NotApplicable { strategy, reason });
    }
    Ok(())
}
