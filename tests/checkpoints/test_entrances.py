"""The ways in, loading and converting: neither runs what is in a file, neither takes for a weight what is none."""

import os
import pickle
import zipfile

import pytest
import torch

from cnxv2_mm import ConvNeXtV2
from cnxv2_mm.checkpoints import Pretrained, convert
from tests.checkpoints.peers import SMALL, in_dialect, random_network
from tests.tools.conftest import load_tool

ARCH = {"depths": SMALL.depths, "channels": SMALL.channels}


def as_config(file, folder):
    """The way of a training config."""
    ConvNeXtV2(ARCH, init_cfg={"type": "Pretrained", "checkpoint": str(file)}).init_weights()


ENTRANCES = {
    "Pretrained": lambda file, folder: Pretrained(str(file))(ConvNeXtV2(ARCH)),
    "a config": as_config,
    "convert": lambda file, folder: convert(file, folder / "new.pth", "timm"),
    "the command": lambda file, folder: load_tool("convert_checkpoint").main(
        [str(file), str(folder / "new.safetensors"), "--to", "timm"]
    ),
}
both_ways = pytest.mark.parametrize("enter", ENTRANCES.values(), ids=ENTRANCES)


class Command:
    """Runs a command of the shell when it is unpickled."""

    def __init__(self, line):
        self.line = line

    def __reduce__(self):
        return os.system, (self.line,)


class State:
    """Runs it later, when its state is set."""

    def __init__(self, line):
        self.line = line

    def __getstate__(self):
        return Command(self.line)

    def __setstate__(self, state):
        pass


def as_archive(content, path):
    torch.save(content, path)


def as_legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def with_another_pickle(data):
    """An archive, sums and all, of which this is the pickle."""

    def save(content, path):
        torch.save({}, path)
        with zipfile.ZipFile(path) as old:
            entries = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(path, "w") as new:
            for name, old_data in entries.items():
                new.writestr(name, data(content) if name.endswith("data.pkl") else old_data)

    return save


HOSTILE = {
    "archive": as_archive,
    "legacy": as_legacy,
    "bare pickle": lambda content, path: path.write_bytes(pickle.dumps(content, 2)),
    "bare pickle of protocol 5": lambda content, path: path.write_bytes(pickle.dumps(content, 5)),
    "archive of protocol 5": with_another_pickle(lambda content: pickle.dumps(content, 5)),
    "archive of protocol 0": with_another_pickle(lambda content: pickle.dumps(content, 0)),
    "INST": with_another_pickle(lambda content: f"(S'{content['extra'].line}'\nios\nsystem\n.".encode()),
}


@both_ways
@pytest.mark.parametrize("what", [Command, State])
@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_file_does_not_run(how, what, enter, tmp_path):
    trace, file = tmp_path / "trace", tmp_path / "file.pth"
    HOSTILE[how]({"model": random_network(), "extra": what(f"touch {trace}")}, file)
    with pytest.raises(ValueError, match=r"file\.pth' holds more than tensors.* and could run code .*trust_pickle"):
        enter(file, tmp_path)
    assert os.listdir(tmp_path) == ["file.pth"]


def test_these_files_do_run_code_for_those_who_trust_them(tmp_path):
    """Else the test above would show nothing."""
    for i, (how, save) in enumerate(HOSTILE.items()):
        trace, file = tmp_path / f"trace{i}", tmp_path / f"file{i}.pth"
        save({"model": random_network(), "extra": Command(f"touch {trace}")}, file)
        if how.startswith("bare"):
            with file.open("rb") as content:
                pickle.load(content)
        else:
            torch.load(file, weights_only=False)
        assert trace.exists(), how


UNUSABLE = {
    "int8": lambda t: t.to(torch.int8),
    "uint8": lambda t: t.to(torch.uint8),
    "bool": lambda t: t.to(torch.bool),
    "int64": lambda t: t.to(torch.int64),
    "complex64": lambda t: t.to(torch.complex64),
    "float8_e8m0fnu": lambda t: t.to(torch.float8_e8m0fnu),
    "sparse": lambda t: t.to_sparse(),
    "quantised": lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
    "meta device": lambda t: t.to("meta"),
    "stores fewer": lambda t: t.reshape(-1)[0].expand(t.shape),
}
# Layers that are read as they are, one whose shape is changed on the way, and the classifier.
PLACES = ("stages.0.0.dwconv.weight", "stages.1.0.grn.gamma", "stages.2.1.pwconv2.bias", "head.weight")


@both_ways
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("kind", UNUSABLE)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_what_is_no_weight_is_refused_wherever_it_is(kind, name, enter, tmp_path):
    theirs = in_dialect(random_network(), "official")
    theirs[name] = UNUSABLE[kind](theirs[name])
    torch.save({"model": theirs}, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=rf"file\.pth': tensor '{name}' .*{kind}"):
        enter(tmp_path / "file.pth", tmp_path)
    assert os.listdir(tmp_path) == ["file.pth"]


@both_ways
@pytest.mark.parametrize("entry", ["", "state_dict"])
def test_tensors_without_names_are_refused(entry, enter, tmp_path):
    """The parameters of a network under their numbers."""
    tensors = dict(enumerate(random_network().values()))
    torch.save({entry: tensors} if entry else tensors, tmp_path / "file.pth")
    with pytest.raises(
        ValueError, match=r"file\.pth': it numbers its tensors.* \(0\) instead of naming them; save the"
    ):
        enter(tmp_path / "file.pth", tmp_path)
    assert os.listdir(tmp_path) == ["file.pth"]


@both_ways
def test_other_tensors_beside_the_network_do_no_harm(enter, tmp_path):
    others = {
        "neck.num_batches_tracked": torch.tensor(3),
        "neck.relative_position_index": torch.arange(9),
        "neck.mask": torch.ones(3, dtype=torch.bool),
        "neck.zeros": torch.ones(1).expand(9),
    }
    torch.save({"state_dict": random_network() | others}, tmp_path / "file.pth")
    enter(tmp_path / "file.pth", tmp_path)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2], ids=str)
def test_numbers_of_8_bits_are_loaded_and_converted(dtype, tmp_path):
    network = {name: tensor.to(dtype) for name, tensor in random_network().items()}
    torch.save(network, tmp_path / "file.pth")
    backbone = ConvNeXtV2(ARCH, out_indices=(3,))
    Pretrained(str(tmp_path / "file.pth"))(backbone)
    state = backbone.state_dict()
    assert all(torch.equal(state[n], network[f"backbone.{n}"].float()) for n in state)
    convert(tmp_path / "file.pth", tmp_path / "new.pth", "ours")
    written = torch.load(tmp_path / "new.pth")["state_dict"]
    assert all(torch.equal(written[n], network[n].float()) and written[n].dtype == torch.float32 for n in network)
