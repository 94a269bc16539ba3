"""Event files, against values that others computed and records that were decoded by hand."""

import struct

import pytest

from kitnet.files.event_file import crc32c, first_event, masked, record, scalars_event, start_event


@pytest.mark.parametrize(
    ("content", "crc"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_checksums_of_rfc_3720(content, crc):
    assert crc32c(content) == crc


def test_the_first_record_begins_as_in_every_event_file():
    """The length 24 and its checksum as TensorFlow writes them, whatever the time."""
    assert record(first_event(0.5))[:12] == bytes.fromhex("1800000000000000 a37f4b22")


def test_a_record_decoded_by_hand():
    event = scalars_event(1.5, 300, {"loss/train": 0.25, "rate": 2.0})
    assert event == bytes.fromhex(
        "09 000000000000f83f"  # field 1, double: 1.5
        "10 ac02"  # field 2, varint: 300 is 0b10_0101100, the lowest seven bits first
        "2a 20"  # field 5: 32 bytes follow
        "0a 11 0a 0a 6c6f73732f747261696e 15 0000803e"  # a value: the tag loss/train, field 2, float: 0.25
        "0a 0b 0a 04 72617465 15 00000040"  # the tag rate, 2.0
    )
    whole = record(event)
    length, of_length = struct.unpack("<QI", whole[:12])
    assert (length, whole[12:-4]) == (len(event), event)
    assert of_length == masked(crc32c(whole[:8]))
    assert struct.unpack("<I", whole[-4:])[0] == masked(crc32c(event))


def test_the_mask_turns_and_adds():
    assert masked(0) == 0xA282EAD8
    assert masked(1 << 15) == 0xA282EAD9  # turned right by 15
    assert masked(1) == (0xA282EAD8 + (1 << 17)) & 0xFFFFFFFF


def test_a_run_that_goes_on_says_from_which_step():
    assert start_event(0.0, 7).hex() == "09" + 16 * "0" + "1007" + "3a02" + "0801"


@pytest.mark.parametrize(
    ("step", "written"),
    [(0, "00"), (127, "7f"), (128, "8001"), (200, "c801"), (16383, "ff7f"), (16384, "808001")],
)
def test_seven_bits_a_byte(step, written):
    assert start_event(0.0, step).hex() == "09" + 16 * "0" + "10" + written + "3a020801"
