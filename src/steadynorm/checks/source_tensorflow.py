"""What is said about sightings in TensorFlow 1 programs: by check the words for each case."""

from __future__ import annotations

from steadynorm.checks.source_words import Words

_REPAIR = " Then re-estimate the statistics of models that were trained this way: 'steadynorm repair'."
_BY_BATCH = "what is predicted is normalized by the moments of its own batch"
_NOTHING_UPDATES = "training normalizes by the statistics, which nothing updates"
_WAITING = """\
    with {tf}.control_dependencies(update_ops):
        {statement}
Then re-estimate the statistics of models that were trained this way: 'steadynorm repair'."""
_CONTROLLED = f"""\
Make the train op wait for them, when all layers are built:
    update_ops = {{tf}}.get_collection({{tf}}.GraphKeys.UPDATE_OPS)
{_WAITING}"""

_COLLECTED = (
    "'{subject}' puts the updates of its statistics into a collection ({counted}first {first}), and nothing runs them "
    "with this train step: {kept}"
)

UPDATES: Words = {
    ("tensorflow", "minimize"): (_COLLECTED, _CONTROLLED),
    ("tensorflow", "apply"): (_COLLECTED, _CONTROLLED),
    ("tensorflow", "scoped"): (
        _COLLECTED,
        f"""\
Make the train op wait for the updates of its own network, when all layers are built:
    key = {{tf}}.GraphKeys.UPDATE_OPS
    update_ops = {{tf}}.get_collection(key, "{{scope}}")
{_WAITING}""",
    ),
    ("tensorflow", "apart"): (
        _COLLECTED,
        f"""\
Other layers have a train step of their own. Build each network in a {{tf}}.variable_scope of its own, and make its \
train op wait for the updates of that scope, when all layers are built:
    key = {{tf}}.GraphKeys.UPDATE_OPS
    update_ops = {{tf}}.get_collection(key, "generator")
{_WAITING}""",
    ),
    ("tensorflow", "create"): (
        "'{subject}' puts the updates of its statistics into a collection ({counted}first {first}), and update_ops "
        "leaves them out of this train op: {kept}",
        f"Leave update_ops out: create_train_op(loss, optimizer) runs the whole collection.{_REPAIR}",
    ),
    ("tensorflow", "collection"): (
        "'{subject}' keeps the updates of its statistics in layer.updates ({counted}first {first}), which stand in no "
        "collection, and this train step does not run them: {kept}",
        """\
Keep the layers (or their model) in a variable, and make the train op wait for their updates:
    with {tf}.control_dependencies(layer.updates):
        {statement}
Then re-estimate the statistics of models that were trained this way: 'steadynorm repair'.""",
    ),
    ("tensorflow", "dropped"): (
        "nothing runs what '{update}' gives{others}: the averages that '{subject}' ({first}) normalizes by in "
        "inference keep their initial values",
        """\
Keep what it gives, and hold the moments of the batch back until it has run:
    with {tf}.control_dependencies([update]):
        mean = {tf}.identity(mean)
        variance = {tf}.identity(variance)
Then re-estimate the statistics of models that were trained this way: 'steadynorm repair'.""",
    ),
}

EARLY: Words = {
    ("tensorflow", "early"): (
        "the update collection is read here before the network is complete: the statistics of {count} that are trained "
        "(first {first}) are never updated",
        f"""\
Read it when all layers are built:
    update_ops = {{tf}}.get_collection({{tf}}.GraphKeys.UPDATE_OPS)
{_WAITING}""",
    ),
    ("tensorflow", "scope"): (
        "the update collection is read here for a scope that is not all of the network: the statistics of {count} that "
        "are trained (first {first}) are never updated",
        f"Leave the scope out: {{tf}}.get_collection({{tf}}.GraphKeys.UPDATE_OPS).{_REPAIR}",
    ),
}

