"""The routes of API keys, for those who administer."""

from fastapi import APIRouter, Request, Response

from app import keys
from app.api.access import AdminRoute
from app.api.deps import CursorDep, DatabaseDep
from app.api.params import DEFAULT_LIMIT, KeyId, Limit
from app.api.responses import page_response, responses
from app.models import ApiKey, ApiKeyCreate, CreatedApiKey

router = APIRouter(prefix="/keys", tags=["keys"], route_class=AdminRoute)


@router.post("/", status_code=201, responses=responses(201, "The key, shown this once."))
async def create_key(key: ApiKeyCreate, database: DatabaseDep, response: Response) -> CreatedApiKey:
    """Make a key.

    Keep what is answered as `key`: the service stores only its digest.
    """
    response.headers["Cache-Control"] = "no-store"  # RFC 6749, section 5.1, has it of tokens.
    return await keys.create_key(database, key)


@router.get("/", response_model=list[ApiKey], responses=responses(200, "The keys.", "Link"))
async def list_keys(
    database: DatabaseDep, request: Request, cursor: CursorDep, limit: Limit = DEFAULT_LIMIT
) -> Response:
    """List keys.

    A page of at most `limit` keys, newest first, those that were revoked or have expired among
    them.
    """
    page = await keys.list_keys(database, cursor, limit)
    return page_response(request, page, cursor, newest_first=True)


@router.delete(
    "/{key_id}",
    status_code=204,
    response_class=Response,
    responses=responses(204, "The key is revoked."),
)
async def revoke_key(key_id: KeyId, database: DatabaseDep) -> None:
    """Revoke a key.

    Within five seconds it admits nobody, in any process, and streams that it opened end. It stays
    in the list.
    """
    await keys.revoke_key(database, key_id)
