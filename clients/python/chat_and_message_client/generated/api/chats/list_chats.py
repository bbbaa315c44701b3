from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.list_chats_sort import ListChatsSort
from ...models.listed_chat import ListedChat
from ...models.problem_details import ProblemDetails
from ...types import Response


def _get_kwargs(
    *,
    limit: int | None = 20,
    metadata: str | None = None,
    sort: ListChatsSort | None = ListChatsSort.CREATED,
    before: int | None = None,
    after: int | None = None,
    cursor: str | None = None,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["metadata"] = metadata

    json_sort: str | None = None
    if sort is not None:
        json_sort = sort.value

    params["sort"] = json_sort

    params["before"] = before

    params["after"] = after

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/chats",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | list[ListedChat]:
    if response.status_code == 200:
        response_200 = []
        _response_200 = response.json()
        for response_200_item_data in _response_200:
            response_200_item = ListedChat.from_dict(response_200_item_data)

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
) -> Response[ProblemDetails | list[ListedChat]]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = 20,
    metadata: str | None = None,
    sort: ListChatsSort | None = ListChatsSort.CREATED,
    before: int | None = None,
    after: int | None = None,
    cursor: str | None = None,
) -> Response[ProblemDetails | list[ListedChat]]:
    """List chats

     A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
    of `before` and `after` can be given.

    With `sort=activity` those come first that were last sent to, each with its `last_message`. A
    chat without messages stands at its creation. `Link` leads to the next page, by a `cursor`.

    With `metadata` only the chats that contain it; a page may be short, or even empty, before the
    last.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        metadata (str | None): Only chats whose metadata contains this: a JSON object, whose
            fields they have with these values, besides others.
        sort (ListChatsSort | None): By which the newest come first: when each chat was created,
            or last sent to. Default: ListChatsSort.CREATED.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.
        cursor (str | None): Of a list by activity the page that `Link` leads to; its form may
            change.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | list[ListedChat]]
    """

    kwargs = _get_kwargs(
        limit=limit,
        metadata=metadata,
        sort=sort,
        before=before,
        after=after,
        cursor=cursor,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = 20,
    metadata: str | None = None,
    sort: ListChatsSort | None = ListChatsSort.CREATED,
    before: int | None = None,
    after: int | None = None,
    cursor: str | None = None,
) -> ProblemDetails | list[ListedChat] | None:
    """List chats

     A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
    of `before` and `after` can be given.

    With `sort=activity` those come first that were last sent to, each with its `last_message`. A
    chat without messages stands at its creation. `Link` leads to the next page, by a `cursor`.

    With `metadata` only the chats that contain it; a page may be short, or even empty, before the
    last.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        metadata (str | None): Only chats whose metadata contains this: a JSON object, whose
            fields they have with these values, besides others.
        sort (ListChatsSort | None): By which the newest come first: when each chat was created,
            or last sent to. Default: ListChatsSort.CREATED.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.
        cursor (str | None): Of a list by activity the page that `Link` leads to; its form may
            change.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | list[ListedChat]
    """

    return sync_detailed(
        client=client,
        limit=limit,
        metadata=metadata,
        sort=sort,
        before=before,
        after=after,
        cursor=cursor,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = 20,
    metadata: str | None = None,
    sort: ListChatsSort | None = ListChatsSort.CREATED,
    before: int | None = None,
    after: int | None = None,
    cursor: str | None = None,
) -> Response[ProblemDetails | list[ListedChat]]:
    """List chats

     A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
    of `before` and `after` can be given.

    With `sort=activity` those come first that were last sent to, each with its `last_message`. A
    chat without messages stands at its creation. `Link` leads to the next page, by a `cursor`.

    With `metadata` only the chats that contain it; a page may be short, or even empty, before the
    last.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        metadata (str | None): Only chats whose metadata contains this: a JSON object, whose
            fields they have with these values, besides others.
        sort (ListChatsSort | None): By which the newest come first: when each chat was created,
            or last sent to. Default: ListChatsSort.CREATED.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.
        cursor (str | None): Of a list by activity the page that `Link` leads to; its form may
            change.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | list[ListedChat]]
    """

    kwargs = _get_kwargs(
        limit=limit,
        metadata=metadata,
        sort=sort,
        before=before,
        after=after,
        cursor=cursor,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = 20,
    metadata: str | None = None,
    sort: ListChatsSort | None = ListChatsSort.CREATED,
    before: int | None = None,
    after: int | None = None,
    cursor: str | None = None,
) -> ProblemDetails | list[ListedChat] | None:
    """List chats

     A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
    of `before` and `after` can be given.

    With `sort=activity` those come first that were last sent to, each with its `last_message`. A
    chat without messages stands at its creation. `Link` leads to the next page, by a `cursor`.

    With `metadata` only the chats that contain it; a page may be short, or even empty, before the
    last.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        metadata (str | None): Only chats whose metadata contains this: a JSON object, whose
            fields they have with these values, besides others.
        sort (ListChatsSort | None): By which the newest come first: when each chat was created,
            or last sent to. Default: ListChatsSort.CREATED.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.
        cursor (str | None): Of a list by activity the page that `Link` leads to; its form may
            change.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | list[ListedChat]
    """

    return (
        await asyncio_detailed(
            client=client,
            limit=limit,
            metadata=metadata,
            sort=sort,
            before=before,
            after=after,
            cursor=cursor,
        )
    ).parsed
