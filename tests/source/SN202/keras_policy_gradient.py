import gymnasium as gym
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers


class ActorCritic(tf.keras.Model):
    def __init__(self, num_actions, num_hidden_units):
        super().__init__()
        self.common = layers.Dense(num_hidden_units, activation="relu")
        self.norm = layers.BatchNormalization()
        self.actor = layers.Dense(num_actions)
        self.critic = layers.Dense(1)

    def call(self, inputs, training=False):
        x = self.norm(self.common(inputs), training=training)
        return self.actor(x), self.critic(x)


env = gym.make_vec("CartPole-v1", num_envs=32)
model = ActorCritic(2, 128)
optimizer = tf.keras.optimizers.Adam(0.01)


def run_episode(initial_state, model, max_steps):
    probs, values, rewards = [], [], []
    state = initial_state
    for t in range(max_steps):
        logits, value = model(state)  # expect: SN202
        action = tf.random.categorical(logits, 1)[:, 0]
        probs.append(tf.gather(tf.nn.softmax(logits), action, batch_dims=1))
        values.append(value[:, 0])
        state, reward, done, _, _ = env.step(action.numpy())
        rewards.append(reward)
        if done.all():
            break
    return tf.stack(probs), tf.stack(values), np.array(rewards)


def train_step(initial_state):
    with tf.GradientTape() as tape:
        probs, values, rewards = run_episode(initial_state, model, 500)
        returns = np.cumsum(rewards[::-1], axis=0)[::-1]
        loss = -tf.reduce_sum(tf.math.log(probs) * (returns - values))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))


for episode in range(1000):
    train_step(env.reset()[0])
