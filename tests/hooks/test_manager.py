"""The plugin manager: listeners cannot hurt one another, and wrappers and tracing work as pluggy promises."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator
from typing import Any

import pluggy
import pytest

from hooks import HookCaller, Route, build_manager, hookimpl
from hooks.specs import HostHooks, TrainerHooks


class Polite:
    def __init__(self, reply: str | None) -> None:
        self.reply = reply
        self.heard: list[str] = []

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        self.heard.append(text)
        return self.reply


class Refusing:
    """A plain hook's listener; `reason` None lets the turn pass."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason
        self.asked = 0

    @hookimpl
    def ft_refuse_turn(self, turn: Any) -> str | None:
        self.asked += 1
        return self.reason


class Broken:
    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        raise RuntimeError("boom")

    @hookimpl
    def ft_refuse_turn(self, turn: Any) -> str | None:
        raise RuntimeError("boom")


def caller_of(*plugins: object) -> HookCaller:
    return HookCaller(build_manager(*plugins, entry_points=False))


def test_a_broken_listener_is_skipped_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    polite = Polite("pronto")
    caller = caller_of(polite, Broken())
    with caplog.at_level(logging.WARNING):
        assert caller.first("aeon_heard", text="oi") == "pronto"
        assert caller.first("aeon_heard", text="oi") == "pronto"
    assert len([r for r in caplog.records if "Broken" in r.getMessage() or "boom" in r.getMessage()]) == 1


def test_a_broken_listener_of_a_plain_hook_hides_no_other() -> None:
    caller = caller_of(Refusing("one"), Broken(), Refusing("two"))
    assert caller.all("ft_refuse_turn", turn=None) == ["two", "one"]


def test_a_keyboard_interrupt_is_the_owners() -> None:
    class Interrupted:
        @hookimpl
        def aeon_heard(self, text: str) -> str | None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caller_of(Interrupted()).first("aeon_heard", text="oi")


def test_first_stops_at_the_first_answer() -> None:
    early, late = Polite("late one wins"), Polite("me first")
    assert caller_of(early, late).first("aeon_heard", text="oi") == "me first"
    assert early.heard == []


def test_a_veto_that_crashes_is_a_refusal() -> None:
    assert "boom" in (caller_of(Broken(), Refusing(None)).veto("ft_refuse_turn", turn=None) or "")


def test_no_listener_means_none() -> None:
    caller = caller_of()
    assert caller.first("aeon_choose_model", request=None) is None
    assert caller.veto("ft_refuse_turn", turn=None) is None
    assert caller.all("aeon_turn_finished", turn=None) == []


def test_a_hook_is_called_as_its_specification_says() -> None:
    with pytest.raises(TypeError, match="aeon_heard"):
        caller_of().all("aeon_heard", text="oi")
    with pytest.raises(TypeError, match="ft_refuse_turn"):
        caller_of().first("ft_refuse_turn", turn=None)


def test_tryfirst_and_trylast_are_kept() -> None:
    class Early:
        @hookimpl(tryfirst=True)
        def ft_refuse_turn(self, turn: Any) -> str:
            return "early"

    class Late:
        @hookimpl(trylast=True)
        def ft_refuse_turn(self, turn: Any) -> str:
            return "late"

    caller = caller_of(Early(), Refusing("first"), Late(), Refusing("second"))
    assert caller.all("ft_refuse_turn", turn=None) == ["early", "second", "first", "late"]


def test_several_implementations_in_one_plugin_are_all_heard() -> None:
    class Twice:
        @hookimpl
        def ft_refuse_turn(self, turn: Any) -> str:
            return "one"

        @hookimpl(specname="ft_refuse_turn")
        def another(self, turn: Any) -> str:
            return "two"

    answers = caller_of(Twice(), Refusing("three")).all("ft_refuse_turn", turn=None)
    assert sorted(answers) == ["one", "three", "two"]


