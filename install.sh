#!/bin/sh
# Instala o plugin no seu Aeon:  sh install.sh [--aeon PASTA] [--dry-run]   (sh install.sh --help mostra o resto)
# Finds a Python and hands over to aeon_plugin_ft.install.bootstrap, out of this folder or out of the wheel of --source.
set -eu

fail() {
    printf '%s\n' "$1" >&2
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
[ -n "$python" ] || fail "Não encontrei o Python 3.10 ou mais novo: instale um (por exemplo com o gerenciador de pacotes do seu sistema, ou de python.org) e rode este instalador de novo."

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
    [ -d "$here/aeon_plugin_ft" ] || fail "O plugin não está ao lado deste instalador: diga onde ele está com --source (a pasta, um arquivo .whl ou um endereço)."
    source=$here
    set -- "$@" --source "$here"
    ;;
*://*)
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "O $python deste computador não tem o pip: baixe o plugin de $source com o navegador, e diga com --source onde ele ficou."
    scratch=$(mktemp -d)
    "$python" -m pip download --quiet --no-deps --dest "$scratch" "$source" >/dev/null 2>&1 ||
        fail "Não deu para baixar o plugin de $source: veja a conexão e o endereço, e rode este instalador de novo."
    source=$(find "$scratch" -name '*.whl' | head -n 1)
    [ -n "$source" ] || fail "Em $source não há um arquivo .whl: dê outro endereço com --source."
    set -- "$@" --source "$source"
    ;;
*)
    [ -d "$source/aeon_plugin_ft" ] || [ -f "$source" ] ||
        fail "O plugin não está em $source: diga onde ele está com --source (a pasta, um arquivo .whl ou um endereço)."
    ;;
esac

# By its path and not by PYTHONPATH, in which a colon would end it; and not out of the folder in which this is started.
"$python" -c 'import sys
sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]
import runpy
runpy.run_module("aeon_plugin_ft.install.bootstrap", run_name="__main__", alter_sys=True)' "$source" "$@"
