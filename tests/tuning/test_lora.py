"""What LoRA training learns, and on what."""

import msgspec
import pytest
import torch
import transformers

from evalkit.errors import InputError, TuningError
from evalkit.models.build import adapter_model, build_model
from evalkit.models.embedded.model import weights_folder
from evalkit.models.engine.chat import Chat
from evalkit.models.engine.quiet import quiet_transformers
from evalkit.models.engine.stop import StopRule
from evalkit.models.engine.weights import load_weights
from evalkit.records.sample import Request
from evalkit.suite.models import EmbeddedModelConfig, TunedModelConfig
from evalkit.tuning.rows import make_batch, tokenize
from evalkit.tuning.schedule import steps_of
from evalkit.tuning.trained_parameters import all_weights
from evalkit.tuning.training import Training
from evalkit.tuning.tuners import LoraTuner


def test_loss_is_the_mean_over_answer_tokens_only(spec, rows, tiny_base):
    """By hand: each row alone through the plain model, minus the log probability of each answer token."""
    weights = load_weights(tiny_base)
    chat = Chat(weights.tokenizer)
    tokens = tokenize(rows, chat, 64, StopRule(weights.tokenizer, ["\n"], weights.end_ids))
    expected = []
    for row in tokens:
        with torch.no_grad():
            scores = weights.model(torch.tensor([[*row.prompt, *row.answer]])).logits[0].log_softmax(-1)
        expected += [
            -float(scores[len(row.prompt) + index - 1, token]) for index, token in enumerate(row.answer)
        ]
    assert chat._tokenizer.decode(tokens[0].answer) == " Cause: worn belt.\n"
    trained = all_weights(load_weights(tiny_base).model)
    training = Training(spec(method="full", dtype="float32"), trained, tokens, tokens, steps=1)
    with torch.no_grad():
        loss = float(training.loss(make_batch(tokens, torch.device("cpu"))))
    assert loss == pytest.approx(sum(expected) / len(expected), rel=1e-5)
    assert training.validate() == pytest.approx(loss, rel=1e-5)


