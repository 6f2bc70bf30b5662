"""Programs with numbers that fail when they are run: the check goes on as if they were not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadynorm.source.reading.files import read_source
from steadynorm.source_check import SourceTask, checked

TORCH = """
import torch
import torchvision

model = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = torchvision.datasets.MNIST(".", train=True)
loader = torch.utils.data.DataLoader(data, batch_size={size}, shuffle=True)
for epoch in range(0, 100, {step}):
    for images, _ in loader:
        loss = model(images).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
KERAS = """
import keras
import numpy as np

model = keras.Sequential([keras.layers.Dense(8, use_bias=False), keras.layers.BatchNormalization()])
model.compile("sgd", "mse")
for step in range(0, 100, {step}):
    model.fit(np.zeros((64, 3)), np.zeros((64, 8)), batch_size={size})
"""
TENSORFLOW = """
import tensorflow as tf

images, labels = tf.data.Dataset.from_tensor_slices(load()).shuffle(100).batch(64).make_one_shot_iterator().get_next()
part = tf.split(images, {size}, axis=0)[0]
kernel = tf.Variable(tf.truncated_normal([{rows}, 8], stddev=0.5))
hidden = tf.layers.batch_normalization(tf.matmul(part, kernel), training=True)
loss = tf.reduce_mean(tf.square(hidden - labels))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(0, 100, {step}):
        sess.run(train_op)
"""


@pytest.mark.parametrize("program", [TORCH, KERAS, TENSORFLOW], ids=["torch", "keras", "tensorflow"])
@pytest.mark.parametrize(("size", "step", "rows"), [(32, 0, 8), (0, 1, 8), (-4, 1, 8), (32, 1, -1)])
def test_numbers_that_fail_do_not_stop_the_check(tmp_path: Path, program: str, size: int, step: int, rows: int) -> None:
    path = tmp_path / "program.py"
    path.write_text(program.format(size=size, step=step, rows=rows), encoding="utf-8")
    file = read_source(str(path))
    assert file is not None
    outcome = checked([file], SourceTask())

    assert outcome.failures == ()
    assert outcome.report is not None
    assert outcome.report.evidence.program is not None
    assert outcome.report.evidence.program.normalizations == 1
