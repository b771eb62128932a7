"""Folders as the published models have them, with tiny random weights: CLIP, SigLIP, and GeoCLIP's three files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DIM, PLACE_DIM = 16, 8


def clip_folder(folder: Path, seed: int = 0) -> Path:
    """A whole CLIP: both towers, tokenizer, processor, scale."""
    torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
    package = pytest.importorskip("transformers", reason="transformers comes with the extra towers")
    from whence.encode.hub import drawn_from
    from whence.encode.sentences import byte_tokenizer

    tokenizer = byte_tokenizer(77)
    config = package.CLIPConfig(
        text_config={
            **_sizes(),
            "vocab_size": len(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={**_sizes(), "image_size": 32, "patch_size": 8},
        projection_dim=DIM,
    )
    with drawn_from(torch.Generator().manual_seed(seed)):
        package.CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return _with_processor(folder, {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}})


def siglip_folder(folder: Path, seed: int = 0) -> Path:
    """A whole SigLIP."""
    torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
    package = pytest.importorskip("transformers", reason="transformers comes with the extra towers")
    from whence.encode.hub import drawn_from
    from whence.encode.sentences import byte_tokenizer

    tokenizer = byte_tokenizer(64)
    config = package.SiglipConfig(
        text_config={
            **_sizes(),
            "vocab_size": len(tokenizer),
            "projection_size": 32,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={**_sizes(), "image_size": 32, "patch_size": 8},
    )
    with drawn_from(torch.Generator().manual_seed(seed)):
        package.SiglipModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return _with_processor(folder, {"size": {"height": 32, "width": 32}, "do_center_crop": False})


def geoclip_folder(folder: Path, inputs: int = DIM) -> Path:
    """GeoCLIP's projection, location encoder and scale, by their published names."""
    torch = pytest.importorskip("torch", reason="PyTorch comes with the extra train")
    from whence.encode.location.geoclip import GeoClip
    from whence.encode.location.layers import perceptron

    folder.mkdir(parents=True)
    head = perceptron((inputs, 12, PLACE_DIM), torch.Generator().manual_seed(1))
    torch.save(head.state_dict(), folder / "image_encoder_mlp_weights.pth")
    torch.save(GeoClip.tiny(seed=2).state_dict(), folder / "location_encoder_weights.pth")
    torch.save(torch.tensor(3.6810), folder / "logit_scale_weights.pth")
    return folder


def _sizes() -> dict[str, int]:
    return {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def _with_processor(folder: Path, values: dict[str, object]) -> Path:
    (folder / "preprocessor_config.json").write_text(json.dumps({**values, "do_resize": True, "resample": 3}))
    return folder
