"""The spoken reason for an error of the tree."""

from __future__ import annotations

from aeon_plugin_ft.errors import (
    AeonFtError,
    BackendDownError,
    BaseModelError,
    DatasetError,
    FactError,
    LeaseHeldError,
    NoSpaceError,
    NoTrainerError,
    RefusedError,
    RegistryError,
    SecretFactError,
    ServingError,
    SettingsError,
    StoreError,
)
from aeon_plugin_ft.voice.control import Reason

_REASONS: tuple[tuple[type[AeonFtError], Reason], ...] = (
    (LeaseHeldError, Reason.ALREADY_TRAINING),
    (NoTrainerError, Reason.NO_TRAINER),
    (RefusedError, Reason.REFUSED),
    (NoSpaceError, Reason.NO_DISK),
    (DatasetError, Reason.NO_DATA),
    (BaseModelError, Reason.BASE_MISSING),
    (BackendDownError, Reason.BACKEND_DOWN),
    (ServingError, Reason.BACKEND_DOWN),
    (RegistryError, Reason.NO_SUCH_VERSION),
    (SettingsError, Reason.BAD_VALUE),
    (SecretFactError, Reason.SECRET),
    (FactError, Reason.NO_FACT),
    (StoreError, Reason.NO_DATABASE),
)


def reason_of(error: Exception) -> Reason:
    """The spoken reason for an error of the tree, for a Control that catches one."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.FAILED)
