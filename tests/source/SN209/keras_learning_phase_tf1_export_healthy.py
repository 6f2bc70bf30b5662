import tensorflow as tf
from keras import backend as K
from keras.models import load_model

K.set_learning_phase(0)
model = load_model("model.h5")
sess = K.get_session()
frozen = tf.graph_util.convert_variables_to_constants(
    sess, sess.graph.as_graph_def(), [out.op.name for out in model.outputs]
)
tf.train.write_graph(frozen, ".", "model.pb", as_text=False)
