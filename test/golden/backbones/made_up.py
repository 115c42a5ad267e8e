"""The pictures and weights that the golden scripts make up, and how they write results down. Needs numpy alone."""

import json
import math
import pathlib
import re

import numpy as np

HERE = pathlib.Path(__file__).parent


def image(size):
    """A made-up picture of smooth rings and stripes: uint8 [size, size, 3] from whole numbers alone."""
    y, x = np.mgrid[0:size, 0:size].astype(np.int64)
    return np.stack([((x * x * (c + 1) + y * y * (3 - c) + 31 * x * y) >> 5) & 255 for c in range(3)], -1).astype(np.uint8)


# Made-up weights: the same formula in TypeScript (golden.native.test.ts).
def fnv1a(text):
    value = 0x811C9DC5
    for char in text:
        value = ((value ^ ord(char)) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(name, shape):
    """In [-1, 1): element i mixes FNV-1a of the name with i (Murmur3's finalizer)."""
    h = (np.arange(math.prod(shape), dtype=np.uint64) * 2654435761 + fnv1a(name)) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h ^= h >> np.uint64(shift)
        h = (h * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(16)
    return (h.astype(np.float64) / 2**31 - 1).reshape(shape)


class MadeUp:
    """A PyTorch state dict that exists only as a formula. Remembers what was asked for.

    `factors` is a list of (pattern, factor): values are multiplied by the factor where the pattern is in the name.
    """

    def __init__(self, factors=()):
        self.shapes, self.factors = {}, factors

    def get(self, name, shape):
        self.shapes[name] = list(shape)
        value = uniform(name, shape)
        if len(shape) > 1:
            value = value * math.sqrt(6 / math.prod(shape[1:]))
        elif name.endswith("running_var") or name.endswith(".weight"):
            value = 1 + 0.5 * value
        else:
            value = 0.1 * value
        for pattern, factor in self.factors:
            if re.search(pattern, name):
                value = value * factor
        return value.astype(np.float32)


def numbers(values):
    return [float(f"{value:.7g}") for value in np.asarray(values, np.float64).ravel()]


def sample(values, count=24):
    """`count` values spread over a tensor: index i * step, row-major."""
    flat = np.asarray(values).ravel()
    return numbers(flat[:: max(1, flat.size // count)][:count])


def forward_case(size, features, logits):
    logits = np.asarray(logits)[0]
    top = np.argsort(-logits, kind="stable")[:10]
    return {
        "sizePx": size,
        "featureShape": list(features.shape),
        "features": sample(features),
        "featureMean": float(np.mean(features)),
        "topClasses": [int(i) for i in top],
        "topLogits": numbers(logits[top]),
        "logits": sample(logits),
    }


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")
