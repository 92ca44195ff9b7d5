//! Exports over real numbers: training, and the real layers of inference.

mod attention;
mod batches;
mod concatenate;
mod contrast;
mod depthwise;
mod distributions;
mod drop_path;
mod dropout;
mod elu;
mod filter_map;
mod layer_norm;
mod layer_scale;
mod layers;
mod leaky_relu;
mod losses;
mod maps;
mod methods;
mod multiply;
mod norm;
mod optimizers;
mod permute;
mod products;
mod softmax;
mod tensors;
mod up_sampling;
mod zero_padding;
