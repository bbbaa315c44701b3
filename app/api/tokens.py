"""The route of tokens, for those who administer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.api.access import AdminRoute
from app.api.responses import responses
from app.models import NewToken, TokenCreate
from app.tokens import Tokens

router = APIRouter(prefix="/tokens", tags=["tokens"], route_class=AdminRoute)


async def get_tokens(request: Request) -> Tokens:
    """Return the tokens that the service knows."""
    tokens: Tokens = request.app.state.tokens
    return tokens


@router.post("/", status_code=201, responses=responses(201, "The token."))
async def create_token(
    token: TokenCreate, tokens: Annotated[Tokens, Depends(get_tokens)], response: Response
) -> NewToken:
    """Make a token.

    For one of your users, for a while: it reads and follows the chats that it names, and sends as
    its author. Nothing of it is stored, and it cannot be revoked.
    """
    response.headers["Cache-Control"] = "no-store"  # RFC 6749, section 5.1.
    return tokens.make(token)
