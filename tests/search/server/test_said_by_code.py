"""What the server says has a code and values beside the English sentence, so that a page can say it in any language."""

import copy
import pickle

import httpx
from served import Served
from test_gallery_over_http import frames

from search.query.verdict import Coded


def test_a_refusal_is_a_sentence_a_code_and_its_values(client: httpx.Client, served: Served) -> None:
    assert client.get("/api/frames/nowhere").json() == {
        "error": "This frame is not in the gallery; it may have been removed, load the page again.",
        "code": "no_frame", "values": {},
    }  # fmt: skip
    strange = httpx.get(f"{served.address}api/status", headers={"Host": "example.org"}, trust_env=False).json()
    assert strange["code"] == "other_name"
    frame = frames(client, "north")[0]["frame"]
    wide = {"examples": [{"frame": frame, "box": [0, 0, 5, 5]}] * 11}
    assert client.post("/api/searches", json=wide).json() == {
        "error": "A search takes at most 10 pictures of the person beside sightings.",
        "code": "too_many_pictures", "values": {"most": 10},
    }  # fmt: skip
    wrong = client.post("/api/searches", json={"examples": []}).json()
    assert (wrong["code"], wrong["values"]["place"]) == ("invalid_value", "examples")
    before = {"examples": [{"frame": frame, "box": [0, 0, 5, 5]}], "filters": {"after": 20, "before": 10}}
    assert client.post("/api/searches", json=before).json()["code"] == "filters_cannot_be_met"


def test_why_there_is_no_verdict_has_a_code(client: httpx.Client) -> None:
    frame = frames(client, "north")[0]["frame"]
    sighting = client.get(f"/api/frames/{frame}/people").json()["people"][0]["sighting"]
    verdict = client.post("/api/searches", json={"examples": [{"sighting": sighting}]}).json()["verdict"]
    assert verdict["why_code"] in ("why_not_calibrated", "why_not_learned")
    assert "is not there" in verdict["why"]
    assert verdict["doubt_codes"] == []
    empty = {"examples": [{"sighting": sighting}], "filters": {"after": 1e9, "before": 1.1e9}}
    assert client.post("/api/searches", json=empty).json()["verdict"]["why_code"] == "why_nothing_compared"


def test_coded_words_are_words_and_travel_between_processes() -> None:
    words = Coded("you search by 3 pictures", code="doubt_several_pictures", pictures=3)
    assert words == "you search by 3 pictures"
    for again in (pickle.loads(pickle.dumps(words)), copy.deepcopy(words)):
        assert (again, again.code, again.values) == (words, "doubt_several_pictures", {"pictures": 3})
