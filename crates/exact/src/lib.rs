//! Exact kernels of infinitely wide networks on vectors and images.
//!
//! A [`Network`](widelimit_arch::Network) is compiled into a straight-line program on pairs of
//! numbers `(K, T)`: the covariance of its outputs (the *NNGP* kernel) and the inner product of
//! their gradients (the *NTK*). The program then runs over the whole kernel matrix, tile by tile,
//! all layers on a tile while it is in cache.
//!
//! * [`kernel`] returns the matrices, [`kernel_to`] fills the caller's, [`kernel_into`] streams them out under a memory limit,
//!   [`diagonal`] gives `K(x, x)` alone, [`plan`] tells what a call will cost;
//! * [`Options`] says what is wanted and with which means; none of them changes a bit of the
//!   result.
//!
//! ```
//! use ndarray::array;
//! use widelimit_arch::Network;
//! use widelimit_exact::{Options, Want, kernel};
//!
//! let net = Network::preset("mlp:3:relu")?;
//! let x = array![[0.5_f32, -1.0, 2.0], [1.5, 0.0, 0.25]];
//! let kernels = kernel(&net, x.view(), None, &Options::new().want(Want::BOTH))?;
//! assert!(kernels.nngp.is_some() && kernels.ntk.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is guaranteed
//!
//! * Without a second input the result is symmetric to the last bit, and its diagonal comes from a
//!   separate pass that knows that `x` is `x`: nothing cancels there.
//! * An entry depends on its two inputs only: blocks computed apart equal the whole, and swapping
//!   the arguments transposes the result, to the last bit, for any number of threads and any tile
//!   size.
//! * Results are finite, or the call fails and names the row and the layer.
//!
//! Conventions: `K = <x, x'> / d` at the input; weights have variance `w_std^2 / fan_in`; see Lee
//! et al., "Deep neural networks as Gaussian processes" (2018), Jacot et al., "Neural tangent
//! kernel" (2018), and Arora et al., "On exact computation with an infinitely wide neural net"
//! (2019).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod crew;
mod error;
mod fine;
mod images;
mod inputs;
mod kernel;
mod options;
mod plan;
mod program;
mod rows;
mod scalar;
mod sink;
mod tiles;
mod variance;

pub use error::Error;
pub use inputs::Inputs;
pub use kernel::{Diagonal, Kernel, Outputs, Summary, diagonal, kernel, kernel_into, kernel_to};
pub use options::{Budget, Cancel, Options, Progress, Quantity, Spatial, Want};
pub use plan::{Plan, plan};
pub use scalar::Scalar;
pub use sink::Sink;
