from absl import app, flags
from absl.flags import FLAGS
import tensorflow as tf
from tensorflow.keras import Model
from tensorflow.keras.layers import Add, Conv2D, Input, LeakyReLU, ZeroPadding2D
from tensorflow.keras.regularizers import l2

flags.DEFINE_integer("batch_size", 8, "batch size")
flags.DEFINE_integer("epochs", 2, "epochs")
flags.DEFINE_string("weights", "./checkpoints/yolov3.tf", "weights")
flags.DEFINE_enum("mode", "fit", ["fit", "eager_fit"], "mode")


class BatchNormalization(tf.keras.layers.BatchNormalization):
    def call(self, x, training=False):
        if training is None:
            training = tf.constant(False)
        training = tf.logical_and(training, self.trainable)
        return super().call(x, training)


def DarknetConv(x, filters, size, strides=1, batch_norm=True):
    x = Conv2D(
        filters=filters,
        kernel_size=size,
        strides=strides,
        padding="same",
        use_bias=not batch_norm,
        kernel_regularizer=l2(0.0005),
    )(x)
    if batch_norm:
        x = BatchNormalization()(x)
        x = LeakyReLU(alpha=0.1)(x)
    return x


def DarknetResidual(x, filters):
    prev = x
    x = DarknetConv(x, filters // 2, 1)
    x = DarknetConv(x, filters, 3)
    return Add()([prev, x])


def Darknet(name=None):
    x = inputs = Input([None, None, 3])
    x = DarknetConv(x, 32, 3)
    x = DarknetResidual(x, 32)
    return tf.keras.Model(inputs, x, name=name)


def YoloV3(classes=80):
    x = inputs = Input([416, 416, 3])
    x = Darknet(name="yolo_darknet")(x)
    x = DarknetConv(x, 255, 1, batch_norm=False)
    return Model(inputs, x, name="yolov3")


def main(_argv):
    model = YoloV3()
    train_dataset = tf.data.TFRecordDataset("train.tfrecord").shuffle(512).batch(FLAGS.batch_size)
    val_dataset = tf.data.TFRecordDataset("val.tfrecord").batch(FLAGS.batch_size)
    optimizer = tf.keras.optimizers.Adam(learning_rate=1e-3)
    loss_fn = tf.keras.losses.MeanSquaredError()
    if FLAGS.mode == "eager_fit":
        for epoch in range(1, FLAGS.epochs + 1):
            for batch, (images, labels) in enumerate(train_dataset):
                with tf.GradientTape() as tape:
                    outputs = model(images, training=True)
                    regularization_loss = tf.reduce_sum(model.losses)
                    total_loss = loss_fn(labels, outputs) + regularization_loss
                grads = tape.gradient(total_loss, model.trainable_variables)
                optimizer.apply_gradients(zip(grads, model.trainable_variables))
            for batch, (images, labels) in enumerate(val_dataset):
                outputs = model(images)
                print(loss_fn(labels, outputs))
            model.save_weights("checkpoints/yolov3_train_{}.tf".format(epoch))
    else:
        model.compile(optimizer=optimizer, loss=loss_fn)
        model.fit(train_dataset, epochs=FLAGS.epochs, validation_data=val_dataset)


if __name__ == "__main__":
    app.run(main)
