"""A run of a TensorFlow 1 program, seen as the graphs that it builds and what it runs of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from steadynorm.source.purpose import EVALUATION, TRAINING, purpose_of, purpose_of_place
from steadynorm.source.symbolic.flow import Uses, inside
from steadynorm.source.symbolic.trace import Branch, Call, Run
from steadynorm.source.symbolic.values import Expression, Known, Parameter, Product, Value
from steadynorm.source.tensorflow.by_hand import condition_of, decided, norms_by_hand, predicate
from steadynorm.source.tensorflow.elsewhere import run_elsewhere
from steadynorm.source.tensorflow.flags import contradict
from steadynorm.source.tensorflow.functional import tell_layers
from steadynorm.source.tensorflow.mode import Source
from steadynorm.source.tensorflow.norms import UPDATE_OPS, Kind, Norm, Updates, norms_of
from steadynorm.source.tensorflow.reach import Reach, Reached
from steadynorm.source.tensorflow.runs import CREATE, Purpose, Session, Step, gradients_of, sessions_of, steps_of
from steadynorm.source.tensorflow.scopes import exclusive, scoping
from steadynorm.source.tensorflow.variables import is_in_scope
from steadynorm.source.tensorflow.words import PLACEHOLDERS, RESTORING, op_name, short


class World:
    """What a run builds, trains and runs.

    Arguments:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.uses = Uses(run)
        self.reach = Reach(run)
        by_hand = norms_by_hand(run, self.uses)
        taken = {norm.call.index for norm in by_hand}
        norms = [norm for norm in norms_of(run) if norm.call.index not in taken and not _is_dead(norm.call)]
        tell_layers(run, norms)
        for norm in norms:
            chosen = condition_of(norm.call)
            if chosen is not None and norm.mode.source is Source.FIXED:
                norm.mode = decided(predicate(chosen[0]), chosen[1] is norm.mode.fixed)
        self.norms = sorted([*norms, *by_hand], key=lambda norm: norm.call.index)
        self.steps = steps_of(run, self.reach) if self.norms else []
        self.sessions = sessions_of(run, self.reach) if self.norms else []
        self.sessions += run_elsewhere(run, self.reach, self.steps, self.sessions)
        self.restores = [call for call in run.calls() if short(call.name) in RESTORING]
        self._moved: dict[int, list[Norm]] = {}

    # What runs

    def steps_in(self, session: Session) -> list[Step]:
        """The train steps that something runs."""
        return [step for step in self.steps if step.call in session.reached]

    def is_training(self, session: Session) -> bool:
        """Whether weights are trained by it, or gradients taken."""
        return bool(session.purpose is Purpose.TRAIN or self.steps_in(session) or gradients_of(session.reached))

    @property
    def trainings(self) -> list[Session]:
        """What is run to train."""
        return [each for each in self.sessions if self.is_training(each)]

    @property
    def trained_steps(self) -> list[Step]:
        """The steps that something runs."""
        return [step for step in self.steps if any(step.call in session.reached for session in self.sessions)]

    def norms_in(self, reached: Reached) -> list[Norm]:
        """The layers that are computed."""
        return [norm for norm in self.norms if norm.call in reached]

    def mode_in(self, norm: Norm, session: Session) -> bool | None:
        """Whether a layer is in training mode when something is run; `None` if that is not known."""
        if session.estimator is not None:
            return norm.mode.under(session.estimator)
        if session.elsewhere and (norm.mode.source is Source.FED or isinstance(norm.given, Parameter)):
            return True
        return norm.mode.fed(session.feeds)

    def may_train(self, norm: Norm, session: Session) -> bool:
        """Whether a layer may be in training mode there."""
        return self.mode_in(norm, session) is not False

    def is_inference(self, session: Session) -> bool:
        """Whether something is run to evaluate or to predict, by what is known of it and by its author's words."""
        if session.purpose is Purpose.INFER:
            return True
        if self.is_training(session) or session.feeds is None:
            return False
        meant = self._meant(session)
        if not self.trainings:
            return bool(self.restores) and meant is not TRAINING and self.run.kind != "class"
        return meant == EVALUATION or (meant is None and self._is_without_training(session))

    def _is_without_training(self, session: Session) -> bool:
        """Whether a restored model is run where the program, told otherwise, would train: `else:` of `if training:`."""

        def never_trains(call: Call) -> bool:
            return all(exclusive(call, each.call) or contradict(call, each.call) for each in self.trainings)

        restored = any(
            each.index < session.call.index and never_trains(each) and not exclusive(each, session.call)
            for each in self.restores
        )
        estimates = any(norm.updates is Updates.COLLECTED for norm in self.moved_by(session))
        return restored and never_trains(session.call) and not estimates

    def _meant(self, session: Session) -> str | None:
        fed = [value for value in (session.feeds or {}).values() if not isinstance(value, Known)]
        if fed:
            found = purpose_of(self.run, *fed)
            if found is not None:
                return found
        else:
            found = purpose_of(self.run, *session.fetches)
            if found is not None:
                return found
        return purpose_of_place(session.call.within)

    # What moves

    def moved_by(self, session: Session) -> list[Norm]:
        """The layers whose statistics something moves when it is run."""
        found = self._moved.get(session.call.index)
        if found is None or session.estimator is not None:
            found = [norm for norm in self.norms if self.moves(session.reached, norm)]
            self._moved[session.call.index] = found
        return [norm for norm in found if self.may_train(norm, session) or norm.kind is Kind.HAND]

    def moves(self, reached: Reached, norm: Norm) -> bool:
        """Whether the updates of a layer are among what is run."""
        if norm.updates is Updates.IN_PLACE:
            return norm.call in reached
        if norm.updates is Updates.BY_HAND:
            return any(call in reached or self._is_collected(call, reached) for call in norm.assignments)
        if norm.updates is Updates.UNKNOWN:
            return True
        if self._through_layer(norm, reached):
            return True
        if norm.updates is Updates.LAYER:
            return False
        return any(self.collects(call, norm) is not False for call in self.collectors(reached))

    def collectors(self, reached: Reached) -> Iterator[Call]:
        """What reads collections of updates among what is run."""
        for call in reached.calls.values():
            if call in self.reach.reading:
                yield call
        for step in self.steps:
            if step.kind is CREATE and step.call in reached:
                given = step.call.argument(None, "update_ops")
                if given is None or given == Known(None):
                    yield step.call

    def collects(self, call: Call, norm: Norm) -> bool | None:
        """Whether a call that reads a collection finds the updates of a layer there; `None` if that is not known."""
        if norm.call.index > call.index or self.reach.graph(norm.call) != self.reach.graph(call):
            return False
        if call not in self.reach.reading:
            return norm.collection == UPDATE_OPS
        key = self.reach.key(call)
        if key is None:
            return None
        if key != norm.collection:
            return False
        scope = call.argument(1, "scope")
        return True if scope is None or scope == Known(None) else is_in_scope(norm, scope)

    def _is_collected(self, assignment: Call, reached: Reached) -> bool:
        """Whether an assignment is put into a collection that is read for what is run."""
        for each in self.collectors(reached):
            key = self.reach.key(each) if each in self.reach.reading else UPDATE_OPS
            for value in self.reach.collected(key, each):
                if assignment in self.reach.of(value):
                    return True
        return False

    def _through_layer(self, norm: Norm, reached: Reached) -> bool:
        """Whether `layer.updates`, or those of a model that has the layer, are run."""
        asked = [each.of for each in reached.attributes if each.name in ("updates", "get_updates_for")]
        asked += [call.receiver for call in reached.calls.values() if call.name == ".get_updates_for" and call.receiver]
        for value in asked:
            if norm.layer is not None and any(each is norm.layer.result for each in inside(value)):
                return True
            if not isinstance(value, Product) or norm.call in self.reach.of(value, data=True):
                return True
            if "layers" not in short(value.call.name):
                return True  # a model of somebody else's
        return False

    # What is there

    def placeholders(self, values: Iterable[Value]) -> list[Call]:
        """The placeholders among what values are computed from."""
        reached = self.reach.of(*values, data=True)
        return [call for call in reached.calls.values() if op_name(call) in PLACEHOLDERS]


def is_tensor(value: Value) -> bool:
    """Whether a value is a placeholder, which `if` takes for true whatever it holds."""
    return isinstance(value, Product) and short(value.call.name) in (
        "tensorflow.placeholder",
        "tensorflow.placeholder_with_default",
    )


def _is_dead(call: Call) -> bool:
    """Whether a call stands under an `if` on a tensor, in the arm that is never taken."""
    for block in call.within:
        if isinstance(block, Branch):
            test, arm = block.test, block.arm
            if isinstance(test, Expression) and test.operator == "Not":
                test, arm = test.operands[0], not arm
            if is_tensor(test) and not arm:
                return True
    return False


def scoping_text(call: Call) -> str | None:
    """The variable scopes around a call, as TensorFlow writes them."""
    return scoping(call).text
