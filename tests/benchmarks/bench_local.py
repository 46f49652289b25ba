"""Cases per second of the local engine against ``model.generate`` of transformers, in one run on one set.

The set is what a few-shot arm sends: eight demonstrations, then a question. Both sides get the same rendered
prompts, batches, greedy decoding and stop at the newline, and must give the same answers. The sides take turns, so
that what else the machine does hits both; the median of the rounds counts.

    python tests/benchmarks/bench_local.py [--cases 64] [--rounds 3] [--threads 1] [--model MODEL]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

from evalkit.optional import silence_telemetry

silence_telemetry()  # how torch's threads wait is settled when torch is imported

# ruff: noqa: E402
import torch
from local_model import MODEL_HELP, folder_of_model

from evalkit.models.engine.engine import Engine, Settings
from evalkit.models.engine.weights import Weights, load_weights
from evalkit.records.case import Message
from evalkit.records.sample import Request

MAX_TOKENS = 24
PARTS = ("belt", "lens", "cable", "fan", "valve", "sensor", "nozzle", "drum")


def requests(cases: int, shots: int) -> list[Request]:
    turns = [Message(role="system", content="Answer in the house format.")]
    for index in range(shots):
        turns.append(
            Message(role="user", content=f"Question: What does error E{10 + index} on the router mean?")
        )
        part, other = PARTS[index % 8], PARTS[(index + 3) % 8]
        turns.append(Message(role="assistant", content=f"Cause: worn {part}. Fix: replace the {other}."))
    endings = ("", " Please advise.", " It is urgent, the customer is waiting.")
    return [
        Request(
            messages=(
                *turns,
                Message(
                    role="user",
                    content=f"Question: The printer shows F{20 + index % 70}.{endings[index % 3]}",
                ),
            ),
            seed=0,
        )
        for index in range(cases)
    ]


def plain_generate(weights: Weights, asked: list[Request], batch: int) -> list[str]:
    """What one would write with transformers alone."""
    tokenizer, model = weights.tokenizer, weights.model
    tokenizer.padding_side = "left"
    answers = []
    for start in range(0, len(asked), batch):
        texts = [
            tokenizer.apply_chat_template(
                [{"role": turn.role, "content": turn.content} for turn in request.messages],
                tokenize=False,
                add_generation_prompt=True,
            )
            for request in asked[start : start + batch]
        ]
        encoded = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            out = model.generate(
                input_ids=encoded["input_ids"],
                attention_mask=encoded["attention_mask"],
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
                eos_token_id=sorted(weights.end_ids),
                pad_token_id=tokenizer.pad_token_id or 0,
            )
        new = out[:, encoded["input_ids"].shape[1] :]
        answers += [
            text.split("\n")[0].strip() for text in tokenizer.batch_decode(new, skip_special_tokens=True)
        ]
    return answers


def engine_answers(engine: Engine, asked: list[Request], batch: int) -> list[str]:
    return [
        completion.output
        for start in range(0, len(asked), batch)
        for completion in engine.complete(asked[start : start + batch])
    ]


def seconds(work: Callable[[], list[str]]) -> tuple[float, list[str]]:
    started = time.perf_counter()
    answers = work()
    return time.perf_counter() - started, answers


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=64)
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--model", help=MODEL_HELP)
    arguments = parser.parse_args()
    model = folder_of_model(arguments.model)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    plain = load_weights(model)
    engine = Engine(load_weights(model), Settings(MAX_TOKENS, ("\n",), 0.0))
    same = True
    for batch in (1, 32):
        asked = requests(arguments.cases if batch > 1 else max(8, arguments.cases // 4), arguments.shots)
        sides = {
            "engine": lambda asked=asked, batch=batch: engine_answers(engine, asked, batch),
            "generate": lambda asked=asked, batch=batch: plain_generate(plain, asked, batch),
        }
        taken: dict[str, list[float]] = {side: [] for side in sides}
        answers: dict[str, list[str]] = {}
        for work in sides.values():
            work()
        for _ in range(arguments.rounds):
            for side, work in sides.items():
                took, answers[side] = seconds(work)
                taken[side].append(took)
        equal = sum(a == b for a, b in zip(answers["engine"], answers["generate"], strict=True))
        same &= equal == len(asked)
        rates = {side: len(asked) / statistics.median(times) for side, times in taken.items()}
        figures = {
            "batch": batch,
            "cases": len(asked),
            "shots": arguments.shots,
            "threads": torch.get_num_threads(),
            "cases_per_s": {side: round(rate, 1) for side, rate in rates.items()},
            "ratio": round(rates["engine"] / rates["generate"], 2),
            "equal_answers": f"{equal}/{len(asked)}",
        }
        print(json.dumps(figures), flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
