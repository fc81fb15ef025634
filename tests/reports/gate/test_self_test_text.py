import io

import pytest
from rich.console import Console

from sgibench.reports.gate.self_test import self_test_view
from sgibench.results.estimate import Estimate
from sgibench.results.gate.self_test import Part, PartName, SelfTest
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.verdicts import GateVerdict

CHANGE = Estimate(10.3, 9.7, 10.9, 9, "made up")
BOTH = (GateMetric.THROUGHPUT, GateMetric.CPU)


def part(
    name: PartName,
    verdict: GateVerdict,
    regressed: tuple[GateMetric, ...] = (),
    reasons: tuple[str, ...] = (),
    change: Estimate | None = CHANGE,
) -> Part:
    return Part(name, verdict, regressed, reasons, change, 9, 57.2, 300, f"out/{name}")


SAME = part(PartName.SAME, GateVerdict.PASS)
PLANTED = part(PartName.PLANTED, GateVerdict.REGRESSED, BOTH)


def drawn(*parts: Part, interrupted: bool = False) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=200, color_system=None).print(self_test_view(SelfTest(parts, 10.0, interrupted)))
    return file.getvalue().splitlines()


def test_a_gate_that_works_is_told_in_two_lines_and_a_conclusion() -> None:
    first, second, conclusion = drawn(SAME, PLANTED)
    assert first.startswith("✓ A against A passes  CPU per request +10.30 % [9.70 to 10.90], 9 epochs, ")
    assert second.startswith("✓ some 10 % planted is regressed  CPU per request")
    assert second.endswith("caught by Throughput and CPU per request")
    assert conclusion == "The gate works on this machine: equal code passes, and a slowdown of some 10 % is caught."


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            (part(PartName.SAME, GateVerdict.REGRESSED, BOTH, ("throughput_rps of json is worse",)), PLANTED),
            ("it calls equal code regressed.", "Throughput of json is worse.", "out/a-against-a/report.html"),
        ),
        (
            (SAME, part(PartName.PLANTED, GateVerdict.PASS)),
            ("it lets a slowdown of some 10 % pass.", "out/planted/report.html", "Run it once more"),
        ),
        (
            (SAME, part(PartName.PLANTED, GateVerdict.REGRESSED, (), ("the head failed (died)",))),
            ("it blames a slowdown of some 10 % on something else.", "The head failed (died)."),
        ),
        (
            (SAME, part(PartName.PLANTED, GateVerdict.INCONCLUSIVE, (), ("the machine was too noisy",))),
            ("could not be told", "The machine was too noisy.", "--budget 3m"),
        ),
        (
            (part(PartName.SAME, GateVerdict.INCONCLUSIVE, change=None),),
            ("CPU per request was not measured", "Nothing was planted", "out/a-against-a/report.html"),
        ),
    ],
)
def test_what_is_not_right_is_told_with_where_to_look_and_what_to_do(
    parts: tuple[Part, ...], said: tuple[str, ...]
) -> None:
    text = "\n".join(drawn(*parts))
    for each in said:
        assert each in text
    assert "The gate works" not in text


def test_what_was_interrupted_concludes_nothing() -> None:
    assert drawn(SAME, interrupted=True)[-1] == "Interrupted before it could be told."
