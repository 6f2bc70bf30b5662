import tensorflow as tf

base = tf.keras.applications.ResNet50(include_top=False, pooling="avg", weights="imagenet")
head = tf.keras.layers.Dense(3)
head.build((None, 2048))
optimizer = tf.keras.optimizers.Adam(1e-3)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train = tf.keras.utils.image_dataset_from_directory("xrays", image_size=(224, 224), batch_size=32)
train = train.map(lambda x, y: (tf.keras.applications.resnet50.preprocess_input(x), y))


@tf.function
def train_step(images, labels):
    with tf.GradientTape() as tape:
        features = base(images, training=False)
        loss = loss_fn(labels, head(features))
    gradients = tape.gradient(loss, head.trainable_variables)
    optimizer.apply_gradients(zip(gradients, head.trainable_variables))
    return loss


for epoch in range(10):
    for images, labels in train:
        loss = train_step(images, labels)
    tf.print(epoch, loss)
