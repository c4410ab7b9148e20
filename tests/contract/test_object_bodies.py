"""Objects that arrive by plain HTTP, at presigned URLs: the bytes are the object, whatever type they were given."""

from __future__ import annotations

import urllib.request

import pytest

from tests.contract.conftest import Server

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n'


@pytest.fixture(scope="module")
def bucket(server: Server) -> str:
    server.client("s3").create_bucket(Bucket="bodies")
    return "bodies"


@pytest.mark.parametrize(
    ("kind", "body"),
    [(FORM, b"plain text"), (FORM, b"key=a&acl=b"), (MULTIPART, PART), ("text/plain", b"plain text")],
    ids=["text as a form", "a form with S3's own names", "a form of parts", "text as such"],
)
def test_what_is_put_at_a_presigned_url_is_the_object(
    server: Server, bucket: str, kind: str, body: bytes
) -> None:
    s3 = server.client("s3")
    link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "put"})
    sending = urllib.request.Request(link, data=body, method="PUT", headers={"Content-Type": kind})
    assert urllib.request.urlopen(sending).status == 200
    stored = s3.get_object(Bucket=bucket, Key="put")
    assert (stored["Body"].read(), stored["ContentType"]) == (body, kind)


def test_a_forms_file_is_the_object_of_a_presigned_post(server: Server, bucket: str) -> None:
    s3 = server.client("s3")
    form = s3.generate_presigned_post(bucket, "posted")
    fields = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    )
    file = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nthe file\r\n--x--\r\n'
    sending = urllib.request.Request(
        form["url"], data=(fields + file).encode(), headers={"Content-Type": MULTIPART}
    )
    assert urllib.request.urlopen(sending).status == 204
    assert s3.get_object(Bucket=bucket, Key="posted")["Body"].read() == b"the file"
