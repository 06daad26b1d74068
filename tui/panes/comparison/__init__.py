"""The parts of the comparison of runs: curves and differences, facts, samples."""
