#!/usr/bin/env python3
"""Golden values of stop rules on recorded curves, from keras 3.15 and numpy:

    python make_stop_golden.py

writes smooth-stop.json (keras EarlyStopping, with start_from_epoch, on running medians) and stop-when.json (the first
place at which so many values in a row are below a limit) beside this script.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

HERE = pathlib.Path(__file__).parent


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")).replace("},{", "},\n{") + "\n")


class Model:
    stop_training = False


def noisy(rng, start, slope, noise, count):
    return [round(float(start + slope * i + noise * rng.standard_normal()), 5) for i in range(count)]


def smooth_stop():
    rng = np.random.default_rng(21)
    curves = {
        "falls with large swings": noisy(rng, 2.0, -0.05, 0.4, 30),
        "falls, then stands still with swings": noisy(rng, 2.0, -0.1, 0.1, 12) + noisy(rng, 0.8, 0.0, 0.1, 18),
        "one lucky epoch": noisy(rng, 1.0, -0.02, 0.02, 5) + [0.1] + noisy(rng, 0.9, -0.02, 0.02, 14),
    }
    cases = []
    for name, values in curves.items():
        for mode, metric in (("min", "validation.loss"), ("max", "validation.accuracy")):
            watched = values if mode == "min" else [round(3.0 - v, 5) for v in values]
            for patience, delta, window, start in ((2, 0.0, 3, 0), (3, 0.012, 5, 4), (2, 0.0, 4, 10), (1, 0.0, 1, 6)):
                stop = keras.callbacks.EarlyStopping(
                    monitor="m", mode=mode, patience=patience, min_delta=delta, start_from_epoch=start
                )
                stop.set_model(Model())
                stop.on_train_begin()
                waits = []
                for epoch in range(len(watched)):
                    middle = float(np.median(watched[max(0, epoch + 1 - window) : epoch + 1]))
                    stop.on_epoch_end(epoch, {"m": middle})
                    waits.append(stop.wait)
                    if stop.model.stop_training:
                        break
                rule = {"metric": metric, "patience": patience, "minDelta": delta, "smooth": window, "minEpochs": start}
                best = stop.best_epoch + 1 if stop.best is not None else 0
                cases.append(
                    {"name": name, "rule": rule, "values": watched, "waits": waits, "stopped": stop.model.stop_training, "bestEpoch": best}
                )
    write("smooth-stop.json", cases)


def stop_when():
    rng = np.random.default_rng(8)
    cases = []
    for limit, run in ((0.5, 1), (0.5, 5), (0.3, 12), (0.05, 3)):
        values = [round(float(v), 5) for v in np.abs(1.2 * np.exp(-np.arange(120) / 40) + 0.15 * rng.standard_normal(120))]
        below = np.array(values) < limit
        # The last of the first `run` values in a row; -1 where there are none.
        rows = np.convolve(below, np.ones(run), "valid") == run
        cases.append({"below": limit, "for": run, "values": values, "stopsAt": int(np.argmax(rows)) + run - 1 if rows.any() else -1})
    write("stop-when.json", cases)


if __name__ == "__main__":
    smooth_stop()
    stop_when()
