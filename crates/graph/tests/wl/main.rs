//! Weisfeiler-Leman kernels, compared with their definitions written out.

mod brute;
mod certificates;
mod common;
mod kernels;
mod learning;
mod other;
mod published;
