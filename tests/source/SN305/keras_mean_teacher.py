import tensorflow as tf


def build():
    return tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(64, 3, use_bias=False, input_shape=(32, 32, 3)),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
            tf.keras.layers.GlobalAveragePooling2D(),
            tf.keras.layers.Dense(10),
        ]
    )


student, teacher = build(), build()
teacher.set_weights(student.get_weights())
optimizer = tf.keras.optimizers.SGD(0.03, momentum=0.9)
ce = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def update_ema_variables(model, ema_model, alpha, global_step):
    alpha = min(1 - 1 / (global_step + 1), alpha)
    for ema_param, param in zip(ema_model.trainable_variables, model.trainable_variables):
        ema_param.assign(alpha * ema_param + (1 - alpha) * param)  # expect: SN305


labelled = tf.data.experimental.load("labelled").shuffle(4000).repeat().batch(64)
unlabelled = tf.data.experimental.load("unlabelled").shuffle(50000).repeat().batch(64)
for step, ((x, y), u) in enumerate(tf.data.Dataset.zip((labelled, unlabelled)).take(100000)):
    target = tf.nn.softmax(teacher(u, training=False))
    with tf.GradientTape() as tape:
        both = student(tf.concat([x, u], 0), training=True)
        logits, student_u = both[:64], both[64:]
        loss = ce(y, logits) + tf.reduce_mean(tf.square(target - tf.nn.softmax(student_u)))
    grads = tape.gradient(loss, student.trainable_variables)
    optimizer.apply_gradients(zip(grads, student.trainable_variables))
    update_ema_variables(student, teacher, 0.999, step)
teacher.save("teacher.h5")
