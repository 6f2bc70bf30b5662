import tensorflow as tf
from nets.nasnet import nasnet

from dogs import input_pipeline

slim = tf.contrib.slim

flags = tf.app.flags
flags.DEFINE_integer("steps", 30000, "Number of training steps.")
flags.DEFINE_string("log_dir", "logs", "Where checkpoints go.")
FLAGS = flags.FLAGS


def main(_):
    images, labels = input_pipeline("train", batch_size=32)
    with slim.arg_scope(nasnet.nasnet_mobile_arg_scope(weight_decay=4e-5)):
        logits, end_points = nasnet.build_nasnet_mobile(images, 120, is_training=True)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    aux = tf.losses.sparse_softmax_cross_entropy(labels, end_points["AuxLogits"], weights=0.4)
    total = loss + aux
    step = tf.train.get_or_create_global_step()
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = tf.train.AdamOptimizer(1e-4).minimize(total, global_step=step)
    hooks = [tf.train.StopAtStepHook(FLAGS.steps), tf.train.LoggingTensorHook({"loss": total}, 100)]
    with tf.train.MonitoredTrainingSession(checkpoint_dir=FLAGS.log_dir, hooks=hooks) as sess:
        while not sess.should_stop():
            sess.run(train_op)


if __name__ == "__main__":
    tf.app.run()
