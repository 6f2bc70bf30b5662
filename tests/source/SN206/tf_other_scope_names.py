import tensorflow as tf

from words import Corpus


class Tagger(object):
    def __init__(self, name, is_training):
        with tf.variable_scope(name):
            self.words = tf.placeholder(tf.float32, [None, 300])
            self.tags = tf.placeholder(tf.int32, [None])
            net = tf.contrib.layers.fully_connected(self.words, 200, activation_fn=None, biases_initializer=None)
            net = tf.contrib.layers.batch_norm(
                net, is_training=is_training, decay=0.9, updates_collections=None, scope="bn"
            )
            self.logits = tf.contrib.layers.fully_connected(tf.nn.relu(net), 17, activation_fn=None)
            self.loss = tf.losses.sparse_softmax_cross_entropy(self.tags, self.logits)


def main():
    train_model = Tagger("train", True)
    valid_model = Tagger("valid", False)  # expect: SN206
    step = tf.train.AdamOptimizer().minimize(train_model.loss)
    corpus = Corpus("ud")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(30):
            for words, tags in corpus.batches("train", 128):
                sess.run(step, {train_model.words: words, train_model.tags: tags})
            for words, tags in corpus.batches("valid", 128):
                print(sess.run(valid_model.loss, {valid_model.words: words, valid_model.tags: tags}))


if __name__ == "__main__":
    main()
