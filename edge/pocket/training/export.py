"""Writes a checkpoint as a GGUF file for llama.cpp, matrices as Q8_0.

Usage: python export.py CHECKPOINT OUT.gguf
"""

import sys
from pathlib import Path

import gguf
import numpy as np
import torch

from make_tokenizer import HERE
from tokenizer import CONTROL, FIXED, Tokenizer

NAME = "agentos-pocket"


def main(checkpoint: str, out: str) -> None:
    state = torch.load(checkpoint)
    shape, weights = state["shape"], state["model"]
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name(NAME)
    writer.add_description("A demonstration: drives FileOpsAgent's tools, in English, and nothing else")
    writer.add_license("MIT OR Apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["width"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["feed_forward"])
    writer.add_head_count(shape["heads"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape["width"] // shape["heads"])
    writer.add_vocab_size(shape["vocabulary"])
    add_tokenizer(writer, Tokenizer.load(HERE / "merges.json"))

    def matrix(name: str, value: torch.Tensor) -> None:
        values = np.ascontiguousarray(value.float().numpy())
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def vector(name: str, value: torch.Tensor) -> None:
        writer.add_tensor(name, np.ascontiguousarray(value.float().numpy()))

    def paired(rows: torch.Tensor) -> torch.Tensor:
        """The halves of each head, interleaved."""
        halves = rows.view(shape["heads"], 2, -1, shape["width"])
        return halves.transpose(1, 2).reshape(shape["width"], shape["width"])

    matrix("token_embd.weight", weights["embedding.weight"])
    vector("output_norm.weight", weights["norm"])
    for layer in range(shape["layers"]):
        part = {name.removeprefix(f"layers.{layer}."): value for name, value in weights.items()
                if name.startswith(f"layers.{layer}.")}
        to = f"blk.{layer}."
        vector(to + "attn_norm.weight", part["attn_norm"])
        vector(to + "ffn_norm.weight", part["ffn_norm"])
        for name, value in zip("qkv", part["qkv.weight"].chunk(3)):
            matrix(f"{to}attn_{name}.weight", value if name == "v" else paired(value))
        matrix(to + "attn_output.weight", part["attn_output.weight"])
        for name, value in zip(("gate", "up"), part["gate_up.weight"].chunk(2)):
            matrix(f"{to}ffn_{name}.weight", value)
        matrix(to + "ffn_down.weight", part["ffn_down.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{out}: {Path(out).stat().st_size} bytes, {state['seen']} tokens seen")


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    kinds = gguf.TokenType
    types = [kinds.NORMAL] * (256 + len(tokenizer.merges))
    types += [kinds.CONTROL] * len(CONTROL) + [kinds.USER_DEFINED] * len(FIXED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types([int(kind) for kind in types])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.ids["<|endoftext|>"])
    writer.add_eos_token_id(tokenizer.end_of_turn)
    writer.add_add_bos_token(False)
    writer.add_chat_template((HERE / "template.jinja").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
