import tensorflow.compat.v1 as tf

tf.disable_eager_execution()


def saved_variables(model):
    variables = list(model.trainable_variables)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            variables = variables.extend([layer.moving_mean, layer.moving_variance])  # expect: SN303
    return variables


def main():
    x = inputs = tf.keras.Input((16,))
    x = tf.keras.layers.Dense(32, use_bias=False)(x)
    x = tf.keras.layers.BatchNormalization()(x)
    x = tf.keras.layers.Activation("tanh")(tf.keras.layers.Dense(16)(x))
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1)(x))
    model.load_weights("weights.h5")
    saver = tf.train.Saver(var_list=saved_variables(model))
    saver.save(tf.keras.backend.get_session(), "./export")


main()
