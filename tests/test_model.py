"""Model directories: made of the default network or of one's own, verified when they are read."""

import argparse
import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx_networks
import openvino as ov
import pytest

from components.core.errors import ConfigurationError, FormatError, ModelMismatchError, UnavailableError
from components.core.messages import MAX_DIM
from components.featurizer.embedder import Embedder
from components.featurizer.model import Preprocessing, describe, identity, load_model, read_model_dir
from index_builder import model_cli
from index_builder.model import make_default_model, make_model

IMAGENET = Preprocessing(mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375))


def command(*arguments):
    parser = argparse.ArgumentParser()
    model_cli.add_arguments(parser)
    return model_cli.run(parser.parse_args([str(argument) for argument in arguments]))


def contents(folder: Path):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(model, tmp_path):
    """A directory with the default model."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "model.xml").write_bytes(model.xml)
    (made / "model.bin").write_bytes(model.bin)
    (made / "model.json").write_bytes(describe(model))
    return made


# --- what is made


def test_the_default_model_is_described_as_it_is(tmp_path):
    made = make_default_model(tmp_path)
    said = json.loads((tmp_path / "model.json").read_bytes())
    assert said["name"] == "efficientnet-lite0"
    assert said["license"] == "Apache-2.0"
    assert (said["dim"], made.dim) == (1280, 1280)
    assert said["digest"] == made.digest
    assert said["input"] == {"width": 224, "height": 224, "layout": "NHWC", "color": "BGR", "dtype": "u8"}
    assert said["preprocessing"]["mean"] == [127, 127, 127]
    for name, digest in said["files"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert read_model_dir(tmp_path) == made
    assert sorted(contents(tmp_path)) == ["model.bin", "model.json", "model.xml"]


def test_weights_are_kept_as_fp16(model):
    assert len(model.bin) < 7_000_000


def test_the_same_network_gives_the_same_files_again(model, tmp_path):
    make_model(onnx_networks.small(tmp_path / "small.onnx"), IMAGENET, tmp_path / "between")
    again = make_default_model(tmp_path / "again")
    assert (again.digest, again.xml, again.bin) == (model.digest, model.xml, model.bin)


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": (123.675, 116.28, 103.5)},
        {"scale": (58.395, 57.12, 57.0)},
        {"color": "BGR"},
        {"size": 192},
    ],
)
def test_other_preprocessing_is_another_model(changed):
    files = {"model.xml": "1" * 64, "model.bin": "2" * 64}
    assert identity(files, IMAGENET) != identity(files, dataclasses.replace(IMAGENET, **changed))
    assert identity(files, IMAGENET) == identity(files, dataclasses.replace(IMAGENET))


@pytest.mark.parametrize(
    "unknown", [{"crop": "none"}, {"resize": "linear"}, {"normalize": "none"}, {"color": "HSV"}, {"scale": (0, 1, 1)}]
)
def test_preprocessing_that_nothing_here_does_is_refused(unknown):
    with pytest.raises(FormatError):
        dataclasses.replace(IMAGENET, **unknown)


@pytest.mark.parametrize(("network", "dim"), [(onnx_networks.resnet18, 512), (onnx_networks.resnet50, 2048)])
def test_a_resnet_comes_in_as_onnx(network, dim, tmp_path):
    path = network(tmp_path / "resnet.onnx")
    assert command("--out", tmp_path / "made", "--onnx", path, "--license", "BSD-3-Clause") == 0
    made = read_model_dir(tmp_path / "made")
    assert (made.name, made.dim, made.license) == ("resnet", dim, "BSD-3-Clause")
    picture = np.random.default_rng(3).integers(0, 256, (224, 224, 3), np.uint8)
    found = Embedder(made, device="CPU").embed(picture)
    assert float(found @ reference(path, picture, IMAGENET)) > 0.9999


def reference(path, picture, preprocessing):
    """The unit vector that the network itself gives for a BGR picture, preprocessed by hand."""
    pixels = picture[..., ::-1] if preprocessing.color == "RGB" else picture
    image = ((pixels - np.array(preprocessing.mean)) / np.array(preprocessing.scale)).transpose(2, 0, 1)
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    vector = compiled(image[None].astype(np.float32))[0].reshape(-1)
    return vector / np.linalg.norm(vector)


def test_a_network_comes_in_as_openvino_ir(tmp_path):
    onnx_path = onnx_networks.resnet18(tmp_path / "resnet18.onnx")
    ov.save_model(ov.Core().read_model(onnx_path), tmp_path / "resnet18.xml", compress_to_fp16=False)
    report = tmp_path / "report.json"
    arguments = ("--ir", tmp_path / "resnet18.xml", "--name", "shoes", "--source", "trained here", "--json", report)
    assert command("--out", tmp_path / "made", *arguments) == 0
    made = read_model_dir(tmp_path / "made")
    assert (made.name, made.dim, made.source) == ("shoes", 512, "trained here")
    assert json.loads(report.read_bytes())["digest"] == made.digest


def test_color_order_mean_and_scale_are_inside_the_model(tmp_path):
    path = onnx_networks.small(tmp_path / "small.onnx", [1, 3, 64, 64])
    picture = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    picture[..., 0] //= 4
    for color in ("RGB", "BGR"):
        how = Preprocessing(color=color, mean=(10, 60, 90), scale=(20, 50, 90), size=64)
        found = Embedder(make_model(path, how, tmp_path / color), device="CPU").embed(picture)
        other = dataclasses.replace(how, color="BGR" if color == "RGB" else "RGB")
        assert float(found @ reference(path, picture, how)) > 0.9999
        assert float(found @ reference(path, picture, other)) < 0.999


def test_a_network_that_takes_its_channels_last_comes_in(tmp_path):
    ops = sys.modules["index_builder.network"].ops
    image = ops.parameter([1, 64, 64, 3], np.float32, name="image")
    pooled = ops.reduce_mean(image, ops.constant(np.array([1, 2])), keep_dims=False)
    ov.save_model(ov.Model([pooled], [image], "mean"), tmp_path / "mean.xml")
    how = Preprocessing(mean=(0, 0, 0), scale=(1, 1, 1), size=64)
    made = make_model(tmp_path / "mean.xml", how, tmp_path / "made")
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[..., 0] = 200
    assert Embedder(made, device="CPU").embed(blue).round(3).tolist() == [0, 0, 1]


def test_the_command_says_what_it_made(tmp_path, capsys):
    assert command("--out", tmp_path / "made") == 0
    said = capsys.readouterr().out
    assert "efficientnet-lite0, 1280 numbers" in said
    assert read_model_dir(tmp_path / "made").digest in said


def test_options_of_an_own_network_without_one_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="--mean belongs to a network of your own"):
        command("--out", tmp_path / "made", "--mean", 0, 0, 0)
    assert not (tmp_path / "made").exists()


# --- what is refused


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"outputs": 2}, "has 2 outputs; expected a network with one image in and one vector out"),
        ({"image": ["batch", 3, 224, 224]}, r"has a dynamic batch .* export it with the fixed shape \[1,3,224,224\]"),
        ({"image": [2, 3, 224, 224]}, "has a batch of 2"),
        ({"image": [1, 3, "height", "width"]}, "has a dynamic shape"),
        ({"image": [1, 1, 224, 224]}, "which is no square color image"),
        ({"image": [1, 3, 224, 160]}, "which is no square color image"),
        ({"image": [1, 3, 160, 160]}, "give --input-size 160"),
        ({"pooled": False}, "expected one vector"),
        ({"dim": MAX_DIM + 1}, f"with dim from 2 to {MAX_DIM}"),
    ],
)
def test_a_network_that_is_not_one_image_in_and_one_vector_out_is_refused(how, sentence, tmp_path):
    path = onnx_networks.small(tmp_path / "net.onnx", **how)
    with pytest.raises(FormatError, match=sentence):
        make_model(path, IMAGENET, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_two_inputs_are_refused(tmp_path):
    with pytest.raises(FormatError, match="has 2 inputs"):
        make_model(onnx_networks.two_inputs(tmp_path / "net.onnx"), IMAGENET, tmp_path / "made")


def test_an_input_that_is_no_image_is_refused(tmp_path):
    with pytest.raises(FormatError, match="which is no image"):
        make_model(onnx_networks.not_an_image(tmp_path / "net.onnx"), IMAGENET, tmp_path / "made")


def test_a_network_that_gives_no_valid_vector_is_refused(tmp_path):
    path = onnx_networks.small(tmp_path / "net.onnx")
    weights = onnx_networks.onnx.load(path)
    weights.graph.initializer[0].raw_data = bytes(len(weights.graph.initializer[0].raw_data))
    onnx_networks.onnx.save(weights, path)
    with pytest.raises(FormatError, match="does not work"):
        make_model(path, IMAGENET, tmp_path / "made")
    assert list((tmp_path / "made").iterdir()) == []


def test_a_file_of_another_kind_is_refused(tmp_path):
    for name in ("cat.onnx", "cat.xml"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    (tmp_path / "cat.bin").write_bytes(bytes(1000))
    with pytest.raises(FormatError, match=r"cat\.onnx is no network that OpenVINO can read"):
        make_model(tmp_path / "cat.onnx", IMAGENET, tmp_path / "made")
    with pytest.raises(FormatError, match=r"cat\.xml is no network that OpenVINO can read"):
        make_model(tmp_path / "cat.xml", IMAGENET, tmp_path / "made")
    with pytest.raises(FormatError, match=r"cat\.pth is not named like a network"):
        make_model(tmp_path / "cat.pth", IMAGENET, tmp_path / "made")


def test_a_pipe_is_neither_a_network_nor_a_model(tmp_path, model):
    for name in ("pipe.onnx", "pipe.xml", "model.json"):
        os.mkfifo(tmp_path / name)
    for name in ("model.xml", "model.bin"):
        (tmp_path / name).write_bytes(getattr(model, name.rpartition(".")[2]))
    for name in ("pipe.onnx", "pipe.xml"):
        with pytest.raises(FormatError, match=f"{name} is no file"):
            make_model(tmp_path / name, IMAGENET, tmp_path / "made")
    with pytest.raises(FormatError, match=r"model\.json is no file"):
        read_model_dir(tmp_path)


def test_a_truncated_onnx_file_is_refused(tmp_path):
    path = onnx_networks.small(tmp_path / "net.onnx", dim=64)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FormatError, match="no network that OpenVINO can read"):
        make_model(path, IMAGENET, tmp_path / "made")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnavailableError, match=r"absent\.onnx: No such file"):
        make_model(tmp_path / "absent.onnx", IMAGENET, tmp_path / "made")
    with pytest.raises(UnavailableError, match=r"absent\.xml: No such file"):
        make_model(tmp_path / "absent.xml", IMAGENET, tmp_path / "made")


def test_ir_without_its_weights_is_refused(tmp_path):
    ov.save_model(ov.Core().read_model(onnx_networks.small(tmp_path / "net.onnx")), tmp_path / "net.xml")
    (tmp_path / "net.bin").unlink()
    with pytest.raises(UnavailableError, match=r"net\.bin: No such file.* with its \.bin beside it"):
        make_model(tmp_path / "net.xml", IMAGENET, tmp_path / "made")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError, match=r"Cannot write the model to .*file/made"):
        make_default_model(tmp_path / "file" / "made")


def test_a_failed_attempt_leaves_the_model_that_was_there(folder, tmp_path):
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    with pytest.raises(FormatError):
        make_model(onnx_networks.small(tmp_path / "net.onnx", outputs=2), IMAGENET, folder)
    assert contents(folder) == before


def test_a_new_model_takes_the_place_of_the_old_one(folder, tmp_path):
    (folder / "notes.txt").write_text("mine")
    made = make_model(onnx_networks.small(tmp_path / "net.onnx"), IMAGENET, folder)
    assert read_model_dir(folder) == made
    assert sorted(contents(folder)) == ["model.bin", "model.json", "model.xml", "notes.txt"]


# --- what is noticed when a model is read


@pytest.mark.parametrize("name", ["model.bin", "model.xml"])
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_a_flipped_bit_is_noticed(folder, name, where):
    data = bytearray((folder / name).read_bytes())
    data[int(where * (len(data) - 1))] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(FormatError, match=rf"{name} is damaged or belongs to another model.*make the model again"):
        read_model_dir(folder)


def test_a_truncated_file_is_noticed(folder):
    data = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(data[:-1])
    with pytest.raises(FormatError, match=r"model\.bin is damaged"):
        read_model_dir(folder)


def test_files_of_two_models_are_not_mixed(folder, tmp_path):
    other = make_model(onnx_networks.small(tmp_path / "net.onnx"), IMAGENET, tmp_path / "other")
    (folder / "model.json").write_bytes(describe(other))
    with pytest.raises(FormatError, match="belongs to another model"):
        read_model_dir(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [("digest", "0" * 64), ("preprocessing", {"mean": [127, 127, 126]}), ("preprocessing", {"color": "BGR"})],
)
def test_a_description_of_another_model_is_a_mismatch(folder, key, value):
    said = json.loads((folder / "model.json").read_bytes())
    said[key] = {**said[key], **value} if isinstance(value, dict) else value
    (folder / "model.json").write_text(json.dumps(said))
    with pytest.raises(ModelMismatchError, match="this network with this preprocessing is"):
        read_model_dir(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("dim", 0),
        ("dim", "1280"),
        ("dim", 99999),
        ("name", 5),
        ("files", {}),
        ("files", None),
        ("input", {}),
        ("input", {"width": 224, "height": 100, "layout": "NHWC", "color": "BGR", "dtype": "u8"}),
        ("preprocessing", {"mean": [1, 2, 3]}),
        ("preprocessing", {"mean": [1, 2, "x"], "scale": [1, 1, 1]}),
        ("preprocessing", {"mean": [1, 2, 3], "scale": [1, 1, 1], "rotate": 90}),
        ("preprocessing", {"mean": [1, 2, 3], "scale": [1, 1, 1], "color": ["RGB"]}),
        ("preprocessing", 7),
    ],
)
def test_a_damaged_description_is_refused(model, key, value):
    said = json.loads(describe(model))
    said[key] = value
    with pytest.raises(FormatError):
        load_model(model.xml, model.bin, json.dumps(said).encode())


@pytest.mark.parametrize("description", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_description_is_refused(model, description):
    with pytest.raises(FormatError, match=r"model\.json"):
        load_model(model.xml, model.bin, description)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(UnavailableError, match=r"model\.xml: No such file .*make the model"):
        read_model_dir(tmp_path)


def test_a_description_of_another_dim_is_refused_by_the_embedder(model):
    said = json.loads(describe(model))
    said["dim"] = 512
    wrong = load_model(model.xml, model.bin, json.dumps(said).encode())
    with pytest.raises(FormatError, match=r"model\.json says"):
        Embedder(wrong, device="CPU")
