"""What the server's certificate is for."""

import pytest

from skyferry.tls.names import certificate_names


@pytest.mark.parametrize(
    ("urls", "hosts", "further", "names"),
    [
        ([], [], [], ["localhost", "127.0.0.1"]),
        (["https://OTA.example.com:8443"], ["0.0.0.0", "::"], [], ["ota.example.com", "localhost", "127.0.0.1"]),
        (["http://[fd00::1]:80"], ["fd00:0::1"], [], ["fd00::1", "localhost", "127.0.0.1"]),
        (["http://127.0.0.1:80"], ["127.0.0.1"], ["*.example.com."], ["127.0.0.1", "*.example.com", "localhost"]),
    ],
)
def test_each_name_once_the_most_important_first(
    urls: list[str], hosts: list[str], further: list[str], names: list[str]
) -> None:
    assert certificate_names(urls, hosts, further) == names
