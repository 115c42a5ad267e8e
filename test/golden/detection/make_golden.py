"""Golden figures of detection metrics on random cases: pycocotools, mean-average-precision and tidecv.

    python make_golden.py > metrics.json

The cases are those of test/lib/detection-cases.ts, drawn by the same xorshift32. `voc` holds cases whose scores are all
different: mean-average-precision sorts by an unstable sort. It also counts difficult objects among those to be found,
which VOCdevkit does not, so a case's difficult objects are computed by `voc_difficult`, written from VOCevaldet.m.
"""
import contextlib
import io
import json

import numpy as np
from mean_average_precision.mean_average_precision_2d import MeanAveragePrecision2d
from mean_average_precision.utils import compute_average_precision, compute_average_precision_with_recall_thresholds
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tidecv import TIDE, Data

CASES = 240
NAMES = ['AP', 'AP50', 'AP75', 'APsmall', 'APmedium', 'APlarge',
         'AR1', 'AR10', 'AR100', 'ARsmall', 'ARmedium', 'ARlarge']


def make_case(seed):
    state = [(seed * 2_654_435_761 + 88_675_123) & 0xFFFFFFFF or 1]

    def draw(below):
        x = state[0]
        x = (x ^ (x << 13)) & 0xFFFFFFFF
        x ^= x >> 17
        x = (x ^ (x << 5)) & 0xFFFFFFFF
        state[0] = x
        return x % below

    def drawn_box():
        side = [12, 40, 90, 180][draw(4)]
        x, y = draw(300), draw(300)
        w = side + draw(30)
        return [x, y, w, side + draw(30)]

    def moved(box):
        reach = 1 + draw(20)

        def by():
            return draw(2 * reach + 1) - reach
        x = box[0] + by()
        y = box[1] + by()
        w = max(1, box[2] + by())
        return [x, y, w, max(1, box[3] + by())]

    images = 1 + draw(6)
    categories = 1 + draw(4)
    ties = seed % 2 == 0
    truths, detections = [], []
    for image in range(images):
        objects = 0 if draw(4) == 0 else 1 + draw(8)
        own = []
        for _ in range(objects):
            category = draw(categories)
            box = drawn_box()
            area = box[2] * box[3] * (50 + draw(51)) / 100
            crowd = draw(9) == 0
            own.append(dict(image=image, category=category, box=box, area=area, crowd=crowd, difficult=draw(7) == 0))
        truths += own
        found = 0 if draw(5) == 0 else draw(130 if seed % 17 == 0 else 14)
        for _ in range(found):
            category = draw(categories + 1) % categories
            near = own[draw(len(own))] if own else None
            box = moved(near['box']) if near is not None and draw(4) > 0 else drawn_box()
            score = draw(8 if ties else 1_000_000) / 1_000_000
            if near is not None and draw(3) > 0:
                category = near['category']
            detections.append(dict(image=image, category=category, box=box, score=score))
    return images, categories, truths, detections