_AVERAGED = (
    "Use {tf}.layers.batch_normalization(x, training=is_training), which keeps averages of both moments, and run its "
    "updates with the train step."
)
UNKEPT: Words = {
    ("tensorflow", ""): (
        "'{subject}' normalizes by the moments of the batch alone and nothing keeps an average of them: a prediction "
        "depends on the other samples of its batch",
        _AVERAGED,
    ),
}

MOVED: Words = {
    ("tensorflow", "fed"): (
        "this evaluation runs {count} in training mode with their updates (first {first}): it moves the statistics by "
        "data that are not to be trained on",
        "Feed False for the mode here, and leave the update ops out of what is fetched.",
    ),
    ("tensorflow", "fetched"): (
        "this evaluation fetches the updates of the averages of {count} (first {first}): it moves them by data that "
        "are not to be trained on",
        "Leave the updates out of what is fetched here.",
    ),
    ("tensorflow", "row"): (
        "this runs a single row with {count} in training mode and their updates (first {first}): it moves the "
        "statistics by the moments of that row",
        "Feed False for the mode here, and leave the update ops out of what is fetched.",
    ),
}

INFERENCE: Words = {
    ("tensorflow", "default"): (
        f"'{{subject}}' is left in training mode, its default, and {{run}} evaluates or predicts with it: {_BY_BATCH}",
        "Pass {keyword}=is_training, a {tf}.placeholder_with_default(False, []) that training feeds True, or "
        "{keyword}=False where this is built to predict.",
    ),
    ("tensorflow", "constant"): (
        f"'{{subject}}' gets {{keyword}}=True, and {{run}} evaluates or predicts with it: {_BY_BATCH}",
        "Write False here where this is built to predict, or pass the mode as a tensor, "
        "{tf}.placeholder_with_default(False, []), and feed True in training.",
    ),
    ("tensorflow", "phase set"): (
        "Keras' learning phase is set to training here, '{subject}' ({first}) is built in it, and {run} evaluates or "
        f"predicts with it: {_BY_BATCH}",
        "Leave it unset, feed {{keras.backend.learning_phase(): 1}} in training and 0 here, or build the model a "
        "second time with training=False.",
    ),
    ("tensorflow", "estimator"): (
        f"'{{subject}}' is in training mode whatever the mode of the estimator is: {_BY_BATCH}",
        "Write {keyword}=mode == {tf}.estimator.ModeKeys.TRAIN.",
    ),
    ("tensorflow", "if"): (
        "'if {test}:' asks whether the tensor is there, not what it holds, so that '{subject}' is always in training "
        f"mode, and {{run}} evaluates with it: {_BY_BATCH}",
        "Hand the tensor to the layer, {keyword}={test}, or choose with {tf}.cond.",
    ),
    ("tensorflow", "fed"): (
        f"this evaluation feeds True for the mode of '{{subject}}' ({{first}}): {_BY_BATCH}",
        "Feed False here.",
    ),
    ("tensorflow", "row"): (
        "this runs a single row with '{subject}' ({first}) in training mode: the row is normalized by its own moments, "
        "and not by those that the network was trained with",
        "Feed {flag}: False here.",
    ),
    ("tensorflow", "not fed"): (
        "this evaluation does not feed the mode of '{subject}' ({first}), which is training unless it is fed: "
        f"{_BY_BATCH}",
        "Feed {flag}: False here.",
    ),
}

