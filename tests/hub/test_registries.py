import sirensong as ss
def test_round(oci, song, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(song)
    ss.publish(tmp_path / "x.safetensors", f"oci://{oci}/me/name:one", license_id="cc0-1.0")
    assert ss.dumps(ss.load(f"oci://{oci}/me/name:one")) == song
