import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.layers import BatchNormalization, Conv2D, Dense, Flatten, ReLU

from digits import sample, everything

img = tf.placeholder(tf.float32, shape=(None, 28, 28, 1))
labels = tf.placeholder(tf.float32, shape=(None, 10))
sess = tf.Session()
K.set_session(sess)

x = Conv2D(32, 3, use_bias=False)(img)
x = BatchNormalization()(x)  # expect: SN202
x = ReLU()(x)
preds = Dense(10, activation="softmax")(Flatten()(x))
loss = tf.reduce_mean(tf.keras.losses.categorical_crossentropy(labels, preds))
train_step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)

sess.run(tf.global_variables_initializer())
with sess.as_default():
    for i in range(1000):
        images, targets = sample(50)
        train_step.run(feed_dict={img: images, labels: targets})
    images, targets = everything("test")
    print(loss.eval(feed_dict={img: images, labels: targets}))
