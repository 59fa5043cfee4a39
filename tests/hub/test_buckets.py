"""Buckets: moto's server of S3's language, over the network."""

import pytest

import sirensong as ss
from sirensong.errors import FileError, FormatError


def put(bucket, data, key="a/song.safetensors"):
    bucket.put_object(Bucket="songs", Key=key, Body=data)


def test_load(bucket, song):
    put(bucket, song)
    assert ss.dumps(ss.load("s3://songs/a/song.safetensors")) == song
    assert ss.dumps(ss.load("s3://songs/a/")) == song
