import tensorflow as tf
import argparse, random, collections, math, os

parser = argparse.ArgumentParser()
parser.add_argument("--mode", required=True, choices=["train", "test", "export"])
parser.add_argument("--batch_size", type=int, default=1, help="number of images in batch")
parser.add_argument("--checkpoint", default=None)
a = parser.parse_args()
Model = collections.namedtuple("Model", "outputs, gen_loss, train")


def batchnorm(inputs):
    return tf.layers.batch_normalization(  # expect: SN510 likely
        inputs,
        axis=3,
        epsilon=1e-5,
        momentum=0.1,
        training=True,
        gamma_initializer=tf.random_normal_initializer(1.0, 0.02),
    )


def gen_conv(x, c):
    return tf.layers.conv2d(
        x,
        c,
        kernel_size=4,
        strides=(2, 2),
        padding="same",
        use_bias=False,
        kernel_initializer=tf.random_normal_initializer(0, 0.02),
    )


def create_generator(x, c):
    with tf.variable_scope("encoder_1"):
        out = gen_conv(x, 64)
    with tf.variable_scope("encoder_2"):
        out = batchnorm(gen_conv(tf.nn.leaky_relu(out, 0.2), 128))
    with tf.variable_scope("decoder_1"):
        out = tf.layers.conv2d_transpose(tf.nn.relu(out), c, 4, 4, "same")
        return tf.tanh(out)


def create_model(inputs, targets):
    with tf.variable_scope("generator"):
        outputs = create_generator(inputs, 3)
    gen_loss = tf.reduce_mean(tf.abs(targets - outputs))
    gen_tvars = [var for var in tf.trainable_variables() if var.name.startswith("generator")]
    gen_optim = tf.train.AdamOptimizer(2e-4, 0.5)
    gen_grads_and_vars = gen_optim.compute_gradients(gen_loss, var_list=gen_tvars)
    gen_train = gen_optim.apply_gradients(gen_grads_and_vars)  # expect: SN101
    ema = tf.train.ExponentialMovingAverage(decay=0.99)
    update_losses = ema.apply([gen_loss])
    global_step = tf.train.get_or_create_global_step()
    incr = tf.assign(global_step, global_step + 1)
    return Model(outputs=outputs, gen_loss=ema.average(gen_loss), train=tf.group(update_losses, incr, gen_train))


def load_examples():
    paths = tf.train.string_input_producer(["a", "b"], shuffle=a.mode == "train")
    reader = tf.WholeFileReader()
    _, contents = reader.read(paths)
    raw = tf.image.convert_image_dtype(tf.image.decode_jpeg(contents), dtype=tf.float32)
    inp, tgt = raw * 2 - 1, raw * 2 - 1
    return tf.train.batch([inp, tgt], batch_size=a.batch_size)  # expect: SN505 likely


def main():
    inputs, targets = load_examples()
    model = create_model(inputs, targets)
    saver = tf.train.Saver(max_to_keep=1)
    sv = tf.train.Supervisor(logdir="out", saver=None)
    with sv.managed_session() as sess:
        if a.checkpoint is not None:
            saver.restore(sess, tf.train.latest_checkpoint(a.checkpoint))
        if a.mode == "test":
            for step in range(100):
                results = sess.run(model.outputs)
        else:
            for step in range(200000):
                fetches = {"train": model.train, "step": sv.global_step}
                fetches["gen_loss"] = model.gen_loss
                results = sess.run(fetches)
                saver.save(sess, "model")


main()
