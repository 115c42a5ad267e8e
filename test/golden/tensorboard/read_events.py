"""Prints, as JSON, what the real TensorBoard finds in a folder of event files: read_events.py FOLDER"""
import json
import sys

from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups
from tensorboard.util import tensor_util

folder = sys.argv[1]
everything = {event_accumulator.TENSORS: 0}
multiplexer = plugin_event_multiplexer.EventMultiplexer(
    size_guidance=everything, tensor_size_guidance={name: 10000 for name in ["scalars", "histograms", "images", "text", "pr_curves"]}
)
multiplexer.AddRunsFromDirectory(folder)
multiplexer.Reload()


def value_of(plugin, tensor):
    array = tensor_util.make_ndarray(tensor)
    if plugin == "images":
        size = [int(array[0]), int(array[1])]
        return {"size": size, "pngs": [bytes(png).hex() for png in array[2:]]}
    if plugin == "text":
        return array.item().decode()
    return array.astype(float).tolist()


tags = {}
for run in multiplexer.Runs():
    for tag in multiplexer.Runs()[run]["tensors"]:
        plugin = multiplexer.SummaryMetadata(run, tag).plugin_data.plugin_name
        if plugin != "hparams":
            events = multiplexer.Tensors(run, tag)
            tags[f"{run}|{tag}"] = {
                "plugin": plugin,
                "steps": [event.step for event in events],
                "times": [event.wall_time for event in events],
                "values": [value_of(plugin, event.tensor_proto) for event in events],
            }

provider = data_provider.MultiplexerDataProvider(multiplexer, folder)
hparams = backend_context.Context(base_plugin.TBContext(multiplexer=multiplexer, data_provider=provider, logdir=folder))
experiment = get_experiment.Handler(
    context.RequestContext(), hparams, "", api_pb2.GetExperimentRequest(experiment_name="")
).run()
request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100)
request.allowed_statuses.extend([0, 1, 2, 3])
for metric in experiment.metric_infos:
    request.col_params.add(metric=metric.name)
groups = list_session_groups.Handler(context.RequestContext(), hparams, "", request).run()


def plain(value):
    return getattr(value, value.WhichOneof("kind"))


print(
    json.dumps(
        {
            "tags": tags,
            "experiment": {
                "hparams": [info.name for info in experiment.hparam_infos],
                "metrics": [f"{info.name.group}|{info.name.tag}" for info in experiment.metric_infos],
            },
            "groups": [
                {
                    "name": group.name,
                    "hparams": {key: plain(value) for key, value in group.hparams.items()},
                    "metrics": {f"{m.name.group}|{m.name.tag}": m.value for m in group.metric_values},
                    "sessions": [
                        {"name": session.name, "status": session.status, "start": session.start_time_secs}
                        for session in group.sessions
                    ],
                }
                for group in groups.session_groups
            ],
        }
    )
)
