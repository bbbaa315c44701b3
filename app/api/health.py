"""Whether the service works, for load balancers and orchestrators."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import readiness
from app.api.deps import DatabaseDep
from app.api.responses import responses
from app.api.strict import StrictRoute

router = APIRouter(prefix="/health", tags=["service"], route_class=StrictRoute)


class Health(BaseModel):
    """The service works."""

    status: str = Field(description="Always `ok`.", examples=["ok"])


@router.get("/live", responses=responses(200, "The process works."))
async def check_live() -> Health:
    """Tell that the process works.

    Restart it when this is not answered. The database is not asked: /health/ready is for that.
    """
    return Health(status="ok")


@router.get("/ready", responses=responses(200, "The service works."))
async def check_ready(database: DatabaseDep) -> Health:
    """Tell whether the service can serve.

    503 while the database does not answer, is not migrated, or cannot be written; send requests
    elsewhere then.
    """
    await readiness.check_ready(database)
    return Health(status="ok")
