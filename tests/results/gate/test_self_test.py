import pytest

from sgibench.results.gate.judge import judge
from sgibench.results.gate.self_test import Judgement, Part, PartName, SelfTest, judge_part
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.gate.verdicts import GateVerdict

from .builders import epochs, gate_run

CPU, THROUGHPUT, MEMORY = GateMetric.CPU, GateMetric.THROUGHPUT, GateMetric.MEMORY_IDLE
PASS, REGRESSED, INCONCLUSIVE = GateVerdict.PASS, GateVerdict.REGRESSED, GateVerdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("name", "verdict", "regressed", "judgement"),
    [
        (PartName.SAME, PASS, (), Judgement.RIGHT),
        (PartName.SAME, REGRESSED, (CPU,), Judgement.WRONG),
        (PartName.SAME, REGRESSED, (), Judgement.WRONG),
        (PartName.SAME, INCONCLUSIVE, (), Judgement.INCONCLUSIVE),
        (PartName.SAME, GateVerdict.GO_ON, (), Judgement.INCONCLUSIVE),
        (PartName.PLANTED, REGRESSED, (CPU, THROUGHPUT), Judgement.RIGHT),
        (PartName.PLANTED, REGRESSED, (THROUGHPUT,), Judgement.RIGHT),
        (PartName.PLANTED, REGRESSED, (MEMORY,), Judgement.WRONG),
        (PartName.PLANTED, REGRESSED, (), Judgement.WRONG),
        (PartName.PLANTED, PASS, (), Judgement.WRONG),
        (PartName.PLANTED, INCONCLUSIVE, (), Judgement.INCONCLUSIVE),
    ],
)
def test_a_part_is_right_where_the_verdict_is_the_known_one(
    name: PartName, verdict: GateVerdict, regressed: tuple[GateMetric, ...], judgement: Judgement
) -> None:
    assert judge_part(name, verdict, regressed) is judgement


def part(name: PartName, percent: float, count: int = 12) -> Part:
    """A part as the gate's own rule judges made-up launches."""
    settings = GateSettings(threshold_percent=5.0, gated=(CPU, THROUGHPUT))
    result = judge(gate_run(epochs(count, {CPU: percent, THROUGHPUT: percent}), settings), final=True)
    return Part.of(name, result, loops=300, run=f"out/{name}")


SAME_RIGHT, SAME_WRONG, SAME_OPEN = (part(PartName.SAME, *given) for given in ((0.0,), (8.0,), (0.0, 3)))
PLANTED_RIGHT, PLANTED_WRONG, PLANTED_OPEN = (part(PartName.PLANTED, *given) for given in ((10.0,), (0.0,), (10.0, 3)))


@pytest.mark.parametrize(
    ("parts", "judgement", "code"),
    [
        ((SAME_RIGHT, PLANTED_RIGHT), Judgement.RIGHT, 0),
        ((SAME_WRONG, PLANTED_RIGHT), Judgement.WRONG, 1),
        ((SAME_RIGHT, PLANTED_WRONG), Judgement.WRONG, 1),
        ((SAME_OPEN, PLANTED_WRONG), Judgement.WRONG, 1),
        ((SAME_OPEN, PLANTED_RIGHT), Judgement.INCONCLUSIVE, 75),
        ((SAME_RIGHT, PLANTED_OPEN), Judgement.INCONCLUSIVE, 75),
        ((SAME_RIGHT,), Judgement.INCONCLUSIVE, 75),
        ((SAME_WRONG,), Judgement.WRONG, 1),
        ((), Judgement.INCONCLUSIVE, 75),
    ],
)
def test_the_whole_is_right_only_where_both_parts_are_and_wrong_where_one_is(
    parts: tuple[Part, ...], judgement: Judgement, code: int
) -> None:
    test = SelfTest(parts, 10.0)
    assert (test.judgement, test.exit_code) == (judgement, code)
    document = test.to_dict()
    assert (document["verdict"], document["exit_code"]) == (judgement.value, code)
    assert SelfTest(parts, 10.0, interrupted=True).exit_code == 130


def test_the_document_has_both_parts_with_the_change_of_cpu_per_request() -> None:
    first, second = SelfTest((SAME_RIGHT, PLANTED_RIGHT), 10.0).to_dict()["parts"]
    assert (first["part"], first["expected"], first["verdict"]) == ("a-against-a", "pass", "pass")
    assert (second["part"], second["expected"], second["verdict"]) == ("planted", "regressed", "regressed")
    assert second["regressed"] == ["throughput_rps", "cpu_us_per_request"]
    assert second["change_percent"]["value"] == pytest.approx(10, abs=0.5)
    assert second["change_percent"]["low"] < second["change_percent"]["value"] < second["change_percent"]["high"]
    assert (second["epochs"], second["run"], second["loops"]) == (12, "out/planted", 300)
