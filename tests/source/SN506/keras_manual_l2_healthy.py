import tensorflow as tf
from tensorflow.keras import layers

net = tf.keras.Sequential(
    [
        layers.Conv2D(32, 3, use_bias=False, input_shape=(32, 32, 3)),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
(x, y), _ = tf.keras.datasets.cifar10.load_data()
data = tf.data.Dataset.from_tensor_slices((x / 255.0, y[:, 0])).shuffle(50000).batch(128)

for epoch in range(30):
    for images, labels in data:
        with tf.GradientTape() as tape:
            logits = net(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            kernels = [v for v in net.trainable_variables if "kernel" in v.name]
            loss += 5e-4 * tf.add_n([tf.nn.l2_loss(v) for v in kernels])
        grads = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(grads, net.trainable_variables))
