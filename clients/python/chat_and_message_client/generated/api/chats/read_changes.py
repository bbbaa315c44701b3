from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.changes_page import Changes
from ...models.problem_details import ProblemDetails
from ...types import Response


def _get_kwargs(
    chat_id: int,
    *,
    since: int | None = 0,
    limit: int | None = 20,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["since"] = since

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/chats/{chat_id}/changes".format(
            chat_id=quote(str(chat_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Changes | ProblemDetails:
    if response.status_code == 200:
        response_200 = Changes.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDetails.from_dict(response.json())

        return response_404

    if response.status_code == 422:
        response_422 = ProblemDetails.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ProblemDetails.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = ProblemDetails.from_dict(response.json())

        return response_503

    response_default = ProblemDetails.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Changes | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    since: int | None = 0,
    limit: int | None = 20,
) -> Response[Changes | ProblemDetails]:
    """Catch up with a chat

     At most `limit` of what changed after the revision `since`, in the order of the changes. A
    client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
    was sent, edited and deleted meanwhile; from 0 it starts with none.

    Args:
        chat_id (int): The chat's id.
        since (int | None): The revision that the client has got to; 0 for none. Default: 0.
        limit (int | None): How many to return at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Changes | ProblemDetails]
    """

    kwargs = _get_kwargs(
        chat_id=chat_id,
        since=since,
        limit=limit,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    since: int | None = 0,
    limit: int | None = 20,
) -> Changes | ProblemDetails | None:
    """Catch up with a chat

     At most `limit` of what changed after the revision `since`, in the order of the changes. A
    client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
    was sent, edited and deleted meanwhile; from 0 it starts with none.

    Args:
        chat_id (int): The chat's id.
        since (int | None): The revision that the client has got to; 0 for none. Default: 0.
        limit (int | None): How many to return at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Changes | ProblemDetails
    """

    return sync_detailed(
        chat_id=chat_id,
        client=client,
        since=since,
        limit=limit,
    ).parsed


async def asyncio_detailed(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    since: int | None = 0,
    limit: int | None = 20,
) -> Response[Changes | ProblemDetails]:
    """Catch up with a chat

     At most `limit` of what changed after the revision `since`, in the order of the changes. A
    client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
    was sent, edited and deleted meanwhile; from 0 it starts with none.

    Args:
        chat_id (int): The chat's id.
        since (int | None): The revision that the client has got to; 0 for none. Default: 0.
        limit (int | None): How many to return at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Changes | ProblemDetails]
    """

    kwargs = _get_kwargs(
        chat_id=chat_id,
        since=since,
        limit=limit,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    since: int | None = 0,
    limit: int | None = 20,
) -> Changes | ProblemDetails | None:
    """Catch up with a chat

     At most `limit` of what changed after the revision `since`, in the order of the changes. A
    client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
    was sent, edited and deleted meanwhile; from 0 it starts with none.

    Args:
        chat_id (int): The chat's id.
        since (int | None): The revision that the client has got to; 0 for none. Default: 0.
        limit (int | None): How many to return at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Changes | ProblemDetails
    """

    return (
        await asyncio_detailed(
            chat_id=chat_id,
            client=client,
            since=since,
            limit=limit,
        )
    ).parsed
