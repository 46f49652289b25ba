"""Entry point: `python -m tests.embedded_model --out FOLDER`."""

import argparse
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer

from tests.embedded_model.network import Network, to_transformers
from tests.embedded_model.tokenizer import save_tokenizer, train_tokenizer
from tests.embedded_model.train import Progress, Recipe, new_network, pretrain
from tests.embedded_model.windows import BOS_ID, EOS_ID, PAD_ID

RECIPE = Recipe(steps=5600)
TOKENIZER_SEED = 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.embedded_model", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model; made if absent")
    parser.add_argument("--stop", type=int, help="end before this step, for a trial of the first minutes")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)
    transformers.logging.set_verbosity_error()
    tokenizer = train_tokenizer(TOKENIZER_SEED)
    network = new_network(RECIPE, tokenizer)
    say(f"{sum(weight.numel() for weight in network.parameters())} parameters")

    def report(progress: Progress) -> None:
        say(progress.line())

    def checkpoint(step: int, current: Network) -> None:
        weights = {name: weight.detach().contiguous() for name, weight in current.weights().items()}
        save_file(weights, out / f"trainer-{step}.safetensors")
        save(current, tokenizer, out)

    pretrain(network, tokenizer, RECIPE, report=report, checkpoint=checkpoint, stop=arguments.stop)
    return 0


def say(line: str) -> None:
    """Write a line of the log at once, so that the first minutes can be watched."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def save(network: Network, tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder that transformers can load: weights in float16, tokenizer, generation settings."""
    to_transformers(network).half().save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    newline = tokenizer.encode("\n", add_special_tokens=False).ids[0]
    settings = {
        "bos_token_id": BOS_ID,
        "eos_token_id": [EOS_ID, newline],
        "pad_token_id": PAD_ID,
        "do_sample": False,
        "max_new_tokens": 48,
        "transformers_version": transformers.__version__,
    }
    (folder / "generation_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    for path in folder.iterdir():
        # safetensors files are written for the owner alone; a wheel would keep that.
        path.chmod(0o644)


if __name__ == "__main__":
    raise SystemExit(main())
