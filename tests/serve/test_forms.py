"""Whatever the form of an image, the answer is that of `Model.predict`; what is none gets one line."""

import base64
import io
import json

import numpy as np
import pytest
from asked import ask, finished, form, npy, picture, told

from kitnet.base.error import DataError

FLOATS = [0.5, -1, 2, 3.25, 0, 7, 1e-3]


def answered(app, model, body, kind=None, query="top=10", **headers):
    answer = finished(ask(app(model), body=body, kind=kind, query=query, **headers))
    assert answer.status == 200, answer.body
    return told(answer)["images"]


def is_as_predicted(found, model, x):
    """Classes and their order, and probabilities to 1e-6 of the largest."""
    wanted = model.predict(x, 10)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert [each["class"] for each in one["classes"]] == [name for name, _ in other.classes]
        came, expected = [each["probability"] for each in one["classes"]], [p for _, p in other.classes]
        np.testing.assert_allclose(came, expected, rtol=0, atol=1e-6 * max(expected))


@pytest.mark.parametrize("name", ["PNG", "BMP", "GIF", "PPM", "TIFF"])
def test_a_picture_file(app, grey, pictures, name):
    (image,) = pictures(1, 11, 9, 1)
    is_as_predicted(answered(app, grey, picture(image, name)), grey, image)
    is_as_predicted(answered(app, grey, picture(image, name), "image/png"), grey, image)


def test_colour_and_grey_pictures_share_a_request(app, grey, colour, pictures):
    (one,), (two,), (three,) = pictures(1, 11, 9, 3), pictures(1, 5, 6, 1), pictures(1, 30, 40, 3)
    for model in (grey, colour):
        body, kind = form(*(picture(image) for image in (one, two, three)))
        is_as_predicted(answered(app, model, body, kind), model, [one, two, three])


@pytest.mark.parametrize("shape", [(5, 6, 6), (5, 6, 6, 1), (6, 6), (3, 9, 12, 3), (40, 20, 20)])
def test_arrays_in_numpys_format(app, grey, pictures, shape):
    x = pictures(*shape)
    is_as_predicted(answered(app, grey, npy(x)), grey, x)
    is_as_predicted(answered(app, grey, npy(np.asfortranarray(x)), "application/x-npy"), grey, x)


def test_floats_for_a_model_of_floats(app, numbers):
    x = np.array([FLOATS, FLOATS[::-1]])
    is_as_predicted(answered(app, numbers, npy(x)), numbers, x)
    is_as_predicted(answered(app, numbers, npy(x.astype(">f4"))), numbers, x.astype(np.float32))
    body = json.dumps({"images": x.tolist()}).encode()
    is_as_predicted(answered(app, numbers, body, "application/json"), numbers, x)


def test_json(app, grey, pictures):
    (one,), (two,) = pictures(1, 7, 3, 1), pictures(1, 9, 9, 3)
    images = [one[..., 0].tolist(), two.tolist(), base64.b64encode(picture(two)).decode()]
    body = json.dumps({"images": [*images, base64.b64encode(npy(two)).decode()]}).encode()
    is_as_predicted(answered(app, grey, body, "application/json; charset=utf-8"), grey, [one, two, two, two])


def test_what_is_answered(app, grey, pictures):
    x = pictures(3, 6, 6, 1)
    few = answered(app, grey, npy(x), query="top=2")
    assert all(one.keys() == {"classes"} and len(one["classes"]) == 2 for one in few)
    assert all(len(one["classes"]) == 3 for one in answered(app, grey, npy(x), query=""))
    scores = grey.scores(grey.preparation.prepare(x))
    for one, score, likely in zip(
        answered(app, grey, npy(x), query="all=true"), scores, grey.probabilities(x), strict=True
    ):
        np.testing.assert_allclose(one["scores"], score, rtol=0, atol=1e-6 * np.abs(scores).max())
        np.testing.assert_allclose(one["probabilities"], likely, rtol=0, atol=1e-6 * likely.max())
    answer = finished(ask(app(grey), body=npy(x), accept="application/x-npy"))
    assert answer.headers["content-type"] == "application/x-npy"
    found = np.load(io.BytesIO(answer.body), allow_pickle=False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, grey.probabilities(x), rtol=0, atol=1e-6)


