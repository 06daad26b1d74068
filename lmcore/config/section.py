"""What every section of the configuration is, and the error about several fields at once."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


def disagreement(message: str, *fields: str) -> PydanticCustomError:
    """An error about several fields at once; `fields` are their dotted names, the first one is where it is shown."""
    return PydanticCustomError("disagreement", "{message}", {"message": message, "fields": fields})


class Section(BaseModel):
    """One section of the configuration: frozen, and strict about unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, strict=True, protected_namespaces=(), validate_default=True
    )
