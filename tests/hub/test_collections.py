"""Names of public collections: where they lead, and which are none."""

import pytest

from tests.models.vits.toy import manifest_of, toy
from vivavoce.errors import UnknownModel
from vivavoce.hub import collections, library
from vivavoce.models.vits.exports import to_piper


def test_a_piper_voice():
    entry = collections.entry("piper/en_US-lessac-medium")
    assert entry is not None
    assert [str(source) for source in entry.sources] == [
        "hf://rhasspy/piper-voices/en/en_US/lessac/medium/en_US-lessac-medium.onnx",
        "hf://rhasspy/piper-voices/en/en_US/lessac/medium/en_US-lessac-medium.onnx.json",
    ]
    assert (entry.languages, entry.licence) == (("en-US",), "")


def test_an_mms_language_says_its_licence_first():
    entry = collections.entry("mms/deu")
    assert entry is not None
    assert (entry.repo, entry.variant, entry.languages) == ("facebook/mms-tts-deu", "deu", ("deu",))
    assert entry.licence == "CC-BY-NC-4.0"
    assert collections.entry("mms/uig-script_arabic") is not None


@pytest.mark.parametrize(
    "name", ["piper/en-lessac-medium", "piper/en_US-lessac-great", "mms/de", "mms/../x", "deu", ""]
)
def test_other_names(name):
    assert collections.entry(name) is None


def test_how_names_look():
    assert collections.advice("mms/german") == "Its voices are named like mms/deu."
    assert "piper/en_US-lessac-medium" in collections.advice("piper/lessac")
    assert collections.advice("kathleen") == ""


def test_one_is_downloaded_by_its_name_and_speaks(hub, tmp_path):
    """From a server on this machine: the graph and its JSON, stored as a model of ours."""
    model, vocoder = toy()
    tensors = dict(model.state_dict())
    tensors |= {f"vocoder.{name}": tensor for name, tensor in vocoder.state_dict().items()}
    place = "xx/xx_YY/toy/low"
    for file in to_piper(manifest_of(model, vocoder), tensors, tmp_path / "xx_YY-toy-low.onnx"):
        hub.put("rhasspy/piper-voices", f"{place}/{file.name}", file.read_bytes())
    name = "piper/xx_YY-toy-low"
    with pytest.raises(UnknownModel, match=f"vivavoce models get {name}"):
        library.open_model(name)
    library.get(name)
    stored = library.open_model(name)
    assert stored.manifest["family"] == "vits"
    assert stored.tensors.keys() == tensors.keys()
    assert library.show(name).row.languages == ("xx-YY",)


def test_one_that_is_not_there(hub):
    with pytest.raises(UnknownModel, match="Its voices are named like piper/en_US-lessac-medium"):
        library.open_model("piper/lessac")
