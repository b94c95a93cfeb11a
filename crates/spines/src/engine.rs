//! The two neural networks and the engine that runs them; nothing else names the engine.

use rten::{Model, ModelOptions, OpRegistry, op_registry};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use crate::SpinesError;

const DETECTOR: &[u8] = include_bytes!("../models/det.onnx");
const RECOGNISER: &[u8] = include_bytes!("../models/rec-latin.onnx");

/// Three planes of pixels (red, green, blue) from top to bottom, as a network takes them.
pub(crate) struct Planes {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// The network that gives for each pixel the probability that it is part of a line of text.
pub(crate) struct Detector(Model);

/// The network that reads the letters of a line, position by position.
pub(crate) struct Recogniser(Model);

/// Output of the recogniser for a line: for each position the probability of each class.
pub(crate) struct Positions {
    pub classes: usize,
    pub probabilities: Vec<f32>,
}

impl Detector {
    pub(crate) fn load() -> Result<Self, SpinesError> {
        load(
            DETECTOR,
            op_registry!(
                Add,
                Concat,
                Conv,
                ConvTranspose,
                Div,
                Erf,
                GlobalAveragePool,
                HardSigmoid,
                MaxPool,
                Mul,
                ReduceMean,
                Relu,
                Resize,
                Sigmoid
            ),
        )
        .map(Self)
    }

    /// The probability of each pixel, as many as there are pixels.
    pub(crate) fn run(&self, pixels: Planes) -> Result<Vec<f32>, SpinesError> {
        let size = pixels.width * pixels.height;
        let map: NdTensor<f32, 4> = run(&self.0, pixels)?
            .try_into()
            .map_err(|_| SpinesError::Engine("a map of another shape".into()))?;
        let map = map.into_data();
        if map.len() != size {
            return Err(SpinesError::Engine("a map of another size".into()));
        }
        Ok(map)
    }
}

impl Recogniser {
    pub(crate) fn load() -> Result<Self, SpinesError> {
        load(
            RECOGNISER,
            op_registry!(
                Add,
                AveragePool,
                BatchNormalization,
                Conv,
                Div,
                Erf,
                HardSigmoid,
                Identity,
                MatMul,
                Mul,
                ReduceMean,
                Relu,
                Softmax,
                Squeeze,
                Transpose,
                Unsqueeze
            ),
        )
        .map(Self)
    }

    pub(crate) fn run(&self, pixels: Planes) -> Result<Positions, SpinesError> {
        let positions: NdTensor<f32, 3> = run(&self.0, pixels)?
            .try_into()
            .map_err(|_| SpinesError::Engine("positions of another shape".into()))?;
        Ok(Positions {
            classes: positions.size(2),
            probabilities: positions.into_data(),
        })
    }
}

fn load(bytes: &'static [u8], operators: OpRegistry) -> Result<Model, SpinesError> {
    ModelOptions::with_ops(operators)
        .load_static_slice(bytes)
        .map_err(|error| SpinesError::Engine(error.to_string()))
}

fn run(model: &Model, pixels: Planes) -> Result<rten::Value, SpinesError> {
    let Planes {
        width,
        height,
        values,
    } = pixels;
    let input = NdTensor::try_from_data([1, 3, height, width], values)
        .map_err(|error| SpinesError::Engine(error.to_string()))?;
    model
        .run_one(input.into(), None)
        .map_err(|error| SpinesError::Engine(error.to_string()))
}
