"""How many layers a message speaks of: each once however often it is applied, and none where a loop makes them."""

from __future__ import annotations

from textwrap import dedent

from steadynorm.checks import registry
from steadynorm.evidence import Evidence
from steadynorm.source.reader import read
from steadynorm.source.reading.files import source_of

_NETWORK = """
    import tensorflow as tf


    def network(x, training, reuse=False):
        with tf.variable_scope('network', reuse=reuse):
            for i in {loop}:
                x = tf.layers.conv2d(x, 8, 3, use_bias=False, name='conv%d' % i)
                x = tf.nn.relu(tf.layers.batch_normalization(x, training=training, name='norm%d' % i))
            return tf.layers.dense(tf.layers.flatten(x), 10, name='out')


    x = tf.placeholder(tf.float32, [None, 64, 64, 3])
    y = tf.placeholder(tf.int64, [None])
    loss = tf.losses.sparse_softmax_cross_entropy(y, network(x, True))
    test = network(x, False, reuse=True)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train = tf.train.AdamOptimizer().minimize(loss)
    saver = tf.train.Saver(tf.trainable_variables())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for images, labels in data:
            session.run(train, {{x: images, y: labels}})
        saver.save(session, 'model')
        print(session.run(test, {{x: images}}))
"""


def _message(loop: str) -> str:
    file = source_of("main.py", dedent(_NETWORK.format(loop=loop)).encode())
    assert file is not None
    findings, _ = registry.run(Evidence("source", (), program=read([file])))
    return next(each.message for each in findings if each.code == "SN301")


def test_layers_that_are_applied_twice_count_once() -> None:
    assert "gamma and beta of 3 layers" in _message("range(3)")


def test_layers_that_a_loop_of_unknown_length_makes_are_not_counted() -> None:
    assert "gamma and beta of layers" in _message("sizes")
