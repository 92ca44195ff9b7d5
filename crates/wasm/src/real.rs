//! Exports over real numbers: training, and the real layers of inference.

mod batches;
mod elu;
mod layer_norm;
mod layers;
mod leaky_relu;
mod maps;
mod norm;
mod optimizers;
mod products;
mod softmax;
mod tensors;
