"""Whether the service works, for load balancers and orchestrators."""

from fastapi import APIRouter
from pydantic import BaseModel

from app import crud
from app.api.params import Open
from app.api.strict import StrictRoute
from app.core.errors import Unavailable
from app.core.migrations import is_behind

router = APIRouter(prefix="/health", tags=["health"], route_class=StrictRoute)


class Health(BaseModel):
    """The service works."""

    status: str = "ok"


@router.get("/live")
async def check_live() -> Health:
    """Answer, which shows that the process works."""
    return Health()


@router.get("/ready")
async def check_ready(database: Open) -> Health:
    """Answer 200 when the database answers and is migrated, and else 503."""
    if is_behind(await database.run(crud.read_schema_revision)):
        raise Unavailable("The database is not migrated; run `python -m app migrate`.")
    return Health()
