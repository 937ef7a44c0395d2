"""The operator's AWS account: thing groups, shadows and deployments."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cloud_sync.fleet.device import Device
from cloud_sync.shadow import SHADOW
from components.core.errors import ConfigurationError, UnavailableError

_AT_ONCE = 16


class Account:
    """What the credentials of the environment may see; UnavailableError where AWS does not answer or refuses."""

    def __init__(self, region: str | None) -> None:
        retries = Config(retries={"mode": "standard", "max_attempts": 4}, max_pool_connections=_AT_ONCE)
        with _in_words("AWS cannot be asked"):
            self._client: Callable[[str], Any] = lambda name: boto3.client(name, region_name=region, config=retries)
            self._iot, self._data = self._client("iot"), self._client("iot-data")
            self._greengrass = self._client("greengrassv2")

    def groups(self, prefix: str) -> list[str]:
        """The thing groups whose name begins with ``prefix``."""
        with _in_words("The thing groups cannot be listed"):
            pages = self._iot.get_paginator("list_thing_groups").paginate(namePrefixFilter=prefix)
            return sorted(str(one["groupName"]) for page in pages for one in page["thingGroups"])

    def devices(self, group: str) -> list[Device]:
        """The devices of ``group`` as their shadows describe them; raises ConfigurationError for no such group."""
        with _in_words(f"The devices of {group} cannot be listed", missing=f"There is no thing group {group}."):
            pages = self._iot.get_paginator("list_things_in_thing_group").paginate(thingGroupName=group)
            things = sorted(str(thing) for page in pages for thing in page["things"])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [Device.of(*one) for one in pool.map(lambda thing: (thing, group, self._shadow(thing)), things)]

    def deployment(self, group: str) -> Mapping[str, Any] | None:
        """The newest deployment to ``group`` itself; None where there was none."""
        missing = f"There is no thing group {group}."
        with _in_words(f"The deployments to {group} cannot be read", missing=missing):
            arn = self._iot.describe_thing_group(thingGroupName=group)["thingGroupArn"]
            listed = self._greengrass.list_deployments(targetArn=arn, historyFilter="LATEST_ONLY")["deployments"]
            if not listed:
                return None
            found: Mapping[str, Any] = self._greengrass.get_deployment(deploymentId=listed[0]["deploymentId"])
            return found

    def deploy(self, deployment: Mapping[str, Any]) -> str:
        """Create ``deployment``; gives its id."""
        with _in_words("The deployment cannot be created"):
            return str(self._greengrass.create_deployment(**deployment)["deploymentId"])

    def _shadow(self, thing: str) -> Mapping[str, Any] | None:
        with _in_words(f"The shadow of {thing} cannot be read"):
            try:
                answer = self._data.get_thing_shadow(thingName=thing, shadowName=SHADOW)
            except self._data.exceptions.ResourceNotFoundException:
                return None
            with contextlib.closing(answer["payload"]) as payload:
                document: Mapping[str, Any] = json.loads(payload.read())
            return document


@contextlib.contextmanager
def _in_words(what: str, missing: str = "") -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        if (
            missing
            and isinstance(error, ClientError)
            and error.response["Error"]["Code"].startswith("ResourceNotFound")
        ):
            raise ConfigurationError(missing) from error
        raise UnavailableError(
            f"{what} ({error}): look at --region, at your credentials (AWS_PROFILE and the like), what they allow, and "
            "at the network."
        ) from error
