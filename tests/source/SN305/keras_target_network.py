import numpy as np
import tensorflow as tf


class Critic(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(256, use_bias=False)
        self.norm = tf.keras.layers.BatchNormalization()
        self.value = tf.keras.layers.Dense(1)

    def call(self, state, training=False):
        h = self.norm(self.hidden(state), training=training)
        return self.value(tf.nn.relu(h))


class Agent:
    def __init__(self, tau=0.005, gamma=0.99):
        self.critic = Critic()
        self.target = Critic()
        self.optimizer = tf.keras.optimizers.Adam(1e-3)
        self.tau, self.gamma = tau, gamma

    def soft_update(self):
        for w, t in zip(self.critic.trainable_variables, self.target.trainable_variables):
            t.assign(self.tau * w + (1 - self.tau) * t)  # expect: SN305

    def learn(self, state, reward, following):
        goal = reward + self.gamma * self.target(following, training=False)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(goal - self.critic(state, training=True)))
        grads = tape.gradient(loss, self.critic.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.critic.trainable_variables))
        self.soft_update()


if __name__ == "__main__":
    replay = np.load("replay.npz")
    agent = Agent()
    rng = np.random.default_rng()
    for _ in range(100000):
        i = rng.integers(len(replay["state"]), size=128)
        agent.learn(replay["state"][i], replay["reward"][i], replay["following"][i])
