"""Which peers this interpreter can import: {name: {version, why}}."""

import importlib

from common import answer


def look(name, *modules):
    try:
        found = [f"{module} {importlib.import_module(module).__version__}" for module in modules]
        return {"version": ", ".join(found), "why": ""}
    except Exception as error:  # Whatever an import may throw: the peer is not there.
        return {"version": None, "why": f"can't be imported: {str(error).strip().splitlines()[0][:160]}"}


answer(keras=look("keras", "keras", "tensorflow"), torch=look("torch", "torch"))
