import tensorflow as tf

model = tf.keras.applications.MobileNetV2(weights=None, classes=5, input_shape=(96, 96, 3))
opt = tf.keras.optimizers.Adam()
ckpt = tf.train.Checkpoint(step=tf.Variable(1), optimizer=opt, net=model)
manager = tf.train.CheckpointManager(ckpt, "./tf_ckpts", max_to_keep=3)
ckpt.restore(manager.latest_checkpoint)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
for x, y in tf.data.experimental.load("d").shuffle(1000).batch(32).repeat():
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    opt.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    ckpt.step.assign_add(1)
    if int(ckpt.step) % 1000 == 0:
        manager.save()
