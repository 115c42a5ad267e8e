#!/usr/bin/env python3
"""Small files in both forms of torch.save, written by Python's own pickle with stand-ins for PyTorch's names.

    python make_torch_files.py

writes legacy.pth, zip.pth (the same tensors) and hostile/*.pth beside this script. Standard library only.
"""

import collections
import io
import pathlib
import pickle
import struct
import sys
import types
import zipfile

HERE = pathlib.Path(__file__).parent

torch = types.ModuleType("torch")
torch._utils = types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": torch._utils})


def name_in(module, name, value):
    value.__module__, value.__qualname__, value.__name__ = module.__name__, name, name
    setattr(module, name, value)
    return value


rebuild_tensor = name_in(torch._utils, "_rebuild_tensor_v2", lambda *args: None)
rebuild_parameter = name_in(torch._utils, "_rebuild_parameter", lambda *args: None)
STORAGES = {
    kind: name_in(torch, f"{kind}Storage", type(f"{kind}Storage", (), {}))
    for kind in ("Float", "Half", "BFloat16", "Long", "Bool", "Double")
}


class Storage:
    def __init__(self, kind, key, count, data):
        self.kind, self.key, self.count, self.data = kind, key, count, data


class Tensor:
    def __init__(self, storage, offset, size, stride):
        self.args = (storage, offset, size, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild_tensor, self.args


class Parameter:
    def __init__(self, tensor):
        self.args = (tensor, True, collections.OrderedDict())

    def __reduce__(self):
        return rebuild_parameter, self.args


def tensors():
    floats = Storage("Float", "f", 12, struct.pack("<12f", *range(12)))
    halves = Storage("Half", "h", 3, struct.pack("<3e", 1.5, -2.0, 65504.0))
    brains = Storage("BFloat16", "b", 2, struct.pack("<2H", 0x3FC0, 0xC000))
    doubles = Storage("Double", "d", 2, struct.pack("<2d", 0.1, -1e10))
    longs = Storage("Long", "l", 1, struct.pack("<q", -7))
    bools = Storage("Bool", "o", 2, b"\x01\x00")
    state = collections.OrderedDict()
    state["whole"] = Tensor(floats, 0, (3, 4), (4, 1))
    state["transposed"] = Tensor(floats, 0, (4, 3), (1, 4))
    state["column"] = Parameter(Tensor(floats, 2, (3,), (4,)))
    state["corner"] = Tensor(floats, 5, (2, 1, 2), (4, 99, 1))
    state["half"] = Tensor(halves, 0, (3,), (1,))
    state["bfloat"] = Tensor(brains, 0, (2,), (1,))
    state["double"] = Tensor(doubles, 0, (2,), (1,))
    state["bn.num_batches_tracked"] = Tensor(longs, 0, (), ())
    state["flags"] = Tensor(bools, 0, (2,), (1,))
    state["empty"] = Tensor(floats, 0, (0, 4), (4, 1))
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    return state, [floats, halves, brains, doubles, longs, bools]


def pickled(value, legacy):
    out = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, Storage):
                return None
            head = ("storage", STORAGES[item.kind], item.key, "cpu", item.count)
            return head + (None,) if legacy else head

    Pickler(out, 2).dump(value)
    return out.getvalue()


def legacy_file(value, storages):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    out = b"".join(pickle.dumps(head, 2) for head in (0x1950A86A20F9469CFC6C, 1001, system))
    out += pickled(value, legacy=True) + pickle.dumps(sorted(s.key for s in storages), 2)
    for storage in sorted(storages, key=lambda s: s.key):
        out += struct.pack("<q", storage.count) + storage.data
    return out


def zip_file(pickle_bytes, storages):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        files = [("data.pkl", pickle_bytes), ("byteorder", b"little"), ("version", b"3\n")]
        files += [(f"data/{storage.key}", storage.data) for storage in storages]
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(f"archive/{name}", (1980, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


class Call:
    """Unpickling calls `function(*args)`."""

    def __init__(self, function, *args):
        self.reduced = (function, args)

    def __reduce__(self):
        return self.reduced


def hostile():
    import os
    import subprocess

    yield "posix-system", Call(os.system, "touch /tmp/graft-was-here")
    yield "builtins-eval", Call(eval, "__import__('os').system('true')")
    yield "subprocess-popen", Call(subprocess.Popen, ["true"])
    yield "getattr", Call(getattr, "", "join")
    state, _ = tensors()
    state["hidden"] = Call(exec, "pass")
    yield "hidden-among-tensors", state


def main():
    state, storages = tensors()
    (HERE / "legacy.pth").write_bytes(legacy_file(state, storages))
    (HERE / "zip.pth").write_bytes(zip_file(pickled({"epoch": 3, "state_dict": state}, legacy=False), storages))
    (HERE / "hostile").mkdir(exist_ok=True)
    for name, value in hostile():
        (HERE / "hostile" / f"{name}.pth").write_bytes(zip_file(pickled(value, legacy=False), storages))


main()
