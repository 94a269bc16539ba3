"""No route of the studio without host, origin and token, whatever is asked."""

import json

import pytest
from driven import MODEL
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from kitnet.studio.app import PAGE, page_files, routes, studio
from kitnet.studio.safety import HEADERS, LARGEST, Guard
from kitnet.studio.training import Training
from kitnet.train import Settings

PORT = 18080
ROUTES = routes(Training.of(Settings()))
PAGES = [route.path for route in ROUTES if getattr(route, "methods", None) == {"GET", "HEAD"}]
ASKED = [route.path for route in ROUTES if getattr(route, "methods", None) == {"POST"}]
SOCKETS = [route.path for route in ROUTES if not hasattr(route, "methods")]
# The first page, and of the files that it loads, which all have one route's function, each tenth at once.
EACH_PAGE = [pytest.param(path, marks=pytest.mark.slow if i % 10 else ()) for i, path in enumerate(PAGES)]
FOREIGN_HOSTS = ["localhost:18080", "127.0.0.1", "127.0.0.1:18081", "evil.example:18080", "127.0.0.1:18080."]
FOREIGN_ORIGINS = [
    *("http://evil.example", "null", "http://localhost:18080", "https://127.0.0.1:18080", ""),
    *("http://127.0.0.1:18080.evil.example", "http://127.0.0.1", "http://127.0.0.1:18080/"),
]


@pytest.fixture(scope="module")
def guard():
    return studio(Training.of(Settings(model=MODEL)), PORT)


@pytest.fixture
def stranger(guard):
    """Without the cookie."""
    return TestClient(guard, base_url=guard.origin, follow_redirects=False)


@pytest.fixture
def client(guard, stranger):
    assert stranger.get(f"/?token={guard.token}").status_code == 303
    return stranger


def ask(client, method, path, origin=f"http://127.0.0.1:{PORT}", **more):
    headers = more.pop("headers", {})
    if origin is not None:
        headers["origin"] = origin
    return client.request(method, path, headers=headers, **more)


def test_all_routes_are_tried():
    assert len(PAGES) + len(ASKED) + len(SOCKETS) == len(ROUTES) > 20
    assert "/frames" in SOCKETS and "/" in PAGES and "/do" in ASKED
    assert PAGES[1:] == [f"/page/{name}" for name in page_files()]


def test_the_token_is_long_and_new():
    app = Guard(None, PORT)
    other = Guard(None, PORT)
    assert len(app.token) >= 43 and app.token != other.token  # 256 bits, six a letter
    assert app.address == f"http://127.0.0.1:{PORT}/?token={app.token}"
    assert Guard(None, 80).address.startswith("http://127.0.0.1/?token=")


def test_the_first_visit_brings_the_cookie(guard, stranger):
    answer = stranger.get(f"/?token={guard.token}")
    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/", "")
    assert answer.headers["set-cookie"] == (f"kitnet-{PORT}={guard.token}; HttpOnly; SameSite=Strict; Path=/")
    page = stranger.get("/")
    assert page.status_code == 200 and guard.token not in page.text


@pytest.mark.parametrize("path", EACH_PAGE)
def test_pages(client, path):
    answer = ask(client, "GET", path, origin=None)
    assert answer.status_code == 200
    assert (
        answer.content == (PAGE / (path.removeprefix("/page/") if path != "/" else "index.html")).read_bytes()
    )
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert ask(client, "GET", path).status_code == 200


@pytest.mark.parametrize("path", [*EACH_PAGE, *ASKED])
def test_a_foreign_host(client, path):
    method = "POST" if path in ASKED else "GET"
    for host in FOREIGN_HOSTS:
        answer = ask(client, method, path, headers={"host": host})
        assert (answer.status_code, answer.text) == (421, "this is not the host that kitnet studio printed")
        assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [*EACH_PAGE, *ASKED])
def test_a_foreign_origin(client, path):
    method = "POST" if path in ASKED else "GET"
    for origin in FOREIGN_ORIGINS:
        answer = ask(client, method, path, origin)
        assert (answer.status_code, answer.text) == (403, "this does not come from the studio's own page")


@pytest.mark.parametrize("path", ASKED)
def test_what_is_asked_for_has_an_origin(client, path):
    assert ask(client, "POST", path, origin=None, json={}).status_code == 403


@pytest.mark.parametrize("path", [*EACH_PAGE, *ASKED])
def test_no_token(guard, stranger, path):
    method = "POST" if path in ASKED else "GET"
    wrong = guard.token[:-1] + ("A" if guard.token[-1] != "A" else "B")
    for cookie in (None, f"kitnet-{PORT}={wrong}", f"kitnet-{PORT}=", f"kitnet-1={guard.token}", "\x7f=,;"):
        headers = {} if cookie is None else {"cookie": cookie}
        for query in ("", f"?token={wrong}", "?token=", f"?token={guard.token}&token={guard.token}"):
            answer = ask(stranger, method, path + query, headers=headers)
            told = (answer.status_code, answer.text)
            assert told == (403, "open the address that kitnet studio printed"), (cookie, query)
    if path != "/":  # the token in an address opens the first page alone
        assert ask(stranger, method, f"{path}?token={guard.token}").status_code == 403


