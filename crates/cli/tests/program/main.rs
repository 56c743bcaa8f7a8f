//! The program as its users meet it: files, output, exit codes.

mod bad_input;
mod common;
mod demo;
mod features;
mod fit_predict;
mod graphs;
mod images;
mod interface;
mod kernel;
mod signals;
