"""The core of the laboratory: data, model, training, experiments. Imports nothing: its torch-free rooms stay light."""
