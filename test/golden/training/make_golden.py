#!/usr/bin/env python3
"""Golden values of the training rules, computed without any of graft's code.

Needs tensorflow-cpu 2.21 (with keras 3.15) and scikit-learn 1.9:

    python make_golden.py

writes schedules.json, early-stop.json, optimizers.json, losses.json and classification.json beside this script.
"""

import json
import math
import pathlib

import keras
import numpy as np
import tensorflow as tf
from sklearn import metrics as sk

HERE = pathlib.Path(__file__).parent


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")).replace("},{", "},\n{") + "\n")


# --- schedules -------------------------------------------------------------------------------------------------------


def sched_cos(start, end, pos):
    """fastai/callback/schedule.py SchedCos."""
    return start + (1 + math.cos(math.pi * (1 - pos))) * (end - start) / 2


def combined_cos(pct, start, middle, end, pos):
    """fastai/callback/schedule.py combined_cos: combine_scheds([pct, 1 - pct], [SchedCos, SchedCos])."""
    pcts = [0, pct, 1]
    idx = max(i for i, p in enumerate(pcts) if pos >= p)
    idx = min(idx, 1)
    actual = (pos - pcts[idx]) / (pcts[idx + 1] - pcts[idx])
    return sched_cos(start, middle, actual) if idx == 0 else sched_cos(middle, end, actual)


def schedules():
    cases = []
    for total, pct, div, final, base in [(100, 0.25, 25.0, 1e5, 1e-2), (37, 0.3, 5.0, 1e4, 0.5), (2, 0.25, 25.0, 1e5, 1.0)]:
        # fit_one_cycle: combined_cos(pct_start, lr_max/div, lr_max, lr_max/div_final), at the first and the last step.
        rates = [combined_cos(pct, base / div, base, base / final, s / (total - 1)) for s in range(total)]
        schedule = {"kind": "one-cycle", "pctStart": pct, "div": div, "finalDiv": final}
        cases.append({"schedule": schedule, "base": base, "totalSteps": total, "rates": rates})
    for total, warmup, final, base in [(50, 0, 0.0, 0.1), (50, 10, 0.05, 0.1)]:
        # keras CosineDecay over what is left after the warm-up; the warm-up is (step + 1)/warmupSteps by definition.
        decay = keras.optimizers.schedules.CosineDecay(base, total - warmup, alpha=final)
        after = [float(decay(s)) for s in range(total - warmup)]
        rates = [base * (s + 1) / warmup for s in range(warmup)] + after
        schedule = {"kind": "cosine", "warmupSteps": warmup, "finalFactor": final}
        cases.append({"schedule": schedule, "base": base, "totalSteps": total, "rates": rates})
    for staircase in (False, True):
        decay = keras.optimizers.schedules.ExponentialDecay(0.004, 8, 0.95, staircase=staircase)
        schedule = {"kind": "exponential", "decaySteps": 8, "decayRate": 0.95, "staircase": staircase}
        rates = [float(decay(s)) for s in range(40)]
        cases.append({"schedule": schedule, "base": 0.004, "totalSteps": 40, "rates": rates})
    write("schedules.json", cases)


# --- early stop ------------------------------------------------------------------------------------------------------


class Model:
    stop_training = False


def early_stop():
    rng = np.random.default_rng(7)
    noisy = lambda start, slope, noise, n: [round(float(start + slope * i + noise * rng.standard_normal()), 6) for i in range(n)]
    curves = {
        "falls": noisy(2.0, -0.05, 0.0, 20),
        "falls with noise": noisy(2.0, -0.03, 0.1, 30),
        "falls, then rises": noisy(1.5, -0.1, 0.02, 8) + noisy(0.8, 0.05, 0.02, 12),
        "stands still": [1.0] * 12,
        "improves by less than the least": [round(1.0 - 0.005 * i, 6) for i in range(20)],
        "a lucky first epoch": [0.1] + noisy(1.0, -0.02, 0.05, 20),
        "ties": [1.0, 0.9, 0.9, 0.8, 0.9, 0.8, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7],
    }
    cases = []
    for name, values in curves.items():
        for mode, metric in (("min", "validation.loss"), ("max", "validation.accuracy")):
            watched = values if mode == "min" else [round(3.0 - v, 6) for v in values]
            # No least improvement ties with a difference of values: keras compares in float32.
            for patience, delta in ((1, 0.0), (3, 0.0), (2, 0.021), (5, 0.11)):
                stop = keras.callbacks.EarlyStopping(monitor="m", mode=mode, patience=patience, min_delta=delta)
                stop.set_model(Model())
                stop.on_train_begin()
                waits = []
                for epoch, value in enumerate(watched):
                    stop.on_epoch_end(epoch, {"m": value})
                    waits.append(stop.wait)
                    if stop.model.stop_training:
                        break
                cases.append(
                    {
                        "name": name,
                        "rule": {"metric": metric, "patience": patience, "minDelta": delta},
                        "values": watched,
                        "waits": waits,
                        "stopped": stop.model.stop_training,
                        "bestEpoch": stop.best_epoch + 1,
                    }
                )
    write("early-stop.json", cases)


# --- optimizers ------------------------------------------------------------------------------------------------------

STEPS = 20
START = np.array([0.5, -1.25, 2.0, 0.0], np.float32)
GRADIENTS = np.array([[math.sin(0.7 * t + 1.3 * i) * (1 + i) + 0.1 * i for i in range(4)] for t in range(STEPS)], np.float32)
RATES = [0.05 * (0.9**t) for t in range(STEPS)]


def raw(update, slots):
    variable = tf.Variable(START)
    state = [tf.Variable(np.full_like(START, value)) for value in slots]
    values = []
    for t in range(STEPS):
        update(variable.handle, [s.handle for s in state], np.float32(RATES[t]), tf.constant(GRADIENTS[t]), t + 1)
        values.append(variable.numpy().tolist())
    return values


def adam(beta1, beta2, epsilon):
    def update(var, slots, lr, grad, t):
        tf.raw_ops.ResourceApplyAdam(
            var=var, m=slots[0], v=slots[1], beta1_power=np.float32(beta1**t), beta2_power=np.float32(beta2**t), lr=lr,
            beta1=np.float32(beta1), beta2=np.float32(beta2), epsilon=np.float32(epsilon), grad=grad,
        )  # fmt: skip

    return raw(update, [0, 0])


def adamw(decay):
    variable = keras.Variable(START, name="kernel")
    optimizer = keras.optimizers.AdamW(0.05, weight_decay=decay, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
    optimizer.build([variable])
    values = []
    for t in range(STEPS):
        optimizer.learning_rate = RATES[t]
        optimizer.apply([tf.constant(GRADIENTS[t])], [variable])
        values.append(np.asarray(variable).tolist())
    return values


def momentum(share, nesterov):
    def update(var, slots, lr, grad, _):
        tf.raw_ops.ResourceApplyMomentum(
            var=var, accum=slots[0], lr=lr, grad=grad, momentum=np.float32(share), use_nesterov=nesterov
        )

    return raw(update, [0])


def rmsprop(decay, share, epsilon, initial):
    def update(var, slots, lr, grad, _):
        tf.raw_ops.ResourceApplyRMSProp(
            var=var, ms=slots[0], mom=slots[1], lr=lr, rho=np.float32(decay), momentum=np.float32(share),
            epsilon=np.float32(epsilon), grad=grad,
        )  # fmt: skip

    return raw(update, [initial, 0])


def sgd():
    return raw(lambda var, _, lr, grad, __: tf.raw_ops.ResourceApplyGradientDescent(var=var, alpha=lr, delta=grad), [])


def optimizers():
    adam_config = {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "weightDecay": 0}
    rms_config = {"kind": "rmsprop", "decay": 0.9, "momentum": 0.9, "epsilon": 1.0, "initialSquare": 1}
    cases = [
        ({"kind": "sgd"}, sgd()),
        ({"kind": "momentum", "momentum": 0.9, "nesterov": False}, momentum(0.9, False)),
        ({"kind": "momentum", "momentum": 0.9, "nesterov": True}, momentum(0.9, True)),
        (adam_config, adam(0.9, 0.999, 1e-7)),
        ({**adam_config, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3}, adam(0.8, 0.99, 1e-3)),
        ({**adam_config, "weightDecay": 0.1}, adamw(0.1)),
        (rms_config, rmsprop(0.9, 0.9, 1.0, 1)),
        ({**rms_config, "momentum": 0, "epsilon": 1e-7, "initialSquare": 0}, rmsprop(0.9, 0.0, 1e-7, 0)),
    ]
    write(
        "optimizers.json",
        {
            "start": START.tolist(),
            "gradients": GRADIENTS.tolist(),
            "rates": RATES,
            "cases": [{"config": {**config, "learningRate": 0.05}, "values": values} for config, values in cases],
        },
    )


# --- losses ----------------------------------------------------------------------------------------------------------


def losses():
    rng = np.random.default_rng(3)
    logits = rng.standard_normal((6, 5)).astype(np.float32) * 3
    labels = [0, 4, 2, 2, 1, 3]
    cases = []
    for smoothing in (0.0, 0.1, 0.3):
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        cases.append({"smoothing": smoothing, "loss": float(loss(tf.one_hot(labels, 5), logits))})
    gradients = [rng.standard_normal(3).astype(np.float32) * 2, rng.standard_normal(4).astype(np.float32) * 2]
    clips = []
    for limit in (0.5, 2.0, 100.0):
        clipped, norm = tf.clip_by_global_norm(gradients, limit)
        clips.append({"limit": limit, "norm": float(norm), "clipped": [c.numpy().tolist() for c in clipped]})
    write(
        "losses.json",
        {"logits": logits.tolist(), "labels": labels, "cases": cases, "gradients": [g.tolist() for g in gradients], "clips": clips},
    )


# --- classification --------------------------------------------------------------------------------------------------


def classification():
    rng = np.random.default_rng(11)
    cases = []
    for name, rows, width, absent in [
        ("ten classes", 200, 10, []),
        ("three classes, so top-5 is all", 40, 3, []),
        ("classes without a row", 60, 7, [2, 6]),
        ("one row", 1, 4, [0, 1, 3]),
    ]:
        present = [c for c in range(width) if c not in absent]
        labels = rng.choice(present, rows)
        logits = rng.standard_normal((rows, width)).astype(np.float32)
        logits[np.arange(rows), labels] += 1.0
        if absent:
            logits[:, absent[-1]] -= 50.0
        logits = np.round(logits, 4).astype(np.float32)
        predicted = logits.argmax(1)
        precision, recall, f1, support = sk.precision_recall_fscore_support(
            labels, predicted, labels=range(width), zero_division=0
        )
        macro = sk.precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)[:3]
        wide = logits.astype(np.float64)
        shifted = np.exp(wide - wide.max(1, keepdims=True))
        top5 = sk.top_k_accuracy_score(labels, wide, k=5, labels=range(width)) if width > 5 else 1.0
        cases.append(
            {
                "name": name,
                "width": width,
                "logits": [round(float(value), 4) for value in logits.ravel()],
                "labels": labels.tolist(),
                "accuracy": sk.accuracy_score(labels, predicted),
                "loss": sk.log_loss(labels, shifted / shifted.sum(1, keepdims=True), labels=range(width)),
                "top5": float(top5),
                "macro": [float(m) for m in macro],
                "precision": precision.tolist(),
                "recall": recall.tolist(),
                "f1": f1.tolist(),
                "support": support.tolist(),
                "confusion": sk.confusion_matrix(labels, predicted, labels=range(width)).tolist(),
            }
        )
    write("classification.json", cases)


if __name__ == "__main__":
    schedules()
    early_stop()
    optimizers()
    losses()
    classification()
