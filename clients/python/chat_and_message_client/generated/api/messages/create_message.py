from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.message import Message
from ...models.message_create import MessageCreate
from ...models.problem_details import ProblemDetails
from ...types import Response


def _get_kwargs(
    chat_id: int,
    *,
    body: MessageCreate,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/chats/{chat_id}/messages".format(
            chat_id=quote(str(chat_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Message | ProblemDetails:
    if response.status_code == 201:
        response_201 = Message.from_dict(response.json())

        return response_201

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDetails.from_dict(response.json())

        return response_404

    if response.status_code == 413:
        response_413 = ProblemDetails.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = ProblemDetails.from_dict(response.json())

        return response_415

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
) -> Response[Message | ProblemDetails]:
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
    body: MessageCreate,
    idempotency_key: str | None = None,
) -> Response[Message | ProblemDetails]:
    """Send a message

     With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.

    Args:
        chat_id (int): The chat's id.
        idempotency_key (str | None): A name that the client makes up for this request: 1 to 255
            visible ASCII characters. A request that comes again with it is answered as the first
            time, and stores nothing.
        body (MessageCreate): A message to send.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Message | ProblemDetails]
    """

    kwargs = _get_kwargs(
        chat_id=chat_id,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    body: MessageCreate,
    idempotency_key: str | None = None,
) -> Message | ProblemDetails | None:
    """Send a message

     With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.

    Args:
        chat_id (int): The chat's id.
        idempotency_key (str | None): A name that the client makes up for this request: 1 to 255
            visible ASCII characters. A request that comes again with it is answered as the first
            time, and stores nothing.
        body (MessageCreate): A message to send.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Message | ProblemDetails
    """

    return sync_detailed(
        chat_id=chat_id,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    body: MessageCreate,
    idempotency_key: str | None = None,
) -> Response[Message | ProblemDetails]:
    """Send a message

     With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.

    Args:
        chat_id (int): The chat's id.
        idempotency_key (str | None): A name that the client makes up for this request: 1 to 255
            visible ASCII characters. A request that comes again with it is answered as the first
            time, and stores nothing.
        body (MessageCreate): A message to send.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Message | ProblemDetails]
    """

    kwargs = _get_kwargs(
        chat_id=chat_id,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    chat_id: int,
    *,
    client: AuthenticatedClient | Client,
    body: MessageCreate,
    idempotency_key: str | None = None,
) -> Message | ProblemDetails | None:
    """Send a message

     With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.

    Args:
        chat_id (int): The chat's id.
        idempotency_key (str | None): A name that the client makes up for this request: 1 to 255
            visible ASCII characters. A request that comes again with it is answered as the first
            time, and stores nothing.
        body (MessageCreate): A message to send.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Message | ProblemDetails
    """

    return (
        await asyncio_detailed(
            chat_id=chat_id,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
