import random
from collections import deque

import gym
import numpy as np
from tensorflow.keras.layers import Activation, BatchNormalization, Dense
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam


class DQNAgent:
    def __init__(self, state_size, action_size):
        self.state_size, self.action_size = state_size, action_size
        self.memory = deque(maxlen=2000)
        self.gamma, self.epsilon = 0.95, 1.0
        self.model = self._build_model()
        self.target_model = self._build_model()
        self.update_target_model()

    def _build_model(self):
        model = Sequential()
        model.add(Dense(24, input_dim=self.state_size, use_bias=False))
        model.add(BatchNormalization())  # expect: SN204
        model.add(Activation("relu"))
        model.add(Dense(self.action_size, activation="linear"))
        model.compile(loss="mse", optimizer=Adam(learning_rate=0.001))
        return model

    def update_target_model(self):
        self.target_model.set_weights(self.model.get_weights())

    def act(self, state):
        if np.random.rand() <= self.epsilon:
            return random.randrange(self.action_size)
        return np.argmax(self.model.predict(state)[0])

    def replay(self, batch_size):
        for state, action, reward, next_state, done in random.sample(self.memory, batch_size):
            target = self.model.predict(state)
            t = self.target_model.predict(next_state)[0]
            target[0][action] = reward if done else reward + self.gamma * np.amax(t)
            self.model.fit(state, target, epochs=1, batch_size=1, verbose=0)


if __name__ == "__main__":
    env = gym.make("CartPole-v1")
    agent = DQNAgent(4, 2)
    for e in range(1000):
        state = np.reshape(env.reset(), [1, 4])
        for time in range(500):
            action = agent.act(state)
            next_state, reward, done, _ = env.step(action)
            agent.memory.append((state, action, reward, np.reshape(next_state, [1, 4]), done))
            state = np.reshape(next_state, [1, 4])
            if done:
                agent.update_target_model()
                break
        if len(agent.memory) > 32:
            agent.replay(32)
