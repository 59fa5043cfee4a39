"""A song, a cache of its own for each test, and servers."""

import shutil

import numpy as np
import pytest
from hub_servers import HubStub, registry, serving

import sirensong as ss
from functions import initial, on_lattice, stack, steps_of
from sirensong.carrier.slots import Slot, seal_slots
from sirensong.hub import arriving
from sirensong.network.substitution import Selection

SECRETS_SIZE = (4, 7)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and nothing of the person's who runs the tests."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SIRENSONG_CACHE", str(folder))
    for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(arriving, "TIMEOUT", 5.0)
    return folder


def made(seed, entries=(), nonce=bytes(range(32))):
    """A carrier of some kB, other weights for each seed."""
    architecture = ss.Architecture(hidden_features=16, hidden_layers=3, omega=20.0)
    rng = np.random.default_rng(seed)
    weights = [on_lattice(initial(architecture, rng)) for _ in range(4)]
    slots = seal_slots(nonce, entries, bytes(range(50, 82)))
    grid, steps = ss.Grid(2, 2), steps_of(weights[0])
    return ss.StegoFunction(architecture, grid, stack(weights), steps, 30, 40, nonce, slots)


@pytest.fixture(scope="session")
def songs(key):
    """Two carriers that differ and are long; the first has a picture for the key."""
    digest = made(1).digest[:5]
    slot = Slot(Selection.KEYED, 0.1, *SECRETS_SIZE, digest)
    return ss.dumps(made(1, [(key, slot)])), ss.dumps(made(2))


@pytest.fixture(scope="session")
def song(songs):
    return songs[0]


@pytest.fixture
def carrier(tmp_path, song):
    """Whose name says what nobody is to know."""
    path = tmp_path / "of my cat, for alice.safetensors"
    path.write_bytes(song)
    return path


@pytest.fixture
def web():
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def bucket_server():
    """moto's S3, and the environment that leads to it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(bucket_server, monkeypatch):
    """A bucket of this name on moto's S3."""
    import boto3

    settings = {
        "AWS_ENDPOINT_URL_S3": bucket_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=bucket_server)
    client.create_bucket(Bucket="songs")
    yield client
    for one in client.list_objects_v2(Bucket="songs").get("Contents", []):
        client.delete_object(Bucket="songs", Key=one["Key"])
    client.delete_bucket(Bucket="songs")
    client.close()


@pytest.fixture(scope="session")
def oci(tmp_path_factory):
    """Debian's docker-registry; its host and port."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    with registry(tmp_path_factory.mktemp("registry")) as place:
        yield place


@pytest.fixture
def hub_stub(tmp_path, monkeypatch):
    """A stub of the Hub, not the Hub, and the client's settings that lead to it."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _detect_agent

    with serving(HubStub) as server:
        server.repositories, server.objects, server.summaries = {}, {}, []
        server.claimed = {}
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            server.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
        monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(tmp_path / "harnesses"))
        monkeypatch.setattr(_detect_agent, "_registry", None)
        monkeypatch.setenv("HF_TOKEN", "hf_stub")
        yield server