PIXELS = "image 0: expected rows of pixels, whole numbers 0 to 255, or the base64 of a file"
JSON = [
    (b"{", 'the body is no JSON; send an object such as {"images": [...]}'),
    (b"[" * 60_000, "a body has at most 16,384 bytes; send fewer or smaller images"),
    (b"[" * 16_000, 'the body is no JSON; send an object such as {"images": [...]}'),
    (b"\xff\xfe", 'the body is no JSON; send an object such as {"images": [...]}'),
    (b"[1]", 'the JSON is no object with a list of images alone: {"images": [...]}'),
    (b'{"images": []}', "no image; send one or more"),
    (b'{"images": [[[1, 2], [3]]]}', "image 0: its rows differ in length, or are no numbers"),
    (b'{"images": [[[1, 2.5]]]}', PIXELS),
    (b'{"images": [{}]}', PIXELS),
    (b'{"images": [[[true]]]}', PIXELS),
    (b'{"images": [[]]}', PIXELS),
    (b'{"images": [[[-1]]]}', "image 0: a pixel is below 0 or above 255"),
    (b'{"images": [[[256]]]}', "image 0: a pixel is below 0 or above 255"),
    (b'{"images": [[[1]], "?"]}', "image 1: its text is no base64"),
    (
        b'{"images": [' + b"[[1]]," * 40 + b"[[1]]]}",
        "more than 40 images in a request; send several requests",
    ),
]
KINDS = "BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP"
OTHERS = [
    (b"", None, "image: it is empty; send the bytes of a picture"),
    (b"nothing", None, f"image: it is no picture, or its beginning is damaged; expected {KINDS}"),
    (
        picture(np.arange(81, dtype=np.uint8).reshape(9, 9) ** 2)[:60],
        None,
        "image: the PNG picture is truncated or damaged; take a fresh copy of the file",
    ),
    (
        picture(np.zeros((101, 100), np.uint8)),
        None,
        "image: it has 100x101, more than 0.01 million pixels; make it smaller",
    ),
    (npy(np.zeros((1, 6, 6), np.uint8))[:50], None, "the .npy file is truncated; send it whole"),
    (
        npy(np.zeros((1, 6, 6), np.uint8))[:-1],
        None,
        "the .npy file has 35 bytes of numbers; its head tells of 36, as an array of uint8 of shape "
        "(1, 6, 6) has",
    ),
    (npy(np.zeros((41, 2, 2), np.uint8)), None, "more than 40 images in a request; send several requests"),
    (npy(np.zeros((0, 2, 2), np.uint8)), None, "the array is empty; send one image or more"),
    (npy(np.array(["a"])), None, "the .npy file holds <U1, not numbers; send uint8 pictures or floats"),
    (
        npy(np.zeros(3, np.uint8)).replace(b"|u1", b"|O8"),
        None,
        "the .npy file holds object, not numbers; send uint8 pictures or floats",
    ),
    (
        npy(np.zeros(3, np.uint8)).replace(b"descr", b"DESCR"),
        None,
        "the head of the .npy file is damaged; write it with numpy.save",
    ),
    (
        b"--a--",
        "multipart/form-data",
        "multipart/form-data without a boundary; let the client write the header",
    ),
    (form(b"x")[0][:-6], form()[1], "the multipart body is truncated; its last boundary is missing"),
    (
        b"--xYz\r\nno blank line\r\n--xYz--",
        form()[1],
        "a part of the multipart body has no head; write it as RFC 7578 says",
    ),
    (*form(), "no image; send one or more"),
    (*form(*[b"x"] * 41), "more than 40 images in a request; send several requests"),
    (
        *form(picture(np.zeros((3, 3), np.uint8)), b"x"),
        f"image 1: it is no picture, or its beginning is damaged; expected {KINDS}",
    ),
]


@pytest.mark.parametrize(
    ("body", "kind", "line"),
    [*((body, "application/json", line) for body, line in JSON), *OTHERS],
    ids=[*(f"json-{i}" for i in range(len(JSON))), *(f"other-{i}" for i in range(len(OTHERS)))],
)
def test_lines_of_what_is_refused(app, grey, body, kind, line):
    answer = finished(ask(app(grey), body=body, kind=kind))
    assert told(answer) == {"error": line}
    is_too_much = line.startswith(("more than", "a body has", "image: it has"))
    assert answer.status == (413 if is_too_much else 400)


@pytest.mark.parametrize(
    "shape", ["-3", "(-3,)", "(3.0,)", "(True,)", "(9" + "9" * 2000 + ",)", "(" + "1," * 9 + ")"]
)
def test_shapes_that_no_array_has(app, grey, shape):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    body = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"abc"
    answer = finished(ask(app(grey), body=body))
    error = told(answer)["error"]
    assert answer.status == 400 and len(error) < 200
    assert error.startswith("the .npy file has the shape ") and error.endswith("; write it with numpy.save")


def test_numbers_for_pictures_and_pictures_for_numbers(app, grey, numbers, pictures):
    answer = finished(ask(app(grey), body=npy(np.zeros((1, 6, 6)))))
    with pytest.raises(DataError) as mistake:
        grey.predict(np.zeros((1, 6, 6)))
    assert (answer.status, told(answer)) == (400, {"error": str(mistake.value)})
    answer = finished(ask(app(numbers), body=picture(pictures(1, 7, 7, 1)[0])))
    line = (
        "image: x: numbers of type uint8, but the model learned from floats; give floats, of the range that "
        "it learned from"
    )
    assert (answer.status, told(answer)) == (400, {"error": line})
