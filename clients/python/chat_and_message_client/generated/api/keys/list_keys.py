from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.api_key import ApiKey
from ...models.problem_details import ProblemDetails
from ...types import Response


def _get_kwargs(
    *,
    limit: int | None = 20,
    before: int | None = None,
    after: int | None = None,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["before"] = before

    params["after"] = after

    params = {k: v for k, v in params.items() if v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/keys",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | list[ApiKey]:
    if response.status_code == 200:
        response_200 = []
        _response_200 = response.json()
        for response_200_item_data in _response_200:
            response_200_item = ApiKey.from_dict(response_200_item_data)

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
) -> Response[ProblemDetails | list[ApiKey]]:
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
    before: int | None = None,
    after: int | None = None,
) -> Response[ProblemDetails | list[ApiKey]]:
    """List keys

     A page of at most `limit` keys, newest first, those that were revoked or have expired among
    them.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | list[ApiKey]]
    """

    kwargs = _get_kwargs(
        limit=limit,
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
    limit: int | None = 20,
    before: int | None = None,
    after: int | None = None,
) -> ProblemDetails | list[ApiKey] | None:
    """List keys

     A page of at most `limit` keys, newest first, those that were revoked or have expired among
    them.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | list[ApiKey]
    """

    return sync_detailed(
        client=client,
        limit=limit,
        before=before,
        after=after,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = 20,
    before: int | None = None,
    after: int | None = None,
) -> Response[ProblemDetails | list[ApiKey]]:
    """List keys

     A page of at most `limit` keys, newest first, those that were revoked or have expired among
    them.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | list[ApiKey]]
    """

    kwargs = _get_kwargs(
        limit=limit,
        before=before,
        after=after,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    limit: int | None = 20,
    before: int | None = None,
    after: int | None = None,
) -> ProblemDetails | list[ApiKey] | None:
    """List keys

     A page of at most `limit` keys, newest first, those that were revoked or have expired among
    them.

    Args:
        limit (int | None): How many to return at most. Default: 20.
        before (int | None): The page that ends before this id.
        after (int | None): The page that begins after this id.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | list[ApiKey]
    """

    return (
        await asyncio_detailed(
            client=client,
            limit=limit,
            before=before,
            after=after,
        )
    ).parsed