def coco(images, categories, truths, detections):
    gt = COCO()
    gt.dataset = dict(
        images=[dict(id=i) for i in range(images)],
        categories=[dict(id=c, name=str(c)) for c in range(categories)],
        annotations=[dict(id=n + 1, image_id=t['image'], category_id=t['category'], bbox=t['box'], area=t['area'],
                          iscrowd=int(t['crowd'])) for n, t in enumerate(truths)])
    gt.createIndex()
    results = [dict(image_id=d['image'], category_id=d['category'], bbox=d['box'], score=d['score'])
               for d in detections]
    if not results:
        return None
    evaluation = COCOeval(gt, gt.loadRes(results), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    precision = evaluation.eval['precision'][:, :, :, 0, 2]
    per_class = [float(np.mean(p[p > -1])) if (p > -1).any() else -1.0
                 for p in (precision[:, :, k] for k in range(categories))]
    return dict(stats=[float(v) for v in evaluation.stats], perClass=per_class)


def corners(box):
    # The package adds one to widths: corners here name whole pixels.
    return [box[0], box[1], box[0] + box[2] - 1, box[1] + box[3] - 1]


def voc(images, categories, truths, detections):
    metric = MeanAveragePrecision2d(categories)
    for i in range(images):
        preds = [corners(d['box']) + [d['category'], d['score']] for d in detections if d['image'] == i]
        gt = [corners(t['box']) + [t['category'], 0, 0] for t in truths if t['image'] == i]
        metric.add(np.array(preds, float).reshape(-1, 6), np.array(gt, float).reshape(-1, 7))
    # The package asks for more than the threshold, the devkit for as much.
    threshold = float(np.nextafter(0.5, 0))
    out = []
    for c in range(categories):
        if not any(t['category'] == c for t in truths):
            out.append([-1.0, -1.0])
            continue
        _, precision, recall = metric._evaluate_class(c, threshold, None)
        eleven = compute_average_precision_with_recall_thresholds(precision, recall, np.arange(0., 1.1, 0.1))
        out.append([float(eleven), float(compute_average_precision(precision, recall))])
    return out


def overlap(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


def voc_difficult(categories, truths, detections):
    """VOCevaldet.m, difficult objects and crowds neither asked for nor counted."""
    out = []
    for c in range(categories):
        own = [t for t in truths if t['category'] == c]
        npos = sum(not (t['difficult'] or t['crowd']) for t in own)
        if npos == 0:
            out.append([-1.0, -1.0])
            continue
        tp, fp, used = [], [], set()
        for d in sorted((d for d in detections if d['category'] == c), key=lambda d: -d['score']):
            here = [(overlap(d['box'], t['box']), -n) for n, t in enumerate(own) if t['image'] == d['image']]
            best, n = max(here, default=(0.0, 0))
            hit = miss = 0
            if best >= 0.5:
                t = own[-n]
                if not (t['difficult'] or t['crowd']):
                    hit, miss = (0, 1) if -n in used else (1, 0)
                    used.add(-n)
            else:
                miss = 1
            tp.append(hit)
            fp.append(miss)
        tp, fp = np.cumsum(tp), np.cumsum(fp)
        recall = tp / npos
        precision = tp / np.maximum(tp + fp, np.finfo(float).eps)
        eleven = compute_average_precision_with_recall_thresholds(precision, recall, np.arange(0., 1.1, 0.1))
        out.append([float(eleven), float(compute_average_precision(precision, recall))])
    return out


def tide(images, categories, truths, detections):
    gt, preds = Data('gt'), Data('preds')
    for c in range(categories):
        gt.add_class(c, str(c))
        preds.add_class(c, str(c))
    for i in range(images):
        gt.add_image(i, str(i))
        preds.add_image(i, str(i))
    for t in truths:
        (gt.add_ignore_region if t['crowd'] else gt.add_ground_truth)(t['image'], t['category'], t['box'])
    for d in detections:
        preds.add_detection(d['image'], d['category'], d['score'], d['box'])
    run = TIDE()
    result = run.evaluate(gt, preds, mode=TIDE.BOX)
    counts = {e.short_name: n for e, n in result.count_errors().items()}
    gains = {e.short_name: float(v) for e, v in result.fix_main_errors().items()}
    special = {e.short_name: float(v) for e, v in result.fix_special_errors().items()}
    order = ['Cls', 'Loc', 'Both', 'Dupe', 'Bkg', 'Miss']
    return dict(AP=float(result.ap), counts=[counts[k] for k in order], gains=[gains[k] for k in order],
                special=[special['FalsePos'], special['FalseNeg']])


def rounded(value):
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


def main():
    cases = []
    for seed in range(CASES):
        images, categories, truths, detections = make_case(seed)
        scores = [d['score'] for d in detections]
        with contextlib.redirect_stdout(io.StringIO()):
            one = dict(seed=seed, coco=coco(images, categories, truths, detections))
            if len(set(scores)) == len(scores):
                one['voc'] = voc(images, categories, truths, detections)
                one['vocDifficult'] = voc_difficult(categories, truths, detections)
            if any(not t['crowd'] for t in truths) and detections:
                one['tide'] = tide(images, categories, truths, detections)
        cases.append(rounded(one))
    print('[')
    print(',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases))
    print(']')


main()
