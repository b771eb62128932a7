from dataclasses import replace

from whence.explain.rationale import rationale


def test_a_sharp_answer_in_sentences(made_estimates):
    said = rationale(made_estimates["sharp"])
    assert said.where == "Arezzo, Tuscany, Italy (43.46861° N, 11.87694° E)."
    assert "The country is Italy (99 %)." in said.how_sure
    assert said.why.startswith("Most of all, the GPS position “43.46861, 11.87694” (exif) makes this place ")
    assert "Against it: time offset “+10:00” (−2.4)." in said.why
    assert said.what_would_change.startswith("Without exif the answer moves 16,")
    assert "clock" not in said.what_would_change


def test_an_abstention_gives_its_reason_first(made_estimates):
    said = rationale(made_estimates["nothing"])
    assert said.where.startswith("No answer is given, as nothing was found")
    assert "No reading speaks clearly for this place" in said.why
    assert said.what_would_change == "Any evidence would: there is none so far."


def test_what_was_read_stays_on_one_visible_line(made_estimates):
    text = rationale(made_estimates["wide"]).to_text()
    assert "\x1b" not in text
    assert [line.split(":")[0] for line in text.split("\n")] == ["Where", "How sure", "Why", "What would change it"]


def test_evidence_that_moves_nothing_is_said_to_move_nothing(made_estimates):
    estimate = made_estimates["sharp"]
    clock = estimate.ledger.entries[1]
    said = rationale(replace(estimate, ledger=replace(estimate.ledger, entries=(clock,))))
    assert said.what_would_change == (
        "Nothing by itself: without clock, taken one at a time, the answer stays where it is."
    )
