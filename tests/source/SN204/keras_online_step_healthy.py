import gymnasium as gym
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

env = gym.make("CartPole-v1")


def q_network(states, actions):
    inputs = layers.Input((states,))
    h = layers.Dense(64, use_bias=False)(inputs)
    h = layers.LayerNormalization()(h)
    h = layers.ReLU()(h)
    return tf.keras.Model(inputs, layers.Dense(actions)(h))


model = q_network(4, 2)
optimizer = tf.keras.optimizers.Adam(1e-3)


def update(state, action, target):
    with tf.GradientTape() as tape:
        q = model(np.expand_dims(state, 0), training=True)
        loss = tf.square(target - q[0, action])
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))


state, _ = env.reset()
for _ in range(50000):
    action = env.action_space.sample()
    following, reward, done, truncated, _ = env.step(action)
    best = tf.reduce_max(model(following[None, :], training=False))
    update(state, action, reward + 0.99 * best * (1 - done))
    state = env.reset()[0] if done or truncated else following
