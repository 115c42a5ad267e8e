#!/usr/bin/env python3
"""Golden values of linear classifiers, from scikit-learn 1.9 on its own digits (8×8 pixels as codes) and on made-up codes:

    python make_golden.py

writes classifiers.json: codes, labels, the objective that LogisticRegression and LinearSVC reach, and their predictions.
"""

import json
import pathlib

import numpy as np
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

HERE = pathlib.Path(__file__).parent


def logistic_objective(model, x, y, c):
    """C · Σ cross-entropy + ½‖w‖², computed here: what is minimized, not what the library says of it."""
    w, b = model.coef_, model.intercept_
    scores = x @ w.T + b
    if len(model.classes_) == 2:
        # sklearn's binary model is the logistic one: half the difference of two multinomial classes, penalized as one.
        margin = scores[:, 0] * (2 * y - 1)
        return c * float(np.logaddexp(0, -margin).sum()) + 0.5 * float((w**2).sum())
    top = scores.max(1, keepdims=True)
    loss = (top[:, 0] + np.log(np.exp(scores - top).sum(1)) - scores[np.arange(len(y)), y]).sum()
    return c * float(loss) + 0.5 * float((w**2).sum())


def hinge_objectives(model, x, y, c):
    out = []
    for k, (w, b) in enumerate(zip(model.coef_, model.intercept_)):
        sign = np.where(y == (1 if len(model.classes_) == 2 else k), 1.0, -1.0)
        short = np.maximum(0, 1 - sign * (x @ w + b))
        out.append(c * float((short**2).sum()) + 0.5 * float((w**2).sum() + b**2))
    return out


def main():
    digits = load_digits()
    pixels = (digits.data / 16).astype(np.float32)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(pixels))
    blobs, classes = make_blobs(120, 5, centers=3, cluster_std=4.0, random_state=4)
    two, sides = make_blobs(80, 4, centers=2, cluster_std=5.0, random_state=6)
    cases = []
    for name, x, y, count in (
        ("digits", pixels[order], digits.target[order], 300),
        ("three blobs that overlap", blobs.astype(np.float32), classes, 90),
        ("two classes", two.astype(np.float32), sides, 60),
    ):
        x = np.round(x.astype(np.float64), 4).astype(np.float32)
        train, test = (x[:count].astype(np.float64), y[:count]), (x[count : count + 200].astype(np.float64), y[count : count + 200])
        for c in (1.0, 0.01):
            logistic = LogisticRegression(C=c, tol=1e-8, max_iter=20_000).fit(*train)
            svm = LinearSVC(C=c, tol=1e-8, max_iter=500_000, dual=False).fit(*train)
            cases.append(
                {
                    "name": name,
                    "c": c,
                    "classes": int(y.max()) + 1,
                    "width": x.shape[1],
                    "codes": [round(float(v), 4) for v in train[0].ravel()],
                    "labels": train[1].tolist(),
                    "testCodes": [round(float(v), 4) for v in test[0].ravel()],
                    "testLabels": test[1].tolist(),
                    "logistic": {"objective": logistic_objective(logistic, *train, c), "accuracy": float(logistic.score(*test))},
                    "svm": {"objectives": hinge_objectives(svm, *train, c), "accuracy": float(svm.score(*test))},
                }
            )
    (HERE / "classifiers.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
