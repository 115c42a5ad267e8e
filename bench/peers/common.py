"""What the Python peers share: reading safetensors, the clock of a timed training, peak memory."""

import json
import sys
import time

import numpy as np

DTYPES = {"U8": np.uint8, "I32": np.int32, "F32": np.float32}


def read_safetensors(path):
    """Arrays by name: 8 bytes with the header's length, the header in JSON, then the tensors' bytes."""
    raw = np.fromfile(path, dtype=np.uint8)
    header_bytes = int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8 : 8 + header_bytes].tobytes())
    header.pop("__metadata__", None)
    body = raw[8 + header_bytes :]
    return {
        name: body[slice(*entry["data_offsets"])].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def peak_mb():
    """The most memory this process has had resident, in MiB; None where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
    except OSError:
        return None
    return int(line.split()[1]) / 1024


class Clock:
    """Milliseconds of each step after the warm-up; `tick` is True once enough of them are known."""

    def __init__(self, spec):
        self.warm_up, self.min_steps, self.seconds = spec["warmUpSteps"], spec["minSteps"], spec["seconds"]
        self.step_ms = []
        self.steps = 0
        self.last = self.timed_from = time.perf_counter()

    def tick(self):
        now = time.perf_counter()
        self.steps += 1
        if self.steps <= self.warm_up:
            self.timed_from = now
        else:
            self.step_ms.append((now - self.last) * 1000)
        self.last = now
        return len(self.step_ms) >= self.min_steps and now - self.timed_from >= self.seconds


def spec():
    return json.loads(sys.argv[1])


def answer(**values):
    print(json.dumps(values), flush=True)
