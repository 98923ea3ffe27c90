"""Every key of plugin.toml with its meaning, default and bounds.

These models are the single source: the commented default file, docs/configuration.md and `aeon-ft config` are
rendered from them, and a test holds the file in the repository against them. Another test changes each key and looks
for the effect in the part that uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/settings")

ADDRESS = r"(ssh://\w[\w.-]*@\w[\w.-]*(:\d{1,5})?(/[\w./\\: -]+)?|ray://\w[\w.-]*:\d{1,5}(/[\w./\\: -]+)?)"
"""A place besides this machine. No user and no host begins with a dash, which ssh would take for an option."""
NAMED_PLACE = rf"^\w[\w .'-]* = {ADDRESS}$"
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class PluginSection(Section):
    """The plugin as a whole."""

    enabled: bool = Field(True, description="false: log nothing, train nothing, leave the brain alone.")
    language: Literal["auto", "pt", "en"] = Field(
        "auto",
        description='What the commands and their errors are written in. "auto": the language of your system. "pt":'
        ' Portuguese. "en": English. The voice speaks Portuguese.',
    )
    disk_cap_gb: float = Field(
        20.0,
        gt=0,
        description="Versions, runs, datasets and what is served stay below this together. The log is not counted;"
        " what answers now and what answered before always stay.",
    )


class LogSection(Section):
    """The log of conversations, the source of everything that is learnt."""

    enabled: bool = Field(True, description="false: answer as always, but log nothing.")
    rotate_mb: int = Field(64, ge=1, le=4096, description="Start a new log file at this size, in MB.")
    fsync_ms: int = Field(
        200, ge=0, le=10_000, description="A power cut loses at most this much of the log, in ms. 0: sync each turn."
    )
    session_gap_minutes: int = Field(
        30, ge=1, description="After this much silence, the next sentence starts a new conversation."
    )


class DatasetSection(Section):
    """From the log to training examples."""

    heldout_share: float = Field(
        0.1, gt=0, lt=0.5, description="Share of the conversations kept aside to judge the result; never trained on."
    )
    heldout_min: int = Field(20, ge=1, description="At least this many held-out examples, if there are enough at all.")
    max_examples: int = Field(5000, ge=10, description="The newest and best examples up to this many.")
    disabled_filters: tuple[str, ...] = Field(
        (), description="Names of filters to switch off (`aeon-ft dataset filters` lists them)."
    )
    min_quality: Share = Field(
        0.3, description="Replies below this score are left out (docs/dataset.md says how it is made). 0: keep all."
    )
    near_duplicate: float = Field(
        0.8, gt=0, le=1, description="Examples that are at least this alike count as one. 1: only equal texts."
    )
    topic_share: float = Field(
        0.15, gt=0, le=1, description="No topic (timers, weather, ...) gets more than this share of the examples."
    )
    history_turns: int = Field(
        0,
        ge=0,
        le=20,
        description="Earlier turns shown to an example that was asked alone. 0: as Aeon itself asks, one sentence.",
    )
    chat_feedback: bool = Field(
        False,
        description="Also in imported chats between people, take the next sentence for a judgement of the reply.",
    )


class PrivacySection(Section):
    """Personal data, before anything is written to disk."""

    mode: Literal["redact", "drop", "keep"] = Field(
        "redact",
        description='"redact": typed placeholders. "drop": such turns are not logged. "keep": as said.',
    )
    terms: tuple[str, ...] = Field((), description="Your own words to redact: names, places, projects.")


class MemorySection(Section):
    """What you told Aeon about yourself, remembered from the next question on."""

    in_prompt: bool = Field(True, description="Tell the model, with each question, the facts that matter for it.")
    cloud: bool = Field(
        False,
        description="true: facts, and what [base] similar_turns shows, may also be told to models that are not on this"
        " machine: Groq, an Ollama or another server elsewhere. Never in private mode.",
    )
    learn: bool = Field(True, description="Teach the facts with each training, each in several wordings.")
    wordings: int = Field(
        12,
        ge=1,
        le=60,
        description="Open questions about each fact, each in another wording; those for a yes or a no come on top.",
    )
    prompt_tokens: int = Field(
        200, ge=20, le=4000, description="The facts of one question take at most this many tokens of its prompt."
    )
    keep_in_prompt: Literal["always", "unlearnt"] = Field(
        "always",
        description='"unlearnt": a trained model is no longer told the facts that it answered right in its exam.'
        ' "always": whatever it knows.',
    )
    read_with_model: bool = Field(
        False,
        description="true: while you are away, a model on this machine reads the sentences in which no fact was found."
        " It must have shown that it can.",
    )


class BaseSection(Section):
    """The model that the training starts from."""

    model: str = Field(
        "auto",
        description="auto: the Ollama model that answers you, where this computer can train it. Or an Ollama tag"
        " (ollama:llama3.2:3b), a Hugging Face id, a local folder or GGUF file, or a built-in name, for trying out."
        " `aeon-ft models advise` says what this computer can train.",
    )
    similar_turns: int = Field(
        0,
        ge=0,
        le=8,
        description="Show the model this many of your similar conversations with each question. 0: none."
        " `aeon-ft dataset similar` measures whether it helps. Models elsewhere: only with [memory] cloud.",
    )


class TrainSection(Section):
    """The LoRA recipe. 0 or "auto": chosen from the model and the amount of data."""

    places: tuple[Annotated[str, Field(pattern=NAMED_PLACE)], ...] = Field(
        (),
        description='Your names for other machines: ["PC da sala = ssh://ana@192.168.0.7"]; also for `where`.',
    )
    where: str = Field(
        "here",
        description='Where it trains: "here", "ssh://USER@HOST", "ray://HOST:PORT" (the port of Ray\'s dashboard), or a'
        " name of `places`. The Python over there may follow: ssh://USER@HOST/home/USER/venv/bin/python. Nothing goes"
        " there before you have said so (`aeon-ft places allow`).",
    )
    otherwise: Literal["wait", "here", "quiet"] = Field(
        "wait",
        description='When that place is in use or cannot be reached: "wait" for it, train "here", or here in "quiet"'
        " hours only ([schedule] quiet_hours).",
    )
    rank: int = Field(16, ge=1, le=256, description="LoRA rank r.")
    alpha: int = Field(16, ge=1, le=1024, description="LoRA alpha; the update is scaled by alpha / rank.")
    rslora: bool = Field(False, description="true: scale by alpha / sqrt(rank), which keeps high ranks learning.")
    lora_plus: float = Field(0.0, ge=0, le=64, description="LoRA+: B learns this many times faster than A. 0: off.")
    learning_rate: float = Field(0.0, ge=0, le=0.1, description="Peak learning rate. 0: by model size.")
    epochs: float = Field(0.0, ge=0, le=20, description="Passes over the data. 0: by the amount of data.")
    batch_size: int = Field(0, ge=0, le=256, description="Examples per optimizer step (effective batch). 0: chosen.")
    max_length: int = Field(1536, ge=64, le=131_072, description="Longest example in tokens, system prompt included.")
    seed: int = Field(17, ge=0, description="Same data, same seed, same machine: the same adapter.")
    threads: int = Field(0, ge=0, le=256, description="CPU threads of the trainer. 0: one per physical core.")
    checkpoint_steps: int = Field(
        5, ge=1, description="Optimizer steps between checkpoints; where steps are long, one comes every two minutes."
    )
    micro_tokens: int = Field(
        0, ge=0, le=65_536, description="Tokens in memory at once, the shared prompt apart. 0: by the free memory."
    )
    dora: bool = Field(
        False,
        description="true: DoRA. No backend here serves it, so the gate refuses it: for an adapter to use elsewhere.",
    )
    quantize: Literal["none", "4bit"] = Field(
        "none", description='"4bit": QLoRA, the base in 4 bits while training; needs an NVIDIA GPU and bitsandbytes.'
    )
    early_stopping: int = Field(
        2,
        ge=0,
        le=100,
        description="From 200 examples on, some are kept aside; when their loss has not fallen for this many"
        " measurements, training ends, and its best moment counts. 0: off.",
    )
    tool_share: float = Field(
        0.2, ge=0, le=0.9, description="At least this share of the lessons are tool calls, repeated if they are few."
    )
    rebuild_max: int = Field(
        3000,
        ge=0,
        description="Up to this many examples each training starts from the base. Above, it goes on from the model in"
        " use with the new examples and some older ones; every fifth time it starts from the base all the same.",
    )
    replay_share: float = Field(
        0.3, ge=0, le=0.9, description="Share of older examples when training goes on from the model in use."
    )
    preference_min: int = Field(
        16,
        ge=0,
        description="From this many corrections on they are also learnt as preferences (DPO), and likewise from this"
        " many praised or criticised replies (KTO). 0: never.",
    )
    preference_rate: float = Field(
        0.0, ge=0, le=0.1, description="Peak learning rate of preferences. 0: a twentieth of learning_rate."
    )
    preference_beta: float = Field(
        0.1, gt=0, le=10, description="How strongly preferences are held to what was learnt before them."
    )
    report_to: Literal["none", "tensorboard", "trackio"] = Field(
        "none",
        description="Where the trainer's numbers also go, in the run's folder; the package must be installed. The"
        " plugin's own report needs neither.",
    )

    @field_validator("where")
    @classmethod
    def _a_place(cls, value: str, info: ValidationInfo) -> str:
        named = _by_name(info.data.get("places", ()))
        if value != "here" and re.fullmatch(ADDRESS, value) is None and _folded(value) not in named:
            raise ValueError(_say("value.no_place"))
        return value

    @property
    def place(self) -> str:
        """`where` without names: "here", or an address."""
        return _by_name(self.places).get(_folded(self.where), self.where)

    @property
    def place_names(self) -> tuple[str, ...]:
        """The names that `places` gives, as they are written."""
        return tuple(one.partition(" = ")[0] for one in self.places)


def _by_name(places: Iterable[str]) -> dict[str, str]:
    return {_folded(name): address for name, _, address in (one.partition(" = ") for one in places)}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


class ScheduleSection(Section):
    """When to train by itself."""

    enabled: bool = Field(True, description="false: train only when told to.")
    every_turns: int = Field(1000, ge=1, description="Train again after this many new conversation turns.")
    idle_minutes: float = Field(
        10.0, ge=0, le=1440, description="Start when nobody has used the machine or spoken to Aeon for this long."
    )
    quiet_hours: str = Field(
        "",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d ?- ?([01]\d|2[0-3]):[0-5]\d)?$",
        description='Hours in which a minute without you is enough to start and nothing is said aloud: "01:00-06:00".',
    )
    on_battery: bool = Field(False, description="true: train on battery as well.")
    first_turns: int = Field(100, ge=1, description="The first training comes after this many.")
    cooldown_hours: float = Field(20.0, ge=0, le=8760, description="At least this long between two trainings.")
    max_busy_percent: float = Field(
        50.0, gt=0, le=100, description="Start only while other programs use less of the processor than this."
    )


class GateSection(Section):
    """What a new model must show before the brain may use it. A missing measurement is a refusal."""

    min_gain: float = Field(
        0.02, ge=0, lt=1, description="Held-out loss must fall by at least this share of the current model's."
    )
    max_faulty: Share = Field(
        0.10,
        description="Share of its replies that may be faulty (senseless, endless, not Portuguese, ...), however bad"
        " what answered before was. Above it a model is kept as a file and never answers. 1: no such floor, to try"
        " out a base that is too small.",
    )
    exam_questions: int = Field(
        60, ge=0, le=1000, description="Questions about what you told, and about what you never told. 0: no exam."
    )
    compare_with: Literal["today", "base"] = Field(
        "today",
        description="\"today\": a new model must also do better than what answers you now (Groq's model, Ollama's)."
        ' "base": only than its base and the version in use.',
    )
    cloud_questions: int = Field(
        0,
        ge=0,
        le=1000,
        description="Where a cloud answers you now, that many questions a day may go to it for this comparison, those"
        " about what you told among them. 0: none, and then nothing is known to be better than it.",
    )
    tool_drop: Share = Field(0.01, description="Share of tool calls that may become invalid against the base.")
    forget_margin: float = Field(
        0.25, ge=0, le=10, description="The loss on general Portuguese may rise by this share of the base's at most."
    )
    watch: bool = Field(
        True, description="Go back by itself when the model in use does worse with the owner than the one before."
    )
    canary_share: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Share of the conversations that an accepted model answers first, beside the one in use, which"
        " takes the memory of two. 0: it takes over at once, watched.",
    )
    canary_turns: int = Field(
        30, ge=10, le=10_000, description="Turns that such a model must answer well before it takes over."
    )


BACKENDS = ("embedded", "ollama", "groq", "openai")
"""Those of [serve] backend that are built in."""


OLD_VALUES: dict[str, dict[str, str]] = {"serve.prefer": {"trained": "always", "host": "never"}}
"""Values of earlier releases, and what they are called now: a file that holds one is read as if it held the other."""


class ServeSection(Section):
    """Who answers with the trained model."""

    prefer: Literal["better", "offline", "always", "never"] = Field(
        "better",
        description='When a trained model answers in place of Aeon\'s own choice. "better": where it won the comparison'
        ' with what answers today, where you chose it, and when nothing else answers. "offline": only when nothing else'
        ' answers. "always": before Aeon\'s own choice. "never": only where Aeon has no model of its own.',
    )
    backend: str = Field(
        "embedded",
        pattern=rf"^({'|'.join(BACKENDS)}|plugin\.[a-z0-9_-]+)$",
        description="Where trained versions are served: embedded, ollama, groq, openai, or plugin.NAME, a backend that"
        " another plugin adds.",
    )
    groq_model: str = Field(
        "openai/gpt-oss-20b", description="Groq's base model; checked against the list Groq serves."
    )
    ollama_url: str = Field("", description='Ollama\'s address. "": OLLAMA_HOST, else http://127.0.0.1:11434.')
    ollama_model: str = Field("deepseek-r1:8b", description="Ollama's base model, from the next deployment on.")
    openai_url: str = Field("", description='Address of a vLLM, SGLang or llama-server: "http://127.0.0.1:8000".')
    openai_folder: str = Field(
        "",
        description='Where that server sees the data folder (in a container: "/aeon-ft"). "": the same path.'
        " Counts from the next deployment on.",
    )
    ollama_adapter: bool = Field(
        False,
        description="On Ollama before 0.34.1, serve a version as an adapter of the base's tag: megabytes in place of "
        "gigabytes, but each swap reloads the model. Counts for versions that are new to Ollama.",
    )
    merged_type: Literal["q8_0", "base"] = Field(
        "q8_0",
        description='Number format of merged layers. "base": the base\'s own, smaller and less exact; only where '
        '[base] model is a Hugging Face model, else "q8_0". Counts for versions that are new to Ollama.',
    )
    ollama_cap_gb: float = Field(
        60.0, gt=0, description="Our older models in Ollama are removed so that together they stay below this."
    )
    max_reply_tokens: int = Field(
        256, ge=16, le=8192, description="The embedded server ends a reply that does not end by itself here."
    )
    context_tokens: int = Field(2048, ge=256, le=131_072, description="Context of the embedded server, in tokens.")
    threads: int = Field(0, ge=0, le=256, description="CPU threads of the embedded server. 0: one per physical core.")
    keep_versions: int = Field(
        5, ge=2, description="Versions kept for going back; current, previous and base always stay."
    )

    @field_validator("prefer", mode="before")
    @classmethod
    def _of_an_earlier_release(cls, value: object) -> object:
        return OLD_VALUES["serve.prefer"].get(value, value) if isinstance(value, str) else value


class VoiceSection(Section):
    """Spoken commands and announcements."""

    enabled: bool = Field(True, description="false: no spoken commands.")
    announce: tuple[
        Literal["started", "finished", "swapped", "refused", "rolled_back", "attention", "corrected"], ...
    ] = Field(("finished", "swapped", "rolled_back", "attention", "corrected"), description="What is said aloud.")


class Settings(Section):
    """All of plugin.toml, validated and frozen."""

    plugin: PluginSection = Field(default_factory=PluginSection)
    log: LogSection = Field(default_factory=LogSection)
    dataset: DatasetSection = Field(default_factory=DatasetSection)
    privacy: PrivacySection = Field(default_factory=PrivacySection)
    memory: MemorySection = Field(default_factory=MemorySection)
    base: BaseSection = Field(default_factory=BaseSection)
    train: TrainSection = Field(default_factory=TrainSection)
    schedule: ScheduleSection = Field(default_factory=ScheduleSection)
    gate: GateSection = Field(default_factory=GateSection)
    serve: ServeSection = Field(default_factory=ServeSection)
    voice: VoiceSection = Field(default_factory=VoiceSection)


def sections() -> dict[str, type[Section]]:
    """Section name to its model, in the order of the file."""
    return {name: cast(type[Section], info.annotation) for name, info in Settings.model_fields.items()}


def all_keys() -> list[str]:
    """Every key as "section.key"."""
    return [f"{section}.{key}" for section, model in sections().items() for key in model.model_fields]
