import pytest
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=")
import sirensong as ss
def test_round(hub_stub, song, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(song)
    ss.publish(tmp_path / "x.safetensors", "hf://me/name", license_id="cc0-1.0")
    assert ss.dumps(ss.load("hf://me/name")) == song
    print(hub_stub.asked)
