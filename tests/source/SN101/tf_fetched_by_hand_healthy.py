import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets("MNIST_data")
x = tf.placeholder(tf.float32, [None, 784])
y = tf.placeholder(tf.int64, [None])
training = tf.placeholder_with_default(False, shape=(), name="training")

hidden = tf.layers.dense(x, 300, use_bias=False, name="hidden1")
bn1 = tf.layers.batch_normalization(hidden, training=training, momentum=0.9)
bn1_act = tf.nn.elu(bn1)
logits = tf.layers.dense(bn1_act, 10, name="outputs")

xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
loss = tf.reduce_mean(xentropy, name="loss")
training_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))

extra_update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
saver = tf.train.Saver()
with tf.Session() as sess:
    tf.global_variables_initializer().run()
    for epoch in range(20):
        for iteration in range(mnist.train.num_examples // 200):
            X_batch, y_batch = mnist.train.next_batch(200)
            sess.run([training_op, extra_update_ops], feed_dict={training: True, x: X_batch, y: y_batch})
        print(epoch, accuracy.eval(feed_dict={x: mnist.test.images, y: mnist.test.labels}))
    saver.save(sess, "./my_model_final.ckpt")
