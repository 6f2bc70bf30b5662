import tensorflow as tf


class Distiller(tf.keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student

    def compile(self, optimizer, student_loss_fn, distillation_loss_fn, alpha=0.1, temperature=3):
        super().compile(optimizer=optimizer)
        self.student_loss_fn, self.distillation_loss_fn = student_loss_fn, distillation_loss_fn
        self.alpha, self.temperature = alpha, temperature

    def train_step(self, data):
        x, y = data
        teacher_predictions = self.teacher(x, training=False)
        with tf.GradientTape() as tape:
            student_predictions = self.student(x, training=True)
            loss = self.alpha * self.student_loss_fn(y, student_predictions)
            loss += (1 - self.alpha) * self.distillation_loss_fn(
                tf.nn.softmax(teacher_predictions / self.temperature),
                tf.nn.softmax(student_predictions / self.temperature),
            )
        trainable_vars = self.student.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, trainable_vars), trainable_vars))
        return {"loss": loss}

    def test_step(self, data):
        x, y = data
        y_prediction = self.student(x, training=False)
        return {"loss": self.student_loss_fn(y, y_prediction)}


teacher = tf.keras.applications.ResNet50(weights=None, classes=10, input_shape=(32, 32, 3))
student = tf.keras.applications.MobileNetV2(weights=None, classes=10, input_shape=(32, 32, 3))
(x, y), (xt, yt) = tf.keras.datasets.cifar10.load_data()
teacher.compile("adam", "sparse_categorical_crossentropy")
teacher.fit(x / 255.0, y, epochs=5)
distiller = Distiller(student, teacher)
distiller.compile(
    tf.keras.optimizers.Adam(), tf.keras.losses.SparseCategoricalCrossentropy(), tf.keras.losses.KLDivergence()
)
distiller.fit(x / 255.0, y, epochs=3)
distiller.evaluate(xt / 255.0, yt)
