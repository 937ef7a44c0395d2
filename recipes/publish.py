"""Publishes what was built: artifacts to S3, recipes to AWS IoT Greengrass, each component after what it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from components.core.errors import ConfigurationError, UnavailableError
from recipes.parts import Part

_PLACEHOLDER = "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/"
_MAX_RECIPE_BYTES = 16_000


@dataclass(frozen=True)
class Release:
    """One component as it is published."""

    name: str
    version: str
    recipe: str
    """With the places of its artifacts filled in."""
    files: tuple[Path, ...]

    def key(self, file: Path) -> str:
        """Where ``file`` lies in the bucket."""
        return f"{self.name}/{self.version}/{file.name}"


class Cloud(Protocol):
    """Where components are published."""

    def versions(self, name: str) -> set[str]:
        """The versions of the component ``name`` that exist."""
        ...

    def upload(self, file: Path, key: str) -> None:
        """Put ``file`` into the bucket."""
        ...

    def create(self, recipe: str) -> None:
        """Create a version of a component."""
        ...


def releases(parts: Sequence[Part], built: Path, bucket: str) -> list[Release]:
    """What ``built`` (greengrass-build/) holds of ``parts``; raises ConfigurationError for what is not built."""
    return [_release(part, built, bucket) for part in parts]


def _release(part: Part, built: Path, bucket: str) -> Release:
    version = part.recipe.version
    recipe = built / "recipes" / f"{part.name}-{version}.yaml"
    folder = built / "artifacts" / part.name / version
    files = tuple(sorted(file for file in folder.glob("*") if file.is_file()))
    if not recipe.exists() or (part.artifact and folder / f"{part.artifact}.zip" not in files):
        raise ConfigurationError(f"{part.name} {version} is not built in {built}: run python -m recipes build.")
    place = f"s3://{bucket}/{part.name}/{version}/"
    text = recipe.read_text(encoding="utf-8").replace(_PLACEHOLDER, place)
    size = len(text.encode())
    if size > _MAX_RECIPE_BYTES:
        raise ConfigurationError(
            f"{part.name}'s recipe has {size} bytes; Greengrass takes at most {_MAX_RECIPE_BYTES}."
        )
    return Release(part.name, version, text, files)


def publish(wanted: Sequence[Release], cloud: Cloud, say: Callable[[str], None]) -> None:
    """Publish all of ``wanted``, or none where one exists already: a version never changes.

    Raises ConfigurationError for those that exist, UnavailableError where AWS refuses or is not reached.
    """
    existing = [release for release in wanted if release.version in cloud.versions(release.name)]
    if existing:
        names = ", ".join(f"{release.name} {release.version}" for release in existing)
        raise ConfigurationError(f"{names} exist already, nothing was published: raise the version, or name others.")
    for release in wanted:
        for file in release.files:
            cloud.upload(file, release.key(file))
        cloud.create(release.recipe)
        say(f"{release.name} {release.version} is published.")


class Aws:
    """The AWS account of the environment's credentials."""

    def __init__(self, region: str, prefix: str) -> None:
        self._region = region
        try:
            self._account = str(boto3.client("sts", region_name=region).get_caller_identity()["Account"])
            self._partition = boto3.Session().get_partition_for_region(region)
            self._s3: Any = boto3.client("s3", region_name=region)
            self._greengrass: Any = boto3.client("greengrassv2", region_name=region)
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(f"AWS does not know who publishes: {error}") from error
        # Named as GDK names it.
        self.bucket = f"{prefix}-{region}-{self._account}"
        self._bucket_is_there = False

    def versions(self, name: str) -> set[str]:
        """The versions of the component ``name`` that exist; raises UnavailableError."""
        arn = f"arn:{self._partition}:greengrass:{self._region}:{self._account}:components:{name}"
        try:
            pages = self._greengrass.get_paginator("list_component_versions").paginate(arn=arn)
            return {str(one["componentVersion"]) for page in pages for one in page["componentVersions"]}
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(f"The versions of {name} could not be listed: {error}") from error

    def upload(self, file: Path, key: str) -> None:
        """Put ``file`` into the bucket; raises UnavailableError."""
        try:
            self._need_bucket()
            self._s3.upload_file(str(file), self.bucket, key)
        except (BotoCoreError, ClientError, boto3.exceptions.S3UploadFailedError) as error:
            raise UnavailableError(f"{file.name} could not be uploaded to {self.bucket}: {error}") from error

    def create(self, recipe: str) -> None:
        """Create a version of a component; raises UnavailableError."""
        try:
            self._greengrass.create_component_version(inlineRecipe=recipe.encode())
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError(f"Greengrass refused a recipe: {error}") from error

    def _need_bucket(self) -> None:
        """Raises UnavailableError where the bucket is not there: one that is made here would not be private."""
        if self._bucket_is_there:
            return
        try:
            self._s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            raise UnavailableError(
                f"There is no bucket {self.bucket}: set the cloud up first, as docs/fleet.md says."
            ) from error
        self._bucket_is_there = True
