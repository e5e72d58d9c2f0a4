"""What must hold of docker-compose.yml, Dockerfile and what they name. Prints every finding."""

import pathlib
import re
import subprocess
import sys

import yaml

findings = []


def must(holds, finding):
    if not holds:
        findings.append(finding)


compose = yaml.safe_load(pathlib.Path("docker-compose.yml").read_text())
services = compose["services"]
dockerfile = pathlib.Path("Dockerfile").read_text()

for name, image in {
    "postgres": r"postgres:17(\.\d+)?",
    "rabbitmq": r"rabbitmq:4(\.\d+)*(-management)?",
    "mail": r"axllent/mailpit:v\d+\.\d+.*",
}.items():
    found = services.get(name, {}).get("image", "")
    must(re.fullmatch(image, found), f"{name}: image {found!r} is not {image}")

must(services["worker"].get("deploy", {}).get("replicas") == 2, "worker: two replicas are wanted")

for name, service in services.items():
    for port in service.get("ports", []):
        must(
            isinstance(port, str) and port.startswith("127.0.0.1:"),
            f"{name}: port {port!r} is published beyond loopback; write \"127.0.0.1:…\"",
        )
    must("network_mode" not in service, f"{name}: network_mode would publish every port")
    must(not service.get("privileged"), f"{name}: privileged")
    test = service.get("healthcheck", {})
    must(test.get("test") or test.get("disable"), f"{name}: no healthcheck")
    for key, value in service.get("environment", {}).items():
        secret = re.search("PASS|SECRET|TOKEN|KEY|URL", key) and not key.endswith("_FILE")
        must(not secret, f"{name}: {key} holds a secret in the environment; use a file in secrets")
    for one in service.get("secrets", []):
        source = one if isinstance(one, str) else one["source"]
        must(source in compose["secrets"], f"{name}: secret {source} is not declared")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            must(pathlib.Path(source).exists(), f"{name}: {source} does not exist")
        else:
            must(source in compose["volumes"], f"{name}: volume {source} is not declared")
    for other, rule in service.get("depends_on", {}).items():
        must(other in services, f"{name}: depends on {other}, which is no service")
        if rule["condition"] == "service_healthy":
            disabled = services.get(other, {}).get("healthcheck", {}).get("disable")
            must(not disabled, f"{name}: waits for the health of {other}, which has no check")

waits = services["worker"].get("depends_on", {})
must(
    waits.get("migrate", {}).get("condition") == "service_completed_successfully",
    "worker: must wait until migrate is done",
)
for name in ("postgres", "rabbitmq"):
    must(waits.get(name, {}).get("condition") == "service_healthy", f"worker: must wait for {name}")

# Every secret comes from a file that scripts/compose-secrets makes and git does not know.
maker = pathlib.Path("scripts/compose-secrets").read_text()
for name, secret in compose["secrets"].items():
    path = pathlib.PurePosixPath(secret.get("file", ""))
    must(path.parent.name == "secrets", f"secret {name}: {path} is not in ./secrets")
    must(f">{path.name}\n" in maker, f"secret {name}: scripts/compose-secrets does not make {path.name}")
tracked = subprocess.run(["git", "ls-files", "secrets"], capture_output=True, text=True).stdout
must(not tracked, f"git knows secrets: {tracked.split()}")

# Every file that the configuration reads secrets from is mounted into who reads it.
config = pathlib.Path("config/compose.toml").read_text()
for name in re.findall(r'_file = "/run/secrets/(\w+)"', config):
    for service in ("worker", "migrate"):
        must(name in services[service]["secrets"], f"{service}: config/compose.toml needs secret {name}")
literal = re.findall(r'^(?:password|token|key|\w*_token)\s*=\s*"[^"]+"', config, re.M)
must(not literal, f"config/compose.toml holds a secret: {literal}")

stages = re.findall(r"^FROM (\S+)", dockerfile, re.M)
must(len(stages) == 2 and stages[-1] == "debian:bookworm-slim", f"Dockerfile: stages {stages}")
last = dockerfile.rpartition("\nFROM ")[2]
user = re.findall(r"^USER (\S+)", last, re.M)
must(user and user[-1].split(":")[0] not in ("root", "0"), "Dockerfile: the program runs as root")
must("HEALTHCHECK" in last, "Dockerfile: no HEALTHCHECK")
must("--locked" in dockerfile, "Dockerfile: builds without --locked")
ignored = pathlib.Path(".dockerignore").read_text().split("\n")
must("*" in ignored, ".dockerignore: must begin with nothing and name what is let in")
for source in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.M):
    must(pathlib.Path(source).exists(), f"Dockerfile: copies {source}, which does not exist")
    must(source == "." or f"!{source}" in ignored, f".dockerignore: keeps {source} out")

for finding in findings:
    print(f"compose: {finding}", file=sys.stderr)
if findings:
    sys.exit(1)
print(f"docker-compose.yml and Dockerfile: {len(services)} services, in order")
