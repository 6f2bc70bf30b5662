import numpy as np
import tensorflow.compat.v1 as tf1

tf1.disable_v2_behavior()


def build(x, training):
    h = tf1.layers.dense(x, 128, use_bias=False)
    h = tf1.nn.relu(tf1.layers.batch_normalization(h, momentum=0.95, training=training))
    h = tf1.layers.dense(h, 64, use_bias=False)
    h = tf1.nn.relu(tf1.layers.batch_normalization(h, momentum=0.95, training=training))
    return tf1.layers.dense(h, 1)


def fit(features, targets, epochs=50, batch_size=256):
    x = tf1.placeholder(tf1.float32, [None, features.shape[1]])
    y = tf1.placeholder(tf1.float32, [None, 1])
    training = tf1.placeholder_with_default(False, ())
    prediction = build(x, training)
    loss = tf1.losses.mean_squared_error(y, prediction)
    optimizer = tf1.train.AdamOptimizer(learning_rate=3e-4)
    grads, variables = zip(*optimizer.compute_gradients(loss))
    grads, _ = tf1.clip_by_global_norm(grads, 1.0)
    update_ops = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
    with tf1.control_dependencies(update_ops):
        train_op = optimizer.apply_gradients(zip(grads, variables))  # expect: SN101

    sess = tf1.Session()
    sess.run(tf1.global_variables_initializer())
    for _ in range(epochs):
        for rows in np.array_split(np.random.permutation(len(features)), len(features) // batch_size):
            sess.run(train_op, {x: features[rows], y: targets[rows], training: True})
    return sess, x, prediction


if __name__ == "__main__":
    data = np.load("houses.npz")
    session, inputs, outputs = fit(data["x_train"], data["y_train"])
    print(session.run(outputs, {inputs: data["x_test"]}))
