import tensorflow as tf

model = tf.keras.applications.ResNet50(weights=None, classes=10, input_shape=(32, 32, 3))
ema = tf.train.ExponentialMovingAverage(decay=0.9999)
opt = tf.keras.optimizers.SGD(0.1, momentum=0.9)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
(x, y), (xt, yt) = tf.keras.datasets.cifar10.load_data()
train = tf.data.Dataset.from_tensor_slices((x / 255.0, y)).shuffle(50000).batch(128)


@tf.function
def step(images, labels):
    with tf.GradientTape() as tape:
        loss = loss_fn(labels, model(images, training=True))
    opt.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    ema.apply(model.trainable_variables)  # expect: SN305


for epoch in range(100):
    for images, labels in train:
        step(images, labels)
for v in model.trainable_variables:
    v.assign(ema.average(v))
print(tf.keras.metrics.sparse_categorical_accuracy(yt, model.predict(xt / 255.0)))
