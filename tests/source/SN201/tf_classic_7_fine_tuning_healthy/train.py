import tensorflow as tf
from tensorflow.contrib import slim

import net
from flowers import split

images, labels = split("train", 32)
with slim.arg_scope(net.inception_arg_scope(is_training=True)):
    logits = net.inception(images, 5)
slim.losses.sparse_softmax_cross_entropy(logits, labels)
train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), tf.train.AdamOptimizer(1e-3))
variables = slim.get_variables_to_restore(exclude=["Logits"])
init_fn = slim.assign_from_checkpoint_fn("inception_v1.ckpt", variables)
slim.learning.train(train_op, "flowers-models", init_fn=init_fn, number_of_steps=20000)
