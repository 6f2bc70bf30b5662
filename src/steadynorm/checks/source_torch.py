"""What is said about sightings in PyTorch programs: by check the words for each case."""

from __future__ import annotations

from steadynorm.checks.source_words import Words

_BY_BATCH = "prediction normalizes by the moments of its own batch"
_BY_STATISTICS = "training normalizes by the statistics, which nothing updates"
_SWITCHED = (
    "'{model}.{switch}' is called in the training loop and no train() after it{kept}: every later iteration ({where}) "
    "trains in inference mode"
)
_RECALIBRATE = "models that were trained this way need new statistics: steadynorm.recalibrate(model, train_data)"

UNKEPT: Words = {
    ("torch", "option"): (
        "'{subject}' has track_running_stats=False and keeps no statistics: inference depends on what else is in its "
        "batch",
        "Leave out track_running_stats=False, or use nn.GroupNorm, which needs no batch.",
    ),
    ("torch", "functional"): (
        "F.batch_norm is called without running statistics: inference depends on what else is in its batch",
        """\
Keep them, in the constructor:
    self.register_buffer("running_mean", torch.zeros(n))
    self.register_buffer("running_var", torch.ones(n))
And hand them over:
    F.batch_norm(x, self.running_mean, self.running_var,
                 weight, bias, training=self.training)""",
    ),
    ("torch", "by-hand"): (
        "this normalizes by the moments of the batch and keeps no average of them: inference depends on what else is "
        "in its batch",
        "Use nn.BatchNorm2d, or keep running averages in buffers and take these unless self.training.",
    ),
}

MOVED: Words = {
    ("torch", "training"): (
        "this evaluation runs '{model}' in training mode and moves its statistics with validation data, then training "
        "goes on (torch.no_grad() does not stop the updates)",
        f"Write {{model}}.eval() before it and {{model}}.train() after it; {_RECALIBRATE}.",
    ),
    ("torch", "saved"): (
        "this evaluation runs '{model}' in training mode and moves its statistics with validation data, before the "
        "model is saved (torch.no_grad() does not stop the updates)",
        f"Write {{model}}.eval() before it; {_RECALIBRATE}.",
    ),
    ("torch", "samples"): (
        "'{model}' draws samples in training mode, and their statistics, which are those of no data, move into its own "
        "(torch.no_grad() does not stop the updates)",
        f"Write {{model}}.eval() before it and {{model}}.train() after it; {_RECALIBRATE}.",
    ),
}

INFERENCE: Words = {
    ("torch", "eval"): (
        f"'{{model}}' is in training mode here, {{since}}: {_BY_BATCH}",
        "Write {model}.eval() before this{then}; torch.no_grad() does not switch the mode.",
    ),
    ("torch", "train"): (
        f"'{{model}}' is asked for predictions in training mode, {{since}}: {_BY_BATCH}",
        "Write {model}.eval() here; to keep dropout active, put the dropout layers alone into train().",
    ),
    ("torch", "teacher"): (
        "'{model}' has weights of its own and is only asked here, in training mode: its targets depend on the batch, "
        "and its statistics move",
        "Write {model}.eval() once, before the training loop.",
    ),
    ("torch", "constant"): (
        f"F.batch_norm is called with training=True whatever the mode of the model is: {_BY_BATCH}",
        "Write training=self.training in this call.",
    ),
}

TRAINING: Words = {
    ("torch", "mode"): (
        f"'{{model}}' is trained in inference mode, as {{by}} left it ({{where}}): {_BY_STATISTICS}",
        "Write {model}.train() before the training loop.",
    ),
    ("torch", "default"): (
        f"F.batch_norm is called without training=, whose default is False: {_BY_STATISTICS}",
        "Write training=self.training in this call.",
    ),
    ("torch", "constant"): (
        f"F.batch_norm is called with training=False whatever the mode of the model is: {_BY_STATISTICS}",
        "Write training=self.training in this call.",
    ),
}

