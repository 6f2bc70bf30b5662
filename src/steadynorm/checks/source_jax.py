"""What is said about sightings in JAX programs about checkpoints and fine-tuning: by check the words for each case."""

from __future__ import annotations

from steadynorm.checks.source_words import Words

NOT_SAVED: Words = {
    ("jax", "params"): (
        "what is saved has the parameters of '{subject}' and not its batch_stats",
        "Save both: {{'params': params, 'batch_stats': batch_stats}}, or the whole train state.",
    ),
    ("jax", "filter"): (
        "what is saved are the nnx.Param of '{subject}': gamma and beta, and not the moving mean and variance",
        "Save all of its state: nnx.state(model).",
    ),
    ("jax", "model"): (
        "'{subject}' is saved without its state, which has the moving mean and variance",
        "Save both, and restore both: eqx.tree_serialise_leaves(path, (model, state)).",
    ),
}

NOT_RESTORED: Words = {
    ("jax", "params"): (
        "of what is restored here '{subject}' takes the parameters only: its batch_stats are those of init()",
        "Take restored['batch_stats'] as well.",
    ),
    ("jax", "filter"): (
        "only the nnx.Param of '{subject}' are restored: the moving mean and variance keep their initial values",
        "Restore all of its state: nnx.state(model) as the target.",
    ),
    ("jax", "model"): (
        "'{subject}' is restored without its state, which has the moving mean and variance",
        "Restore both: model, state = eqx.tree_deserialise_leaves(path, (model, state)).",
    ),
}

AVERAGED: Words = {
    ("jax", ""): (
        "the parameters of '{subject}' are averaged or copied here and its statistics are not: they belong to other "
        "weights",
        "Do the same with the statistics (batch_stats, nnx.BatchStat).",
    ),
}

WIPED: Words = {
    ("jax", ""): (
        "'{subject}' is made anew here, and what was restored before is lost, statistics and weights",
        "Make it once, before the restore.",
    ),
}

FROZEN: Words = {
    ("jax", "optimizer"): (
        "the optimizer leaves '{subject}' as it is, but it runs in training mode: its moving mean and variance follow "
        "the new data",
        "Run '{subject}' in inference mode ({way}).",
    ),
    ("jax", "stopped"): (
        "the gradient is stopped behind '{subject}', but training moves its moving mean and variance",
        "Call it in inference mode: train=False.",
    ),
}

THAWED: Words = {
    ("jax", ""): (
        "'{subject}' is set to inference mode here, and line {line} undoes that before the training",
        "Set the mode of the whole network first, and that of this part behind it.",
    ),
}
