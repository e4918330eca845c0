"""The only place that names an accelerator: select, precision, kernels, memory.

Its modules import torch inside their functions, so importing this package does not.
"""

from vivavoce.runtime.kernels import KernelChoice, choose_kernel, prepare_for_inference
from vivavoce.runtime.memory import Memory, bucket_length, memory, peak_memory
from vivavoce.runtime.precision import (
    Precision,
    choose_precision,
    full_precision,
    grad_scaler,
    mixed_precision,
)
from vivavoce.runtime.select import Selection, select, synchronise

__all__ = [
    "KernelChoice",
    "Memory",
    "Precision",
    "Selection",
    "bucket_length",
    "choose_kernel",
    "choose_precision",
    "full_precision",
    "grad_scaler",
    "memory",
    "mixed_precision",
    "peak_memory",
    "prepare_for_inference",
    "select",
    "synchronise",
]
