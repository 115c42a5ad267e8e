#!/usr/bin/env python3
"""Golden values of the gate's statistics, computed without any of graft's code.

Needs scipy 1.17, numpy and scikit-learn 1.9:

    python make_golden.py

writes statistics.json beside this script.
"""

import json
import pathlib

import numpy as np
from scipy import stats
from sklearn import metrics as sk

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)

# One-sided exact McNemar is the binomial test of the images on which the models differ.
pairs = [(1, 0), (3, 0), (5, 0), (0, 5), (7, 2), (10, 10), (43, 13), (60, 40), (530, 470), (990, 1005), (1100, 950)]
coin = [
    {"wins": w, "losses": l, "p": float(stats.binomtest(w, w + l, 0.5, alternative="greater").pvalue)}
    for w, l in pairs
]

wilson = []
for hits, of in [(0, 10), (10, 10), (9, 10), (85, 100), (940, 1000), (1, 3)]:
    ci = stats.binomtest(hits, of).proportion_ci(confidence_level=0.95, method="wilson")
    wilson.append({"hits": hits, "of": of, "lower": float(ci.low), "upper": float(ci.high)})


def answers(labels, accuracy, classes):
    wrong = rng.random(labels.size) >= accuracy
    return np.where(wrong, rng.integers(0, classes, labels.size), labels)


paired = []
for classes, rows, ours, theirs in [(3, 60, 0.9, 0.7), (5, 200, 0.8, 0.8), (2, 40, 0.6, 0.9)]:
    labels = rng.integers(0, classes, rows)
    a, b = answers(labels, ours, classes), answers(labels, theirs, classes)
    f1 = lambda given, y: sk.f1_score(y, given, average="macro", zero_division=0)
    accuracies, scores = [], []
    for _ in range(20000):
        i = rng.integers(0, rows, rows)
        accuracies.append((a[i] == labels[i]).mean() - (b[i] == labels[i]).mean())
    for _ in range(2000):
        i = rng.integers(0, rows, rows)
        scores.append(f1(a[i], labels[i]) - f1(b[i], labels[i]))
    paired.append(
        {
            "classes": classes,
            "labels": labels.tolist(),
            "challenger": a.tolist(),
            "champion": b.tolist(),
            "wins": int(((a == labels) & (b != labels)).sum()),
            "losses": int(((b == labels) & (a != labels)).sum()),
            "accuracy": [float((a == labels).mean() - (b == labels).mean()), *np.quantile(accuracies, [0.05, 0.95])],
            "macroF1": [float(f1(a, labels) - f1(b, labels)), *np.quantile(scores, [0.05, 0.95])],
        }
    )

text = json.dumps({"coin": coin, "wilson": wilson, "paired": paired}, separators=(",", ":"))
(HERE / "statistics.json").write_text(text.replace("},{", "},\n{") + "\n")
