"""From a command and the true state to one or two short sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aeon_plugin_ft.voice import sayable
from aeon_plugin_ft.voice.adjust import ANNOUNCE_KEY, AUTOMATIC_KEY, HOURS_KEY, KEEP_KEY, TURNS_KEY, WHERE_KEY
from aeon_plugin_ft.voice.catalogue import Catalogue
from aeon_plugin_ft.voice.control import (
    A_HANDFUL,
    BASE,
    TRAINED,
    Change,
    ChangeCause,
    CommandResult,
    Comparison,
    Control,
    Forgotten,
    ModelInUse,
    NextTraining,
    Phase,
    Reason,
    SaidFacts,
    Status,
    Talk,
    VersionInfo,
    Waiting,
)
from aeon_plugin_ft.voice.intents import Intent, Name
from aeon_plugin_ft.voice.places import PlaceWish

_UNFORGOTTEN = dict.fromkeys((Reason.LAST_WAS_PRIVATE, Reason.LAST_WAS_UNKEPT), "private.secret_unkept")
"""What is said of a secret that was never kept; of any other that was not forgotten, why."""
KNOWN_FROM = 365 * 86_400.0
"""Seconds since the epoch: a conversation from before that has no time that is known."""
EQUAL = 0.005
"""Shares of loss below which two models count as equal: half a per cent."""


class Replies:
    """One method per kind of answer; `now` (seconds since the epoch) makes "hoje" and "ontem". `told` is called with
    the version whenever the owner is told that another model answers."""

    def __init__(
        self, catalogue: Catalogue, now: Callable[[], float], told: Callable[[str], None] | None = None
    ) -> None:
        self.catalogue = catalogue
        self.now = now
        self.told = told

    def reason(self, reason: Reason | None) -> str:
        """Why not, in the words of the catalogue."""
        return self.catalogue.phrase(f"reason.{(reason or Reason.FAILED).value}")

    def outcome(self, outcome: CommandResult, done: str, refused: str, **slots: str) -> str:
        """`done` or `refused` (catalogue keys), depending on what came of it."""
        if outcome.ok:
            return self.catalogue.say(done, **slots)
        return self.catalogue.say(refused, reason=self.reason(outcome.reason))

    def model_outcome(self, outcome: CommandResult, done: str, refused: str, asked: str = BASE) -> str:
        """As `outcome`, for a command that changes what answers: the model is named, and `told` hears of it."""
        version = outcome.version or asked
        if outcome.ok and self.told is not None:
            self.told(version)
        return self.outcome(outcome, done, refused, model=sayable.version(version))

    def status(self, status: Status) -> str:
        """What the loop does, in two sentences at most."""
        sentences = [self._phase(status)]
        if status.failed and status.phase is Phase.IDLE:
            sentences = [self.catalogue.say("status.failed"), *sentences]
        if status.private:
            sentences.append(self.catalogue.say("status.private"))
        elif not status.logging:
            sentences.append(self.catalogue.say("status.not_logging"))
        return " ".join([sentences[0], sentences[-1]] if len(sentences) > 1 else sentences)

    def _phase(self, status: Status) -> str:
        say = self.catalogue.say
        if status.phase is Phase.JUDGING:
            return say("status.judging")
        if status.phase is Phase.IDLE:
            return self._idle(status)
        done = sayable.percent(status.done) if status.done is not None else ""
        if status.phase is Phase.PAUSED:
            return say("status.paused", done=done) if done else say("status.paused_blind")
        if done and status.seconds_left is not None:
            return say("status.training", done=done, left=sayable.duration(status.seconds_left))
        return say("status.training_share", done=done) if done else say("status.training_blind")

    def _idle(self, status: Status) -> str:
        if status.turns >= status.turns_needed:
            return self.catalogue.say("status.idle_ready", turns=sayable.conversations(status.turns))
        have = sayable.number(status.turns, feminine=True)
        return self.catalogue.say("status.idle", turns=have, needed=sayable.conversations(status.turns_needed))

    def model(self, model: ModelInUse) -> str:
        """Which model answers, and since when it is trained."""
        if not model.own:
            return self.catalogue.say("model.host")
        name = sayable.version(model.version)
        if model.tainted:
            return f"{self.catalogue.say('model.in_use', model=name)} {self.catalogue.say('model.tainted')}"
        if model.version == BASE or model.trained_at is None:
            return self.catalogue.say("model.in_use", model=name)
        return self.catalogue.say("model.in_use_trained", model=name, when=sayable.day(model.trained_at))

    def versions(self, versions: tuple[VersionInfo, ...]) -> str:
        """How many versions there are, the newest and the one in use."""
        if not versions:
            return self.catalogue.say("versions.none")
        in_use = next((version.name for version in versions if version.current), BASE)
        current = self.catalogue.say("versions.current", model=sayable.version(in_use))
        newest = sayable.version(versions[-1].name)
        if len(versions) == 1:
            return self.catalogue.say("versions.one", newest=newest, current=current)
        count = sayable.count(len(versions), "versão", "versões")
        return self.catalogue.say("versions.many", count=count, newest=newest, current=current)

    def comparison(self, compared: Comparison) -> str:
        """Which of two models is better, and on how many conversations."""
        if compared.reason is not None or compared.gain is None:
            return self.catalogue.say("compare.unknown", reason=self.reason(compared.reason or Reason.NOT_MEASURED))
        names = {"first": sayable.version(compared.first), "second": sayable.version(compared.second)}
        if abs(compared.gain) < EQUAL:
            return self.catalogue.say("compare.equal", **names)
        entry = "compare.better" if compared.gain > 0 else "compare.worse"
        sentence = self.catalogue.say(entry, gain=sayable.percent(compared.gain), **names)
        if compared.better is None or not compared.examples:
            return sentence
        counts = {
            "better": sayable.number(compared.better, feminine=True),
            "examples": sayable.conversations(compared.examples),
        }
        return f"{sentence} {self.catalogue.say('compare.count', **counts)}"

    def change(self, change: Change) -> str:
        """Why another model answers, and since when."""
        names = {"model": sayable.version(change.version), "previous": sayable.version(change.previous)}
        entry = f"why.{change.cause.value}"
        if change.cause is ChangeCause.BETTER and change.gain is not None and change.gain >= EQUAL:
            entry, names = "why.better_gain", {**names, "gain": sayable.percent(change.gain)}
        sentence = self.catalogue.say(entry, **names)
        if change.cause is ChangeCause.NEVER or change.at is None:
            return sentence
        return f"{sentence} {self.catalogue.say('why.when', when=sayable.moment(change.at, self.now()))}"

    def next_training(self, planned: NextTraining) -> str:
        """What the next training waits for."""
        if planned.waiting is Waiting.TURNS:
            return self.catalogue.say("next.turns", turns=sayable.conversations(planned.turns_left))
        if planned.waiting is Waiting.COOLDOWN:
            at = self.now() if planned.at is None else planned.at
            return self.catalogue.say("next.cooldown", when=sayable.moment(at, self.now()))
        return self.catalogue.say(f"next.{planned.waiting.value}")

    def corrected(self, outcome: CommandResult, text: str) -> str:
        """What was noted, read back where it is short enough to be heard."""
        spoken = sayable.spoken(text)
        if spoken is None:
            return self.judged(outcome, "feedback.corrected_long")
        return self.judged(outcome, "feedback.corrected", text=spoken)

    def judged(self, outcome: CommandResult, done: str, **slots: str) -> str:
        """What was noted about the last reply, which is named where the owner may mean another."""
        sentence = self.outcome(outcome, done, "feedback.refused", **slots)
        if not outcome.ok or outcome.talk is None:
            return sentence
        return f"{sentence} {self.catalogue.say('feedback.about', talk=self.talk(outcome.talk))}"

    def talk(self, talk: Talk) -> str:
        """ "a conversa sobre vulcões, de hoje às quinze horas"."""
        when = sayable.of_moment(talk.at, self.now()) if talk.at >= KNOWN_FROM else ""
        topic = sayable.topic(talk.said)
        return ", ".join(part for part in (f"a conversa {topic}".strip(), when) if part)

    def private_on(self, outcome: CommandResult) -> str:
        """That nothing is kept from now on, or what the host goes on keeping."""
        return self.outcome(outcome, "private.on" if outcome.whole else "private.on_here", "private.refused")

    def secret(self, forgotten: Forgotten) -> str:
        """That it is private from now on, and what became of what was said before."""
        if not forgotten.nothing:
            named = self.talk(forgotten.talks[0]) if forgotten.talks else sayable.conversations(forgotten.turns)
            return self.catalogue.say("private.secret", talk=named)
        entry = _UNFORGOTTEN.get(forgotten.reason or Reason.NOTHING_TO_FORGET, "private.secret_left")
        return self.catalogue.say(entry, reason=self.reason(forgotten.reason))

    def facts(self, known: SaidFacts, about: str) -> str:
        """A handful of what is known, and how much more there is."""
        if not known.said:
            return self.catalogue.say("facts.none_about" if about else "facts.none")
        sentence = self.catalogue.say("facts.known", facts=_said(known.said))
        more = known.total - len(known.said)
        if more <= 0:
            return sentence
        return f"{sentence} {self.catalogue.say('facts.more', count=sayable.count(more, 'coisa', 'coisas'))}"

    def noted(self, noted: SaidFacts) -> str:
        """What was put right, read back."""
        if noted.reason is not None:
            return self.catalogue.say("feedback.refused", reason=self.reason(noted.reason))
        return self.catalogue.say("facts.noted", facts=_said(noted.said))

    def ask_forget(self, planned: Forgotten, what: Name) -> str:
        """The question before forgetting, or why there is nothing to ask."""
        if planned.nothing:
            return self._nothing_forgotten(planned)
        question = self._question(planned, what)
        if planned.versions:
            question = f"{self._marked('forget.ask_versions', planned)} {question}"
        return f"{self.catalogue.say('forget.ask_host')} {question}" if planned.host and planned.turns else question

    def _question(self, planned: Forgotten, what: Name) -> str:
        count = sayable.conversations(planned.turns)
        if not (planned.turns or planned.facts):
            return self.catalogue.say("forget.ask_host_alone")
        if what is Name.FORGET_FACT or not planned.turns:
            entry = "forget.ask_fact" if planned.turns else "forget.ask_fact_alone"
            slots = {"count": count} if planned.turns else {}
            return self.catalogue.say(entry, facts=_said(planned.facts[:A_HANDFUL]), **slots)
        return self._ask_talks(planned, count, what)

    def _ask_talks(self, planned: Forgotten, count: str, what: Name) -> str:
        """The question with the conversations in it, so that the owner hears which ones they are."""
        talks = [self.talk(talk) for talk in planned.talks]
        if what is Name.FORGET_LAST and len(talks) == planned.turns == 1:
            return self.catalogue.say("forget.ask_last", talk=talks[0])
        if not talks:
            return self.catalogue.say("forget.ask", count=count)
        entry = "forget.ask_these" if len(talks) == planned.turns else "forget.ask_among"
        return self.catalogue.say(entry, count=count, talks=sayable.join(talks))

    def forgotten(self, forgotten: Forgotten) -> str:
        """What is gone, and which versions were trained on it."""
        if forgotten.nothing:
            return self._nothing_forgotten(forgotten)
        if forgotten.turns:
            sentence = self.catalogue.say("forget.done", count=sayable.conversations(forgotten.turns))
        else:
            sentence = self.catalogue.say("forget.done_fact")
        if forgotten.versions:
            sentence = f"{sentence} {self._marked('forget.done_versions', forgotten)}"
        if forgotten.in_use:
            sentence = f"{sentence} {self.catalogue.say('forget.in_use')}"
        return f"{sentence} {self.catalogue.say('forget.host_left')}" if forgotten.host else sentence

    def _nothing_forgotten(self, forgotten: Forgotten) -> str:
        return self.catalogue.say("forget.nothing", reason=self.reason(forgotten.reason or Reason.NOTHING_TO_FORGET))

    def _marked(self, entry: str, forgotten: Forgotten) -> str:
        many = len(forgotten.versions) > 1
        names = sayable.join([sayable.version(name) for name in forgotten.versions[:3]])
        if len(forgotten.versions) > 3:
            names = sayable.count(len(forgotten.versions), "versão", "versões")
        return self.catalogue.say(f"{entry}_many" if many else entry, versions=names)

    def ask_setting(self, intent: Intent) -> str:
        """The question before a setting is changed, with the value in words."""
        say, value = self.catalogue.say, intent.value
        if intent.key == HOURS_KEY:
            return say("setting.ask_hours", window=sayable.window(str(value)))
        if intent.key == TURNS_KEY:
            return say("setting.ask_turns", turns=sayable.conversations(_whole(value)))
        if intent.key == KEEP_KEY:
            return say("setting.ask_keep", versions=sayable.count(_whole(value), "versão", "versões"))
        if intent.key == WHERE_KEY:
            return say("place.ask_home")
        switch = {AUTOMATIC_KEY: "automatic", ANNOUNCE_KEY: "announce"}[intent.key]
        return say(f"setting.ask_{switch}_{'on' if value else 'off'}")

    def ask_place(self, wish: PlaceWish) -> str:
        """The question before trainings go to another machine."""
        if wish.hours:
            return self.catalogue.say("place.ask_night", place=wish.name, window=sayable.window(wish.hours))
        entry = {"here": "place.ask_here", "wait": "place.ask_wait"}.get(wish.otherwise, "place.ask")
        return self.catalogue.say(entry, place=wish.name)


def _said(facts: Sequence[str]) -> str:
    """Facts in one sentence, fit to be spoken; one that is too long is said as far as it goes."""
    return sayable.join([sayable.fact(fact) for fact in facts])


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


Answer = Callable[[Control, Replies, Intent], str]


def _use(control: Control, replies: Replies, intent: Intent) -> str:
    asked = intent.versions[0] if intent.versions else BASE
    outcome = control.use(asked)
    done = "model.used" if outcome.first else "model.used_last"
    return replies.model_outcome(outcome, done, "model.not_used", asked)


def _compare(control: Control, replies: Replies, intent: Intent) -> str:
    """ "o treinado" is the newest version that may be used; without any, the control says that there is none."""
    named = intent.versions[:2]
    if TRAINED in named:
        newest = next((version.name for version in reversed(control.versions()) if version.usable), None)
        if newest is None:
            return replies.comparison(control.compare())
        named = tuple(newest if name == TRAINED else name for name in named)
    return replies.comparison(control.compare(*named))


ANSWERS: dict[Name, Answer] = {
    Name.TRAIN_NOW: lambda c, r, i: r.outcome(c.train_now(), "train.started", "train.refused"),
    Name.STATUS: lambda c, r, i: r.status(c.status()),
    Name.PAUSE: lambda c, r, i: r.outcome(c.pause(), "train.paused", "train.failed_action"),
    Name.RESUME: lambda c, r, i: r.outcome(c.resume(), "train.resumed", "train.failed_action"),
    Name.CANCEL: lambda c, r, i: r.outcome(c.cancel(), "train.cancelled", "train.failed_action"),
    Name.WHICH_MODEL: lambda c, r, i: r.model(c.model_in_use()),
    Name.USE: _use,
    Name.UNDO: lambda c, r, i: r.model_outcome(c.undo(), "model.undone", "model.not_undone"),
    Name.VERSIONS: lambda c, r, i: r.versions(c.versions()),
    Name.COMPARE: _compare,
    Name.WHY_CHANGED: lambda c, r, i: r.change(c.why_changed()),
    Name.LEARN_LAST: lambda c, r, i: r.judged(c.learn_last(), "feedback.learned"),
    Name.MARK_WRONG: lambda c, r, i: r.judged(c.mark_last_wrong(), "feedback.wrong"),
    Name.CORRECT: lambda c, r, i: r.corrected(c.correct_last(i.text), i.text),
    Name.PRIVATE_ON: lambda c, r, i: r.private_on(c.private(True)),
    Name.SECRET: lambda c, r, i: r.secret(c.secret()),
    Name.PRIVATE_OFF: lambda c, r, i: r.outcome(c.private(False), "private.off", "private.refused"),
    Name.PANEL: lambda c, r, i: r.outcome(c.open_panel(), "panel.opened", "panel.refused"),
    Name.NEXT_TRAINING: lambda c, r, i: r.next_training(c.next_training()),
    Name.FACTS: lambda c, r, i: r.facts(c.facts(i.text), i.text),
    Name.CORRECT_FACT: lambda c, r, i: r.noted(c.correct_fact(i.text)),
}
"""Commands that are answered at once. Forgetting and settings ask first, see `commands`."""

DOUBTFUL = frozenset((Name.FACTS, Name.FORGET_FACT, Name.CORRECT_FACT, Name.PLACE))
"""Sentences that may as well be meant for the brain: `Control.understands` decides."""
