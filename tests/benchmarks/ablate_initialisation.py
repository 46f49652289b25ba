"""Which hand-set parts of the starting weights earn their place: the first steps of pretraining without each of them.

    python tests/benchmarks/ablate_initialisation.py [--steps 300] [--seed 0] [PART+PART ...]

One line per run: teacher-forced accuracy on first tokens of values over the last 100 steps, on data never seen
before. "nothing" leaves all parts in, "everything" starts from random weights. Runs of equal seed see equal data.
A run of 300 steps takes about 150 seconds of CPU.
"""

import argparse
import sys
import time
from statistics import mean

import torch

from tests.embedded_model.initialisation import Part
from tests.embedded_model.tokenizer import train_tokenizer
from tests.embedded_model.train import Progress, Recipe, new_network, pretrain

KINDS = ("gap", "list", "records_2", "records_3", "rest")
WHOLE_RUN = 5600  # steps; only the schedule of the rates depends on it


def removed(name: str) -> set[Part]:
    if name == "everything":
        return set(Part)
    return set() if name == "nothing" else {Part(part) for part in name.split("+")}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("without", nargs="*", default=["nothing", *Part, "everything"])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    tokenizer = train_tokenizer(1)
    print("without seed", *KINDS, "mean cpu_seconds")
    for name in arguments.without:
        recipe = Recipe(steps=WHOLE_RUN, seed=arguments.seed)
        network = new_network(recipe, tokenizer, removed(name))
        reports: list[Progress] = []
        started = time.process_time()
        pretrain(network, tokenizer, recipe, report=reports.append, stop=arguments.steps)
        shares = [mean(report.accuracy.get(kind, 0.0) for report in reports[-2:]) for kind in KINDS]
        figures = [f"{share:.3f}" for share in (*shares, mean(shares))]
        print(name, arguments.seed, *figures, round(time.process_time() - started), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
