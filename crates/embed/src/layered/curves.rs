//! What is known of a network's activations.

use std::sync::Arc;

use widelimit_arch::{Activation, Layer, Network};

use super::curve::Curve;
use super::rules::Rules;
use super::series::Series;
use crate::Error;
use crate::settings::Strategy;

/// The activations of a network; every one is looked at once, however often it occurs.
#[derive(Debug, Default)]
pub(super) struct Curves {
    curves: Vec<(Activation, Curve)>,
    /// Of every activation in the order of the compiler; none for strategies without.
    series: Vec<Arc<Series>>,
}

impl Curves {
    /// Looks at all activations of a network.
    pub fn new(network: &Network, strategy: Strategy) -> Result<Self, Error> {
        let mut curves = Self::default();
        let mut rules = Rules::new(network, strategy)?;
        for (at, layer) in network.walk() {
            let Layer::Activation(activation) = layer else { continue };
            let wrap = |source| Error::Activation { layer: at.to_string(), source };
            if curves.find(activation).is_none() {
                let curve = Curve::new(activation).map_err(wrap)?;
                curves.curves.push((activation.clone(), curve));
            }
            curves.series.extend(rules.series(activation).map_err(wrap)?);
        }
        Ok(curves)
    }

    /// The number of an activation.
    pub fn find(&self, activation: &Activation) -> Option<usize> {
        self.curves.iter().position(|(known, _)| known == activation)
    }

    /// The activation of this number.
    pub fn get(&self, index: usize) -> &Curve {
        &self.curves[index].1
    }

    /// The series of the activation at this place of the network.
    pub fn series(&self, index: usize) -> &Series {
        &self.series[index]
    }
}
