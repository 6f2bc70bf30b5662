import tensorflow as tf
import reader

x = tf.placeholder(tf.float32, [None, 10])
y = tf.placeholder(tf.float32, [None, 1])
training = tf.placeholder_with_default(True, [], name="training")
h = tf.layers.dense(x, 32, use_bias=False)
h = tf.nn.relu(tf.layers.batch_normalization(h, training=training, momentum=0.9))
out = tf.layers.dense(h, 1)
loss = tf.losses.mean_squared_error(y, out)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    op = tf.train.AdamOptimizer().minimize(loss)
x_train, y_train, x_test, y_test = reader.shuffled()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(1000):
        sess.run(op, {x: x_train, y: y_train})
    print(sess.run(loss, {x: x_test, y: y_test, training: False}))
