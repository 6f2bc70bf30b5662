"""What is said about sightings in Keras programs: by check the words for each case."""

from __future__ import annotations

from steadynorm.checks.source_words import Words

NOT_SAVED: Words = {
    ("keras", ""): (
        "what is saved are the {variables} of '{subject}': gamma and beta, and not the moving mean and variance",
        "Save all of it: model.save_weights(path), or model.variables in place of model.{variables}.",
    ),
}

NOT_RESTORED: Words = {
    ("keras", "key"): (
        "the checkpoint is restored as '{restored}' and was saved as '{saved}': nothing of the model is restored, and "
        "nothing says so",
        "Write tf.train.Checkpoint({saved}=model), and .assert_existing_objects_matched() behind restore().",
    ),
    ("keras", "names"): (
        "'{subject}' is the second model of the process, so that its unnamed normalization layers have other names "
        "than those in the file: by_name=True leaves them as they are",
        "Give the layers names, or load without by_name=True.",
    ),
    ("keras", "trainable"): (
        "only the trainable variables of '{subject}' are set from the file: the moving mean and variance keep their "
        "initial values",
        "Go through model.variables, and save them all.",
    ),
}

AVERAGED: Words = {
    ("keras", "average"): (
        "the average is made of {variables} only: the moving mean and variance of '{subject}' belong to other weights",
        "Go through model.variables (weights), which have the statistics as well, or re-estimate these on training "
        "data when the average is used.",
    ),
    ("keras", "optimizer"): (
        "use_ema=True averages the trainable variables over about 1 / (1 − {momentum}) steps, and the moving mean and "
        "variance belong to the last ones",
        "Run forward passes over training data with training=True, and without an optimizer, when fit() has put the "
        "average in place.",
    ),
}

WIPED: Words = {
    ("keras", ""): (
        "the initializer runs after '{subject}' and wipes what it has loaded, statistics and weights",
        "Leave it out, or run it before the weights are loaded.",
    ),
}

FROZEN: Words = {
    ("keras", "gradient"): (
        "the gradients leave '{subject}' out, but it runs with training=True: its moving mean and variance follow the "
        "new data",
        "Set {name}.trainable = False, which means inference mode as well, or write training=False in its call.",
    ),
    ("keras", "outside"): (
        "no gradient reaches '{subject}' here, but it runs with training=True: its moving mean and variance follow the "
        "new data",
        "Write training=False in this call.",
    ),
    ("keras", "stopped"): (
        "the gradient is stopped behind '{subject}', but training moves its moving mean and variance",
        "Set its trainable = False, which means inference mode as well.",
    ),
}

THAWED: Words = {
    ("keras", ""): (
        "the normalization layers are frozen here, and 'trainable = True' in line {line} thaws them again before the "
        "training",
        "Set trainable = True first, and freeze the normalization layers after that.",
    ),
}
