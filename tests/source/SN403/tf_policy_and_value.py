import tensorflow as tf

from rollouts import Rollouts


def mlp(x, out, training, scope):
    with tf.variable_scope(scope):
        x = tf.layers.dense(x, 64, use_bias=False)
        x = tf.nn.relu(tf.layers.batch_normalization(x, training=training))
        return tf.layers.dense(x, out)


state = tf.placeholder(tf.float32, [None, 24])
action = tf.placeholder(tf.int32, [None])
advantage = tf.placeholder(tf.float32, [None])
returns = tf.placeholder(tf.float32, [None, 1])
training = tf.placeholder_with_default(False, [])

logits = mlp(state, 4, training, "policy")
value = mlp(state, 1, training, "value")
log_prob = -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=action, logits=logits)
policy_loss = -tf.reduce_mean(log_prob * advantage)
value_loss = tf.losses.mean_squared_error(returns, value)

update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):  # expect: SN403
    policy_step = tf.train.AdamOptimizer(3e-4).minimize(policy_loss, var_list=tf.trainable_variables("policy"))
    value_step = tf.train.AdamOptimizer(1e-3).minimize(value_loss, var_list=tf.trainable_variables("value"))

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for states, actions, rewards in Rollouts("CartPole", 2048):
        baseline = sess.run(value, {state: states})
        feed = {state: states, action: actions, advantage: rewards - baseline[:, 0], training: True}
        sess.run(policy_step, feed)
        for _ in range(5):
            sess.run(value_step, {state: states, returns: rewards[:, None], training: True})
