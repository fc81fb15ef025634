"""What a suite may say: targets, scenarios and a budget."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from .model import Concurrency, Name, Rate, Strict


def _each_once(targets: list[str]) -> list[str]:
    if len(set(targets)) != len(targets):
        raise ValueError("a target is listed twice")
    return targets


Targets = Annotated[list[str], Field(min_length=1), AfterValidator(_each_once)]


class SuiteScenario(Strict):
    """A scenario's place in a suite: which one, at which levels, and how long each target is measured per epoch.

    With `launches`, it is measured in the first so many epochs only: what is steady from launch to launch needs fewer.
    """

    name: str
    seconds: float = Field(gt=0, le=3600)
    launches: int | None = Field(None, ge=1, le=1000)
    concurrency: list[Concurrency] = Field([])
    rate_rps: list[Rate] = Field([])

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.concurrency and self.rate_rps:
            raise ValueError("give concurrency (closed loop) or rate_rps (open loop), not both")
        return self


class Epochs(Strict):
    """How many launches: at least `min`, and as many up to `max` as the budget allows."""

    min: int = Field(3, ge=1, le=1000)
    max: int = Field(10, ge=1, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        return self


def _one_of_the_targets(baseline: str | None, info: ValidationInfo) -> str | None:
    if baseline is not None and baseline not in (info.data.get("targets") or [baseline]):
        raise ValueError(f"{baseline!r} is not one of the targets")
    return baseline


Baseline = Annotated[str | None, AfterValidator(_one_of_the_targets)]


class Group(Strict):
    """Targets that are compared with each other, and with no others. All groups of a suite are measured together.

    With `slots`, each target must hold just so many requests at once (or any number), and only what presses no harder
    is compared: the same number of requests is in service everywhere. `without` names the suite's scenarios in which
    something else decides how many are; they are no part of the comparison.
    """

    name: Name
    title: str
    targets: Targets
    baseline: Baseline = None
    slots: int | None = Field(None, ge=1, le=100_000)
    without: list[str] = Field([])


class Suite(Strict):
    """Targets (or groups of them), scenarios and a budget: what one ``bench run`` does.

    A target is written APP@SETUP; a setup KIND-* has the numbers that its server advises for the cores at hand. The
    `baseline`, which the others are compared with, is the first target unless it is named.
    """

    name: Name
    title: str
    budget_s: float = Field(gt=0, le=7 * 86400)
    epochs: Epochs = Epochs()
    targets: Targets | None = None
    baseline: Baseline = None
    group: list[Group] = Field([])
    scenario: list[SuiteScenario] = Field(min_length=1)

    @model_validator(mode="after")
    def _targets_or_groups(self) -> Self:
        if (self.targets is None) == (not self.group):
            raise ValueError("give either targets or [[group]]s of them")
        if self.group and self.baseline is not None:
            raise ValueError("each [[group]] has a baseline of its own")
        names = [group.name for group in self.group]
        if len(set(names)) != len(names):
            raise ValueError("two groups have the same name")
        known = {place.name for place in self.scenario}
        for group in self.group:
            for name in group.without:
                if name not in known:
                    raise ValueError(f"group {group.name!r} is without {name!r}, which is no scenario of the suite")
        return self

    @property
    def all_targets(self) -> list[str]:
        """Every target once, as it is written, in order."""
        return list(dict.fromkeys(self.targets or [target for group in self.group for target in group.targets]))
