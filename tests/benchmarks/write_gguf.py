"""The embedded model as a GGUF file, for llama.cpp: run by the interpreter of the llama.cpp environment.

    python write_gguf.py MODEL_FOLDER FILE.gguf

llama.cpp's own converter knows tokenizers by a digest and this one is not among them. Its byte-pair pieces and merges
are taken as they are; words are split as Llama 3's are, which is the same for the English that this model reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

_TENSORS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}

_FILE_TYPES = {
    gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
    gguf.GGMLQuantizationType.Q4_1: gguf.LlamaFileType.MOSTLY_Q4_1,
}


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection in the order of llama.cpp, which rotates neighbours, not halves."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write(
    folder: Path,
    file: Path,
    *,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    architecture: str = "llama",
    template: bool = True,
    words: str = "llama-bpe",
) -> None:
    """Write the model with its tokenizer and chat template.

    Args:
        folder: As transformers writes it.
        file: Written.
        kind: How matrices are stored whose rows are whole blocks of it; all else is float32.
        architecture: What the file says that it holds.
        template: Whether the chat template is written.
        words: llama.cpp's name of the way in which a text is cut into words.
    """
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    heads = config["num_attention_heads"]
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_name("embedded")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(_FILE_TYPES[kind])
    pieces = {number: piece for piece, number in tokenizer["model"]["vocab"].items()}
    special = {added["id"]: added["content"] for added in tokenizer["added_tokens"]}
    numbers = range(config["vocab_size"])
    tokens = [special.get(number) or pieces.get(number) or f"<unused{number}>" for number in numbers]
    kinds = [
        gguf.TokenType.CONTROL if number in special
        else gguf.TokenType.NORMAL if number in pieces
        else gguf.TokenType.UNUSED
        for number in numbers
    ]  # fmt: skip
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template((folder / "chat_template.jinja").read_text())
    for name, tensor in load_file(folder / "model.safetensors").items():
        weight = tensor.astype(np.float32)
        name = name.removeprefix("model.").removesuffix(".weight")
        if name in ("embed_tokens", "norm", "lm_head"):
            named = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[name]
        else:
            _, layer, part = name.split(".", 2)
            if part in ("self_attn.q_proj", "self_attn.k_proj"):
                weight = interleaved(weight, heads)
            named = f"blk.{layer}.{_TENSORS[part]}"
        if weight.ndim > 1 and weight.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0:
            writer.add_tensor(f"{named}.weight", gguf.quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(f"{named}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
