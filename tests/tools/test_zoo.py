import json

import pytest

from cnxv2_mm import command_line
from cnxv2_mm.zoo import WEIGHTS
from tests.tools.conftest import load_tool
from tests.zoo.files import WEB_PAGE, torch_legacy
from tests.zoo.server import serve

zoo = load_tool("zoo")


def listed(capsys, *options):
    zoo.main(["list", "--json", *options])
    return [weight["name"] for weight in json.loads(capsys.readouterr().out)]


def test_the_list_is_the_whole_table(capsys):
    assert listed(capsys) == list(WEIGHTS)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--size", "tiny"], 4),
        (["--training", "fcmae"], 8),
        (["--resolution", "384"], 5),
        (["--source", "huggingface"], 18),
        (["--size", "huge", "--training", "in22k_in1k"], 2),
        (["--source", "huggingface", "--training", "fcmae"], 0),
    ],
)
def test_options_choose(capsys, options, count):
    assert len(listed(capsys, *options)) == count


def test_json_says_all_that_is_known(capsys):
    zoo.main(["list", "--json", "--size", "base", "--training", "in1k"])
    (weight,) = json.loads(capsys.readouterr().out)
    assert (weight["licence"], weight["paper_top1"], weight["paper_table"]) == ("CC-BY-NC 4.0", 84.9, 14)
    assert weight["files"]["official"]["sha256"] is None  # not published
    assert weight["files"]["mmpretrain"]["sha256"] == "00a70fa4"
    assert weight["files"]["timm"]["hub_id"] == "timm/convnextv2_base.fcmae_ft_in1k"


@pytest.mark.parametrize("source", ["official", "timm", "mmpretrain", "huggingface"])
def test_the_printed_table_has_every_address_in_one_piece_and_the_licence(capsys, source):
    zoo.main(["list", "--source", source])
    text = capsys.readouterr().out
    for weight in WEIGHTS.values():
        if source in weight.files:
            assert weight.name in text
            assert weight.files[source].address in text
    assert "CC-BY-NC 4.0: no commercial use" in text


def test_a_choice_of_nothing_is_said():
    with pytest.raises(SystemExit, match="no published weight fits all of these options"):
        zoo.main(["list", "--source", "huggingface", "--training", "fcmae"])


def test_download_prints_where_the_file_is(tmp_path, capsys):
    file = tmp_path / "convnextv2_tiny_1k_224_fcmae.pt"
    file.write_bytes(torch_legacy(seed=0))  # put there by hand
    zoo.main(["download", "convnextv2_tiny_fcmae", "--to", str(tmp_path)])
    assert capsys.readouterr().out.strip() == str(file)


def complaint(name, folder):
    """What the command prints when it fails."""
    with pytest.raises(SystemExit) as caught:
        command_line.run("zoo", lambda: zoo.main(["download", name, "--to", str(folder)]))
    assert [p.name for p in folder.iterdir() if p.suffix != ".lock"] == []
    return caught.value.code


def test_download_fails_in_one_line(tmp_path, monkeypatch):
    """A wrong name, a name that no file can have, and a server that sends a web page in place of the file."""
    assert "zoo: weight 'convnextv2_tinny_fcmae' is unknown; did you" in complaint("convnextv2_tinny_fcmae", tmp_path)
    assert "has characters that an address or a file's name cannot" in complaint("http://127.0.0.1/a%00.pth", tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(WEB_PAGE) as server:
        error = complaint(server.address("epoch_100.pth"), tmp_path)
    assert error.startswith("zoo: cannot download http://127.0.0.1")
    assert "web page" in error
