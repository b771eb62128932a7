"""Models that others published and ``whence models get`` makes bundles of: origin, licence, hashes. Facts only.

Hashes are those that the hub states for its large files, and those in the ``RECORD`` of the package geoclip 1.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from whence.core.errors import unknown_name

TOWER_FILES = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
)
"""What a picture tower is loaded from, as far as it is there."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
)
"""What a tokenizer is loaded from, as far as it is there."""

_CLIP = "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021, arXiv:2103.00020"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where files come from.

    Attributes:
        title: what they are.
        address: where they can be had by hand.
        size: of what is fetched, in words.
        files: names or patterns of the files that are read.
        sha256: published hash by name, for those that are known.
        hub: repository of the hub, empty if they do not lie there.
        revision: commit of the repository.
    """

    title: str
    address: str
    size: str
    files: tuple[str, ...]
    sha256: Mapping[str, str]
    hub: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """One model that can be made a bundle.

    Attributes:
        name: of the bundle.
        kind: of the bundle: ``alignment`` or ``prompts``.
        title: what it is, one line.
        paper: whose idea it is.
        licence: of the weights.
        notice: what the licence asks of the user, one or two sentences.
        training_data: what it was trained on.
        known_overlap: what is known of pictures that training data and benchmarks share.
        tower: the towers' files.
        weights: further files, ``None`` if there are none.
        family: which towers of `whence.encode`: ``clip`` or ``siglip``.
        template: prompt of a place, ``{place}`` in it; empty without prompts.
        lower: whether the texts must be lower case without punctuation.
    """

    name: str
    kind: str
    title: str
    paper: str
    licence: str
    notice: str
    training_data: str
    known_overlap: str
    tower: Origin
    weights: Origin | None = None
    family: str = "clip"
    template: str = ""
    lower: bool = False


def _hub(repository: str, revision: str, size: str, files: tuple[str, ...], sha256: Mapping[str, str]) -> Origin:
    return Origin(
        title=f"the model {repository} of the hub",
        address=f"https://huggingface.co/{repository}/tree/{revision}",
        size=size,
        files=files,
        sha256=MappingProxyType(dict(sha256)),
        hub=repository,
        revision=revision,
    )


_GEOCLIP = Published(
    name="geoclip",
    kind="alignment",
    title="GeoCLIP: CLIP ViT-L/14 aligned with places, as published",
    paper="Vivanco Cepeda, Nayak and Shah, GeoCLIP: Clip-Inspired Alignment between Locations and Images for "
    "Effective Worldwide Geo-localization, NeurIPS 2023, arXiv:2309.16020",
    licence="MIT (GeoCLIP's weights), MIT (OpenAI's CLIP weights)",
    notice="Both licences ask that their copyright notices go along with copies. OpenAI's model card calls untested "
    "deployment, and surveillance, out of scope for CLIP.",
    training_data="MP-16 (4.7 million geotagged pictures of Flickr); CLIP: 400 million pictures with texts of the web",
    known_overlap="MP-16 is drawn from YFCC100M, as are YFCC4k and YFCC26k; Im2GPS3k's pictures come from Flickr too",
    tower=_hub(
        "openai/clip-vit-large-patch14",
        "32bd64288804d66eefd0ccbe215aa642df71cc41",
        "1.7 GB",
        TOWER_FILES,
        {"model.safetensors": "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb"},
    ),
    weights=Origin(
        title="the weights in the package geoclip of PyPI",
        address="https://pypi.org/project/geoclip/1.3.0/ (pip install --no-deps geoclip==1.3.0)",
        size="45 MB",
        files=("image_encoder_mlp_weights.pth", "location_encoder_weights.pth", "logit_scale_weights.pth"),
        sha256=MappingProxyType(
            {
                "image_encoder_mlp_weights.pth": "5342c391eec961796d04d02f2bd670bfa97b34ce32c656d0e0676581103c2c14",
                "location_encoder_weights.pth": "94b80ae3af89fca78539e129dd2929d321247f5ceeeb0a31bc2c31041a253394",
                "logit_scale_weights.pth": "9568e2e09dd19083082bf285b2c0c126867e40dbd275a8ee8c621888b861904e",
            }
        ),
    ),
)

_STREETCLIP = Published(
    name="streetclip",
    kind="prompts",
    title="StreetCLIP: CLIP ViT-L/14 at 336 pixels, trained on street views, asked about countries",
    paper="Haas, Alberti and Skreta, Learning Generalized Zero-Shot Learners for Open-Domain Image Geolocalization, "
    f"2023, arXiv:2302.00275; {_CLIP}",
    licence="CC-BY-NC-4.0 (StreetCLIP's weights)",
    notice="Not for commercial use, and the authors are to be named. The bundle is bound by the same licence.",
    training_data="1.1 million street-level pictures (not published); CLIP: 400 million pictures with texts of the web",
    known_overlap="not known",
    tower=_hub(
        "geolocal/StreetCLIP",
        "4d1b6548988827bc01dc170b56c4a11ad3bc5111",
        "1.7 GB",
        TOWER_FILES + TOKENIZER_FILES,
        {"model.safetensors": "66a260a44a9f6ed735ccbc0c035c3db984ec39b2f3d726b7d6f7d6580525fb50"},
    ),
    template="A Street View photo in {place}.",
)

_SIGLIP = Published(
    name="siglip",
    kind="prompts",
    title="SigLIP 2 base at 224 pixels, asked about countries",
    paper="Tschannen et al., SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic Understanding, "
    "Localization, and Dense Features, 2025, arXiv:2502.14786",
    licence="Apache-2.0 (Google's weights)",
    notice="The licence and its notices go along with copies.",
    training_data="WebLI: pictures of the web with texts in 109 languages (not published)",
    known_overlap="not known: pictures of the web",
    tower=_hub(
        "google/siglip2-base-patch16-224",
        "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
        "1.5 GB",
        TOWER_FILES + TOKENIZER_FILES,
        {
            "model.safetensors": "612923381c76ec5a9bed335d1c48827e3f2e506ac31b044b63b2031fadee6a0b",
            "tokenizer.json": "cb9140fae3ac5122c972d37adf83e1248471a38147ad76f8215c8872c6fd8322",
        },
    ),
    family="siglip",
    template="This is a photo taken in {place}.",
    lower=True,
)

PUBLISHED: Mapping[str, Published] = MappingProxyType({item.name: item for item in (_GEOCLIP, _SIGLIP, _STREETCLIP)})
"""All of them, by name."""


def published(name: str) -> Published:
    """Return a published model.

    Raises:
        OptionError: there is none of this name; the nearest is suggested.
    """
    if name not in PUBLISHED:
        raise unknown_name("published model that can be made a bundle", name, PUBLISHED)
    return PUBLISHED[name]
