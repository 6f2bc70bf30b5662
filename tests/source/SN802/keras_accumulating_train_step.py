import tensorflow as tf


class Accumulating(tf.keras.Model):
    def __init__(self, *args, steps, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = tf.constant(steps, tf.int32)
        self.counter = tf.Variable(0, trainable=False)
        self.sums = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self.trainable_variables]

    def train_step(self, data):
        x, y = data
        self.counter.assign_add(1)
        with tf.GradientTape() as tape:
            loss = self.compiled_loss(y, self(x, training=True))
        grads = tape.gradient(loss, self.trainable_variables)
        for total, grad in zip(self.sums, grads):
            total.assign_add(grad)
        tf.cond(tf.equal(self.counter, self.steps), self.apply, lambda: None)
        return {"loss": loss}

    def apply(self):
        self.optimizer.apply_gradients(zip(self.sums, self.trainable_variables))
        self.counter.assign(0)
        for total in self.sums:
            total.assign(tf.zeros_like(total))


image = tf.keras.Input((64, 64, 3))
x = tf.keras.layers.Conv2D(32, 3, use_bias=False)(image)
x = tf.keras.layers.BatchNormalization()(x)
x = tf.keras.layers.ReLU()(x)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
model = Accumulating(image, tf.keras.layers.Dense(10)(x), steps=4)
model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
(images, labels), _ = tf.keras.datasets.cifar10.load_data()
data = tf.data.Dataset.from_tensor_slices((tf.image.resize(images, (64, 64)) / 255.0, labels))
model.fit(data.shuffle(10000).batch(32), epochs=20)  # expect: SN802