@pytest.mark.parametrize("path", [*EACH_PAGE, *ASKED])
def test_a_wrong_method(client, path):
    right = {"POST"} if path in ASKED else {"GET", "HEAD"}
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"} - right:
        assert ask(client, method, path).status_code == 405, method


@pytest.mark.parametrize("path", ASKED)
def test_a_broken_body(client, path):
    for body, line in {
        b"": "the body is no JSON",
        b"{": "the body is no JSON",
        b"\xff\xfe": "the body is no JSON",
        b"[" * 100_000: "the body is no JSON",
        b"[]": "the body is no JSON object",
        b"1": "the body is no JSON object",
    }.items():
        answer = ask(client, "POST", path, content=body)
        assert (answer.status_code, answer.json()) == (400, {"error": line}), body
    answer = ask(client, "POST", path, json={"surprise": 1})
    assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.parametrize("path", ASKED)
def test_an_oversized_body(client, path):
    body = json.dumps({"do": "x" * LARGEST}).encode()
    assert ask(client, "POST", path, content=body).status_code == 413
    chunks = (body[i : i + 65536] for i in range(0, len(body), 65536))
    assert ask(client, "POST", path, content=chunks).status_code == 413  # of a length that is not told


@pytest.mark.parametrize("length", ["-1", "x", str(LARGEST + 1), "1e3"])
def test_a_length_that_is_none(client, length):
    assert ask(client, "POST", "/do", headers={"content-length": length}).status_code == 413


@pytest.mark.parametrize(
    "path", ["/page/../app.py", "/page/index.html/", "/page/words", "/app.py", "/page/%2e%2e/app.py"]
)
def test_nothing_else_is_there(client, path):
    answer = ask(client, "GET", path)
    assert answer.status_code in (404, 307) and "import" not in answer.text
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", SOCKETS)
def test_sockets(guard, client, path):
    stranger = TestClient(guard, base_url=guard.origin)
    for who, headers, reason in [
        (client, {}, "this does not come from the studio's own page"),
        *(
            (client, {"origin": origin}, "this does not come from the studio's own page")
            for origin in FOREIGN_ORIGINS
        ),
        (stranger, {"origin": guard.origin}, "open the address that kitnet studio printed"),
    ]:
        with pytest.raises(WebSocketDisconnect) as closed:
            who.websocket_connect(f"ws://{guard.host}{path}", headers=headers).__enter__()
        assert (closed.value.code, closed.value.reason) == (1008, reason)
    for host in FOREIGN_HOSTS:
        headers = {"origin": guard.origin, "host": host}
        with pytest.raises(WebSocketDisconnect) as closed:
            client.websocket_connect(f"ws://{guard.host}{path}", headers=headers).__enter__()
        assert closed.value.reason == "this is not the host that kitnet studio printed"


def test_frames_come_over_a_socket(make):
    guard = studio(make(), PORT)
    client = TestClient(guard, base_url=guard.origin, follow_redirects=False)
    client.get(f"/?token={guard.token}")
    with client.websocket_connect(f"ws://{guard.host}/frames", headers={"origin": guard.origin}) as socket:
        kinds = set()
        while "look" not in kinds:
            kinds.add(socket.receive_json()["kind"])
        assert kinds >= {"state", "curve", "epochs", "run", "changes", "pictures", "settings", "look"}
        assert ask(client, "POST", "/do", json={"do": "step"}).json() == {}
        frame = next(one for one in iter(socket.receive_json, None) if one["kind"] == "step")
        assert (frame["done"], frame["epoch"], frame["step"], frame["steps"]) == (1, 1, 1, 7)
        answer = ask(client, "POST", "/change", json={"lr": -1})
        line = "a learning rate of -1 is not possible; use a number above 0"
        assert (answer.status_code, answer.json()) == (200, {"error": line})


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("/do", {"do": "stop"}, "do is one of start, pause, step, back"),
        ("/do", {"do": ["start"]}, "do is one of start, pause, step, back"),
        ("/do", {"do": "back"}, "there is no checkpoint to go back to now"),
        ("/change", {"lr": 1}, "nothing can be changed before the network is there"),
        ("/change", {}, "change needs one or more of lr, momentum, decay, batch"),
        ("/look", {"picture": 12}, "picture 12 is not there; use a number from 0 to 11"),
        ("/look", {"picture": "1"}, "picture '1' is not there; use a number from 0 to 11"),
        ("/look", {}, "look needs the number of a picture"),
        ("/design", {"line": 1}, "design needs a line, a text"),
        ("/train", {"line": 1}, "train needs a line, a text"),
        (
            "/train",
            {"line": "8x8x1 -> fc2"},
            "there is no training yet whose data and settings a new one could take over",
        ),
        ("/models", {"all": True}, "models needs nothing"),
    ],
)
def test_lines_of_what_is_refused(client, path, body, line):
    answer = ask(client, "POST", path, json=body)
    assert answer.json() == {"error": line}
    is_of_page = line.startswith(("there", "nothing", "picture"))  # not of a body that no page sends
    assert answer.status_code == (200 if is_of_page else 400)


def test_a_line_is_parsed_and_never_evaluated(client):
    for line in ("__import__('os').system('x')", "{0.__class__}", "8x8x1 -> fc${1+1}"):
        answer = ask(client, "POST", "/design", json={"line": line})
        assert answer.status_code == 200 and answer.json()["error"], line
