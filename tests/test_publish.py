"""python -m recipes publish, against S3 and STS as moto serves them and a stub of AWS IoT Greengrass."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from artifacts import cli, digest
from aws_stub import ACCOUNT, REGION, Aws, aws_stub

from components.nucleus.recipe import parse_recipe
from recipes.build import Order, build
from recipes.parts import UMBRELLA, all_parts

BUCKET = f"lookalike-artifacts-{REGION}-{ACCOUNT}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All components without wheels; the searcher's archive is as large as one that is sent in pieces."""
    out = tmp_path_factory.mktemp("built") / "greengrass-build"
    build(all_parts(), Order(out, with_wheels=False))
    (archive,) = out.rglob("lookalike-searcher.zip")
    archive.write_bytes(bytes(range(256)) * 80_000)
    return out


@pytest.fixture
def aws() -> Iterator[Aws]:
    """With the bucket that the cloud's template makes."""
    with aws_stub() as served:
        with served.client("s3") as s3:
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield served


def test_all_components_are_published_each_after_what_it_needs_as_they_were_built(built: Path, aws: Aws) -> None:
    done = cli("publish", "--out", built, env=aws.environment())
    assert done.returncode == 0, done.stderr
    assert aws.stored(BUCKET) == {
        f"{part.name}/{part.recipe.version}/{file.name}": digest(file)
        for part in all_parts()
        for file in (built / "artifacts" / part.name / part.recipe.version).iterdir()
    }
    assert set(aws.created()) == {part.name for part in all_parts()}
    for part in all_parts():
        needed = {name for name in part.recipe.dependencies if not name.startswith("aws.greengrass.")}
        assert needed <= set(aws.created()[: aws.created().index(part.name)])
        received = aws.recipes[part.name, part.recipe.version]
        assert parse_recipe(received, part.name) == part.recipe
        for artifact in yaml.safe_load(received)["Manifests"][0].get("Artifacts", ()):
            assert artifact["URI"] == f"s3://{BUCKET}/{part.name}/{part.recipe.version}/{part.artifact}.zip"


def test_a_version_that_exists_is_refused_and_nothing_is_published(built: Path, aws: Aws) -> None:
    aws.recipes[UMBRELLA, "1.0.0"] = b""
    done = cli("publish", "--out", built, env=aws.environment())
    assert done.returncode == 1
    assert f"{UMBRELLA} 1.0.0 exist already, nothing was published" in done.stderr
    assert aws.created() == [UMBRELLA]
    assert aws.stored(BUCKET) == {}
    assert cli("publish", "--only", "searcher", "--out", built, env=aws.environment()).returncode == 0
    assert aws.created() == [UMBRELLA, "com.lookalike.Searcher"]


def test_a_dry_run_says_what_would_be_done_and_asks_nobody(built: Path, aws: Aws) -> None:
    nowhere = {**aws.environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = cli("publish", "--dry-run", "--out", built, env=nowhere)
    assert done.returncode == 0, done.stderr
    assert "would upload lookalike-dashboard.zip" in done.stdout
    assert done.stdout.rstrip().endswith(f"would create {UMBRELLA} 1.0.0")
    assert aws.created() == []


def test_what_is_not_built_cannot_be_published(tmp_path: Path, aws: Aws) -> None:
    done = cli("publish", "--out", tmp_path, env=aws.environment())
    assert done.returncode == 1
    assert "is not built" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cloud_that_was_not_set_up_is_one_sentence(built: Path, aws: Aws) -> None:
    with aws.client("s3") as s3:
        s3.delete_bucket(Bucket=BUCKET)
    done = cli("publish", "--out", built, env=aws.environment())
    assert done.returncode == 1
    assert done.stderr == f"error: There is no bucket {BUCKET}: set the cloud up first, as docs/fleet.md says.\n"
    assert aws.created() == []


def test_aws_out_of_reach_is_one_sentence(built: Path, aws: Aws) -> None:
    nowhere = {**aws.environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    done = cli("publish", "--out", built, env=nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith("error: AWS does not know who publishes")
    assert "Traceback" not in done.stderr
