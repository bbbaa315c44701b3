from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...types import Response


def _get_kwargs(
    chat_id: int,
    message_id: int,
    *,
    if_match: str | None = None,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if if_match is not None:
        headers["If-Match"] = if_match

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/api/v1/chats/{chat_id}/messages/{message_id}".format(
            chat_id=quote(str(chat_id), safe=""),
            message_id=quote(str(message_id), safe=""),
        ),
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | ProblemDetails:
    if response.status_code == 204:
        response_204 = cast(Any, None)
        return response_204

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDetails.from_dict(response.json())

        return response_404

    if response.status_code == 412:
        response_412 = ProblemDetails.from_dict(response.json())

        return response_412

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
) -> Response[Any | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    chat_id: int,
    message_id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | None = None,
) -> Response[Any | ProblemDetails]:
    """Delete a message of a chat

     As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.

    Args:
        chat_id (int): The chat's id.
        message_id (int): The message's id.
        if_match (str | None): Only if the ETag is still one of these; else 412.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ProblemDetails]
    """

    kwargs = _get_kwargs(
        chat_id=chat_id,
        message_id=message_id,
        if_match=if_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    chat_id: int,
    message_id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | None = None,
) -> Any | ProblemDetails | None:
    """Delete a message of a chat

     As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.

    Args:
        chat_id (int): The chat's id.
        message_id (int): The message's id.
        if_match (str | None): Only if the ETag is still one of these; else 412.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ProblemDetails
    """

    return sync_detailed(
        chat_id=chat_id,
        message_id=message_id,
        client=client,
        if_match=if_match,
    ).parsed


async def asyncio_detailed(
    chat_id: int,
    message_id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | None = None,
) -> Response[Any | ProblemDetails]:
    """Delete a message of a chat

     As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.

    Args:
        chat_id (int): The chat's id.
        message_id (int): The message's id.
        if_match (str | None): Only if the ETag is still one of these; else 412.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ProblemDetails]
    """

    kwargs = _get_kwargs(
        chat_id=chat_id,
        message_id=message_id,
        if_match=if_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    chat_id: int,
    message_id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | None = None,
) -> Any | ProblemDetails | None:
    """Delete a message of a chat

     As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
    `message-not-found`.

    Args:
        chat_id (int): The chat's id.
        message_id (int): The message's id.
        if_match (str | None): Only if the ETag is still one of these; else 412.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ProblemDetails
    """

    return (
        await asyncio_detailed(
            chat_id=chat_id,
            message_id=message_id,
            client=client,
            if_match=if_match,
        )
    ).parsed