SWITCHED: Words = {
    ("torch", "eval"): (
        _SWITCHED,
        "Write {trained}.train() at the beginning of every epoch, or {behind}right behind the evaluation.",
    ),
    ("torch", "within"): (
        _SWITCHED,
        "Write {model}.train() right behind the evaluation, before the next training step.",
    ),
    ("torch", "step"): (
        _SWITCHED,
        "Write {trained}.train() where the training step begins, or {behind}right behind the evaluation.",
    ),
    ("torch", "restored"): (
        "the mode that is put back here was read when '{model}' was in inference mode: every later iteration "
        "({where}) trains in inference mode",
        "Read {model}.training right before {model}.eval(), and put that back.",
    ),
}

ONE_VALUE: Words = {
    ("torch", "training"): (
        "'{subject}' takes batch moments from one value per channel: PyTorch refuses that, and its output would be "
        "beta whatever the input is",
        "Train with larger batches and DataLoader(..., drop_last=True), or use nn.LayerNorm or nn.GroupNorm here.",
    ),
    ("torch", "prediction"): (
        "'{subject}' takes batch moments from one value per channel: PyTorch refuses that, and its output would be "
        "beta whatever the input is",
        "Predict in inference mode: call eval() on the model before.",
    ),
}

PASSED_ON: Words = {
    ("torch", "train"): (
        "'{subject}' is not handed '{argument}': eval(), which calls train(False), leaves the layers in training mode",
        "Write {call}({argument}).",
    ),
    ("torch", "argument"): (
        "the function around this call takes '{argument}' and does not hand it to '{subject}', whose mode is the same "
        "in training and in inference",
        "Write training={argument} in this call.",
    ),
}

UNREGISTERED: Words = {
    ("torch", "list"): (
        "the layers in '{subject}' stand in a plain list: train(), eval(), to() and the state dict do not reach them",
        "Write {subject} = nn.ModuleList([...]).",
    ),
    ("torch", "dict"): (
        "the layers in '{subject}' stand in a plain dict: train(), eval(), to() and the state dict do not reach them",
        "Write {subject} = nn.ModuleDict({{...}}).",
    ),
}

EXPORTED: Words = {
    ("torch", "trace"): (
        "'{model}' is traced in training mode: it normalizes by the moments of its batch for ever, whatever eval() "
        "says later",
        "Write {model}.eval() before the trace.",
    ),
    ("torch", "export"): (
        "'{model}' is exported in training mode: it normalizes by the moments of its batch for ever",
        "Write {model}.eval() before the export.",
    ),
    ("torch", "onnx"): (
        "'{model}' is exported in training mode: it normalizes by the moments of its batch for ever",
        "Write {model}.eval() before the export.",
    ),
    ("torch", "onnx-mode"): (
        "'{model}' is exported in training mode, as training= says: it normalizes by the moments of its batch for ever",
        "Write {model}.eval() before the export, and leave out training=.",
    ),
    ("torch", "script"): (
        "'{model}' is scripted in training mode, and loads in training mode: inference normalizes by the moments of "
        "its batch",
        "Write {model}.eval() before it is scripted.",
    ),
}

_LACKS = "gamma and beta, and not running_mean and running_var"

NOT_SAVED: Words = {
    ("torch", ""): (
        f"what is saved are the parameters of '{{model}}': {_LACKS}",
        "Save {model}.state_dict(), which has the buffers as well.",
    ),
    ("torch", "filtered"): (
        "the statistics are taken out of the state of '{model}' before it is saved: inference has nothing to "
        "normalize by",
        "Save {model}.state_dict() as it is.",
    ),
    ("torch", "trainable"): (
        f"what is saved are the trainable parameters of '{{model}}': {_LACKS}, which training has moved",
        "Save the buffers of the trained layers as well: take the names from {model}.state_dict().",
    ),
}

NOT_RESTORED: Words = {
    ("torch", "filtered"): (
        "strict=False hides that the statistics were left out of what is loaded: those of '{model}' keep their initial "
        "values, mean 0 and variance 1",
        "Load the whole state: {model}.load_state_dict(state).",
    ),
    ("torch", "parameters"): (
        "strict=False hides that only parameters are loaded: the statistics of '{model}' keep their initial values, "
        "mean 0 and variance 1",
        "Go through {model}.state_dict(), which has the buffers as well, and save them all.",
    ),
    ("torch", "merged"): (
        "the normalization layers are left out of what is loaded into '{model}': their statistics keep their initial "
        "values, mean 0 and variance 1",
        "Load them as well, or train before the model is evaluated.",
    ),
}

