"""An actor that a function of the backend trains, with the gradients of a critic."""

import gym
import numpy as np
from keras import backend as K
from keras import layers, models, optimizers

from replay import Memory


class Policy:
    def __init__(self, features, size, bound):
        self.features = features
        self.size = size
        self.bound = bound
        self.build()

    def build(self):
        states = layers.Input(shape=(self.features,))
        h = layers.Dense(128, use_bias=False)(states)
        h = layers.BatchNormalization()(h)
        h = layers.Activation("relu")(h)
        raw = layers.Dense(self.size, activation="tanh")(h)
        actions = layers.Lambda(lambda x: x * self.bound)(raw)
        self.model = models.Model(inputs=states, outputs=actions)

        slopes = layers.Input(shape=(self.size,))
        loss = K.mean(-slopes * actions)
        updates_op = optimizers.Adam(lr=1e-4).get_updates(params=self.model.trainable_weights, loss=loss)
        self.train_fn = K.function(  # expect: SN101
            inputs=[self.model.input, slopes, K.learning_phase()], outputs=[], updates=updates_op
        )


class Value:
    def __init__(self, features, size):
        states = layers.Input(shape=(features,))
        actions = layers.Input(shape=(size,))
        h = layers.concatenate([states, actions])
        h = layers.Dense(128, use_bias=False)(h)
        h = layers.BatchNormalization()(h)
        h = layers.Activation("relu")(h)
        worth = layers.Dense(1)(h)
        self.model = models.Model(inputs=[states, actions], outputs=worth)
        self.model.compile(optimizer=optimizers.Adam(lr=1e-3), loss="mse")
        self.slopes = K.function(inputs=[*self.model.input, K.learning_phase()], outputs=K.gradients(worth, actions))


def follow(target, model, tau=0.001):
    mixed = [tau * new + (1 - tau) * old for new, old in zip(model.get_weights(), target.get_weights())]
    target.set_weights(mixed)


def learn(policy, target, value, memory):
    states, actions, rewards, following = memory.sample(64)
    ahead = target.model.predict_on_batch(following)
    goals = rewards + 0.99 * value.model.predict_on_batch([following, ahead])
    value.model.train_on_batch([states, actions], goals)
    slopes = np.reshape(value.slopes([states, actions, 0]), (-1, 1))
    policy.train_fn([states, slopes, 1])
    follow(target.model, policy.model)


def main():
    env = gym.make("Pendulum-v0")
    policy, target, value = Policy(3, 1, 2.0), Policy(3, 1, 2.0), Value(3, 1)
    target.model.set_weights(policy.model.get_weights())
    memory = Memory(100000)
    for episode in range(300):
        state, done = env.reset(), False
        while not done:
            action = policy.model.predict(state.reshape(1, 3))[0]
            following, reward, done, _ = env.step(action)
            memory.add(state, action, reward, following)
            state = following
            learn(policy, target, value, memory)


if __name__ == "__main__":
    main()
