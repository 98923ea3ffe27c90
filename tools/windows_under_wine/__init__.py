"""A Windows on Linux to run the tests in: CPython for Windows, with the Windows wheels of all dependencies, under Wine.

    python dev.py test --windows [--quick] [PYTEST ARGUMENTS]
    python -m tools.windows_under_wine run -c "import sys; print(sys.getwindowsversion())"

It is made once in .cache/windows, in steps that a second call does not repeat, from Debian's packages and PyPI as apt
and pip are set up here. The repository itself is C:\\aeon-ft, so that what runs is always the tree as it is.

What Wine shows as Windows does: sharing violations of open and mapped files, refusals of folders, case, chmod, the
code page of redirected streams, pipes, the end of a job object's processes. What it does not: a rename of a folder
with open files is allowed, making a link needs no privilege, and there is no virus scanner, console window or sleep.
"""