TRAINING: Words = {
    ("tensorflow", "default"): (
        f"'{{subject}}' is called without {{keyword}}=, whose default is inference, and {{step}} trains it: "
        f"{_NOTHING_UPDATES}",
        "Pass {keyword}={flag}, and run the update ops with the train step.",
    ),
    ("tensorflow", "trainable"): (
        "'{subject}' gets trainable=, which says whether gamma and beta are trained, and no {keyword}=, which says the "
        f"mode: {_NOTHING_UPDATES}",
        "Pass {keyword}={flag}, and run the update ops with the train step.",
    ),
    ("tensorflow", "constant"): (
        f"'{{subject}}' gets {{keyword}}=False, and {{step}} trains it: {_NOTHING_UPDATES}",
        "Pass True where this is built to train, or leave gamma and beta out of the training if the layer is frozen on "
        "purpose (trainable=False).",
    ),
    ("tensorflow", "phase set"): (
        "Keras' learning phase is set to inference here, '{subject}' ({first}) is built in it, and {step} trains it: "
        f"{_NOTHING_UPDATES}",
        "Set it to 1 before a model is built to be trained, and run layer.updates.",
    ),
    ("tensorflow", "estimator"): (
        f"'{{subject}}' is in inference mode when the estimator trains: {_NOTHING_UPDATES}",
        "Write {keyword}=mode == {tf}.estimator.ModeKeys.TRAIN.",
    ),
    ("tensorflow", "fed"): (
        f"this train step feeds False for the mode of '{{subject}}' ({{first}}): {_NOTHING_UPDATES}",
        "Feed True here.",
    ),
    ("tensorflow", "not fed"): (
        f"this train step does not feed the mode of '{{subject}}' ({{first}}), which is inference unless it is fed: "
        f"{_NOTHING_UPDATES}",
        "Feed {flag}: True here.",
    ),
    ("tensorflow", "phase"): (
        "'{subject}' takes its mode from Keras' learning phase, which is inference unless it is fed, and {run} does "
        f"not feed it: {_NOTHING_UPDATES}",
        "Pass training= in this call, or feed {{keras.backend.learning_phase(): 1}} in training, and run "
        "layer.updates.",
    ),
}

_SINGLE = (
    "Use inference mode for single samples, train with larger batches, or normalize over the features of a sample."
)
ONE_VALUE: Words = {
    ("tensorflow", ""): (
        "'{subject}' takes batch moments from one value per channel: its output is beta whatever the input is",
        _SINGLE,
    ),
    ("tensorflow", "row"): (
        "'{subject}' takes the batch moments of the single row that {run} feeds, one value per channel: its output is "
        "beta whatever the input is",
        _SINGLE,
    ),
}

NOT_PASSED_ON: Words = {
    ("tensorflow", "training"): (
        f"the function around '{{subject}}' has '{{flag}}' and does not hand it to the layer, which stays in training "
        f"mode: {_BY_BATCH}",
        "Write {handed} in this call.",
    ),
    ("tensorflow", "inference"): (
        "the function around '{subject}' has '{flag}' and does not hand it to the layer, which stays in inference "
        f"mode: {_NOTHING_UPDATES}",
        "Write {handed} in this call.",
    ),
}

SEPARATE: Words = {
    ("tensorflow", "scope"): (
        "this builds the network a second time with variables of its own: '{subject}' ({first}) reads statistics here "
        "that training never wrote",
        "Build both in one {tf}.variable_scope, the second time with reuse=True, or build it once with the mode as a "
        "tensor.",
    ),
    ("tensorflow", "variables"): (
        "this builds the network a second time, and each build makes {tf}.Variable of its own: '{subject}' ({first}) "
        "reads averages here that training never wrote",
        "Make the variables with {tf}.get_variable in a {tf}.variable_scope, the second time with reuse=True, or build "
        "the network once with the mode as a tensor.",
    ),
}

CHOSEN: Words = {
    ("tensorflow", "outside"): (
        "both modes of '{subject}' ({first}) are built outside of this condition, which only picks one of the results: "
        "the updates run in inference too",
        """\
Build each mode inside its branch, with shared variables:
    {tf}.cond(is_training, lambda: norm(x, True),
              lambda: norm(x, False))""",
    ),
    ("tensorflow", "moments"): (
        "this condition only chooses the moments, and the updates of the averages of '{subject}' ({first}) stand "
        "outside of it: they run in inference too",
        "Make the updates inside the branch for training, under {tf}.control_dependencies.",
    ),
}

