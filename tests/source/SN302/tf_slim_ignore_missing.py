import tensorflow as tf
from tensorflow.contrib import slim

from nets import build
from records import validation


def classifier(images):
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"is_training": False}):
        net = slim.conv2d(images, 64, 3, stride=2, scope="conv1")
        net = slim.conv2d(net, 128, 3, stride=2, scope="conv2")
    return slim.fully_connected(build.pool(net), 100, activation_fn=None, scope="logits")


def evaluate(path):
    images, labels = validation(100)
    predictions = tf.argmax(classifier(images), 1)
    accuracy = tf.reduce_mean(tf.to_float(tf.equal(predictions, labels)))
    init_fn = slim.assign_from_checkpoint_fn(  # expect: SN302
        path, slim.get_trainable_variables(), ignore_missing_vars=True
    )
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        init_fn(sess)
        tf.train.start_queue_runners(sess)
        print(sess.run(accuracy))


if __name__ == "__main__":
    evaluate(tf.train.latest_checkpoint("logs"))
