import tensorflow as tf

from model import build_labels

OUTPUT = "scores"


def network(images, is_training):
    net = tf.layers.conv2d(images, 32, 3, strides=2, use_bias=False, name="conv1")
    net = tf.layers.batch_normalization(net, training=is_training, name="bn1")
    net = tf.nn.relu(net)
    return tf.layers.dense(tf.reduce_mean(net, [1, 2]), len(build_labels()), name="logits")


def freeze(checkpoint, target):
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, [None, 224, 224, 3], name="images")
        tf.nn.softmax(network(images, is_training=False), name=OUTPUT)
        with tf.Session(graph=graph) as sess:
            tf.train.Saver().restore(sess, checkpoint)
            frozen = tf.graph_util.convert_variables_to_constants(sess, graph.as_graph_def(), [OUTPUT])
    with tf.gfile.GFile(target, "wb") as file:
        file.write(frozen.SerializeToString())


if __name__ == "__main__":
    freeze("model/model.ckpt", "frozen.pb")
