"""Facts in Brazilian Portuguese: statements of them, and questions about them.

phrases.py     a fact as a sentence or a question; what other stages call
topics.py      which shape a claim has, and the genders that the facts tell
templates.py   the language of data/questions.toml
persons.py     "I" turned to "tu", "você" or "o dono"; verbs
nouns.py       gender, number, articles, contractions
values.py      a value behind its preposition
data/          questions.toml (the wordings), words.toml (nouns, verbs, places), never.toml (what was never told)
"""

from aeon_plugin_ft.facts.wording.persons import Person, Speech
from aeon_plugin_ft.facts.wording.phrases import Use, exam_questions, lesson_questions, sentence, spoken
from aeon_plugin_ft.facts.wording.topics import Topic, genders, topic

__all__ = [
    "Person", "Speech", "Topic", "Use", "exam_questions", "genders", "lesson_questions", "sentence", "spoken", "topic",
]  # fmt: skip
