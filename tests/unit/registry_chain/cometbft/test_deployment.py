"""How nodes are run in service: units, compose file, image; pinned, without root, locked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from registry_chain.engines.cometbft.binary import DEFAULT_VERSION, VERSIONS
from registry_chain.engines.cometbft.deployment import (
    IMAGE,
    can_compose,
    compose_file,
    systemd_unit,
    write_deployment,
)
from registry_chain.engines.cometbft.network import (
    EVERYWHERE,
    PlannedNode,
    plan_containers,
    plan_one_machine,
)
from tests.support.clauses import clause
from weid.registry.node_operations import NodeRole

ROOT = Path(__file__).parents[4]
FOUR = plan_one_machine(
    validators=4, observers=0, sentries=0, base_port=26650, first_address="127.0.0.1"
)
IN_CONTAINERS = plan_containers(FOUR)
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")


@clause("NT-15")
def test_the_compose_file_of_the_project_is_what_net_init_writes():
    found = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    assert found == compose_file(IN_CONTAINERS, build="..")


@clause("NT-15")
@pytest.mark.parametrize("plans", [FOUR, IN_CONTAINERS], ids=["one machine", "containers"])
def test_four_services_of_a_pinned_image_without_root(plans):
    body = yaml.safe_load(compose_file(plans))
    assert list(body["services"]) == [plan.name for plan in plans]
    for plan, service in zip(plans, body["services"].values(), strict=True):
        assert service["image"] == IMAGE
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["volumes"] == [f"./nodes/{plan.name}:/node"]
        assert service["command"] == [
            "start", "/node", "--host", plan.api_host, "--port", str(plan.api_port),
        ]  # fmt: skip
    assert "latest" not in compose_file(plans)
    assert IMAGE.endswith(DEFAULT_VERSION)


@clause("NT-15")
def test_one_machine_s_nodes_share_its_network_and_others_publish_one_api_to_it():
    assert yaml.safe_load(compose_file(FOUR))["x-node"]["network_mode"] == "host"
    services = yaml.safe_load(compose_file(IN_CONTAINERS))["services"].values()
    published = [service["ports"] for service in services if "ports" in service]
    assert published == [["127.0.0.1:8700:8700"]]


@clause("NT-15")
@pytest.mark.parametrize("plans", [FOUR, IN_CONTAINERS], ids=["one machine", "containers"])
def test_the_health_of_a_service_is_asked_where_its_api_listens(plans):
    for service in yaml.safe_load(compose_file(plans))["services"].values():
        _, _, _, host, _, port = service["command"]
        asked = re.search(r"'http://([\d.]+):(\d+)/healthz'", service["healthcheck"]["test"][-1])
        assert asked[2] == port
        assert host in {asked[1], EVERYWHERE}
        assert service["healthcheck"]["test"][0] == "CMD"


@clause("NT-15")
@pytest.mark.parametrize("plans", [FOUR, IN_CONTAINERS], ids=["one machine", "containers"])
def test_what_is_published_is_listened_on_inside(plans):
    for service in yaml.safe_load(compose_file(plans))["services"].values():
        for published in service.get("ports", ()):
            assert service["command"][-3:] == [EVERYWHERE, "--port", published.rsplit(":", 1)[1]]


@clause("NT-15")
def test_hosts_have_units_and_no_compose_file_that_could_not_run_them(tmp_path):
    hosts = [
        PlannedNode(name=name, role=NodeRole.VALIDATOR, address=f"10.0.0.{number}")
        for number, name in enumerate(("north", "south"), 1)
    ]
    assert can_compose(FOUR)
    assert can_compose(IN_CONTAINERS)
    assert not can_compose(hosts)
    write_deployment(tmp_path, hosts)
    assert [path.name for path in tmp_path.iterdir()] == ["systemd"]


@clause("NT-15")
def test_the_image_has_the_versions_of_the_code():
    assert re.search(r"^ARG COMETBFT=(\S+)$", CONTAINERFILE, re.MULTILINE)[1] == DEFAULT_VERSION
    assert f"weid-node:cometbft-{DEFAULT_VERSION}" in CONTAINERFILE
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^COMETBFT \?= (\S+)$", makefile, re.MULTILINE)[1] == DEFAULT_VERSION
    lanes = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(f'"{version}' in lanes for version in VERSIONS)


@clause("NT-15")
def test_the_image_is_made_of_pinned_parts_and_runs_without_root():
    bases = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    assert len(bases) == 3
    assert all(re.fullmatch(r"\S+:\d+\.\d+\.\d+-\S+", base) for base in bases)
    assert "latest" not in CONTAINERFILE
    last = CONTAINERFILE.rsplit("FROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "--require-hashes -r requirements/node.lock" in CONTAINERFILE
    others = [line for line in CONTAINERFILE.splitlines() if "pip install" in line]
    assert len(others) == 2
    assert "--no-index" in CONTAINERFILE


def pins(text):
    """Return each package's lines without the comments."""
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", text.strip())
    return {
        block.split("==")[0]: [line for line in block.splitlines() if "#" not in line]
        for block in blocks
    }


@clause("NT-15", "W34")
def test_the_image_s_lock_has_the_pins_and_hashes_of_ours_and_what_the_node_needs():
    requirements = ROOT / "requirements"
    node = pins((requirements / "node.lock").read_text(encoding="utf-8"))
    ours = pins((requirements / "dev.lock").read_text(encoding="utf-8"))
    assert all(lines == ours[name] for name, lines in node.items())
    assert all(any("--hash=sha256:" in line for line in lines) for lines in node.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["node"], "setuptools"]
    names = {re.match(r"[A-Za-z0-9-]+", each)[0].lower() for each in wanted}
    assert names <= set(node)
    assert not {"pytest", "mypy", "ruff", "uv"} & set(node)


@clause("NT-15")
def test_a_unit_is_hardened_and_stops_the_supervisor_only():
    unit = systemd_unit(FOUR[1])
    lines = unit.splitlines()
    assert (
        "ExecStart=/opt/weid/bin/registry-chain start /var/lib/weid/validator-2 "
        "--host 127.0.0.1 --port 26662"
    ) in lines
    for line in (
        "User=weid", "KillMode=mixed", "Restart=on-abnormal", "NoNewPrivileges=yes",
        "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "UMask=0077",
        "PrivateTmp=yes", "SystemCallFilter=@system-service", "StateDirectoryMode=0700",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    ):  # fmt: skip
        assert line in lines
    known = re.compile(r"#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=.*|")
    assert all(known.fullmatch(line) for line in lines)


@clause("NT-15")
def test_each_node_has_its_unit(tmp_path):
    write_deployment(tmp_path, FOUR)
    write_deployment(tmp_path, FOUR)
    units = sorted(path.name for path in (tmp_path / "systemd").iterdir())
    assert units == [f"weid-validator-{number}.service" for number in range(1, 5)]
    assert (tmp_path / "compose.yaml").read_text() == compose_file(FOUR)
