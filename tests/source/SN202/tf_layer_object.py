import tensorflow.compat.v1 as tf

from data import train_dataset, test_dataset

tf.disable_v2_behavior()


class Classifier:
    def __init__(self, classes):
        self.conv = tf.layers.Conv2D(32, 3, use_bias=False)
        self.norm = tf.layers.BatchNormalization(momentum=0.9)
        self.head = tf.layers.Dense(classes)

    def __call__(self, x):
        x = tf.nn.relu(self.norm(self.conv(x)))  # expect: SN202
        return self.head(tf.layers.flatten(x))


def main():
    train_it = tf.data.make_one_shot_iterator(train_dataset(64))
    test_it = tf.data.make_one_shot_iterator(test_dataset(64))
    model = Classifier(10)
    images, labels = train_it.get_next()
    loss = tf.losses.sparse_softmax_cross_entropy(labels, model(images))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer().minimize(loss)
    test_images, test_labels = test_it.get_next()
    prediction = tf.argmax(model(test_images), 1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(5000):
            sess.run(step)
        print(sess.run([prediction, test_labels]))


if __name__ == "__main__":
    main()
