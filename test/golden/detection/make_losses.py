"""Golden losses of detectors: TensorFlow, Keras and torchvision on a few fixed values.

    python make_losses.py > losses.json

The hard-example miner is written here from research/object_detection core/losses.py in NumPy, with TensorFlow's own
non_max_suppression.
"""
import json
import os
import subprocess
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
import numpy as np
import tensorflow as tf

random = np.random.default_rng(7)


def numbers(array):
    return [round(float(v), 7) for v in np.asarray(array).reshape(-1)]


logits = np.round(random.normal(0, 3, (4, 3)), 3).astype(np.float32)
logits[0] = [80, -80, 0]
targets = np.eye(3, dtype=np.float32)[[0, 2, 1, 0]]
predicted = np.round(random.normal(0, 2, (5, 4)), 3).astype(np.float32)
codes = np.round(random.normal(0, 2, (5, 4)), 3).astype(np.float32)
corner = random.uniform(0, .6, (6, 2))
size = random.uniform(.05, .5, (6, 2))
boxes = np.round(np.concatenate([corner, corner + size], 1), 3).astype(np.float32)
other = np.round(boxes + random.normal(0, .1, (6, 4)) * np.array([[1], [1], [1], [1], [0], [6]]), 3).astype(np.float32)
other = np.concatenate([np.minimum(other[:, :2], other[:, 2:] - .01), other[:, 2:]], 1).astype(np.float32)


# TensorFlow and PyTorch do not load into one process.
BY_TORCH = """
import json, sys, torch
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss
given = {k: torch.tensor(v) for k, v in json.load(sys.stdin).items()}
focal = lambda alpha, gamma: sigmoid_focal_loss(given['logits'], given['targets'], alpha=alpha, gamma=gamma).tolist()
giou = generalized_box_iou_loss(given['boxes'], given['other']).tolist()
print(json.dumps(dict(focal=focal(.25, 2), focalPlain=focal(-1, 1.5), giou=giou)))
"""
given = dict(logits=logits.tolist(), targets=targets.tolist(), boxes=boxes.tolist(), other=other.tolist())
torch = json.loads(subprocess.run([sys.executable, '-c', BY_TORCH], input=json.dumps(given), text=True, check=True,
                                  stdout=subprocess.PIPE).stdout)


def huber(delta):
    return [float(tf.keras.losses.Huber(delta=delta, reduction='none')(codes[i:i + 1, j:j + 1], predicted[i:i + 1, j:j + 1])[0])
            for i in range(5) for j in range(4)]


def mine(losses, decoded, positives, count, iou, ratio, least):
    kept = np.zeros_like(losses)
    for b in range(len(losses)):
        selected = tf.image.non_max_suppression(decoded[b], losses[b], count, iou).numpy()
        pos = positives[b][selected] > 0
        limit = max(least, int(ratio * pos.sum()))
        keep = pos | (~pos & (np.cumsum(~pos) <= limit))
        kept[b][selected[keep]] = 1
    return kept


B, A = 3, 40
mined = dict(losses=np.round(random.uniform(0, 5, (B, A)), 4).astype(np.float32),
             positives=(random.uniform(size=(B, A)) < .12).astype(np.float32))
mined['positives'][2] = 0
at = random.uniform(0, .7, (B, A, 2))
decoded = np.concatenate([at, at + random.uniform(.1, .3, (B, A, 2))], 2)
# Some boxes twice, so that suppression has something to do.
decoded[:, 20:26] = decoded[:, 0:6]
decoded = np.round(decoded, 4).astype(np.float32)
rules = [dict(count=3000, iou=.99, ratio=3, least=0), dict(count=3000, iou=.99, ratio=3, least=3),
         dict(count=10, iou=.5, ratio=1, least=2)]

print(json.dumps(dict(
    logits=numbers(logits), targets=numbers(targets),
    sigmoid=numbers(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)),
    softmax=numbers(tf.nn.softmax_cross_entropy_with_logits(targets, logits)),
    focal=numbers(torch['focal']), focalPlain=numbers(torch['focalPlain']),
    predicted=numbers(predicted), codes=numbers(codes), huber=numbers(huber(1.0)), huberHalf=numbers(huber(.5)),
    boxes=numbers(boxes), other=numbers(other),
    giou=numbers(torch['giou']),
    miner=dict(losses=numbers(mined['losses']), positives=numbers(mined['positives']), boxes=numbers(decoded), rules=rules,
               kept=[numbers(mine(mined['losses'], decoded, mined['positives'], **rule)) for rule in rules]),
), separators=(',', ':')))
