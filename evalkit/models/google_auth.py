"""Access to Vertex AI: a token of Google's application default credentials, fetched again before it runs out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from evalkit.errors import AccessError, InputError, RetryableError
from evalkit.optional import require
from evalkit.secrets import Secrets

EXTRA = "gemini"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_WHERE = (
    "run `gcloud auth application-default login`, or name a service account's file in "
    "GOOGLE_APPLICATION_CREDENTIALS"
)


class GoogleAccess:
    """The headers that let a request in.

    Args:
        secrets: Every token is added to it, so that none is let out.

    Raises:
        InputError: There are no credentials.
    """

    def __init__(self, secrets: Secrets) -> None:
        auth = require("google.auth", EXTRA)
        try:
            self._credentials, self.project = auth.default(scopes=[_SCOPE])
        except auth.exceptions.GoogleAuthError as error:
            raise InputError(f"Vertex AI needs Google's credentials: {_WHERE} ({error})") from error
        self._secrets = secrets
        self._refreshing = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """A token that holds for some minutes yet, and the project that pays where the credentials name one.

        Raises:
            RetryableError: Google's token server did not answer.
            AccessError: It gives no token.
        """
        if not self._credentials.valid:
            async with self._refreshing:
                if not self._credentials.valid:
                    await asyncio.to_thread(self._refresh)
        headers = {"Authorization": f"Bearer {self._credentials.token}"}
        if payer := getattr(self._credentials, "quota_project_id", None):
            headers["x-goog-user-project"] = payer
        return headers

    def _refresh(self) -> None:
        exceptions: Any = require("google.auth.exceptions", EXTRA)
        transport: Any = require("google.auth.transport.requests", EXTRA)
        import requests

        with requests.Session() as session:
            session.max_redirects = 0  # what is sent lets in whoever has it
            try:
                self._credentials.refresh(transport.Request(session=session))
            except exceptions.GoogleAuthError as error:
                said = self._secrets.hide(" ".join(str(error).split()))
                passing = isinstance(error, exceptions.TransportError) or getattr(error, "retryable", False)
                if passing:
                    raise RetryableError(f"Google's token server did not answer: {said}") from error
                raise AccessError(
                    f"Google gives no access token: {said}. To log in again, {_WHERE}."
                ) from error
        self._secrets.add(self._credentials.token)
