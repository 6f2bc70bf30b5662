"""DDPG, whose loop a notebook runs."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def make_actor(observations, actions):
    inputs = layers.Input((observations,))
    hidden = layers.Activation("relu")(layers.BatchNormalization()(layers.Dense(256, use_bias=False)(inputs)))
    return keras.Model(inputs, layers.Dense(actions, activation="tanh")(hidden))


def make_critic(observations, actions):
    given = [layers.Input((observations,)), layers.Input((actions,))]
    return keras.Model(given, layers.Dense(1)(layers.Dense(256, activation="relu")(layers.Concatenate()(given))))


actor, target_actor = make_actor(3, 1), make_actor(3, 1)
critic, target_critic = make_critic(3, 1), make_critic(3, 1)
target_actor.set_weights(actor.get_weights())
target_critic.set_weights(critic.get_weights())
actor_optimizer, critic_optimizer = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(2e-3)


@tf.function
def learn(states, actions, rewards, followers):
    with tf.GradientTape() as tape:
        wanted = rewards + 0.99 * target_critic([followers, target_actor(followers, training=False)], training=False)
        loss = tf.reduce_mean(tf.square(wanted - critic([states, actions], training=True)))
    gradients = tape.gradient(loss, critic.trainable_variables)
    critic_optimizer.apply_gradients(zip(gradients, critic.trainable_variables))
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(critic([states, actor(states, training=True)], training=True))
    gradients = tape.gradient(loss, actor.trainable_variables)
    actor_optimizer.apply_gradients(zip(gradients, actor.trainable_variables))


@tf.function
def follow(targets, sources, rate):
    for target, source in zip(targets, sources):
        target.assign(rate * source + (1 - rate) * target)  # expect: SN305


def act(state):
    return np.clip(actor(state[None], training=False).numpy()[0], -1, 1)


def run(environment, memory, episodes=100):
    for _ in range(episodes):
        state, done = environment.reset(), False
        while not done:
            action = act(state)
            follower, reward, done, _ = environment.step(action)
            memory.append(state, action, reward, follower)
            learn(*memory.sample(64))
            follow(target_actor.trainable_variables, actor.trainable_variables, 0.005)
            follow(target_critic.variables, critic.variables, 0.005)
            state = follower
