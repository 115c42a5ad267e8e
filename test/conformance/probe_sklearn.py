"""Accuracy of scikit-learn's LogisticRegression and LinearSVC on codes: the first rows are learnt from, the rest are tested on.

    python probe_sklearn.py CODES.safetensors LABELS.json TRAIN_ROWS
"""

import json
import sys

from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

codes = load_file(sys.argv[1])["codes"]
labels = json.load(open(sys.argv[2]))
rows = int(sys.argv[3])
answer = {}
for name, model in (
    ("linear-probe", LogisticRegression(C=1.0, max_iter=1000)),
    ("svm", LinearSVC(C=1.0, intercept_scaling=100, max_iter=20000)),
):
    model.fit(codes[:rows], labels[:rows])
    answer[name] = float(model.score(codes[rows:], labels[rows:]))
print(json.dumps(answer))
