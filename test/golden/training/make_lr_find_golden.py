#!/usr/bin/env python3
"""Golden suggestions of the learning-rate finder, by fastai's own code (2.8, Apache-2.0) on recorded curves:

    python make_lr_find_golden.py

writes lr-find.json beside this script. `valley`, `slide`, `minimum`, `steep` and the cut of `lr_find` are copied from
fastai/callback/schedule.py, the smoothing from fastai/learner.py AvgSmoothLoss: fastai itself needs not be installed.
"""

import json
import math
import pathlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent


def valley(lrs, losses, num_it):
    n = len(losses)
    max_start, max_end = 0, 0
    lds = [1] * n
    for i in range(1, n):
        for j in range(0, i):
            if (losses[i] < losses[j]) and (lds[i] < lds[j] + 1):
                lds[i] = lds[j] + 1
            if lds[max_end] < lds[i]:
                max_end = i
                max_start = max_end - lds[max_end]
    sections = (max_end - max_start) / 3
    idx = max_start + int(sections) + int(sections / 2)
    return float(lrs[idx])


def slide(lrs, losses, num_it, lr_diff=15, thresh=0.005, adjust_value=1.0):
    losses = losses.numpy()
    loss_grad = np.gradient(losses)
    r_idx = -1
    l_idx = r_idx - lr_diff
    local_min_lr = lrs[l_idx]
    while (l_idx >= -len(losses)) and (abs(loss_grad[r_idx] - loss_grad[l_idx]) > thresh):
        local_min_lr = lrs[l_idx]
        r_idx -= 1
        l_idx -= 1
    return float(local_min_lr) * adjust_value


def minimum(lrs, losses, num_it):
    return lrs[losses.argmin()].item() / 10


def steep(lrs, losses, num_it):
    grads = (losses[1:] - losses[:-1]) / (lrs[1:].log() - lrs[:-1].log())
    return lrs[grads.argmin()].item()


def smooth(raw):
    """AvgSmoothLoss(beta=0.98): val = lerp(loss, val, beta); value = val / (1 - beta ** count)."""
    val, out = 0.0, []
    for count, loss in enumerate(raw, 1):
        val = loss + (val - loss) * 0.98
        out.append(val / (1 - 0.98**count))
    return out


def curve(rng, start, fall, turn, noise, num_it):
    """Raw losses of a range test that falls around the rate `fall` and turns up at the rate `turn`."""
    raw = []
    for i in range(num_it):
        lr = 1e-7 * (10 / 1e-7) ** (i / num_it)
        down = start / (1 + (lr / fall) ** 0.8)
        up = (lr / turn) ** 2
        raw.append(round(float(down + up + noise * rng.standard_normal()), 5))
    return raw


def main():
    rng = np.random.default_rng(12)
    cases = []
    for name, num_it, start, fall, turn, noise in (
        ("an ordinary curve", 100, 2.3, 1e-3, 0.5, 0.02),
        ("much noise", 100, 4.6, 3e-4, 0.1, 0.3),
        ("falls late", 100, 1.0, 0.05, 5.0, 0.01),
        ("more iterations", 200, 2.3, 1e-3, 0.3, 0.05),
        ("ends in NaN", 100, 2.3, 1e-4, 0.2, 0.02),
    ):
        raw = curve(rng, start, fall, turn, noise, num_it)
        if name == "ends in NaN":
            raw = [value if i < 80 else math.nan for i, value in enumerate(raw)]
        losses, best, stopped = [], math.inf, None
        rates = [1e-7 * (10 / 1e-7) ** (i / num_it) for i in range(num_it)]
        for i, value in enumerate(smooth(raw)):
            losses.append(value)
            best = min(best, value) if value < best else best
            if value > 4 * best:
                stopped = i
                break
        lrs = torch.tensor(rates[: len(losses)], dtype=torch.float64)[num_it // 10 : -5]
        tensor = torch.tensor(losses, dtype=torch.float64)[num_it // 10 : -5]
        nan = torch.nonzero(torch.isnan(tensor.view(-1)))
        if len(nan) > 0:
            lrs, tensor = lrs[: min(nan)], tensor[: min(nan)]
        suggestions = {f.__name__: f(lrs, tensor, num_it) for f in (valley, steep, minimum, slide)}
        cases.append(
            {
                "name": name,
                "iterations": num_it,
                "raw": [None if math.isnan(v) else v for v in raw],
                "smooth": [None if math.isnan(v) else v for v in losses],
                "stoppedAt": stopped,
                "suggestions": suggestions,
            }
        )
    (HERE / "lr-find.json").write_text(json.dumps(cases, separators=(",", ":")).replace("},{", "},\n{") + "\n")


if __name__ == "__main__":
    main()
