import tensorflow as tf
from tensorflow.keras import layers

model = tf.keras.Sequential(
    [
        layers.Conv2D(64, 3, use_bias=False, input_shape=(32, 32, 3)),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10),
    ]
)
averaged = tf.keras.models.clone_model(model)
averaged.set_weights(model.get_weights())
optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
(x_train, y_train), (x_test, y_test) = tf.keras.datasets.cifar10.load_data()
train = tf.data.Dataset.from_tensor_slices((x_train / 255.0, y_train)).shuffle(50000).batch(128)
DECAY = 0.999


def update_average():
    for target, source in zip(averaged.variables, model.variables):
        target.assign(DECAY * target + (1 - DECAY) * source)


for epoch in range(100):
    for images, labels in train:
        with tf.GradientTape() as tape:
            loss = loss_fn(labels, model(images, training=True))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        update_average()
averaged.compile(loss=loss_fn, metrics=["accuracy"])
averaged.evaluate(x_test / 255.0, y_test)
averaged.save("averaged.h5")
