"""Golden figures of Open Images' metrics on random cases, by the TF Object Detection API itself.

    pip download --no-deps tensorflow-object-detection-api==0.1.1    (Apache License 2.0), unpacked to FOLDER
    PYTHONPATH=FOLDER python make_open_images.py > open_images.json

Per-image matching, precision and recall are `utils/per_image_evaluation.py` and `utils/metrics.py`; how many objects a
class has is counted as `utils/object_detection_evaluation.py` does (`_update_ground_truth_statistics`), which can't be
loaded without TensorFlow 1. Only cases of odd seeds are taken: their scores are all but surely different, and the API's
sort is not stable. Crowds stand for group-of boxes.
"""
import contextlib
import io
import json

import numpy as np

np.float, np.NAN = float, float('nan')  # names that numpy had when the API was written

from object_detection.utils import metrics, per_image_evaluation  # noqa: E402

with contextlib.redirect_stdout(io.StringIO()):  # it prints its own figures
    from make_golden import make_case  # noqa: E402

CASES = 200


def corners(boxes):
    return np.array([[y, x, y + h, x + w] for x, y, w, h in boxes], float).reshape(-1, 4)


def figures(images, categories, truths, detections, weight):
    judge = per_image_evaluation.PerImageEvaluation(
        categories, matching_iou_threshold=0.5, nms_iou_threshold=1.0, nms_max_output_boxes=10000,
        group_of_weight=weight)
    scores = [[] for _ in range(categories)]
    labels = [[] for _ in range(categories)]
    for i in range(images):
        own = [t for t in truths if t['image'] == i]
        found = [d for d in detections if d['image'] == i]
        s, l, _ = judge.compute_object_detection_metrics(
            detected_boxes=corners([d['box'] for d in found]),
            detected_scores=np.array([d['score'] for d in found], float),
            detected_class_labels=np.array([d['category'] for d in found], int),
            groundtruth_boxes=corners([t['box'] for t in own]),
            groundtruth_class_labels=np.array([t['category'] for t in own], int),
            groundtruth_is_difficult_list=np.array([t['difficult'] for t in own], bool),
            groundtruth_is_group_of_list=np.array([t['crowd'] for t in own], bool))
        for c in range(categories):
            scores[c].append(s[c])
            labels[c].append(l[c].astype(float))
    out = []
    for c in range(categories):
        mine = [t for t in truths if t['category'] == c]
        count = sum(not t['crowd'] and not t['difficult'] for t in mine) + weight * sum(t['crowd'] for t in mine)
        if count == 0:
            out.append(-1.0)
            continue
        precision, recall = metrics.compute_precision_recall(
            np.concatenate(scores[c]), np.concatenate(labels[c]), count)
        out.append(float(metrics.compute_average_precision(precision, recall)))
    return out


cases = []
for seed in range(1, 2 * CASES, 2):
    case = make_case(seed)
    values = [d['score'] for d in case[3]]
    # A score of 0 is no detection of a group to the API.
    if len(set(values)) < len(values) or 0 in values:
        continue
    cases.append(dict(seed=seed, v2=figures(*case, 0.0), challenge=figures(*case, 1.0)))
print(json.dumps(cases))
