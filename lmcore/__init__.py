"""The core of the laboratory: data, model, training, experiments. Imports nothing, so that its torch-free rooms stay light."""
