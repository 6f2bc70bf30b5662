import argparse

import tensorflow as tf
import tensorflow.keras.backend as K

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=20000)
parser.add_argument("--eval_every", type=int, default=500)
args = parser.parse_args()

inputs = tf.keras.layers.Input((32, 32, 3))
x = tf.keras.layers.Conv2D(48, 3, use_bias=False)(inputs)
x = tf.keras.layers.BatchNormalization()(x)
x = tf.keras.layers.ReLU()(x)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
net = tf.keras.Model(inputs, tf.keras.layers.Dense(10)(x))
opt = tf.keras.optimizers.SGD(0.1, momentum=0.9)
ce = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

(train_x, train_y), (test_x, test_y) = tf.keras.datasets.cifar10.load_data()
ds = tf.data.Dataset.from_tensor_slices((train_x / 255.0, train_y)).shuffle(50000).repeat().batch(128)
test = tf.data.Dataset.from_tensor_slices((test_x / 255.0, test_y)).batch(500)

K.set_learning_phase(1)
for step, (bx, by) in enumerate(ds.take(args.steps)):
    K.set_learning_phase(1)
    with tf.GradientTape() as tape:
        loss = ce(by, net(bx))
    opt.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
    if step % args.eval_every == 0:
        K.set_learning_phase(0)
        hits = [
            tf.reduce_sum(tf.cast(tf.argmax(net(tx), 1) == tf.cast(ty[:, 0], tf.int64), tf.int32)) for tx, ty in test
        ]
        print(step, int(sum(hits)) / 10000)
