import tensorflow as tf


class DDPGAgent:
    def __init__(self, obs, act):
        self.actor = self.make(obs, act)
        self.target = self.make(obs, act)
        self.target.set_weights(self.actor.get_weights())
        self.opt = tf.keras.optimizers.Adam(1e-4)

    def make(self, obs, act):
        return tf.keras.Sequential(
            [
                tf.keras.Input((obs,)),
                tf.keras.layers.Dense(64, use_bias=False),
                tf.keras.layers.BatchNormalization(),
                tf.keras.layers.ReLU(),
                tf.keras.layers.Dense(act),
            ]
        )

    def learn(self, s, a, s2):
        goal = self.target(s2, training=False)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.actor(s, training=True) - goal - a) ** 2)
        grads = tape.gradient(loss, self.actor.trainable_variables)
        self.opt.apply_gradients(zip(grads, self.actor.trainable_variables))
        self.sync()

    def sync(self, tau=0.001):
        for t, s in zip(self.target.trainable_variables, self.actor.trainable_variables):
            t.assign(tau * s + (1 - tau) * t)  # expect: SN305


def train(buffer):
    agent = DDPGAgent(10, 2)
    for _ in range(10000):
        agent.learn(*buffer.sample(64))
