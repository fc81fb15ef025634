"""What the views of both kinds have in common: how answers and errors look, and how query values are read."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.urls import Resolver404
from pydantic import ValidationError

from ..shop import BadValueError, asked_together, whole_number
from ..validation import problems


def json_response(content: object, status: int = HTTPStatus.OK) -> JsonResponse:
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    return JsonResponse(content, status=status, safe=False, json_dumps_params=compact)


def error(status: HTTPStatus, detail: str) -> JsonResponse:
    return json_response({"detail": detail}, status)


def invalid_body(problem: ValidationError) -> JsonResponse:
    return json_response({"detail": problems(problem)}, HTTPStatus.UNPROCESSABLE_ENTITY)


View = Callable[..., Any]


def allow(*methods: str) -> Callable[[View], View]:
    """Django's own decorator for this, `require_http_methods`, refuses without a word. Here errors are JSON."""

    def not_allowed() -> HttpResponseBase:
        response = error(HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase)
        response["Allow"] = ", ".join(methods)
        return response

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return view(request, *args, **kwargs) if request.method in methods else not_allowed()

        @wraps(view)
        async def checked_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return await view(request, *args, **kwargs) if request.method in methods else not_allowed()

        return checked_async if iscoroutinefunction(view) else checked

    return decorate


def number_parameter(request: HttpRequest, name: str, *, default: int, highest: int) -> int:
    try:
        return whole_number(name, request.GET.get(name), default=default, highest=highest)
    except BadValueError as problem:
        raise BadRequest(str(problem)) from problem


def together_parameter(request: HttpRequest) -> bool:
    try:
        return asked_together(request.GET.get("how"))
    except BadValueError as problem:
        raise BadRequest(str(problem)) from problem


# The handlers that the URLconfs name. Django calls them for what views raise.


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    # What Django itself refuses, such as a foreign host, is told to the log.
    detail = str(exception) if isinstance(exception, BadRequest) else HTTPStatus.BAD_REQUEST.phrase
    return error(HTTPStatus.BAD_REQUEST, detail)


def page_not_found(request: HttpRequest, exception: Http404) -> JsonResponse:
    # Where no URL matched, it holds all that were tried.
    detail = HTTPStatus.NOT_FOUND.phrase if isinstance(exception, Resolver404) else str(exception)
    return error(HTTPStatus.NOT_FOUND, detail)


def server_error(request: HttpRequest) -> JsonResponse:
    return error(HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)
