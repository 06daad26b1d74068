"""The training loop and what it needs: optimizers, schedules, evaluation, checkpoints, determinism, devices."""
