"""Golden values for core/search: python make_golden.py (numpy, scipy 1.17, optuna 5.0; some minutes).

sobol.json    the first points of SciPy's unscrambled Sobol sequence, as 30-bit integers
optuna.json   what Optuna reaches on standard functions: the best value of each of 20 seeds, and their median
../../../core/search/sobol-directions.ts   the direction numbers of Joe and Kuo that SciPy ships
"""

import json
import math
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import optuna
import scipy.stats._sobol as sobol
from scipy.stats import qmc

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = range(20)
EPOCHS = 27
optuna.logging.set_verbosity(optuna.logging.ERROR)


def directions():
    table = np.load(os.path.join(os.path.dirname(sobol.__file__), "_sobol_direction_numbers.npz"))
    lines = []
    for dim in range(1, 64):
        poly = int(table["poly"][dim])
        degree = poly.bit_length() - 1
        lines.append("  [" + ", ".join(map(str, [poly, *map(int, table["vinit"][dim][:degree])])) + "],")
    text = [
        "/**",
        " * For dimensions 2 to 64 a primitive polynomial (its coefficients as bits) and the first direction integers: Joe and Kuo",
        " * 2008, new-joe-kuo-6.21201, as SciPy ships them. Written by test/golden/search/make_golden.py.",
        " */",
        "export const SOBOL_DIRECTIONS: readonly (readonly number[])[] = [",
        *lines,
        "];",
        "",
    ]
    with open(os.path.join(HERE, "../../../core/search/sobol-directions.ts"), "w") as file:
        file.write("\n".join(text))


def sobol_points():
    points = qmc.Sobol(64, scramble=False, bits=30).random(64)
    return [[int(round(x * 2**30)) for x in point] for point in points]


def branin(v):
    x, y = v["x"], v["y"]
    return (y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]


def hartmann6(v):
    x = [v[f"x{i}"] for i in range(6)]
    alpha = [1, 1.2, 3, 3.2]
    return -sum(alpha[i] * math.exp(-sum(A[i][j] * (x[j] - P[i][j]) ** 2 for j in range(6))) for i in range(4))


def rosenbrock(v):
    """Of two numbers, with a choice that adds a cost and moves the valley; the minimum is 1."""
    cost, shift = {"plain": (1, 0), "shifted": (2, 0.5), "bent": (4, -0.5)}[v["kind"]]
    x, y = v["x"] - shift, v["y"]
    return cost + (1 - x) ** 2 + 100 * (y - x**2) ** 2


def floats(low, high, *names):
    return {name: ("float", low, high) for name in names}


FUNCTIONS = {
    "branin": (branin, {"x": ("float", -5, 10), "y": ("float", 0, 15)}),
    "hartmann6": (hartmann6, floats(0, 1, *[f"x{i}" for i in range(6)])),
    "rosenbrock": (rosenbrock, {**floats(-2, 2, "x", "y"), "kind": ("choice", ["plain", "shifted", "bent"])}),
}


def suggest(trial, space):
    return {
        name: trial.suggest_float(name, d[1], d[2]) if d[0] == "float" else trial.suggest_categorical(name, d[1])
        for name, d in space.items()
    }


def curve(f, v, epoch):
    """A training curve that ends at f: what is left falls with the epochs, at a height of its own for each point."""
    first = next(x for x in v.values() if isinstance(x, float))
    height = 0.5 + math.sin(13 * first) ** 2
    return f(v) + height * (1 - epoch / EPOCHS) ** 2


def plain(args):
    name, kind, seed, trials = args
    f, space = FUNCTIONS[name]
    sampler = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, group=True),
        "sobol": lambda: optuna.samplers.QMCSampler(seed=seed, scramble=True),
    }[kind]()
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: f(suggest(trial, space)), n_trials=trials)
    return study.best_value


def halved(args):
    """Trials until the budget of epochs is spent; the best value of those that were trained to the end."""
    name, kind, seed, budget = args
    f, space = FUNCTIONS[name]
    pruner = {
        "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3),
    }[kind]()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed), pruner=pruner, study_name=f"{name}-{seed}")
    spent = 0
    while spent < budget:
        trial = study.ask()
        values = suggest(trial, space)
        pruned = False
        for epoch in range(1, EPOCHS + 1):
            spent += 1
            trial.report(curve(f, values, epoch), epoch)
            if epoch < EPOCHS and trial.should_prune():
                pruned = True
                break
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, curve(f, values, EPOCHS))
    return study.best_value


def main():
    directions()
    with open(os.path.join(HERE, "sobol.json"), "w") as file:
        json.dump(sobol_points(), file, separators=(",", ":"))
        file.write("\n")
    cases = []
    with ProcessPoolExecutor(2) as pool:
        for name in FUNCTIONS:
            for kind, budget in [("sobol", 1024), ("tpe", 120)]:
                best = list(pool.map(plain, [(name, kind, seed, budget) for seed in SEEDS]))
                cases.append({"function": name, "kind": kind, "trials": budget, "median": statistics.median(best), "best": best})
                print(cases[-1]["function"], kind, cases[-1]["median"], file=sys.stderr)
            for kind in ["asha", "hyperband"]:
                budget = 40 * EPOCHS
                best = list(pool.map(halved, [(name, kind, seed, budget) for seed in SEEDS]))
                cases.append({"function": name, "kind": kind, "epochs": budget, "median": statistics.median(best), "best": best})
                print(cases[-1]["function"], kind, cases[-1]["median"], file=sys.stderr)
    with open(os.path.join(HERE, "optuna.json"), "w") as file:
        json.dump({"optuna": optuna.__version__, "maxEpochs": EPOCHS, "cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
