"""What a scenario and a suite may say. The TOML files of this folder, and a user's own, are checked against this."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=60)]
Path = Annotated[str, Field(pattern=r"^/[!-~]*$")]  # as it goes over the wire: percent-encoded
Concurrency = Annotated[int, Field(ge=1, le=20_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Request(_Strict):
    """The request that is sent, the same every time."""

    path: Path
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    headers: dict[str, str] = {}
    body: str = ""


class Expect(_Strict):
    """What makes an answer right. `exchange` names the part of the contract that the suite's own apps are held to,
    byte for byte; a user's app is held to `status` and `text` alone."""

    status: int = Field(200, ge=200, le=599)
    text: str | None = None
    exchange: str | None = None


class Load(_Strict):
    """How requests arrive: closed loop at each of `concurrency`; with `rate_rps`, open loop at each of these rates.

    In the open loop `connections` bounds what is in flight. `timeout_s` is the deadline of a whole request.
    """

    concurrency: list[Concurrency] = []
    rate_rps: list[Rate] = []
    connections: Concurrency = 256
    poisson: bool = True
    timeout_s: float = Field(10.0, gt=0, le=600)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.concurrency) == bool(self.rate_rps):
            raise ValueError("give either concurrency (closed loop) or rate_rps (open loop)")
        return self


class Scenario(_Strict):
    """One workload. `floor_ms` is a wait that every answer holds, so that nothing can be faster; `waiting` says that
    the scenario is about holding requests, not about speed: it is measured in longer windows."""

    name: Name
    title: str
    request: Request
    expect: Expect = Expect()
    load: Load
    floor_ms: float = Field(0.0, ge=0, le=600_000)
    waiting: bool = False
    turn_ms: float | None = Field(None, ge=5, le=60_000)

    @property
    def provable(self) -> bool:
        """Whether asking once beforehand proves something: what a write does when it is repeated is the user's
        business."""
        return self.request.method == "GET" and not self.request.body


class SuiteScenario(_Strict):
    """A scenario's place in a suite: which one, at which levels, and how long each target is measured per epoch.

    With `launches`, it is measured in the first so many epochs only: what is steady from launch to launch needs fewer.
    """

    name: str
    seconds: float = Field(gt=0, le=3600)
    launches: int | None = Field(None, ge=1, le=1000)
    concurrency: list[Concurrency] = []
    rate_rps: list[Rate] = []

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.concurrency and self.rate_rps:
            raise ValueError("give concurrency (closed loop) or rate_rps (open loop), not both")
        return self


class Epochs(_Strict):
    """How many launches: at least `min`, and as many up to `max` as the budget allows."""

    min: int = Field(3, ge=1, le=1000)
    max: int = Field(10, ge=1, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        return self


class Suite(_Strict):
    """Targets, scenarios and a budget: what one ``bench run`` does."""

    name: Name
    title: str
    budget_s: float = Field(gt=0, le=7 * 86400)
    epochs: Epochs = Epochs()
    targets: list[str] = Field(min_length=1)
    baseline: str | None = None
    scenario: list[SuiteScenario] = Field(min_length=1)

    @field_validator("targets")
    @classmethod
    def _each_once(cls, targets: list[str]) -> list[str]:
        if len(set(targets)) != len(targets):
            raise ValueError("a target is listed twice")
        return targets

    @field_validator("baseline")
    @classmethod
    def _is_a_target(cls, baseline: str | None, info: ValidationInfo) -> str | None:
        if baseline is not None and baseline not in info.data.get("targets", [baseline]):
            raise ValueError(f"{baseline!r} is not one of the targets")
        return baseline
