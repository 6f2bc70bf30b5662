import tensorflow as tf

from handwriting import next_strokes

STROKES = 48


def embed(strokes, phase, reuse=None):
    with tf.variable_scope("embed", reuse=reuse):
        h = tf.layers.dense(strokes, 64, use_bias=False, name="in")
        h = tf.nn.elu(tf.layers.batch_normalization(h, training=phase, name="norm"))
        return tf.layers.dense(h, 16, name="out")


def decode(code):
    with tf.variable_scope("decode"):
        return tf.layers.dense(tf.layers.dense(code, 64, activation=tf.nn.elu, name="in"), STROKES, name="out")


def main():
    phase = tf.placeholder_with_default(False, [])
    strokes = tf.placeholder(tf.float32, [None, STROKES])
    code = embed(strokes, phase)
    drawn = decode(code)
    again = embed(drawn, False, reuse=True)
    loss = tf.reduce_mean(tf.squared_difference(strokes, drawn)) + tf.reduce_mean(tf.squared_difference(code, again))
    optimizer = tf.train.AdamOptimizer(1e-3)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = optimizer.minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(50000):
            sess.run(train_op, {strokes: next_strokes(128), phase: True})
        print(sess.run(code, {strokes: next_strokes(128)}))


if __name__ == "__main__":
    main()