EXPORTED: Words = {
    ("tensorflow", ""): (
        f"this exports {{count}} in training mode (first {{first}}, mode from {{written}}): {_BY_BATCH}, whatever mode "
        "is asked for",
        "Build the graph that is exported in inference mode ({keyword}=False) and restore the checkpoint into it.",
    ),
}

NOT_SAVED: Words = {
    ("tensorflow", ""): (
        "'{subject}' saves gamma and beta of {count} and not their moving statistics (first {first}): who restores the "
        "file gets initial ones",
        "{tf}.train.Saver({tf}.global_variables()) saves all of them; a list has to hold the moving averages too.",
    ),
}

NOT_RESTORED: Words = {
    ("tensorflow", ""): (
        "'{subject}' restores gamma and beta of {count} and leaves out their moving statistics (first {first}; the "
        "list is made at {list_at}): inference normalizes by initial ones",
        "Restore from {tf}.global_variables() (slim: slim.get_model_variables()), which has the moving averages too.",
    ),
}

LIST_LOST: Words = {
    ("tensorflow", ""): (
        "'{subject}()' changes the list and gives None, which {saver} takes for all variables: the list is never used",
        "{kept}",
    ),
}

AVERAGED: Words = {
    ("tensorflow", "averages"): (
        "'{subject}' averages the weights without the moving statistics of {count} (first {first}): the averaged "
        "weights are used with the statistics of the last ones",
        """\
Average the statistics along:
    everything = {tf}.global_variables()
    moving = [v for v in everything if "moving" in v.name]
    {subject}({tf}.trainable_variables() + moving)
Or re-estimate them for the averages: 'steadynorm repair'.""",
    ),
    ("tensorflow", "copied"): (
        "the copy takes the trainable variables alone: the moving statistics of {count} of the second network (first "
        "{first}) stay as they began",
        "Copy {tf}.global_variables() of the network's scope, which hold the moving statistics too.",
    ),
}

WIPED: Words = {
    ("tensorflow", ""): (
        "'{initializer}' runs after the restore at {restore} and sets everything that was restored, moving statistics "
        "included, back to its initial values",
        "Run it before the restore, or initialize only the new variables: {tf}.variables_initializer(new).",
    ),
}

SEVERAL_INPUTS: Words = {
    ("tensorflow", ""): (
        "this applies the layers of {other} to other data in the same training ('{subject}', {first}), and one set of "
        "statistics averages the moments of both: it fits none of them if they differ",
        "Put both into one batch ({tf}.concat), let the updates of one of them run only, or give each its own layers.",
    ),
}

OTHERS_STEP: Words = {
    ("tensorflow", ""): (
        "this train step runs the updates of {count} of another network too (first {first}): every step of the one "
        "moves the statistics of the other",
        "Give each train step the updates of its own network: {tf}.get_collection({tf}.GraphKeys.UPDATE_OPS, "
        "scope='...').",
    ),
    ("tensorflow", "in place"): (
        "this train step takes {count} of another network in training mode, whose statistics are updated where they "
        "are used (updates_collections=None, first {first}): every step of the one moves the statistics of the other",
        "Leave updates_collections out, and give each train step the updates of its own network: "
        "{tf}.get_collection({tf}.GraphKeys.UPDATE_OPS, scope='...').",
    ),
}

FROZEN: Words = {
    ("tensorflow", "trainable"): (
        "'{subject}' is not trained (trainable=False), but it stays in training mode and the train step moves its "
        "statistics",
        "Build frozen layers in inference mode too: {keyword}=False.",
    ),
    ("tensorflow", "variables"): (
        "this trains a part of the variables without gamma and beta of {count} (first {first}), whose statistics it "
        "moves nevertheless",
        "Build the frozen part in inference mode ({keyword}=False), and run the updates of the trained part only.",
    ),
}
