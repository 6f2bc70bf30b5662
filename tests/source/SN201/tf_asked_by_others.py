"""A game imports it and asks; nobody here calls what asks or learns."""
import tensorflow as tf

state_ph = tf.placeholder(tf.float32, [None, 24])
return_ph = tf.placeholder(tf.float32, [None, 4])
phase = tf.placeholder(tf.bool)

h = tf.layers.dense(state_ph, 64, use_bias=False)
h = tf.nn.relu(tf.layers.batch_normalization(h, training=phase))  # expect: SN204
q = tf.layers.dense(h, 4)
loss = tf.losses.mean_squared_error(return_ph, q)
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(1e-3).minimize(loss)

sess = tf.Session()
sess.run(tf.global_variables_initializer())


def predict(state):
    return sess.run(q, {state_ph: [state], phase: True})[0]  # expect: SN201


def learn(states, targets):
    sess.run(train_op, {state_ph: states, return_ph: targets, phase: True})
