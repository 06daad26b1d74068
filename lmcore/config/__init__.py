"""The configuration: schema, YAML text, edits that keep the file, and what a configuration would mean."""

from lmcore.config.schema import TrainingConfig as TrainingConfig
