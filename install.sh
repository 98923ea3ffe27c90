#!/bin/sh
# Instala o plugin no seu Aeon:  sh install.sh [--aeon PASTA] [--dry-run]   (sh install.sh --help mostra o resto)
# Finds a Python and hands over to aeon_plugin_ft.install.bootstrap, out of this folder or out of the wheel of --source.
set -eu

# What is said here, in the language of the system as aeon_plugin_ft/messages finds it.
case ${AEON_FT_LANGUAGE:-${LANGUAGE:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}} in
[Pp][Tt]*)
    no_python='Não encontrei o Python 3.10 ou mais novo: instale um (por exemplo com o gerenciador de pacotes do seu sistema, ou de python.org) e rode este instalador de novo.'
    no_plugin_beside='O plugin não está ao lado deste instalador: diga onde ele está com --source (a pasta, um arquivo .whl ou um endereço).'
    no_plugin='O plugin não está em %s: diga onde ele está com --source (a pasta, um arquivo .whl ou um endereço).'
    no_pip='O %s deste computador não tem o pip: baixe o plugin de %s com o navegador, e diga com --source onde ele ficou.'
    no_download='Não deu para baixar o plugin de %s: veja a conexão e o endereço, e rode este instalador de novo.'
    no_wheel='Em %s não há um arquivo .whl: dê outro endereço com --source.'
    ;;
*)
    no_python='There is no Python 3.10 or newer: install one (for example with the package manager of your system, or from python.org) and run this installer again.'
    no_plugin_beside='The plugin does not lie beside this installer: say where it is with --source (the folder, a .whl file or an address).'
    no_plugin='The plugin is not at %s: say where it is with --source (the folder, a .whl file or an address).'
    no_pip='The %s of this computer has no pip: download the plugin from %s with the browser, and say with --source where it is.'
    no_download='The plugin could not be downloaded from %s: look at the connection and the address, and run this installer again.'
    no_wheel='There is no .whl file at %s: give another address with --source.'
    ;;
esac

fail() {
    sentence=$1
    shift
    # The first is one of the texts above, with a place for each of the others.
    # shellcheck disable=SC2059
    printf "$sentence\n" "$@" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

python=
for name in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    if command -v "$name" >/dev/null && new_enough "$name"; then
        python=$name
        break
    fi
done
[ -n "$python" ] || fail "$no_python"

source=
previous=
for argument in "$@"; do
    [ "$previous" != --source ] || source=$argument
    case $argument in --source=*) source=${argument#--source=} ;; esac
    previous=$argument
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
scratch=
trap '[ -z "$scratch" ] || rm -rf -- "$scratch"' EXIT
# Without these a signal ends some shells without the trap above.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
case $source in
"")
    [ -d "$here/aeon_plugin_ft" ] || fail "$no_plugin_beside"
    source=$here
    set -- "$@" --source "$here"
    ;;
*://*)
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "$no_pip" "$python" "$source"
    scratch=$(mktemp -d)
    "$python" -m pip download --quiet --no-deps --dest "$scratch" "$source" >/dev/null 2>&1 ||
        fail "$no_download" "$source"
    source=$(find "$scratch" -name '*.whl' | head -n 1)
    [ -n "$source" ] || fail "$no_wheel" "$source"
    set -- "$@" --source "$source"
    ;;
*)
    [ -d "$source/aeon_plugin_ft" ] || [ -f "$source" ] ||
        fail "$no_plugin" "$source"
    ;;
esac

# By its path and not by PYTHONPATH, in which a colon would end it; and not out of the folder in which this is started.
"$python" -c 'import sys
sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]
import runpy
runpy.run_module("aeon_plugin_ft.install.bootstrap", run_name="__main__", alter_sys=True)' "$source" "$@"