AVERAGED: Words = {
    ("torch", "average"): (
        "the average is made of parameters only: running_mean and running_var of '{subject}' belong to other weights",
        """\
Copy the buffers as well, where the parameters are averaged:
    buffers = zip({subject}.buffers(), model.buffers())
    for kept, value in buffers:
        kept.copy_(value)
Or re-estimate them when the training is over:
    from torch.optim.swa_utils import update_bn
    update_bn(train_loader, {subject})""",
    ),
    ("torch", "copy"): (
        "only parameters are copied: running_mean and running_var of '{subject}' belong to other weights",
        "Copy all of it: load_state_dict(other.state_dict()).",
    ),
    ("torch", "swa"): (
        "'{subject}' averages weights, and nothing re-estimates its statistics, which are those of the last weights",
        "Write torch.optim.swa_utils.update_bn(train_loader, {subject}) when the training is over.",
    ),
    ("torch", "swa-early"): (
        "'{subject}' is asked here before update_bn() re-estimates its statistics, which are those of the last weights",
        "Write torch.optim.swa_utils.update_bn(train_loader, {subject}) before this as well.",
    ),
    ("torch", "shadow"): (
        "the average is made of parameters only and put into '{subject}' for its evaluation: running_mean and "
        "running_var are those of the last weights",
        "Average the floating-point buffers as well, or re-estimate them when the average is in place: "
        "torch.optim.swa_utils.update_bn(train_loader, model).",
    ),
}

SHARED: Words = {
    ("torch", "calls"): (
        "'{subject}' takes {first} and {second} in separate calls of one training step: its statistics are those of "
        "neither",
        "Use one joint batch, network(torch.cat([a, b])).chunk(2), or a layer per input.",
    ),
    ("torch", "iterations"): (
        "'{subject}' is called again on what came of its own output: one set of statistics stands for the inputs of "
        "all iterations",
        "Give each iteration a layer of its own: nn.ModuleList(nn.BatchNorm2d(n) for _ in range(iterations)).",
    ),
}

OTHER_STEP: Words = {
    ("torch", ""): (
        "this step trains '{trained}' and moves the statistics of '{subject}' as well, with other data than its own "
        "step",
        "Write {model}.eval() before this call and {model}.train() after it, or put both kinds of data into one batch "
        "in its own step.",
    ),
}

FROZEN: Words = {
    ("torch", ""): (
        "the parameters of '{subject}' are frozen, but its normalization layers stay in training mode: their "
        "statistics follow the new data",
        "Put them into eval() after every train() of the model: override train() in the model, call "
        "super().train(mode) and then eval() on what is frozen.",
    ),
}

THAWED: Words = {
    ("torch", ""): (
        "the freeze by '{frozen}' is undone by {by} ({where}): the statistics move again",
        """\
Freeze in train() of the model, which every switch goes through:
    def train(self, mode=True):
        super().train(mode)
        ...  # eval() on the frozen layers
        return self""",
    ),
    ("torch", "published"): (
        "the freeze by '{frozen}' is undone by {by} ({where}): the statistics move again",
        "Repeat the freeze behind each {by}.",
    ),
    ("torch", "fit"): (
        "the freeze by '{frozen}' is undone when fit() puts the module into training mode: the statistics move again",
        "Freeze in on_train_epoch_start(self), or in train(self, mode=True) after super().train(mode).",
    ),
}

MICRO: Words = {
    ("torch", ""): (
        "the optimizer sees the sum over {times} batches, the normalization layers each of them alone, of {samples:g} "
        "samples",
        "Use larger batches instead where memory allows, nn.SyncBatchNorm over replicas, or nn.GroupNorm.",
    ),
}

RANGE: Words = {
    ("torch", "sigmoid-twice"): (
        "'{subject}' takes the sigmoid itself, and the model's output is that of one already: the predictions stay "
        "between 0.5 and 0.73",
        "Leave the model's last sigmoid out, or use nn.BCELoss().",
    ),
}

EPSILON = (
    "'{subject}' is built with epsilon {epsilon:g}: the second argument of PyTorch's layers is eps, and {epsilon:g} "
    "is TensorFlow's and Keras's momentum",
    "Use momentum={right:g} by its name, and train again: the weights fit this epsilon.",
)
"""The number of another argument, in the place of the one that was meant."""
