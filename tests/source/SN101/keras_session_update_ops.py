"""Keras layers inside a TensorFlow 1 training session."""

import tensorflow.compat.v1 as tf
from tensorflow.keras import backend as K
from tensorflow.keras.layers import BatchNormalization, Dense, Input
from tensorflow.keras.models import Model

from data import batches

tf.disable_v2_behavior()


def make_model(features):
    inputs = Input(shape=(features,))
    h = Dense(128, use_bias=False)(inputs)
    h = BatchNormalization()(h)
    h = tf.keras.layers.Activation("relu")(h)
    return Model(inputs, Dense(2)(h))


def main():
    model = make_model(40)
    labels = tf.placeholder(tf.int32, [None])
    logits = model.output
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    optimizer = tf.train.AdamOptimizer(1e-3)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(loss)  # expect: SN101
    with tf.Session() as sess:
        K.set_session(sess)
        sess.run(tf.global_variables_initializer())
        for step, (x, y) in enumerate(batches("train.npz", 64, shuffle=True)):
            _, value = sess.run([train_op, loss], {model.input: x, labels: y, K.learning_phase(): 1})
            if step % 100 == 0:
                print(step, value)
        model.save_weights("model.h5")


if __name__ == "__main__":
    main()
