"""docs/cluster.md: its Slurm script runs, and asks Ray and normdrop for what they know."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import click

_PAGE = Path(__file__).parents[3] / "docs" / "cluster.md"

_SRUN = """#!/bin/bash
# Stands in for Slurm: says what it would run on each node.
printf '%s\\n' "$@" > "$SAID"
"""
_SCONTROL = """#!/bin/bash
test "$*" = "show hostnames node[01-04]" && printf 'node%s\\n' 01 02 03 04
"""


@pytest.fixture(scope="module")
def script() -> str:
    """The script as it stands on the page."""
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n.*?)```", _PAGE.read_text(), re.DOTALL)
    return str(script)


@pytest.fixture
def words(script: str, tmp_path: Path) -> list[str]:
    """What the script has every node run, in an allocation of four nodes."""
    for name, text in (("srun", _SRUN), ("scontrol", _SCONTROL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    activate = tmp_path / "normdrop" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    allocation = {
        "SLURM_JOB_NODELIST": "node[01-04]",
        "SLURM_JOB_NUM_NODES": "4",
        "SLURM_CPUS_PER_TASK": "32",
        "SLURM_SUBMIT_DIR": "/home/me/my runs",
    }
    said = tmp_path / "said"
    subprocess.run(
        ["/bin/bash", "-c", script],
        check=True,
        env={
            **allocation,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "SAID": str(said),
        },
    )
    return said.read_text().splitlines()


def test_the_script_asks_slurm_for_one_ray_per_node(script: str) -> None:
    """One task per node, with its cores, and a node that fails ends nothing else."""
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=?(\S*)$", script, re.MULTILINE))
    assert asked["ntasks-per-node"] == "1"
    assert {"nodes", "cpus-per-task", "exclusive", "no-kill", "time"} <= asked.keys()


def test_ray_knows_what_it_is_asked(words: list[str]) -> None:
    """The command and its options are those of the installed Ray."""
    from ray.scripts.scripts import cli, start

    first = words.index("ray")
    assert words[:first] == ["--nodes=4", "--ntasks=4", "--no-kill"]
    command = cli.commands[words[first + 1]]
    own = words[first + 2 : words.index("--")]
    given = {option.partition("=")[0] for option in own if option.startswith("--")}
    for_all_nodes = {name for option in start.params for name in option.opts}
    assert given <= {name for option in command.params for name in option.opts} | for_all_nodes
    values = command.make_context("ray", list(own), resilient_parsing=True).params
    assert (values["address"], values["min_nodes"]) == ("node01:6379", 4)
    assert list(values["ray_args_and_entrypoint"]) == ["--num-cpus=32"]


def test_normdrop_knows_what_it_is_asked(words: list[str]) -> None:
    """The comparison's options are ours, and it trains on the cluster that was started."""
    from normdrop.cli.compare import command

    program, verb, *arguments = words[words.index("--") + 1 :]
    assert (program, verb) == ("normdrop", "compare")
    values = command.make_context("compare", arguments, resilient_parsing=True).params
    assert values["on"] == "node01:6379"
    assert values["store"] == Path("/home/me/my runs/ten-orders.sqlite")


def test_the_page_s_other_commands_exist() -> None:
    """Every `ray start` and `normdrop compare` on the page parses."""
    from ray.scripts.scripts import start

    from normdrop.cli.compare import command as compare

    lines = [shlex.split(line, comments=True) for line in _PAGE.read_text().splitlines()
             if line.startswith(("ray start ", "normdrop compare "))]  # fmt: skip
    assert len(lines) >= 4
    for program, _, *arguments in lines:
        parser: click.Command = start if program == "ray" else compare
        parser.make_context(program, arguments, resilient_parsing=True)
