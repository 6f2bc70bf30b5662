import tensorflow as tf

from data import batches

x = tf.placeholder(tf.float32, [None, 20])
y = tf.placeholder(tf.float32, [None, 1])
training = tf.placeholder(tf.bool)
net = tf.layers.dense(x, 64, use_bias=False)
net = tf.nn.relu(tf.layers.batch_normalization(net, training=training))
loss = tf.losses.mean_squared_error(y, tf.layers.dense(net, 1))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer().minimize(loss)

train_vars = tf.trainable_variables()
moving_vars = [v for v in tf.global_variables() if "moving" in v.name]
var_list = train_vars + moving_vars
saver = tf.train.Saver(var_list)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for a, b in batches(64):
        sess.run(train_op, {x: a, y: b, training: True})
    saver.save(sess, "model.ckpt")
