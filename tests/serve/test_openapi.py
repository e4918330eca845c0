"""The description of the HTTP addresses says what the routes and the readers of requests do."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from vivavoce.serve.app import make_app
from vivavoce.serve.ask import FIELDS, INSTRUCTIONS, LARGEST_SEED
from vivavoce.serve.encode import MEDIA_TYPES, PCM_RATE
from vivavoce.serve.shelf import Shelf

PAGE = {"/", "/favicon.ico", "/page/{name}", "/x/page.json", "/openapi.json"}
METHODS = {"get", "post", "delete"}
WRONG = {"string": 1, "number": "1", "integer": 1.5, "boolean": "true", "object": "x"}


@pytest.fixture(scope="module")
def described(server):
    with server.client() as client:
        answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@pytest.fixture(scope="module")
def speech(described):
    return described["components"]["schemas"]["SpeechRequest"]


def test_every_route_is_described_and_nothing_else(server, described, tmp_path):
    routes = make_app(server.service, Shelf(tmp_path)).app.routes
    there = {
        (route.path.replace(":path", ""), method.lower())
        for route in routes
        for method in getattr(route, "methods", None) or ()
    }
    told = {
        (path, method)
        for path, item in described["paths"].items()
        for method in METHODS & set(item)
    }
    assert {one for one in there if one[0] not in PAGE and one[1] != "head"} == told


def test_the_fields_are_those_that_are_read(speech):
    assert set(speech["properties"]) == {*FIELDS, "instructions"}
    fields = speech["properties"]
    assert tuple(fields["response_format"]["enum"]) == tuple(MEDIA_TYPES)
    assert fields["seed"]["maximum"] == LARGEST_SEED
    assert fields["instructions"]["maxLength"] == INSTRUCTIONS
    assert fields["sample_rate"]["default"] == PCM_RATE


@pytest.mark.parametrize("name", [*FIELDS, "instructions"])
def test_a_wrong_type_is_refused_by_name(server, speech, name):
    field = speech["properties"][name]
    wrong = WRONG[field.get("type", "string")]
    with server.client() as client:
        body = server.body() | {name: wrong}
        error = client.post("/v1/audio/speech", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_type", name)


@pytest.mark.parametrize("name", ["speed", "seed", "sample_rate"])
@pytest.mark.parametrize(("edge", "step"), [("minimum", -1), ("maximum", 1)])
def test_limits_are_where_they_are_said_to_be(server, speech, name, edge, step):
    limit = speech["properties"][name][edge]
    assert server.speech("Hello.", **{name: limit}).status_code == 200
    beyond = server.speech("Hello.", **{name: limit + step})
    assert (beyond.status_code, beyond.json()["error"]["param"]) == (400, name)


@pytest.mark.parametrize("name", ["model", "input"])
def test_what_is_required_is_missed(server, speech, name):
    assert set(speech["required"]) == {"model", "input"}
    body = server.body()
    del body[name]
    with server.client() as client:
        error = client.post("/v1/audio/speech", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("missing_required_parameter", name)


def test_the_answers_have_the_fields_that_are_told(server, described):
    schemas = described["components"]["schemas"]
    with server.client() as client:
        (model,) = client.get("/v1/models").json()["data"]
        voice = client.get("/v1/audio/voices").json()["data"][0]
        error = client.get("/v1/models/absent").json()["error"]
    for name, value in (("Model", model), ("Voice", voice), ("ErrorFacts", error)):
        assert set(schemas[name]["properties"]) == set(value)


def test_references_lead_somewhere_and_names_are_unique(described):
    for reference in references(described):
        here = described
        for part in reference.removeprefix("#/").split("/"):
            here = here[part]
    operations = [
        item[method] for item in described["paths"].values() for method in METHODS & set(item)
    ]
    names = Counter(operation["operationId"] for operation in operations)
    assert set(names.values()) == {1}
    assert all(operation["responses"] and operation["summary"] for operation in operations)


def references(value):
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def test_it_is_read_without_a_key(start):
    running = start(keys=(("alice", "secret"),))
    with running.client() as client:
        assert json.loads(client.get("/openapi.json").content)["openapi"] == "3.1.0"