class NewStyle:
    """A wrapper of both kinds of hook, and what it was shown."""

    def __init__(self) -> None:
        self.saw: list[Any] = []

    @hookimpl(wrapper=True)
    def aeon_heard(self, text: str) -> Generator[None, Any, Any]:
        answer = yield
        self.saw.append(answer)
        return answer and f"<{answer}>"

    @hookimpl(wrapper=True)
    def ft_refuse_turn(self, turn: Any) -> Generator[None, Any, Any]:
        answers = yield
        self.saw.append(answers)
        return [*answers, "wrapped"]


class OldStyle(NewStyle):
    @hookimpl(hookwrapper=True)
    def aeon_heard(self, text: str) -> Generator[None, Any, None]:
        outcome = yield
        self.saw.append(outcome.get_result())
        outcome.force_result(f"<{outcome.get_result()}>")

    @hookimpl(hookwrapper=True)
    def ft_refuse_turn(self, turn: Any) -> Generator[None, Any, None]:
        outcome = yield
        self.saw.append(outcome.get_result())
        outcome.force_result([*outcome.get_result(), "wrapped"])


@pytest.mark.parametrize("style", [NewStyle, OldStyle])
def test_a_wrapper_of_a_firstresult_hook_runs_once_and_sees_the_one_answer(style: type[NewStyle]) -> None:
    wrapper = style()
    caller = caller_of(Polite("nobody asks me"), wrapper, Polite("sim"), Broken(), Polite(None))
    assert caller.first("aeon_heard", text="oi") == "<sim>"
    assert wrapper.saw == ["sim"]


@pytest.mark.parametrize("style", [NewStyle, OldStyle])
def test_a_wrapper_of_a_plain_hook_runs_once_and_sees_every_answer(style: type[NewStyle]) -> None:
    wrapper = style()
    caller = caller_of(wrapper, Refusing("one"), Broken(), Refusing(None), Refusing("two"))
    assert caller.all("ft_refuse_turn", turn=None) == ["two", "one", "wrapped"]
    assert wrapper.saw == [["two", "one"]]


def test_a_wrapper_sees_a_crashed_veto_as_a_refusal() -> None:
    wrapper = NewStyle()
    caller_of(wrapper, Broken()).veto("ft_refuse_turn", turn=None)
    ((refusal,),) = wrapper.saw
    assert "boom" in refusal


class BrokenBefore:
    @hookimpl(wrapper=True)
    def aeon_heard(self, text: str) -> Generator[None, Any, Any]:
        if text:
            raise RuntimeError("before the listeners")
        return (yield)

    @hookimpl(wrapper=True)
    def ft_refuse_turn(self, turn: Any) -> Generator[None, Any, Any]:
        if turn is None:
            raise RuntimeError("before the listeners")
        return (yield)


class BrokenAfter:
    @hookimpl(wrapper=True)
    def aeon_heard(self, text: str) -> Generator[None, Any, Any]:
        yield
        raise RuntimeError("after the listeners")

    @hookimpl(wrapper=True)
    def ft_refuse_turn(self, turn: Any) -> Generator[None, Any, Any]:
        yield
        raise RuntimeError("after the listeners")


class Forgetful:
    """A common slip: the wrapper does not return the answers."""

    @hookimpl(wrapper=True)
    def aeon_heard(self, text: str) -> Generator[None, Any, Any]:
        raise RuntimeError(text)
        yield

    @hookimpl(wrapper=True)
    def ft_refuse_turn(self, turn: Any) -> Generator[None, Any, Any]:
        yield


@pytest.mark.parametrize("wrapper", [BrokenBefore, BrokenAfter, Forgetful])
def test_a_failing_wrapper_costs_only_its_own_part(wrapper: type, caplog: pytest.LogCaptureFixture) -> None:
    polite, early, late = Polite("sim"), Refusing("one"), Refusing("two")
    caller = caller_of(early, polite, wrapper(), late)
    with caplog.at_level(logging.WARNING):
        assert caller.first("aeon_heard", text="oi") == "sim" and polite.heard == ["oi"]
        assert caller.all("ft_refuse_turn", turn=None) == ["two", "one"]
    assert (early.asked, late.asked) == (1, 1), "nobody is called twice"
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


