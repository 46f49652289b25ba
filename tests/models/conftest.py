"""Fixtures of the model tests."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class GoogleLogin:
    """Google's token server on loopback, for a service account that was made for one test.

    Attributes:
        asked: Tokens asked for.
        answer: Status and body instead of a token.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.answer: tuple[int, dict[str, str]] | None = None
        login = self

        class Tokens(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                login.asked += 1
                self.rfile.read(int(self.headers["content-length"]))
                token = {"access_token": f"token-{login.asked}", "expires_in": 3600, "token_type": "Bearer"}
                status, body = login.answer or (200, token)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    def account(self) -> dict[str, str]:
        """A service account's file."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "from-the-account",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "evals@from-the-account.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": self.url,
        }

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)


@pytest.fixture
def google_login(tmp_path, monkeypatch):
    """Application default credentials that log in at a server on loopback."""
    login = GoogleLogin()
    file = tmp_path / "account.json"
    file.write_text(json.dumps(login.account()))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    yield login
    login.close()
