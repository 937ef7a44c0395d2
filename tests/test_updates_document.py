"""Every command of docs/updates.md is run as it stands there, in its order; a folder takes the bucket's place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from publish_kit import shop

from index_builder.increment import FEWEST_VIEWS, MOST_CHANGED, MOST_SEGMENTS
from index_builder.publish.channel import KEPT, LIFE
from index_builder.publish.gate import LEAST_RECALL
from index_builder.publish.private_keys import PASSPHRASE

PAGE = (Path(__file__).parents[1] / "docs" / "updates.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.timeout(300)
def test_every_command_runs_in_its_order(tmp_path: Path) -> None:
    shop(tmp_path / "my-index")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "usb").mkdir()
    commands = [line for block in BLOCKS for line in block.splitlines()]
    assert len(commands) >= 8
    for command in commands:
        ended = subprocess.run(
            ["bash", "-c", command.replace("s3://my-bucket/index", "bucket")],
            check=False,
            cwd=tmp_path,
            env={**os.environ},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, f"{command}:\n{ended.stderr}"


def test_the_figures_are_those_of_the_code() -> None:
    assert f"From {FEWEST_VIEWS:,} views on" in PAGE
    assert MOST_CHANGED == 0.1
    assert "more than a tenth of the views" in PAGE
    assert f"more than {MOST_SEGMENTS} segments" in PAGE
    assert f"at least {LEAST_RECALL:.0%}".replace("%", " %") in PAGE
    assert KEPT == 10
    assert "newest ten\ngenerations" in PAGE
    assert LIFE["timestamp"].days == 60
    assert LIFE["targets"].days == LIFE["snapshot"].days == 730
    assert PASSPHRASE in PAGE