@pytest.mark.filterwarnings("ignore::pluggy.PluggyTeardownRaisedWarning")
def test_an_old_wrapper_that_fails_at_its_end_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Old:
        @hookimpl(hookwrapper=True)
        def aeon_heard(self, text: str) -> Generator[None, Any, None]:
            yield
            raise RuntimeError("old")

    manager = build_manager(Polite("sim"), NewStyle(), entry_points=False)
    manager.register(Old(), name="the-old-one")
    with caplog.at_level(logging.WARNING):
        assert HookCaller(manager).first("aeon_heard", text="oi") == "sim"
    assert "plugin the-old-one failed in aeon_heard" in caplog.text


@pytest.mark.parametrize("wrapper", [BrokenBefore, BrokenAfter, Forgetful])
def test_a_veto_whose_wrapper_fails_is_a_refusal(wrapper: type) -> None:
    assert caller_of(wrapper(), Refusing(None)).veto("ft_refuse_turn", turn=None) is not None


def test_a_wrapper_beside_a_listener_in_one_plugin_wraps_that_listener() -> None:
    class Both:
        @hookimpl
        def aeon_heard(self, text: str) -> str:
            return "mine"

        @hookimpl(specname="aeon_heard", wrapper=True)
        def around(self, text: str) -> Generator[None, Any, Any]:
            return f"<{(yield)}>"

    assert caller_of(Both()).first("aeon_heard", text="oi") == "<mine>"


def test_monitoring_sees_the_wrappers_and_each_plugin_of_its_own() -> None:
    manager = build_manager(Polite(None), NewStyle(), Broken(), entry_points=False)
    calls: list[tuple[str, list[str]]] = []
    outcomes: list[bool] = []
    undo = manager.add_hookcall_monitoring(
        lambda name, listeners, kwargs: calls.append((name, [type(one.plugin).__name__ for one in listeners])),
        lambda outcome, *_: outcomes.append(outcome.exception is None),
    )
    HookCaller(manager).first("aeon_heard", text="oi")
    undo()
    assert [name for name, _ in calls] == ["aeon_heard"] * 3
    assert "NewStyle" in calls[0][1] and calls[1:] == [("aeon_heard", ["Broken"]), ("aeon_heard", ["Polite"])]
    assert outcomes == [False, True, True], "the inner calls end first: Broken's, Polite's, then the whole"


class Started:
    def __init__(self) -> None:
        self.hosts: list[Any] = []

    @hookimpl
    def aeon_started(self, host: Any) -> None:
        self.hosts.append(host)


def test_a_historic_call_reaches_everyone_once_and_later_plugins_too(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        @hookimpl
        def aeon_started(self, host: Any) -> None:
            raise RuntimeError("boom")

    first, second, later = Started(), Started(), Started()
    caller = caller_of(first, Failing(), second)
    seen: list[str] = []
    caller.manager.add_hookcall_monitoring(lambda name, *_: seen.append(name), lambda *_: None)
    with caplog.at_level(logging.WARNING):
        caller.historic("aeon_started", host="the host")
    assert seen == ["aeon_started"]
    caller.manager.register(later)
    assert first.hosts == second.hosts == later.hosts == ["the host"]
    assert "failed in aeon_started" in caplog.text


def test_an_implementation_of_an_unknown_hook_is_found_at_once() -> None:
    class Wrong:
        @hookimpl
        def aeon_no_such_hook(self) -> None: ...

    with pytest.raises(pluggy.PluginValidationError):
        build_manager(Wrong(), entry_points=False)


def test_a_token_never_shows_in_a_repr() -> None:
    assert "segredo" not in repr(Route(provider="embedded", model="m", token="segredo"))


SPECIFICATIONS = [
    function for specs in (HostHooks, TrainerHooks) for name, function in vars(specs).items() if name[0] != "_"
]


@pytest.mark.parametrize("function", SPECIFICATIONS, ids=lambda function: function.__name__)
def test_each_specification_says_when_where_and_what_a_failure_costs(function: Callable[..., object]) -> None:
    text = inspect.getdoc(function) or ""
    assert text.startswith("Called ") and "thread" in text and "raises" in text
    returns_nothing = inspect.signature(function).return_annotation == "None"
    assert ("is returned is ignored" if returns_nothing else " None") in text
