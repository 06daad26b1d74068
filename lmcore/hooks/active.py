"""The hooks of one model: declared in the configuration, resolved once, attached only while they act."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor

from lmcore.config.schema import HookConfig
from lmcore.hooks.calls import Moment, Undo, attach, call, copied, effect_of, failure, is_finite, refuse_non_finite
from lmcore.hooks.catalogue import HookError, load_source
from lmcore.hooks.declared import Hook, Hookable, State, refuse_two_on_one_layer, resolve
from lmcore.hooks.updates import HasState, transform_gradients, transformed_directions
from lmcore.protocol.rows import HookRow


class Hooks:
    """All hooks of one model, in their listed order. Those that do not act are not attached, and cost nothing."""

    def __init__(
        self,
        declared: Sequence[HookConfig],
        model: Hookable,
        seed: int = 0,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        """`seed` is the run's; `sources` has the texts, by file name, of own files that may run. HookError."""
        self._model = model
        self._parameters = dict(model.named_parameters())
        self._own = {file: load_source(file, text) for file, text in (sources or {}).items()}
        self._moment = Moment(model, seed, next(iter(self._parameters.values())).device)
        self.hooks = resolve(declared, model, self._own)
        self._acting: tuple[Hook, ...] = ()
        self._attached: list[Undo] = []
        self._removed: dict[str, Hook] = {}  # since the last step; one that is declared again goes on
        self._seen: dict[Hook, dict[str, Tensor]] = {}  # activations that a loss term waits for
        self._states_before: dict[Hook, dict[str, State]] = {}  # as the present step found them

    # What is declared

    def check(self, declared: Sequence[HookConfig]) -> None:
        """Whether these could be declared. HookError if not; nothing changes."""
        resolve(declared, self._model, self._own)

    def declare(self, declared: Sequence[HookConfig]) -> None:
        """Let these be the hooks from now on. HookError, with nothing changed.

        One of the same name that uses the same function keeps what it has counted and remembers.
        """
        self._use(resolve(declared, self._model, self._own))

    def reload(self, file: str, text: str) -> None:
        """Use another version of an own file, or a new one, from now on. HookError, with nothing changed."""
        own = {**self._own, file: load_source(file, text)}
        hooks = resolve([hook.declared for hook in self.hooks], self._model, own)
        self._own = own
        self._use(hooks)

    def _use(self, hooks: tuple[Hook, ...]) -> None:
        known = self._removed | {hook.name: hook for hook in self.hooks}
        for hook in hooks:
            if hook.name in known:
                hook.go_on_from(known[hook.name])
        self._removed = known
        self.hooks = hooks
        self.at_step(self._moment.step)

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Switch a hook on or off by its name; it takes effect at the next `at_step`. HookError if there is none."""
        for hook in self.hooks:
            if hook.name == name:
                before = hook.declared
                hook.declared = before.model_copy(update={"enabled": enabled})
                try:
                    refuse_two_on_one_layer(self.hooks)
                except HookError:
                    hook.declared = before
                    raise
                return
        names = ", ".join(hook.name for hook in self.hooks) or "none are declared"
        raise HookError(f"There is no hook {name!r}; the hooks of this run: {names}")

    # When they act

    def at_step(self, step: int) -> None:
        """Attach exactly the hooks that act at this step, in their listed order."""
        self._moment.step, self._moment.micro_batch = step, 0
        acting = tuple(hook for hook in self.hooks if hook.acts_at(step))
        for hook in acting:
            hook.prepare(step)
        if acting == self._acting:
            return
        while self._attached:
            self._attached.pop()()
        self._attached = attach(acting, self._moment, self._see)
        self._acting = acting

    @contextmanager
    def in_step(self, step: int, watch: bool = False) -> Iterator[None]:
        """Let act what acts at this step, and inside, with `watch`, measure it.

        After an error inside, what the hooks remember is what it was before.
        """
        self.at_step(step)
        self._removed = {}
        for hook in self.hooks:
            if hook.states:
                hook.forget_other_places()
        self._states_before = {
            hook: {place: copied(state) for place, state in hook.states.items()}
            for hook in self._acting
            if hook.wants_state
        }
        self.watch = watch
        try:
            yield
        except BaseException:
            self.rewind()
            raise
        finally:
            self.watch = False
            self._forget()
            self._states_before = {}

    def rewind(self) -> None:
        """Let what the hooks remember be what it was before the present step."""
        for hook, states in self._states_before.items():
            hook.states = {place: copied(state) for place, state in states.items()}

    def begin_micro_batch(self, micro_batch: int) -> None:
        """The next forward and backward pass are those of this part of the step."""
        self._moment.micro_batch = micro_batch
        self._forget()

    def _forget(self) -> None:
        self._seen = {}
        self._moment.error = None

    def _see(self, hook: Hook, place: str, x: Tensor) -> None:
        if torch.is_grad_enabled():  # an evaluation or an answer in between is not what the loss is about
            self._seen.setdefault(hook, {})[place] = x

    # In the training step

    def loss_terms(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The terms to add to the loss, by metric name `loss/aux/<hook>`; each a scalar. HookError."""
        seen, self._seen = self._seen, {}
        terms = {
            f"loss/aux/{hook.name}": self._term(hook, logits, targets, seen.get(hook, {}))
            for hook in self._acting
            if hook.entry.stage == "term"
        }
        self._forget()  # of what the terms themselves made pass through the model
        return terms

    def _term(self, hook: Hook, logits: Tensor, targets: Tensor, activations: Mapping[str, Tensor]) -> Tensor:
        weights = {place: self._parameters[place] for place in hook.places if place in self._parameters}
        seen = {**weights, **activations}
        versions = [x._version for x in (logits, targets, *seen.values())]
        term = call(hook, "", self._moment, logits, targets, seen)
        if versions != [x._version for x in (logits, targets, *seen.values())]:
            raise HookError(
                f"{failure(hook, '', self._moment)}: it wrote into what a term of the loss only looks at; write into a "
                "copy, such as x.clone()"
            )
        if not isinstance(term, Tensor) or term.shape != () or not term.is_floating_point():
            got = f"the shape {tuple(term.shape)}" if isinstance(term, Tensor) else type(term).__name__
            raise HookError(f"{failure(hook, '', self._moment)}: a term of the loss must be one number, not {got}")
        if self._moment.look_for_non_finite and all(map(is_finite, (logits, *seen.values()), ("", *seen))):
            refuse_non_finite(hook, "", self._moment, term)
        return term

    def measure_terms(self, losses: Mapping[str, float]) -> None:
        """Note how large each term was beside the loss, from a step's metrics."""
        for hook in self._acting:
            term = losses.get(f"loss/aux/{hook.name}")
            if hook.entry.stage == "term" and term is not None:
                hook.sizes = [(torch.tensor(abs(term)), torch.tensor(abs(losses["loss/train"])))]

    def transform_gradients(self) -> None:
        """Pass the parameters' gradients through the hooks before the optimizer. HookError."""
        transform_gradients(self._acting, self._parameters, self._moment)

    def transformed_directions(self, optimizer: HasState) -> AbstractContextManager[None]:
        """Around the optimizer's step: what it adds to a parameter passes through the step and direction hooks.
        HookError, with parameters and optimizer as they were."""
        return transformed_directions(self._acting, self._parameters, optimizer, self._moment)

    @property
    def acting(self) -> tuple[Hook, ...]:
        """The hooks that act now."""
        return self._acting

    @contextmanager
    def looking_for_non_finite(self) -> Iterator[None]:
        """Inside, HookError names the first hook that makes something not finite out of what was."""
        self._moment.look_for_non_finite = True
        try:
            yield
        finally:
            self._moment.look_for_non_finite = False

    # What is known about them

    @property
    def watch(self) -> bool:
        """Whether calls are measured now."""
        return self._moment.watch

    @watch.setter
    def watch(self, on: bool) -> None:
        self._moment.watch = on
        if on:
            for hook in self.hooks:
                hook.seconds, hook.sizes = None, []

    def effects(self) -> dict[str, float]:
        """`hook/effect/<name>` of the last watched step, of the hooks that have one."""
        effects = {f"hook/effect/{hook.name}": effect_of(hook) for hook in self.hooks}
        return {name: effect for name, effect in effects.items() if effect is not None}

    def statistics(self) -> tuple[HookRow, ...]:
        """How each declared hook does, in their listed order."""
        return tuple(self._statistics(hook) for hook in self.hooks)

    def _statistics(self, hook: Hook) -> HookRow:
        return HookRow(
            hook.name,
            hook.entry.kind,
            hook.declared.use,
            hook.declared.at or "",
            hook.places,
            hook.enabled,
            hook.acts_at(self._moment.step),
            hook.declared.from_step,
            hook.declared.until_step,
            hook.firings,
            None if hook.seconds is None else 1000 * hook.seconds,
            effect_of(hook),
        )

    # What they remember

    def tensors(self) -> dict[str, Tensor]:
        """A copy of what all hooks remember, by name."""
        return {
            f"{hook.name}/{hook.declared.use}/{place}/{key}": tensor.contiguous().clone()
            for hook in self.hooks
            for place, state in hook.states.items()
            for key, tensor in state.items()
            if hook.has_place(place)
        }

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Remember what `tensors` gave. What belongs to no hook that is declared now is left out: it was removed."""
        for hook in self.hooks:
            hook.states = {}
            for place in (*hook.places, ""):
                prefix = f"{hook.name}/{hook.declared.use}/{place}/"
                state = {
                    name.removeprefix(prefix): tensor.to(self._moment.device, copy=True)
                    for name, tensor in tensors.items()
                    if name.startswith(prefix)
                }
                if state:
                    hook.states[place] = state
