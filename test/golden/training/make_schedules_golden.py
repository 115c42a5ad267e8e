#!/usr/bin/env python3
"""Golden values of learning-rate schedules, from torch 2.15 and keras 3.15 themselves:

    python make_schedules_golden.py

writes torch-schedules.json, moving-momentum.json and reduce-on-plateau.json beside this script. The warm-up before
`step` and `exponential` is (step + 1)/warmupSteps by definition, and what follows begins after it.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"  # TensorFlow and torch do not go together in one process

import keras
import numpy as np
import torch

HERE = pathlib.Path(__file__).parent


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")).replace("},{", "},\n{") + "\n")


def run(make, base, total, momentum=0.9, adam=False):
    """The rate and the momentum (or beta1) that torch has in each of `total` steps."""
    weight = [torch.nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.Adam(weight, lr=base) if adam else torch.optim.SGD(weight, lr=base, momentum=momentum)
    schedule = make(optimizer)
    rates, momenta = [], []
    for _ in range(total):
        group = optimizer.param_groups[0]
        rates.append(float(group["lr"]))
        momenta.append(float(group["betas"][0] if adam else group["momentum"]))
        optimizer.step()
        schedule.step()
    return rates, momenta


def torch_schedules():
    lr = torch.optim.lr_scheduler
    cases = []

    def case(schedule, base, total, make, momentum=False):
        rates, momenta = run(make, base, total)
        warmup = schedule.get("warmupSteps", 0)
        rates = [base * (s + 1) / warmup for s in range(warmup)] + rates
        cases.append(
            {"schedule": schedule, "base": base, "totalSteps": len(rates), "rates": rates, "momenta": momenta if momentum else None}
        )

    case({"kind": "step", "everySteps": 7, "factor": 0.5}, 0.1, 40, lambda o: lr.StepLR(o, 7, 0.5))
    case({"kind": "step", "atSteps": [10, 25], "factor": 0.1}, 0.3, 40, lambda o: lr.MultiStepLR(o, [10, 25], 0.1))
    case({"kind": "step", "atSteps": [10, 25], "warmupSteps": 5}, 0.3, 40, lambda o: lr.MultiStepLR(o, [10, 25], 0.1))
    case(
        {"kind": "exponential", "decaySteps": 1, "decayRate": 0.9, "staircase": False, "warmupSteps": 4},
        0.2, 20, lambda o: lr.ExponentialLR(o, 0.9),
    )  # fmt: skip
    for mode, theirs in (("triangular", "triangular"), ("triangular2", "triangular2"), ("exp-range", "exp_range")):
        case(
            {"kind": "cyclical", "mode": mode, "halfCycleSteps": 6, "lowShare": 0.2, "gamma": 0.97},
            0.5, 50,
            lambda o: lr.CyclicLR(o, 0.1, 0.5, step_size_up=6, mode=theirs, gamma=0.97, cycle_momentum=False),
        )  # fmt: skip
    for total, pct, high, low in ((60, 0.3, 0.95, 0.85), (41, 0.25, 0.9, 0.7)):
        case(
            {"kind": "one-cycle", "pctStart": pct, "div": 25, "finalDiv": 1e5, "momentum": {"high": high, "low": low}},
            0.4, total,
            # graft's last step is the end of the cycle, and the peak lies at pctStart · (total − 1), as torch has it where
            # pct_start · total − 1 is that same step.
            lambda o: lr.OneCycleLR(
                o, 0.4, total_steps=total, pct_start=(pct * (total - 1) + 1) / total, div_factor=25,
                final_div_factor=1e5 / 25, base_momentum=low, max_momentum=high,
            ),
            momentum=True,
        )  # fmt: skip
    write("torch-schedules.json", cases)


def moving_momentum():
    """torch's optimizers with another momentum (Adam's beta1) in each step: what one-cycle does to them."""
    start = [0.5, -1.25, 2.0, 0.0]
    rng = np.random.default_rng(5)
    gradients = rng.standard_normal((12, 4)).astype(np.float32)
    momenta = [round(0.95 - 0.1 * min(t, 11 - t) / 5, 4) for t in range(12)]
    # Epsilon is added before the bias correction in TensorFlow and after it in torch: here it is nothing.
    adam = {"kind": "adam", "epsilon": 1e-12}
    cases = [
        (adam, lambda w: torch.optim.Adam([w], lr=0.05, eps=1e-12)),
        ({"kind": "momentum", "nesterov": False}, lambda w: torch.optim.SGD([w], lr=0.05, momentum=0.9)),
        ({"kind": "momentum", "nesterov": True}, lambda w: torch.optim.SGD([w], lr=0.05, momentum=0.9, nesterov=True)),
    ]
    out = []
    for config, make in cases:
        weight = torch.nn.Parameter(torch.tensor(start))
        optimizer = make(weight)
        values = []
        for gradient, momentum in zip(gradients, momenta):
            if config["kind"] == "adam":
                optimizer.param_groups[0]["betas"] = (momentum, 0.999)
            else:
                optimizer.param_groups[0]["momentum"] = momentum
            weight.grad = torch.tensor(gradient)
            optimizer.step()
            values.append(weight.detach().tolist())
        out.append({"config": config, "values": values})
    write("moving-momentum.json", {"start": start, "rate": 0.05, "gradients": gradients.tolist(), "momenta": momenta, "cases": out})


class Optimizer:
    def __init__(self, rate):
        self.learning_rate = keras.Variable(rate)


class Model:
    def __init__(self, rate):
        self.optimizer = Optimizer(rate)


def reduce_on_plateau():
    rng = np.random.default_rng(9)
    noisy = [round(float(2 - 0.05 * i + 0.1 * rng.standard_normal()), 4) for i in range(30)]
    curves = {
        "falls with noise": noisy,
        "stands still": [1.0] * 14,
        "falls, then rises": [round(1.5 - 0.1 * i, 4) for i in range(8)] + [round(0.8 + 0.05 * i, 4) for i in range(12)],
        "improves by less than the least": [round(1 - 0.005 * i, 4) for i in range(20)],
    }
    cases = []
    for name, values in curves.items():
        for mode, metric in (("min", "validation.loss"), ("max", "validation.accuracy")):
            watched = values if mode == "min" else [round(3.0 - v, 4) for v in values]
            for patience, delta, cooldown, least in ((1, 0.0, 0, 0.0), (2, 0.021, 3, 0.0), (3, 0.0, 1, 0.2)):
                rule = {"metric": metric, "factor": 0.5, "patience": patience, "minDelta": delta, "cooldown": cooldown}
                # A base rate of one: the rate is the factor.
                callback = keras.callbacks.ReduceLROnPlateau(
                    monitor="m", mode=mode, factor=0.5, patience=patience, min_delta=delta, cooldown=cooldown, min_lr=least
                )
                callback.set_model(Model(1.0))
                callback.on_train_begin()
                rates = []
                for epoch, value in enumerate(watched):
                    callback.on_epoch_end(epoch, {"m": value})
                    rates.append(float(callback.model.optimizer.learning_rate))
                cases.append({"name": name, "rule": {**rule, "minShare": least}, "values": watched, "rates": rates})
    write("reduce-on-plateau.json", cases)


if __name__ == "__main__":
    torch_schedules()
    moving_momentum()
    reduce_on_plateau()
