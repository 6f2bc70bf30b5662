import tensorflow as tf
from deployment import model_deploy
from nets import nets_factory

slim = tf.contrib.slim


def main(_):
    with tf.Graph().as_default():
        deploy_config = model_deploy.DeploymentConfig(num_clones=2)

        def clone_fn(batch_queue):
            images, labels = batch_queue.dequeue()
            with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"is_training": True}):
                n = slim.conv2d(images, 64, 3)
            logits = slim.fully_connected(slim.flatten(n), 10, activation_fn=None)
            slim.losses.softmax_cross_entropy(logits, labels)
            return {}

        clones = model_deploy.create_clones(deploy_config, clone_fn, [queue()])
        first_clone_scope = deploy_config.clone_scope(0)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS, first_clone_scope)
        optimizer = tf.train.RMSPropOptimizer(0.01)
        total_loss, clones_gradients = model_deploy.optimize_clones(clones, optimizer)
        grad_updates = optimizer.apply_gradients(clones_gradients)
        update_ops.append(grad_updates)
        update_op = tf.group(*update_ops)
        with tf.control_dependencies([update_op]):
            train_tensor = tf.identity(total_loss, name="train_op")
        slim.learning.train(train_tensor, logdir="x", number_of_steps=100000)


tf.app.run()
