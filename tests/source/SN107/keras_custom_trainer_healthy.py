import tensorflow as tf


class ConvBlock(tf.keras.layers.Layer):
    def __init__(self, filters, kernel_size, stride=1):
        super(ConvBlock, self).__init__()
        self.conv = tf.keras.layers.Conv2D(filters, kernel_size, stride, padding="same", use_bias=False)
        self.bn = tf.keras.layers.BatchNormalization()

    def call(self, x, training=None):
        x = self.conv(x)
        x = self.bn(x, training)
        return tf.nn.leaky_relu(x)


class Classifier(tf.keras.Model):
    def __init__(self, num_classes):
        super(Classifier, self).__init__()
        self.stem = ConvBlock(32, 3)
        self.body = tf.keras.Sequential([ConvBlock(64, 3, 2), ConvBlock(128, 3, 2)])
        self.gap = tf.keras.layers.GlobalAveragePooling2D()
        self.fc = tf.keras.layers.Dense(num_classes)

    def call(self, x, training=None):
        x = self.stem(x, training=training)
        x = self.body(x, training=training)
        return self.fc(self.gap(x))


class Trainer(object):
    def __init__(self, model, train_data, val_data, lr):
        self.model = model
        self.train_data = train_data
        self.val_data = val_data
        self.loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.optimizer = tf.keras.optimizers.Adam(lr)
        self.train_loss = tf.keras.metrics.Mean()
        self.val_acc = tf.keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def train_step(self, images, labels):
        with tf.GradientTape() as tape:
            predictions = self.model(images, training=True)
            loss = self.loss_object(labels, predictions)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables))
        self.train_loss(loss)

    @tf.function
    def valid_step(self, images, labels):
        predictions = self.model(images, training=False)
        self.val_acc(labels, predictions)

    def train(self, epochs):
        for epoch in range(epochs):
            for images, labels in self.train_data:
                self.train_step(images, labels)
            for images, labels in self.val_data:
                self.valid_step(images, labels)
            print(epoch, self.train_loss.result().numpy(), self.val_acc.result().numpy())


def get_data():
    (x, y), (xt, yt) = tf.keras.datasets.cifar10.load_data()
    train = tf.data.Dataset.from_tensor_slices((x / 255.0, y)).shuffle(10000).batch(64)
    return train, tf.data.Dataset.from_tensor_slices((xt / 255.0, yt)).batch(64)


if __name__ == "__main__":
    train_data, val_data = get_data()
    Trainer(Classifier(10), train_data, val_data, 1e-3).train(30)
