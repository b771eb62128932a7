import base64
import io
import json

import pytest
from PIL import Image

from lmm_server import completion, served
from made_matches import made_match
from whence.core.errors import EndpointError, OptionError
from whence.explain.match import explain_match
from whence.explain.match.lmm import Endpoint, endpoint_from_environment, narrate


@pytest.fixture(scope="module")
def explanation():
    return explain_match(made_match())


def test_a_model_is_asked_and_its_sentences_are_checked(explanation):
    with served(completion("40 of 60 pairs fit [c1]. A castle stands there.")) as (url, asked):
        told = narrate(explanation, Endpoint(url, "made-model", "secret"), "zh")
    assert [s.supported for s in told.sentences] == [True, False]
    assert told.supported_share == 0.5
    assert (told.language, told.model) == ("zh", "made-model")
    path, headers, body = asked[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert body["model"] == "made-model"
    assert "中文" in body["messages"][0]["content"]


def test_both_pictures_are_sent_small_and_without_metadata(explanation):
    with served(completion("Yes [c1].")) as (url, asked):
        narrate(explanation, Endpoint(url, "m", longest_px=64))
    content = asked[0][2]["messages"][1]["content"]
    claims = json.loads(content[0]["text"])["claims"]
    assert [claim["id"] for claim in claims] == list(explanation.ids)
    assert claims[0]["shown"]["inliers"] == "40"
    images = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert len(images) == 2
    for uri in images:
        image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        assert max(image.size) == 64
        assert not image.getexif()
    assert "folder" not in json.dumps(asked[0][2])
    assert "Authorization" not in asked[0][1]


def test_the_claims_can_be_sent_alone(explanation):
    with served(completion("Yes [c1].")) as (url, asked):
        narrate(explanation, Endpoint(url, "m", longest_px=0))
    assert [part["type"] for part in asked[0][2]["messages"][1]["content"]] == ["text"]


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (b'{"error": "no such model"}', 404, "answered 404 .*no such model"),
        (b"<html>", 200, "did not answer as a chat completion"),
        (b'{"choices": []}', 200, "did not answer as a chat completion"),
        (b"[1]", 200, "did not answer as a chat completion"),
        (completion("  "), 200, "without a text"),
        (completion(None), 200, "without a text"),
        (b" " * 4_000_001, 200, "more than 4,000,000 bytes"),
    ],
)
def test_other_answers_are_errors(explanation, answer, status, message):
    with served(answer, status) as (url, _), pytest.raises(EndpointError, match=message):
        narrate(explanation, Endpoint(url, "m"))


def test_nobody_is_asked_elsewhere(explanation):
    with served(b"") as (other, asked), served(b"", 302, [("Location", other)]) as (url, _):
        with pytest.raises(EndpointError, match="302"):
            narrate(explanation, Endpoint(url, "m", "secret"))
        assert asked == []


def test_no_answer_is_an_error(explanation):
    with served(b"") as (url, _):
        pass
    with pytest.raises(EndpointError, match="no answer"):
        narrate(explanation, Endpoint(url, "m", timeout_s=2.0))


def test_an_endpoint_is_configured_by_the_environment(monkeypatch):
    for name in ("WHENCE_LMM_URL", "WHENCE_LMM_MODEL", "WHENCE_LMM_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert endpoint_from_environment() is None
    monkeypatch.setenv("WHENCE_LMM_URL", "http://localhost:8000/v1")
    with pytest.raises(OptionError, match="name of a model"):
        endpoint_from_environment()
    monkeypatch.setenv("WHENCE_LMM_MODEL", "m")
    monkeypatch.setenv("WHENCE_LMM_KEY", "secret")
    endpoint = endpoint_from_environment()
    assert endpoint == Endpoint("http://localhost:8000/v1", "m", "secret")
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost:8000", "ftp://x/y", "http://"])
def test_only_web_addresses_are_asked(url):
    with pytest.raises(OptionError, match="http or https"):
        Endpoint(url, "m")


def test_settings_are_checked():
    with pytest.raises(OptionError, match="timeout"):
        Endpoint("http://x", "m", timeout_s=0.0)
