"""Every limit of uploads and stored files, with its unit, in one place."""

from dataclasses import dataclass
from typing import Final

MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ObjectLimits:
    """What an upload may be and how long things live (gateway reference §5, control-plane reference §3).

    Attributes:
        most_file_bytes: the largest package file, in bytes.
        most_list_bytes: the largest list of devices, in bytes.
        most_body_bytes: the largest request body, file and form together, in bytes.
        most_form_bytes: everything of the body but the file, in bytes; what a stranger can make the server hold.
        most_field_name_bytes: the longest name of a form field, in bytes.
        most_field_value_bytes: the longest value of a form field, in bytes.
        most_fields: how many form fields there may be.
        block_bytes: how much of a file is hashed and written at a time, in bytes: the memory of one upload.
        stall_seconds: a transfer in which nothing moves for this long is given up.
        ticket_seconds: how long an upload ticket is valid.
        unused_seconds: how long an uploaded file waits for a package or a job to refer to it.
        cleaning_batch: how many unused files one cleaning removes.
    """

    most_file_bytes: int = 1_048_576_000
    most_list_bytes: int = 5 * MEBIBYTE
    most_body_bytes: int = 5 << 30
    most_form_bytes: int = 4 * MEBIBYTE
    most_field_name_bytes: int = 8 << 10
    most_field_value_bytes: int = 2 * MEBIBYTE
    most_fields: int = 100
    block_bytes: int = MEBIBYTE
    stall_seconds: float = 120
    ticket_seconds: int = 60
    unused_seconds: int = 3_600
    cleaning_batch: int = 500


@dataclass(frozen=True, slots=True)
class ServingLimits:
    """How much is downloaded from this server at once, and how fast.

    A client is an IPv4 address or the first 64 bits of an IPv6 address: a site of many devices behind one address is
    one client, so the limits of a client leave room for a site.

    Attributes:
        most_at_once: downloads that are being answered.
        most_of_client: how many of them may be one client's.
        most_waiting: downloads that wait for their turn.
        wait_seconds: how long one waits; to firmware in the field an error is a failed update, so waiting is better.
        retry_seconds: when one that has waited in vain may try again; told to the client.
        bytes_per_second: of all downloads together; None for no limit.
        client_bytes_per_second: of all downloads of one client together; None for no limit.
    """

    most_at_once: int = 2_000
    most_of_client: int = 500
    most_waiting: int = 10_000
    wait_seconds: float = 20
    retry_seconds: int = 30
    bytes_per_second: int | None = None
    client_bytes_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class S3Limits:
    """How a bucket of S3 is used.

    Attributes:
        part_bytes: how much of an upload is sent at a time, in bytes, and so the memory of one upload; S3 takes no less
            than 5 MiB, but for the last part. What is smaller as a whole is sent at once.
        block_bytes: how much of a file is read at a time, in bytes: the memory of one download.
        connections: requests that are under way at once.
        connect_seconds: how long a connection may take to be made.
        attempts: how often a request is tried within its time.
        answer_seconds: how long the answer to a request may take in all.
        part_seconds: the same for a request that carries a part of an upload.
        copy_seconds: the same for a copy within the bucket: servers answer when they have made it.
        presigned_seconds: how long a presigned URL lets a download begin; who comes later is redirected anew.
    """

    part_bytes: int = 8 * MEBIBYTE
    block_bytes: int = 256 << 10
    connections: int = 512
    connect_seconds: float = 3
    attempts: int = 3
    answer_seconds: float = 10
    part_seconds: float = 60
    copy_seconds: float = 300
    presigned_seconds: int = 3_600
