//! Exports over real numbers: training, and the real layers of inference.

mod batches;
mod depthwise;
mod layers;
mod maps;
mod norm;
mod optimizers;
mod products;
mod tensors;
