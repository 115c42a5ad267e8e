"""Makes events.tfevents and cases.json with TensorBoard's own writers: what graft's encoder must give, byte for byte.

    python test/golden/tensorboard/make_golden.py        (needs tensorboard and tensorflow)

Made with tensorboard 2.21.0 and tensorflow 2.21.0.
"""
import json
import os

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.histogram import summary_v2 as histogram
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.pr_curve import summary as pr_curve
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorboard.plugins.text import summary_v2 as text
from tensorboard.summary.writer.record_writer import RecordWriter

folder = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(1)

weights = random.normal(size=200).astype(np.float32)
same = np.full(7, 0.25, np.float32)
scores = random.random(300).astype(np.float32)
scores[:3] = [0.0, 1.0, 0.5]
truths = (random.random(300) < scores).tolist()
hparams = {"train.optimizer.learningRate": 0.001, "model.strategy": "head", "augment.mixup": False, "train.epochs": 0}
TEXT = "| key | value |\n|---|---|\n| naïve | ✓ |"


def hparams_summary(tag, data):
    summary = summary_pb2.Summary()
    metadata = hparams_metadata.create_summary_metadata(data)
    # In the order of names, which the plugin's own writer leaves to chance.
    metadata.plugin_data.content = data.SerializeToString(deterministic=True)
    summary.value.add(tag=tag, metadata=metadata, tensor=hparams_metadata.NULL_TENSOR)
    return summary


def experiment():
    rate = api_pb2.HParamInfo(name="train.optimizer.learningRate", type=api_pb2.DATA_TYPE_FLOAT64)
    rate.domain_interval.min_value = 0.0001
    rate.domain_interval.max_value = 0.1
    strategy = api_pb2.HParamInfo(name="model.strategy", type=api_pb2.DATA_TYPE_STRING)
    strategy.domain_discrete.extend(["head", "full"])
    epochs = api_pb2.HParamInfo(name="train.epochs", type=api_pb2.DATA_TYPE_FLOAT64)
    loss = api_pb2.MetricInfo(name=api_pb2.MetricName(group="validation", tag="loss/epoch"))
    loss.display_name = "validation loss"
    loss.dataset_type = api_pb2.DATASET_VALIDATION
    accuracy = api_pb2.MetricInfo(name=api_pb2.MetricName(group="test", tag="accuracy"), display_name="accuracy")
    return api_pb2.Experiment(
        description="pets",
        time_created_secs=1700000000.25,
        hparam_infos=[rate, strategy, epochs],
        metric_infos=[loss, accuracy],
    )


def session_start():
    start = plugin_data_pb2.SessionStartInfo(group_name="pets-1", start_time_secs=1700000000.5)
    for name in sorted(hparams):
        value = hparams[name]
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return start


def curve():
    # pr_curve_pb of TensorBoard 1.x is the only writer; it leaves the class of data to its readers.
    made = pr_curve.pb("cat", np.array(truths), scores, num_thresholds=201)
    summary = summary_pb2.Summary.FromString(made.SerializeToString())
    value = summary.value[0]
    value.tag = "pr/cat"
    value.metadata.display_name = ""
    return classed(summary, summary_pb2.DATA_CLASS_TENSOR)


def classed(summary, data_class):
    """What tf.summary adds to a plugin's summary when it is written."""
    summary.value[0].metadata.data_class = data_class
    return summary


end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=1700000100.0)
summaries = [
    (0, hparams_summary("_hparams_/experiment", plugin_data_pb2.HParamsPluginData(experiment=experiment()))),
    (
        0,
        hparams_summary(
            "_hparams_/session_start_info", plugin_data_pb2.HParamsPluginData(session_start_info=session_start())
        ),
    ),
    (1, classed(scalar.scalar_pb("loss/step", np.float32(0.1)), summary_pb2.DATA_CLASS_SCALAR)),
    (2, classed(scalar.scalar_pb("loss/step", np.float32(0.0)), summary_pb2.DATA_CLASS_SCALAR)),
    (300, classed(histogram.histogram_pb("head/logits/kernel", weights), summary_pb2.DATA_CLASS_TENSOR)),
    (300, classed(histogram.histogram_pb("head/logits/bias", same), summary_pb2.DATA_CLASS_TENSOR)),
    (0, classed(text.text_pb("configuration", TEXT), summary_pb2.DATA_CLASS_TENSOR)),
    (300, curve()),
    (
        0,
        hparams_summary("_hparams_/session_end_info", plugin_data_pb2.HParamsPluginData(session_end_info=end)),
    ),
]

with open(os.path.join(folder, "events.tfevents"), "wb") as file:
    writer = RecordWriter(file)
    head = event_pb2.Event(wall_time=1700000000.0, file_version="brain.Event:2")
    head.source_metadata.writer = "graft"
    writer.write(head.SerializeToString(deterministic=True))
    for number, (step, summary) in enumerate(summaries):
        event = event_pb2.Event(wall_time=1700000000.0 + number / 4, step=step, summary=summary)
        writer.write(event.SerializeToString(deterministic=True))
    writer.flush()

with open(os.path.join(folder, "cases.json"), "w") as file:
    json.dump(
        {
            "weights": weights.tolist(),
            "same": same.tolist(),
            "scores": scores.tolist(),
            "truths": truths,
            "hparams": hparams,
        },
        file,
    )
