"""Ensembles larger than memory: block by block to a file, or to reductions."""

from hepatica.streaming.blocks import prior_blocks, simulate_blocks
from hepatica.streaming.reduce import reduce_blocks
from hepatica.streaming.store import read_blocks, stored_draws, write_blocks
from hepatica.streaming.table import write_table

__all__ = [
    "prior_blocks",
    "read_blocks",
    "reduce_blocks",
    "simulate_blocks",
    "stored_draws",
    "write_blocks",
    "write_table",
]
