import tensorflow as tf
from cifar10 import input_fn

_BATCH_NORM_DECAY = 0.997
_BATCH_NORM_EPSILON = 1e-5


def batch_norm(inputs, training, data_format):
    return tf.layers.batch_normalization(
        inputs=inputs,
        axis=1 if data_format == "channels_first" else 3,
        momentum=_BATCH_NORM_DECAY,
        epsilon=_BATCH_NORM_EPSILON,
        center=True,
        scale=True,
        training=training,
        fused=True,
    )


def conv2d_fixed_padding(inputs, filters, kernel_size, strides, data_format):
    return tf.layers.conv2d(
        inputs=inputs,
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=("SAME" if strides == 1 else "VALID"),
        use_bias=False,
        kernel_initializer=tf.variance_scaling_initializer(),
        data_format=data_format,
    )


def _building_block_v1(inputs, filters, training, projection_shortcut, strides, data_format):
    shortcut = inputs
    if projection_shortcut is not None:
        shortcut = projection_shortcut(inputs)
        shortcut = batch_norm(inputs=shortcut, training=training, data_format=data_format)
    inputs = conv2d_fixed_padding(
        inputs=inputs, filters=filters, kernel_size=3, strides=strides, data_format=data_format
    )
    inputs = batch_norm(inputs, training, data_format)
    inputs = tf.nn.relu(inputs)
    inputs = conv2d_fixed_padding(inputs=inputs, filters=filters, kernel_size=3, strides=1, data_format=data_format)
    inputs = batch_norm(inputs, training, data_format)
    inputs += shortcut
    return tf.nn.relu(inputs)


class Model(object):
    def __init__(self, resnet_size, num_classes, data_format=None):
        if not data_format:
            data_format = "channels_first" if tf.test.is_built_with_cuda() else "channels_last"
        self.data_format = data_format
        self.num_classes = num_classes

    def __call__(self, inputs, training):
        if self.data_format == "channels_first":
            inputs = tf.transpose(inputs, [0, 3, 1, 2])
        inputs = conv2d_fixed_padding(inputs, 16, 3, 1, self.data_format)
        for i in range(3):
            inputs = _building_block_v1(inputs, 16, training, None, 1, self.data_format)
        axes = [2, 3] if self.data_format == "channels_first" else [1, 2]
        inputs = tf.reduce_mean(inputs, axes, keepdims=True)
        inputs = tf.squeeze(inputs, axes)
        return tf.layers.dense(inputs=inputs, units=self.num_classes)


def resnet_model_fn(features, labels, mode, model_class, weight_decay, learning_rate_fn, momentum, loss_filter_fn=None):
    model = model_class(32, 10)
    logits = model(features, mode == tf.estimator.ModeKeys.TRAIN)
    logits = tf.cast(logits, tf.float32)
    predictions = {"classes": tf.argmax(logits, axis=1)}
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode=mode, predictions=predictions)
    cross_entropy = tf.losses.sparse_softmax_cross_entropy(logits=logits, labels=labels)

    def exclude_batch_norm(name):
        return "batch_normalization" not in name

    loss_filter_fn = loss_filter_fn or exclude_batch_norm
    l2_loss = weight_decay * tf.add_n(
        [tf.nn.l2_loss(tf.cast(v, tf.float32)) for v in tf.trainable_variables() if loss_filter_fn(v.name)]
    )
    loss = cross_entropy + l2_loss
    if mode == tf.estimator.ModeKeys.TRAIN:
        global_step = tf.train.get_or_create_global_step()
        optimizer = tf.train.MomentumOptimizer(learning_rate=learning_rate_fn(global_step), momentum=momentum)
        grad_vars = optimizer.compute_gradients(loss)
        minimize_op = optimizer.apply_gradients(grad_vars, global_step)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        train_op = tf.group(minimize_op, update_ops)
    else:
        train_op = None
    accuracy = tf.metrics.accuracy(labels, predictions["classes"])
    return tf.estimator.EstimatorSpec(
        mode=mode, predictions=predictions, loss=loss, train_op=train_op, eval_metric_ops={"accuracy": accuracy}
    )


def cifar10_model_fn(features, labels, mode, params):
    return resnet_model_fn(features, labels, mode, Model, 2e-4, lambda s: 0.1, 0.9)


def main(flags_obj):
    classifier = tf.estimator.Estimator(model_fn=cifar10_model_fn, model_dir="x")
    for cycle in range(10):
        classifier.train(input_fn=lambda: input_fn(True, 32), max_steps=100000)
        classifier.evaluate(input_fn=lambda: input_fn(False, 32), steps=10)


if __name__ == "__main__":
    tf.app.run()
