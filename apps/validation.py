"""What the bodies of requests must look like, and how a wrong one is told, in FastAPI's words.

FastAPI takes the models as parameters and words its 422 itself. The other applications `parse` the body and answer
with the `problems` of the error.
"""

import json
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, Field, ValidationError

from .database.rows import LARGEST

MOST: Final = 10**15
"""More than any shop has of anything, and little enough for a database to add it to what is reserved."""
NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL's texts hold every character but this one."""

Model = TypeVar("Model", bound=BaseModel)


class NewItem(BaseModel):
    """An item to be put on sale."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=NO_NUL)]
    price: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    description: Annotated[str | None, Field(pattern=NO_NUL)] = None
    stock: Annotated[int, Field(ge=0, le=LARGEST)] = 0


class NewOrder(BaseModel):
    """So many of an item."""

    item_id: Annotated[int, Field(le=LARGEST)]
    quantity: Annotated[int, Field(ge=1, le=MOST)]


def parse(model: type[Model], raw: bytes) -> Model:
    """The body of a request as a model. Raises pydantic's ValidationError, for `problems`."""
    return model.model_validate_json(raw)


def problems(error: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, as the `detail` of a 422: `type`, `loc` (from `body` on), `msg` and what else JSON can hold."""
    # The input is left out of the whole where it is the body itself: it need not be text at all.
    whole = any(not problem["loc"] for problem in error.errors(include_url=False, include_input=False))
    found: list[dict[str, Any]] = json.loads(
        error.json(include_url=False, include_input=not whole),
        # Infinity and NaN, which Python's JSON knows and JSON does not.
        parse_constant=str,
    )
    return [{**problem, "loc": ["body", *problem["loc"]]} for problem in found]
