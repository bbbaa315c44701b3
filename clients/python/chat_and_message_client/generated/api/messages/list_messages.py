from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.message import Message
from ...models.problem_details import ProblemDetails
from ...types import Response


def _get_kwargs(
    *,
    limit: int | None = None,
    chat_id: int | None = None,
    q: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["chat_id"] = chat_id

    params["q"] = q

    params["before"] = before

    params["after"] = after

    params = {k: v for k, v in params.items() if v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/messages",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | list[Message]:
    if response.status_code == 200:
        response_200 = []
        _response_200 = response.json()
        for response_200_item_data in _response_200:
            response_200_item = Message.from_dict(response_200_item_data)

            response_200.append(response_200_item)

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

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
) -> Response[ProblemDetails | list[Message]]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = None,
    chat_id: int | None = None,
    q: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> Response[ProblemDetails | list[Message]]:
    """List, search or export messages

     Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
    a cursor the oldest. A search (`q`) always answers a page, newest first; one may be short, or
    even empty, before the last.

    Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
    accepts `application/x-ndjson`, as a JSON object a line.

    Args:
        limit (int | None): How many to return at most.
        chat_id (int | None): Only messages of this chat.
        q (str | None): Only messages with these words; `"a phrase"`, `or` and `-not` mean what
            they mean to web searches.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | list[Message]]
    """

    kwargs = _get_kwargs(
        limit=limit,
        chat_id=chat_id,
        q=q,
        before=before,
        after=after,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = None,
    chat_id: int | None = None,
    q: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> ProblemDetails | list[Message] | None:
    """List, search or export messages

     Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
    a cursor the oldest. A search (`q`) always answers a page, newest first; one may be short, or
    even empty, before the last.

    Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
    accepts `application/x-ndjson`, as a JSON object a line.

    Args:
        limit (int | None): How many to return at most.
        chat_id (int | None): Only messages of this chat.
        q (str | None): Only messages with these words; `"a phrase"`, `or` and `-not` mean what
            they mean to web searches.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | list[Message]
    """

    return sync_detailed(
        client=client,
        limit=limit,
        chat_id=chat_id,
        q=q,
        before=before,
        after=after,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = None,
    chat_id: int | None = None,
    q: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> Response[ProblemDetails | list[Message]]:
    """List, search or export messages

     Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
    a cursor the oldest. A search (`q`) always answers a page, newest first; one may be short, or
    even empty, before the last.

    Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
    accepts `application/x-ndjson`, as a JSON object a line.

    Args:
        limit (int | None): How many to return at most.
        chat_id (int | None): Only messages of this chat.
        q (str | None): Only messages with these words; `"a phrase"`, `or` and `-not` mean what
            they mean to web searches.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | list[Message]]
    """

    kwargs = _get_kwargs(
        limit=limit,
        chat_id=chat_id,
        q=q,
        before=before,
        after=after,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = None,
    chat_id: int | None = None,
    q: str | None = None,
    before: int | None = None,
    after: int | None = None,
) -> ProblemDetails | list[Message] | None:
    """List, search or export messages

     Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
    a cursor the oldest. A search (`q`) always answers a page, newest first; one may be short, or
    even empty, before the last.

    Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
    accepts `application/x-ndjson`, as a JSON object a line.

    Args:
        limit (int | None): How many to return at most.
        chat_id (int | None): Only messages of this chat.
        q (str | None): Only messages with these words; `"a phrase"`, `or` and `-not` mean what
            they mean to web searches.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | list[Message]
    """

    return (
        await asyncio_detailed(
            client=client,
            limit=limit,
            chat_id=chat_id,
            q=q,
            before=before,
            after=after,
        )
    ).parsed
