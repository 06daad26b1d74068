"""The core of the laboratory: data, model, training, experiments. Its torch-free rooms stay light.

How threads wait is set here, since torch reads it when it is loaded, which each room may do first.
"""

from lmcore import waiting as waiting