def test_a_training_begins_at_the_loss_of_plain_transformers_and_parts_of_a_step_change_nothing(spec, rows):
    """On the packaged weights: tokens by the tokenizer's own template, loss by the model's own labels, and a step of
    eight rows at once and as four batches of two."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights_folder())
    model = transformers.AutoModelForCausalLM.from_pretrained(weights_folder(), dtype=torch.float32)
    total, count = 0.0, 0
    for row in rows:
        turns = [{"role": turn.role, "content": turn.content} for turn in row.messages]
        before = tokenizer.apply_chat_template(turns[:-1], tokenize=False, add_generation_prompt=True)
        whole = (
            before + tokenizer.apply_chat_template(turns, tokenize=False)[len(before) :].split("\n")[0] + "\n"
        )
        prompt, ids = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (before, whole))
        labels = torch.tensor([[-100] * len(prompt) + ids[len(prompt) :]])
        with torch.no_grad():
            mean = float(model(input_ids=torch.tensor([ids]), labels=labels).loss)
        total, count = total + mean * (len(ids) - len(prompt)), count + len(ids) - len(prompt)
    settings = {
        "base_folder": weights_folder(),
        "epochs": 1e-6,
        "min_steps": 4,
        "validation": (),
        "dtype": "float32",
    }
    losses = {
        (size, batches): [
            point.train
            for point in LoraTuner()
            .tune(spec(name=f"of-{size}", batch_size=size, gradient_accumulation_steps=batches, **settings))
            .losses
        ]
        for size, batches in ((8, 1), (2, 4))
    }
    assert losses[8, 1][0] == pytest.approx(total / count, rel=1e-3)
    assert losses[8, 1][2] < losses[8, 1][0]
    assert losses[2, 4] == pytest.approx(losses[8, 1], rel=1e-4)


def test_the_quick_layer_equals_pefts(tiny_base):
    """Outputs and the gradients of both factors, in float32."""
    import peft

    from evalkit.tuning.low_rank import patch_lora_forward

    found = []
    for quick in (False, True):
        torch.manual_seed(0)
        base = load_weights(tiny_base).model
        with quiet_transformers():
            model = peft.get_peft_model(
                base,
                peft.LoraConfig(r=4, lora_alpha=12, target_modules="all-linear", init_lora_weights=False),
            )
        if quick:
            patch_lora_forward(model)
            assert sum("_forward" in repr(vars(module).get("forward")) for module in model.modules()) == 14
        logits = model(torch.arange(24).view(2, 12)).logits
        logits.square().mean().backward()
        gradients = {
            name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None
        }
        found.append((logits.detach(), gradients))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-6, rtol=1e-4)
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=1e-7, rtol=1e-3)


def test_eight_rows_are_learned_by_heart(tmp_path, spec, rows):
    """On the packaged weights: after 60 steps every training question gets its answer, as it did not before."""
    run = LoraTuner().tune(spec(base_folder=weights_folder(), batch_size=8, epochs=60))
    assert (run.steps, run.rows, run.validation_rows) == (60, 8, 2)
    assert run.final_train_loss < 0.05
    base = EmbeddedModelConfig(type="embedded", max_tokens=16)
    requests = [Request(messages=row.messages[:-1], seed=0) for row in rows]
    expected = [row.messages[-1].content for row in rows]
    tuned = build_model(adapter_model(base, tmp_path / "adapter"), folder=tmp_path)
    assert [completion.output for completion in tuned.complete_batch(requests)] == expected
    untuned = build_model(base, folder=tmp_path).complete_batch(requests)
    assert all(completion.output != answer for completion, answer in zip(untuned, expected, strict=True))


def test_what_training_took_is_written_down(tmp_path, spec, rows):
    """Tokens are those of the rows seen, padding excluded; losses end with the last step."""
    run = LoraTuner().tune(spec(epochs=20))
    tokenizer = transformers.AutoTokenizer.from_pretrained(weights_folder())
    one_pass = sum(
        row.tokens for row in tokenize(rows, Chat(tokenizer), 512, StopRule(tokenizer, ["\n"], frozenset()))
    )
    assert run.steps == 40 and run.tokens == 20 * one_pass
    assert run.trainable_parameters == 2 * 16 * ((32 + 32) * 2 + (32 + 16) * 2 + (32 + 48) * 3)
    assert run.total_parameters > run.trainable_parameters
    assert run.seconds > 0 and run.peak_memory_bytes > 50_000_000
    assert run.losses[-1].step == 40 and run.losses[-1].train == run.final_train_loss
    assert sum(point.validation is not None for point in run.losses) == 10
    assert run.final_validation_loss is not None
    assert run.losses[0].train > run.final_train_loss
    assert run.adapter == "adapter" and not run.cached and run.attempts == 1
    assert run.trained == "low-rank matrices of rank 16 on 14 layers"
    assert (run.planned_steps, run.kept_step, run.stopped_early) == (40, 40, False)
    assert run.best_validation_loss == min(point.validation for point in run.losses if point.validation)


def test_a_seed_gives_the_same_bytes_again(tmp_path, spec):
    """One seed twice is one adapter; another seed is another."""
    weights = {}
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        LoraTuner().tune(spec(name=name, seed=seed))
        weights[name] = (tmp_path / name / "adapter_model.safetensors").read_bytes()
    assert weights["one"] == weights["again"] != weights["other"]


def test_files_can_be_read_by_others(tmp_path, spec):
    """safetensors writes with mode 0600."""
    LoraTuner().tune(spec())
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "adapter").iterdir()} == {0o644}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target_modules": ["no_such_layer"]}, InputError, "no adapter fits target_modules"),
        ({"learning_rate": 1e30}, TuningError, "lower learning_rate"),
        ({"rows": []}, TuningError, "no row to train on"),
    ],
    ids=["modules", "rate", "rows"],
)
def test_a_training_that_cannot_end_well_says_why(spec, change, error, message):
    with pytest.raises(error, match=message):
        LoraTuner().tune(spec(**change))


def test_steps_are_in_proportion_to_rows_and_never_too_few():
    """512 rows x 37 epochs / 32 a batch; small fractions get the fewest steps that the suite allows."""
    config = TunedModelConfig(type="tuned", base="base", train="train.jsonl", epochs=37, min_steps=100)
    assert [steps_of(rows, config) for rows in (512, 128, 64, 4)] == [592, 148, 100, 100]


def test_an_order_survives_its_journey(spec):
    """What the worker process reads is what was sent."""
    from evalkit.records.record import from_json, to_json
    from evalkit.tuning.train_requests import TrainRequest

    sent = spec(device="auto", target_modules=["q_proj"])
    received = from_json(to_json(TrainRequest.of(sent)), TrainRequest).spec()
    assert msgspec.to_builtins(TrainRequest.of(received)) == msgspec.to_builtins(TrainRequest.of(sent))
    assert received.config == sent.config
