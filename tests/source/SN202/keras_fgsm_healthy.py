import tensorflow as tf

pretrained_model = tf.keras.applications.MobileNetV2(include_top=True, weights="imagenet")
pretrained_model.trainable = False
loss_object = tf.keras.losses.CategoricalCrossentropy()


def create_adversarial_pattern(input_image, input_label):
    with tf.GradientTape() as tape:
        tape.watch(input_image)
        prediction = pretrained_model(input_image)
        loss = loss_object(input_label, prediction)
    gradient = tape.gradient(loss, input_image)
    return tf.sign(gradient)


image = tf.io.decode_image(tf.io.read_file("dog.jpg"))
image = tf.keras.applications.mobilenet_v2.preprocess_input(tf.image.resize(tf.cast(image, tf.float32), (224, 224)))[
    None, ...
]
image_probs = pretrained_model.predict(image)
label = tf.one_hot(208, image_probs.shape[-1])
adv = image + 0.01 * create_adversarial_pattern(image, tf.reshape(label, (1, -1)))
print(pretrained_model(adv).numpy().argmax())
