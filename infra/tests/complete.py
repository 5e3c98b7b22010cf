#!/usr/bin/env python3
"""Checks that infra/ is tested and described completely, from its text alone.

- Each rule (validation, precondition, postcondition, check, `if` of a template in validations/) has a run
  that expects its failure. A run names the variable or resource that fails, not the rule, so runs
  are counted: a variable with three rules needs three. More runs than rules can hide a missing
  run.
- A validation's condition and its message call the same template in the same way.
- Each rule of the topology names its owner, Terraform or `tidegate topology check`.
- README.md lists each variable with its default, and each output, and nothing else.
"""

import collections
import pathlib
import re
import sys

INFRA = pathlib.Path(__file__).resolve().parents[1]

BLOCK = re.compile(
    r'^(?P<kind>variable|resource|data|check|output) (?P<labels>"[^\n{]*") \{$(?P<body>.*?)^\}$',
    re.MULTILINE | re.DOTALL,
)
RULE = re.compile(r"^ +(?:validation|precondition|postcondition) \{$", re.MULTILINE)
TEMPLATE = re.compile(
    r'templatefile\(\s*"\$\{path\.module\}/(validations/\w+\.tftpl)"(.*?)\n    \)', re.DOTALL
)
BREACH = re.compile(r"%\{ if (.*?) ~\}", re.DOTALL)
OWNER = re.compile(r"Owner: (topology check|Terraform)\b")
EXPECTED = re.compile(r"expect_failures\s*=\s*\[(.*?)\]", re.DOTALL)


def blocks(path):
    """(kind, module, address, body) of each block of a formatted file."""
    module = path.parent.name if path.parent != INFRA else ""
    for match in BLOCK.finditer(path.read_text()):
        labels = re.findall(r'"([^"]*)"', match["labels"])
        prefix = {
            "variable": "var.",
            "resource": "",
            "data": "data.",
            "check": "check.",
            "output": "output.",
        }[match["kind"]]
        yield match["kind"], module, prefix + ".".join(labels), match["body"]


def sources():
    return sorted(INFRA.glob("*.tf")) + sorted(INFRA.glob("modules/*/*.tf"))


def rules():
    counted = collections.Counter()
    for path in sources():
        for kind, module, address, body in blocks(path):
            counted[module, address] += 1 if kind == "check" else len(RULE.findall(body))
            # A validation with a template has as many rules as that has conditions.
            for name in {name for name, _ in TEMPLATE.findall(body)}:
                counted[module, address] += len(BREACH.findall((INFRA / name).read_text())) - 1
    return +counted


def unpaired():
    """Validations whose condition and message disagree, and templates that nothing uses."""
    used = set()
    for path in sources():
        for _, _, address, body in blocks(path):
            called = TEMPLATE.findall(body)
            used |= {name for name, _ in called}
            if called and (len(called) != 2 or called[0] != called[1]):
                yield f"{address}: condition and error_message must call one template in one way"
    for path in sorted(INFRA.glob("validations/*")):
        if str(path.relative_to(INFRA)) not in used:
            yield f"infra/{path.relative_to(INFRA)} is not used: remove it"


def unowned():
    """Rules of the topology that do not name their owner."""
    missing = "add `Owner: topology check, FILE.` or `Owner: Terraform, REASON.`"
    for _, _, address, body in blocks(INFRA / "topology.tf"):
        for name in sorted({name for name, _ in TEMPLATE.findall(body)}):
            for condition in BREACH.findall((INFRA / name).read_text()):
                if not OWNER.search(condition):
                    yield f"infra/{name}: the rule `{' '.join(condition.split())}`: {missing}"
        for rule in re.split(RULE, body)[1:]:
            if "templatefile" not in rule and not OWNER.search(rule):
                yield f"infra/topology.tf: a rule of {address}: {missing}"


def expectations():
    """How many runs expect each address to fail, by the module they run."""
    counted = collections.Counter()
    for path in sorted(INFRA.glob("tests/*.tftest.hcl")):
        for body in re.findall(
            r'^run "[^"]*" \{$(.*?)^\}$', path.read_text(), re.MULTILINE | re.DOTALL
        ):
            module = re.search(r'source\s*=\s*"\./modules/([^"]*)"', body)
            for listed in EXPECTED.findall(body):
                for address in re.findall(r"[\w.-]+", listed):
                    counted[module[1] if module else "", address] += 1
    return counted


def untested():
    tested = expectations()
    for (module, address), wanted in sorted(rules().items()):
        found = tested[module, address]
        if found < wanted:
            where = f" of modules/{module}" if module else ""
            yield (
                f"{address}{where} has {wanted} rule{'s' * (wanted > 1)}, and {found or 'no'} run"
                f" in infra/tests expects one to fail: add `expect_failures = [{address}]`"
            )


def default_of(body):
    """A variable's default as it is written, on one line; None if it must be given."""
    match = re.search(r"^  default +=(.*?)(?=^  \w|^  \}|\Z)", body, re.MULTILINE | re.DOTALL)
    return " ".join(match[1].split()) if match else None


def table(text, heading):
    """First cell -> the cells behind it, of the table under a heading."""
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not section:
        sys.exit(f'infra/README.md has no heading "## {heading}"')
    rows = {}
    for line in section[1].splitlines():
        cells = (
            [cell.strip() for cell in line.strip("|").split(" | ")]
            if line.startswith("| `")
            else []
        )
        if cells:
            rows[cells[0].strip("`").strip()] = cells[1:]
    return rows


def undescribed():
    text = (INFRA / "README.md").read_text()
    declared = {
        address.removeprefix("var."): default_of(body)
        for path in sorted(INFRA.glob("variables*.tf"))
        for kind, module, address, body in blocks(path)
        if kind == "variable"
    }
    described = table(text, "Inputs")
    for name in sorted(declared.keys() - described.keys()):
        yield f"infra/README.md, Inputs, lacks {name}: add a row for it"
    for name in sorted(described.keys() - declared.keys()):
        yield (
            f"infra/README.md, Inputs, has {name}, which infra/variables*.tf do not: remove its row"
        )
    for name in sorted(declared.keys() & described.keys()):
        wanted = "required" if declared[name] is None else f"`{declared[name]}`"
        if described[name][0] != wanted:
            yield (
                f"infra/README.md, Inputs, gives {name} the default {described[name][0]};"
                f" infra/variables*.tf say {wanted}"
            )

    outputs = {
        address.removeprefix("output.")
        for kind, module, address, body in blocks(INFRA / "outputs.tf")
        if kind == "output"
    }
    described = set(table(text, "Outputs"))
    for name in sorted(outputs - described):
        yield f"infra/README.md, Outputs, lacks {name}: add a row for it"
    for name in sorted(described - outputs):
        yield (
            f"infra/README.md, Outputs, has {name}, which infra/outputs.tf does not: remove its row"
        )


def main():
    problems = [*untested(), *unpaired(), *unowned(), *undescribed()]
    if problems:
        sys.exit("\n".join(problems))
    counted = rules()
    print(
        f"{sum(counted.values())} rules of {len(counted)} variables and resources are tested;"
        " README.md is current"
    )


main()
